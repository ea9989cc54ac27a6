#include "share/sets/stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
  TAG = 0x73616d70, /* "samp" */
  STILL_MS = 1800000,
  LOOK_MS = 500 /* between two looks at whether anything moves */
};

typedef struct ring {
  ddla_transport *link;
  ddla_wire *wire;
  const ddla_stream_plan *plan;
  bool alone;           /* there is no other host, and no messages */
  uint8_t *memory;      /* [WINDOW, block_bytes] */
  ddla_request *recv;   /* [WINDOW] */
  ddla_request *send;   /* [WINDOW] */
  int64_t asked;        /* blocks that were asked for, or are made here */
  int64_t sending;      /* that were handed on */
  ddla_status status;   /* of the link's side */
  pthread_mutex_t lock; /* of what follows: */
  pthread_cond_t changed;
  int64_t filled, taken, sent; /* blocks */
  bool over;                   /* nothing is to be done any more */
  ddla_failure failure;        /* of files; code DDLA_OK: none */
} ring;

static uint8_t *at(const ring *r, int64_t index) {
  return r->memory + (size_t)(index % DDLA_STREAM_WINDOW) * r->plan->block_bytes;
}

static ddla_request *request_of(ddla_request *requests, int64_t index) {
  return &requests[index % DDLA_STREAM_WINDOW];
}

static ddla_stream_block block_of(const ring *r, int64_t index) {
  return r->plan->block(r->plan->argument, index);
}

/* ---- shared by both threads; under the lock ---- */

/* Blocks that nobody here wants any more. */
static int64_t count_through(const ring *r) {
  const int64_t sent = r->plan->to >= 0 ? r->sent : r->filled;
  const int64_t taken = r->plan->take ? r->taken : r->filled;
  return sent < taken ? sent : taken;
}

static bool has_room(const ring *r, int64_t index) {
  return index < r->plan->blocks && index - DDLA_STREAM_WINDOW < count_through(r);
}

static void lock(ring *r) { pthread_mutex_lock(&r->lock); }

static void unlock(ring *r) { pthread_mutex_unlock(&r->lock); }

/* ---- files ---- */

typedef enum errand { NOTHING, FILL, TAKE } errand;

/* Making comes first: others wait for it. */
static errand choose(int64_t *index, const ring *r) {
  *index = r->filled;
  if (has_room(r, *index) && block_of(r, *index).from == DDLA_STREAM_HERE) return FILL;
  *index = r->taken;
  return r->plan->take && *index < r->filled ? TAKE : NOTHING;
}

static ddla_status go(const ring *r, errand what, int64_t index) {
  const size_t bytes = block_of(r, index).bytes;
  return what == FILL ? r->plan->fill(r->plan->argument, index, at(r, index), bytes)
                      : r->plan->take(r->plan->argument, index, at(r, index), bytes);
}

/* One block, under the lock, which is given up meanwhile. False: there is none to be made or taken.
 */
static bool work(ring *r) {
  int64_t index = 0;
  const errand what = r->over || r->failure.code != DDLA_OK ? NOTHING : choose(&index, r);
  if (what == NOTHING) return false;
  unlock(r);
  ddla_failure failure = {0};
  const ddla_status status = go(r, what, index);
  if (status != DDLA_OK) ddla_status_take(&failure, status);
  lock(r);
  if (status != DDLA_OK) r->failure = failure;
  else if (what == FILL) r->filled++;
  else r->taken++;
  return true;
}

static void *work_on(void *argument) {
  ring *r = argument;
  lock(r);
  while (!r->over && r->failure.code == DDLA_OK) {
    if (!work(r)) {
      pthread_cond_wait(&r->changed, &r->lock);
      continue;
    }
    unlock(r);
    ddla_transport_wake(r->link, ddla_transport_rank(r->link));
    lock(r);
  }
  unlock(r);
  return NULL;
}

/* ---- messages ---- */

static ddla_status ask(ring *r) {
  while (has_room(r, r->asked)) {
    const ddla_stream_block block = block_of(r, r->asked);
    if (block.from >= 0)
      DDLA_TRY(ddla_transport_recv(r->link, request_of(r->recv, r->asked), block.from, TAG,
                                   at(r, r->asked), block.bytes));
    r->asked++;
  }
  return DDLA_OK;
}

/* Takes note of the oldest messages that have come. */
static ddla_status receive(ring *r, bool *moved) {
  bool done = true;
  while (r->filled < r->asked && block_of(r, r->filled).from >= 0) {
    DDLA_TRY(ddla_transport_test(r->link, request_of(r->recv, r->filled), &done));
    if (!done) return DDLA_OK;
    r->filled++;
    *moved = true;
  }
  return DDLA_OK;
}

static ddla_status hand_on(ring *r, bool *moved) {
  bool done = true;
  if (r->plan->to < 0) return DDLA_OK;
  for (; r->sending < r->filled; r->sending++)
    DDLA_TRY(ddla_wire_send(r->wire, request_of(r->send, r->sending), r->plan->to, TAG,
                            at(r, r->sending), block_of(r, r->sending).bytes));
  while (r->sent < r->sending) {
    DDLA_TRY(ddla_transport_test(r->link, request_of(r->send, r->sent), &done));
    if (!done) return DDLA_OK;
    r->sent++;
    *moved = true;
  }
  return DDLA_OK;
}

static ddla_status look_locked(ring *r, bool *moved) {
  if (r->failure.code != DDLA_OK) return ddla_status_raise(&r->failure);
  DDLA_TRY(ask(r));
  DDLA_TRY(receive(r, moved));
  return hand_on(r, moved);
}

static ddla_ready look(void *argument) {
  ring *r = argument;
  bool moved = false;
  if (r->alone) r->status = ddla_transport_check(r->link);
  else r->status = ddla_transport_progress(r->link, &moved);
  if (r->status != DDLA_OK) return DDLA_READY_DONE;
  lock(r);
  if (r->plan->threadless)
    while (work(r)) moved = true;
  r->status = look_locked(r, &moved);
  /* A message that was given up is less than why. */
  if (r->status == DDLA_PEER_LOST && ddla_transport_check(r->link) != DDLA_OK)
    r->status = ddla_transport_check(r->link);
  if (moved) pthread_cond_signal(&r->changed);
  const bool done = r->status != DDLA_OK || count_through(r) == r->plan->blocks;
  unlock(r);
  if (done) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  ring *r = argument;
  lock(r);
  snprintf(text, bytes, "block %" PRId64 " of %" PRId64 " of a stream", count_through(r),
           r->plan->blocks);
  unlock(r);
}

/* Tells how far it is, and gives up what stands still. */
static ddla_status watch(ring *r) {
  const ddla_waiting waiting = {.ready = look, .describe = describe, .argument = r};
  const int64_t limit_ms = r->plan->still_ms == 0 ? STILL_MS : r->plan->still_ms;
  const int64_t look_ms = limit_ms > 0 && limit_ms < LOOK_MS ? limit_ms : LOOK_MS;
  int64_t through = -1, still_ms = 0;
  for (;;) {
    const ddla_status status = ddla_transport_wait(r->link, &waiting, look_ms);
    lock(r);
    const int64_t now = count_through(r);
    unlock(r);
    if (r->plan->tell) r->plan->tell(r->plan->argument, now);
    if (status != DDLA_TIMEOUT) return status == DDLA_OK ? r->status : status;
    still_ms = now == through ? still_ms + look_ms : 0;
    through = now;
    if (limit_ms > 0 && still_ms >= limit_ms)
      return DDLA_FAIL(TIMEOUT,
                       "for %" PRId64 " s no block of the data has moved here (%" PRId64
                       " of %" PRId64 " are through)",
                       still_ms / 1000, now, r->plan->blocks);
  }
}

static void give_up(ring *r) {
  for (int64_t i = r->filled; i < r->asked; i++)
    if (block_of(r, i).from >= 0) ddla_transport_cancel(r->link, request_of(r->recv, i));
  for (int64_t i = r->sent; i < r->sending; i++)
    ddla_transport_cancel(r->link, request_of(r->send, i));
}

static ddla_status run(ring *r) {
  pthread_t thread;
  ddla_failure failure = {0};
  const bool threaded = !r->plan->threadless;
  if (threaded && pthread_create(&thread, NULL, work_on, r) != 0)
    return DDLA_FAIL(NO_MEMORY, "no thread to read and write files with");
  const ddla_status status = watch(r);
  ddla_status_take(&failure, status);
  lock(r);
  r->over = true;
  pthread_cond_signal(&r->changed);
  unlock(r);
  if (threaded) pthread_join(thread, NULL);
  if (status == DDLA_OK) return DDLA_OK;
  /* First the reason: who sees that a message is given up would else tell of that. */
  if (status != DDLA_PEER_LOST) ddla_transport_fail(r->link, &failure);
  give_up(r);
  return ddla_status_raise(&failure);
}

ddla_status ddla_stream_run(ddla_transport *link, ddla_wire *wire, const ddla_stream_plan *plan) {
  ring r = {.link = link, .wire = wire, .plan = plan, .alone = ddla_transport_ranks(link) == 1};
  ddla_status status = DDLA_OK;
  if (plan->blocks == 0) return DDLA_OK;
  DDLA_ASSERT(plan->to >= 0 || plan->take);
  pthread_mutex_init(&r.lock, NULL);
  pthread_cond_init(&r.changed, NULL);
  DDLA_TRY_CLEAN(status, DDLA_NEW(r.memory, DDLA_STREAM_WINDOW * plan->block_bytes));
  DDLA_TRY_CLEAN(status, DDLA_NEW(r.recv, DDLA_STREAM_WINDOW));
  DDLA_TRY_CLEAN(status, DDLA_NEW(r.send, DDLA_STREAM_WINDOW));
  status = run(&r);
cleanup:
  ddla_free(r.memory);
  ddla_free(r.recv);
  ddla_free(r.send);
  pthread_cond_destroy(&r.changed);
  pthread_mutex_destroy(&r.lock);
  return status;
}
