/* Whether a replica is where the plain loops of test_replica.h have it. */
#ifndef DDLA_SYNC_REPLICA_TEST_REPLICA_EQUALS_H
#define DDLA_SYNC_REPLICA_TEST_REPLICA_EQUALS_H

#include "sync/replica/test_replica.h"

/* True where what codecs left out is the model's; of means, in the ranges that are this host's. */
static inline bool replica_residuals_equal(const group_agent *a, const replica_models *m) {
  const ddla_outer_options options = {.cluster = &a->cluster};
  const float *answer = group_array(a, a->answer_residual, 0);
  if (replica_is(a->c, "streaming")) return true; /* some of it may be under way */
  for (int64_t k = 0; k < GROUP_SPACE; k += DDLA_STATE_BLOCK) {
    static const float zero[DDLA_STATE_BLOCK];
    const bool owns = ddla_outer_owns(&options, 0, GROUP_SPACE, k);
    if (memcmp(answer + k, owns ? m->answer_residual + k : zero, sizeof zero) != 0) return false;
  }
  return memcmp(group_array(a, a->residual, 0), m->residual[a->cluster.host],
                sizeof m->answer_residual) == 0;
}

/* True where the row of array `place` of what is done about replicas' data has these values. */
static inline bool replica_array_equals(const group_agent *a, int place, const float *values) {
  const int row = a->arrays[group_strategy(a->c)->array_count + place];
  return memcmp(group_array(a, row, 0), values, GROUP_SPACE * sizeof *values) == 0;
}

static inline bool replica_control_equals(const group_agent *a, const replica_models *m) {
  const int replica = a->cluster.host;
  return replica_array_equals(a, 0, m->control[replica]) &&
         replica_array_equals(a, 1, m->all_control) &&
         replica_array_equals(a, 2, m->control_sum[replica]);
}

/* True where what the method keeps is the model's. */
static inline bool replica_own_equals(const group_agent *a, const replica_models *m) {
  if (a->c->codec && !replica_residuals_equal(a, m)) return false;
  if (replica_deals(a->c, "scaffold") && !replica_control_equals(a, m)) return false;
  const float *own = NULL;
  if (group_strategy(a->c)->array_count > 3) own = group_array(a, a->arrays[3], 0);
  if ((replica_is(a->c, "diloco") || replica_is(a->c, "streaming")) &&
      memcmp(own, m->momentum, sizeof m->momentum) != 0)
    return false;
  if (replica_is(a->c, "admm") && memcmp(own, m->own[a->cluster.host], sizeof m->own[0]) != 0)
    return false;
  const size_t numbers = (size_t)group_strategy(a->c)->number_count * sizeof m->numbers[0];
  return numbers == 0 ||
         memcmp(ddla_state_array(a->state, a->numbers, 0, 0), m->numbers, numbers) == 0;
}

/* True where the replica's committed step is the model. */
static inline bool replica_equals(const group_agent *a, uint64_t step, const replica_models *m) {
  const int replica = a->cluster.host;
  if (!replica_own_equals(a, m)) return false;
  return group_equals(a, step, &m->replica[replica]) &&
         memcmp(ddla_state_array(a->state, a->arrays[0], 0, 0), m->global, sizeof m->global) == 0 &&
         memcmp(ddla_state_array(a->state, a->global_buffers, 0, 0), m->global_buffers,
                sizeof m->global_buffers) == 0;
}

#endif
