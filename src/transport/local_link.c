#include "transport/local_link.h"

#include <inttypes.h>
#include <string.h>

typedef struct chunk {
  uint64_t number, total;
  uint32_t slot, bytes, last, unused;
} chunk;

enum { QUEUED, MATCHED, OVER, WRONG_LENGTH, DROPPED };

void ddla_local_sender_init(ddla_local_sender *end, ddla_local_link *link) {
  *end = (ddla_local_sender){.link = link, .scanned = UINT64_MAX};
  end->last = &end->first;
}

void ddla_local_receiver_init(ddla_local_receiver *end, ddla_local_link *link) {
  *end = (ddla_local_receiver){.link = link, .number = atomic_load(&link->posted)};
}

/* Said before slots and room are looked at, and asked after they have changed: one of the two ends
 * sees the other. */
static void tell_sending(const ddla_local_sender *end) {
  const uint32_t sending = end->first != NULL;
  if (atomic_load_explicit(&end->link->sending, memory_order_relaxed) != sending)
    atomic_store(&end->link->sending, sending);
}

bool ddla_local_receiver_wanted(const ddla_local_receiver *end) {
  return atomic_load(&end->link->sending) != 0;
}

void ddla_local_sender_start(ddla_local_sender *end, ddla_request *request) {
  request->state = QUEUED;
  *end->last = request;
  end->last = &request->next;
  end->scanned = UINT64_MAX;
  tell_sending(end);
}

static void unlink_send(ddla_local_sender *end, ddla_request *request) {
  ddla_request **at = &end->first;
  while (*at && *at != request) at = &(*at)->next;
  if (!*at) return;
  *at = request->next;
  if (!*at) end->last = at;
}

ddla_status ddla_local_receiver_start(ddla_local_receiver *end, ddla_request *request) {
  ddla_local_link *link = end->link;
  for (uint32_t i = 0; i < DDLA_LOCAL_SLOTS; i++) {
    ddla_local_slot *slot = &link->slots[i];
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) != DDLA_SLOT_FREE) continue;
    end->bound[i] = request;
    request->place = i;
    request->state = QUEUED;
    atomic_store_explicit(&slot->order, ++end->number, memory_order_relaxed);
    atomic_store_explicit(&slot->tag, request->tag, memory_order_relaxed);
    atomic_store_explicit(&slot->bytes, request->bytes, memory_order_relaxed);
    if (i >= atomic_load_explicit(&link->high, memory_order_relaxed))
      atomic_store(&link->high, i + 1);
    atomic_store(&slot->state, DDLA_SLOT_POSTED);
    atomic_store(&link->posted, end->number);
    return DDLA_OK;
  }
  return DDLA_FAIL(UNSUPPORTED, "more than %d receives from agent %d at once", DDLA_LOCAL_SLOTS,
                   request->peer);
}

/* The oldest posted slot of a tag, or -1. */
static int oldest(ddla_local_link *link, uint64_t tag, uint64_t *number) {
  uint32_t high = atomic_load(&link->high);
  int found = -1;
  for (uint32_t i = 0; i < high; i++) {
    ddla_local_slot *slot = &link->slots[i];
    if (atomic_load(&slot->state) != DDLA_SLOT_POSTED) continue;
    uint64_t order = atomic_load_explicit(&slot->order, memory_order_relaxed);
    if (atomic_load_explicit(&slot->tag, memory_order_relaxed) != tag) continue;
    if (found < 0 || order < *number) {
      found = (int)i;
      *number = order;
    }
  }
  return found;
}

/* Takes a slot for the request; false if none is posted. The receiver may cancel and post anew
 * meanwhile. */
static bool match(ddla_local_link *link, ddla_request *request) {
  for (;;) {
    uint64_t number = 0;
    int found = oldest(link, request->tag, &number);
    if (found < 0) return false;
    ddla_local_slot *slot = &link->slots[found];
    uint32_t expected = DDLA_SLOT_POSTED;
    if (!atomic_compare_exchange_strong(&slot->state, &expected, DDLA_SLOT_TAKEN)) continue;
    if (atomic_load(&slot->order) != number) {
      atomic_store(&slot->state, DDLA_SLOT_POSTED);
      continue;
    }
    request->place = (uint64_t)found;
    request->state = MATCHED;
    return true;
  }
}

static void ring_write(ddla_local_link *link, uint64_t at, const void *from, size_t bytes) {
  size_t offset = at % DDLA_LOCAL_RING_BYTES;
  size_t first = DDLA_LOCAL_RING_BYTES - offset < bytes ? DDLA_LOCAL_RING_BYTES - offset : bytes;
  memcpy(link->ring + offset, from, first);
  if (bytes > first) memcpy(link->ring, (const unsigned char *)from + first, bytes - first);
}

static void ring_read(const ddla_local_link *link, uint64_t at, void *to, size_t bytes) {
  size_t offset = at % DDLA_LOCAL_RING_BYTES;
  size_t first = DDLA_LOCAL_RING_BYTES - offset < bytes ? DDLA_LOCAL_RING_BYTES - offset : bytes;
  memcpy(to, link->ring + offset, first);
  if (bytes > first) memcpy((unsigned char *)to + first, link->ring, bytes - first);
}

/* Sends chunks while there is room; true if any. A message of the wrong length is one empty chunk
 * that tells the receiver the length. */
static bool stream(ddla_local_link *link, ddla_request *request) {
  const ddla_local_slot *slot = &link->slots[request->place];
  bool wrong = atomic_load_explicit(&slot->bytes, memory_order_relaxed) != request->bytes;
  bool moved = false;
  while (request->state == MATCHED) {
    uint64_t head = atomic_load_explicit(&link->head, memory_order_relaxed);
    size_t room = DDLA_LOCAL_RING_BYTES - (size_t)(head - atomic_load(&link->tail));
    if (room < sizeof(chunk) + 1) break;
    size_t left = wrong ? 0 : request->bytes - request->moved;
    size_t bytes = left < DDLA_LOCAL_CHUNK_BYTES ? left : DDLA_LOCAL_CHUNK_BYTES;
    if (bytes > room - sizeof(chunk)) bytes = room - sizeof(chunk);
    chunk next = {.number = atomic_load_explicit(&slot->order, memory_order_relaxed),
                  .total = request->bytes,
                  .slot = (uint32_t)request->place,
                  .bytes = (uint32_t)bytes,
                  .last = bytes == left};
    ring_write(link, head, &next, sizeof next);
    if (bytes) ring_write(link, head + sizeof next, request->data + request->moved, bytes);
    request->moved += bytes;
    if (next.last) request->state = wrong ? WRONG_LENGTH : OVER;
    atomic_store(&link->head, head + sizeof next + bytes);
    moved = true;
  }
  return moved;
}

/* An older message of the same tag is still without a slot: the next one is that one's, also where
 * it is posted while messages are looked at one after another. */
static bool must_wait(const ddla_local_sender *end, const ddla_request *request) {
  for (const ddla_request *r = end->first; r != request; r = r->next)
    if (r->state == QUEUED && r->tag == request->tag) return true;
  return false;
}

bool ddla_local_sender_progress(ddla_local_sender *end) {
  if (!end->first) return false;
  bool moved = false;
  uint64_t posted = atomic_load(&end->link->posted);
  bool search = posted != end->scanned;
  for (ddla_request *r = end->first; r;) {
    ddla_request *next = r->next;
    if (r->state == QUEUED && search && !must_wait(end, r) && match(end->link, r)) moved = true;
    if (r->state == MATCHED && stream(end->link, r)) moved = true;
    if (r->state != QUEUED && r->state != MATCHED) unlink_send(end, r);
    r = next;
  }
  end->scanned = posted;
  tell_sending(end);
  return moved;
}

static void finish(ddla_local_receiver *end, uint32_t index, int state) {
  if (end->bound[index]) end->bound[index]->state = state;
  end->bound[index] = NULL;
  atomic_store(&end->link->slots[index].state, DDLA_SLOT_FREE);
}

static void take_chunk(ddla_local_receiver *end, uint64_t tail, const chunk *next) {
  ddla_local_slot *slot = &end->link->slots[next->slot];
  if (atomic_load_explicit(&slot->order, memory_order_relaxed) != next->number) return;
  ddla_request *request = end->bound[next->slot];
  bool wrong = next->total != atomic_load_explicit(&slot->bytes, memory_order_relaxed);
  if (request && !wrong && next->bytes) {
    ring_read(end->link, tail + sizeof *next, request->data + request->moved, next->bytes);
    request->moved += next->bytes;
  }
  if (next->last) finish(end, next->slot, wrong ? WRONG_LENGTH : OVER);
}

/* Slots whose sender gave up in the middle; what it has sent lies in the ring with the old number.
 */
static bool drop_slots(ddla_local_receiver *end) {
  bool moved = false;
  uint32_t high = atomic_load_explicit(&end->link->high, memory_order_relaxed);
  for (uint32_t i = 0; i < high; i++) {
    if (atomic_load(&end->link->slots[i].state) != DDLA_SLOT_DROPPED) continue;
    finish(end, i, DROPPED);
    moved = true;
  }
  return moved;
}

bool ddla_local_receiver_progress(ddla_local_receiver *end) {
  ddla_local_link *link = end->link;
  uint64_t tail = atomic_load_explicit(&link->tail, memory_order_relaxed);
  uint64_t head = atomic_load(&link->head);
  bool moved = tail != head;
  while (tail != head) {
    chunk next = {0};
    ring_read(link, tail, &next, sizeof next);
    take_chunk(end, tail, &next);
    tail += sizeof next + next.bytes;
    atomic_store(&link->tail, tail);
  }
  return drop_slots(end) || moved;
}

void ddla_local_sender_cancel(ddla_local_sender *end, ddla_request *request) {
  if (request->state == MATCHED)
    atomic_store(&end->link->slots[request->place].state, DDLA_SLOT_DROPPED);
  if (request->state == MATCHED || request->state == QUEUED) unlink_send(end, request);
  request->state = DROPPED;
  tell_sending(end);
}

void ddla_local_receiver_cancel(ddla_local_receiver *end, ddla_request *request) {
  if (request->state != QUEUED) return;
  request->state = DROPPED;
  end->bound[request->place] = NULL;
  uint32_t expected = DDLA_SLOT_POSTED;
  atomic_compare_exchange_strong(&end->link->slots[request->place].state, &expected,
                                 DDLA_SLOT_FREE);
}

ddla_status ddla_local_request_result(const ddla_request *request, bool *done) {
  *done = request->state >= OVER;
  if (request->state == WRONG_LENGTH)
    return DDLA_FAIL(INVALID,
                     "agent %d and this one disagree on the length of message %" PRIx64
                     " (here %zu bytes)",
                     request->peer, request->tag, request->bytes);
  if (request->state == DROPPED)
    return DDLA_FAIL(PEER_LOST, "agent %d gave up a message", request->peer);
  return DDLA_OK;
}
