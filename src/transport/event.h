/* Sleeping and waking between threads or processes: an event count over a futex.
 *
 * A waiter looks at its condition, says that it sleeps, takes the sequence, looks once more, and
 * sleeps until the sequence changes. A waker changes the condition first, and then wakes, which
 * costs one load when nobody sleeps, or when all who do have been woken: the first waker takes back
 * what sleepers said and wakes all of them, and who sleeps again says so again. All operations are
 * sequentially consistent: either the waker sees the sleeper, or the sleeper sees the condition in
 * the look after it has said so. A process that dies asleep, or one that is no longer interested,
 * costs its peers one system call and nothing else; there is no lock. Memory: may be shared between
 * processes; all zeros is a valid event. Threads: any. */
#ifndef DDLA_TRANSPORT_EVENT_H
#define DDLA_TRANSPORT_EVENT_H

#include "transport/transport.h"

typedef struct ddla_event {
  _Alignas(64) _Atomic uint32_t sequence;
  _Atomic bool sleeps; /* somebody does, or did, and has not been woken since */
} ddla_event;

/* How long to look before sleeping, and what may end the wait. */
typedef struct ddla_patience {
  int64_t spin_ns; /* looking without leaving the core */
  int yields;      /* then so many times after offering the core to others */
  int looks;       /* each time, and between readings of the clock: many where a look is cheap */
  ddla_status (*check)(void *argument);      /* an error ends the wait */
  ddla_status (*check_slow)(void *argument); /* the same, once per slice of sleep */
  /* Length of the next slice, for what wakes nobody when it comes; null: 50 ms, the most. */
  int64_t (*slice_ns)(void *argument);
  void *argument;
} ddla_patience;

/* Wakes all who sleep on the event. Call after changing what they wait for. */
void ddla_event_wake(ddla_event *event);

/* Waits until waiting->ready says DONE; timeout_ms as in the wait slot. Looks for as long as
 * patience says, and again whenever something has moved; then sleeps at most 50 ms at a time, with
 * one look between. */
ddla_status ddla_event_wait(ddla_event *event, const ddla_waiting *waiting,
                            const ddla_patience *patience, int64_t timeout_ms);

/* Which of `count` events (a power of two) serves a word, by its address. */
int ddla_event_index(const ddla_word *word, int count);

#endif
