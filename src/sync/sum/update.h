/* From a summed gradient to version t + 1: runs the optimizer over a piece of the parameter space,
 * tensor by tensor where it is layered, and keeps the running means of parameters and buffers.
 * Knows the state table and no transport: between its parts the strategy lets all workers meet.
 * Threads: created by one thread of an agent; afterwards any worker's thread, each with its own
 * piece. */
#ifndef DDLA_SYNC_SUM_UPDATE_H
#define DDLA_SYNC_SUM_UPDATE_H

#include "sync/sync.h"

/* What a step's update is made with; the same on all workers. */
typedef struct ddla_update_step {
  uint64_t step; /* t, the committed version */
  double gradient_scale, learning_rate;
} ddla_update_step;

typedef struct ddla_updates ddla_updates;

/* options is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_updates_create(ddla_updates **out, const ddla_sync_options *options);
void ddla_updates_destroy(ddla_updates *updates);

/* What a layered optimizer needs in the state table; both 0 for others. Floats of all tensors'
 * factors in the order of the tensors; doubles of all sections' sums. */
int64_t ddla_updates_factor_count(const ddla_state *state, const ddla_optimizer *optimizer);
int64_t ddla_updates_sum_count(const ddla_state *state, const ddla_optimizer *optimizer);

/* Layered, with factors: this worker's share of them, from the whole space's summed gradient. Then
 * all meet. */
void ddla_updates_factor(ddla_updates *updates, int worker, const float *gradient,
                         const ddla_update_step *step);

/* Elements [begin, end), whole blocks; gradient holds these elements. Layered: their directions;
 * then all meet. */
void ddla_updates_run(ddla_updates *updates, const float *gradient, int64_t begin, int64_t end,
                      const ddla_update_step *step);

/* Version t + 1 of a row of a table whose gradient is kept by row; gradient holds the row. As
 * PyTorch's SparseAdam: no weight decay, and the moments of rows that are not touched stay. */
void ddla_updates_run_row(const ddla_updates *updates, int range, int64_t row,
                          const float *gradient, const ddla_update_step *step);

/* Version t + 1 of a row is version t. */
void ddla_updates_keep_row(const ddla_updates *updates, int range, int64_t row,
                           const ddla_update_step *step);

/* The running mean of the buffers, where one is kept, takes up what this statistic has written of
 * version t + 1. */
void ddla_updates_average_buffers(const ddla_updates *updates, const ddla_statistic *statistic,
                                  const ddla_update_step *step);

/* Layered: the update of [begin, end), whole blocks. Others: nothing is left to do. */
void ddla_updates_apply(ddla_updates *updates, int64_t begin, int64_t end,
                        const ddla_update_step *step);

/* The running mean of the parameters, where one is kept, takes up [begin, end) of version t + 1. */
void ddla_updates_follow(const ddla_updates *updates, int64_t begin, int64_t end,
                         const ddla_update_step *step);

/* Layered: sections [*first, *end) of the row `section_sums` are those of elements [from, to),
 * whole blocks. */
void ddla_updates_sections(int64_t *first, int64_t *end, const ddla_updates *updates, int64_t from,
                           int64_t to);

#endif
