/* For tests of replicas: the training of several of them computed plainly, one after another, and
 * the exchanges between them by plain loops. */
#ifndef DDLA_SYNC_REPLICA_TEST_REPLICA_H
#define DDLA_SYNC_REPLICA_TEST_REPLICA_H

#include "sync/replica/test_replica_models.h"

/* Sum of squares of the space, by blocks and the tree over them. */
static inline double replica_squares(const float *values) {
  double sums[GROUP_BLOCKS];
  ddla_norm_block_sums(sums, values, GROUP_SPACE, DDLA_ISA_BEST);
  return reference_tree(sums, 0, GROUP_BLOCKS);
}

/* How far replicas are from the global model. */
static inline double replica_apart(const replica_models *m, const group_case *c) {
  static float difference[GROUP_SPACE];
  double squares[REPLICAS_MAX];
  for (int r = 0; r < c->agents; r++) {
    for (int64_t k = 0; k < GROUP_SPACE; k++) difference[k] = m->replica[r].theta[k] - m->global[k];
    squares[r] = replica_squares(difference);
  }
  return sqrt(reference_tree(squares, 0, c->agents));
}

/* Boyd 3.3.1 and 3.4.1. old: the global model before the exchange. */
static inline void replica_residuals(replica_models *m, const group_case *c, const float *old) {
  static float difference[GROUP_SPACE];
  for (int64_t k = 0; k < GROUP_SPACE; k++) difference[k] = m->global[k] - old[k];
  m->numbers[1] = replica_apart(m, c);
  m->numbers[2] = m->numbers[0] * sqrt(c->agents * replica_squares(difference));
  if (c->rule.penalty_ratio <= 0) return;
  const float scale = m->numbers[1] > c->rule.penalty_ratio * m->numbers[2]   ? 0.5f
                      : m->numbers[2] > c->rule.penalty_ratio * m->numbers[1] ? 2
                                                                              : 1;
  m->numbers[0] /= (double)scale;
  for (int r = 0; r < c->agents; r++)
    for (int64_t k = 0; k < GROUP_SPACE; k++) m->own[r][k] *= scale;
}

/* What of values[count] comes out of a message, and what is left, of the elements from `at` on.
 * What is of no tensor stays zero. */
static inline ddla_status replica_pass(const group_case *c, float *all_values, float *all_residual,
                                       int64_t at, int64_t count) {
  float *values = all_values + at, *residual = all_residual + at;
  static uint8_t message[8 * GROUP_SPACE];
  static uint64_t scratch[GROUP_SPACE];
  const ddla_codec *codec = ddla_codec_find(c->codec);
  const ddla_codec_options options = group_codec_options();
  size_t bytes = 0;
  if (ddla_codec_bound(codec, count, &options) > sizeof message ||
      ddla_codec_scratch(codec, count, &options) > sizeof scratch)
    return DDLA_FAIL(INTERNAL, "no room for a message");
  DDLA_TRY(ddla_codec_encode(&bytes, message, codec,
                             &(ddla_codec_source){.values = values,
                                                  .count = count,
                                                  .options = &options,
                                                  .residual = residual,
                                                  .scratch = scratch}));
  DDLA_TRY(ddla_codec_decode_bytes(values, count, message, bytes));
  for (int64_t k = 0; k < count; k++)
    if (!group_in_tensor(at + k)) values[k] = residual[k] = 0;
  return DDLA_OK;
}

/* mean[GROUP_SPACE] of what all replicas give, which goes through messages where there is a codec:
 * range by range, as outer_ranges.h cuts them. */
static inline ddla_status replica_means(float *mean, replica_models *m, const group_case *c,
                                        int64_t begin, int64_t end) {
  static float given[REPLICAS_MAX][GROUP_SPACE];
  float one[REPLICAS_MAX];
  int64_t elements = 0;
  const bool coded = c->codec && c->agents > 1;
  (void)ddla_outer_cut(&elements, end - begin, c->agents, 0);
  for (int64_t k = begin; k < end; k++) {
    replica_give(one, m, c, k);
    for (int r = 0; r < c->agents; r++) given[r][k] = one[r];
  }
  for (int64_t at = begin; at < end; at += elements) {
    const int64_t count = end - at < elements ? end - at : elements;
    for (int r = 0; r < c->agents && coded; r++)
      DDLA_TRY(replica_pass(c, given[r], m->residual[r], at, count));
    for (int64_t k = at; k < at + count; k++) {
      for (int r = 0; r < c->agents; r++) one[r] = given[r][k];
      mean[k] = replica_mean(one, c->agents);
    }
    if (coded) DDLA_TRY(replica_pass(c, mean, m->answer_residual, at, count));
  }
  return DDLA_OK;
}

static inline ddla_status replica_exchange(replica_models *m, const group_case *c) {
  static float old[GROUP_SPACE], mean[GROUP_SPACE];
  memcpy(old, m->global, sizeof old);
  DDLA_TRY(replica_means(mean, m, c, 0, GROUP_SPACE));
  for (int64_t k = 0; k < GROUP_SPACE; k++) replica_take(m, c, k, mean[k]);
  replica_mean_of(m, c, m->replica);
  if (replica_is(c, "admm")) replica_residuals(m, c, old);
  if (replica_is(c, "elastic")) m->numbers[0] = replica_apart(m, c);
  return DDLA_OK;
}

static inline int64_t replica_border(const group_case *c, int fragment) {
  return GROUP_BLOCKS * fragment / c->rule.fragments * DDLA_STATE_BLOCK;
}

static inline ddla_status replica_post(replica_models *m, const group_case *c, int fragment) {
  m->fragment = fragment;
  memcpy(m->left, m->replica, sizeof m->left);
  return replica_means(m->flying, m, c, replica_border(c, fragment),
                       replica_border(c, fragment + 1));
}

static inline void replica_merge(replica_models *m, const group_case *c, bool goes_on) {
  if (m->fragment < 0) return;
  m->mixing = goes_on ? (float)c->rule.mixing : 0;
  m->carry = goes_on ? (float)c->rule.carry : 0;
  for (int64_t k = replica_border(c, m->fragment); k < replica_border(c, m->fragment + 1); k++)
    replica_take(m, c, k, m->flying[k]);
  if (m->fragment + 1 == c->rule.fragments) replica_mean_of(m, c, m->left);
  m->fragment = -1;
}

/* Streaming: what is due behind step `next`. Everything at the run's end. */
static inline ddla_status replica_stream(replica_models *m, const group_case *c, int64_t next) {
  const int64_t place = (next - 1) % c->rule.interval + 1, count = c->rule.fragments;
  if (next == GROUP_TOTAL_STEPS) {
    replica_merge(m, c, true);
    for (int f = 0; f < count; f++) {
      DDLA_TRY(replica_post(m, c, f));
      replica_merge(m, c, false);
    }
    return DDLA_OK;
  }
  for (int f = 0; f < count; f++) {
    const int64_t leaves = c->rule.interval * (f + 1) / count;
    if (place == leaves) DDLA_TRY(replica_post(m, c, f));
    if (m->fragment == f && (place - leaves + c->rule.interval) % c->rule.interval == c->rule.delay)
      replica_merge(m, c, true);
  }
  return DDLA_OK;
}

/* Terms beside the batch's gradient in the steps of replica r. */
static inline reference_pull replica_pull(replica_models *m, const group_case *c, int r) {
  if (replica_is(c, "admm"))
    return (reference_pull){m->global, m->own[r], (float)m->numbers[0], NULL, NULL, NULL};
  if (replica_deals(c, "fedprox"))
    return (reference_pull){.target = m->global, .weight = (float)c->rule.proximal};
  if (replica_deals(c, "scaffold"))
    return (reference_pull){
        .plus = m->all_control, .minus = m->control[r], .sum = m->control_sum[r]};
  return (reference_pull){0};
}

/* Behind an exchange after step `next`: see unequal/scaffold.c. */
static inline void replica_control(replica_models *m, const group_case *c, int64_t next) {
  const float steps = (float)(next - m->exchanged);
  float given[REPLICAS_MAX];
  m->exchanged = next;
  if (!replica_deals(c, "scaffold")) return;
  for (int64_t k = 0; k < GROUP_SPACE; k++) {
    for (int r = 0; r < c->agents; r++) {
      given[r] = m->control_sum[r][k] / steps - m->control[r][k];
      m->control[r][k] = m->control[r][k] + given[r];
      m->control_sum[r][k] = 0;
    }
    m->all_control[k] = m->all_control[k] + replica_mean(given, c->agents);
  }
}

/* models[t]: after t steps; [steps + 1]. c->agents replicas with c->shards shards each. */
static inline ddla_status replica_train(replica_models *models, const group_case *c) {
  group_reference *work = NULL;
  ddla_status status = DDLA_NEW(work, 1);
  for (int r = 0; r < c->agents; r++)
    group_initialise(models[0].replica[r].theta, models[0].replica[r].buffers, c->sparse);
  memcpy(models[0].global, models[0].replica[0].theta, sizeof models[0].global);
  memcpy(models[0].global_buffers, models[0].replica[0].buffers, sizeof models[0].global_buffers);
  models[0].fragment = -1;
  if (replica_is(c, "admm")) models[0].numbers[0] = c->rule.penalty;
  for (int t = 0; t < c->steps && status == DDLA_OK; t++) {
    const int64_t next = t + 1;
    models[t + 1] = models[t];
    for (int r = 0; r < c->agents && status == DDLA_OK; r++) {
      const group_case own = replica_case(c, r);
      work->pull = replica_pull(&models[t + 1], c, r);
      status = reference_step(&models[t + 1].replica[r], work, &own, (uint64_t)t);
    }
    const bool due =
        next <= c->rule.after || next % c->rule.interval == 0 || next == GROUP_TOTAL_STEPS;
    if (status == DDLA_OK && replica_is(c, "streaming"))
      status = replica_stream(&models[t + 1], c, next);
    else if (status == DDLA_OK && due) {
      status = replica_exchange(&models[t + 1], c);
      replica_control(&models[t + 1], c, next);
    }
  }
  for (int s = 0; work && s < GROUP_SHARDS_MAX; s++) ddla_free(work->gradient[s]);
  ddla_free(work);
  return status;
}

#endif
