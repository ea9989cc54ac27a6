/* The file agents/N.events of a run directory: what an agent does and did, as
 * docs/formats/events.md has it. One page of head, then a block for each lane, and one for the
 * loader where the agent has one: its head, names of ops, and a ring of events. All numbers are
 * those of the machine that wrote it. Everything that changes while the agent runs is atomic, and
 * an event carries its number twice over (see ddla_watch_event), so that a reader in another
 * process never takes a torn one, also after its writer died. */
#ifndef DDLA_WATCH_FORMAT_H
#define DDLA_WATCH_FORMAT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/staleness.h"
#include "base/tiers.h"

#define DDLA_WATCH_MAGIC "ddlaevts"

enum {
  DDLA_WATCH_VERSION = 1,
  DDLA_WATCH_HEAD_BYTES = 4096,
  DDLA_WATCH_OPS_MAX = 192,
  DDLA_WATCH_OP_BYTES = 40,
  DDLA_WATCH_RING = 512, /* events, where no trace is asked for */
  DDLA_WATCH_RING_MAX = 1 << 20,
  DDLA_WATCH_PHASES_MAX = 32,
  DDLA_WATCH_TIERS_MAX = 8,
  DDLA_WATCH_TEXT_BYTES = 256
};

/* What a lane may be doing: X(NAME, number, word of traces and tables). The numbers are part of the
 * format and keep their meaning. */
#define DDLA_PHASE_LIST(X)                                                                         \
  X(NONE, 0, "nothing yet")                                                                        \
  X(START, 1, "starting")       /* libraries, shared memory */                                     \
  X(LOAD, 2, "loading state")   /* first parameters, or a checkpoint */                            \
  X(COMPILE, 3, "compiling")    /* detail: batch size of the plan */                               \
  X(DATA, 4, "reading data")    /* detail: shard | part << 32 */                                   \
  X(COMPUTE, 5, "computing")    /* detail: shard | part << 32 */                                   \
  X(WAIT, 6, "waiting")         /* detail: ddla_watch_wait_pack */                                 \
  X(UPDATE, 7, "updating")      /* detail: first block | last + 1 << 32 */                         \
  X(ARRIVED, 8, "arrived")      /* its part of the step is written */                              \
  X(COMMITTED, 9, "committed")  /* the step counts; detail: committed steps */                     \
  X(EVALUATE, 10, "evaluating") /* detail: batch */                                                \
  X(CHECKPOINT, 11, "writing a checkpoint")                                                        \
  X(MODEL, 12, "writing the model")                                                                \
  X(CALLBACK, 13, "in the program's on_step")                                                      \
  X(OP, 14, "op") /* only in traces, within COMPUTE and EVALUATE; detail: name of the op */        \
  X(END, 15, "ended")                                                                              \
  X(SUPPLY, 16, "waiting for data") /* detail: ddla_watch_supply_pack */

typedef enum ddla_phase {
#define DDLA_PHASE_ENUM(name, number, words) DDLA_PHASE_##name = number,
  DDLA_PHASE_LIST(DDLA_PHASE_ENUM)
#undef DDLA_PHASE_ENUM
} ddla_phase;

/* Words that lanes wait for: X(NAME, number, what it is waited for). */
#define DDLA_WAIT_LIST(X)                                                                          \
  X(START, 1, "the first state")                                                                   \
  X(FINAL, 2, "gradients")                                                                         \
  X(NORMED, 3, "the gradient's norm")                                                              \
  X(STEP, 4, "the end of the step")                                                                \
  X(MET, 5, "the others at a barrier")                                                             \
  X(MESSAGE, 6, "a message")                                                                       \
  X(HOSTS, 7, "the other hosts")                                                                   \
  X(ROOM, 8, "lanes to take samples") /* the loader */

typedef enum ddla_watch_word {
#define DDLA_WAIT_ENUM(name, number, words) DDLA_WAIT_##name = number,
  DDLA_WAIT_LIST(DDLA_WAIT_ENUM)
#undef DDLA_WAIT_ENUM
} ddla_watch_word;

enum { DDLA_WATCH_ALL = 0xffff }; /* whoever is not there yet */

/* detail of WAIT: which word, whose, and the value it must reach (its low 40 bits). */
static inline uint64_t ddla_watch_wait_pack(ddla_watch_word word, int worker, uint64_t value) {
  return (uint64_t)word << 56 | (uint64_t)(worker & 0xffff) << 40 | (value & 0xffffffffff);
}

/* detail of SUPPLY: where the samples are to come from, and of which shard. */
static inline uint64_t ddla_watch_supply_pack(ddla_tier tier, uint32_t shard) {
  return (uint64_t)tier << 56 | shard;
}

/* Event n of a lane lies in slot n % ring. number is n + 1; it is 0 while the slot is written. The
 * phase begins at time_ns and lasts until the next event. */
typedef struct ddla_watch_event {
  _Atomic uint64_t number;
  _Atomic int64_t time_ns; /* of the machine's monotonic clock */
  _Atomic uint64_t what;   /* phase << 56 | step under way, from 1 */
  _Atomic uint64_t detail;
} ddla_watch_event;

typedef struct ddla_watch_lane_head {
  _Atomic uint64_t count; /* events so far */
  _Atomic uint64_t op;    /* name of the op under way << 48 | microseconds from opened_ns to its
                             beginning, without a trace to its phase's; 0: none yet */
  _Atomic uint32_t thread, op_count;
  _Atomic int64_t samples; /* computed in training */
  char reserved[32];
  _Atomic int64_t phase_ns[DDLA_WATCH_PHASES_MAX]; /* time spent in each phase that is over */
  _Atomic int64_t tier_ns[DDLA_WATCH_TIERS_MAX];   /* of the phase SUPPLY, by tier */
  char reserved_too[128];
} ddla_watch_lane_head;

_Static_assert(sizeof(ddla_watch_event) == 32, "part of the format");
_Static_assert(sizeof(ddla_watch_lane_head) == 512, "part of the format");

/* How an agent ended; `ended` of the head is this << 32 | number. */
typedef enum ddla_watch_end {
  DDLA_WATCH_RUNS = 0,
  DDLA_WATCH_DONE = 1,
  DDLA_WATCH_FAILED = 2, /* number: its exit status */
  DDLA_WATCH_KILLED = 3, /* number: the signal; written by the launcher */
  DDLA_WATCH_LEFT = 4    /* number: exit status; written by the launcher */
} ddla_watch_end;

typedef struct ddla_watch_head {
  char magic[8];
  uint32_t version, lanes, agent, agents, ring_events, op_names;
  uint64_t lane_bytes;
  int64_t opened_ns, opened_unix_ns; /* one moment on two clocks */
  int64_t batch, total_steps, batches_per_epoch;
  uint32_t shards, threads; /* threads: agents share one process */
  _Atomic uint32_t process, launcher;
  _Atomic uint64_t process_started, launcher_started; /* as /proc/PID/stat has it; ticks */
  _Atomic uint64_t ended;
  /* Of agent 0 after each committed step. */
  _Atomic uint64_t step, loss_bits, rate_bits; /* doubles as bits */
  uint32_t loaders; /* 1: behind the blocks of lanes lies one of the agent's loader */
  char reserved[4];
  /* Of an agent whose host serves parameters: what came to the first range of them, see
   * ddla_staleness. */
  _Atomic int64_t stale[DDLA_STALENESS_CLASSES], stale_sum, stalest;
  char reserved_too[32];
  char boot[64];                      /* of /proc/sys/kernel/random/boot_id */
  char host[64];                      /* its name */
  char source[DDLA_WATCH_TEXT_BYTES]; /* where the samples come from */
} ddla_watch_head;

_Static_assert(sizeof(ddla_watch_head) == 640, "part of the format");
_Static_assert(offsetof(ddla_watch_head, stale) == 152, "part of the format");
_Static_assert(offsetof(ddla_watch_head, boot) == 256, "part of the format");

#endif
