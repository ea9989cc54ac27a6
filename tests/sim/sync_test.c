/* The synchronous strategy on simulated ranks from random seeds, with crashes at random points:
 * whatever the order in which ranks run, the bits are those of plain training; after a crash the
 * survivors find version t or t + 1 committed and whole, and a new group, of another size, goes on
 * from it to the same end. An equal mean is changed in place, so a group that keeps one goes on
 * from the copy that was made when the mean was last at rest. sync_sim [--seeds N] [--first SEED]
 */
#include "seeds.h"

#include "base/rng.h"
#include "train/average.h"
#include "transport/sim.h"

static seeds given;

enum { CASES = 13 };

/* Batches that leave shards empty are among them. */
static const group_case cases[CASES] = {
    {.shards = 8, .steps = 4, .direct = true, .optimizer = "sgd", .samples = {64, 5, 33, 8}},
    {.shards = 6, .steps = 4, .optimizer = "adamw", .clip_norm = 2, .samples = {48, 3, 48, 1}},
    {.shards = 11, .steps = 3, .direct = true, .optimizer = "adamw", .samples = {44, 7, 11}},
    {.shards = 8,
     .steps = 4,
     .direct = true,
     .optimizer = "sgd",
     .clip_norm = 0.5,
     .samples = {16, 16, 2, 9}},
    {.shards = 7, .steps = 5, .optimizer = "sgd", .samples = {7, 70, 1, 2, 30}},
    {.shards = 9, .steps = 5, .optimizer = "adamw", .sparse = true, .samples = {18, 3, 40, 2, 9}},
    {.shards = 8,
     .steps = 4,
     .direct = true,
     .optimizer = "sgd",
     .sparse = true,
     .clip_norm = 1,
     .samples = {8, 5, 64, 16}},
    {.shards = 8,
     .steps = 4,
     .direct = true,
     .optimizer = "lamb",
     .average_first = 2,
     .samples = {64, 5, 33, 8}},
    {.shards = 6,
     .steps = 4,
     .optimizer = "adafactor",
     .average_first = 1,
     .samples = {9, 2, 9, 6}},
    {.shards = 9,
     .steps = 3,
     .direct = true,
     .optimizer = "adafactor",
     .clip_norm = 1,
     .samples = {36, 7, 11}},
    {.shards = 6,
     .steps = 6,
     .direct = true,
     .optimizer = "lamb",
     .clip_norm = 0.5,
     .average_every = 2,
     .samples = {12, 6, 2, 18, 3, 24}},
    {.shards = 7, .steps = 4, .optimizer = "sgd", .average_every = 1, .samples = {7, 70, 1, 2}},
    {.shards = 9,
     .steps = 5,
     .optimizer = "adamw",
     .sparse = true,
     .average_every = 2,
     .samples = {18, 3, 40, 2, 9}}};

static group_model *expected[CASES]; /* [steps + 1] by case */

/* One seed's run. */
typedef struct story {
  uint64_t seed;
  group_case c;
  const group_model *models;
  ddla_failure failure[DDLA_TRANSPORT_RANKS_MAX];
  bool found;          /* a survivor looked at the committed state, or a copy was made */
  uint64_t found_step; /* the newest that one saw */
  group_model copy;
  group_clock clock;
} story;

/* Rubbish in elements [begin, end) of a row's version; nobody writes rows of one version inside a
 * step. */
static void spoil(const group_agent *a, int row, uint64_t step, int64_t begin, int64_t end) {
  if (row < 0 || ddla_state_row_at(a->state, row)->versions < 2) return;
  float *array = ddla_state_array(a->state, row, step, 0);
  for (int64_t k = begin; k < end; k++) array[k] = 1e30f;
}

/* Of the table, the rows of its share that the step touches. */
static void scribble_rows(const story *s, float *array, uint64_t next, int worker) {
  const int64_t first = GROUP_ROWS * worker / s->c.agents;
  const int64_t end = GROUP_ROWS * (worker + 1) / s->c.agents;
  for (int64_t row = first; row < end; row++)
    for (int64_t k = 0; k < GROUP_WIDTH && reference_touches(&s->c, next - 1, row); k++)
      array[GROUP_TABLE + row * GROUP_WIDTH + k] = 1e30f;
}

/* What a rank that dies in the midst of its work may leave behind: rubbish wherever it alone
 * writes. */
static void scribble(const story *s, const group_agent *a, int worker) {
  uint64_t next = ddla_sync_committed(a->control) + 1;
  int64_t begin = 0, end = 0;
  ddla_sync_piece(a->sync, worker, &begin, &end);
  const int rows[] = {a->theta, a->moment[0], a->moment[1], a->moment[2]};
  const int whole[] = {a->factors, a->buffers, a->average_buffers};
  for (int i = 0; i < 1 + DDLA_MOMENTS_MAX && rows[i] >= 0; i++) {
    spoil(a, rows[i], next, begin, end);
    if (s->c.sparse) scribble_rows(s, ddla_state_array(a->state, rows[i], next, 0), next, worker);
  }
  spoil(a, a->average, next, begin, end);
  for (int i = 0; i < 3; i++)
    if (whole[i] >= 0) spoil(a, whole[i], next, 0, ddla_state_row_at(a->state, whole[i])->count);
}

static void keep(story *s, const group_agent *a, uint64_t step) {
  s->found = true;
  s->found_step = step;
  group_take(&s->copy, a, step);
}

/* A survivor looks at what is committed. */
static ddla_status look(story *s, const group_agent *a, uint64_t seen) {
  uint64_t step = ddla_sync_committed(a->control);
  if (step != seen && step != seen + 1)
    return DDLA_FAIL(INTERNAL, "version %d is committed where %d was seen last", (int)step,
                     (int)seen);
  if (!group_equals(a, step, &s->models[step]))
    return DDLA_FAIL(INTERNAL, "the committed version %d is not whole", (int)step);
  if (s->found && step < s->found_step)
    return DDLA_FAIL(INTERNAL, "a committed version was taken back");
  if (s->c.average_every == 0) keep(s, a, step);
  return DDLA_OK;
}

/* The end of an epoch of so many steps, as a training has it: the equal mean takes the model up,
 * the first worker makes a copy while the others wait. */
static ddla_status end_epoch(story *s, group_agent *a, uint64_t step) {
  const int rank = ddla_transport_rank(a->transport);
  const ddla_training training = {
      .average = DDLA_AVERAGE_SWA, .average_from = 1, .batches_per_epoch = s->c.average_every};
  ddla_shared shared = {.state = a->state,
                        .theta = a->theta,
                        .average = a->average,
                        .buffers = a->buffers,
                        .average_buffers = a->average_buffers,
                        .sync_control = a->control};
  ddla_worker worker = {.training = &training,
                        .shared = &shared,
                        .sync = a->sync,
                        .worker = rank,
                        .workers = s->c.agents};
  DDLA_TRY(ddla_worker_average(&worker, (int64_t)step / s->c.average_every));
  if (!group_mean_equals(a, &s->models[step]))
    return DDLA_FAIL(INTERNAL, "after step %d there is another equal mean", (int)step);
  if (rank == 0) keep(s, a, step);
  return ddla_sync_barrier(a->sync, rank);
}

static ddla_status work(story *s, group_agent *a, uint64_t *seen) {
  int rank = ddla_transport_rank(a->transport), bad_shard = 0;
  while (*seen < (uint64_t)s->c.steps) {
    ddla_sync_result result = {0};
    DDLA_TRY(ddla_transport_check(a->transport));
    DDLA_TRY(group_step(&result, &bad_shard, a, rank));
    if (!group_results_equal(&result, &s->models[*seen + 1].result))
      return DDLA_FAIL(INTERNAL, "step %d has another result", (int)*seen + 1);
    *seen = result.step;
    if (!group_equals(a, *seen, &s->models[*seen]))
      return DDLA_FAIL(INTERNAL, "step %d has another state", (int)*seen);
    if (s->c.average_every > 0 && *seen % (uint64_t)s->c.average_every == 0)
      DDLA_TRY(end_epoch(s, a, *seen));
  }
  return ddla_sync_barrier(a->sync, rank);
}

static ddla_status rank_main(ddla_transport *transport, void *argument) {
  story *s = argument;
  group_agent a = {0};
  int rank = ddla_transport_rank(transport);
  uint64_t seen = s->c.start_step;
  ddla_status status = group_open(&a, &s->c, transport);
  if (status == DDLA_OK) {
    status = work(s, &a, &seen);
    if (status == DDLA_CANCELLED && a.computing) scribble(s, &a, rank);
    if (status == DDLA_PEER_LOST) {
      ddla_status looked = look(s, &a, seen);
      if (looked != DDLA_OK) status = looked;
    }
  }
  if (status != DDLA_OK) ddla_status_take(&s->failure[rank], status);
  group_close(&a);
  return status;
}

static ddla_sim_options draw_options(const story *s) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 21, 0));
  ddla_sim_options o = {.seed = s->seed, .ranks = s->c.agents, .shared = true};
  o.crashes = ddla_rng_below(&rng, 4) ? 1 + (int)ddla_rng_below(&rng, 2) : 0;
  o.crash_before = 20 << ddla_rng_below(&rng, 6);
  o.detect_ns_max = 1 + (int64_t)1000 * (1 << ddla_rng_below(&rng, 12));
  return o;
}

static int draw_agents(uint64_t seed, uint64_t which, int shards) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 22, which));
  int most = shards < 6 ? shards : 6;
  return 1 + (int)ddla_rng_below(&rng, (uint64_t)most);
}

/* With dynamic balance, what a shard takes has nothing to do with time; of some seeds it differs
 * widely. */
static void balance(story *s, uint64_t seed) {
  group_clock_init(&s->clock, seed, 1u << seed % 12);
  s->c.clock = &s->clock.clock;
}

/* A group without crashes goes on from what a survivor found, or from the beginning. */
static bool goes_on(story *s) {
  ddla_sim_result result = {0};
  story *next = calloc(1, sizeof *next);
  assert_non_null(next);
  next->seed = s->seed;
  next->c = s->c;
  next->models = s->models;
  next->c.agents = draw_agents(s->seed, 2, s->c.shards);
  balance(next, s->seed + 1);
  if (s->found) {
    next->c.start_step = s->found_step;
    next->c.start = &s->copy;
  }
  const ddla_sim_options options = {.seed = s->seed + 1, .ranks = next->c.agents, .shared = true};
  ddla_status status = ddla_sim_run(&options, &result, rank_main, next);
  bool well = status == DDLA_OK &&
              seeds_well_ended(&result, next->seed, next->c.agents, "rank", next->failure);
  if (status != DDLA_OK)
    print_error("seed %llu, going on: %s\n", (unsigned long long)s->seed,
                ddla_status_message(status));
  free(next);
  return well;
}

static bool run_seed(uint64_t seed, tally *t) {
  ddla_sim_result result = {0};
  story *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->seed = seed;
  s->c = cases[seed % CASES];
  s->models = expected[seed % CASES];
  s->c.lanes = 1;
  s->c.agents = draw_agents(seed, 1, s->c.shards);
  s->c.dynamic = seed / CASES % 2 == 1;
  balance(s, seed);
  const ddla_sim_options options = draw_options(s);
  ddla_status status = ddla_sim_run(&options, &result, rank_main, s);
  bool well =
      status == DDLA_OK && seeds_well_ended(&result, s->seed, s->c.agents, "rank", s->failure);
  const bool crashed = seeds_crashed(&result, s->c.agents);
  if (status != DDLA_OK)
    print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  if (well && crashed) well = goes_on(s);
  t->crashes += crashed;
  t->later += s->found && s->found_step > 0;
  t->switches += (int)result.switches;
  free(s);
  return well;
}

static void whatever_happens_a_whole_version_is_committed(void **state) {
  (void)state;
  const tally t = seeds_run_all(&given, run_seed);
  if (given.count < 100) return;
  assert_true(t.crashes > (int)given.count / 4); /* else the faults test nothing */
  assert_true(t.later > (int)given.count / 10);
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
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whatever_happens_a_whole_version_is_committed),
      cmocka_unit_test(seeds_replay)};
  return cmocka_run_group_tests(tests, make_expected, free_expected);
}
