/* For test_replica.h: models of all replicas, what they give and take of each other, plainly. */
#ifndef DDLA_SYNC_REPLICA_TEST_REPLICA_MODELS_H
#define DDLA_SYNC_REPLICA_TEST_REPLICA_MODELS_H

#include "sync/replica/outer_ranges.h"
#include "sync/test_group.h"

enum { REPLICAS_MAX = 6 };

/* What a step leaves: of every replica, and of all. */
typedef struct replica_models {
  group_model replica[REPLICAS_MAX];
  float global[GROUP_SPACE], global_buffers[GROUP_BUFFERS];
  float momentum[GROUP_SPACE];          /* diloco's */
  float own[REPLICAS_MAX][GROUP_SPACE]; /* admm's dual variables */
  /* Of streaming: the mean of the fragment that is under way, which may be none (-1); how it is
   * merged, and the replicas when it left. */
  float flying[GROUP_SPACE], mixing, carry;
  group_model left[REPLICAS_MAX];
  int fragment;
  double numbers[3]; /* admm's penalty and residuals */
  /* scaffold's, and sums of gradients since the exchange behind step `exchanged`. */
  float control[REPLICAS_MAX][GROUP_SPACE], all_control[GROUP_SPACE];
  float control_sum[REPLICAS_MAX][GROUP_SPACE];
  int64_t exchanged;
  /* With a codec: what messages left out of contributions, and of means. */
  float residual[REPLICAS_MAX][GROUP_SPACE], answer_residual[GROUP_SPACE];
} replica_models;

/* Shards of replica i begin where those of the one before end. Its batches are of other sizes. */
static inline group_case replica_case(const group_case *c, int replica) {
  group_case made = *c;
  made.first_shard = replica * c->shards;
  made.rule.weight = c->weights[replica];
  for (int s = 0; s < GROUP_STEPS_MAX; s++)
    made.samples[s] = c->samples[(s + replica) % GROUP_STEPS_MAX];
  return made;
}

/* Tree over the replicas [first, end) of what they gave of an element. */
static inline float replica_tree(const float *given, int first, int end) {
  if (end - first == 1) return given[first];
  const int half = (int)ddla_tree_left(end - first);
  return replica_tree(given, first, first + half) + replica_tree(given, first + half, end);
}

static inline float replica_mean(const float *given, int replicas) {
  return replica_tree(given, 0, replicas) / (float)replicas;
}

static inline bool replica_deals(const group_case *c, const char *heterogeneity) {
  return c->heterogeneity && strcmp(c->heterogeneity, heterogeneity) == 0;
}

static inline float replica_weight(const group_case *c, int replica) {
  return replica_deals(c, "weighted") ? (float)c->weights[replica] : 1;
}

/* Of the buffers of `from`, which may be the replicas themselves. */
static inline void replica_mean_of(replica_models *m, const group_case *c,
                                   const group_model *from) {
  const int replicas = c->agents;
  float given[REPLICAS_MAX];
  for (int i = 0; i < GROUP_STATISTICS; i++) {
    const int64_t places[] = {group_statistics[i].mean, group_statistics[i].variance};
    for (int p = 0; p < 2; p++)
      for (int64_t k = places[p]; k < places[p] + group_statistics[i].channels; k++) {
        for (int r = 0; r < replicas; r++) given[r] = from[r].buffers[k] * replica_weight(c, r);
        m->global_buffers[k] = replica_mean(given, replicas);
        for (int r = 0; r < replicas; r++) m->replica[r].buffers[k] = m->global_buffers[k];
      }
  }
}

static inline bool replica_is(const group_case *c, const char *method) {
  return strcmp(c->method, method) == 0;
}

/* Element k of what every replica gives. */
static inline void replica_give(float *given, const replica_models *m, const group_case *c,
                                int64_t k) {
  for (int r = 0; r < c->agents; r++) {
    const float own = m->replica[r].theta[k];
    given[r] = m->global[k] - (replica_is(c, "admm") ? own + m->own[r][k] : own);
    given[r] = given[r] * replica_weight(c, r);
  }
}

/* Element k of the global model and of all replicas, from the mean of what they gave. */
static inline void replica_take(replica_models *m, const group_case *c, int64_t k, float mean) {
  const ddla_sync_rule *rule = &c->rule;
  const float old = m->global[k];
  if (replica_is(c, "diloco") || replica_is(c, "streaming")) {
    m->momentum[k] = (float)rule->outer_momentum * m->momentum[k] + mean;
    mean = (float)rule->outer_learning_rate * (mean + (float)rule->outer_momentum * m->momentum[k]);
  }
  if (replica_is(c, "elastic")) mean = (float)rule->moving_rate * mean;
  m->global[k] = old - mean;
  for (int r = 0; r < c->agents; r++) {
    float *theta = &m->replica[r].theta[k];
    if (replica_is(c, "elastic"))
      *theta = *theta + (float)(rule->moving_rate / c->agents) * (old - *theta);
    else if (replica_is(c, "admm")) m->own[r][k] = m->own[r][k] + (*theta - m->global[k]);
    else if (replica_is(c, "streaming")) {
      const float weight = replica_weight(c, r);
      const float gone = (old - m->left[r].theta[k]) * weight / weight;
      *theta = m->mixing * *theta +
               (1 - m->mixing) * (m->global[k] + m->carry * (*theta - (old - gone)));
    } else *theta = m->global[k];
  }
}

#endif
