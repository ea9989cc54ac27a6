/* Messages of transport "mpi": grants, and pieces from buffer to buffer.
 *
 * A slot belongs to the receiver from the grant until all that comes for it has come. What comes is
 * certain at every moment: all pieces of the message once the sender has taken the grant; none
 * after WITHDRAWN or REFUSE; as many as DROP says. So the slot's tag can be used again without a
 * doubt about whose data come. Control messages of a pair keep their order, and so do pieces. */
#include <inttypes.h>

#include "base/assert.h"
#include "transport/mpi_parts.h"

enum {
  /* Pieces received that are under way, so that those sent find operations too. */
  RECEIVING_MAX = DDLA_MPI_OPERATIONS / 2,
  /* Bytes of messages to one peer that the library has at once. With more, what a library sends to
   * agree on a long message waits behind all that it was given before, so that over a slow cable
   * one direction rests while the other is busy. */
  SENDING_BYTES = 2 << 20
};

static uint32_t count_pieces(size_t bytes) {
  size_t pieces = (bytes + DDLA_MPI_PIECE_BYTES - 1) / DDLA_MPI_PIECE_BYTES;
  return pieces ? (uint32_t)pieces : 1;
}

static size_t piece_bytes(size_t bytes, uint32_t index) {
  size_t left = bytes - (size_t)index * DDLA_MPI_PIECE_BYTES;
  return left < DDLA_MPI_PIECE_BYTES ? left : DDLA_MPI_PIECE_BYTES;
}

static void *piece_at(const ddla_request *request, uint32_t index) {
  return request->bytes ? request->data + (size_t)index * DDLA_MPI_PIECE_BYTES : NULL;
}

/* Takes note of a failed call of the library; true if it was well. */
static bool is_well(ddla_mpi_transport *t, ddla_status status) {
  if (status == DDLA_OK) return true;
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_mpi_fail(t, &failure, -1, true);
  return false;
}

static bool is_flying(const ddla_mpi_pieces *pieces) {
  for (int i = 0; i < DDLA_MPI_AHEAD; i++)
    if (pieces->flights[i].flying) return true;
  return false;
}

/* Counts the oldest pieces that have landed. */
static uint32_t count_landed(ddla_mpi_pieces *pieces) {
  uint32_t before = pieces->done;
  while (pieces->done < pieces->started && !pieces->flights[pieces->done % DDLA_MPI_AHEAD].flying)
    pieces->done++;
  return pieces->done - before;
}

static void note(ddla_mpi_transport *t, int64_t *when_ns) {
  t->moved = true;
  *when_ns = t->now_ns;
}

/* ---- sending ---- */

static void send_pieces(ddla_mpi_transport *t, ddla_mpi_peer *peer, ddla_mpi_sending *s) {
  ddla_mpi_pieces *p = &s->pieces;
  while (p->started < p->total && p->started - p->done < DDLA_MPI_AHEAD) {
    ddla_mpi_flight *flight = &p->flights[p->started % DDLA_MPI_AHEAD];
    const ddla_mpi_message m = {.rank = peer->library_rank,
                                .tag = t->tag + 1 + (int)s->slot,
                                .data = piece_at(s->request, p->started),
                                .bytes = piece_bytes(s->request->bytes, p->started)};
    if (!is_well(t, ddla_mpi_link_send(t->link, flight, &m)) || !flight->flying) return;
    p->started++;
  }
}

static void free_sending(ddla_mpi_peer *peer, ddla_mpi_sending *s, int state) {
  peer->sending_bytes -= s->request->bytes;
  s->request->state = state;
  s->request = NULL;
  peer->freed = true;
  peer->sending_count--;
  while (peer->sending_high > 0 && !peer->sending[peer->sending_high - 1].request)
    peer->sending_high--;
}

static void advance_sending(ddla_mpi_transport *t, ddla_mpi_peer *peer, ddla_mpi_sending *s) {
  if (count_landed(&s->pieces)) note(t, &peer->told_ns);
  send_pieces(t, peer, s);
  if (s->pieces.done == s->pieces.total) free_sending(peer, s, DDLA_MPI_OVER);
}

/* Null: later, when others are over. */
static ddla_mpi_sending *take_sending(ddla_mpi_peer *peer, size_t bytes) {
  if (peer->sending_count > 0 && peer->sending_bytes + bytes > SENDING_BYTES) return NULL;
  for (int i = 0; i < DDLA_MPI_SLOTS; i++) {
    if (peer->sending[i].request) continue;
    if (i >= peer->sending_high) peer->sending_high = i + 1;
    peer->sending_count++;
    peer->sending_bytes += bytes;
    return &peer->sending[i];
  }
  return NULL;
}

/* The oldest grant of a tag, or -1. */
static int find_grant(const ddla_mpi_peer *peer, uint64_t tag) {
  int found = -1;
  for (int i = 0; i < peer->grant_high; i++) {
    const ddla_mpi_grant *g = &peer->grants[i];
    if (!g->granted || g->tag != tag) continue;
    if (found < 0 || g->order < peer->grants[found].order) found = i;
  }
  return found;
}

static void drop_grant(ddla_mpi_peer *peer, uint32_t slot) {
  peer->grants[slot].granted = false;
  while (peer->grant_high > 0 && !peer->grants[peer->grant_high - 1].granted) peer->grant_high--;
}

typedef enum meeting {
  MET_NONE, /* no receive is posted for it yet */
  MET,      /* the send is queued no longer */
  MET_FULL  /* enough is under way to this peer */
} meeting;

/* Meets a send with the oldest grant of its tag. */
static meeting match(ddla_mpi_transport *t, ddla_request *request) {
  ddla_mpi_peer *peer = &t->peers[request->peer];
  int slot = find_grant(peer, request->tag);
  if (slot < 0) return MET_NONE;
  if (peer->grants[slot].bytes != request->bytes) {
    drop_grant(peer, (uint32_t)slot);
    request->state = DDLA_MPI_WRONG_LENGTH;
    ddla_transport_mpi_tell(t, request->peer,
                            (ddla_mpi_control){.kind = DDLA_MPI_REFUSE, .slot = (uint32_t)slot});
    return MET;
  }
  ddla_mpi_sending *s = take_sending(peer, request->bytes);
  if (!s) return MET_FULL;
  drop_grant(peer, (uint32_t)slot);
  *s = (ddla_mpi_sending){.request = request,
                          .slot = (uint32_t)slot,
                          .pieces = {.total = count_pieces(request->bytes)}};
  request->state = DDLA_MPI_TAKEN;
  advance_sending(t, peer, s);
  return MET;
}

static void match_queued(ddla_mpi_transport *t, ddla_mpi_peer *peer) {
  if (peer->grant_high == 0) return;
  for (ddla_request **at = &peer->first; *at;) {
    ddla_request *request = *at, *next = request->next;
    meeting found = match(t, request);
    if (found == MET_FULL) return; /* those behind it wait their turn */
    if (found == MET_NONE) {
      at = &request->next;
      continue;
    }
    *at = next;
    if (!next) peer->last = at;
    t->moved = true;
  }
}

static bool unlink_queued(ddla_mpi_peer *peer, const ddla_request *request) {
  ddla_request **at = &peer->first;
  while (*at && *at != request) at = &(*at)->next;
  if (!*at) return false;
  *at = request->next;
  if (!*at) peer->last = at;
  return true;
}

void ddla_transport_mpi_start_send(ddla_mpi_transport *t, ddla_request *request) {
  ddla_mpi_peer *peer = &t->peers[request->peer];
  request->state = DDLA_MPI_QUEUED;
  request->next = NULL;
  *peer->last = request;
  peer->last = &request->next;
  match_queued(t, peer);
}

/* ---- receiving ---- */

static void recv_pieces(ddla_mpi_transport *t, ddla_mpi_peer *peer, ddla_mpi_slot *s) {
  ddla_mpi_pieces *p = &s->pieces;
  while (p->started < s->coming && p->started - p->done < DDLA_MPI_AHEAD &&
         t->flying_data < RECEIVING_MAX) {
    ddla_mpi_flight *flight = &p->flights[p->started % DDLA_MPI_AHEAD];
    /* Pieces of several zombies may land in the trash at once; nobody reads it. */
    const ddla_mpi_message m = {.rank = peer->library_rank,
                                .tag = t->tag + 1 + (int)(s - peer->slots),
                                .data = s->request ? piece_at(s->request, p->started) : t->trash,
                                .bytes = piece_bytes(s->bytes, p->started)};
    if (!is_well(t, ddla_mpi_link_recv(t->link, flight, &m)) || !flight->flying) return;
    p->started++;
    t->flying_data++;
  }
}

static void free_slot(ddla_mpi_peer *peer, ddla_mpi_slot *s, int result) {
  if (s->request) s->request->state = result;
  s->request = NULL;
  s->state = DDLA_MPI_SLOT_FREE;
  peer->slot_count--;
  while (peer->slot_high > 0 && peer->slots[peer->slot_high - 1].state == DDLA_MPI_SLOT_FREE)
    peer->slot_high--;
}

static void advance_slot(ddla_mpi_transport *t, ddla_mpi_peer *peer, ddla_mpi_slot *s) {
  uint32_t landed = count_landed(&s->pieces);
  t->flying_data -= (int)landed;
  if (landed) note(t, &t->users->heard_ns[peer - t->peers]);
  recv_pieces(t, peer, s);
  if (s->pieces.done < s->coming || is_flying(&s->pieces)) return;
  free_slot(peer, s, s->state == DDLA_MPI_SLOT_POSTED ? DDLA_MPI_OVER : s->result);
}

/* No more than `coming` pieces will come: those posted beyond are taken back. */
static void limit(ddla_mpi_transport *t, ddla_mpi_slot *s, uint32_t coming, int result) {
  if (s->state == DDLA_MPI_SLOT_POSTED) {
    s->state = DDLA_MPI_SLOT_ENDING;
    s->result = result;
  }
  s->coming = coming;
  for (uint32_t i = s->pieces.done; i < s->pieces.started; i++)
    if (i >= coming &&
        !is_well(t, ddla_mpi_link_cancel(t->link, &s->pieces.flights[i % DDLA_MPI_AHEAD])))
      return;
}

static ddla_mpi_slot *take_slot(ddla_mpi_peer *peer) {
  for (int i = 0; i < DDLA_MPI_SLOTS; i++) {
    if (peer->slots[i].state != DDLA_MPI_SLOT_FREE) continue;
    if (i >= peer->slot_high) peer->slot_high = i + 1;
    peer->slot_count++;
    return &peer->slots[i];
  }
  return NULL;
}

ddla_status ddla_transport_mpi_start_recv(ddla_mpi_transport *t, ddla_request *request) {
  ddla_mpi_peer *peer = &t->peers[request->peer];
  ddla_mpi_slot *s = ddla_transport_mpi_has_room(t, request->peer) ? take_slot(peer) : NULL;
  if (!s)
    return DDLA_FAIL(UNSUPPORTED, "more than %d receives from host %d at once", DDLA_MPI_SLOTS,
                     request->peer);
  uint32_t pieces = count_pieces(request->bytes), number = (uint32_t)(s - peer->slots);
  *s = (ddla_mpi_slot){.state = DDLA_MPI_SLOT_POSTED,
                       .coming = pieces,
                       .request = request,
                       .bytes = request->bytes,
                       .pieces = {.total = pieces}};
  request->state = DDLA_MPI_POSTED;
  request->place = number;
  recv_pieces(t, peer, s); /* before the grant, so that data find their place */
  ddla_transport_mpi_tell(
      t, request->peer,
      (ddla_mpi_control){
          .kind = DDLA_MPI_GRANT, .slot = number, .tag = request->tag, .bytes = request->bytes});
  return DDLA_OK;
}

/* ---- control messages ---- */

static void take_grant(ddla_mpi_transport *t, const ddla_mpi_control *control) {
  ddla_mpi_peer *peer = &t->peers[control->from];
  peer->grants[control->slot] = (ddla_mpi_grant){
      .granted = true, .tag = control->tag, .bytes = control->bytes, .order = peer->grants_seen++};
  if ((int)control->slot >= peer->grant_high) peer->grant_high = (int)control->slot + 1;
  match_queued(t, peer);
}

/* A grant that is not there any more has been taken: then its data come, or word that they do not.
 */
static void take_withdrawal(ddla_mpi_transport *t, const ddla_mpi_control *control) {
  ddla_mpi_peer *peer = &t->peers[control->from];
  if (!peer->grants[control->slot].granted) return;
  drop_grant(peer, control->slot);
  ddla_transport_mpi_tell(t, (int)control->from,
                          (ddla_mpi_control){.kind = DDLA_MPI_WITHDRAWN, .slot = control->slot});
}

void ddla_transport_mpi_take_control(ddla_mpi_transport *t, const ddla_mpi_control *control) {
  if (control->slot >= DDLA_MPI_SLOTS) return;
  ddla_mpi_slot *slot = &t->peers[control->from].slots[control->slot];
  switch (control->kind) {
  case DDLA_MPI_GRANT: take_grant(t, control); break;
  case DDLA_MPI_WITHDRAW: take_withdrawal(t, control); break;
  case DDLA_MPI_WITHDRAWN: limit(t, slot, 0, DDLA_MPI_DROPPED); break;
  case DDLA_MPI_REFUSE: limit(t, slot, 0, DDLA_MPI_WRONG_LENGTH); break;
  case DDLA_MPI_DROP: limit(t, slot, control->pieces, DDLA_MPI_DROPPED); break;
  default: break;
  }
}

void ddla_transport_mpi_advance(ddla_mpi_transport *t, int index) {
  ddla_mpi_peer *peer = &t->peers[index];
  if (peer->slot_count > 0)
    for (int i = 0; i < peer->slot_high; i++)
      if (peer->slots[i].state != DDLA_MPI_SLOT_FREE) advance_slot(t, peer, &peer->slots[i]);
  if (peer->sending_count > 0)
    for (int i = 0; i < peer->sending_high; i++)
      if (peer->sending[i].request) advance_sending(t, peer, &peer->sending[i]);
  if (peer->freed) match_queued(t, peer);
  peer->freed = false;
}

/* ---- giving up ---- */

/* Lets the library finish with a buffer. A peer that does not is silent, which ends it. */
static void wait_for(ddla_mpi_transport *t, const ddla_mpi_pieces *pieces) {
  enum { NAP_NS = 50000 };
  while (is_flying(pieces) && !atomic_load(&t->failed)) {
    ddla_transport_mpi_look(t);
    if (is_flying(pieces)) ddla_mpi_link_nap(NAP_NS);
  }
}

static void cancel_sending(ddla_mpi_transport *t, ddla_request *request) {
  ddla_mpi_peer *peer = &t->peers[request->peer];
  for (int i = 0; i < DDLA_MPI_SLOTS; i++) {
    ddla_mpi_sending *s = &peer->sending[i];
    if (s->request != request) continue;
    s->pieces.total = s->pieces.started; /* no more; a look may find it over by this */
    uint32_t sent = s->pieces.started, all = count_pieces(request->bytes), slot = s->slot;
    wait_for(t, &s->pieces);
    if (s->request == request) free_sending(peer, s, DDLA_MPI_DROPPED);
    if (sent < all)
      ddla_transport_mpi_tell(
          t, request->peer,
          (ddla_mpi_control){.kind = DDLA_MPI_DROP, .slot = slot, .pieces = sent});
    return;
  }
}

/* The slot lives on without its request until it is certain what comes for it. */
static void cancel_slot(ddla_mpi_transport *t, ddla_request *request) {
  ddla_mpi_peer *peer = &t->peers[request->peer];
  ddla_mpi_slot *s = &peer->slots[request->place];
  if (s->request != request) return;
  ddla_mpi_pieces *p = &s->pieces;
  bool posted = s->state == DDLA_MPI_SLOT_POSTED;
  for (int i = 0; i < DDLA_MPI_AHEAD; i++)
    if (!is_well(t, ddla_mpi_link_cancel(t->link, &p->flights[i]))) return;
  s->request = NULL;
  s->state = DDLA_MPI_SLOT_ZOMBIE;
  uint32_t first = p->done, came = 0;
  while (is_flying(p) && !atomic_load(&t->failed)) {
    bool moved = false;
    if (!is_well(t, ddla_mpi_link_poll(t->link, &moved))) return;
    if (!moved) ddla_mpi_link_nap(20000);
  }
  for (uint32_t i = first; i < p->started; i++) came += !p->flights[i % DDLA_MPI_AHEAD].cancelled;
  t->flying_data -= (int)(p->started - first);
  p->done = p->started = first + came;
  if (posted)
    ddla_transport_mpi_tell(
        t, request->peer,
        (ddla_mpi_control){.kind = DDLA_MPI_WITHDRAW, .slot = (uint32_t)request->place});
  advance_slot(t, peer, s);
}

void ddla_transport_mpi_cancel(ddla_mpi_transport *t, ddla_request *request) {
  if (request->state >= DDLA_MPI_OVER) return;
  int state = request->state;
  request->state = DDLA_MPI_DROPPED;
  if (state == DDLA_MPI_SUMMED) ddla_transport_mpi_cancel_sum(t, request);
  if (state == DDLA_MPI_QUEUED) unlink_queued(&t->peers[request->peer], request);
  if (atomic_load(&t->failed)) return; /* the library is not called any more */
  if (state == DDLA_MPI_TAKEN) cancel_sending(t, request);
  if (state == DDLA_MPI_POSTED) cancel_slot(t, request);
}

void ddla_transport_mpi_drop_all(ddla_mpi_transport *t) {
  /* Slots still name requests that were cancelled since, or whose owners saw it fail and went. */
  if (atomic_load(&t->failed)) return;
  for (uint64_t i = t->sums_over; i < t->sums_asked; i++) {
    ddla_request *request = t->sums[i % DDLA_MPI_SUMS].request;
    if (request) ddla_transport_mpi_cancel_sum(t, request);
  }
  for (int i = 0; i < t->base.ranks; i++) {
    ddla_mpi_peer *peer = &t->peers[i];
    if (i == t->base.rank) continue;
    while (peer->first) ddla_transport_mpi_cancel(t, peer->first);
    for (int k = 0; k < DDLA_MPI_SLOTS; k++) {
      if (peer->sending[k].request) ddla_transport_mpi_cancel(t, peer->sending[k].request);
      if (peer->slots[k].request) ddla_transport_mpi_cancel(t, peer->slots[k].request);
    }
  }
}

bool ddla_transport_mpi_is_empty(const ddla_mpi_transport *t) {
  for (int i = 0; i < t->base.ranks; i++)
    if (t->peers[i].slot_count > 0 || t->peers[i].sending_count > 0) return false;
  return true;
}
