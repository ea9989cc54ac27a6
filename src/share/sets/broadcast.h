/* One host's data set becomes a prepared set on every host's disk: see share/sets/stream.h for how
 * it travels. Collective over a link between hosts. Threads: that of the link. */
#ifndef DDLA_SHARE_SETS_BROADCAST_H
#define DDLA_SHARE_SETS_BROADCAST_H

#include "data/prepared/prepared_series.h"
#include "share/wire.h"

/* How far it is, now and then, in bytes of the set. */
typedef void ddla_share_tell(void *argument, int64_t bytes, int64_t total);

typedef struct ddla_broadcast_call {
  /* Of the first host: the parts of the set, null for those that it has not. */
  ddla_prepared_source *parts[DDLA_PREPARED_PARTS];
  const char *directory; /* of this host, where the set will be */
  const char *host;      /* this host's name, for messages */
  ddla_share_tell *tell; /* may be null */
  void *argument;
  size_t block_bytes; /* that travel at once; 0: DDLA_STREAM_BLOCK_BYTES; the same on all hosts */
  bool threadless;    /* see ddla_stream_plan */
} ddla_broadcast_call;

/* What it came to; the same on all hosts but for `took`. */
typedef struct ddla_broadcast_result {
  int64_t bytes; /* of the set */
  int takers;    /* hosts that had it not, the first one among them */
  bool took;     /* this host was one */
} ddla_broadcast_result;

/* A host whose directory is there and holds the same set, each byte of which is looked at, takes
 * nothing and is left out of the chain. On the others the directory appears when the whole set is
 * durable in it and its hashes are those of the first host. Errors, the same on all hosts and
 * naming the one: INVALID for a directory that holds something else; DISK_FULL, also before
 * anything is sent; CORRUPT for a set that is damaged. What fails while blocks travel, as a
 * source that is damaged, ends the link: the others get PEER_LOST with its words. */
ddla_status ddla_share_broadcast(ddla_broadcast_result *out, ddla_transport *link, ddla_wire *wire,
                                 const ddla_broadcast_call *call);

#endif
