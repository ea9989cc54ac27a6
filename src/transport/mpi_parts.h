/* Inside of transport "mpi": for its files only. */
#ifndef DDLA_TRANSPORT_MPI_PARTS_H
#define DDLA_TRANSPORT_MPI_PARTS_H

#include "transport/event.h"
#include "transport/mpi.h"

enum {
  DDLA_MPI_SLOTS = 128,     /* receives posted to one peer at once */
  DDLA_MPI_CONTROLS = 1024, /* control messages to one peer under way; see mpi_control.c */
  DDLA_MPI_INBOX = 32,      /* receives for control messages from all */
  DDLA_MPI_AHEAD = 4,       /* pieces of a message under way at once */
  DDLA_MPI_SUMS = 64,       /* under way at once */
  DDLA_MPI_EVENTS = 16,
  DDLA_MPI_BLOCKS_MAX = 256
};

/* Of a control message. In the order of the life of a rank and of a message. */
typedef enum ddla_mpi_kind {
  DDLA_MPI_HELLO,     /* has opened */
  DDLA_MPI_GRANT,     /* a receive is posted: slot, tag, bytes */
  DDLA_MPI_WITHDRAW,  /* the receive of this slot is given up */
  DDLA_MPI_WITHDRAWN, /* the sender has forgotten the slot; nothing comes for it */
  DDLA_MPI_REFUSE,    /* the send for this slot has other bytes; nothing comes for it */
  DDLA_MPI_DROP,      /* the send for this slot is given up; `pieces` of it come */
  DDLA_MPI_BLOCK,     /* rank 0 has made a block: bytes and kind in `bytes` */
  DDLA_MPI_ALIVE,
  DDLA_MPI_FAILURE, /* a text follows */
  DDLA_MPI_BYE      /* wants nothing more */
} ddla_mpi_kind;

/* As it travels; hosts are of one byte order. */
typedef struct ddla_mpi_control {
  uint32_t kind, from, slot, pieces;
  uint64_t tag, bytes;
} ddla_mpi_control;

typedef struct ddla_mpi_letter {
  ddla_mpi_control control;
  char text[DDLA_STATUS_TEXT_BYTES];
} ddla_mpi_letter;

typedef struct ddla_mpi_outgoing {
  ddla_mpi_control control;
  ddla_mpi_flight flight;
} ddla_mpi_outgoing;

/* The pieces of one message, on either side. */
typedef struct ddla_mpi_pieces {
  uint32_t total, started, done;
  ddla_mpi_flight flights[DDLA_MPI_AHEAD]; /* of piece i: flights[i % AHEAD] */
} ddla_mpi_pieces;

typedef enum ddla_mpi_slot_state {
  DDLA_MPI_SLOT_FREE,
  DDLA_MPI_SLOT_POSTED,
  DDLA_MPI_SLOT_ENDING, /* all pieces that come are known: `request` gets `result` after them */
  DDLA_MPI_SLOT_ZOMBIE  /* nobody wants it; what may still come is thrown away */
} ddla_mpi_slot_state;

/* A receive. Its number names it to the sender, also as a tag of the library. */
typedef struct ddla_mpi_slot {
  ddla_mpi_slot_state state;
  int result;
  uint32_t coming; /* pieces that will come */
  ddla_request *request;
  size_t bytes;
  ddla_mpi_pieces pieces;
} ddla_mpi_slot;

/* A peer's receive that no send has met. */
typedef struct ddla_mpi_grant {
  bool granted;
  uint64_t tag, bytes, order;
} ddla_mpi_grant;

/* A send that has met its receive. */
typedef struct ddla_mpi_sending {
  ddla_request *request; /* null: free */
  uint32_t slot;
  ddla_mpi_pieces pieces;
} ddla_mpi_sending;

typedef struct ddla_mpi_peer {
  int library_rank;
  bool hello, bye;
  bool freed; /* there is room again for a send that has met its receive */
  int64_t told_ns;
  ddla_mpi_outgoing *outgoing;    /* ring of DDLA_MPI_CONTROLS */
  uint64_t retired, sent, queued; /* of it: retired <= sent <= queued */
  ddla_request *first, **last;    /* sends that have met no receive, oldest first */
  uint64_t grants_seen;
  int grant_high, sending_high, slot_high, sending_count, slot_count;
  size_t sending_bytes; /* of messages that are being sent */
  ddla_mpi_grant grants[DDLA_MPI_SLOTS];
  ddla_mpi_sending sending[DDLA_MPI_SLOTS];
  ddla_mpi_slot slots[DDLA_MPI_SLOTS];
} ddla_mpi_peer;

typedef struct ddla_mpi_sum {
  ddla_request *request; /* null: over */
  ddla_mpi_flight flight;
} ddla_mpi_sum;

typedef struct ddla_mpi_block {
  unsigned char *data;
  size_t bytes;
} ddla_mpi_block;

typedef struct ddla_mpi_transport {
  ddla_transport base;
  ddla_mpi_world *world;
  ddla_mpi_users *users; /* the world's */
  ddla_mpi_link *link;
  int64_t timeout_ns, beat_ns; /* of silence; between two signs of life */
  int tag;                     /* first of this transport's tags: control, then one for each slot */
  int cores;
  ddla_event events[DDLA_MPI_EVENTS], bell;
  const ddla_waiting *_Atomic waiting; /* what the owner waits for, for messages; may be null */

  /* The first failure. `failing` is taken by whoever writes it, `failed` set when it is written;
   * `owed`: it is ours and must be told to all before the library is left alone. */
  _Atomic bool failing, failed, owed;
  int lost; /* host; -1: none */
  ddla_failure failure;
  ddla_mpi_letter farewell;

  int64_t now_ns, moved_ns, next_beat_ns; /* now: of this look */
  int flying_data;                        /* pieces received that are under way */
  bool moved, parting;                    /* parting: has said goodbye */
  uint64_t inbox_next;                    /* the oldest letter that has not come */
  ddla_mpi_flight inbox_flights[DDLA_MPI_INBOX];
  ddla_mpi_letter inbox[DDLA_MPI_INBOX];
  int block_count, first_block_count; /* here; told by rank 0 */
  ddla_mpi_block blocks[DDLA_MPI_BLOCKS_MAX];
  uint64_t first_blocks[DDLA_MPI_BLOCKS_MAX]; /* bytes << 2 | kind, by rank 0 */
  ddla_mpi_sum sums[DDLA_MPI_SUMS];           /* ring: over <= begun <= asked */
  uint64_t sums_over, sums_begun, sums_asked;
  unsigned char *trash; /* of a piece's size; what nobody wants */
  ddla_mpi_peer *peers; /* by rank; unused for this one */
  ddla_mpi_flight farewell_flights[DDLA_TRANSPORT_RANKS_MAX];
} ddla_mpi_transport;

/* States of a request. */
enum ddla_mpi_request_state {
  DDLA_MPI_QUEUED,
  DDLA_MPI_TAKEN,
  DDLA_MPI_POSTED,
  DDLA_MPI_SUMMED,
  DDLA_MPI_OVER,
  DDLA_MPI_WRONG_LENGTH,
  DDLA_MPI_DROPPED
};

/* mpi_control.c; all but fail under the world's lock. */

/* Queues a control message to a peer; INTERNAL, as a failure, if its ring is full. */
void ddla_transport_mpi_tell(ddla_mpi_transport *t, int peer, ddla_mpi_control control);

/* Whether a receive may still be posted to a peer. */
bool ddla_transport_mpi_has_room(const ddla_mpi_transport *t, int peer);

/* Posts the inbox; takes it down. */
ddla_status ddla_transport_mpi_open_inbox(ddla_mpi_transport *t);
void ddla_transport_mpi_close_inbox(ddla_mpi_transport *t);

/* One look: lets the library work, reads letters, moves messages, gives signs of life. */
void ddla_transport_mpi_look(ddla_mpi_transport *t);

/* Whether something is under way that a look may find ended. */
bool ddla_transport_mpi_is_busy(const ddla_mpi_transport *t);

/* Takes the first failure; `lost` is the host at fault or -1, `ours` says whether others must be
 * told. Any thread, with or without the lock. */
void ddla_transport_mpi_fail(ddla_mpi_transport *t, const ddla_failure *failure, int lost,
                             bool ours);

/* Tells a failure that is owed to all, for a bounded time. */
void ddla_transport_mpi_say_farewell(ddla_mpi_transport *t);

/* mpi_channel.c; under the lock. */

/* What control messages say about messages. */
void ddla_transport_mpi_take_control(ddla_mpi_transport *t, const ddla_mpi_control *control);

/* Starts and ends pieces. */
void ddla_transport_mpi_advance(ddla_mpi_transport *t, int peer);

void ddla_transport_mpi_start_send(ddla_mpi_transport *t, ddla_request *request);
ddla_status ddla_transport_mpi_start_recv(ddla_mpi_transport *t, ddla_request *request);

/* Gives the buffer back; may wait for pieces under way. */
void ddla_transport_mpi_cancel(ddla_mpi_transport *t, ddla_request *request);

/* mpi_sums.c; under the lock. Errors: UNSUPPORTED for more than DDLA_MPI_SUMS. */
ddla_status ddla_transport_mpi_start_sum(ddla_mpi_transport *t, ddla_request *request);

/* Begins and ends sums. */
void ddla_transport_mpi_advance_sums(ddla_mpi_transport *t);

/* The work of all has failed then. */
void ddla_transport_mpi_cancel_sum(ddla_mpi_transport *t, ddla_request *request);

/* Gives up what is posted; true when nothing is left that concerns messages. */
void ddla_transport_mpi_drop_all(ddla_mpi_transport *t);
bool ddla_transport_mpi_is_empty(const ddla_mpi_transport *t);

#endif
