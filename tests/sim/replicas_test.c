/* Replicas on the simulator that exchange messages, from random seeds, with crashes at random
 * points: every replica ends each step with the bits of the plain training of all, and after a
 * crash every survivor ends with a named failure. sim_replicas [--seeds N] [--first SEED] */
#include "seeds.h"

#include "base/rng.h"
#include "sync/replica/test_replica_equals.h"
#include "transport/sim.h"

static seeds given;

enum { CASES = 9, REPLICAS = 5 };

/* Batches that leave shards, and replicas, without samples are among them. */
static const group_case cases[CASES] = {
    {.method = "average",
     .rule = {.interval = 3, .after = 1},
     .shards = 2,
     .steps = 5,
     .direct = true,
     .optimizer = "sgd",
     .samples = {64, 5, 33, 1, 0, 7, 2, 9}},
    {.method = "diloco",
     .rule = {.interval = 2, .outer_learning_rate = 0.7, .outer_momentum = 0.9},
     .shards = 3,
     .steps = 5,
     .optimizer = "adamw",
     .clip_norm = 2,
     .samples = {48, 3, 48, 1, 5, 0, 12, 3}},
    {.method = "elastic",
     .codec = "topk",
     .rule = {.interval = 2, .moving_rate = 0.9},
     .shards = 1,
     .steps = 4,
     .direct = true,
     .optimizer = "adamw",
     .samples = {44, 7, 11, 2, 4, 8, 16, 3}},
    {.method = "admm",
     .rule = {.interval = 2, .penalty = 0.5, .penalty_ratio = 2},
     .shards = 2,
     .steps = 4,
     .optimizer = "sgd",
     .samples = {16, 16, 2, 8, 8, 8, 1, 4}},
    {.method = "streaming",
     .rule = {.interval = 4, .fragments = 2, .delay = 1, .mixing = 0.5, .outer_learning_rate = 0.7},
     .shards = 3,
     .steps = 6,
     .optimizer = "sgd",
     .samples = {7, 70, 2, 3, 3, 3, 3, 3}},
    {.method = "average",
     .heterogeneity = "scaffold",
     .rule = {.interval = 2},
     .shards = 2,
     .steps = 5,
     .direct = true,
     .optimizer = "sgd",
     .samples = {64, 5, 33, 1, 0, 7, 2, 9}},
    {.method = "diloco",
     .heterogeneity = "scaffold",
     .rule = {.interval = 3, .after = 1, .outer_learning_rate = 0.7, .outer_momentum = 0.9},
     .shards = 2,
     .steps = 6,
     .optimizer = "adamw",
     .clip_norm = 2,
     .samples = {48, 3, 48, 1, 5, 0, 12, 3}},
    {.method = "streaming",
     .heterogeneity = "weighted",
     .weights = {0.25, 2, 0.75, 1, 1},
     .rule = {.interval = 4,
              .fragments = 2,
              .delay = 1,
              .mixing = 0.5,
              .carry = 0.5,
              .outer_learning_rate = 0.7},
     .shards = 1,
     .steps = 5,
     .optimizer = "sgd",
     .samples = {9, 30, 2, 8, 3, 16, 3, 3}},
    {.method = "average",
     .heterogeneity = "fedprox",
     .rule = {.interval = 2, .proximal = 0.5},
     .shards = 2,
     .steps = 4,
     .optimizer = "sgd",
     .samples = {16, 16, 2, 8, 8, 8, 1, 4}}};

static replica_models *expected[CASES][REPLICAS + 1]; /* [steps + 1] by case and replicas */

/* One seed's run. */
typedef struct story {
  uint64_t seed;
  group_case c;
  const replica_models *models;
  ddla_failure failure[DDLA_TRANSPORT_RANKS_MAX];
  bool followed; /* a survivor had exchanged when a replica crashed */
} story;

static ddla_status work(story *s, group_agent *a, uint64_t *seen) {
  int bad_shard = 0;
  while (*seen < (uint64_t)s->c.steps) {
    ddla_sync_result result = {0};
    DDLA_TRY(group_step(&result, &bad_shard, a, 0));
    *seen = result.step;
    if (!group_results_equal(&result, &s->models[*seen].replica[a->cluster.host].result))
      return DDLA_FAIL(INTERNAL, "step %d has another result", (int)*seen);
    if (!replica_equals(a, *seen, &s->models[*seen]))
      return DDLA_FAIL(INTERNAL, "step %d has another state", (int)*seen);
  }
  DDLA_TRY(ddla_sync_settle(a->sync, 0));
  return ddla_sync_settled(a->sync, 0) ? DDLA_OK : DDLA_FAIL(INTERNAL, "the end is not settled");
}

/* What the last replica alone has comes to the first one. */
static ddla_status bring(group_agent *a) {
  const int last = a->cluster.hosts - 1;
  double *number = ddla_state_array(a->state, a->block_norms, 0, 0);
  *number = 2.5 * (a->cluster.host + 1);
  DDLA_TRY(ddla_sync_bring(a->sync, 0, number, sizeof *number, last));
  const double wanted = a->cluster.host == 0 ? 2.5 * (last + 1) : 2.5 * (a->cluster.host + 1);
  return *number == wanted ? DDLA_OK : DDLA_FAIL(INTERNAL, "brought %g", *number);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  group_agent a = {0};
  ddla_transport *local = NULL;
  const int host = ddla_transport_rank(link);
  const group_case own = replica_case(&s->c, host);
  uint64_t seen = 0;
  DDLA_TRY(ddla_transport_open(&local, "self", NULL));
  ddla_status status = group_open_on(&a, &own, local, link);
  if (status == DDLA_OK) status = work(s, &a, &seen);
  if (status == DDLA_OK) status = bring(&a);
  if (status == DDLA_PEER_LOST) s->followed |= (int64_t)seen >= s->c.rule.interval;
  if (status != DDLA_OK) ddla_status_take(&s->failure[host], status);
  group_close(&a);
  ddla_transport_close(local);
  return status;
}

static bool run_seed(uint64_t seed, tally *t) {
  ddla_sim_result result = {0};
  story *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->seed = seed;
  s->c = cases[seed % CASES];
  s->c.lanes = 1;
  s->c.agents = 2 + (int)(seed / CASES % (REPLICAS - 1));
  s->models = expected[seed % CASES][s->c.agents];
  const ddla_sim_options options = seeds_draw_crash(s->seed, s->c.agents, 37);
  ddla_status status = ddla_sim_run(&options, &result, rank_main, s);
  bool well =
      status == DDLA_OK && seeds_well_ended(&result, s->seed, s->c.agents, "replica", s->failure);
  const bool crashed = seeds_crashed(&result, s->c.agents);
  if (status != DDLA_OK)
    print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  t->crashes += crashed;
  t->later += crashed && s->followed;
  t->switches += (int)result.switches;
  free(s);
  return well;
}

static void every_replica_has_the_bits_of_plain_training(void **state) {
  (void)state;
  const tally t = seeds_run_all(&given, run_seed);
  if (given.count < 100) return;
  assert_true(t.crashes > (int)given.count / 10); /* else the faults test nothing */
  assert_true(t.later > (int)given.count / 100);
}

static void seeds_replay(void **state) {
  (void)state;
  seeds_replay_some(run_seed);
}

static int make_expected(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++)
    for (int replicas = 2; replicas <= REPLICAS; replicas++) {
      group_case c = cases[i];
      c.agents = replicas;
      expected[i][replicas] = calloc((size_t)c.steps + 1, sizeof *expected[i][replicas]);
      if (!expected[i][replicas] || replica_train(expected[i][replicas], &c) != DDLA_OK) return -1;
    }
  return 0;
}

static int free_expected(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++)
    for (int replicas = 2; replicas <= REPLICAS; replicas++) free(expected[i][replicas]);
  return 0;
}

int main(int argc, char **argv) {
  given = seeds_read(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_replica_has_the_bits_of_plain_training),
                                     cmocka_unit_test(seeds_replay)};
  return cmocka_run_group_tests(tests, make_expected, free_expected);
}
