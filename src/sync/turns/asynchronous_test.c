/* Methods of sync.mode asynchronous. With a staleness of 0 steps bounded has the bits of plain
 * training at every fence; others end with one model on all hosts and every sample taken once.
 * Hosts are threads that write letters over transport "local"; each has a state of its own, and
 * lanes. What is late, and how: tests/sim/asynchronous_test.c. */
#include "sync/turns/asynchronous.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sync/test_group.h"
#include "transport/local.h"

enum { HOSTS_MAX = 4, LANES_MAX = 3, LINK_BYTES = 8 << 20, FENCES_MAX = GROUP_STEPS_MAX };

/* One run of hosts. What workers find is told by a status. */
typedef struct run {
  const group_case *c;
  const group_model *models; /* [steps + 1] expected; null: not compared */
  ddla_local_region *link;
  bool threadless;
  int stop_host; /* this host asks to stop in its first turn; -1: none */
  float theta[HOSTS_MAX][GROUP_SPACE];
  ddla_sync_result total[HOSTS_MAX]; /* sums of what was told; step: the last */
  uint64_t fence[HOSTS_MAX][FENCES_MAX];
  int fences[HOSTS_MAX];
  double stale[HOSTS_MAX][DDLA_ASYNCHRONOUS_NUMBERS];
  ddla_sync_traffic traffic[HOSTS_MAX];
  ddla_failure failure[HOSTS_MAX][LANES_MAX];
} run;

typedef struct host_thread {
  run *r;
  int host;
  pthread_t thread;
} host_thread;

typedef struct worker_thread {
  run *r;
  group_agent *a;
  int worker;
  pthread_t thread;
} worker_thread;

/* ---- a worker ---- */

static int64_t samples_of(const group_case *c, const ddla_sync_work *work) {
  int64_t samples = 0;
  for (int s = work->first; s < work->end; s++) samples += group_samples(c, work->step, s);
  return samples;
}

/* A shard of the work, from the space's end to its beginning in two parts. */
static void compute_shard(group_agent *a, int worker, int shard, const ddla_sync_work *work) {
  const int whole = work->first + shard;
  const int64_t count = group_samples(a->c, work->step, whole);
  const ddla_sync_leaf leaf = ddla_sync_leaf_place(a->sync, worker, shard);
  const ddla_sync_record record = {.loss = group_loss(a->c, work->step, whole),
                                   .count = (double)count,
                                   .correct = count / 2,
                                   .samples = count};
  ddla_sync_put_record(a->sync, worker, shard, &record);
  for (int part = 1; part >= 0; part--) {
    const int64_t begin = part * (GROUP_SPACE / 2), end = begin + GROUP_SPACE / 2;
    for (int64_t k = begin; k < end; k++) {
      const float value = group_in_tensor(k)
                              ? group_gradient(a->c, work->parameters, work->step, whole, count, k)
                              : 0;
      leaf.gradients[k] = leaf.accumulate ? leaf.gradients[k] + value : value;
    }
    if (leaf.last) ddla_sync_final(a->sync, worker, begin);
  }
  ddla_sync_leaf_done(a->sync, worker, shard);
}

static ddla_status step(ddla_sync_result *out, group_agent *a, int worker) {
  ddla_sync_work work = {0};
  int shard = 0, bad_shard = 0;
  DDLA_TRY(ddla_sync_work_of(a->sync, worker, &work));
  if (work.first < work.end) {
    ddla_sync_begin(a->sync, worker, samples_of(a->c, &work));
    while (ddla_sync_claim(a->sync, worker, &shard)) compute_shard(a, worker, shard, &work);
    ddla_sync_final(a->sync, worker, 0);
  }
  return ddla_sync_finish(out, &bad_shard, a->sync, worker);
}

static void add_result(ddla_sync_result *total, const ddla_sync_result *result) {
  total->loss += result->loss;
  total->count += result->count;
  total->correct += result->correct;
  total->samples += result->samples;
  total->step = result->step;
}

/* All hosts are at the same step, with the same model; and share a number each. */
static ddla_status check_fence(run *r, group_agent *a, int worker, uint64_t now) {
  const int host = a->cluster.host;
  const float *theta = ddla_state_array(a->state, a->theta, now, 0);
  double *shared = ddla_state_array(a->state, a->block_norms, 0, 0);
  const ddla_sync_part part = {shared, sizeof *shared, r->c->agents};
  if (ddla_sync_committed(a->control) != now) return DDLA_FAIL(INTERNAL, "another step");
  if (r->models && memcmp(theta, r->models[now].theta, sizeof r->models->theta) != 0)
    return DDLA_FAIL(INTERNAL, "step %d: another model than the plain one", (int)now);
  if (worker == 0) {
    memcpy(r->theta[host], theta, sizeof r->theta[host]);
    r->fence[host][r->fences[host]++] = now;
    shared[host] = 1.5 * (host + 1) + (double)now;
  }
  if (r->c->lanes > 1) return ddla_sync_barrier(a->sync, worker);
  DDLA_TRY(ddla_sync_share(a->sync, worker, &part, 1));
  for (int h = 0; h < r->c->agents; h++)
    if (shared[h] != 1.5 * (h + 1) + (double)now)
      return DDLA_FAIL(INTERNAL, "host %d's number is %g", h, shared[h]);
  return ddla_sync_barrier(a->sync, worker);
}

static ddla_status work(run *r, group_agent *a, int worker) {
  ddla_sync_result result = {0};
  ddla_sync_result total = {0};
  if (a->cluster.host == r->stop_host && worker == 0) ddla_sync_ask_stop(a->sync);
  while (result.step < GROUP_TOTAL_STEPS && !result.stop) {
    DDLA_TRY(step(&result, a, worker));
    add_result(&total, &result);
    if (result.under_way) {
      if (result.step == GROUP_TOTAL_STEPS) result.step--; /* the fence comes still */
      continue;
    }
    DDLA_TRY(check_fence(r, a, worker, result.step));
  }
  if (worker > 0) return ddla_sync_barrier(a->sync, worker);
  r->total[a->cluster.host] = total;
  DDLA_TRY(ddla_sync_barrier(a->sync, worker));
  memcpy(r->stale[a->cluster.host], ddla_state_array(a->state, a->numbers, 0, 0),
         sizeof r->stale[0]);
  return DDLA_OK;
}

static void *worker_main(void *argument) {
  worker_thread *t = argument;
  const ddla_status status = work(t->r, t->a, t->worker);
  ddla_failure *failure = &t->r->failure[t->a->cluster.host][t->worker];
  if (status == DDLA_OK) return NULL;
  ddla_status_take(failure, status);
  ddla_transport_fail(t->a->transport, failure);
  ddla_transport_fail(t->a->link, failure);
  return NULL;
}

static void run_lanes(run *r, group_agent *a) {
  worker_thread lane[LANES_MAX];
  for (int i = 0; i < r->c->lanes; i++) {
    lane[i] = (worker_thread){r, a, i, 0};
    if (pthread_create(&lane[i].thread, NULL, worker_main, &lane[i]) != 0) abort();
  }
  for (int i = 0; i < r->c->lanes; i++) pthread_join(lane[i].thread, NULL);
}

static void *host_main(void *argument) {
  host_thread *t = argument;
  const ddla_local_setup setup = {t->r->link, t->host};
  ddla_transport *local = NULL, *link = NULL;
  group_agent a = {.threaded = !t->r->threadless};
  ddla_status status = ddla_transport_open(&local, "self", NULL);
  if (status == DDLA_OK) status = ddla_transport_open(&link, "local", &setup);
  if (status == DDLA_OK) status = group_open_on(&a, t->r->c, local, link);
  if (status == DDLA_OK) run_lanes(t->r, &a);
  else ddla_status_take(&t->r->failure[t->host][0], status);
  if (a.sync) t->r->traffic[t->host] = ddla_sync_traffic_of(a.sync);
  group_close(&a);
  ddla_transport_close(link);
  ddla_transport_close(local);
  return NULL;
}

static run *run_hosts(const group_case *c, bool threadless, const group_model *models,
                      int stop_host) {
  host_thread host[HOSTS_MAX];
  run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  *r = (run){.c = c, .threadless = threadless, .models = models, .stop_host = stop_host};
  assert_int_equal(ddla_local_region_create(&r->link, c->agents, (size_t)c->agents * LINK_BYTES),
                   DDLA_OK);
  for (int i = 0; i < c->agents; i++) {
    host[i] = (host_thread){r, i, 0};
    assert_int_equal(pthread_create(&host[i].thread, NULL, host_main, &host[i]), 0);
  }
  for (int i = 0; i < c->agents; i++) pthread_join(host[i].thread, NULL);
  ddla_local_region_destroy(r->link);
  return r;
}

/* ---- what a run should have been ---- */

static void expect_well(const run *r) {
  for (int i = 0; i < r->c->agents; i++)
    for (int w = 0; w < r->c->lanes; w++)
      if (r->failure[i][w].code != DDLA_OK)
        fail_msg("%s, %d hosts x %d lanes, staleness %d: host %d, worker %d: %s", r->c->method,
                 r->c->agents, r->c->lanes, (int)r->c->rule.staleness, i, w, r->failure[i][w].text);
}

static void expect_all_samples(const run *r) {
  const int last = (int)r->total[0].step;
  int64_t samples = 0, correct = 0;
  for (int s = 0; s < last; s++)
    for (int shard = 0; shard < r->c->shards; shard++) {
      samples += group_samples(r->c, (uint64_t)s, shard);
      correct += group_samples(r->c, (uint64_t)s, shard) / 2;
    }
  for (int h = 0; h < r->c->agents; h++) {
    assert_int_equal(r->total[h].samples, samples);
    assert_int_equal(r->total[h].correct, correct);
    assert_true(fabs(r->total[h].count - (double)samples) < 1e-6);
    assert_true(r->traffic[h].sent_bytes > 0);
  }
}

/* Fences where the rule wants them, and the same model and numbers on all hosts. */
static void expect_one_model(const run *r) {
  for (int h = 0; h < r->c->agents; h++) {
    const int64_t *every = r->c->rule.meet_every;
    for (int i = 0, at = 1; i + 1 < r->fences[h]; i++, at++) {
      while (at % every[0] != 0 && (every[1] == 0 || at % every[1] != 0)) at++;
      assert_int_equal(r->fence[h][i], at);
    }
    assert_int_equal(r->fences[h], r->fences[0]);
    assert_int_equal(r->total[h].step, r->total[0].step);
    assert_memory_equal(r->theta[h], r->theta[0], sizeof r->theta[0]);
    assert_memory_equal(r->stale[h], r->stale[0], sizeof r->stale[0]);
  }
}

/* No batch leaves a shard empty. */
#define FULL                                                                                       \
  { 24, 8, 17, 40, 33, 9, 8, 64 }

static void check_bits(group_case c) {
  group_model *models = calloc((size_t)c.steps + 1, sizeof *models);
  assert_non_null(models);
  assert_int_equal(reference_train(models, &c), DDLA_OK);
  for (c.agents = 2; c.agents <= HOSTS_MAX; c.agents += 2)
    for (c.lanes = 1; c.lanes <= LANES_MAX; c.lanes += 2)
      for (int threadless = 0; threadless < 2; threadless++) {
        run *r = run_hosts(&c, threadless == 1, models, -1);
        expect_well(r);
        expect_one_model(r);
        expect_all_samples(r);
        assert_int_equal(r->total[0].step, GROUP_TOTAL_STEPS);
        assert_true(r->stale[0][0] == 0 && r->stale[0][1] == 0 && r->stale[0][2] > 0);
        free(r);
      }
  free(models);
}

static void without_staleness_bits_are_those_of_plain_training(void **state) {
  (void)state;
  check_bits((group_case){.method = "bounded",
                          .agents = 1,
                          .lanes = 1,
                          .rule = {.staleness = 0, .meet_every = {3, 5}},
                          .shards = 8,
                          .steps = GROUP_TOTAL_STEPS,
                          .direct = true,
                          .optimizer = "adamw",
                          .samples = FULL});
  check_bits((group_case){.method = "bounded",
                          .agents = 1,
                          .lanes = 1,
                          .rule = {.staleness = 0, .meet_every = {2}, .servers = 1},
                          .shards = 6,
                          .steps = GROUP_TOTAL_STEPS,
                          .range_bytes = 16384,
                          .optimizer = "sgd",
                          .samples = FULL});
}

static group_case stale_case(const char *method, int64_t staleness, int64_t servers) {
  return (group_case){.method = method,
                      .agents = 3,
                      .lanes = 1,
                      .rule = {.staleness = staleness, .servers = servers, .meet_every = {4}},
                      .shards = 8,
                      .steps = GROUP_TOTAL_STEPS,
                      .direct = true,
                      .optimizer = "adamw",
                      .samples = FULL};
}

static void stale_runs_end_with_one_model(void **state) {
  (void)state;
  const group_case cases[] = {stale_case("bounded", 1, 0), stale_case("bounded", 5, 2),
                              stale_case("push", -1, 0),   stale_case("push", 0, 0),
                              stale_case("push", 2, 1),    stale_case("push", 2, 2)};
  for (int i = 0; i < 6; i++)
    for (int threadless = 0; threadless < 2; threadless++) {
      group_case c = cases[i];
      if (i == 4) c.rule.damped = true;
      if (i == 5) c.clip_norm = 0.5;
      if (i % 2) c.lanes = 3;
      run *r = run_hosts(&c, threadless == 1, NULL, -1);
      expect_well(r);
      expect_one_model(r);
      expect_all_samples(r);
      assert_int_equal(r->total[0].step, GROUP_TOTAL_STEPS);
      free(r);
    }
}

static void all_stop_at_one_step(void **state) {
  (void)state;
  const char *const methods[] = {"bounded", "push"};
  for (int i = 0; i < 8; i++) {
    const group_case c = stale_case(methods[i % 2], i / 4, 0);
    run *r = run_hosts(&c, i % 3 == 0, NULL, i % 3);
    expect_well(r);
    expect_one_model(r);
    expect_all_samples(r);
    assert_in_range(r->total[0].step, 1, GROUP_TOTAL_STEPS);
    free(r);
  }
}

/* A gradient that is no number is found where it is computed or where it arrives, and ends all. */
static void a_failure_of_one_ends_all(void **state) {
  static const char *const words[] = {"", " to step 3 is not finite; the last checkpoint",
                                      " to step 3 is not finite, or too large for sync.codec ("};
  (void)state;
  for (int i = 0; i < 6; i++) {
    group_case c = stale_case(i % 2 ? "push" : "bounded", 1, 0);
    c.bad_step = 3;
    c.bad_shard = 5;
    c.bad_gradient = i >= 2;
    if (i >= 4) c.codec = "int8";
    run *r = run_hosts(&c, false, NULL, -1);
    int named = 0;
    for (int h = 0; h < c.agents; h++) {
      assert_int_not_equal(r->failure[h][0].code, DDLA_OK);
      named += r->failure[h][0].code == DDLA_NON_FINITE &&
               strstr(r->failure[h][0].text, words[i / 2]) != NULL;
    }
    assert_true(named > 0);
    free(r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_staleness_bits_are_those_of_plain_training),
      cmocka_unit_test(stale_runs_end_with_one_model), cmocka_unit_test(all_stop_at_one_step),
      cmocka_unit_test(a_failure_of_one_ends_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
