/* What is not finite in a step's summed gradient and in the parameters that it makes: counts for
 * each tensor. Each worker counts in its own piece; counts are whole numbers, so their sum does not
 * depend on who counted what. They lie in a row of the state with one copy for each worker, and are
 * there for all when the step is committed.
 *
 * Threads: a worker writes its own copy; all are read between a commit and the reader's next final
 * range. */
#ifndef DDLA_SYNC_SUM_CHECKS_H
#define DDLA_SYNC_SUM_CHECKS_H

#include "optim/finite.h"
#include "sync/sync.h"

typedef enum ddla_checked {
  DDLA_CHECKED_GRADIENT,
  DDLA_CHECKED_PARAMETER,
  DDLA_CHECKED_KINDS
} ddla_checked;

/* Elements (i64) of one copy of the row `checks`. */
int64_t ddla_checks_count(const ddla_state *state);

/* Whether the step that makes version step + 1 is checked. */
bool ddla_checks_due(const ddla_sync_options *options, uint64_t step);

/* Nothing is counted yet. */
void ddla_checks_begin(const ddla_sync_options *options, int worker);

/* Counts elements [begin, end) of the parameter space without sparse tables; values holds these. */
void ddla_checks_span(const ddla_sync_options *options, int worker, ddla_checked kind,
                      const float *values, int64_t begin, int64_t end);

/* Counts the rows of sparse tables that worker `owner` has summed for version step + 1: their
 * gradients, and the parameters of that version. */
void ddla_checks_rows(const ddla_sync_options *options, int worker, int owner, uint64_t step,
                      ddla_checked kind);

/* All that is not finite, over all workers. */
int64_t ddla_checks_total(const ddla_sync_options *options);

/* NON_FINITE with step, tensors, counts and what to do, from the copies [first, end) of the row
 * `checks`. */
ddla_status ddla_checks_fail(const ddla_state *state, int checks, int first, int end,
                             uint64_t step);

/* The norm of the gradient that makes version `step` is not finite: where it is not, counted anew,
 * for the sum lies in the row `reduced` whole. Errors: NON_FINITE, as ddla_checks_fail. */
ddla_status ddla_checks_explain(const ddla_sync_options *options, int worker, uint64_t step);

/* The same words into text. */
void ddla_checks_words(char *text, size_t bytes, const ddla_state *state, int checks, int first,
                       int end);

#endif
