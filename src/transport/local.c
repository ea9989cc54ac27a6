/* Transport "local": ranks on one machine in memory that a launcher mapped before it forked them,
 * or before it started them as threads (the same code; ThreadSanitizer then sees their races).
 *
 * Memory is carved from the region in order: because every rank makes the same calls, all of them
 * know where everybody's blocks are without talking. Waiting is a short look, a few yields, then
 * sleep in slices of at most 50 ms; with more ranks than cores there is no look at all, so that the
 * core goes to who has work. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/local_region.h"
#include "transport/local_share.h"
#include "transport/transport.h"

enum { SPIN_NS = 20000, YIELDS = 8, LOOKS = 16 };

typedef struct block {
  size_t offset, stride, bytes; /* stride 0: ONE */
} block;

typedef struct local_transport {
  ddla_transport base;
  ddla_local_region *region;
  uint64_t generation;
  bool forked;
  const ddla_local_peers *peers; /* null: a launcher watches */
  size_t heap_used;
  int block_count;
  block
      *blocks; /* by rising offset; room for DDLA_LOCAL_BLOCKS_MAX, so that readers need no lock */
  ddla_local_sender senders[DDLA_TRANSPORT_RANKS_MAX];
  ddla_local_receiver *receivers;
} local_transport;

static local_transport *of(ddla_transport *t) { return (local_transport *)t; }

static void local_close(ddla_transport *base) {
  local_transport *t = of(base);
  atomic_store(&t->region->seats[base->rank].left, 1);
  ddla_free(t->blocks);
  ddla_free(t->receivers);
  ddla_free(t);
}

static ddla_status local_open(ddla_transport **out, const void *setup) {
  const ddla_local_setup *given = setup;
  if (!given || !given->region)
    return DDLA_FAIL(INVALID, "transport local needs a region made by the launcher");
  ddla_local_region *region = given->region;
  if (given->rank < 0 || given->rank >= region->ranks)
    return DDLA_FAIL(INVALID, "rank %d is not one of %d", given->rank, region->ranks);
  ddla_status status = DDLA_OK;
  local_transport *t = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(t, 1));
  t->base = (ddla_transport){
      .ops = ddla_transport_find("local"), .rank = given->rank, .ranks = region->ranks};
  t->region = region;
  t->peers = given->peers;
  t->forked = region->launcher && getpid() != region->launcher && !given->adopted;
  atomic_store(&region->seats[given->rank].left, 0);
  t->generation = atomic_load(&region->generation);
  DDLA_TRY_CLEAN(status, DDLA_NEW(t->blocks, DDLA_LOCAL_BLOCKS_MAX));
  DDLA_TRY_CLEAN(status, DDLA_NEW(t->receivers, region->ranks));
  for (int peer = 0; peer < region->ranks; peer++) {
    ddla_local_sender_init(&t->senders[peer], ddla_local_region_link(region, given->rank, peer));
    ddla_local_receiver_init(&t->receivers[peer],
                             ddla_local_region_link(region, peer, given->rank));
  }
  DDLA_TRY_CLEAN(status, ddla_local_region_check(region));
  *out = &t->base;
  return DDLA_OK;
cleanup:
  if (t) local_close(&t->base);
  return status;
}

/* The first rank to make its n-th call writes it down; the others compare. */
static ddla_status agree(local_transport *t, size_t bytes, unsigned kind) {
  uint64_t mine = (uint64_t)bytes << 2 | kind, first = 0;
  if (atomic_compare_exchange_strong(&t->region->blocks[t->block_count], &first, mine) ||
      first == mine)
    return DDLA_OK;
  return DDLA_FAIL(
      INVALID,
      "agents differ on shared block %d: agent %d asks for %zu bytes of kind %u, another for "
      "%" PRIu64 " bytes of kind %u",
      t->block_count, t->base.rank, bytes, kind, first >> 2, (unsigned)(first & 3));
}

static ddla_status local_alloc(ddla_transport *base, void **out, size_t bytes, unsigned kind) {
  local_transport *t = of(base);
  DDLA_TRY(ddla_local_region_check(t->region));
  if (t->block_count == DDLA_LOCAL_BLOCKS_MAX)
    return DDLA_FAIL(NO_MEMORY, "more than %d shared blocks", DDLA_LOCAL_BLOCKS_MAX);
  size_t stride = (bytes + DDLA_LOCAL_PAGE - 1) / DDLA_LOCAL_PAGE * DDLA_LOCAL_PAGE;
  size_t copies = kind == DDLA_MEMORY_OWN ? (size_t)base->ranks : 1;
  size_t left = t->region->heap_bytes - t->heap_used;
  if (stride < bytes || stride > left / copies)
    return DDLA_FAIL(NO_MEMORY,
                     "%zu times %zu bytes do not fit into the %zu left of %zu shared bytes", copies,
                     bytes, left, t->region->heap_bytes);
  DDLA_TRY(agree(t, bytes, kind));
  block made = {.offset = t->region->heap_offset + t->heap_used,
                .bytes = bytes,
                .stride = kind == DDLA_MEMORY_OWN ? stride : 0};
  t->blocks[t->block_count++] = made;
  t->heap_used += stride * copies;
  unsigned char *start = (unsigned char *)t->region + made.offset;
  if (stride >= 4u << 20)
    madvise(start, stride * copies, MADV_HUGEPAGE); /* where the system allows it */
  *out = start + made.stride * (size_t)base->rank;
  return DDLA_OK;
}

static const block *block_at(const local_transport *t, size_t offset) {
  int low = 0, high = t->block_count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (t->blocks[middle].offset <= offset) low = middle + 1;
    else high = middle;
  }
  return low > 0 ? &t->blocks[low - 1] : NULL;
}

static void *local_peer(ddla_transport *base, const void *address, int rank) {
  local_transport *t = of(base);
  size_t offset = (size_t)((uintptr_t)address - (uintptr_t)t->region);
  if (offset < t->region->heap_offset || offset >= t->region->bytes) return NULL;
  const block *found = block_at(t, offset);
  if (!found) return NULL;
  size_t inside = offset - found->offset;
  if (found->stride) inside %= found->stride;
  if (inside >= found->bytes) return NULL;
  return (unsigned char *)t->region + found->offset + found->stride * (size_t)rank + inside;
}

static ddla_status local_check(ddla_transport *base) {
  local_transport *t = of(base);
  if (atomic_load_explicit(&t->region->generation, memory_order_relaxed) != t->generation)
    return DDLA_FAIL(PEER_LOST, "the group of agents was formed anew");
  return ddla_local_region_check(t->region);
}

static ddla_status check(void *argument) { return local_check(argument); }

/* A launcher that is gone can raise nothing; its children are then adopted by another process.
 * Where there is none, agents look after each other. */
static ddla_status check_launcher(void *argument) {
  local_transport *t = argument;
  if (t->forked && getppid() != t->region->launcher)
    return DDLA_FAIL(PEER_LOST, "the launcher of this agent is gone");
  if (t->peers) ddla_local_peers_look(t->peers);
  return ddla_local_region_check(t->region);
}

static ddla_event *event_of(local_transport *t, int rank, const ddla_word *word) {
  if (!word) return &t->region->bells[rank];
  return &t->region->events[ddla_event_index(word, DDLA_LOCAL_EVENTS)];
}

static ddla_status local_wait(ddla_transport *base, const ddla_waiting *waiting,
                              int64_t timeout_ms) {
  local_transport *t = of(base);
  bool crowded = t->region->ranks > t->region->cores;
  ddla_patience patience = {.spin_ns = crowded ? 0 : SPIN_NS,
                            .yields = YIELDS,
                            .looks = LOOKS,
                            .check = check,
                            .check_slow = check_launcher,
                            .argument = base};
  return ddla_event_wait(event_of(t, base->rank, waiting->word), waiting, &patience, timeout_ms);
}

static void local_wake(ddla_transport *base, int rank, const ddla_word *word) {
  ddla_event_wake(event_of(of(base), rank, word));
}

static void local_fail(ddla_transport *base, const ddla_failure *failure) {
  ddla_local_region_fail(of(base)->region, base->rank, failure);
}

static const ddla_clock *local_clock(ddla_transport *base) {
  (void)base;
  return ddla_clock_monotonic();
}

static ddla_status local_send(ddla_transport *base, ddla_request *request) {
  local_transport *t = of(base);
  DDLA_TRY(local_check(base));
  ddla_local_sender_start(&t->senders[request->peer], request);
  if (ddla_local_sender_progress(&t->senders[request->peer])) local_wake(base, request->peer, NULL);
  return DDLA_OK;
}

static ddla_status local_recv(ddla_transport *base, ddla_request *request) {
  local_transport *t = of(base);
  DDLA_TRY(local_check(base));
  ddla_local_receiver *receiver = &t->receivers[request->peer];
  DDLA_TRY(ddla_local_receiver_start(receiver, request));
  if (ddla_local_receiver_wanted(receiver)) local_wake(base, request->peer, NULL);
  return DDLA_OK;
}

static ddla_status local_test(ddla_transport *base, ddla_request *request, bool *done) {
  DDLA_TRY(ddla_local_request_result(request, done));
  return *done ? DDLA_OK : local_check(base);
}

/* Whether a request is a send is not kept: at most one of the two ends knows it. */
static void local_cancel(ddla_transport *base, ddla_request *request) {
  local_transport *t = of(base);
  ddla_local_sender *sender = &t->senders[request->peer];
  for (ddla_request *r = sender->first; r; r = r->next) {
    if (r != request) continue;
    ddla_local_sender_cancel(sender, request);
    local_wake(base, request->peer, NULL);
    return;
  }
  for (int i = 0; i < DDLA_LOCAL_SLOTS; i++)
    if (t->receivers[request->peer].bound[i] == request)
      ddla_local_receiver_cancel(&t->receivers[request->peer], request);
}

static ddla_status local_progress(ddla_transport *base, bool *moved) {
  local_transport *t = of(base);
  for (int peer = 0; peer < base->ranks; peer++) {
    if (peer == base->rank) continue;
    bool sent = ddla_local_sender_progress(&t->senders[peer]);
    bool received = ddla_local_receiver_progress(&t->receivers[peer]);
    if (!sent && !received) continue;
    *moved = true;
    if (sent || ddla_local_receiver_wanted(&t->receivers[peer])) local_wake(base, peer, NULL);
  }
  return DDLA_OK;
}

extern const ddla_transport_ops ddla_transport_row_local;
const ddla_transport_ops ddla_transport_row_local = {
    .name = "local",
    .caps = DDLA_TRANSPORT_SHARED | DDLA_TRANSPORT_MESSAGES,
    .open = local_open,
    .close = local_close,
    .alloc = local_alloc,
    .peer = local_peer,
    .send = local_send,
    .recv = local_recv,
    .test = local_test,
    .cancel = local_cancel,
    .progress = local_progress,
    .check = local_check,
    .wait = local_wait,
    .wake = local_wake,
    .fail = local_fail,
    .clock = local_clock,
};
