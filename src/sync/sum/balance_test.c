/* Shares of shards from paces: against all shares tried one by one, and from step to step. */
#include "sync/sum/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "coll/tree.h"

enum { HOSTS = 4, WORKERS = 3 };

/* A cluster of random paces. */
typedef struct paces {
  ddla_balance_paces paces;
  int64_t shard_ns[HOSTS * WORKERS];
} paces;

static void draw(paces *out, ddla_rng *rng, int hosts) {
  *out = (paces){.paces = {.hosts = hosts}};
  for (int h = 0; h < hosts; h++) {
    const int count = 1 + (int)ddla_rng_below(rng, WORKERS);
    out->paces.first[h + 1] = out->paces.first[h] + count;
  }
  for (int w = 0; w < out->paces.first[hosts]; w++)
    out->shard_ns[w] = 100 + (int64_t)ddla_rng_below(rng, 900);
  out->paces.shard_ns = out->shard_ns;
}

static int parts_of(const int *first, int hosts, int shards) {
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  int count = 0;
  for (int h = 0; h < hosts; h++)
    count += ddla_tree_cut(part, DDLA_TREE_OPERANDS_MAX, shards,
                           (ddla_tree_part){first[h], first[h + 1] - first[h]});
  return count;
}

/* The least time of all shares, and the fewest parts of those that take up to a limit. */
typedef struct trial {
  const ddla_balance_paces *paces;
  int shards, first[HOSTS + 2], parts; /* one more than the compiler can rule out */
  int64_t least_ns, limit_ns;
} trial;

static void try_all(trial *t, int host) {
  const int hosts = t->paces->hosts;
  if (host == hosts) {
    const int64_t time_ns = ddla_balance_time_all(t->paces, t->first);
    const int parts = parts_of(t->first, hosts, t->shards);
    if (time_ns < t->least_ns) t->least_ns = time_ns;
    if (time_ns <= t->limit_ns && parts < t->parts) t->parts = parts;
    return;
  }
  for (int end = t->first[host] + 1; end <= t->shards - (hosts - host - 1); end++) {
    if (host == hosts - 1) end = t->shards;
    t->first[host + 1] = end;
    try_all(t, host + 1);
  }
}

static void the_best_shares_are_found(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 41, 0));
    const int hosts = 1 + (int)ddla_rng_below(&rng, HOSTS);
    const int shards = hosts + (int)ddla_rng_below(&rng, 15);
    paces p;
    ddla_balance *balance = NULL;
    ddla_balance_shares best;
    draw(&p, &rng, hosts);
    assert_int_equal(ddla_balance_create(&balance, hosts, shards), DDLA_OK);
    assert_true(ddla_balance_best(&best, balance, &p.paces));
    trial t = {.paces = &p.paces, .shards = shards, .least_ns = INT64_MAX, .parts = 1000};
    try_all(&t, 0);
    t.limit_ns = t.least_ns + t.least_ns * DDLA_BALANCE_SLACK / 100;
    try_all(&t, 0);
    assert_int_equal(best.first[0], 0);
    assert_int_equal(best.first[hosts], shards);
    for (int h = 0; h < hosts; h++) assert_true(best.first[h] < best.first[h + 1]);
    assert_true(ddla_balance_time_all(&p.paces, best.first) <= t.limit_ns);
    assert_int_equal(parts_of(best.first, hosts, shards), t.parts);
    ddla_balance_destroy(balance);
  }
}

/* A host gives each shard to the worker that is through with it first. */
static void a_hosts_time_is_that_of_its_last_shard(void **state) {
  (void)state;
  const int64_t shard_ns[] = {10, 10, 40};
  const ddla_balance_paces p = {.hosts = 1, .first = {0, 3}, .shard_ns = shard_ns};
  static const int64_t expected[] = {0, 10, 10, 20, 20, 30, 30, 40, 40, 40, 50};
  for (int shards = 0; shards <= 10; shards++)
    assert_int_equal(ddla_balance_time(&p, 0, shards), expected[shards]);
}

static void a_slow_host_gets_what_it_can_do(void **state) {
  (void)state;
  const int64_t shard_ns[] = {100, 100, 100, 400};
  const ddla_balance_paces p = {.hosts = 4, .first = {0, 1, 2, 3, 4}, .shard_ns = shard_ns};
  ddla_balance *balance = NULL;
  ddla_balance_shares best;
  assert_int_equal(ddla_balance_create(&balance, 4, 16), DDLA_OK);
  assert_true(ddla_balance_best(&best, balance, &p));
  assert_int_equal(ddla_balance_time_all(&p, best.first), 500);
  assert_int_equal(best.first[3], 15);
  ddla_balance_destroy(balance);
}

/* Many shards are dealt out by units; nobody is left without. */
static void many_shards_and_far_slower_hosts(void **state) {
  (void)state;
  const int64_t shard_ns[] = {1, 100000, 7, 1000};
  const ddla_balance_paces p = {.hosts = 4, .first = {0, 1, 2, 3, 4}, .shard_ns = shard_ns};
  ddla_balance *balance = NULL;
  ddla_balance_shares best;
  assert_int_equal(ddla_balance_create(&balance, 4, 65536), DDLA_OK);
  assert_true(ddla_balance_best(&best, balance, &p));
  for (int h = 0; h < 4; h++) assert_true(best.first[h] < best.first[h + 1]);
  assert_true(best.first[1] > 32768);
  ddla_balance_destroy(balance);
}

static void pieces_follow_speed(void **state) {
  (void)state;
  int64_t first[5];
  ddla_balance_pieces(first, 130, (const int64_t[]){100, 100, 100, 400}, 4);
  assert_memory_equal(first, ((const int64_t[]){0, 40, 80, 120, 130}), sizeof first);
  ddla_balance_pieces(first, 8, (const int64_t[]){100, 0, 100, 400}, 4);
  assert_memory_equal(first, ((const int64_t[]){0, 2, 4, 6, 8}), sizeof first);
  ddla_balance_pieces(first, 1, (const int64_t[]){7, 1000000000, 7, 7}, 4);
  for (int w = 0; w < 4; w++) assert_true(first[w] <= first[w + 1]);
  assert_int_equal(first[0], 0);
  assert_int_equal(first[4], 1);
}

static void pieces_have_a_limit(void **state) {
  (void)state;
  enum { PIECES = 5 };
  int64_t first[PIECES + 1], ns[PIECES];
  ddla_balance_pieces(first, 100, (const int64_t[]){1, 100, 100, 100, 100}, PIECES);
  assert_int_equal(first[1], 96);
  ddla_balance_limit(first, 40, PIECES);
  assert_memory_equal(first, ((const int64_t[]){0, 40, 80, 98, 99, 100}), sizeof first);
  ddla_rng rng = ddla_rng_make(ddla_rng_key(1, DDLA_PURPOSE_TEST, 42, 0));
  for (int turn = 0; turn < 2000; turn++) {
    const int64_t items = (int64_t)ddla_rng_below(&rng, 40);
    const int64_t most = (items + PIECES - 1) / PIECES + (int64_t)ddla_rng_below(&rng, 9);
    for (int w = 0; w < PIECES; w++) ns[w] = 1 + (int64_t)ddla_rng_below(&rng, 1000);
    ddla_balance_pieces(first, items, ns, PIECES);
    ddla_balance_limit(first, most, PIECES);
    assert_int_equal(first[0], 0);
    assert_int_equal(first[PIECES], items);
    for (int w = 0; w < PIECES; w++)
      assert_true(first[w] <= first[w + 1] && first[w + 1] - first[w] <= most);
  }
}

enum { SHARDS = 16, STEPS = 40 };

/* Records of a step in which host h's one worker takes shard_ns[h] for a shard, give or take
 * `noise` percent. */
static void record_step(ddla_sync_record *record, const ddla_balance_shares *shares,
                        const int64_t *shard_ns, ddla_rng *rng, int noise) {
  memset(record, 0, SHARDS * sizeof *record);
  for (int h = 0; h < HOSTS; h++)
    for (int s = shares->first[h]; s < shares->first[h + 1]; s++) {
      const int64_t off = (int64_t)ddla_rng_below(rng, (uint64_t)(2 * noise + 1)) - noise;
      record[s].worker = h;
      record[s].shard_ns = shard_ns[h] + shard_ns[h] * off / 100;
    }
}

/* How often shares change in so many steps; the last ones in *shares. */
static int count_changes(ddla_balance_shares *shares, const int64_t *shard_ns, int noise,
                         uint64_t seed) {
  static const int workers[HOSTS] = {1, 1, 1, 1};
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 42, 0));
  ddla_sync_record record[SHARDS];
  ddla_balance *balance = NULL;
  int changes = 0;
  assert_int_equal(ddla_balance_create(&balance, HOSTS, SHARDS), DDLA_OK);
  for (int step = 0; step < STEPS; step++) {
    ddla_balance_shares next;
    record_step(record, shares, shard_ns, &rng, noise);
    ddla_balance_next(&next, balance, shares, workers, record);
    changes += next.steps == 0;
    if (next.steps == 0) assert_true(shares->steps + 1 >= DDLA_BALANCE_PERIOD);
    *shares = next;
  }
  ddla_balance_destroy(balance);
  return changes;
}

static void shares_change_when_it_pays_and_then_rest(void **state) {
  (void)state;
  const ddla_cluster cluster = {.hosts = HOSTS, .first = {0, 1, 2, 3, 4}};
  static const int64_t equal[HOSTS] = {1000, 1000, 1000, 1000},
                       slow[HOSTS] = {1000, 1000, 1000, 4000};
  for (uint64_t seed = 1; seed <= 20; seed++) {
    ddla_balance_shares shares;
    ddla_balance_even(&shares, &cluster, SHARDS);
    assert_int_equal(count_changes(&shares, equal, 4, seed), 0);
    assert_int_equal(shares.first[1], 4);
    assert_true(count_changes(&shares, slow, 0, seed) == 1);
    assert_int_equal(shares.first[3], 15);
    assert_true(count_changes(&shares, equal, 0, seed) == 1); /* and back */
    assert_int_equal(
        ddla_balance_time_all(
            &(ddla_balance_paces){.hosts = HOSTS, .first = {0, 1, 2, 3, 4}, .shard_ns = equal},
            shares.first),
        4000);
  }
}

/* A host of which nothing is known: nothing changes. */
static void what_is_not_known_changes_nothing(void **state) {
  (void)state;
  const ddla_cluster cluster = {.hosts = HOSTS, .first = {0, 1, 2, 3, 4}};
  ddla_balance_shares shares;
  ddla_balance_even(&shares, &cluster, SHARDS);
  assert_int_equal(count_changes(&shares, (const int64_t[]){1000, 0, 1000, 9000}, 0, 1), 0);
}

/* Workers of a host that has fewer shards than workers are taken to be as fast as the others. */
static void idle_workers_count(void **state) {
  (void)state;
  static const int workers[2] = {4, 1};
  ddla_sync_record record[6] = {{0}};
  ddla_balance *balance = NULL;
  const ddla_balance_shares now = {.first = {0, 2, 6}, .steps = DDLA_BALANCE_PERIOD};
  ddla_balance_shares next;
  for (int s = 0; s < 6; s++)
    record[s] = (ddla_sync_record){.shard_ns = 100, .worker = s < 2 ? s : 4};
  assert_int_equal(ddla_balance_create(&balance, 2, 6), DDLA_OK);
  ddla_balance_next(&next, balance, &now, workers, record);
  assert_int_equal(next.first[1], 4);
  ddla_balance_destroy(balance);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_best_shares_are_found),
                                     cmocka_unit_test(a_hosts_time_is_that_of_its_last_shard),
                                     cmocka_unit_test(a_slow_host_gets_what_it_can_do),
                                     cmocka_unit_test(many_shards_and_far_slower_hosts),
                                     cmocka_unit_test(pieces_follow_speed),
                                     cmocka_unit_test(pieces_have_a_limit),
                                     cmocka_unit_test(shares_change_when_it_pays_and_then_rest),
                                     cmocka_unit_test(what_is_not_known_changes_nothing),
                                     cmocka_unit_test(idle_workers_count)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
