/* Methods of sync.mode accumulated against the same training computed plainly by one thread: equal
 * bits. Replicas are threads that exchange messages over transport "local"; each has a state of its
 * own, and lanes. */
#include "sync/replica/test_replica_equals.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "transport/local.h"

enum { LANES_MAX = 4, LINK_BYTES = 8 << 20 };

/* One run of replicas. What workers find is told by a status. */
typedef struct run {
  const group_case *c;
  const replica_models *models; /* [steps + 1] expected; null: not compared */
  ddla_local_region *link;      /* null: one replica */
  bool threadless, but_own;     /* but_own: the parameters alone are compared */
  int stop_replica, stop_step;  /* this replica asks to stop in this step; 0: never */
  int settle_at;                /* all settle behind this step; 0: never */
  int bad_replica;              /* nothing goes wrong on others; from 1; 0: on all */
  bool bad_buffers;             /* it begins with a running value that is none */
  ddla_sync_result last[REPLICAS_MAX];
  ddla_sync_traffic traffic[REPLICAS_MAX];
  ddla_failure failure[REPLICAS_MAX][LANES_MAX];
} run;

typedef struct replica_thread {
  run *r;
  int replica;
  pthread_t thread;
} replica_thread;

typedef struct worker_thread {
  run *r;
  group_agent *a;
  int worker;
  pthread_t thread;
} worker_thread;

static ddla_status check_step(const run *r, const group_agent *a, const ddla_sync_result *result) {
  const int replica = a->cluster.host;
  const replica_models *model = &r->models[result->step];
  const ddla_sync_result *expected = &model->replica[replica].result;
  if (!group_results_equal(result, expected))
    return DDLA_FAIL(INTERNAL, "step %d: another result", (int)result->step);
  if (r->but_own ? memcmp(group_array(a, a->theta, result->step), model->replica[replica].theta,
                          sizeof model->global) != 0
                 : !replica_equals(a, result->step, model))
    return DDLA_FAIL(INTERNAL, "step %d: another state than the plain one", (int)result->step);
  return DDLA_OK;
}

/* All replicas share a number each, worker by worker. */
static ddla_status check_share(run *r, group_agent *a, int worker) {
  const int lanes = r->c->lanes, places = r->c->agents * lanes;
  double *shared = ddla_state_array(a->state, a->block_norms, 0, 0);
  shared[a->cluster.host * lanes + worker] = 1.5 * (a->cluster.host * lanes + worker);
  const ddla_sync_part part = {shared, sizeof *shared, places};
  DDLA_TRY(ddla_sync_share(a->sync, worker, &part, 1));
  for (int p = 0; p < places && places <= GROUP_BLOCKS; p++)
    if (shared[p] != 1.5 * p) return DDLA_FAIL(INTERNAL, "place %d's number is %g", p, shared[p]);
  return DDLA_OK;
}

static ddla_status work(run *r, group_agent *a, int worker) {
  ddla_sync_result result = {0};
  int bad_shard = 0;
  while (ddla_sync_committed(a->control) < (uint64_t)r->c->steps && !result.stop) {
    const uint64_t next = ddla_sync_committed(a->control) + 1;
    if (a->cluster.host == r->stop_replica && next == (uint64_t)r->stop_step)
      ddla_sync_ask_stop(a->sync);
    DDLA_TRY(group_step(&result, &bad_shard, a, worker));
    if ((int)next == r->settle_at) {
      DDLA_TRY(ddla_sync_settle(a->sync, worker));
      if (!ddla_sync_settled(a->sync, worker)) return DDLA_FAIL(INTERNAL, "not settled");
    }
    if (r->models && r->c->lanes == 1) DDLA_TRY(check_step(r, a, &result));
  }
  if (worker == 0) r->last[a->cluster.host] = result;
  DDLA_TRY(check_share(r, a, worker));
  if (r->models) DDLA_TRY(check_step(r, a, &result));
  return ddla_sync_barrier(a->sync, worker);
}

static void *worker_main(void *argument) {
  worker_thread *t = argument;
  ddla_status status = work(t->r, t->a, t->worker);
  ddla_failure *failure = &t->r->failure[t->a->cluster.host][t->worker];
  if (status == DDLA_OK) return NULL;
  ddla_status_take(failure, status);
  ddla_transport_fail(t->a->transport, failure);
  if (t->a->link) ddla_transport_fail(t->a->link, failure);
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

static void *replica_main(void *argument) {
  replica_thread *t = argument;
  group_case own = replica_case(t->r->c, t->replica);
  const ddla_local_setup setup = {t->r->link, t->replica};
  ddla_transport *local = NULL, *link = NULL;
  group_agent a = {0};
  ddla_status status = ddla_transport_open(&local, "self", NULL);
  if (status == DDLA_OK && t->r->link) status = ddla_transport_open(&link, "local", &setup);
  a.threaded = !t->r->threadless;
  if (t->r->bad_replica > 0 && t->r->bad_replica != t->replica + 1) own.bad_step = 0;
  if (status == DDLA_OK) status = group_open_on(&a, &own, local, link);
  if (status == DDLA_OK && t->r->bad_buffers && t->r->bad_replica == t->replica + 1)
    ((float *)ddla_state_array(a.state, a.buffers, 0, 0))[group_statistics[0].mean] = (float)NAN;
  if (status == DDLA_OK) run_lanes(t->r, &a);
  else ddla_status_take(&t->r->failure[t->replica][0], status);
  if (a.sync) t->r->traffic[t->replica] = ddla_sync_traffic_of(a.sync);
  group_close(&a);
  ddla_transport_close(link);
  ddla_transport_close(local);
  return NULL;
}

static void run_replicas(run *r) {
  replica_thread replica[REPLICAS_MAX];
  const int replicas = r->c->agents;
  if (replicas > 1)
    assert_int_equal(ddla_local_region_create(&r->link, replicas, (size_t)replicas * LINK_BYTES),
                     DDLA_OK);
  for (int i = 0; i < replicas; i++) {
    replica[i] = (replica_thread){r, i, 0};
    assert_int_equal(pthread_create(&replica[i].thread, NULL, replica_main, &replica[i]), 0);
  }
  for (int i = 0; i < replicas; i++) pthread_join(replica[i].thread, NULL);
  ddla_local_region_destroy(r->link);
}

static void expect_well(const run *r) {
  const group_case *c = r->c;
  for (int i = 0; i < c->agents; i++)
    for (int w = 0; w < c->lanes; w++)
      if (r->failure[i][w].code != DDLA_OK)
        fail_msg("%s, %d replicas x %d lanes, interval %d, after %d, %s: replica %d, worker %d: %s",
                 c->method, c->agents, c->lanes, (int)c->rule.interval, (int)c->rule.after,
                 c->optimizer, i, w, r->failure[i][w].text);
}

static replica_models *plain(const group_case *c) {
  replica_models *models = calloc((size_t)c->steps + 1, sizeof *models);
  assert_non_null(models);
  assert_int_equal(replica_train(models, c), DDLA_OK);
  return models;
}

/* The second step leaves shards empty, the fourth whole replicas. */
#define UNEVEN                                                                                     \
  { 24, 2, 17, 0, 33, 1, 8, 64 }

static void check(group_case c) {
  replica_models *models = plain(&c);
  for (c.lanes = 1; c.lanes <= 3; c.lanes += 2)
    for (int threadless = 0; threadless < 2; threadless++) {
      run r = {.c = &c, .models = models, .threadless = threadless == 1};
      run_replicas(&r);
      expect_well(&r);
    }
  free(models);
}

static void check_intervals(group_case c) {
  for (c.agents = 1; c.agents <= REPLICAS_MAX - 1; c.agents += 1 + (c.agents == 3))
    for (c.rule.interval = 1; c.rule.interval <= 4; c.rule.interval += 1 + (c.rule.interval == 2))
      check(c);
}

static void the_mean_of_replicas_has_the_plain_bits(void **state) {
  (void)state;
  check_intervals((group_case){.method = "average",
                               .shards = 3,
                               .steps = 6,
                               .direct = true,
                               .optimizer = "sgd",
                               .samples = UNEVEN});
  check((group_case){.method = "average",
                     .agents = 3,
                     .shards = 4,
                     .steps = GROUP_TOTAL_STEPS,
                     .rule = {.interval = 3},
                     .optimizer = "adamw",
                     .clip_norm = 2,
                     .samples = UNEVEN});
  check((group_case){.method = "average",
                     .agents = 2,
                     .shards = 5,
                     .steps = 5,
                     .rule = {.interval = 2},
                     .optimizer = "lamb",
                     .samples = UNEVEN});
}

static void replicas_exchange_in_every_step_at_first(void **state) {
  (void)state;
  check((group_case){.method = "average",
                     .agents = 3,
                     .shards = 2,
                     .steps = 7,
                     .rule = {.interval = 3, .after = 2},
                     .direct = true,
                     .optimizer = "sgd",
                     .samples = UNEVEN});
}

static void outer_momentum_has_the_plain_bits(void **state) {
  (void)state;
  check_intervals((group_case){.method = "diloco",
                               .shards = 2,
                               .steps = 6,
                               .rule = {.outer_learning_rate = 0.7, .outer_momentum = 0.9},
                               .direct = true,
                               .optimizer = "adamw",
                               .samples = UNEVEN});
}

/* Which lane computes which shard of a replica never shows. Time has nothing to do with it. */
static void shards_that_move_within_a_replica_have_the_plain_bits(void **state) {
  (void)state;
  static const char *const methods[] = {"average", "diloco", "streaming", "elastic", "admm"};
  group_clock clock;
  for (int i = 0; i < 5; i++) {
    group_clock_init(&clock, (uint64_t)i, 1000);
    check((group_case){.method = methods[i],
                       .agents = 3,
                       .shards = 8,
                       .steps = GROUP_TOTAL_STEPS,
                       .rule = {.interval = 4,
                                .outer_learning_rate = 0.7,
                                .outer_momentum = 0.9,
                                .fragments = 2,
                                .delay = 1,
                                .mixing = 0.5,
                                .moving_rate = 0.9,
                                .penalty = 0.25},
                       .direct = i % 2 == 0,
                       .dynamic = true,
                       .clock = &clock.clock,
                       .optimizer = "adamw",
                       .clip_norm = i == 3 ? 2 : 0,
                       .samples = UNEVEN});
  }
}

/* An outer step of rate 1 without momentum is the mean. */
static void the_plainest_outer_step_is_the_mean(void **state) {
  (void)state;
  group_case c = {.method = "average",
                  .agents = 3,
                  .lanes = 1,
                  .shards = 2,
                  .steps = 5,
                  .rule = {.interval = 1, .outer_learning_rate = 1},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  for (c.rule.interval = 1; c.rule.interval <= 2; c.rule.interval++) {
    c.method = "average";
    replica_models *models = plain(&c);
    c.method = "diloco";
    run r = {.c = &c, .models = models, .but_own = true};
    run_replicas(&r);
    expect_well(&r);
    free(models);
  }
}

static void elastic_replicas_have_the_plain_bits(void **state) {
  (void)state;
  check_intervals((group_case){.method = "elastic",
                               .shards = 2,
                               .steps = 6,
                               .rule = {.moving_rate = 0.9},
                               .direct = true,
                               .optimizer = "sgd",
                               .samples = UNEVEN});
}

/* The penalty doubles, halves and stays, with clipping and with an optimizer that needs all of the
 * gradient. */
static void alternating_directions_have_the_plain_bits(void **state) {
  (void)state;
  check_intervals((group_case){.method = "admm",
                               .shards = 2,
                               .steps = 6,
                               .rule = {.penalty = 0.25, .penalty_ratio = 1.5},
                               .direct = true,
                               .optimizer = "sgd",
                               .samples = UNEVEN});
  check((group_case){.method = "admm",
                     .agents = 3,
                     .shards = 3,
                     .steps = 6,
                     .rule = {.interval = 2, .penalty = 8, .penalty_ratio = 10},
                     .clip_norm = 2,
                     .optimizer = "adamw",
                     .samples = UNEVEN});
  check((group_case){.method = "admm",
                     .agents = 2,
                     .shards = 3,
                     .steps = 4,
                     .rule = {.interval = 2, .penalty = 1},
                     .optimizer = "adafactor",
                     .samples = UNEVEN});
}

/* Fragments that are merged at once, later, and mixed; up to the run's end and not. */
static void streamed_fragments_have_the_plain_bits(void **state) {
  (void)state;
  static const struct {
    int64_t interval, fragments, delay;
    double mixing, carry;
  } rules[] = {{1, 1, 0, 0, 0},   {4, 2, 1, 0.5, 0}, {3, 1, 2, 0.25, 0.5}, {6, 3, 1, 0, 0},
               {5, 2, 0, 0.5, 0}, {4, 1, 3, 0, 1},   {4, 2, 1, 0, 1}};
  for (int i = 0; i < 7; i++)
    for (int replicas = 1; replicas <= 4; replicas++)
      check((group_case){.method = "streaming",
                         .codec = i == 1   ? "int8"
                                  : i == 6 ? "sign"
                                           : NULL,
                         .agents = replicas,
                         .shards = 2,
                         .steps = i == 2 ? 7 : GROUP_TOTAL_STEPS,
                         .rule = {.interval = rules[i].interval,
                                  .fragments = rules[i].fragments,
                                  .delay = rules[i].delay,
                                  .mixing = rules[i].mixing,
                                  .carry = rules[i].carry,
                                  .outer_learning_rate = 0.7,
                                  .outer_momentum = 0.9},
                         .direct = true,
                         .optimizer = "sgd",
                         .samples = UNEVEN});
}

/* What replicas exchange goes through messages, with what these leave out. */
static void codecs_have_the_plain_bits(void **state) {
  (void)state;
  static const char *const codecs[] = {"bf16", "int8", "int4", "sign", "topk", "topk2"};
  for (int i = 0; i < 6; i++)
    for (int replicas = 1; replicas <= 4; replicas++)
      check((group_case){.method = i % 2 ? "diloco" : "average",
                         .codec = codecs[i],
                         .agents = replicas,
                         .shards = 2,
                         .steps = 5,
                         .rule = {.interval = 2, .outer_learning_rate = 0.5, .outer_momentum = 0.5},
                         .direct = true,
                         .optimizer = "sgd",
                         .samples = UNEVEN});
}

/* Replicas that count by their weights: also through a codec, in fragments, and the running values
 * of batch norm. */
static void weighted_replicas_have_the_plain_bits(void **state) {
  (void)state;
  static const char *const methods[] = {"average", "diloco", "streaming", "streaming"};
  for (int i = 0; i < 4; i++)
    check((group_case){.method = methods[i],
                       .heterogeneity = "weighted",
                       .weights = {0.5, 1.75, 0.75},
                       .codec = i == 3 ? "int8" : NULL,
                       .agents = 3,
                       .shards = 2,
                       .steps = GROUP_TOTAL_STEPS,
                       .rule = {.interval = 4,
                                .outer_learning_rate = 0.7,
                                .outer_momentum = 0.9,
                                .fragments = 2,
                                .delay = 1,
                                .mixing = 0.25,
                                .carry = 0.5},
                       .direct = true,
                       .optimizer = "sgd",
                       .samples = UNEVEN});
}

/* Weights that are all 1 weigh nothing; others make another model. */
static void weights_of_one_are_the_mean(void **state) {
  (void)state;
  group_case c = {.method = "average",
                  .agents = 3,
                  .lanes = 1,
                  .shards = 2,
                  .steps = 4,
                  .rule = {.interval = 2},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  replica_models *models = plain(&c);
  c.heterogeneity = "weighted";
  for (int i = 0; i < 3; i++) c.weights[i] = 1;
  run r = {.c = &c, .models = models};
  run_replicas(&r);
  expect_well(&r);
  c.weights[0] = 0.5, c.weights[1] = 1.5;
  r = (run){.c = &c, .models = models};
  run_replicas(&r);
  bool other = false;
  for (int i = 0; i < 3; i++) other |= r.failure[i][0].code == DDLA_INTERNAL;
  assert_true(other);
  free(models);
}

static void proximal_terms_have_the_plain_bits(void **state) {
  (void)state;
  static const char *const methods[] = {"average", "diloco", "streaming"};
  static const char *const optimizers[] = {"sgd", "adafactor", "adamw"};
  for (int i = 0; i < 3; i++)
    check((group_case){.method = methods[i],
                       .heterogeneity = "fedprox",
                       .agents = 3,
                       .shards = 3,
                       .steps = GROUP_TOTAL_STEPS,
                       .rule = {.interval = 4,
                                .proximal = 0.25,
                                .outer_learning_rate = 0.7,
                                .outer_momentum = 0.9,
                                .fragments = 2,
                                .delay = 1,
                                .mixing = 0.5},
                       .clip_norm = i == 2 ? 2 : 0,
                       .direct = true,
                       .optimizer = optimizers[i],
                       .samples = UNEVEN});
}

/* With clipping, with an optimizer that needs all of the gradient, and with shards that move. */
static void control_variates_have_the_plain_bits(void **state) {
  (void)state;
  for (int replicas = 1; replicas <= 4; replicas += 3)
    check((group_case){.method = "average",
                       .heterogeneity = "scaffold",
                       .agents = replicas,
                       .shards = 2,
                       .steps = 5,
                       .rule = {.interval = 2},
                       .direct = true,
                       .optimizer = "sgd",
                       .samples = UNEVEN});
  check((group_case){
      .method = "diloco",
      .heterogeneity = "scaffold",
      .agents = 3,
      .shards = 8,
      .steps = GROUP_TOTAL_STEPS,
      .rule = {.interval = 3, .after = 2, .outer_learning_rate = 0.7, .outer_momentum = 0.9},
      .dynamic = true,
      .clip_norm = 2,
      .optimizer = "adamw",
      .samples = UNEVEN});
  check((group_case){.method = "average",
                     .heterogeneity = "scaffold",
                     .agents = 2,
                     .shards = 3,
                     .steps = 5,
                     .rule = {.interval = 2},
                     .optimizer = "adafactor",
                     .samples = UNEVEN});
}

/* Two means instead of one. */
static void control_variates_are_sent_too(void **state) {
  (void)state;
  int64_t sent[2] = {0};
  for (int i = 0; i < 2; i++) {
    group_case c = {.method = "average",
                    .heterogeneity = i ? "scaffold" : NULL,
                    .agents = 3,
                    .lanes = 1,
                    .shards = 2,
                    .steps = 4,
                    .rule = {.interval = 4},
                    .direct = true,
                    .optimizer = "sgd",
                    .samples = UNEVEN};
    run r = {.c = &c};
    run_replicas(&r);
    expect_well(&r);
    sent[i] = r.traffic[1].sent_bytes;
  }
  assert_in_range(sent[1] * 100, sent[0] * 195, sent[0] * 200);
}

/* int8 sends a quarter. */
static void a_codec_sends_less(void **state) {
  (void)state;
  int64_t sent[2] = {0};
  for (int i = 0; i < 2; i++) {
    group_case c = {.method = "average",
                    .codec = i ? "int8" : NULL,
                    .agents = 3,
                    .lanes = 1,
                    .shards = 2,
                    .steps = 4,
                    .rule = {.interval = 4},
                    .direct = true,
                    .optimizer = "sgd",
                    .samples = UNEVEN};
    run r = {.c = &c};
    run_replicas(&r);
    expect_well(&r);
    sent[i] = r.traffic[1].sent_bytes;
  }
  assert_in_range(sent[1] * 100, sent[0] * 24, sent[0] * 27);
}

/* Bytes that all of three replicas send for one exchange of the whole space. */
static int64_t sent_by_all(const char *codec) {
  group_case c = {.method = "average",
                  .codec = codec,
                  .agents = 3,
                  .lanes = 1,
                  .shards = 2,
                  .steps = 4,
                  .rule = {.interval = 4},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  run r = {.c = &c};
  run_replicas(&r);
  expect_well(&r);
  return r.traffic[0].sent_bytes + r.traffic[1].sent_bytes + r.traffic[2].sent_bytes;
}

/* A receive can only be posted ahead for what is as long as it can be: a message's own length,
 * which for sparse codecs is another each time, goes with it and not before it. */
static void messages_travel_with_their_lengths(void **state) {
  (void)state;
  static const char *const codecs[] = {"int8", "sign", "topk", "topk2"};
  const ddla_codec_options options = group_codec_options();
  const int64_t plain = sent_by_all(NULL);
  int64_t elements = 0;
  (void)ddla_outer_cut(&elements, GROUP_SPACE, 3, 0);
  for (int i = 0; i < 4; i++) {
    int64_t letters = 0;
    for (int64_t at = 0; at < GROUP_SPACE; at += elements) {
      const int64_t count = GROUP_SPACE - at < elements ? GROUP_SPACE - at : elements;
      const size_t bound = ddla_codec_bound(ddla_codec_find(codecs[i]), count, &options);
      letters += 8 + (int64_t)(bound + 7) / 8 * 8;
    }
    assert_int_equal(plain - sent_by_all(codecs[i]),
                     2 * 2 * (GROUP_SPACE * (int64_t)sizeof(float) - letters));
  }
}

/* One replica asks in step 2; all stop behind the exchange of step 3, or, where it came too late
 * for that, of step 6. */
static void all_stop_behind_the_same_exchange(void **state) {
  (void)state;
  group_case c = {.method = "average",
                  .agents = 3,
                  .lanes = 2,
                  .shards = 2,
                  .steps = 8,
                  .rule = {.interval = 3},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  run r = {.c = &c, .stop_replica = 1, .stop_step = 2};
  run_replicas(&r);
  expect_well(&r);
  for (int i = 0; i < c.agents; i++) {
    assert_true(r.last[i].stop);
    assert_int_equal(r.last[i].step, 3);
  }
}

/* Settling between exchanges is one more; a second one at the same step is none. */
static void settling_is_an_exchange(void **state) {
  (void)state;
  group_case c = {.method = "average",
                  .agents = 2,
                  .lanes = 1,
                  .shards = 2,
                  .steps = 5,
                  .rule = {.interval = 4},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN};
  int64_t sent[3] = {0};
  for (int i = 0; i < 3; i++) {
    run r = {.c = &c, .settle_at = i == 1 ? 4 : i == 2 ? 5 : 0};
    run_replicas(&r);
    expect_well(&r);
    sent[i] = r.traffic[0].sent_bytes;
  }
  assert_int_equal(sent[1], sent[0]);
  assert_true(sent[2] > sent[0] + GROUP_SPACE * (int64_t)sizeof(float) / 2);
}

/* Of R replicas each sends 2 (R - 1) / R of the parameters in an exchange, and small words. */
static void an_exchange_sends_what_it_must(void **state) {
  (void)state;
  for (int replicas = 2; replicas <= 4; replicas++) {
    group_case c = {.method = "average",
                    .agents = replicas,
                    .lanes = 1,
                    .shards = 2,
                    .steps = 4,
                    .rule = {.interval = 4},
                    .direct = true,
                    .optimizer = "sgd",
                    .samples = UNEVEN};
    run r = {.c = &c};
    int64_t sent = 0;
    run_replicas(&r);
    expect_well(&r);
    for (int i = 0; i < replicas; i++) sent += r.traffic[i].sent_bytes;
    const int64_t least = 2 * (replicas - 1) * GROUP_SPACE * (int64_t)sizeof(float);
    assert_in_range(sent, least, least + replicas * replicas * 1000);
  }
}

/* However long ranges may be: none would be the only one that adds up. */
static void every_member_owns_a_range(void **state) {
  (void)state;
  const int64_t whole = (int64_t)1 << 22; /* 16 MiB */
  for (int members = 2; members <= 8; members++)
    for (int64_t range_bytes = 0; range_bytes <= (int64_t)1 << 30; range_bytes += 1 << 26) {
      int64_t elements = 0;
      const int count = ddla_outer_cut(&elements, whole, members, range_bytes);
      assert_in_range(count, members, DDLA_OUTER_RANGES_MAX);
      assert_true((count - 1) * elements < whole && count * elements >= whole);
    }
}

static void a_replica_that_fails_ends_the_others(void **state) {
  (void)state;
  group_case c = {.method = "average",
                  .agents = 3,
                  .lanes = 2,
                  .shards = 8,
                  .steps = 6,
                  .rule = {.interval = 2},
                  .direct = true,
                  .optimizer = "sgd",
                  .samples = UNEVEN,
                  .bad_step = 3,
                  .bad_shard = 4};
  run r = {.c = &c};
  run_replicas(&r);
  int told = 0;
  for (int i = 0; i < c.agents; i++)
    for (int w = 0; w < c.lanes; w++) {
      assert_true(r.failure[i][w].code == DDLA_NON_FINITE ||
                  r.failure[i][w].code == DDLA_PEER_LOST);
      told += r.failure[i][w].code == DDLA_NON_FINITE;
    }
  assert_true(told >= 1);
}

/* Some replica says so. */
static bool says(const run *r, const char *words) {
  bool found = false;
  for (int i = 0; i < r->c->agents; i++)
    for (int w = 0; w < r->c->lanes; w++) found |= strstr(r->failure[i][w].text, words) != NULL;
  return found;
}

/* The gradient of one is infinite in step 3, and no check looks: the next exchange finds it, on the
 * owner of the range that the number is in, the first replica; with a codec at once. */
static void what_is_no_number_names_its_replica(void **state) {
  static const char *const codecs[] = {NULL, "int8", "topk"};
  (void)state;
  for (int i = 0; i < 9; i++)
    for (int threadless = 0; threadless < 2; threadless++) {
      const group_case c = {.method = i % 2 ? "diloco" : "average",
                            .codec = codecs[i / 3],
                            .agents = 3,
                            .lanes = 1,
                            .shards = 2,
                            .steps = 6,
                            .rule = {.interval = 4, .outer_learning_rate = 0.7},
                            .direct = true,
                            .optimizer = "sgd",
                            .samples = {16, 16, 16, 16, 16, 16, 16, 16},
                            .bad_step = 3,
                            .bad_gradient = true};
      run r = {.c = &c, .threadless = threadless == 1, .bad_replica = 1 + i % 3};
      char words[96];
      run_replicas(&r);
      snprintf(words, sizeof words, "the model that host %d gives behind step 4 is not finite%s",
               i % 3, c.codec ? ", or too large for sync.codec (number " : ";");
      for (int k = 0; k < c.agents; k++) assert_int_not_equal(r.failure[k][0].code, DDLA_OK);
      if (!says(&r, words)) fail_msg("%s: nobody says so, but %s", words, r.failure[0][0].text);
    }
}

static void running_values_name_their_replica(void **state) {
  (void)state;
  const group_case c = {.method = "average",
                        .agents = 3,
                        .lanes = 1,
                        .shards = 2,
                        .steps = 6,
                        .rule = {.interval = 3},
                        .direct = true,
                        .optimizer = "sgd",
                        .samples = UNEVEN};
  run r = {.c = &c, .bad_replica = 2, .bad_buffers = true};
  run_replicas(&r);
  for (int k = 0; k < c.agents; k++) assert_int_not_equal(r.failure[k][0].code, DDLA_OK);
  assert_true(says(&r, "the model that host 1 gives behind step 3 is not finite;"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_mean_of_replicas_has_the_plain_bits),
      cmocka_unit_test(replicas_exchange_in_every_step_at_first),
      cmocka_unit_test(outer_momentum_has_the_plain_bits),
      cmocka_unit_test(shards_that_move_within_a_replica_have_the_plain_bits),
      cmocka_unit_test(the_plainest_outer_step_is_the_mean),
      cmocka_unit_test(elastic_replicas_have_the_plain_bits),
      cmocka_unit_test(alternating_directions_have_the_plain_bits),
      cmocka_unit_test(streamed_fragments_have_the_plain_bits),
      cmocka_unit_test(codecs_have_the_plain_bits),
      cmocka_unit_test(weighted_replicas_have_the_plain_bits),
      cmocka_unit_test(weights_of_one_are_the_mean),
      cmocka_unit_test(proximal_terms_have_the_plain_bits),
      cmocka_unit_test(control_variates_have_the_plain_bits),
      cmocka_unit_test(control_variates_are_sent_too),
      cmocka_unit_test(a_codec_sends_less),
      cmocka_unit_test(messages_travel_with_their_lengths),
      cmocka_unit_test(all_stop_behind_the_same_exchange),
      cmocka_unit_test(settling_is_an_exchange),
      cmocka_unit_test(an_exchange_sends_what_it_must),
      cmocka_unit_test(every_member_owns_a_range),
      cmocka_unit_test(a_replica_that_fails_ends_the_others),
      cmocka_unit_test(what_is_no_number_names_its_replica),
      cmocka_unit_test(running_values_name_their_replica)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
