#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "transport/sim_world.h"

static void append(ddla_request **list, ddla_request *request) {
  while (*list) list = &(*list)->next;
  *list = request;
}

static bool take_out(ddla_request **list, const ddla_request *request) {
  while (*list && *list != request) list = &(*list)->next;
  if (!*list) return false;
  *list = request->next;
  return true;
}

/* The oldest request of a list for a peer and tag. */
static ddla_request *oldest(ddla_request *list, int peer, uint64_t tag) {
  while (list && (list->peer != peer || list->tag != tag)) list = list->next;
  return list;
}

/* Not before an earlier message of the same pair and tag. */
static int64_t draw_due_ns(ddla_sim_world *world, int from, int to, uint64_t tag) {
  int64_t due_ns = world->now_ns + 1 +
                   (int64_t)ddla_rng_below(&world->rng, (uint64_t)world->options.delay_ns_max);
  for (int i = 0; i < world->flight_count; i++) {
    const ddla_sim_flight *f = &world->flights[i];
    if (f->from == from && f->to == to && f->recv->tag == tag && f->due_ns >= due_ns)
      due_ns = f->due_ns + 1;
  }
  return due_ns;
}

static void match(ddla_sim_world *world, int from, int to, uint64_t tag) {
  ddla_request *send = oldest(world->rank[from].sends, to, tag),
               *recv = oldest(world->rank[to].recvs, from, tag);
  if (!send || !recv) return;
  DDLA_ASSERT(world->flight_count < DDLA_SIM_FLIGHTS_MAX);
  ddla_sim_flight flight = {from, to, send, recv, draw_due_ns(world, from, to, tag)};
  take_out(&world->rank[from].sends, send);
  take_out(&world->rank[to].recvs, recv);
  send->state = recv->state = DDLA_SIM_FLYING;
  world->flights[world->flight_count++] = flight;
}

ddla_status ddla_sim_send(ddla_transport *t, ddla_request *request) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  DDLA_TRY(ddla_sim_state(rank));
  request->state = DDLA_SIM_POSTED;
  append(&rank->sends, request);
  match(rank->world, t->rank, request->peer, request->tag);
  return DDLA_OK;
}

ddla_status ddla_sim_recv(ddla_transport *t, ddla_request *request) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  DDLA_TRY(ddla_sim_state(rank));
  request->state = DDLA_SIM_POSTED;
  append(&rank->recvs, request);
  match(rank->world, request->peer, t->rank, request->tag);
  return DDLA_OK;
}

static void wake(ddla_sim_rank *rank) { rank->woken = true; }

static void land(ddla_sim_world *world, const ddla_sim_flight *flight) {
  bool wrong = flight->send->bytes != flight->recv->bytes;
  if (!wrong && flight->recv->bytes)
    memcpy(flight->recv->data, flight->send->data, flight->recv->bytes);
  flight->send->state = flight->recv->state = wrong ? DDLA_SIM_WRONG_LENGTH : DDLA_SIM_OVER;
  wake(&world->rank[flight->from]);
  wake(&world->rank[flight->to]);
}

static void remove_flight(ddla_sim_world *world, int index) {
  world->flights[index] = world->flights[--world->flight_count];
}

/* In order of time; the order of the table is not the order of messages. */
void ddla_sim_deliver(ddla_sim_world *world) {
  for (;;) {
    int next = -1;
    for (int i = 0; i < world->flight_count; i++)
      if (next < 0 || world->flights[i].due_ns < world->flights[next].due_ns) next = i;
    if (next < 0 || world->flights[next].due_ns > world->now_ns) return;
    land(world, &world->flights[next]);
    remove_flight(world, next);
  }
}

int64_t ddla_sim_next_due_ns(const ddla_sim_world *world) {
  int64_t due_ns = INT64_MAX;
  for (int i = 0; i < world->flight_count; i++)
    if (world->flights[i].due_ns < due_ns) due_ns = world->flights[i].due_ns;
  return due_ns;
}

ddla_status ddla_sim_test(ddla_transport *t, ddla_request *request, bool *done) {
  *done = request->state >= DDLA_SIM_OVER;
  if (request->state == DDLA_SIM_WRONG_LENGTH)
    return DDLA_FAIL(INVALID,
                     "agent %d and this one disagree on the length of message %" PRIx64
                     " (here %zu bytes)",
                     request->peer, request->tag, request->bytes);
  if (request->state == DDLA_SIM_DROPPED)
    return DDLA_FAIL(PEER_LOST, "agent %d gave up a message", request->peer);
  return *done ? DDLA_OK : ddla_sim_state((ddla_sim_rank *)t);
}

void ddla_sim_cancel(ddla_transport *t, ddla_request *request) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  ddla_sim_world *world = rank->world;
  take_out(&rank->sends, request);
  take_out(&rank->recvs, request);
  for (int i = 0; i < world->flight_count; i++) {
    ddla_sim_flight *f = &world->flights[i];
    if (f->send != request && f->recv != request) continue;
    if (f->recv == request) f->send->state = DDLA_SIM_OVER;
    else f->recv->state = DDLA_SIM_DROPPED;
    wake(&world->rank[request->peer]);
    remove_flight(world, i);
    break;
  }
  if (request->state < DDLA_SIM_OVER) request->state = DDLA_SIM_DROPPED;
}

ddla_status ddla_sim_progress(ddla_transport *t, bool *moved) {
  (void)moved; /* messages move with time */
  return ddla_sim_pause((ddla_sim_rank *)t);
}

/* A message of a crashed rank that is under way may still arrive; its own buffers must not be
 * touched. */
void ddla_sim_forget(ddla_sim_rank *rank) {
  ddla_sim_world *world = rank->world;
  rank->sends = rank->recvs = NULL;
  for (int i = world->flight_count - 1; i >= 0; i--) {
    ddla_sim_flight *f = &world->flights[i];
    if (f->from != rank->base.rank && f->to != rank->base.rank) continue;
    if (f->from == rank->base.rank && ddla_sim_chance(world, 2)) land(world, f);
    remove_flight(world, i);
  }
}
