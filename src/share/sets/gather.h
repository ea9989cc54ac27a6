/* The parts that hosts have become one prepared set on the first host's disk, without samples that
 * stand twice. Collective over a link between hosts.
 *
 * Hosts tell what their parts are, then a hash of each sample (16 bytes); the first host says which
 * samples it wants, and these alone travel: features of all hosts in their order, then labels, then
 * targets, as the set has them, so that it is written once, from beginning to end, and hashed on
 * the way. Bytes: B - B0 over the first host's cable, of B bytes of which it has B0 itself, and 16
 * for each sample. Threads: that of the link. */
#ifndef DDLA_SHARE_SETS_GATHER_H
#define DDLA_SHARE_SETS_GATHER_H

#include "data/data.h"
#include "share/sets/broadcast.h"

typedef struct ddla_gather_call {
  ddla_prepared_source *parts[DDLA_PREPARED_PARTS]; /* of sets; null: not here */
  const ddla_dataset *sets[DDLA_PREPARED_PARTS];    /* the same, open */
  const char *directory; /* where the set will be; the first host's counts */
  const char *host;      /* this host's name, for messages and the manifest */
  ddla_share_tell *tell; /* may be null */
  void *argument;
  size_t block_bytes; /* that travel at once; 0: DDLA_STREAM_BLOCK_BYTES; the same on all hosts */
  bool threadless;    /* see ddla_stream_plan */
} ddla_gather_call;

/* Of the first host; the others know `found` alone. */
typedef struct ddla_gather_result {
  int64_t samples, duplicates; /* in the set; left out */
  int64_t bytes, came;         /* of the set; of these from other hosts */
  bool found;                  /* it was there already, made of the same parts: nothing was sent */
} ddla_gather_result;

/* The directory appears when the set is whole and durable, with manifest.json in it. One that is
 * there and was made of the same parts, as its manifest says, is looked at and stays. Errors: those
 * of ddla_united_agree; INVALID for a directory that holds something else; CORRUPT for one whose
 * parts are not those that its manifest tells of; DISK_FULL; as
 * ddla_share_broadcast. */
ddla_status ddla_share_gather(ddla_gather_result *out, ddla_transport *link, ddla_wire *wire,
                              const ddla_gather_call *call);

#endif
