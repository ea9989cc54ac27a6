#include "transport/transport.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define DDLA_TRANSPORT(name) extern const ddla_transport_ops ddla_transport_row_##name;
#include "transport/transport_list.h"
#undef DDLA_TRANSPORT

static const ddla_transport_ops *const rows[] = {
#define DDLA_TRANSPORT(name) &ddla_transport_row_##name,
#include "transport/transport_list.h"
#undef DDLA_TRANSPORT
    NULL};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] - 1 };

const ddla_transport_ops *ddla_transport_row(int index) {
  return index >= 0 && index < ROW_COUNT ? rows[index] : NULL;
}

const ddla_transport_ops *ddla_transport_find(const char *name) {
  for (int i = 0; i < ROW_COUNT; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return NULL;
}

ddla_status ddla_transport_check_row(const ddla_transport_ops *ops) {
  bool always = ops->name && ops->open && ops->close && ops->alloc && ops->peer && ops->check &&
                ops->wait && ops->wake && ops->clock;
  if (!always)
    return DDLA_FAIL(INTERNAL, "transport %s lacks a slot that every transport fills",
                     ops->name ? ops->name : "(no name)");
  int filled = (ops->send != NULL) + (ops->recv != NULL) + (ops->test != NULL) +
               (ops->cancel != NULL) + (ops->progress != NULL);
  bool messages = (ops->caps & DDLA_TRANSPORT_MESSAGES) != 0;
  if (filled != (messages ? 5 : 0))
    return DDLA_FAIL(INTERNAL, "transport %s %s messages but fills %d of 5 message slots",
                     ops->name, messages ? "declares" : "does not declare", filled);
  if (((ops->caps & DDLA_TRANSPORT_SUMS) != 0) != (ops->sum != NULL))
    return DDLA_FAIL(INTERNAL, "transport %s declares sums without the slot, or has it undeclared",
                     ops->name);
  return DDLA_OK;
}

ddla_status ddla_transport_open(ddla_transport **out, const char *name, const void *setup) {
  const ddla_transport_ops *ops = ddla_transport_find(name);
  if (!ops) {
    char known[256] = "";
    for (int i = 0; i < ROW_COUNT; i++) {
      size_t used = strlen(known);
      snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", rows[i]->name);
    }
    return DDLA_FAIL(INVALID, "no transport is called \"%s\"; there are: %s", name, known);
  }
  DDLA_TRY(ddla_transport_check_row(ops));
  return ops->open(out, setup);
}

void ddla_transport_close(ddla_transport *t) {
  if (t) t->ops->close(t);
}

int ddla_transport_rank(const ddla_transport *t) { return t->rank; }
int ddla_transport_ranks(const ddla_transport *t) { return t->ranks; }
unsigned ddla_transport_caps(const ddla_transport *t) { return t->ops->caps; }
const char *ddla_transport_name(const ddla_transport *t) { return t->ops->name; }
const ddla_clock *ddla_transport_clock(ddla_transport *t) { return t->ops->clock(t); }

ddla_status ddla_transport_alloc(ddla_transport *t, void **out, size_t bytes, unsigned kind) {
  DDLA_ASSERT(kind == DDLA_MEMORY_OWN || kind == DDLA_MEMORY_ONE);
  if (bytes == 0)
    return DDLA_FAIL(INVALID, "a block of 0 bytes was asked from transport %s", t->ops->name);
  if (kind == DDLA_MEMORY_ONE && !(t->ops->caps & DDLA_TRANSPORT_SHARED))
    return DDLA_FAIL(UNSUPPORTED, "transport %s has no memory that all ranks share", t->ops->name);
  return t->ops->alloc(t, out, bytes, kind);
}

void *ddla_transport_peer(ddla_transport *t, const void *address, int rank) {
  DDLA_ASSERT(rank >= 0 && rank < t->ranks);
  return t->ops->peer(t, address, rank);
}

static ddla_status fill(ddla_transport *t, ddla_request *request, int peer, uint64_t tag,
                        size_t bytes) {
  if (!(t->ops->caps & DDLA_TRANSPORT_MESSAGES))
    return DDLA_FAIL(UNSUPPORTED, "transport %s has no messages", t->ops->name);
  DDLA_ASSERT(peer >= 0 && peer < t->ranks && peer != t->rank);
  *request = (ddla_request){.peer = peer, .tag = tag, .bytes = bytes};
  return DDLA_OK;
}

ddla_status ddla_transport_send(ddla_transport *t, ddla_request *request, int peer, uint64_t tag,
                                const void *data, size_t bytes) {
  DDLA_TRY(fill(t, request, peer, tag, bytes));
  memcpy(&request->data, &data, sizeof data); /* a send never writes through it */
  return t->ops->send(t, request);
}

ddla_status ddla_transport_recv(ddla_transport *t, ddla_request *request, int peer, uint64_t tag,
                                void *data, size_t bytes) {
  DDLA_TRY(fill(t, request, peer, tag, bytes));
  request->data = data;
  return t->ops->recv(t, request);
}

ddla_status ddla_transport_sum(ddla_transport *t, ddla_request *request, float *data,
                               int64_t count) {
  if (!(t->ops->caps & DDLA_TRANSPORT_SUMS))
    return DDLA_FAIL(UNSUPPORTED, "transport %s makes no sums", t->ops->name);
  *request = (ddla_request){
      .peer = -1, .data = (unsigned char *)data, .bytes = (size_t)count * sizeof *data};
  return t->ops->sum(t, request);
}

ddla_status ddla_transport_test(ddla_transport *t, ddla_request *request, bool *done) {
  return t->ops->test(t, request, done);
}

void ddla_transport_cancel(ddla_transport *t, ddla_request *request) { t->ops->cancel(t, request); }

ddla_status ddla_transport_progress(ddla_transport *t, bool *moved) {
  *moved = false;
  return t->ops->progress ? t->ops->progress(t, moved) : DDLA_OK;
}

ddla_status ddla_transport_check(ddla_transport *t) { return t->ops->check(t); }

void ddla_transport_fail(ddla_transport *t, const ddla_failure *failure) {
  if (t->ops->fail) t->ops->fail(t, failure);
}

ddla_status ddla_transport_wait(ddla_transport *t, const ddla_waiting *waiting,
                                int64_t timeout_ms) {
  return t->ops->wait(t, waiting, timeout_ms);
}

void ddla_transport_wake(ddla_transport *t, int rank) { t->ops->wake(t, rank, NULL); }

typedef struct word_target {
  const ddla_word *word;
  uint64_t at_least;
} word_target;

/* Sequentially consistent, so that either the publisher sees the sleeper or the sleeper sees the
 * value. */
static ddla_ready word_ready(void *argument) {
  const word_target *target = argument;
  return atomic_load(target->word) >= target->at_least ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

static void word_describe(void *argument, char *text, size_t bytes) {
  const word_target *target = argument;
  snprintf(text, bytes, "a word that is %" PRIu64 " to reach %" PRIu64,
           (uint64_t)atomic_load(target->word), target->at_least);
}

ddla_status ddla_transport_word_wait(ddla_transport *t, const ddla_word *word, uint64_t at_least,
                                     int64_t timeout_ms) {
  if (atomic_load_explicit(word, memory_order_acquire) >= at_least) return DDLA_OK;
  word_target target = {word, at_least};
  ddla_waiting waiting = {word_ready, word_describe, &target, word};
  return t->ops->wait(t, &waiting, timeout_ms);
}

void ddla_transport_word_publish(ddla_transport *t, ddla_word *word, uint64_t value) {
  atomic_store(word, value);
  t->ops->wake(t, t->rank, word);
}

void ddla_transport_word_wake(ddla_transport *t, const ddla_word *word) {
  t->ops->wake(t, t->rank, word);
}
