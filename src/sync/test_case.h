/* For tests of strategies: a small analytic model and the cases that it is trained in. No two
 * elements are alike.
 *
 * A shard's gradient at parameters p is count * (p[k] / 4 + noise(step, shard, k)); its loss is a
 * number of its own. What it observes for two statistics are numbers of its own too; between their
 * buffers lie some that never change. */
#ifndef DDLA_SYNC_TEST_CASE_H
#define DDLA_SYNC_TEST_CASE_H

#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "data/batch.h"
#include "sync/sync.h"

enum { GROUP_STEPS_MAX = 8, GROUP_SHARDS_MAX = 64, GROUP_BLOCKS = 9, GROUP_RANGES = 4 };

/* A table whose gradient is kept by row lies in the last blocks of the space, in cases that ask for
 * it. */
enum {
  GROUP_DENSE_BLOCKS = 7,
  GROUP_TABLE = GROUP_DENSE_BLOCKS * DDLA_STATE_BLOCK,
  GROUP_ROWS = 300,
  GROUP_WIDTH = 24
};

enum { GROUP_STATISTICS = 2, GROUP_BUFFERS = 40, GROUP_RECORDS = 19 };

enum { GROUP_SPACE = GROUP_BLOCKS * DDLA_STATE_BLOCK };

#define GROUP_AVERAGE_DECAY 0.75

typedef struct group_case {
  ddla_sync_rule rule;
  const char *heterogeneity;  /* null: none */
  double weights[8];          /* of replicas, with weighted */
  const char *codec;          /* null: numbers travel as they are */
  double momentum_correction; /* with a codec that has it; 0: none */
  int first_shard; /* of a replica's shards, whose numbers begin at 0, among those of all */
  int agents, lanes, shards, steps;
  const char *method; /* null: allreduce */
  int64_t range_bytes;
  bool direct;
  bool dynamic;            /* shards go to who is free */
  const ddla_clock *clock; /* by which shards are timed; null: the monotonic one */
  const char *optimizer;
  double clip_norm;
  bool sparse;                      /* with the table */
  int64_t check_every;              /* what is not finite is counted; 0: never */
  int64_t average_first;            /* a running mean is kept from this step on; 0: none */
  int64_t average_every;            /* an equal mean, over every so many steps; 0: none */
  int64_t samples[GROUP_STEPS_MAX]; /* of each step; fewer than shards leaves some empty */
  /* What goes wrong: the loss of this shard is NaN, or its gradient infinite, in this step (from 1;
   * 0: nothing). */
  int bad_step, bad_shard;
  bool bad_gradient;
  uint64_t start_step;
  const struct group_model *start; /* what start_step left; null: the beginning */
} group_case;

/* Everything that a committed step leaves. The equal mean is that of the newest step that it takes
 * up. */
typedef struct group_model {
  float theta[GROUP_SPACE], moment[DDLA_MOMENTS_MAX][GROUP_SPACE];
  float factors[2 * GROUP_SPACE], average[GROUP_SPACE];
  float buffers[GROUP_BUFFERS], average_buffers[GROUP_BUFFERS];
  ddla_sync_result result;
} group_model;

static inline const ddla_heterogeneity *group_heterogeneity(const group_case *c) {
  return c->heterogeneity ? ddla_heterogeneity_find(c->heterogeneity) : NULL;
}

/* A number from -1 to 1, another for each argument, of widely differing size. */
static inline float group_noise(uint64_t step, int shard, int64_t k) {
  uint64_t x = step * 0x9E3779B97F4A7C15u + (uint64_t)shard * 0xBF58476D1CE4E5B9u + (uint64_t)k;
  x = (x ^ x >> 31) * 0xD6E8FEB86659FD93u;
  x = (x ^ x >> 29) * 0xD6E8FEB86659FD93u;
  float unit = (float)(int32_t)(x >> 32) * 0x1p-31f;
  return ldexpf(unit, -(int)(x & 7));
}

static inline bool group_is_bad(const group_case *c, uint64_t step, int shard) {
  return c->bad_step > 0 && step + 1 == (uint64_t)c->bad_step && shard == c->bad_shard;
}

static inline float group_gradient(const group_case *c, const float *theta, uint64_t step,
                                   int shard, int64_t count, int64_t k) {
  if (c->bad_gradient && k == 5000 && group_is_bad(c, step, shard)) return INFINITY;
  return (float)count * (theta[k] * 0.25f + group_noise(step, c->first_shard + shard, k));
}

static inline double group_loss(const group_case *c, uint64_t step, int shard) {
  if (!c->bad_gradient && group_is_bad(c, step, shard)) return NAN;
  return 2.0 + (double)group_noise(step, c->first_shard + shard, -1);
}

static inline int64_t group_samples(const group_case *c, uint64_t step, int shard) {
  const ddla_batch_span whole = {0, c->samples[step % GROUP_STEPS_MAX]};
  return ddla_batch_span_count(ddla_batch_shard(whole, shard, c->shards));
}

/* Statistics of different widths; they do not touch each other, nor the buffers' borders. */
static const ddla_statistic group_statistics[GROUP_STATISTICS] = {
    {.channels = 5, .record = 0, .mean = 1, .variance = 16, .momentum = 0.125},
    {.channels = 3, .record = 12, .mean = 24, .variance = 32, .momentum = 0.4}};

/* What a shard observes; added to what is there. */
static inline void group_observe(double *record, uint64_t step, int shard, int64_t count) {
  for (int i = 0; i < GROUP_STATISTICS; i++) {
    const ddla_statistic *statistic = &group_statistics[i];
    const int64_t channels = statistic->channels;
    double seen[1 + 2 * 5] = {(double)count};
    for (int64_t c = 0; c < channels; c++) {
      seen[1 + c] = (double)group_noise(step, shard, -10 * (i + 1) - c);
      seen[1 + channels + c] =
          (double)count * fabs((double)group_noise(step, shard, -100 * (i + 1) - c));
    }
    ddla_statistic_merge(record + statistic->record, seen, channels);
  }
}

static inline ddla_codec_options group_codec_options(void) {
  ddla_codec_options options = ddla_codec_defaults();
  options.topk = 0.125;
  options.decay = 0.9375;
  return options;
}

static inline ddla_optimizer_options group_optimizer_options(void) {
  return (ddla_optimizer_options){.momentum = 0.9,
                                  .nesterov = true,
                                  .beta1 = 0.9,
                                  .beta2 = 0.99,
                                  .epsilon = 1e-8,
                                  .clip_update = 0.5,
                                  .least_scale = 0.01};
}

static inline ddla_rate_schedule group_schedule(void) {
  return (ddla_rate_schedule){
      .kind = DDLA_SCHEDULE_cosine, .rate = 0.05, .warmup_steps = 2, .final = 0.1};
}

enum { GROUP_TOTAL_STEPS = GROUP_STEPS_MAX };

/* Tells how long shards take as a test wants it: each reading is later than the one before by a
 * random time up to most_ns. */
typedef struct group_clock {
  ddla_clock clock;
  uint64_t seed, most_ns;
  _Atomic uint64_t draws;
  _Atomic int64_t now_ns;
} group_clock;

static inline int64_t group_clock_now(void *argument) {
  group_clock *c = argument;
  uint64_t x = (c->seed + atomic_fetch_add(&c->draws, 1)) * 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 31) * 0xD6E8FEB86659FD93u;
  const int64_t step_ns = 1 + (int64_t)((x ^ x >> 29) % c->most_ns);
  return atomic_fetch_add(&c->now_ns, step_ns) + step_ns;
}

static inline void group_clock_init(group_clock *c, uint64_t seed, uint64_t most_ns) {
  *c = (group_clock){.clock = {group_clock_now, c}, .seed = seed, .most_ns = most_ns};
}

/* Tensors of the space: with weight decay, without, with, without; gaps lie between them. Rows that
 * are longer than a block, vectors, rows that lie across a block's border. */
static const struct group_range {
  int64_t offset, count;
  bool decays;
  int rank;
  int64_t dim[3];
} group_ranges[GROUP_RANGES] = {{0, 9002, true, 2, {2, 4501}},
                                {9008, 33, false, 1, {33}},
                                {9056, 12000, true, 3, {100, 8, 15}},
                                {21072, 7200, false, 1, {7200}}};

static inline bool group_in_tensor(int64_t k) {
  for (int i = 0; i < GROUP_RANGES; i++)
    if (k >= group_ranges[i].offset && k < group_ranges[i].offset + group_ranges[i].count)
      return true;
  return false;
}

static inline bool group_in_table(int64_t k) {
  return k >= GROUP_TABLE && k < GROUP_TABLE + GROUP_ROWS * GROUP_WIDTH;
}

static inline void group_initialise(float *theta, float *buffers, bool sparse) {
  for (int64_t k = 0; k < GROUP_BUFFERS; k++) buffers[k] = group_noise(98, 98, k);
  for (int64_t k = 0; k < GROUP_SPACE; k++)
    theta[k] = group_in_tensor(k) || (sparse && group_in_table(k)) ? group_noise(99, 99, k) : 0;
}
/* Whether a shard with samples touches a row of the table. */
static inline bool group_touches(const group_case *c, uint64_t step, int shard, int64_t row) {
  return group_samples(c, step, shard) > 0 && group_noise(step + 7, shard, -2 - row) > 0.05f;
}

#endif
