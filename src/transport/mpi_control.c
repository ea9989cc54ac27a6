/* Control messages of transport "mpi", signs of life, and failures.
 *
 * The ring of a peer holds control messages until the library is through with them. It cannot run
 * full in good order: at most half of it are grants and withdrawals, since receives are refused
 * before; and a peer's grants, which are as few, are answered once each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/mpi_parts.h"

enum { NS_PER_MS = 1000000 };

static ddla_mpi_outgoing *at(ddla_mpi_peer *peer, uint64_t index) {
  return &peer->outgoing[index % DDLA_MPI_CONTROLS];
}

static void take_failure(ddla_mpi_transport *t, ddla_status status) {
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_mpi_fail(t, &failure, -1, true);
}

static ddla_mpi_message letter_to(const ddla_mpi_transport *t, int rank, void *data, size_t bytes) {
  return (ddla_mpi_message){.rank = rank, .tag = t->tag, .data = data, .bytes = bytes};
}

/* Hands what is queued to the library. */
static void flush(ddla_mpi_transport *t, ddla_mpi_peer *peer) {
  while (peer->retired < peer->sent && !at(peer, peer->retired)->flight.flying) peer->retired++;
  while (peer->sent < peer->queued) {
    ddla_mpi_outgoing *next = at(peer, peer->sent);
    const ddla_mpi_message m =
        letter_to(t, peer->library_rank, &next->control, sizeof next->control);
    ddla_status status = ddla_mpi_link_send(t->link, &next->flight, &m);
    if (status != DDLA_OK) take_failure(t, status);
    if (!next->flight.flying) return;
    peer->sent++;
    peer->told_ns = t->now_ns;
  }
}

void ddla_transport_mpi_tell(ddla_mpi_transport *t, int index, ddla_mpi_control control) {
  ddla_mpi_peer *peer = &t->peers[index];
  if (atomic_load(&t->failed)) return;
  if (peer->queued - peer->retired == DDLA_MPI_CONTROLS) flush(t, peer);
  if (peer->queued - peer->retired == DDLA_MPI_CONTROLS) {
    take_failure(t, DDLA_FAIL(INTERNAL, "too many control messages to host %d under way", index));
    return;
  }
  control.from = (uint32_t)t->base.rank;
  at(peer, peer->queued++)->control = control;
  flush(t, peer);
}

bool ddla_transport_mpi_has_room(const ddla_mpi_transport *t, int index) {
  const ddla_mpi_peer *peer = &t->peers[index];
  return peer->queued - peer->retired < DDLA_MPI_CONTROLS / 2;
}

/* ---- what comes in ---- */

static ddla_status post_letter(ddla_mpi_transport *t, int index) {
  const ddla_mpi_message m = letter_to(t, -1, &t->inbox[index], sizeof t->inbox[index]);
  DDLA_TRY(ddla_mpi_link_recv(t->link, &t->inbox_flights[index], &m));
  if (t->inbox_flights[index].flying) return DDLA_OK;
  return DDLA_FAIL(INTERNAL, "no operation of MPI is left to listen with");
}

ddla_status ddla_transport_mpi_open_inbox(ddla_mpi_transport *t) {
  for (int i = 0; i < DDLA_MPI_INBOX; i++) DDLA_TRY(post_letter(t, i));
  return DDLA_OK;
}

void ddla_transport_mpi_close_inbox(ddla_mpi_transport *t) {
  bool flying = true, moved = false;
  for (int i = 0; i < DDLA_MPI_INBOX; i++)
    if (ddla_mpi_link_cancel(t->link, &t->inbox_flights[i]) != DDLA_OK) return;
  while (flying) {
    flying = false;
    if (ddla_mpi_link_poll(t->link, &moved) != DDLA_OK) return;
    for (int i = 0; i < DDLA_MPI_INBOX; i++) flying |= t->inbox_flights[i].flying;
  }
}

/* What rank 0 has made is compared as soon as both sides have made it. */
static void take_block(ddla_mpi_transport *t, uint64_t made) {
  int index = t->first_block_count;
  if (index == DDLA_MPI_BLOCKS_MAX) return;
  t->first_blocks[t->first_block_count++] = made;
  if (index >= t->block_count || t->blocks[index].bytes == made >> 2) return;
  take_failure(t, DDLA_FAIL(INVALID,
                            "hosts differ on block %d: this one asked for %zu bytes, host 0 for "
                            "%" PRIu64 " bytes",
                            index, t->blocks[index].bytes, made >> 2));
}

/* The fault is the sender's own, or that of a host which the sender found silent. */
static void take_farewell(ddla_mpi_transport *t, const ddla_mpi_letter *letter) {
  ddla_failure failure = {0};
  if (letter->control.slot >= (uint32_t)t->base.ranks) return; /* of no host */
  if (letter->control.slot != letter->control.from)
    ddla_mpi_world_lose(t->world, (int)letter->control.slot);
  ddla_status_take(&failure,
                   DDLA_FAIL(PEER_LOST, "host %s failed: %.900s",
                             ddla_mpi_world_host_name(t->world, (int)letter->control.from),
                             letter->text));
  ddla_transport_mpi_fail(t, &failure, (int)letter->control.slot, false);
}

static void read_letter(ddla_mpi_transport *t, ddla_mpi_letter *letter) {
  const ddla_mpi_control *control = &letter->control;
  if (control->from >= (uint32_t)t->base.ranks) return;
  ddla_mpi_peer *peer = &t->peers[control->from];
  t->users->heard_ns[control->from] = t->now_ns;
  switch (control->kind) {
  case DDLA_MPI_HELLO: peer->hello = true; break;
  case DDLA_MPI_BYE: peer->bye = true; break;
  case DDLA_MPI_ALIVE: break;
  case DDLA_MPI_BLOCK: take_block(t, control->bytes); break;
  case DDLA_MPI_FAILURE: take_farewell(t, letter); break;
  default: ddla_transport_mpi_take_control(t, control); break;
  }
}

/* In the order in which they were posted, which keeps that of every sender. */
static void read_inbox(ddla_mpi_transport *t) {
  for (;;) {
    int index = (int)(t->inbox_next % DDLA_MPI_INBOX);
    if (t->inbox_flights[index].flying || atomic_load(&t->failed)) return;
    read_letter(t, &t->inbox[index]);
    t->moved = true;
    ddla_status status = post_letter(t, index);
    if (status != DDLA_OK) take_failure(t, status);
    t->inbox_next++;
  }
}

/* ---- signs of life ---- */

static void lose(ddla_mpi_transport *t, int index) {
  char what[256] = "", suffix[384] = "";
  const ddla_waiting *waiting = atomic_load(&t->waiting);
  ddla_mpi_world_lose(t->world, index);
  if (waiting && waiting->describe) waiting->describe(waiting->argument, what, sizeof what);
  if (what[0])
    snprintf(suffix, sizeof suffix, ", while host %s waited for %s",
             ddla_mpi_world_host_name(t->world, t->base.rank), what);
  ddla_failure failure = {0};
  ddla_status_take(&failure,
                   DDLA_FAIL(PEER_LOST, "host %s has been silent for %.1f s%s",
                             ddla_mpi_world_host_name(t->world, index),
                             (double)(t->now_ns - t->users->heard_ns[index]) * 1e-9, suffix));
  ddla_transport_mpi_fail(t, &failure, index, true);
}

/* Time in which this rank did not listen does not count as silence of others: their signs wait in
 * the library. */
static void forgive(ddla_mpi_transport *t) {
  int64_t deaf_ns = t->now_ns - t->users->polled_ns;
  if (deaf_ns < t->beat_ns) return;
  for (int i = 0; i < t->base.ranks; i++) t->users->heard_ns[i] += deaf_ns;
}

static void beat(ddla_mpi_transport *t) {
  if (t->now_ns < t->next_beat_ns) return;
  t->next_beat_ns = t->now_ns + t->beat_ns / 4;
  for (int i = 0; i < t->base.ranks; i++) {
    ddla_mpi_peer *peer = &t->peers[i];
    if (i == t->base.rank || !peer->hello || peer->bye) continue;
    if (t->now_ns - peer->told_ns >= t->beat_ns && !t->parting)
      ddla_transport_mpi_tell(t, i, (ddla_mpi_control){.kind = DDLA_MPI_ALIVE});
    if (t->now_ns - t->users->heard_ns[i] > t->timeout_ns) lose(t, i);
  }
}

bool ddla_transport_mpi_is_busy(const ddla_mpi_transport *t) {
  if (t->sums_over != t->sums_asked) return true;
  for (int i = 0; i < t->base.ranks; i++) {
    const ddla_mpi_peer *peer = &t->peers[i];
    if (peer->slot_count || peer->sending_count || peer->first || peer->retired != peer->queued)
      return true;
  }
  return false;
}

void ddla_transport_mpi_look(ddla_mpi_transport *t) {
  bool moved = false;
  if (atomic_load(&t->failed)) return;
  if (ddla_mpi_world_failure(t->world)) { /* of another transport: the library is left alone */
    ddla_transport_mpi_fail(t, ddla_mpi_world_failure(t->world), ddla_mpi_world_lost(t->world),
                            false);
    return;
  }
  t->now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  forgive(t);
  t->users->polled_ns = t->now_ns;
  ddla_status status = ddla_mpi_link_poll(t->link, &moved);
  if (status != DDLA_OK) take_failure(t, status);
  read_inbox(t);
  ddla_transport_mpi_advance_sums(t);
  for (int i = 0; i < t->base.ranks && !atomic_load(&t->failed); i++) {
    if (i == t->base.rank) continue;
    ddla_transport_mpi_advance(t, i);
    flush(t, &t->peers[i]);
  }
  if (!atomic_load(&t->failed)) beat(t);
  if (t->moved) t->moved_ns = t->now_ns;
}

/* ---- failures ---- */

static void wake_all(ddla_mpi_transport *t) {
  for (int i = 0; i < DDLA_MPI_EVENTS; i++) ddla_event_wake(&t->events[i]);
  ddla_event_wake(&t->bell);
}

/* True for the first one. */
static bool take_failing(ddla_mpi_transport *t, const ddla_failure *failure, int lost) {
  if (atomic_exchange(&t->failing, true)) return false;
  t->failure = *failure;
  t->lost = lost;
  t->farewell.control = (ddla_mpi_control){.kind = DDLA_MPI_FAILURE,
                                           .from = (uint32_t)t->base.rank,
                                           .slot = (uint32_t)(lost < 0 ? t->base.rank : lost)};
  memcpy(t->farewell.text, failure->text, sizeof t->farewell.text);
  return true;
}

static void set_failed(ddla_mpi_transport *t) {
  atomic_store(&t->failed, true);
  wake_all(t);
}

/* What is ours is everybody's of this world when all have been told (say_farewell): until then
 * the library still touches buffers of the others. */
void ddla_transport_mpi_fail(ddla_mpi_transport *t, const ddla_failure *failure, int lost,
                             bool ours) {
  if (!take_failing(t, failure, lost)) return;
  if (!ours) ddla_mpi_world_fail(t->world, failure);
  atomic_store(&t->owed, ours);
  set_failed(t);
}

static bool is_flying(const ddla_mpi_transport *t) {
  for (int i = 0; i < t->base.ranks; i++)
    if (t->farewell_flights[i].flying) return true;
  return false;
}

static void send_farewell(ddla_mpi_transport *t) {
  for (int i = 0; i < t->base.ranks; i++) {
    if (i == t->base.rank || i == t->lost) continue;
    /* What follows a failure is done as well as it can be. */
    const ddla_mpi_message m =
        letter_to(t, t->peers[i].library_rank, &t->farewell, sizeof t->farewell);
    (void)ddla_mpi_link_send(t->link, &t->farewell_flights[i], &m);
  }
}

/* The world's other transports fail with it: each tells its own peers, who may listen to that one
 * alone. */
static int join_others(ddla_mpi_transport *out[DDLA_MPI_USERS_MAX], ddla_mpi_transport *t) {
  int count = 0;
  for (int i = 0; i < DDLA_MPI_USERS_MAX; i++) {
    ddla_mpi_transport *other = t->users->user[i];
    if (other && other != t && take_failing(other, &t->failure, t->lost)) out[count++] = other;
  }
  return count;
}

/* The library says that a message has gone when it lies in a buffer; it is given a moment more to
 * bring it out. */
static void bring_out(ddla_mpi_transport *const *all, int count) {
  enum { LIMIT_MS = 1000, LAST_MS = 20, NAP_NS = 200000 };
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t end_ns = ddla_clock_now_ns(clock) + LIMIT_MS * (int64_t)NS_PER_MS, last_ns = 0;
  bool moved = false;
  for (;;) {
    bool flying = false;
    for (int i = 0; i < count; i++) flying |= is_flying(all[i]);
    int64_t now_ns = ddla_clock_now_ns(clock);
    if (!flying && last_ns == 0) last_ns = now_ns + LAST_MS * (int64_t)NS_PER_MS;
    if (now_ns >= end_ns || (last_ns && now_ns >= last_ns)) return;
    if (ddla_mpi_link_poll(all[0]->link, &moved) != DDLA_OK) return;
    ddla_mpi_link_nap(NAP_NS);
  }
}

void ddla_transport_mpi_say_farewell(ddla_mpi_transport *t) {
  ddla_mpi_transport *all[1 + DDLA_MPI_USERS_MAX] = {t};
  if (!atomic_exchange(&t->owed, false)) return;
  const int count = 1 + join_others(all + 1, t);
  for (int i = 0; i < count; i++) send_farewell(all[i]);
  bring_out(all, count);
  ddla_mpi_world_fail(t->world, &t->failure);
  for (int i = 1; i < count; i++) set_failed(all[i]);
}
