/* Threads that read and write for a host's tiers, so that the one that answers other hosts never
 * waits for a disk or an origin. Threads: create, submit, take and destroy by one. */
#ifndef DDLA_SHARE_TIERS_READERS_H
#define DDLA_SHARE_TIERS_READERS_H

#include "share/tiers/catalog.h"
#include "share/tiers/spill.h"

typedef enum ddla_reading_kind {
  DDLA_READING_BLOCK,   /* from the origin, whole and checked */
  DDLA_READING_PIECE,   /* from the origin, a piece alone */
  DDLA_READING_SPILLED, /* a piece, from disk */
  DDLA_READING_SPILL    /* a block, to disk */
} ddla_reading_kind;

/* Of the caller, until it is taken again. */
typedef struct ddla_reading {
  ddla_reading_kind kind;
  ddla_piece piece;     /* of a whole block: all of it */
  void *data;           /* where to, or from */
  int64_t place;        /* on disk */
  void *owner;          /* the caller's */
  ddla_failure failure; /* code DDLA_OK: it went well */
  struct ddla_reading *next;
} ddla_reading;

typedef struct ddla_readers ddla_readers;

typedef struct ddla_readers_options {
  const ddla_catalog *catalog;
  ddla_spill *spill; /* null: there is no disk */
  int threads;
  void (*ring)(void *argument); /* by a reader: something is done */
  void *argument;
} ddla_readers_options;

/* Everything is borrowed. Errors: NO_MEMORY. */
ddla_status ddla_readers_create(ddla_readers **out, const ddla_readers_options *options);

/* Waits for what is under way; what is not begun is left. Null is allowed. */
void ddla_readers_destroy(ddla_readers *readers);

/* In this order, but that several are done at once. */
void ddla_readers_submit(ddla_readers *readers, ddla_reading *reading);

/* One that is done; null: none is. */
ddla_reading *ddla_readers_take(ddla_readers *readers);

#endif
