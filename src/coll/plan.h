/* A call as rows see it: checked, defaults filled in, operands of all ranks listed, addresses
 * classified; and the phrases that schedules are made of. For coll.c and the rows. */
#ifndef DDLA_COLL_PLAN_H
#define DDLA_COLL_PLAN_H

#include "coll/coll.h"

enum {
  DDLA_COLL_SLOTS = 4,               /* of a stage */
  DDLA_COLL_SLOT_BYTES = 256 * 1024, /* DDLA_COLL_SLOTS of them are a stage */
  DDLA_COLL_SMALL_BYTES = 32 * 1024, /* two of them follow the stage of one-shot calls */
  DDLA_COLL_STAGE_BYTES = DDLA_COLL_SLOTS * DDLA_COLL_SLOT_BYTES + 2 * DDLA_COLL_SMALL_BYTES
};

/* What one rank can sum by itself: all operands of a subtree are its own. */
typedef struct ddla_coll_partial {
  int rank, operand, operand_count; /* operands [operand, operand + operand_count) of the plan */
  ddla_tree_part part;
} ddla_coll_partial;

typedef struct ddla_coll_plan {
  ddla_coll_call call;
  ddla_transport *transport;
  int rank, ranks;
  size_t size;                                        /* of an element */
  ddla_coll_operand operands[DDLA_TREE_OPERANDS_MAX]; /* present ones only */
  int operand_count;
  int64_t leaves;
  ddla_coll_partial partials[DDLA_TREE_OPERANDS_MAX]; /* in order of leaves */
  int partial_count, partials_per_rank_max;
  bool operands_shared; /* all operands can be read in place */
  bool output_shared;   /* everybody's output can be written */
  bool output_one;      /* and is the same memory */
  unsigned char *stage; /* this rank's staging memory; null: none */
  int parity; /* 0 or 1: which small half the next start uses; -1: started again and again */
} ddla_coll_plan;

/* Fills a plan. Errors: INVALID, UNSUPPORTED. */
ddla_status ddla_coll_plan_make(ddla_coll_plan *out, ddla_transport *transport,
                                const ddla_coll_call *call);

/* Hash of what all ranks must agree on. */
uint64_t ddla_coll_plan_signature(const ddla_coll_plan *plan);

/* Elements of a rank's slice, their bytes, and where they begin. */
typedef struct ddla_coll_span {
  int64_t first, count;
  size_t offset, bytes;
} ddla_coll_span;

ddla_coll_span ddla_coll_span_of(const ddla_coll_plan *plan, int rank);

/* Bytes of the whole array. */
size_t ddla_coll_bytes(const ddla_coll_plan *plan);

/* base + bytes, also for a null base with 0 bytes. */
void *ddla_coll_at(const void *base, size_t bytes);

/* Phrases. Each appends steps that may start after the steps in `after`, and returns its own in
 * *range (null: not wanted). */
typedef struct ddla_emit {
  const ddla_coll_plan *plan;
  ddla_schedule *schedule;
} ddla_emit;

/* All steps so far. */
ddla_step_range ddla_emit_all(const ddla_emit *e);

ddla_status ddla_emit_signal(const ddla_emit *e, uint32_t value, ddla_step_range after);
/* Waits for the words of all other ranks. */
ddla_status ddla_emit_wait(const ddla_emit *e, uint32_t value);
/* Signal, then wait for all, after all steps so far. */
ddla_status ddla_emit_meet(const ddla_emit *e, uint32_t value);

typedef struct ddla_emit_move {
  int peer;
  uint32_t label;
  const void *from;
  void *to;
  size_t bytes;
  ddla_step_range after, after_too;
} ddla_emit_move;

/* Steps for 0 bytes are left out of copies, and kept in messages. */
ddla_status ddla_emit_copy(const ddla_emit *e, const ddla_emit_move *move);
ddla_status ddla_emit_send(const ddla_emit *e, const ddla_emit_move *move);
ddla_status ddla_emit_recv(const ddla_emit *e, const ddla_emit_move *move);

/* One sum of elements [first, first + count) over partials or operands, see the functions below. */
typedef struct ddla_emit_sum {
  ddla_tree_io io;
  int tree; /* plan in the schedule */
  int64_t first, count;
  int64_t place; /* in the call's array, of element `first`: what apply is told */
  bool stream;
  ddla_step_range after, after_too;
} ddla_emit_sum;

ddla_status ddla_emit_reduce(const ddla_emit *e, const ddla_emit_sum *sum);
/* The same, and calls the call's apply (if it has one) on parts, each right after it was summed. */
ddla_status ddla_emit_reduce_apply(const ddla_emit *e, const ddla_emit_sum *sum);

/* Where every operand of the call is, in shared memory. Errors: INTERNAL. */
ddla_status ddla_emit_addresses(const ddla_emit *e, const void **operands);

/* Tree plans over: all operands; all partials; the operands of one partial. */
ddla_status ddla_emit_tree_operands(const ddla_emit *e, int *tree);
ddla_status ddla_emit_tree_partials(const ddla_emit *e, int *tree);
ddla_status ddla_emit_tree_partial(const ddla_emit *e, const ddla_coll_partial *partial, int *tree);

/* Sums elements [first, first + count) of a partial's operands to `to` (element `first` goes to its
 * start), or copies it if it has one operand. Own partials only. */
ddla_status ddla_emit_partial(const ddla_emit *e, const ddla_coll_partial *partial,
                              ddla_coll_span span, void *to);

/* Bytes at which a result no longer fits the caches and is written past them. */
bool ddla_emit_streams(size_t bytes);

#endif
