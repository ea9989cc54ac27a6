/* A prepared set in a directory of this host that is being made from bytes that come: all or
 * nothing. Threads: one thread at a time. */
#ifndef DDLA_SHARE_SETS_TIER_H
#define DDLA_SHARE_SETS_TIER_H

#include "data/prepared/prepared_series.h"
#include "data/prepared/stage.h"

typedef struct ddla_tier {
  const char *directory;
  ddla_prepared_index *index; /* [PARTS], of the owner; without blocks: no such part */
  ddla_stage *stage;
  ddla_prepared_writer *writer[DDLA_PREPARED_PARTS];
  int part;      /* that bytes come for */
  uint64_t left; /* bytes of it that are to come */
} ddla_tier;

/* Bytes of all parts. */
uint64_t ddla_tier_bytes(const ddla_prepared_index index[DDLA_PREPARED_PARTS]);

/* Whether the directory holds this set already, looking at each of its bytes. Errors: INVALID where
 * something else is there; CORRUPT where it is damaged. */
ddla_status ddla_tier_find(bool *out, const char *directory,
                           const ddla_prepared_index index[DDLA_PREPARED_PARTS]);

/* Makes room. Errors: DISK_FULL where the disk has less; those of making directories. */
ddla_status ddla_tier_begin(ddla_tier *tier);

/* The next bytes: of all parts in their order. */
ddla_status ddla_tier_append(ddla_tier *tier, const uint8_t *data, size_t bytes);

/* Feet, and indexes as they are now, when all bytes have come; then gives the directory its name.
 * Where another process of this host, or of one that has the same disk, was first with the same
 * set, that one stays. Errors: of ddla_tier_find; of files. */
ddla_status ddla_tier_commit(ddla_tier *tier);

/* Removes what was not committed. */
void ddla_tier_fini(ddla_tier *tier);

#endif
