/* The synchronous strategy against the same training computed plainly by one thread: equal bits for
 * every split into agents, lanes and shards. Agents are threads over transport "local", or one
 * agent over "self". */
#include "sync/test_group.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transport/local.h"

enum { WORKERS_MAX = 32 };

/* One run of a group. What workers find is compared by the main thread or told by a status. */
typedef struct run {
  const group_case *c;
  const group_model *models; /* [steps + 1] expected */
  ddla_local_region *region; /* null: transport self */
  ddla_sync_result last[WORKERS_MAX];
  int bad_shard[WORKERS_MAX];
  ddla_failure failure[WORKERS_MAX];
  int stop_after;  /* worker 1 asks to stop in this step; 0: never */
  int fail_worker; /* this worker fails before its second step; -1: none */
  uint64_t committed;
  char words[WORKERS_MAX][512]; /* what the last step's checks say */
} run;

typedef struct worker_thread {
  run *r;
  group_agent *agent;
  int worker;
  pthread_t thread;
} worker_thread;

static ddla_status check_step(const run *r, const group_agent *a, const ddla_sync_result *result) {
  const group_model *expected = &r->models[result->step];
  if (!group_results_equal(result, &expected->result))
    return DDLA_FAIL(INTERNAL, "step %d: another result: loss %a not %a, norm %a not %a",
                     (int)result->step, result->loss, expected->result.loss, result->gradient_norm,
                     expected->result.gradient_norm);
  if (!group_equals(a, result->step, expected))
    return DDLA_FAIL(INTERNAL, "step %d: another state than the plain one", (int)result->step);
  return DDLA_OK;
}

static ddla_status work_steps(run *r, group_agent *a, int worker) {
  ddla_sync_result *last = &r->last[worker];
  while (ddla_sync_committed(a->control) < (uint64_t)r->c->steps && !last->stop) {
    uint64_t step = ddla_sync_committed(a->control);
    if (worker == r->fail_worker && step == 1) return DDLA_FAIL(IO, "worker %d fails", worker);
    if (worker == 1 && r->stop_after > 0 && step + 1 == (uint64_t)r->stop_after)
      ddla_sync_ask_stop(a->sync);
    DDLA_TRY(group_step(last, &r->bad_shard[worker], a, worker));
    DDLA_TRY(check_step(r, a, last));
    if (last->checked)
      ddla_checks_words(r->words[worker], sizeof r->words[worker], a->state, a->checks, 0,
                        r->c->agents * r->c->lanes);
    DDLA_TRY(ddla_sync_barrier(
        a->sync, worker)); /* so that all compare before the version is written over */
  }
  return DDLA_OK;
}

static void *worker_main(void *argument) {
  worker_thread *t = argument;
  ddla_status status = work_steps(t->r, t->agent, t->worker);
  if (status == DDLA_OK) return NULL;
  ddla_status_take(&t->r->failure[t->worker], status);
  ddla_transport_fail(t->agent->transport, &t->r->failure[t->worker]);
  return NULL;
}

static ddla_status run_workers(run *r, group_agent *a, int rank) {
  worker_thread lane[WORKERS_MAX];
  int lanes = r->c->lanes;
  for (int i = 0; i < lanes; i++) {
    lane[i] = (worker_thread){r, a, rank * lanes + i, 0};
    if (pthread_create(&lane[i].thread, NULL, worker_main, &lane[i]) != 0) abort();
  }
  for (int i = 0; i < lanes; i++) pthread_join(lane[i].thread, NULL);
  if (rank == 0) r->committed = ddla_sync_committed(a->control);
  return DDLA_OK;
}

typedef struct agent_thread {
  run *r;
  int rank;
  pthread_t thread;
} agent_thread;

static void *agent_main(void *argument) {
  agent_thread *t = argument;
  const ddla_local_setup setup = {t->r->region, t->rank};
  ddla_transport *transport = NULL;
  group_agent agent = {0};
  ddla_status status = ddla_transport_open(&transport, t->r->region ? "local" : "self", &setup);
  if (status == DDLA_OK) status = group_open(&agent, t->r->c, transport);
  if (status == DDLA_OK) status = run_workers(t->r, &agent, t->rank);
  if (status != DDLA_OK) ddla_status_take(&t->r->failure[t->rank * t->r->c->lanes], status);
  group_close(&agent);
  ddla_transport_close(transport);
  return NULL;
}

/* Runs the group to its end; what each worker met is in r. */
static void run_group(run *r) {
  const group_case *c = r->c;
  agent_thread agent[WORKERS_MAX];
  const ddla_cluster alone = ddla_cluster_single(c->agents);
  size_t bytes = 0;
  assert_int_equal(group_bytes(&bytes, c, &alone), DDLA_OK);
  if (c->agents > 1)
    assert_int_equal(ddla_local_region_create(&r->region, c->agents, bytes + 64), DDLA_OK);
  for (int i = 0; i < c->agents; i++) {
    agent[i] = (agent_thread){r, i, 0};
    assert_int_equal(pthread_create(&agent[i].thread, NULL, agent_main, &agent[i]), 0);
  }
  for (int i = 0; i < c->agents; i++) pthread_join(agent[i].thread, NULL);
  ddla_local_region_destroy(r->region);
}

static void expect_well(const run *r) {
  const group_case *c = r->c;
  for (int w = 0; w < c->agents * c->lanes; w++)
    if (r->failure[w].code != DDLA_OK)
      fail_msg("%d agents x %d lanes, %s, %d shards, %s, %s, clip %g: worker %d: %s", c->agents,
               c->lanes, c->dynamic ? "dynamic" : "static", c->shards,
               c->direct ? "direct" : "in parts", c->optimizer, c->clip_norm, w,
               r->failure[w].text);
}

static group_model *plain(const group_case *c) {
  group_model *models = calloc((size_t)c->steps + 1, sizeof *models);
  assert_non_null(models);
  assert_int_equal(reference_train(models, c), DDLA_OK);
  return models;
}

/* With dynamic balance, shards take as long as a clock says that has nothing to do with time. */
static void check_splits(group_case c) {
  static const int split[][2] = {{1, 1}, {1, 2}, {1, 3}, {2, 1}, {3, 1},
                                 {2, 2}, {5, 1}, {8, 1}, {4, 3}, {7, 2}};
  const size_t splits = sizeof split / sizeof split[0];
  group_model *models = plain(&c);
  group_clock clock;
  for (size_t i = 0; i < 2 * splits; i++) {
    group_clock_init(&clock, i, 1u << i % 12);
    c.agents = split[i % splits][0];
    c.lanes = split[i % splits][1];
    c.dynamic = i >= splits;
    c.clock = &clock.clock;
    run r = {.c = &c, .models = models, .fail_worker = -1};
    if (c.agents > c.shards) continue;
    run_group(&r);
    expect_well(&r);
    assert_int_equal(r.committed, c.steps);
  }
  free(models);
}

/* The second and fourth step leave shards empty, the third leaves all but one. */
#define UNEVEN                                                                                     \
  { 64, 5, 1, 3, 17, 40 }

static void any_split_gives_the_plain_bits_sgd(void **state) {
  (void)state;
  check_splits(
      (group_case){.shards = 8, .steps = 6, .direct = true, .optimizer = "sgd", .samples = UNEVEN});
  check_splits((group_case){.shards = 11, .steps = 5, .optimizer = "sgd", .samples = UNEVEN});
}

static void any_split_gives_the_plain_bits_adamw(void **state) {
  (void)state;
  check_splits((group_case){.shards = 8, .steps = 4, .optimizer = "adamw", .samples = UNEVEN});
  check_splits((group_case){
      .shards = 13, .steps = 5, .direct = true, .optimizer = "adamw", .samples = UNEVEN});
}

static void any_split_gives_the_plain_bits_with_clipping(void **state) {
  (void)state;
  check_splits((group_case){.shards = 8,
                            .steps = 4,
                            .direct = true,
                            .optimizer = "sgd",
                            .clip_norm = 3,
                            .samples = UNEVEN});
  check_splits((group_case){
      .shards = 5, .steps = 4, .optimizer = "adamw", .clip_norm = 1e-3, .samples = UNEVEN});
}

static void any_split_gives_the_plain_bits_layered(void **state) {
  (void)state;
  static const char *const names[] = {"lamb", "adafactor"};
  for (int i = 0; i < 2; i++) {
    check_splits((group_case){.shards = 8,
                              .steps = 4,
                              .direct = true,
                              .optimizer = names[i],
                              .samples = UNEVEN,
                              .average_first = 2});
    check_splits((group_case){
        .shards = 11, .steps = 3, .optimizer = names[i], .clip_norm = 3, .samples = UNEVEN});
  }
}

static void any_split_gives_the_plain_bits_rmsprop_and_lion(void **state) {
  (void)state;
  check_splits((group_case){.shards = 8,
                            .steps = 4,
                            .direct = true,
                            .optimizer = "rmsprop",
                            .samples = UNEVEN,
                            .average_first = 1});
  check_splits((group_case){
      .shards = 5, .steps = 3, .optimizer = "lion", .clip_norm = 3, .samples = UNEVEN});
}

/* A table whose gradient is kept by row: few and many operands, shards added up before, shards
 * without samples, clipping. */
static void any_split_gives_the_plain_bits_by_row(void **state) {
  (void)state;
  static const char *const names[] = {"sgd", "adamw", "rmsprop", "lion"};
  for (int i = 0; i < 4; i++) {
    check_splits((group_case){.shards = 8 + i,
                              .steps = 5,
                              .direct = i % 2 == 0,
                              .optimizer = names[i],
                              .sparse = true,
                              .samples = UNEVEN});
    check_splits((group_case){.shards = 11,
                              .steps = 4,
                              .optimizer = names[i],
                              .sparse = true,
                              .clip_norm = 2,
                              .samples = UNEVEN});
  }
  check_splits((group_case){.shards = 61,
                            .steps = 4,
                            .direct = true,
                            .optimizer = "adamw",
                            .sparse = true,
                            .samples = UNEVEN});
}

static void many_and_few_shards(void **state) {
  (void)state;
  check_splits(
      (group_case){.shards = 1, .steps = 3, .direct = true, .optimizer = "sgd", .samples = UNEVEN});
  check_splits((group_case){.shards = 3, .steps = 3, .optimizer = "adamw", .samples = UNEVEN});
  check_splits((group_case){
      .shards = 61, .steps = 4, .direct = true, .optimizer = "sgd", .samples = UNEVEN});
}

static void a_loss_that_is_not_finite_commits_nothing(void **state) {
  (void)state;
  group_case c = {.agents = 3,
                  .lanes = 2,
                  .shards = 8,
                  .steps = 3,
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN,
                  .bad_step = 2,
                  .bad_shard = 4};
  group_model *models = plain(&c);
  run r = {.c = &c, .models = models, .fail_worker = -1};
  run_group(&r);
  assert_int_equal(r.committed, 1);
  int told = 0;
  for (int w = 0; w < 6; w++) {
    assert_true(r.failure[w].code == DDLA_NON_FINITE || r.failure[w].code == DDLA_PEER_LOST);
    told += r.failure[w].code == DDLA_NON_FINITE && r.bad_shard[w] == 4;
  }
  assert_true(told >= 1);
  free(models);
}

static void a_gradient_that_is_not_finite_is_not_clipped(void **state) {
  (void)state;
  group_case c = {.agents = 2,
                  .lanes = 1,
                  .shards = 4,
                  .steps = 3,
                  .direct = true,
                  .optimizer = "sgd",
                  .clip_norm = 1,
                  .samples = UNEVEN,
                  .bad_step = 1,
                  .bad_shard = 2,
                  .bad_gradient = true};
  group_model *models = plain(&c);
  run r = {.c = &c, .models = models, .fail_worker = -1};
  run_group(&r);
  assert_int_equal(r.committed, 0);
  int told = 0;
  for (int w = 0; w < 2; w++) told += r.failure[w].code == DDLA_NON_FINITE && r.bad_shard[w] == -1;
  assert_true(told >= 1);
  /* With checks the tensor is named, whether one is due or not. */
  c.check_every = 50;
  run checked = {.c = &c, .models = models, .fail_worker = -1};
  run_group(&checked);
  assert_int_equal(checked.committed, 0);
  assert_non_null(strstr(checked.failure[0].text, "a: gradient 1 infinite of 9002"));
  free(models);
}

/* Any split counts the same: the gradient of one element, and the parameter that it spoils. */
static void what_is_not_finite_is_counted(void **state) {
  (void)state;
  static const int split[][2] = {{1, 1}, {1, 3}, {2, 1}, {3, 2}, {7, 1}};
  for (int i = 0; i < 10; i++) {
    group_case c = {.agents = split[i / 2][0],
                    .lanes = split[i / 2][1],
                    .shards = 8,
                    .steps = 1,
                    .optimizer = i % 2 ? "lamb" : "sgd",
                    .check_every = 1,
                    .sparse = i % 2 == 0,
                    .samples = UNEVEN,
                    .bad_step = 1,
                    .bad_shard = 2,
                    .bad_gradient = true};
    group_model *models = plain(&c);
    run r = {.c = &c, .models = models, .fail_worker = -1};
    if (i % 2) c.bad_step = 0; /* nothing is wrong */
    if (i % 2) assert_int_equal(reference_train(models, &c), DDLA_OK);
    run_group(&r);
    expect_well(&r);
    for (int w = 0; w < c.agents * c.lanes; w++) {
      assert_true(r.last[w].checked);
      assert_int_equal(r.last[w].non_finite, i % 2 ? 0 : 2);
      assert_string_equal(r.words[w],
                          i % 2 ? ""
                                : "a: gradient 1 infinite of 9002 (first: element 5000); "
                                  "a: parameters 1 infinite of 9002 (first: element 5000)");
    }
    free(models);
  }
}

static void checks_come_every_so_many_steps(void **state) {
  (void)state;
  for (int every = 0; every < 4; every++) {
    group_case c = {.agents = 2,
                    .lanes = 1,
                    .shards = 4,
                    .steps = 2,
                    .optimizer = "sgd",
                    .check_every = every,
                    .samples = UNEVEN};
    group_model *models = plain(&c);
    run r = {.c = &c, .models = models, .fail_worker = -1};
    run_group(&r);
    expect_well(&r);
    assert_int_equal(r.last[1].checked, every == 1 || every == 2);
    free(models);
  }
}

static void all_stop_after_the_same_step(void **state) {
  (void)state;
  group_case c = {.agents = 3,
                  .lanes = 1,
                  .shards = 6,
                  .steps = 6,
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  group_model *models = plain(&c);
  run r = {.c = &c, .models = models, .fail_worker = -1, .stop_after = 3};
  run_group(&r);
  expect_well(&r);
  for (int w = 0; w < 3; w++) {
    assert_true(r.last[w].stop);
    assert_int_equal(r.last[w].step, r.last[0].step);
  }
  /* Asked before step 3 ended, perhaps as late as its commit by another worker. */
  assert_in_range(r.last[0].step, 3, 4);
  free(models);
}

static void a_worker_that_fails_ends_the_others(void **state) {
  (void)state;
  group_case c = {.agents = 3,
                  .lanes = 2,
                  .shards = 8,
                  .steps = 4,
                  .direct = true,
                  .optimizer = "adamw",
                  .clip_norm = 1,
                  .samples = UNEVEN};
  group_model *models = plain(&c);
  run r = {.c = &c, .models = models, .fail_worker = 3};
  run_group(&r);
  assert_int_equal(r.committed, 1);
  for (int w = 0; w < 6; w++)
    assert_int_equal(r.failure[w].code, w == 3 ? DDLA_IO : DDLA_PEER_LOST);
  assert_non_null(strstr(r.failure[0].text, "worker 3 fails"));
  free(models);
}

static void too_many_partial_sums_are_refused(void **state) {
  (void)state;
  group_case c = {
      .agents = 1, .lanes = 66, .shards = 70, .steps = 1, .direct = true, .optimizer = "sgd"};
  ddla_transport *transport = NULL;
  group_agent agent = {0};
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(group_open(&agent, &c, transport), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "train.shards"));
  group_close(&agent);
  ddla_transport_close(transport);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_split_gives_the_plain_bits_sgd),
      cmocka_unit_test(any_split_gives_the_plain_bits_adamw),
      cmocka_unit_test(any_split_gives_the_plain_bits_with_clipping),
      cmocka_unit_test(any_split_gives_the_plain_bits_layered),
      cmocka_unit_test(any_split_gives_the_plain_bits_rmsprop_and_lion),
      cmocka_unit_test(any_split_gives_the_plain_bits_by_row),
      cmocka_unit_test(many_and_few_shards),
      cmocka_unit_test(a_loss_that_is_not_finite_commits_nothing),
      cmocka_unit_test(a_gradient_that_is_not_finite_is_not_clipped),
      cmocka_unit_test(what_is_not_finite_is_counted),
      cmocka_unit_test(checks_come_every_so_many_steps),
      cmocka_unit_test(all_stop_after_the_same_step),
      cmocka_unit_test(a_worker_that_fails_ends_the_others),
      cmocka_unit_test(too_many_partial_sums_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
