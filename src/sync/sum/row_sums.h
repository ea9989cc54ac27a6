/* Tables whose gradients are kept by row, from the workers' lists to version t + 1. Each worker has
 * a range of every table's rows, in each step cut anew so that all touch about equally many. It
 * sums these over all operands, row by row in the fixed tree, into a list of its own; an operand
 * without the row is absent there. The update writes version t + 1 of the rows in the list. Rows
 * that the step before touched and this one does not are copied from version t; in all others both
 * versions of the state are equal already. So a step works on touched rows alone.
 *
 * Threads: a worker calls for its own ranges, between the words that the strategy waits for. */
#ifndef DDLA_SYNC_SUM_ROW_SUMS_H
#define DDLA_SYNC_SUM_ROW_SUMS_H

#include "coll/tree.h"
#include "sync/sum/update.h"

/* Operands of one step: their parts of the tree, and which hold nothing. */
typedef struct ddla_row_operands {
  const ddla_tree_part *part; /* [count] */
  const bool *absent;         /* [count] */
  const int *copy;            /* [count] of the rows of the state `lists` */
  int count, shards;
} ddla_row_operands;

/* True where a table is kept by row. */
bool ddla_row_sums_needed(const ddla_state *state);

/* This worker's ranges of all tables, into version t + 1 of the row `sums`; with clipping, the
 * squares of each row's sum beside it. Errors: those of ddla_tree_plan_make. */
ddla_status ddla_row_sums_make(const ddla_sync_options *options, int worker, uint64_t step,
                               const ddla_row_operands *operands);

/* Sum of squares over all workers' rows, in the order of tables and rows and a fixed tree over
 * them. All have been made. */
double ddla_row_sums_squares(const ddla_sync_options *options, uint64_t step);

/* Version t + 1 of this worker's rows. operands: those of ddla_row_sums_make. */
void ddla_row_sums_apply(const ddla_sync_options *options, ddla_updates *updates, int worker,
                         const ddla_row_operands *operands, const ddla_update_step *step);

#endif
