/* What goes into a step and comes out of it, for those who compute it. */
#ifndef DDLA_SYNC_STEP_H
#define DDLA_SYNC_STEP_H

#include <stdbool.h>
#include <stdint.h>

/* What a worker computes next: shards [first, end) of the batch that follows `step` committed
 * steps. It numbers them from 0 in all other calls. */
typedef struct ddla_sync_work {
  uint64_t step;
  int first, end;          /* equal: nothing, up to the next result */
  const float *parameters; /* [space], while it computes */
  uint64_t version;        /* another one for other parameters; above 0 */
} ddla_sync_work;

/* What one shard of a step contributes besides its gradient. Sums over samples. */
typedef struct ddla_sync_record {
  double loss;
  double count;    /* what the loss is divided by */
  int64_t correct; /* the task's counted successes */
  int64_t samples;
  int64_t agent; /* who computed it */
  /* Set by the strategy: the worker, numbered through over all hosts; and what its shards have
   * taken it lately, in nanoseconds (0: not known). */
  int64_t worker, shard_ns;
} ddla_sync_record;

/* What a worker learns from a committed step: equal on all workers. */
typedef struct ddla_sync_result {
  uint64_t step;                                    /* committed steps now */
  double loss, count, learning_rate, gradient_norm; /* norm: NAN where clipping is off */
  int64_t correct, samples;
  bool checked;       /* gradient and parameters were looked at */
  int64_t non_finite; /* so many of their numbers are not finite */
  bool stop;          /* somebody asked for a stop before this step was committed */
  bool under_way;     /* other steps are: nothing can be decided, measured or saved now. Sums above
                         are then those of what was committed since the last result */
} ddla_sync_result;

#endif
