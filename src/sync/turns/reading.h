/* The parameters that a host computes with, where versions come range by range while it computes
 * (sync/turns/served.h): two copies of the parameter space. The host's workers read one, which
 * stays as it is; the other one is open, and takes up what is new. When the workers are through
 * with theirs the open one is closed and becomes theirs, and theirs opens.
 *
 * Threads: one thread, the one that serves the link; workers read the closed copy. */
#ifndef DDLA_SYNC_TURNS_READING_H
#define DDLA_SYNC_TURNS_READING_H

#include "sync/bridge/bridge_layout.h"
#include "sync/turns/mail.h"

typedef struct ddla_reading_options {
  const ddla_bridge_layout *layout;
  float *copy[2];  /* [space]; copy 0 holds the parameters of `version` and is closed */
  int64_t version; /* of all ranges */
} ddla_reading_options;

typedef struct ddla_reading ddla_reading;

/* Errors: NO_MEMORY. */
ddla_status ddla_reading_create(ddla_reading **out, const ddla_reading_options *options);
void ddla_reading_destroy(ddla_reading *reading);

/* For letters of kind NEWS. Errors: CORRUPT, NO_MEMORY. */
ddla_status ddla_reading_place(void **out, ddla_reading *reading, const ddla_letter *letter);
void ddla_reading_deliver(ddla_reading *reading, const ddla_letter *letter, void *data);

/* An own range has this version now; the parameters stay until the version after next. */
void ddla_reading_own(ddla_reading *reading, int range, int64_t version, const float *parameters);

/* Brings the open copy a little nearer to what is new. */
void ddla_reading_advance(ddla_reading *reading, bool *moved);

/* The newest version of a range that is known here. */
int64_t ddla_reading_newest(const ddla_reading *reading, int range);

/* The least version of all ranges that is known here. */
int64_t ddla_reading_version(const ddla_reading *reading);

/* Brings the open copy up to all that is known, closes it and opens the other one; workers are
 * through with that. Where nothing is new all stays as it is. Returns the number of the closed one.
 */
int ddla_reading_turn(ddla_reading *reading);

/* The version of a range that the closed copy has. */
int64_t ddla_reading_of(const ddla_reading *reading, int range);

/* Copies what is known of all ranges to [space] parameters, but those of own ranges. */
void ddla_reading_gather(const ddla_reading *reading, float *parameters);

#endif
