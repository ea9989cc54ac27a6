/* What a run keeps of its segments that are over, so that epochs and the report go on without a
 * break. Threads: by the run's worker alone. */
#ifndef DDLA_TRAIN_RUN_PAST_H
#define DDLA_TRAIN_RUN_PAST_H

#include "train/run/run.h"

typedef struct ddla_past {
  int first;                  /* the segment that this process began with */
  int64_t *sent_bytes;        /* [segments] by all hosts together */
  ddla_worker_report *report; /* [places] all segments together */
  ddla_epoch_sums epoch;      /* of the epoch that a border lies in, */
  int64_t epoch_non_finite;   /* and what its checks counted */
} ddla_past;

/* At a border, when the worker's shared reports are complete and its epoch's sums are those of all:
 * they are added. Errors: NO_MEMORY. */
ddla_status ddla_past_leave(ddla_worker *worker);

/* At an epoch's end: the worker's sums become those of the whole epoch. */
void ddla_past_join_epoch(ddla_worker *worker);

/* Bytes that the run's host sent to others in segments that are over. */
int64_t ddla_past_sent_bytes(const ddla_run *run);

/* At the run's end: the worker's shared reports become those of the whole run. Errors: NO_MEMORY.
 */
ddla_status ddla_past_join(ddla_worker *worker);

void ddla_past_destroy(ddla_past *past);

#endif
