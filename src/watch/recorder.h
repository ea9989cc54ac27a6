/* Records what every lane of a run does, always on: a lane writes an event (some 50 ns) where its
 * phase changes, and stores the op it is in (one relaxed store). Files are mapped before agents
 * start, so that the launcher sees all of them; agents write nothing through the system. A null
 * lane is allowed everywhere and records nothing.
 *
 * Threads: create, end and destroy by one thread; a lane's functions by its own thread; readers
 * (watch/reader.h) by anybody at any time. */
#ifndef DDLA_WATCH_RECORDER_H
#define DDLA_WATCH_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/status.h"
#include "watch/format.h"

typedef struct ddla_watch_options {
  const char *directory; /* of the run; null: nothing outlives the processes */
  const char *source;    /* where the samples come from */
  int agents, lanes, shards;
  int first, all; /* number of the first of these agents, and how many the run has; 0: as many */
  pid_t launcher; /* who hears of their ends; 0: the calling process */
  int64_t batch, total_steps, batches_per_epoch;
  int64_t ring_events; /* a power of two; 0: DDLA_WATCH_RING */
  bool ops;            /* ops are events too */
  bool threads;        /* agents share the launcher's process */
  bool loaders;        /* each has a loader, which records as lane number `lanes` */
} ddla_watch_options;

/* The mapped files of some agents, or of all. Plain value, copied by fork. */
typedef struct ddla_watch {
  ddla_watch_head **agent; /* [agents] */
  int64_t *shift_ns;       /* [agents] from its machine's clock to ours; null: it is ours */
  size_t bytes;            /* of each */
  int first, agents, lanes;
  int loaders; /* of an agent: 0 or 1 */
  bool ops;
} ddla_watch;

/* A lane's pen. */
typedef struct ddla_watch_lane {
  ddla_watch_head *agent;
  ddla_watch_lane_head *head;
  ddla_watch_event *ring;
  char *names; /* [op_names][DDLA_WATCH_OP_BYTES] */
  uint64_t count, mask, step;
  int64_t opened_ns, since_ns;
  uint64_t since_us; /* since_ns less opened_ns */
  ddla_phase phase;
  unsigned tier; /* in the phase SUPPLY */
  bool ops;
} ddla_watch_lane;

/* Makes RUN/agents/N.events for these agents at their full size and maps them. Errors: those of
 * files, with nothing left behind; a caller then goes on with directory null, which only fails with
 * NO_MEMORY. Agents have their numbers among all of the run everywhere below. */
ddla_status ddla_watch_create(ddla_watch **out, const ddla_watch_options *options);

/* Unmaps; files stay. Null is allowed. */
void ddla_watch_destroy(ddla_watch *watch);

/* Bytes of a lane's block with a ring of so many events. */
size_t ddla_watch_lane_bytes(uint32_t ring_events);

/* Notes the calling process as the launcher of so many agents. Null is allowed. */
void ddla_watch_begin_launcher(ddla_watch *watch, int first, int agents);

/* Notes the calling process as this agent's. */
void ddla_watch_begin_agent(ddla_watch *watch, int agent);

/* Notes how an agent ended, unless that is known already. */
void ddla_watch_end_agent(ddla_watch *watch, int agent, ddla_watch_end how, int number);

/* Numbers of the last committed step, by agent 0. */
void ddla_watch_note_step(ddla_watch *watch, uint64_t step, double loss, double rate);

/* Nanoseconds that all lanes of the watch's agents spent in a phase, and in phases altogether. */
int64_t ddla_watch_phase_ns(const ddla_watch *watch, ddla_phase phase);
int64_t ddla_watch_all_ns(const ddla_watch *watch);

/* The pen of a lane, or of the loader, taken by its own thread. watch may be null, or without
 * loaders: it then records nothing. */
ddla_watch_lane ddla_watch_lane_open(const ddla_watch *watch, int agent, int lane);

/* The calling thread is the lane's now; the one before has ended. */
void ddla_watch_lane_take(const ddla_watch_lane *pen);

/* The lane goes over to a phase. */
void ddla_watch_mark(ddla_watch_lane *lane, ddla_phase phase, uint64_t detail);

/* The same for a caller who has just looked at the monotonic clock. */
void ddla_watch_mark_at(ddla_watch_lane *lane, ddla_phase phase, uint64_t detail, int64_t now_ns);

/* From here on the lane works on this step. */
void ddla_watch_set_step(ddla_watch_lane *lane, uint64_t step);

/* What the lane's agent has counted so far, by the one thread that counts it. */
void ddla_watch_note_staleness(const ddla_watch_lane *lane, const ddla_staleness *found);

/* Number of an op's name, from 1; the same text has the same number; 0 when there is no room.
 * For set-up. */
uint16_t ddla_watch_name(ddla_watch_lane *lane, const char *text);

void ddla_watch_trace_op(ddla_watch_lane *lane, uint16_t name);

/* The lane begins the op of this name. Without a trace nobody looks at the clock: an op that hangs
 * is taken to have begun with its phase. That is too early by less than a usual step, and a hang is
 * ten of them; ops may be so short that a look at the clock at each would cost percents. */
static inline void ddla_watch_op(ddla_watch_lane *lane, uint16_t name) {
  if (!lane || !lane->head) return;
  if (lane->ops) ddla_watch_trace_op(lane, name);
  else
    atomic_store_explicit(&lane->head->op, (uint64_t)name << 48 | lane->since_us,
                          memory_order_relaxed);
}

static inline void ddla_watch_add_samples(ddla_watch_lane *lane, int64_t count) {
  if (lane && lane->head)
    atomic_store_explicit(&lane->head->samples,
                          atomic_load_explicit(&lane->head->samples, memory_order_relaxed) + count,
                          memory_order_relaxed);
}

#endif
