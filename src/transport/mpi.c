/* Transport "mpi": see mpi.h. The row; messages are in mpi_channel.c, control messages and failures
 * in mpi_control.c. */
#include "transport/mpi.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "transport/mpi_parts.h"

enum {
  DEFAULT_TIMEOUT_MS = 30000,
  BEATS = 8, /* signs of life in a time limit */
  SPIN_NS = 5000,
  YIELDS = 8,
  LOOKS = 16,           /* at a word; */
  LOOK_YIELDS = 32,     /* one look at the library takes as long as a hundred of them */
  NAP_LEAST_NS = 50000, /* while something is under way, growing with the time without movement */
  NAP_MOST_NS = 1000000,
  NAP_SHARE = 8,
  IDLE_NS = 50000000,
  DEAF_NS = 4000000, /* so long without a look at the library is all right */
  TAGS_EACH = 256,   /* of one transport; of GENERATIONS that may overlap */
  GENERATIONS = 64,
  PAGE = 4096
};

static ddla_mpi_transport *of(ddla_transport *t) { return (ddla_mpi_transport *)t; }

static void lock(ddla_mpi_transport *t) { ddla_mpi_world_lock(t->world); }

static void unlock(ddla_mpi_transport *t) { ddla_mpi_world_unlock(t->world); }

/* The failure as it is for whoever asks; a failure of ours has been told to all before anybody here
 * learns of it, since nobody expects the library to touch buffers after that. */
static ddla_status mpi_check(ddla_transport *base) {
  ddla_mpi_transport *t = of(base);
  if (!atomic_load_explicit(&t->failed, memory_order_acquire)) return DDLA_OK;
  if (atomic_load(&t->owed)) {
    lock(t);
    ddla_transport_mpi_say_farewell(t);
    unlock(t);
  }
  return DDLA_FAIL(PEER_LOST, "%s", t->failure.text);
}

static ddla_status check(void *argument) { return mpi_check(argument); }

static void look(ddla_mpi_transport *t, bool *moved) {
  lock(t);
  t->moved = false;
  ddla_transport_mpi_look(t);
  *moved = t->moved;
  unlock(t);
}

static ddla_status mpi_progress(ddla_transport *base, bool *moved) {
  look(of(base), moved);
  return mpi_check(base);
}

/* ---- open and close ---- */

static void destroy(ddla_mpi_transport *t) {
  for (int i = 0; i < t->block_count; i++) munmap(t->blocks[i].data, t->blocks[i].bytes);
  if (t->peers)
    for (int i = 0; i < t->base.ranks; i++) ddla_free(t->peers[i].outgoing);
  ddla_free(t->peers);
  ddla_free(t->trash);
  ddla_free(t);
}

static ddla_status make_peers(ddla_mpi_transport *t) {
  DDLA_TRY(DDLA_NEW(t->peers, t->base.ranks));
  DDLA_TRY(DDLA_NEW(t->trash, DDLA_MPI_PIECE_BYTES));
  for (int i = 0; i < t->base.ranks; i++) {
    ddla_mpi_peer *peer = &t->peers[i];
    DDLA_TRY(DDLA_NEW(peer->outgoing, DDLA_MPI_CONTROLS));
    peer->library_rank = ddla_mpi_world_library_rank(t->world, ddla_mpi_world_first(t->world, i));
    peer->last = &peer->first;
  }
  return DDLA_OK;
}

/* From now on it shares signs of life and failures with the world's other transports. */
static ddla_status enroll(ddla_mpi_transport *t) {
  ddla_mpi_users *users = t->users;
  int place = 0, others = 0;
  for (int i = DDLA_MPI_USERS_MAX - 1; i >= 0; i--) {
    if (users->user[i]) others++;
    else place = i;
  }
  if (others == DDLA_MPI_USERS_MAX)
    return DDLA_FAIL(UNSUPPORTED, "more than %d transports of one world at once", others);
  if (others == 0) users->polled_ns = t->now_ns;
  for (int i = 0; i < t->base.ranks; i++) users->heard_ns[i] = t->now_ns;
  users->user[place] = t;
  return DDLA_OK;
}

static void withdraw(ddla_mpi_transport *t) {
  for (int i = 0; i < DDLA_MPI_USERS_MAX; i++)
    if (t->users->user[i] == t) t->users->user[i] = NULL;
}

static ddla_status make(ddla_mpi_transport **out, const ddla_mpi_setup *setup) {
  ddla_mpi_transport *t = NULL;
  DDLA_TRY(DDLA_NEW(t, 1));
  int64_t timeout_ms = setup->timeout_ms > 0 ? setup->timeout_ms : DEFAULT_TIMEOUT_MS;
  unsigned opens = ddla_mpi_world_count_opens(setup->world);
  t->base = (ddla_transport){.ops = ddla_transport_find("mpi"),
                             .rank = ddla_mpi_world_host(setup->world),
                             .ranks = ddla_mpi_world_hosts(setup->world)};
  t->world = setup->world;
  t->link = ddla_mpi_world_link(setup->world);
  t->timeout_ns = timeout_ms * 1000000;
  t->beat_ns = t->timeout_ns / BEATS;
  t->tag = DDLA_MPI_TAGS_WORLD + (int)(opens % GENERATIONS) * TAGS_EACH;
  t->lost = -1;
  t->users = ddla_mpi_world_users(setup->world);
  t->now_ns = t->moved_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  ddla_status status = make_peers(t);
  if (status != DDLA_OK) destroy(t);
  else *out = t;
  return status;
}

/* "h1, h3" */
static int list_absent(const ddla_mpi_transport *t, char *text, size_t bytes) {
  size_t used = 0;
  int count = 0;
  for (int i = 0; i < t->base.ranks; i++) {
    if (i == t->base.rank || t->peers[i].hello) continue;
    if (used < bytes)
      used += (size_t)snprintf(text + used, bytes - used, "%s%s", count ? ", " : "",
                               ddla_mpi_world_host_name(t->world, i));
    count++;
  }
  return count;
}

static ddla_status meet(ddla_mpi_transport *t) {
  int64_t begun_ns = t->now_ns;
  char absent[256] = "";
  bool moved = false;
  for (int i = 0; i < t->base.ranks; i++)
    if (i != t->base.rank)
      ddla_transport_mpi_tell(t, i, (ddla_mpi_control){.kind = DDLA_MPI_HELLO});
  for (;;) {
    look(t, &moved);
    DDLA_TRY(mpi_check(&t->base));
    if (list_absent(t, absent, sizeof absent) == 0) return DDLA_OK;
    if (t->now_ns - begun_ns > t->timeout_ns)
      return DDLA_FAIL(PEER_LOST, "waited %.1f s for the first message of %s",
                       (double)t->timeout_ns * 1e-9, absent);
    ddla_mpi_link_nap(NAP_LEAST_NS);
  }
}

static bool have_all_parted(const ddla_mpi_transport *t) {
  for (int i = 0; i < t->base.ranks; i++)
    if (i != t->base.rank && !t->peers[i].bye) return false;
  return t->parting && !ddla_transport_mpi_is_busy(t);
}

/* What is under way ends, then all say goodbye. Signs of life go on until then, so that only a lost
 * host ends this early. */
static void part(ddla_mpi_transport *t) {
  lock(t);
  ddla_transport_mpi_drop_all(t);
  for (int looks = 0; !atomic_load(&t->failed) && !have_all_parted(t); looks++) {
    ddla_transport_mpi_look(t);
    for (int i = 0; !t->parting && ddla_transport_mpi_is_empty(t) && i < t->base.ranks; i++)
      if (i != t->base.rank)
        ddla_transport_mpi_tell(t, i, (ddla_mpi_control){.kind = DDLA_MPI_BYE});
    t->parting = t->parting || ddla_transport_mpi_is_empty(t);
    unlock(t); /* another transport of the world has its turn */
    if (looks > YIELDS) ddla_mpi_link_nap(NAP_LEAST_NS);
    lock(t);
  }
  if (!atomic_load(&t->failed)) ddla_transport_mpi_close_inbox(t);
  ddla_transport_mpi_say_farewell(t);
  withdraw(t);
  unlock(t);
}

/* After a failure the library still knows places for letters and pieces: they stay. */
static void mpi_close(ddla_transport *base) {
  ddla_mpi_transport *t = of(base);
  part(t);
  if (!atomic_load(&t->failed)) {
    destroy(t);
    return;
  }
  for (int i = 0; i < base->ranks; i++) ddla_mpi_world_keep(t->world, t->peers[i].outgoing);
  ddla_mpi_world_keep(t->world, t->peers);
  ddla_mpi_world_keep(t->world, t->trash);
  for (int i = 0; i < t->block_count; i++) munmap(t->blocks[i].data, t->blocks[i].bytes);
  ddla_mpi_world_keep(t->world, t);
}

static ddla_status mpi_open(ddla_transport **out, const void *setup) {
  const ddla_mpi_setup *given = setup;
  ddla_mpi_transport *t = NULL;
  if (!given || !given->world)
    return DDLA_FAIL(INVALID, "transport mpi needs a world that an MPI launcher has started");
  if (ddla_mpi_world_place(given->world) != 0)
    return DDLA_FAIL(INVALID, "transport mpi is for the first rank of a host; this is number %d",
                     ddla_mpi_world_place(given->world));
  DDLA_TRY(make(&t, given));
  lock(t);
  ddla_status status = enroll(t);
  if (status == DDLA_OK) status = ddla_transport_mpi_open_inbox(t);
  unlock(t);
  if (status == DDLA_OK) status = meet(t);
  if (status == DDLA_OK) {
    *out = &t->base;
    return DDLA_OK;
  }
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_transport_mpi_fail(t, &failure, -1, true);
  mpi_close(&t->base);
  return ddla_status_raise(&failure);
}

/* ---- memory ---- */

/* Rank 0 tells the others what it makes; who has made it before compares when that comes. */
static ddla_status agree(ddla_mpi_transport *t, size_t bytes, unsigned kind) {
  uint64_t mine = (uint64_t)bytes << 2 | kind;
  int index = t->block_count;
  if (t->base.rank == 0) {
    for (int i = 1; i < t->base.ranks; i++)
      ddla_transport_mpi_tell(t, i, (ddla_mpi_control){.kind = DDLA_MPI_BLOCK, .bytes = mine});
    return DDLA_OK;
  }
  if (index >= t->first_block_count || t->first_blocks[index] == mine) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "hosts differ on block %d: this one asks for %zu bytes, host 0 for %" PRIu64
                   " bytes",
                   index, bytes, t->first_blocks[index] >> 2);
}

static ddla_status alloc_locked(ddla_mpi_transport *t, void **out, size_t bytes, unsigned kind) {
  if (t->block_count == DDLA_MPI_BLOCKS_MAX)
    return DDLA_FAIL(NO_MEMORY, "more than %d blocks", DDLA_MPI_BLOCKS_MAX);
  DDLA_TRY(agree(t, bytes, kind));
  void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return DDLA_FAIL(NO_MEMORY, "no memory for a block of %zu bytes: %s", bytes, strerror(errno));
  t->blocks[t->block_count++] = (ddla_mpi_block){data, bytes};
  *out = data;
  return DDLA_OK;
}

static ddla_status mpi_alloc(ddla_transport *base, void **out, size_t bytes, unsigned kind) {
  ddla_mpi_transport *t = of(base);
  DDLA_TRY(mpi_check(base));
  lock(t);
  ddla_status status = alloc_locked(t, out, bytes, kind);
  unlock(t);
  return status;
}

static void *mpi_peer(ddla_transport *base, const void *address, int rank) {
  const ddla_mpi_transport *t = of(base);
  for (int i = 0; rank == base->rank && i < t->block_count; i++) {
    uintptr_t offset = (uintptr_t)address - (uintptr_t)t->blocks[i].data;
    if (offset < t->blocks[i].bytes) return t->blocks[i].data + offset;
  }
  return NULL;
}

/* ---- messages ---- */

static ddla_status mpi_send(ddla_transport *base, ddla_request *request) {
  ddla_mpi_transport *t = of(base);
  DDLA_TRY(mpi_check(base));
  lock(t);
  ddla_transport_mpi_start_send(t, request);
  unlock(t);
  return mpi_check(base);
}

static ddla_status mpi_recv(ddla_transport *base, ddla_request *request) {
  ddla_mpi_transport *t = of(base);
  DDLA_TRY(mpi_check(base));
  lock(t);
  ddla_status status = ddla_transport_mpi_start_recv(t, request);
  unlock(t);
  return status == DDLA_OK ? mpi_check(base) : status;
}

static ddla_status mpi_sum(ddla_transport *base, ddla_request *request) {
  ddla_mpi_transport *t = of(base);
  DDLA_TRY(mpi_check(base));
  lock(t);
  ddla_status status = ddla_transport_mpi_start_sum(t, request);
  unlock(t);
  return status == DDLA_OK ? mpi_check(base) : status;
}

static ddla_status mpi_test(ddla_transport *base, ddla_request *request, bool *done) {
  *done = request->state >= DDLA_MPI_OVER;
  if (request->state == DDLA_MPI_WRONG_LENGTH)
    return DDLA_FAIL(INVALID,
                     "host %d and this one disagree on the length of message %" PRIx64
                     " (here %zu bytes)",
                     request->peer, request->tag, request->bytes);
  if (request->state == DDLA_MPI_DROPPED)
    return DDLA_FAIL(PEER_LOST, "host %d gave up a message", request->peer);
  return *done ? DDLA_OK : mpi_check(base);
}

static void mpi_cancel(ddla_transport *base, ddla_request *request) {
  ddla_mpi_transport *t = of(base);
  lock(t);
  ddla_transport_mpi_cancel(t, request);
  unlock(t);
}

/* ---- waiting ---- */

/* Nobody rings when a message comes: while one is awaited the sleep is short. */
static int64_t slice_ns(void *argument) {
  ddla_mpi_transport *t = argument;
  lock(t);
  bool busy = ddla_transport_mpi_is_busy(t);
  int64_t ns = (ddla_clock_now_ns(ddla_clock_monotonic()) - t->moved_ns) / NAP_SHARE;
  unlock(t);
  if (!busy) return IDLE_NS < t->beat_ns / 4 ? IDLE_NS : t->beat_ns / 4;
  if (ns < NAP_LEAST_NS) return NAP_LEAST_NS;
  return ns > NAP_MOST_NS ? NAP_MOST_NS : ns;
}

/* Whoever waits keeps this rank alive, whatever `ready` looks at; most look at the library. */
static ddla_status look_between(void *argument) {
  ddla_mpi_transport *t = argument;
  bool moved = false;
  lock(t);
  const int64_t deaf_ns = ddla_clock_now_ns(ddla_clock_monotonic()) - t->users->polled_ns;
  unlock(t);
  if (deaf_ns < DEAF_NS && deaf_ns < t->beat_ns / 4) return mpi_check(&t->base);
  return mpi_progress(&t->base, &moved);
}

static ddla_status mpi_wait(ddla_transport *base, const ddla_waiting *waiting, int64_t timeout_ms) {
  ddla_mpi_transport *t = of(base);
  ddla_patience patience = {.spin_ns = SPIN_NS,
                            .yields = YIELDS,
                            .looks = LOOKS,
                            .check = check,
                            .check_slow = check,
                            .argument = base};
  if (waiting->word) {
    ddla_event *event = &t->events[ddla_event_index(waiting->word, DDLA_MPI_EVENTS)];
    return ddla_event_wait(event, waiting, &patience, timeout_ms);
  }
  patience.looks = 1;
  patience.yields = LOOK_YIELDS;
  patience.check_slow = look_between;
  patience.slice_ns = slice_ns;
  atomic_store(&t->waiting, waiting);
  ddla_status status = ddla_event_wait(&t->bell, waiting, &patience, timeout_ms);
  atomic_store(&t->waiting, NULL);
  return status;
}

static void mpi_wake(ddla_transport *base, int rank, const ddla_word *word) {
  ddla_mpi_transport *t = of(base);
  if (word) ddla_event_wake(&t->events[ddla_event_index(word, DDLA_MPI_EVENTS)]);
  else if (rank == base->rank) ddla_event_wake(&t->bell);
}

/* Told at once where the library is free; else whoever is in it tells on the way out. */
static void mpi_fail(ddla_transport *base, const ddla_failure *failure) {
  ddla_mpi_transport *t = of(base);
  ddla_transport_mpi_fail(t, failure, -1, true);
  if (!ddla_mpi_world_try_lock(t->world)) return;
  ddla_transport_mpi_say_farewell(t);
  unlock(t);
}

static const ddla_clock *mpi_clock(ddla_transport *base) {
  (void)base;
  return ddla_clock_monotonic();
}

int ddla_transport_mpi_lost(ddla_transport *base) {
  const ddla_mpi_transport *t = of(base);
  return atomic_load(&t->failed) ? t->lost : -1;
}

extern const ddla_transport_ops ddla_transport_row_mpi;
const ddla_transport_ops ddla_transport_row_mpi = {
    .name = "mpi",
    .caps = DDLA_TRANSPORT_MESSAGES | DDLA_TRANSPORT_SUMS,
    .open = mpi_open,
    .close = mpi_close,
    .alloc = mpi_alloc,
    .peer = mpi_peer,
    .send = mpi_send,
    .recv = mpi_recv,
    .sum = mpi_sum,
    .test = mpi_test,
    .cancel = mpi_cancel,
    .progress = mpi_progress,
    .check = mpi_check,
    .wait = mpi_wait,
    .wake = mpi_wake,
    .fail = mpi_fail,
    .clock = mpi_clock,
};
