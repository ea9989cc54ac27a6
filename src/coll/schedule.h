/* A schedule: what one rank does for one collective, as a list of steps with dependencies.
 * Collectives emit schedules; the executor (coll/exec.h) runs them, as often as wanted; tests and
 * cost models read them.
 *
 * A step may start when all steps of its two `after` ranges are done; ranges name earlier steps
 * only. Words: in shared memory every schedule has one growing word per rank. SIGNAL k sets the
 * rank's own word to base + k, WAIT k on a peer's word waits for base + k, where base grows by
 * `span` each time the schedule is started. A rank's signals must happen in rising order. Threads:
 * a schedule belongs to the thread of its executor. Emitting may allocate, running does not. */
#ifndef DDLA_COLL_SCHEDULE_H
#define DDLA_COLL_SCHEDULE_H

#include "coll/tree.h"
#include "transport/transport.h"

typedef enum ddla_step_kind {
  DDLA_STEP_SEND,   /* from, bytes, peer, label */
  DDLA_STEP_RECV,   /* to, bytes, peer, label */
  DDLA_STEP_REDUCE, /* reduction, first, count, stream */
  DDLA_STEP_COPY,   /* from, to, bytes, stream */
  DDLA_STEP_SIGNAL, /* value */
  DDLA_STEP_WAIT,   /* peer, value */
  DDLA_STEP_CALL    /* first, count: calls the schedule's apply */
} ddla_step_kind;

/* Steps [first, end). */
typedef struct ddla_step_range {
  int first, end;
} ddla_step_range;

typedef struct ddla_step {
  ddla_step_kind kind;
  int peer;
  ddla_step_range after[2];
  const void *from;
  void *to;
  size_t bytes;
  int64_t first, count; /* elements */
  uint32_t label;       /* tells apart messages of one pair in one schedule */
  uint32_t value;
  int reduction;
  int request; /* of SEND and RECV; given by ddla_schedule_add */
  bool stream; /* past the caches */
} ddla_step;

/* One sum: where its operands and outputs are. Steps run parts of it. */
typedef struct ddla_reduction {
  int plan, operand_at, output_at, output_count; /* indices into plans and pointers */
  ddla_coll_type type;
} ddla_reduction;

/* A line of shared memory: what one rank tells the others about one schedule. */
typedef struct ddla_coll_line {
  _Alignas(64) ddla_word word;
  ddla_word signature[2]; /* of the call, by parity of the start: tells apart mixed-up calls */
} ddla_coll_line;

/* What schedules that run one after the other share: words that keep growing, and a tag. */
typedef struct ddla_coll_channel {
  ddla_coll_line *line;                            /* this rank's; null without shared memory */
  ddla_coll_line *lines[DDLA_TRANSPORT_RANKS_MAX]; /* everybody's */
  uint64_t next_base, starts;
  uint64_t tag; /* of its messages, high half */
} ddla_coll_channel;

typedef ddla_status ddla_coll_apply(void *argument, int64_t first, int64_t count);

typedef struct ddla_schedule {
  const char *name; /* of the row that emitted it */
  ddla_step *steps;
  ddla_request *requests;
  ddla_reduction *reductions;
  ddla_tree_plan *plans;
  void **pointers;
  int step_count, request_count, reduction_count, plan_count, pointer_count;
  int step_room, request_room, reduction_room, plan_room, pointer_room;
  bool by_parity; /* emitted for even or for odd starts of its channel */
  bool in_order; /* every step needs the one before it: look no further than the first that waits */
  uint32_t span; /* signals per start */
  ddla_coll_channel *channel; /* borrowed; null while it is only measured */
  uint64_t signature;
  ddla_coll_apply *apply;
  void *apply_argument;
  void *scratch; /* owned; for partial sums and received operands */
  size_t scratch_bytes;

  /* While it runs; the executor's. */
  struct ddla_schedule *next;
  unsigned char *states; /* per step */
  int64_t position;      /* elements (of a copy: bytes) done of the long step under way */
  int64_t spent;         /* bytes written by the steps of one turn */
  int current;           /* the long step that is under way, or -1 */
  int low;               /* all steps below are done */
  int flying;            /* messages under way */
  int remaining;
  uint64_t base, turn; /* of the channel at the start */
  bool running;
  ddla_status status;
  ddla_failure failure;
} ddla_schedule;

/* Empties a schedule for emitting anew; keeps its memory and its channel. */
void ddla_schedule_clear(ddla_schedule *schedule);

/* Frees what a schedule owns. Null-safe, zeroed-safe. */
void ddla_schedule_fini(ddla_schedule *schedule);

/* Appends a step; its index goes to *index unless that is null. Errors: NO_MEMORY. */
ddla_status ddla_schedule_add(ddla_schedule *schedule, int *index, const ddla_step *step);

/* Appends a plan; a reduction of `operands` (as many as the plan's) into outputs. Errors:
 * NO_MEMORY. */
ddla_status ddla_schedule_add_plan(ddla_schedule *schedule, int *index, const ddla_tree_plan *plan);
ddla_status ddla_schedule_add_reduction(ddla_schedule *schedule, int *index, int plan,
                                        const ddla_tree_io *io);

/* Makes scratch memory of at least this size; contents are lost when it grows. Errors: NO_MEMORY.
 */
ddla_status ddla_schedule_reserve(ddla_schedule *schedule, size_t bytes);

/* Bytes this rank sends by SEND steps; reads and writes of memory by REDUCE and COPY steps. */
typedef struct ddla_schedule_cost {
  int64_t sent_bytes, received_bytes, read_bytes, written_bytes;
  int sends, waits, depth; /* depth: longest chain of dependent RECV and WAIT steps */
} ddla_schedule_cost;

ddla_schedule_cost ddla_schedule_measure(const ddla_schedule *schedule);

#endif
