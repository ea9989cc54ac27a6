/* A one-way channel between two ranks in shared memory: posted receives one way, bytes the other.
 *
 * The receiver posts a slot (tag, bytes); the sender takes the oldest posted slot of its message's
 * tag and streams chunks for it through a ring. Bytes are only sent for receives that are posted,
 * so the receiver can always drain the ring: no unexpected messages, no allocation, no waiting
 * behind another tag. Every posting has a number that its chunks carry, so chunks of a dropped
 * message are recognised. Threads: one thread per end. All zeros is a valid empty link. */
#ifndef DDLA_TRANSPORT_LOCAL_LINK_H
#define DDLA_TRANSPORT_LOCAL_LINK_H

#include "transport/transport.h"

enum {
  DDLA_LOCAL_SLOTS = 128,
  DDLA_LOCAL_RING_BYTES = 64 * 1024,
  DDLA_LOCAL_CHUNK_BYTES = 16 * 1024
};

enum { DDLA_SLOT_FREE, DDLA_SLOT_POSTED, DDLA_SLOT_TAKEN, DDLA_SLOT_DROPPED };

/* free -> posted (receiver) -> taken (sender) -> free (receiver, after the last chunk); posted ->
 * free (receiver cancels); taken -> dropped (sender cancels) -> free (receiver). */
typedef struct ddla_local_slot {
  _Atomic uint32_t state;
  _Atomic uint64_t order, tag, bytes;
} ddla_local_slot;

typedef struct ddla_local_link {
  _Alignas(64) _Atomic uint64_t head;   /* bytes written by the sender, ever */
  _Alignas(64) _Atomic uint64_t tail;   /* bytes read by the receiver, ever */
  _Alignas(64) _Atomic uint64_t posted; /* number of the newest posting */
  _Atomic uint32_t high;                /* slots at and above this one were never used */
  _Atomic uint32_t sending;             /* the sender has messages that are not in the ring yet */
  ddla_local_slot slots[DDLA_LOCAL_SLOTS];
  _Alignas(64) unsigned char ring[DDLA_LOCAL_RING_BYTES];
} ddla_local_link;

/* The ends, private to each rank. */
typedef struct ddla_local_sender {
  ddla_local_link *link;
  ddla_request *first, **last; /* sends under way, oldest first */
  uint64_t scanned;            /* `posted` when the slots were last searched in vain */
} ddla_local_sender;

typedef struct ddla_local_receiver {
  ddla_local_link *link;
  ddla_request *bound[DDLA_LOCAL_SLOTS]; /* null: nobody wants what still arrives for this slot */
  uint64_t number;                       /* of the newest posting */
} ddla_local_receiver;

void ddla_local_sender_init(ddla_local_sender *end, ddla_local_link *link);
void ddla_local_receiver_init(ddla_local_receiver *end, ddla_local_link *link);

/* Queues a send; nothing moves yet. */
void ddla_local_sender_start(ddla_local_sender *end, ddla_request *request);

/* Posts a receive. Errors: UNSUPPORTED if DDLA_LOCAL_SLOTS receives are posted already. */
ddla_status ddla_local_receiver_start(ddla_local_receiver *end, ddla_request *request);

/* Move what can be moved; true if anything was. */
bool ddla_local_sender_progress(ddla_local_sender *end);
bool ddla_local_receiver_progress(ddla_local_receiver *end);

/* A posting or room in the ring, made just now, is what the sender may be asleep for. */
bool ddla_local_receiver_wanted(const ddla_local_receiver *end);

/* The buffer is the caller's again. */
void ddla_local_sender_cancel(ddla_local_sender *end, ddla_request *request);
void ddla_local_receiver_cancel(ddla_local_receiver *end, ddla_request *request);

/* DONE if it is over, and OK, INVALID (lengths differ) or PEER_LOST (the sender dropped it). */
ddla_status ddla_local_request_result(const ddla_request *request, bool *done);

#endif
