/* Inside of the simulator: the world that all ranks of a run share. For sim*.c only. */
#ifndef DDLA_TRANSPORT_SIM_WORLD_H
#define DDLA_TRANSPORT_SIM_WORLD_H

#include "base/rng.h"
#include "transport/fiber.h"
#include "transport/sim.h"

enum { DDLA_SIM_BLOCKS_MAX = 256, DDLA_SIM_FLIGHTS_MAX = 8192 };

typedef struct ddla_sim_world ddla_sim_world;

/* One rank: its transport handle, its fiber, and what it waits for. */
typedef struct ddla_sim_rank {
  ddla_transport base;
  ddla_sim_world *world;
  ddla_fiber *fiber;
  ddla_sim_main *rank_main;
  void *argument;
  bool ended, crashed, waiting, woken;
  const ddla_waiting *what;       /* while waiting */
  int64_t deadline_ns, detect_ns; /* detect: when it notices the first crash */
  int64_t crash_at;               /* switch at which it crashes; negative: never */
  int block_count;
  ddla_request *sends, *recvs; /* posted and not matched, oldest first */
  ddla_status status;
} ddla_sim_rank;

typedef struct ddla_sim_block {
  size_t bytes, stride;
  unsigned kind;
  unsigned char *ranks[DDLA_TRANSPORT_RANKS_MAX];
} ddla_sim_block;

/* A message that has met its receive. */
typedef struct ddla_sim_flight {
  int from, to;
  ddla_request *send, *recv;
  int64_t due_ns;
} ddla_sim_flight;

struct ddla_sim_world {
  ddla_sim_options options;
  ddla_rng rng;
  ddla_clock clock;
  int64_t now_ns, switches;
  int ranks, first_crashed; /* -1: none */
  bool stuck;
  char stuck_text[DDLA_STATUS_TEXT_BYTES];
  ddla_sim_rank *rank;
  ddla_sim_block blocks[DDLA_SIM_BLOCKS_MAX];
  int block_count, flight_count;
  ddla_sim_flight flights[DDLA_SIM_FLIGHTS_MAX];
};

enum { DDLA_SIM_POSTED, DDLA_SIM_FLYING, DDLA_SIM_OVER, DDLA_SIM_WRONG_LENGTH, DDLA_SIM_DROPPED };

/* Hands over to the others; the rank stays runnable. Errors: CANCELLED (crashed), PEER_LOST,
 * INTERNAL (stuck). */
ddla_status ddla_sim_pause(ddla_sim_rank *rank);

/* What ended this rank's work, if anything did. */
ddla_status ddla_sim_state(ddla_sim_rank *rank);

/* True once in `one_in` draws. */
bool ddla_sim_chance(ddla_sim_world *world, uint64_t one_in);

/* Messages (sim_message.c). */
ddla_status ddla_sim_send(ddla_transport *t, ddla_request *request);
ddla_status ddla_sim_recv(ddla_transport *t, ddla_request *request);
ddla_status ddla_sim_test(ddla_transport *t, ddla_request *request, bool *done);
void ddla_sim_cancel(ddla_transport *t, ddla_request *request);
ddla_status ddla_sim_progress(ddla_transport *t, bool *moved);
void ddla_sim_deliver(ddla_sim_world *world);              /* all that are due */
int64_t ddla_sim_next_due_ns(const ddla_sim_world *world); /* INT64_MAX: none */
void ddla_sim_forget(ddla_sim_rank *rank); /* all its messages: it has crashed or ended */

/* Memory (sim_memory.c). */
ddla_status ddla_sim_alloc(ddla_transport *t, void **out, size_t bytes, unsigned kind);
void *ddla_sim_peer(ddla_transport *t, const void *address, int rank);
void ddla_sim_free_blocks(ddla_sim_world *world);

/* The rest of the slots (sim.c). */
ddla_status ddla_sim_open(ddla_transport **out, const void *setup);
void ddla_sim_close(ddla_transport *t);
ddla_status ddla_sim_check(ddla_transport *t);
ddla_status ddla_sim_wait(ddla_transport *t, const ddla_waiting *waiting, int64_t timeout_ms);
void ddla_sim_wake(ddla_transport *t, int rank, const ddla_word *word);
const ddla_clock *ddla_sim_clock(ddla_transport *t);

/* The two rows differ in name and capabilities. */
#define DDLA_SIM_ROW(row_name, row_caps)                                                           \
  {                                                                                                \
    .name = row_name, .caps = row_caps, .open = ddla_sim_open, .close = ddla_sim_close,            \
    .alloc = ddla_sim_alloc, .peer = ddla_sim_peer, .send = ddla_sim_send, .recv = ddla_sim_recv,  \
    .test = ddla_sim_test, .cancel = ddla_sim_cancel, .progress = ddla_sim_progress,               \
    .check = ddla_sim_check, .wait = ddla_sim_wait, .wake = ddla_sim_wake, .clock = ddla_sim_clock \
  }

#endif
