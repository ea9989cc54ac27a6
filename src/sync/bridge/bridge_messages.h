/* Messages of the bridge: requests under way together, and the exchange of small arrays between all
 * hosts. For the bridge's thread. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_MESSAGES_H
#define DDLA_SYNC_BRIDGE_BRIDGE_MESSAGES_H

#include "sync/bridge/bridge_layout.h"
#include "transport/transport.h"

/* What a message is, for its tag. */
typedef enum ddla_bridge_message {
  DDLA_BRIDGE_SHARE,
  DDLA_BRIDGE_PARTIAL, /* of a range, to its owner */
  DDLA_BRIDGE_SUM,     /* of a range, from its owner; or the parameters that follow from it */
  DDLA_BRIDGE_ARRAY,   /* what an owner makes of a range of a small array, to all */
  DDLA_BRIDGE_COUNTS,  /* of the lists of tables that are kept by row, to all */
  DDLA_BRIDGE_ROWS,    /* of one of them, and their values, to all */
  DDLA_BRIDGE_VALUES,
  DDLA_BRIDGE_BRING,  /* something of a host's own, to the first one */
  DDLA_BRIDGE_LETTER, /* the head of a letter (sync/turns/mail.h), and the bytes behind it */
  DDLA_BRIDGE_BODY
} ddla_bridge_message;

/* Requests that are waited for together. Memory of the caller. */
typedef struct ddla_bridge_flight {
  ddla_transport *link;
  ddla_request *request; /* [room] */
  int room, count, open; /* started; not over */
  int64_t *sent_bytes;   /* counted here */
} ddla_bridge_flight;

/* order: the number of the order. */
ddla_status ddla_bridge_send(ddla_bridge_flight *flight, int host, uint64_t tag, const void *data,
                             size_t bytes);
ddla_status ddla_bridge_recv(ddla_bridge_flight *flight, int host, uint64_t tag, void *data,
                             size_t bytes);
/* The same to all other hosts, the next one first, so that not all send to one at a time. */
ddla_status ddla_bridge_send_to_all(ddla_bridge_flight *flight, const ddla_cluster *cluster,
                                    uint64_t tag, const void *data, size_t bytes);
/* Adds up what all hosts have at data, in place, as the link does it by itself; what that sends is
 * counted as if it were as little as it can be. */
ddla_status ddla_bridge_add(ddla_bridge_flight *flight, float *data, int64_t count);
uint64_t ddla_bridge_tag(uint64_t order, ddla_bridge_message message, int range, int part);

/* *over: none is under way any more; *moved is set where one came to its end. Errors: as the
 * transport's test. */
ddla_status ddla_bridge_look(ddla_bridge_flight *flight, bool *over, bool *moved);
void ddla_bridge_drop(ddla_bridge_flight *flight);

/* One piece of what hosts share: base + first * stride up to base + end * stride is host h's. */
typedef struct ddla_bridge_piece {
  char *base;
  size_t stride;
  int64_t first[DDLA_HOSTS_MAX], end[DDLA_HOSTS_MAX];
} ddla_bridge_piece;

enum { DDLA_BRIDGE_PIECES_MAX = 4 };

/* Every host gives its pieces, and a word of 64 bits, to all. */
typedef struct ddla_bridge_share {
  const ddla_bridge_layout *layout;
  ddla_bridge_flight flight;
  ddla_request request[2 * DDLA_HOSTS_MAX]; /* one of them for what a bridge brings beside it */
  ddla_bridge_piece piece[DDLA_BRIDGE_PIECES_MAX];
  int piece_count;
  unsigned char *memory; /* owned: what is sent, then what is received, host by host */
  size_t room;
  uint64_t word[DDLA_HOSTS_MAX];
} ddla_bridge_share;

/* Packs and starts; pieces are set. The host's own arrays may change afterwards. Errors: NO_MEMORY,
 * the transport's. */
ddla_status ddla_bridge_share_start(ddla_bridge_share *share, uint64_t order, uint64_t word);

/* Unpacks when everything is there; then *over. */
ddla_status ddla_bridge_share_look(ddla_bridge_share *share, bool *over, bool *moved);
void ddla_bridge_share_fini(ddla_bridge_share *share);

#endif
