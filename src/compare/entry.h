/* Methods to be compared, as a user names them: "allreduce,diloco:interval=32+codec=int8". Threads:
 * pure functions on constant tables. */
#ifndef DDLA_COMPARE_ENTRY_H
#define DDLA_COMPARE_ENTRY_H

#include "sync/sync.h"

enum { DDLA_ENTRIES_MAX = 16, DDLA_ENTRY_SETS_MAX = 16, DDLA_ENTRY_BYTES = 160 };

/* One method with keys of the job. Plain value. */
typedef struct ddla_entry {
  const ddla_strategy *strategy;
  char name[DDLA_ENTRY_BYTES];                     /* as it was written */
  char folder[DDLA_ENTRY_BYTES];                   /* the name as one of a file */
  char set[DDLA_ENTRY_SETS_MAX][DDLA_ENTRY_BYTES]; /* "sync.interval=32" */
  int set_count;
} ddla_entry;

typedef struct ddla_entries {
  ddla_entry at[DDLA_ENTRIES_MAX];
  int count;
} ddla_entries;

/* METHOD[:KEY=VALUE[+KEY=VALUE]...] with commas between. METHOD is a strategy's; a KEY without a
 * point is one of the section sync, with one any key of a job. A comma in brackets belongs to a
 * value, and so does a plus sign before a digit. Errors: INVALID naming what is unknown, with what
 * may have been meant; the same entry twice; too many. */
ddla_status ddla_entries_read(ddla_entries *out, const char *text);

/* What is compared where nothing is asked for: the trials that strategies name themselves. Errors:
 * INVALID (a strategy names what there is not). */
ddla_status ddla_entries_initial(ddla_entries *out);

#endif
