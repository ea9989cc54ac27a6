/* Moves bytes and words between the ranks of a group. Knows no tensors and no collectives.
 *
 * A transport is a row of transport_list.h behind a small table of operations. It offers one or
 * both of memory   blocks that all ranks address directly (DDLA_TRANSPORT_SHARED), with 64-bit
 * words that ranks publish and wait for; messages send and receive between two ranks
 * (DDLA_TRANSPORT_MESSAGES).
 *
 * Failures. The death of a rank, or a failure that a rank has declared for all, ends every call
 * that would otherwise wait: DDLA_PEER_LOST, naming the rank. Nothing hangs and nothing aborts.
 *
 * Blocking. Only open, close and wait (with a time limit) may block; everything else returns at
 * once.
 *
 * Threads. check, peer, word_wait, word_publish, wake and the getters may be called by any thread
 * of a rank. open, close, alloc, send, recv, test, cancel, progress and wait belong to one thread
 * at a time. */
#ifndef DDLA_TRANSPORT_TRANSPORT_H
#define DDLA_TRANSPORT_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/status.h"

typedef struct ddla_transport ddla_transport;

enum { DDLA_TRANSPORT_RANKS_MAX = 64 };

/* What a transport can do. */
enum {
  DDLA_TRANSPORT_SHARED = 1u << 0,   /* peer() gives addresses, ONE memory, words between ranks */
  DDLA_TRANSPORT_MESSAGES = 1u << 1, /* send and recv between ranks */
  DDLA_TRANSPORT_SUMS = 1u << 2      /* sum over all ranks, in an order of the transport's own */
};

/* Kinds of memory for alloc; a call names exactly one. */
enum {
  DDLA_MEMORY_OWN = 1u << 0, /* a block for every rank */
  DDLA_MEMORY_ONE = 1u << 1  /* one block that is the same memory for all ranks; needs SHARED */
};

typedef _Atomic uint64_t ddla_word;

/* A message under way; memory of the caller, which must stay in place until test says done or
 * cancel returns. Written by the transport only. */
typedef struct ddla_request {
  int peer, state;
  uint64_t tag;
  unsigned char *data;
  size_t bytes, moved;
  uint64_t place;
  struct ddla_request *next;
} ddla_request;

/* What `ready` found. MOVED: something happened, look again soon; DONE: stop waiting. */
typedef enum ddla_ready { DDLA_READY_NOTHING, DDLA_READY_MOVED, DDLA_READY_DONE } ddla_ready;

/* What a rank waits for. `ready` is called by the waiting thread, often. */
typedef struct ddla_waiting {
  ddla_ready (*ready)(void *argument);
  /* Writes words such as "word 3 to reach 7" for messages about time limits and deadlocks. May be
   * null. */
  void (*describe)(void *argument, char *text, size_t bytes);
  void *argument;
  const ddla_word
      *word; /* woken by word_publish on this word; null: woken by ddla_transport_wake */
  /* Nanoseconds after which `ready` looks again at the latest, where it looks at more than what
   * wakes it; 0: as the transport likes. A simulator looks again when anything happens. */
  int64_t look_ns;
  /* Sleeps at once instead of looking and offering the processor first: who offers it again and
   * again is behind those who compute, and who sleeps goes before them when it is woken. */
  bool calm;
} ddla_waiting;

/* One row. Slots marked [shared], [messages] or [sums] are filled exactly if the capability is
 * declared. */
typedef struct ddla_transport_ops {
  const char *name;
  unsigned caps;

  /* May block until all ranks have opened. `setup` is the row's own type. The caller owns *out.
   * Errors: INVALID, NO_MEMORY, PEER_LOST. */
  ddla_status (*open)(ddla_transport **out, const void *setup);

  /* May block briefly. Requests under way are dropped. Memory of alloc is gone afterwards unless
   * the row's set-up owns it. Cannot fail. */
  void (*close)(ddla_transport *t);

  /* Does not block. Collective: all ranks make the same calls in the same order. Memory is zeroed,
   * page aligned, owned by the transport until close. Errors: NO_MEMORY, INVALID (ranks differ). */
  ddla_status (*alloc)(ddla_transport *t, void **out, size_t bytes, unsigned kind);

  /* Any thread, but not while alloc runs. Where rank's counterpart of an address inside a block of
   * alloc is; null if the address is in no block or that rank's memory cannot be addressed.
   * Borrowed until close. */
  void *(*peer)(ddla_transport *t, const void *address, int rank);

  /* [messages] Does not block. Starts moving request->bytes from or to request->data; the buffer
   * belongs to the transport until test says done or cancel returns. A message meets the receive of
   * the same pair and tag, in the order of the calls. Errors: PEER_LOST, UNSUPPORTED (too many
   * receives posted). */
  ddla_status (*send)(ddla_transport *t, ddla_request *request);
  ddla_status (*recv)(ddla_transport *t, ddla_request *request);

  /* [sums] Does not block. Adds request->bytes of floats at request->data of all ranks up, in an
   * order that nobody promises; the sum, which is the same on all ranks, takes their place. All
   * ranks make the same calls in the same order. A cancelled sum ends the work of all. Errors:
   * PEER_LOST, UNSUPPORTED (too many at once). */
  ddla_status (*sum)(ddla_transport *t, ddla_request *request);

  /* [messages] Does not block. Errors: PEER_LOST (also when the sender cancelled),
   * INVALID (lengths differ); the request is then over. */
  ddla_status (*test)(ddla_transport *t, ddla_request *request, bool *done);

  /* [messages] The buffer is the caller's again; the message may or may not arrive. May wait for
   * the piece of it that is under way. */
  void (*cancel)(ddla_transport *t, ddla_request *request);

  /* [messages] Does not block. Moves what can be moved; *moved is set to true if anything did. */
  ddla_status (*progress)(ddla_transport *t, bool *moved);

  /* Any thread, cheap. Errors: PEER_LOST once a rank has died or declared failure. */
  ddla_status (*check)(ddla_transport *t);

  /* Any thread if waiting->word is set. The only slot that sleeps. Returns when ready() is DONE,
   * after timeout_ms (TIMEOUT; negative: no limit; 0: one look), or with check's error. */
  ddla_status (*wait)(ddla_transport *t, const ddla_waiting *waiting, int64_t timeout_ms);

  /* Any thread. Does not block. Wakes those who wait for `word`, or, if it is null, those of `rank`
   * who wait without a word. Cheap when nobody sleeps. */
  void (*wake)(ddla_transport *t, int rank, const ddla_word *word);

  /* Any thread. This failure ends the work of all ranks and of this rank's other threads: their
   * waits end with PEER_LOST and its text. The first one is kept. May take up to a second to tell
   * them, so that the process may end after it. May be null. */
  void (*fail)(ddla_transport *t, const ddla_failure *failure);

  /* Any thread. The clock that time limits of this transport run on. Borrowed until close. */
  const ddla_clock *(*clock)(ddla_transport *t);
} ddla_transport_ops;

/* What every row's own struct begins with. */
struct ddla_transport {
  const ddla_transport_ops *ops;
  int rank, ranks;
};

/* Rows by position, null after the last; and by name, null if there is none. Borrowed for ever. */
const ddla_transport_ops *ddla_transport_row(int index);
const ddla_transport_ops *ddla_transport_find(const char *name);

/* INTERNAL, naming the slot, if the row's capabilities do not match its filled slots. */
ddla_status ddla_transport_check_row(const ddla_transport_ops *ops);

/* Opens the row of this name; setup is the row's own type (null for "self", ddla_local_setup for
 * "local", ddla_mpi_setup for "mpi", made by the simulator for "sim"). Errors: INVALID (no such
 * row, bad set-up), NO_MEMORY, PEER_LOST. */
ddla_status ddla_transport_open(ddla_transport **out, const char *name, const void *setup);

/* Null is allowed. */
void ddla_transport_close(ddla_transport *t);

int ddla_transport_rank(const ddla_transport *t);
int ddla_transport_ranks(const ddla_transport *t);
unsigned ddla_transport_caps(const ddla_transport *t);
const char *ddla_transport_name(const ddla_transport *t);
const ddla_clock *ddla_transport_clock(ddla_transport *t);

/* Collective; see the slot. kind is DDLA_MEMORY_OWN or DDLA_MEMORY_ONE. bytes 0 is INVALID. */
ddla_status ddla_transport_alloc(ddla_transport *t, void **out, size_t bytes, unsigned kind);

/* See the slot. */
void *ddla_transport_peer(ddla_transport *t, const void *address, int rank);

/* Fill the request and start it. Errors: as the slots; UNSUPPORTED without DDLA_TRANSPORT_MESSAGES.
 */
ddla_status ddla_transport_send(ddla_transport *t, ddla_request *request, int peer, uint64_t tag,
                                const void *data, size_t bytes);
ddla_status ddla_transport_recv(ddla_transport *t, ddla_request *request, int peer, uint64_t tag,
                                void *data, size_t bytes);
/* The same of a sum of count floats, in place. Errors: as the slot; UNSUPPORTED without
 * DDLA_TRANSPORT_SUMS. */
ddla_status ddla_transport_sum(ddla_transport *t, ddla_request *request, float *data,
                               int64_t count);
ddla_status ddla_transport_test(ddla_transport *t, ddla_request *request, bool *done);
void ddla_transport_cancel(ddla_transport *t, ddla_request *request);
ddla_status ddla_transport_progress(ddla_transport *t, bool *moved);

/* OK, or PEER_LOST with words once a rank died or declared failure. Any thread; a few nanoseconds.
 */
ddla_status ddla_transport_check(ddla_transport *t);

/* Ends the work of all: see the slot. */
void ddla_transport_fail(ddla_transport *t, const ddla_failure *failure);

/* See the slot. */
ddla_status ddla_transport_wait(ddla_transport *t, const ddla_waiting *waiting, int64_t timeout_ms);

/* Makes waits without a word of this rank look again. Any thread. */
void ddla_transport_wake(ddla_transport *t, int rank);

/* Waits until *word >= at_least: a short spin, then sleep. What was written before the matching
 * publish is then visible. word lies in memory of alloc, or is private to this rank's threads.
 * timeout_ms: negative no limit, 0 one look. Any thread. Errors: PEER_LOST, TIMEOUT. A word that
 * has already reached the value is OK even after a death. */
ddla_status ddla_transport_word_wait(ddla_transport *t, const ddla_word *word, uint64_t at_least,
                                     int64_t timeout_ms);

/* Stores value (release) and wakes those who wait for the word. Words only grow. Any thread. */
void ddla_transport_word_publish(ddla_transport *t, ddla_word *word, uint64_t value);

/* For words changed by other means, for example atomic_fetch_add: wakes those who wait. The change
 * must have been a sequentially consistent operation (the default of C11's functions without
 * _explicit). */
void ddla_transport_word_wake(ddla_transport *t, const ddla_word *word);

#endif
