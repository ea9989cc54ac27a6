/* For tests of served ranges: a small state of one tensor, and a range of it trained plainly. */
#ifndef DDLA_SYNC_TURNS_TEST_RANGES_H
#define DDLA_SYNC_TURNS_TEST_RANGES_H

#include <string.h>

#include "base/alloc.h"
#include "coll/tree.h"
#include "sync/sync.h"

enum { SMALL_RANGE_BYTES = DDLA_STATE_BLOCK * sizeof(float) };

typedef struct small_state {
  ddla_state *state;
  void *memory;
  ddla_sync_options sync; /* what servers look at */
} small_state;

static inline ddla_optimizer_options small_options(void) {
  return (ddla_optimizer_options){
      .momentum = 0.9, .nesterov = true, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8};
}

static inline float small_initial(int64_t k) { return (float)(k % 17) / 16 - 0.5f; }

static inline ddla_status small_add_rows(small_state *s, const char *optimizer, int arrays) {
  const ddla_optimizer_options options = small_options();
  ddla_state_row row = {.name = "theta", .parameter_shaped = true, .versions = 2, .copies = 1};
  const int moments = ddla_optimizer_moments(ddla_optimizer_find(optimizer), &options);
  DDLA_TRY(ddla_state_add(&s->sync.theta, s->state, &row));
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) {
    row.name = (const char *const[]){"first", "second", "third"}[m];
    s->sync.moment[m] = -1;
    if (m < moments) DDLA_TRY(ddla_state_add(&s->sync.moment[m], s->state, &row));
  }
  row.versions = 1;
  for (int i = 0; i < arrays; i++) {
    row.name = (const char *const[]){"array 0", "array 1", "array 2"}[i];
    DDLA_TRY(ddla_state_add(&s->sync.arrays[i], s->state, &row));
  }
  return DDLA_OK;
}

/* One tensor of so many whole blocks, at version `start`; with so many arrays of the strategy, at
 * most 3. */
static inline ddla_status small_open_with(small_state *s, int blocks, const char *optimizer,
                                          int64_t start, int64_t total, int arrays) {
  const int64_t space = (int64_t)blocks * DDLA_STATE_BLOCK;
  const ddla_state_range range = {
      .name = "w", .shape = DDLA_SHAPE(space), .count = space, .decays = true};
  unsigned char *memory = NULL;
  *s = (small_state){.sync = {.average = -1, .average_buffers = -1}};
  DDLA_TRY(ddla_state_create(&s->state, space, &range, 1));
  DDLA_TRY(small_add_rows(s, optimizer, arrays));
  DDLA_TRY(DDLA_NEW(memory, ddla_state_bytes(s->state)));
  s->memory = memory;
  ddla_state_bind(s->state, memory);
  s->sync.state = s->state;
  s->sync.optimizer = ddla_optimizer_find(optimizer);
  s->sync.optimizer_options = small_options();
  s->sync.schedule = (ddla_rate_schedule){.kind = DDLA_SCHEDULE_linear, .rate = 0.05};
  s->sync.weight_decay = 0.01;
  s->sync.start_step = (uint64_t)start;
  s->sync.total_steps = total;
  float *theta = ddla_state_array(s->state, s->sync.theta, (uint64_t)start, 0);
  for (int64_t k = 0; k < space; k++) theta[k] = small_initial(k);
  return DDLA_OK;
}

static inline ddla_status small_open(small_state *s, int blocks, const char *optimizer,
                                     int64_t start, int64_t total) {
  return small_open_with(s, blocks, optimizer, start, total, 0);
}

static inline void small_close(small_state *s) {
  ddla_state_destroy(s->state);
  ddla_free(s->memory);
}

/* A range as it is trained without servers, letters and hosts. */
typedef struct plain_range {
  int64_t begin, version;
  float theta[DDLA_STATE_BLOCK], moment[DDLA_MOMENTS_MAX][DDLA_STATE_BLOCK];
} plain_range;

static inline void plain_begin(plain_range *r, int64_t begin, int64_t version) {
  memset(r, 0, sizeof *r);
  r->begin = begin;
  r->version = version;
  for (int64_t k = 0; k < DDLA_STATE_BLOCK; k++) r->theta[k] = small_initial(begin + k);
}

/* The next version, from the sum over `count` samples; scaled, and slowed down, where these are not
 * 1. */
static inline void plain_update(plain_range *r, const ddla_sync_options *sync,
                                const float *gradient, double count, double factor, double slow) {
  const double rate =
      ddla_rate_schedule_at(&sync->schedule, r->version + 1, sync->total_steps) / slow;
  ddla_update update = {.count = DDLA_STATE_BLOCK,
                        .gradient = gradient,
                        .theta = r->theta,
                        .theta_next = r->theta,
                        .gradient_scale = 1 / count * factor,
                        .learning_rate = rate,
                        .weight_decay = sync->weight_decay,
                        .step = r->version + 1,
                        .options = &sync->optimizer_options};
  for (int m = 0; m < DDLA_MOMENTS_MAX && sync->moment[m] >= 0; m++)
    update.moment[m] = update.moment_next[m] = r->moment[m];
  sync->optimizer->update(&update);
  r->version++;
}

/* The state has this version of the range, with moments where it is served. */
static inline bool plain_equals(const plain_range *r, const small_state *s, bool served) {
  const uint64_t version = (uint64_t)r->version;
  const size_t bytes = sizeof r->theta;
  const float *theta = ddla_state_array(s->state, s->sync.theta, version, 0);
  if (memcmp(theta + r->begin, r->theta, bytes) != 0) return false;
  for (int m = 0; served && m < DDLA_MOMENTS_MAX && s->sync.moment[m] >= 0; m++) {
    const float *moment = ddla_state_array(s->state, s->sync.moment[m], version, 0);
    if (memcmp(moment + r->begin, r->moment[m], bytes) != 0) return false;
  }
  return true;
}

/* leaf[i] is the i-th shard's; null: it has none. The sum of shards [first, first + count) in the
 * fixed tree; false: all have none. */
static inline bool plain_tree(float *out, const float *const *leaf, int first, int count) {
  float right[DDLA_STATE_BLOCK];
  const int left = count > 1 ? (int)ddla_tree_left(count) : 0;
  if (count == 1) {
    if (leaf[first]) memcpy(out, leaf[first], sizeof right);
    return leaf[first] != NULL;
  }
  const bool has_left = plain_tree(out, leaf, first, left);
  const bool has_right = plain_tree(has_left ? right : out, leaf, first + left, count - left);
  for (int64_t k = 0; has_left && has_right && k < DDLA_STATE_BLOCK; k++)
    out[k] = out[k] + right[k];
  return has_left || has_right;
}

#endif
