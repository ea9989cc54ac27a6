/* output.audit: which samples each agent has computed, step by step, in DIRECTORY/agents/N.audit,
 * rows of JSON. A worker writes those of a step before it hands its gradients over, so that the
 * rows of every committed step are there however the run ends. Threads: one thread per object;
 * those of an agent write to one file, a step each at a time. */
#ifndef DDLA_TRAIN_RUN_AUDIT_H
#define DDLA_TRAIN_RUN_AUDIT_H

#include <stdint.h>

#include "base/status.h"

typedef struct ddla_audit ddla_audit;

/* What was computed together: samples by their number in the training part, of the batch that makes
 * this step (from 1). */
typedef struct ddla_audit_row {
  int64_t step, epoch, shard; /* epoch, shard: from 0 */
  const int64_t *samples;
  int64_t count;
} ddla_audit_row;

/* Drops rows behind `step` from the agent's file, which come again; agent 0 also from those of
 * agents beyond `agents`, which an earlier part of the run had. Before the agent's first step.
 * Errors: those of files. */
ddla_status ddla_audit_trim(const char *directory, int agent, int agents,
                            int64_t step) DDLA_MUST_USE;

/* Opens the agent's file to add rows. Errors: those of files; NO_MEMORY. */
ddla_status ddla_audit_open(ddla_audit **out, const char *directory, int agent) DDLA_MUST_USE;
void ddla_audit_close(ddla_audit *audit);

/* Keeps a row until write. Errors: NO_MEMORY. */
ddla_status ddla_audit_add(ddla_audit *audit, const ddla_audit_row *row) DDLA_MUST_USE;

/* Writes the rows that were added. Errors: those of files. */
ddla_status ddla_audit_write(ddla_audit *audit) DDLA_MUST_USE;

#endif
