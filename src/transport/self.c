/* Transport "self": one rank, heap memory. Its own threads (lanes, the exchange thread) still wait
 * for each other through words, with the same events as between processes. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/event.h"
#include "transport/transport.h"

enum { EVENTS = 16, PAGE = 4096 };

typedef struct block {
  struct block *next;
  unsigned char *data;
  size_t bytes;
} block;

typedef struct self_transport {
  ddla_transport base;
  ddla_event events[EVENTS];
  ddla_event bell;
  block *blocks;
  _Atomic uint32_t failing; /* a thread writes the failure */
  _Atomic uint32_t failed;  /* it is written */
  ddla_failure failure;
} self_transport;

static self_transport *of(ddla_transport *t) { return (self_transport *)t; }

static ddla_status self_open(ddla_transport **out, const void *setup) {
  (void)setup;
  self_transport *t = NULL;
  DDLA_TRY(DDLA_NEW(t, 1));
  t->base = (ddla_transport){.ops = ddla_transport_find("self"), .rank = 0, .ranks = 1};
  *out = &t->base;
  return DDLA_OK;
}

static void self_close(ddla_transport *base) {
  self_transport *t = of(base);
  while (t->blocks) {
    block *first = t->blocks;
    t->blocks = first->next;
    munmap(first->data, first->bytes);
    ddla_free(first);
  }
  ddla_free(t);
}

/* Pages straight from the system: zeroed on first touch, aligned, and given back on close. */
static ddla_status self_alloc(ddla_transport *base, void **out, size_t bytes, unsigned kind) {
  (void)kind;
  self_transport *t = of(base);
  block *made = NULL;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->bytes = (bytes + PAGE - 1) / PAGE * PAGE;
  void *data = mmap(NULL, made->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    ddla_free(made);
    return DDLA_FAIL(NO_MEMORY, "no memory for a block of %zu bytes", bytes);
  }
  made->data = data;
  made->next = t->blocks;
  t->blocks = made;
  *out = data;
  return DDLA_OK;
}

static void *self_peer(ddla_transport *base, const void *address, int rank) {
  (void)rank;
  for (block *b = of(base)->blocks; b; b = b->next) {
    uintptr_t at = (uintptr_t)address - (uintptr_t)b->data;
    if (at < b->bytes) return b->data + at;
  }
  return NULL;
}

static ddla_status self_check(ddla_transport *base) {
  self_transport *t = of(base);
  if (!atomic_load(&t->failed)) return DDLA_OK;
  return DDLA_FAIL(PEER_LOST, "%s", t->failure.text);
}

static ddla_status check(void *argument) { return self_check(argument); }

static void self_fail(ddla_transport *base, const ddla_failure *failure) {
  self_transport *t = of(base);
  if (atomic_exchange(&t->failing, 1)) return;
  t->failure = *failure;
  atomic_store(&t->failed, 1);
  for (int i = 0; i < EVENTS; i++) ddla_event_wake(&t->events[i]);
  ddla_event_wake(&t->bell);
}

static ddla_event *event_of(self_transport *t, const ddla_word *word) {
  return word ? &t->events[ddla_event_index(word, EVENTS)] : &t->bell;
}

static ddla_status self_wait(ddla_transport *base, const ddla_waiting *waiting,
                             int64_t timeout_ms) {
  ddla_patience patience = {.spin_ns = 2000,
                            .yields = 4,
                            .looks = 16,
                            .check = check,
                            .check_slow = check,
                            .argument = base};
  return ddla_event_wait(event_of(of(base), waiting->word), waiting, &patience, timeout_ms);
}

static void self_wake(ddla_transport *base, int rank, const ddla_word *word) {
  (void)rank;
  ddla_event_wake(event_of(of(base), word));
}

static const ddla_clock *self_clock(ddla_transport *base) {
  (void)base;
  return ddla_clock_monotonic();
}

extern const ddla_transport_ops ddla_transport_row_self;
const ddla_transport_ops ddla_transport_row_self = {
    .name = "self",
    .caps = DDLA_TRANSPORT_SHARED,
    .open = self_open,
    .close = self_close,
    .alloc = self_alloc,
    .peer = self_peer,
    .check = self_check,
    .wait = self_wait,
    .wake = self_wake,
    .fail = self_fail,
    .clock = self_clock,
};
