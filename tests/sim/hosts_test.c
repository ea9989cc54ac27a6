/* The synchronous strategy on simulated hosts that exchange messages, from random seeds, with
 * crashes at random points: every host ends each step with the bits of plain training, and after a
 * crash every survivor ends with a named failure and a whole version. sim_hosts [--seeds N]
 * [--first SEED] */
#include "seeds.h"

#include <stdio.h>

#include "base/rng.h"
#include "coll/pass.h"
#include "transport/sim.h"

static seeds given;

enum { CASES = 11 };

/* Batches that leave shards, and hosts, without samples are among them. */
static const group_case cases[CASES] = {
    {.shards = 8, .steps = 4, .direct = true, .optimizer = "sgd", .samples = {64, 5, 33, 1}},
    {.shards = 6, .steps = 4, .optimizer = "adamw", .clip_norm = 2, .samples = {48, 3, 48, 1}},
    {.shards = 11,
     .steps = 3,
     .direct = true,
     .optimizer = "adamw",
     .average_first = 2,
     .samples = {44, 7, 11}},
    {.shards = 8, .steps = 3, .optimizer = "lamb", .samples = {16, 16, 2}},
    {.shards = 7, .steps = 3, .optimizer = "adafactor", .samples = {7, 70, 2}},
    {.shards = 8,
     .steps = 4,
     .direct = true,
     .optimizer = "adamw",
     .sparse = true,
     .samples = {64, 5, 1, 40}},
    {.shards = 11,
     .steps = 4,
     .optimizer = "sgd",
     .sparse = true,
     .clip_norm = 2,
     .samples = {33, 3, 44, 11}},
    {.shards = 8, .steps = 3, .optimizer = "lamb", .clip_norm = 3, .samples = {40, 9, 2}},
    {.shards = 6,
     .steps = 3,
     .optimizer = "rmsprop",
     .check_every = 2,
     .average_first = 1,
     .samples = {12, 2, 31}},
    /* Long enough for shares that change. */
    {.shards = 16,
     .steps = 8,
     .direct = true,
     .dynamic = true,
     .optimizer = "adamw",
     .samples = {32, 48, 33, 64, 16, 5, 80, 31}},
    {.shards = 13,
     .steps = 8,
     .dynamic = true,
     .optimizer = "sgd",
     .clip_norm = 2,
     .samples = {26, 40, 13, 64, 3, 70, 13, 31}}};

static group_model *expected[CASES]; /* [steps + 1] by case */

/* One seed's run. */
typedef struct story {
  uint64_t seed;
  group_case c;
  const group_model *models;
  ddla_failure failure[DDLA_TRANSPORT_RANKS_MAX];
  bool followed; /* a survivor had made a step when a host crashed */
  bool moved;    /* a host had other shards than at the beginning */
} story;

/* What each host alone has comes to the first one, and nowhere else. */
static ddla_status bring(const group_agent *a) {
  double own[600];
  for (int from = 0; from < a->cluster.hosts; from++) {
    for (int i = 0; i < 600; i++) own[i] = a->cluster.host + i;
    DDLA_TRY(ddla_sync_bring(a->sync, 0, own, sizeof own, from));
    const int here = a->cluster.host == 0 ? from : a->cluster.host;
    for (int i = 0; i < 600; i++)
      if (own[i] != here + i)
        return DDLA_FAIL(INTERNAL, "number %d brought from host %d is %g", i, from, own[i]);
  }
  return DDLA_OK;
}

/* Each host's own part goes out from the first one, before there is a strategy. */
static ddla_status hand_out(ddla_transport *link) {
  const int here = ddla_transport_rank(link);
  double part[300];
  for (int to = 0; to < ddla_transport_ranks(link); to++) {
    for (int i = 0; i < 300; i++) part[i] = here > 0 ? -1 : to + i;
    DDLA_TRY(ddla_coll_pass(link, 0, to, part, sizeof part));
    for (int i = 0; i < 300; i++)
      if (part[i] != (here == 0 || here == to ? to + i : -1))
        return DDLA_FAIL(INTERNAL, "number %d handed to host %d is %g", i, to, part[i]);
  }
  return DDLA_OK;
}

/* All of a moment, of which each host has its ranges, comes to the first one: into a copy, so that
 * the state stays a version of its own. */
static ddla_status bring_moment(const group_agent *a, float *moment, const float *wanted) {
  static float copy[GROUP_SPACE]; /* of the first host; ranks take turns */
  ddla_bridge_layout layout;
  const ddla_sync_split split = group_split(a->c, &a->cluster);
  DDLA_TRY(ddla_bridge_layout_of(&layout, &split, ddla_state_dense(a->state), a->c->range_bytes));
  if (a->cluster.host == 0) memcpy(copy, moment, sizeof copy);
  for (int r = 0; r < layout.ranges; r++) {
    int64_t begin = 0, count = 0;
    ddla_bridge_range(&layout, r, &begin, &count);
    DDLA_TRY(ddla_sync_bring(a->sync, 0, (a->cluster.host == 0 ? copy : moment) + begin,
                             (size_t)count * sizeof(float), ddla_bridge_owner(&layout, r)));
  }
  if (a->cluster.host > 0 || memcmp(copy, wanted, sizeof copy) == 0) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "what hosts have of a moment is another");
}

static ddla_status bring_moments(const group_agent *a, const group_model *model) {
  if (!ddla_sync_divides(group_strategy(a->c), &a->cluster)) return DDLA_OK;
  for (int m = 0; m < DDLA_MOMENTS_MAX && a->moment[m] >= 0; m++)
    DDLA_TRY(bring_moment(a, ddla_state_array(a->state, a->moment[m], model->result.step, 0),
                          model->moment[m]));
  return DDLA_OK;
}

/* Whether shards of the newest step are not where they were in the beginning. */
static bool has_moved(const group_agent *a, uint64_t step) {
  const ddla_sync_record *record = ddla_sync_records(a->sync, step);
  for (int shard = 0; shard < a->c->shards; shard++) {
    int host = 0;
    while (a->c->shards * (host + 1) / a->cluster.hosts <= shard) host++;
    if (record[shard].samples > 0 && record[shard].worker != host) return true;
  }
  return false;
}

static ddla_status work(story *s, group_agent *a, uint64_t *seen) {
  int bad_shard = 0;
  double shared[DDLA_HOSTS_MAX] = {0};
  while (*seen < (uint64_t)s->c.steps) {
    ddla_sync_result result = {0};
    DDLA_TRY(group_step(&result, &bad_shard, a, 0));
    if (!group_results_equal(&result, &s->models[*seen + 1].result))
      return DDLA_FAIL(INTERNAL, "step %d has another result", (int)*seen + 1);
    *seen = result.step;
    if (!group_equals(a, *seen, &s->models[*seen]))
      return DDLA_FAIL(INTERNAL, "step %d has another state", (int)*seen);
    s->moved |= has_moved(a, *seen);
  }
  shared[a->cluster.host] = 1.5 * a->cluster.host;
  const ddla_sync_part part = {shared, sizeof shared[0], a->cluster.hosts};
  DDLA_TRY(ddla_sync_share(a->sync, 0, &part, 1));
  for (int h = 0; h < a->cluster.hosts; h++)
    if (shared[h] != 1.5 * h) return DDLA_FAIL(INTERNAL, "host %d's number is %g", h, shared[h]);
  DDLA_TRY(bring(a));
  return bring_moments(a, &s->models[s->c.steps]);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  group_agent a = {0};
  ddla_transport *local = NULL;
  const int host = ddla_transport_rank(link);
  group_case c = s->c;
  group_clock clock; /* hosts are of different speed, with dynamic balance */
  uint64_t seen = 0;
  group_clock_init(&clock, s->seed, 10u << (s->seed + (uint64_t)host * 7) % 5);
  c.clock = &clock.clock;
  DDLA_TRY(ddla_transport_open(&local, "self", NULL));
  ddla_status status = hand_out(link);
  if (status == DDLA_OK) status = group_open_on(&a, &c, local, link);
  if (status == DDLA_OK) status = work(s, &a, &seen);
  if (status == DDLA_PEER_LOST && a.sync) {
    s->followed |= seen > 0;
    if (!group_equals(&a, ddla_sync_committed(a.control),
                      &s->models[ddla_sync_committed(a.control)]))
      status = DDLA_FAIL(INTERNAL, "the committed version is not whole");
  }
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
  s->models = expected[seed % CASES];
  s->c.lanes = 1;
  s->c.agents = 2 + (int)(seed / CASES % 5);
  s->c.range_bytes = 16384 * (int64_t)(seed % 3);
  const bool divides = !s->c.sparse && strcmp(s->c.optimizer, "adafactor") != 0;
  if (seed / CASES % 2 == 1 && divides) s->c.method = "sharded";
  const ddla_sim_options options = seeds_draw_crash(s->seed, s->c.agents, 31);
  ddla_status status = ddla_sim_run(&options, &result, rank_main, s);
  bool well =
      status == DDLA_OK && seeds_well_ended(&result, s->seed, s->c.agents, "host", s->failure);
  const bool crashed = seeds_crashed(&result, s->c.agents);
  if (status != DDLA_OK)
    print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  t->crashes += crashed;
  t->later += crashed && s->followed;
  t->moved += s->moved;
  t->switches += (int)result.switches;
  free(s);
  return well;
}

static void every_host_has_the_bits_of_plain_training(void **state) {
  (void)state;
  const tally t = seeds_run_all(&given, run_seed);
  if (given.count < 100) return;
  assert_true(t.crashes > (int)given.count / 10); /* else the faults test nothing */
  assert_true(t.later > (int)given.count / 50);
  assert_true(t.moved > (int)given.count / 20);
}

/* A run in which something is not finite: what every host says of it. */
typedef struct bad_run {
  const group_case *c;
  int64_t counted[DDLA_HOSTS_MAX];
  char words[DDLA_HOSTS_MAX][256];
} bad_run;

static ddla_status bad_main(ddla_transport *link, void *argument) {
  bad_run *run = argument;
  group_agent a = {0};
  ddla_sync_result result = {0};
  ddla_transport *local = NULL;
  const int host = ddla_transport_rank(link);
  int bad_shard = 0;
  DDLA_TRY(ddla_transport_open(&local, "self", NULL));
  ddla_status status = group_open_on(&a, run->c, local, link);
  if (status == DDLA_OK) status = group_step(&result, &bad_shard, &a, 0);
  run->counted[host] = result.non_finite;
  if (status == DDLA_NON_FINITE)
    snprintf(run->words[host], sizeof run->words[host], "%s", ddla_status_message(status));
  if (status == DDLA_OK && result.checked)
    ddla_checks_words(run->words[host], sizeof run->words[host], a.state, a.checks, 0,
                      ddla_state_row_at(a.state, a.checks)->copies);
  if (status == DDLA_OK) status = ddla_sync_barrier(a.sync, 0);
  group_close(&a);
  ddla_transport_close(local);
  return status;
}

static void what_is_not_finite_is_known_to_all_hosts(void **state) {
  static const char *const methods[] = {"allreduce", "sharded"};
  static const char *const words[] = {("a: gradient 1 infinite of 9002 (first: element 5000); a: "
                                       "parameters 1 NaN of 9002 (first: element 5000)"),
                                      "step 1: a: gradient 1 infinite of 9002", "norm is inf"};
  (void)state;
  for (int i = 0; i < 6; i++) {
    const int kind = i / 2; /* counted; ends the step, with a count and without */
    const group_case c = {.agents = 3,
                          .lanes = 1,
                          .shards = 4,
                          .steps = 1,
                          .method = methods[i % 2],
                          .range_bytes = 16384,
                          .optimizer = "adamw",
                          .clip_norm = kind > 0,
                          .check_every = kind == 0   ? 1
                                         : kind == 1 ? 50
                                                     : 0,
                          .samples = {16},
                          .bad_step = 1,
                          .bad_shard = 2,
                          .bad_gradient = true};
    bad_run run = {.c = &c};
    ddla_sim_result result = {0};
    assert_int_equal(
        ddla_sim_run(&(ddla_sim_options){.seed = 1, .ranks = 3}, &result, bad_main, &run), DDLA_OK);
    int told = 0;
    for (int h = 0; h < 3; h++) {
      const ddla_status status = result.statuses[h];
      if (status == DDLA_PEER_LOST && kind > 0) continue; /* another one was first */
      if (status != (kind > 0 ? DDLA_NON_FINITE : DDLA_OK) || !strstr(run.words[h], words[kind]))
        fail_msg("%s, host %d: %s, not \"%s\": %s", c.method, h, ddla_status_name(status),
                 words[kind], run.words[h]);
      assert_int_equal(run.counted[h], kind == 0 ? 2 : 0);
      told++;
    }
    assert_true(told >= (kind == 0 ? 3 : 1));
  }
}

static void seeds_replay(void **state) {
  (void)state;
  seeds_replay_some(run_seed);
}

static int make_expected(void **state) {
  (void)state;
  return seeds_expect(expected, cases, CASES);
}

static int free_expected(void **state) {
  (void)state;
  for (int i = 0; i < CASES; i++) free(expected[i]);
  return 0;
}

int main(int argc, char **argv) {
  given = seeds_read(argc, argv);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_host_has_the_bits_of_plain_training),
                                     cmocka_unit_test(what_is_not_finite_is_known_to_all_hosts),
                                     cmocka_unit_test(seeds_replay)};
  return cmocka_run_group_tests(tests, make_expected, free_expected);
}
