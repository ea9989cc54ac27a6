/* A server of ranges: sums of a step in the fixed tree whatever comes first, updates on arrival,
 * bounds, staleness, limits, and the news that go out. Host 0 of three serves all ranges. */
#include "sync/turns/served.h"

#include <math.h>

#include "base/rng.h"
#include "sync/turns/sums.h"
#include "sync/turns/test_post.h"
#include "sync/turns/test_ranges.h"
#include "watch/reader.h"

enum { HOSTS = 3, RANGES = 3, SHARDS_MAX = 13, START = 5, TOTAL = 200, NEWS_MAX = 64 };

/* What a host hears. */
typedef struct reader_log {
  int count;
  ddla_letter letter[NEWS_MAX];
  float first[NEWS_MAX], body[DDLA_STATE_BLOCK];
} reader_log;

typedef struct counter {
  post p;
  ddla_bridge_layout layout;
  small_state state;
  ddla_served *served;
  reader_log log[HOSTS];
  int64_t version[RANGES], settled[TOTAL], settled_count;
  ddla_watch *watch; /* null: nobody watches */
} counter;

/* ---- calls ---- */

static counter *open_counter;
static ddla_watch_lane *const *open_pens; /* of the next one; null: nobody watches */

static ddla_status place(void **out, void *argument, int from, const ddla_letter *letter) {
  (void)from;
  (void)letter;
  *out = ((reader_log *)argument)->body;
  return DDLA_OK;
}

static ddla_status deliver_news(void *argument, int from, const ddla_letter *letter, void *data) {
  reader_log *log = argument;
  if (from != 0 || letter->kind != DDLA_LETTER_NEWS || log->count == NEWS_MAX)
    return DDLA_FAIL(INTERNAL, "what is that?");
  log->letter[log->count] = *letter;
  log->first[log->count++] = *(const float *)data;
  return DDLA_OK;
}

static void sent(void *argument, int to, const ddla_letter *letter, const void *data) {
  (void)argument;
  ddla_served_sent(open_counter->served, to, letter, data);
}

static void changed(void *argument, int range, int64_t version) {
  counter *c = argument;
  assert_int_equal(version, c->version[range] + 1);
  c->version[range] = version;
}

static void settled(void *argument, int64_t step) {
  counter *c = argument;
  c->settled[c->settled_count++] = step;
}

/* ---- beginning and end ---- */

static counter *open_with(int shards, ddla_served_options options) {
  counter *c = calloc(1, sizeof *c);
  assert_non_null(c);
  const ddla_cluster cluster = {.hosts = HOSTS, .first = {0, 1, 2, 3}};
  void *argument[HOSTS];
  for (int h = 0; h < HOSTS; h++) argument[h] = &c->log[h];
  open_counter = c;
  post_open(&c->p, HOSTS, (ddla_mail_calls){place, deliver_news, sent, NULL}, argument);
  assert_int_equal(small_open(&c->state, RANGES, "adamw", START, TOTAL), DDLA_OK);
  assert_int_equal(ddla_bridge_layout_make(&c->layout, &cluster, shards, 1,
                                           ddla_state_dense(c->state.state), SMALL_RANGE_BYTES),
                   DDLA_OK);
  ddla_bridge_layout_own(&c->layout, 1);
  assert_int_equal(c->layout.ranges, RANGES);
  options.mail = c->p.mail[0];
  options.layout = &c->layout;
  options.sync = &c->state.sync;
  c->state.sync.watch = open_pens;
  options.changed = changed;
  options.settled = settled;
  options.argument = c;
  for (int r = 0; r < RANGES; r++) c->version[r] = START;
  assert_int_equal(ddla_served_create(&c->served, &options), DDLA_OK);
  ddla_served_limit(c->served, TOTAL);
  return c;
}

/* The server's agent is watched. */
static counter *open_watched(ddla_served_options options) {
  ddla_watch *watch = NULL;
  const ddla_watch_options watched = {.agents = 1, .lanes = 1};
  assert_int_equal(ddla_watch_create(&watch, &watched), DDLA_OK);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0), *const pens[] = {&pen};
  open_pens = pens; /* which is copied */
  counter *c = open_with(1, options);
  open_pens = NULL;
  c->watch = watch;
  return c;
}

static void shut(counter *c) {
  post_close(&c->p);
  ddla_served_destroy(c->served);
  ddla_watch_destroy(c->watch);
  small_close(&c->state);
  free(c);
}

/* ---- contributions ---- */

static float gradient_of(int64_t step, int shard, int range, int64_t k) {
  const uint64_t x = ddla_rng_key((uint64_t)step, DDLA_PURPOSE_TEST, (uint64_t)(shard * 8 + range),
                                  (uint64_t)k / 64);
  return ((float)(x % 2001) - 1000) / 777 * (1 + (float)(k % 64) / 64);
}

static ddla_letter_sums sums_of(int shard) {
  return (ddla_letter_sums){.loss = 0.1 * (shard + 1),
                            .count = 3 + shard % 2,
                            .correct = shard,
                            .samples = 3 + shard % 2};
}

static ddla_letter push_of(const counter *c, int64_t step, int64_t version, int range, int first,
                           int end) {
  ddla_letter_sums sums[SHARDS_MAX];
  ddla_tree_part part[SHARDS_MAX];
  for (int s = first; s < end; s++) {
    sums[s - first] = sums_of(s);
    part[s - first] = (ddla_tree_part){s, 1};
  }
  return (ddla_letter){.kind = DDLA_LETTER_PUSH,
                       .range = range,
                       .step = step,
                       .version = version,
                       .first = first,
                       .end = end,
                       .sums = ddla_sums_tree(sums, part, end - first, c->layout.shards),
                       .number = 1,
                       .bytes = SMALL_RANGE_BYTES};
}

/* A letter's data: what its shards have added up to. Some of `absent` may have none. */
static ddla_status push(counter *c, int from, ddla_letter letter, const bool *absent) {
  static float leaf[SHARDS_MAX][DDLA_STATE_BLOCK];
  const float *leaves[SHARDS_MAX] = {NULL};
  float sum[DDLA_STATE_BLOCK];
  void *data = NULL;
  for (int s = letter.first; s < letter.end; s++) {
    if (absent && absent[s]) continue;
    for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
      leaf[s][k] = gradient_of(letter.step, s, letter.range, k);
    leaves[s] = leaf[s];
  }
  if (!plain_tree(sum, leaves, letter.first, letter.end - letter.first)) letter.bytes = 0;
  if (letter.bytes > 0) {
    DDLA_TRY(ddla_served_place(&data, c->served, &letter));
    memcpy(data, sum, sizeof sum);
  }
  return ddla_served_deliver(c->served, from, &letter, data);
}

static void take(counter *c, int from, int64_t step, int range, int first, int end) {
  const ddla_letter letter = push_of(c, step, step, range, first, end);
  assert_int_equal(push(c, from, letter, NULL), DDLA_OK);
}

static void take_step(counter *c, int from, int64_t step) {
  for (int r = 0; r < RANGES; r++) take(c, from, step, r, 0, c->layout.shards);
}

static void serve(counter *c) {
  for (bool moved = true; moved;) {
    moved = false;
    assert_int_equal(ddla_served_advance(c->served, &moved), DDLA_OK);
  }
}

static int64_t begin_of(const counter *c, int range) {
  int64_t begin = 0, count = 0;
  ddla_bridge_range(&c->layout, range, &begin, &count);
  return begin;
}

/* A plain step of all shards, of which some are absent. */
static void plain_step(plain_range *r, const counter *c, int range, const bool *absent) {
  static float leaf[SHARDS_MAX][DDLA_STATE_BLOCK];
  const float *leaves[SHARDS_MAX] = {NULL};
  float sum[DDLA_STATE_BLOCK] = {0};
  double counts = 0;
  for (int s = 0; s < c->layout.shards; s++) {
    counts += sums_of(s).count; /* whole numbers */
    if (absent && absent[s]) continue;
    for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++)
      leaf[s][k] = gradient_of(r->version, s, range, k);
    leaves[s] = leaf[s];
  }
  (void)plain_tree(sum, leaves, 0, c->layout.shards);
  plain_update(r, &c->state.sync, sum, counts, 1, 1);
}

/* ---- by step ---- */

/* Contributions of three steps, of grains of all sizes, in any order, some without data. */
static void one_order(uint64_t seed) {
  enum { STEPS = 3 };
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 53, 0));
  const int shards = 1 + (int)ddla_rng_below(&rng, SHARDS_MAX);
  int grain = 1, count = 0;
  while (ddla_rng_below(&rng, 2) && shards % (2 * grain) == 0) grain *= 2;
  counter *c = open_with(shards, (ddla_served_options){.bound = 3});
  bool absent[SHARDS_MAX] = {false};
  ddla_letter letter[STEPS * RANGES * SHARDS_MAX];
  for (int s = 0; s < shards; s++) absent[s] = seed % 4 == 0 && ddla_rng_below(&rng, 3) > 0;
  for (int64_t step = START; step < START + STEPS; step++)
    for (int r = 0; r < RANGES; r++)
      for (int s = 0; s < shards; s += grain)
        letter[count++] = push_of(c, step, START, r, s, s + grain);
  for (int i = count - 1; i > 0; i--) {
    const int k = (int)ddla_rng_below(&rng, (uint64_t)i + 1);
    const ddla_letter other = letter[k];
    letter[k] = letter[i];
    letter[i] = other;
  }
  for (int i = 0; i < count; i++) {
    assert_int_equal(push(c, i % HOSTS, letter[i], absent), DDLA_OK);
    if (ddla_rng_below(&rng, 2)) serve(c);
  }
  serve(c);
  for (int r = 0; r < RANGES; r++) {
    plain_range plain;
    plain_begin(&plain, begin_of(c, r), START);
    for (int i = 0; i < STEPS; i++) plain_step(&plain, c, r, absent);
    assert_int_equal(c->version[r], START + STEPS);
    assert_true(plain_equals(&plain, &c->state, true));
    const ddla_served_past past = ddla_served_past_of(c->served, r);
    assert_int_equal(past.sums.correct, STEPS * shards * (shards - 1) / 2);
    assert_true(past.learning_rate ==
                ddla_rate_schedule_at(&c->state.sync.schedule, START + STEPS, TOTAL));
  }
  assert_int_equal(c->settled_count, STEPS);
  for (int i = 0; i < STEPS; i++) assert_int_equal(c->settled[i], START + i);
  shut(c);
}

static void a_step_is_the_tree_over_its_shards(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 60; seed++) one_order(seed);
}

static void fails(ddla_status status, ddla_status code, const char *words) {
  assert_int_equal(status, code);
  assert_non_null(strstr(ddla_status_message(status), words));
}

static void bounds_are_kept(void **state) {
  (void)state;
  counter *c = open_with(4, (ddla_served_options){.bound = 2});
  take(c, 1, 7, 0, 0, 2);
  fails(push(c, 2, push_of(c, 8, 5, 0, 0, 1), NULL), DDLA_INTERNAL, "host 2 computed step 8");
  fails(push(c, 1, push_of(c, 7, 7, 0, 1, 2), NULL), DDLA_INTERNAL, "twice");
  take_step(c, 0, START);
  serve(c);
  fails(push(c, 2, push_of(c, START, START, 1, 2, 4), NULL), DDLA_INTERNAL, "twice");
  shut(c);
}

static void what_is_no_number_names_its_sender(void **state) {
  (void)state;
  counter *c = open_with(2, (ddla_served_options){.bound = 0});
  const ddla_letter letter = push_of(c, START, START, 2, 0, 2);
  void *data = NULL;
  assert_int_equal(ddla_served_place(&data, c->served, &letter), DDLA_OK);
  ((float *)data)[4000] = (float)NAN;
  fails(ddla_served_deliver(c->served, 2, &letter, data), DDLA_NON_FINITE,
        "the gradient that host 2 gives to step 6 is not finite");
  shut(c);
}

static void wrong_ranges_are_refused(void **state) {
  (void)state;
  counter *c = open_with(2, (ddla_served_options){.bound = 0});
  void *data = NULL;
  ddla_letter letter = push_of(c, START, START, RANGES, 0, 2);
  assert_int_equal(ddla_served_place(&data, c->served, &letter), DDLA_CORRUPT);
  assert_int_equal(ddla_served_deliver(c->served, 1, &letter, NULL), DDLA_CORRUPT);
  letter = push_of(c, START, START, 1, 0, 2);
  letter.bytes++;
  assert_int_equal(ddla_served_place(&data, c->served, &letter), DDLA_CORRUPT);
  shut(c);
}

static void nothing_is_made_above_the_limit(void **state) {
  (void)state;
  counter *c = open_with(2, (ddla_served_options){.bound = 5});
  ddla_served_limit(c->served, START + 1);
  for (int64_t step = START; step < START + 3; step++) take_step(c, 1, step);
  serve(c);
  for (int r = 0; r < RANGES; r++) assert_int_equal(c->version[r], START + 1);
  ddla_served_limit(c->served, START + 3);
  serve(c);
  for (int r = 0; r < RANGES; r++) assert_int_equal(c->version[r], START + 3);
  shut(c);
}

/* Two of four shards are enough; what comes late is let go. */
static void some_shards_are_not_waited_for(void **state) {
  (void)state;
  counter *c = open_with(4, (ddla_served_options){.bound = 3, .missing = 2});
  for (int r = 0; r < RANGES; r++) {
    take(c, 1, START, r, 3, 4);
    serve(c);
    assert_int_equal(c->version[r], START);
    take(c, 2, START, r, 0, 1);
    serve(c);
    assert_int_equal(c->version[r], START + 1);
    take(c, 2, START, r, 1, 2);
    serve(c);
    assert_int_equal(c->version[r], START + 1);
  }
  const bool absent[] = {false, true, true, false};
  plain_range plain;
  const float *leaves[4] = {NULL};
  float leaf[2][DDLA_STATE_BLOCK], sum[DDLA_STATE_BLOCK];
  plain_begin(&plain, begin_of(c, 1), START);
  for (int s = 0; s < 4; s += 3) {
    for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) leaf[s / 3][k] = gradient_of(START, s, 1, k);
    leaves[s] = absent[s] ? NULL : leaf[s / 3];
  }
  assert_true(plain_tree(sum, leaves, 0, 4));
  plain_update(&plain, &c->state.sync, sum, sums_of(0).count + sums_of(3).count, 1, 1);
  assert_true(plain_equals(&plain, &c->state, true));
  shut(c);
}

/* By step, all hosts hear of every version, or of a later one. */
static void all_hosts_get_news(void **state) {
  (void)state;
  counter *c = open_with(2, (ddla_served_options){.bound = 9});
  for (int64_t step = START; step < START + 6; step++) {
    take_step(c, 1, step);
    serve(c);
  }
  for (int i = 0; i < 3; i++) { /* what was passed over while letters were under way follows */
    post_deliver(&c->p);
    serve(c);
  }
  for (int h = 1; h < HOSTS; h++) {
    int64_t newest[RANGES] = {START, START, START};
    for (int i = 0; i < c->log[h].count; i++) {
      const ddla_letter *letter = &c->log[h].letter[i];
      assert_true(letter->version > newest[letter->range]);
      newest[letter->range] = letter->version;
    }
    for (int r = 0; r < RANGES; r++) assert_int_equal(newest[r], START + 6);
    assert_true(c->log[h].count < 6 * RANGES); /* one at a time is under way */
    const int last = c->log[h].count - 1;
    const int range = c->log[h].letter[last].range;
    int64_t version = 0;
    const float *parameters = ddla_served_parameters(c->served, range, &version);
    assert_int_equal(version, START + 6);
    assert_true(c->log[h].first[last] == parameters[0]);
  }
  shut(c);
}

/* ---- on arrival ---- */

static void every_contribution_is_an_update(void **state) {
  (void)state;
  counter *c = open_with(4, (ddla_served_options){.on_arrival = true, .bound = -1});
  const int64_t order[] = {7, 5, 6, 9, 8};
  plain_range plain;
  plain_begin(&plain, begin_of(c, 1), START);
  for (int i = 0; i < 5; i++) {
    float sum[DDLA_STATE_BLOCK];
    static float leaf[4][DDLA_STATE_BLOCK];
    const float *leaves[] = {leaf[0], leaf[1], leaf[2], leaf[3]};
    for (int s = 0; s < 4; s++)
      for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) leaf[s][k] = gradient_of(order[i], s, 1, k);
    assert_true(plain_tree(sum, leaves, 0, 4));
    for (int r = 0; r < RANGES; r++) {
      ddla_letter letter = push_of(c, order[i], START, r, 0, 4);
      letter.number = 0.25 * (i + 1);
      assert_int_equal(push(c, 1 + i % 2, letter, NULL), DDLA_OK);
      if (i % 2) serve(c);
    }
    plain_update(&plain, &c->state.sync, sum, 14, 0.25 * (i + 1), 1);
  }
  serve(c);
  assert_int_equal(c->version[1], START + 5);
  assert_true(plain_equals(&plain, &c->state, true));
  assert_int_equal(ddla_served_applied(c->served, 1), 0); /* of host 0 itself */
  assert_int_equal(c->settled_count, 5);
  for (int i = 0; i < 5; i++) assert_int_equal(c->settled[i], order[i]);
  shut(c);
}

/* A step is settled when it has reached all ranges. */
static void steps_are_settled_range_by_range(void **state) {
  (void)state;
  counter *c = open_with(4, (ddla_served_options){.on_arrival = true, .bound = -1});
  take(c, 1, 8, 0, 0, 4);
  take(c, 2, 9, 0, 0, 4);
  take(c, 2, 9, 1, 0, 4);
  take(c, 1, 8, 1, 0, 4);
  serve(c);
  assert_int_equal(c->settled_count, 0);
  take(c, 2, 9, 2, 0, 4);
  serve(c);
  assert_int_equal(c->settled_count, 1);
  assert_int_equal(c->settled[0], 9);
  take(c, 1, 8, 2, 0, 4);
  serve(c);
  assert_int_equal(c->settled_count, 2);
  assert_int_equal(c->settled[1], 8);
  shut(c);
}

static void staleness_is_counted(void **state) {
  (void)state;
  counter *c = open_watched((ddla_served_options){.on_arrival = true, .bound = -1});
  const int64_t stale[] = {0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 18}, class[] = {1, 1, 1, 2, 2, 2, 2};
  int64_t sum = 0;
  for (int i = 0; i < 20; i++) { /* so that there are versions before */
    assert_int_equal(push(c, 1, push_of(c, i, START + i, 0, 0, 1), NULL), DDLA_OK);
    serve(c);
  }
  assert_int_equal(ddla_served_staleness(c->served)->count[0], 20);
  for (int i = 0; i < 11; i++) {
    assert_int_equal(push(c, 2, push_of(c, 20 + i, c->version[0] - stale[i], 0, 0, 1), NULL),
                     DDLA_OK);
    serve(c);
    sum += stale[i];
  }
  const ddla_staleness *found = ddla_served_staleness(c->served);
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++)
    assert_int_equal(found->count[i], class[i] + (i == 0 ? 20 : 0));
  assert_int_equal(found->contributions, 31);
  assert_int_equal(found->sum, sum);
  assert_int_equal(found->most, 18);
  const ddla_staleness seen = ddla_watch_staleness_of(c->watch);
  assert_memory_equal(&seen, found, sizeof seen); /* by who watches, at any time */
  shut(c);
}

static void stale_updates_are_damped(void **state) {
  (void)state;
  const int64_t stale[] = {0, 0, 1, 2, 3};
  counter *c = open_with(1, (ddla_served_options){.on_arrival = true, .bound = -1, .damped = true});
  plain_range plain;
  plain_begin(&plain, begin_of(c, 0), START);
  for (int i = 0; i < 5; i++) {
    float gradient[DDLA_STATE_BLOCK];
    for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) gradient[k] = gradient_of(i, 0, 0, k);
    assert_int_equal(push(c, 1, push_of(c, i, c->version[0] - stale[i], 0, 0, 1), NULL), DDLA_OK);
    serve(c);
    const double slow = stale[i] > 1 ? (double)stale[i] : 1;
    plain_update(&plain, &c->state.sync, gradient, 3, 1, slow);
    assert_true(ddla_served_past_of(c->served, 0).learning_rate ==
                ddla_rate_schedule_at(&c->state.sync.schedule, c->version[0], TOTAL) / slow);
  }
  assert_true(plain_equals(&plain, &c->state, true));
  shut(c);
}

/* A mean gradient g of parameters that were `then` is, now, g + lambda g g (now - then). */
static void plain_compensate(float *g, double mean, float lambda, const float *then,
                             const float *now) {
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) {
    g[k] *= (float)mean;
    g[k] += lambda * g[k] * g[k] * (now[k] - then[k]);
  }
}

/* Every version from the gradient of one before, some of them older than those that are kept. */
static void stale_gradients_are_compensated(void **state) {
  (void)state;
  enum { KEPT = 4 };
  const int64_t stale[] = {0, 1, 0, 2, 3, 3, 0, 5, 7, 1};
  counter *c =
      open_with(1, (ddla_served_options){
                       .on_arrival = true, .bound = -1, .compensation = 0.5, .versions = KEPT});
  static float version[11][DDLA_STATE_BLOCK];
  plain_range plain;
  plain_begin(&plain, begin_of(c, 0), START);
  for (int i = 0; i < 10; i++) {
    float gradient[DDLA_STATE_BLOCK];
    const int64_t then = stale[i] < KEPT ? i - stale[i] : i - KEPT + 1;
    ddla_letter letter = push_of(c, i, c->version[0] - stale[i], 0, 0, 1);
    letter.number = 0.75; /* clipped, too */
    memcpy(version[i], plain.theta, sizeof version[i]);
    for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) gradient[k] = gradient_of(i, 0, 0, k);
    assert_int_equal(push(c, 1, letter, NULL), DDLA_OK);
    serve(c);
    plain_compensate(gradient, 1.0 / 3 * 0.75, 0.5f, version[then], version[i]);
    plain_update(&plain, &c->state.sync, gradient, 1, 1, 1);
    assert_true(plain_equals(&plain, &c->state, true));
  }
  shut(c);
}

/* Who contributes is told what came of it; the others when the limit is reached. */
static void contributors_get_news(void **state) {
  (void)state;
  counter *c = open_with(1, (ddla_served_options){.on_arrival = true, .bound = -1});
  ddla_served_limit(c->served, START + 3);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(push(c, 2, push_of(c, i, START, 0, 0, 1), NULL), DDLA_OK);
    serve(c);
    post_deliver(&c->p);
  }
  assert_int_equal(c->log[1].count, 0);
  assert_int_equal(c->log[2].count, 2);
  assert_int_equal(c->log[2].letter[1].applied, 2);
  assert_int_equal(c->log[2].letter[1].version, START + 2);
  assert_int_equal(c->log[2].letter[1].sums.samples, 6);
  assert_int_equal(push(c, 0, push_of(c, 2, START, 0, 0, 1), NULL), DDLA_OK);
  serve(c);
  post_deliver(&c->p);
  assert_int_equal(ddla_served_applied(c->served, 0), 1);
  for (int h = 1; h < HOSTS; h++)
    assert_int_equal(c->log[h].letter[c->log[h].count - 1].version, START + 3);
  assert_int_equal(c->log[1].count, 1);
  assert_int_equal(c->log[1].letter[0].applied, 0);
  shut(c);
}

/* Contributions that wait, news under way, bytes that are coming: all of it ends with the server.
 */
static void what_is_there_ends_with_it(void **state) {
  (void)state;
  counter *c = open_with(2, (ddla_served_options){.bound = 9});
  const ddla_letter coming = push_of(c, START + 2, START, 2, 0, 2);
  void *data = NULL;
  take_step(c, 1, START);
  take(c, 1, START + 1, 0, 0, 1);
  serve(c);
  assert_int_equal(ddla_served_place(&data, c->served, &coming), DDLA_OK);
  shut(c); /* without a leak */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_is_the_tree_over_its_shards),
                                     cmocka_unit_test(bounds_are_kept),
                                     cmocka_unit_test(what_is_no_number_names_its_sender),
                                     cmocka_unit_test(wrong_ranges_are_refused),
                                     cmocka_unit_test(nothing_is_made_above_the_limit),
                                     cmocka_unit_test(some_shards_are_not_waited_for),
                                     cmocka_unit_test(all_hosts_get_news),
                                     cmocka_unit_test(every_contribution_is_an_update),
                                     cmocka_unit_test(steps_are_settled_range_by_range),
                                     cmocka_unit_test(staleness_is_counted),
                                     cmocka_unit_test(stale_updates_are_damped),
                                     cmocka_unit_test(stale_gradients_are_compensated),
                                     cmocka_unit_test(contributors_get_news),
                                     cmocka_unit_test(what_is_there_ends_with_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
