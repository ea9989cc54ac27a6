/* data.ahead: whether agents have loaders (train/feed/loader.h), and how far they are ahead.
 * Loaders help where the lanes leave them a core; elsewhere they only take turns with lanes.
 * Threads: pure functions. */
#ifndef DDLA_TRAIN_FEED_AHEAD_H
#define DDLA_TRAIN_FEED_AHEAD_H

#include <ddla/job.h>

#include "base/status.h"

/* With data.ahead auto, where there is a loader: so many micro-batches for each lane, but in at
 * most so many bytes, and no fewer than LEAST. A loader sleeps while half of its queue is full, and
 * waking it costs a lane more than taking a micro-batch: with 16 that is two or three times in a
 * thousand samples (bench/loader.sh --steps). */
enum {
  DDLA_AHEAD_AUTO = 16,
  DDLA_AHEAD_AUTO_LEAST = 2,
  DDLA_AHEAD_AUTO_BYTES = 16 << 20,
  DDLA_AHEAD_TEXT_BYTES = 160
};

typedef struct ddla_ahead {
  int64_t count; /* micro-batches that are ready before a lane wants them; 0: there is no loader */
  char words[DDLA_AHEAD_TEXT_BYTES]; /* what is done, and why; for people */
} ddla_ahead;

/* This machine, as agents that are started here share it. */
typedef struct ddla_ahead_case {
  int cores;       /* that agents may use */
  double quota;    /* processors' worth of time that is granted; 0: no limit */
  int agents;      /* of this machine */
  int threads;     /* that compute or exchange, of all these agents */
  size_t bytes;    /* of a micro-batch; 0: as good as nothing */
  int others;      /* threads of other programs that compute on these cores now */
  const char *why; /* nobody knows which samples a lane takes next, because; null: one does */
} ddla_ahead_case;

/* The job's number of micro-batches; -1: auto. Errors: INVALID naming data.ahead. */
ddla_status ddla_ahead_read(int64_t *out, const ddla_job *job);

/* What becomes of it. */
ddla_ahead ddla_ahead_decide(int64_t wanted, const ddla_ahead_case *what);

#endif
