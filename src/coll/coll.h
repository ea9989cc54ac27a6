/* Collective operations over all ranks of a transport: barrier, broadcast, gather, all-gather,
 * reduce-scatter, all-reduce. An operation is a row of coll_list.h that emits a schedule; the first
 * row that accepts a call runs.
 *
 * Slices. Gather, all-gather and reduce-scatter cut `count` elements into one slice per rank, see
 * ddla_coll_slice; with count = ranks * k and align = k every rank has k elements.
 *
 * Sums follow the fixed tree (coll/tree.h): their bits depend on the leaves alone, not on ranks or
 * rows.
 *
 * Calling. Every rank makes the same calls in the same order with the same kind, type, count, root,
 * align, operands (but for addresses) and kind of memory. Ranks that disagree get INVALID where it
 * is noticed, which it is in shared memory and for lengths of messages. Buffers belong to the
 * operation until it is over.
 *
 * Memory. With a shared transport, operands and outputs from ddla_transport_alloc are read and
 * written in place; the same block (and offset) must be given by all ranks. Other memory works too,
 * through staging buffers; then it must be other memory on all ranks.
 *
 * Threads: a group belongs to one thread. */
#ifndef DDLA_COLL_COLL_H
#define DDLA_COLL_COLL_H

#include "coll/exec.h"

typedef struct ddla_coll ddla_coll;

typedef enum ddla_coll_kind {
  DDLA_COLL_BARRIER,    /* nobody leaves before all have come */
  DDLA_COLL_BROADCAST,  /* output[0, count) everywhere = input (null: output) of root */
  DDLA_COLL_GATHER,     /* root's output slice r = rank r's input */
  DDLA_COLL_ALL_GATHER, /* output slice r everywhere = rank r's input (null: in place in output) */
  DDLA_COLL_REDUCE_SCATTER, /* output slice of this rank = tree sum; the rest of output stays as it
                               is */
  DDLA_COLL_ALL_REDUCE      /* output[0, count) everywhere = tree sum */
} ddla_coll_kind;

/* One operand of a sum: `rank` holds the sum of leaves [first, first + count), a subtree. Every
 * rank lists the operands of all ranks, in rising order of leaves. data is the address at element
 * 0. For the rank's own operands it is where they are. For another rank's it is, with shared
 * memory, the address in this rank's own block whose counterpart holds it (so with one block per
 * rank, both lists have the same offsets), else it only tells present from absent. Null: absent,
 * contributes nothing (on all ranks alike). */
typedef struct ddla_coll_operand {
  const void *data;
  int rank;
  int64_t first, count;
} ddla_coll_operand;

/* One operation. Zero means default. */
typedef struct ddla_coll_call {
  ddla_coll_kind kind;
  ddla_coll_type type;
  int64_t count; /* elements in all */
  int64_t align; /* slices begin at multiples of it; 0: elements of 64 bytes */
  int root;
  const void *input; /* sums without `operands`: this rank's leaf; moves: this rank's slice or
                        root's data */
  void *output;
  const ddla_coll_operand *operands; /* null: one leaf per rank, `input` */
  int operand_count;
  int64_t leaves; /* of the tree, with operands */
  /* Reduce-scatter: called on freshly summed parts of this rank's slice, in rising order, on the
   * calling thread; parts begin at multiples of align. Its failure ends the operation. */
  ddla_coll_apply *apply;
  void *apply_argument;
  const char *row; /* null: the first row that accepts; else the row of this name, or UNSUPPORTED */
} ddla_coll_call;

struct ddla_coll_plan;

/* A row. accepts must give the same answer on all ranks. */
typedef struct ddla_coll_row {
  const char *name; /* "all_reduce/direct" */
  ddla_coll_kind kind;
  bool (*accepts)(const struct ddla_coll_plan *plan);
  ddla_status (*emit)(const struct ddla_coll_plan *plan, ddla_schedule *schedule);
} ddla_coll_row;

/* Rows by position, null after the last. Borrowed for ever. */
const ddla_coll_row *ddla_coll_row_at(int index);

/* Elements [*first, *first + *count) of a rank's slice: blocks of `align` elements (the last may be
 * short), dealt out as evenly as whole blocks allow. align 0: as many elements as fill 64 bytes of
 * `type`. */
void ddla_coll_slice(const ddla_coll_call *call, int ranks, int rank, int64_t *first,
                     int64_t *count);

/* Collective. Takes words and staging memory from the transport (1.1 MiB per rank with shared
 * memory; touched only where used), and as much again for each schedule prepared at a time. The
 * transport is borrowed until destroy. Errors: NO_MEMORY, PEER_LOST. */
ddla_status ddla_coll_create(ddla_coll **out, ddla_transport *transport);

/* Null is allowed. Schedules made by prepare must be gone before. */
void ddla_coll_destroy(ddla_coll *coll);

/* Runs one operation to its end. The kind is set by the function. timeout: none; a death ends it.
 * Errors: INVALID (bad call, ranks disagree), PEER_LOST, UNSUPPORTED, NO_MEMORY (only when larger
 * than any before). */
ddla_status ddla_coll_run(ddla_coll *coll, const ddla_coll_call *call);
ddla_status ddla_coll_barrier(ddla_coll *coll);
ddla_status ddla_coll_broadcast(ddla_coll *coll, const ddla_coll_call *call);
ddla_status ddla_coll_gather(ddla_coll *coll, const ddla_coll_call *call);
ddla_status ddla_coll_all_gather(ddla_coll *coll, const ddla_coll_call *call);
ddla_status ddla_coll_reduce_scatter(ddla_coll *coll, const ddla_coll_call *call);
ddla_status ddla_coll_all_reduce(ddla_coll *coll, const ddla_coll_call *call);

/* For overlapping: makes a schedule that can be started again and again, beside others, in any
 * order that is the same start count on every rank. Collective (same order of prepare on all
 * ranks). The caller owns it; addresses are fixed. Errors: as run. */
ddla_status ddla_coll_prepare(ddla_coll *coll, ddla_schedule **out, const ddla_coll_call *call);
void ddla_coll_release(ddla_coll *coll, ddla_schedule *schedule);

/* The executor that runs this group's schedules. Borrowed. */
ddla_exec *ddla_coll_exec(ddla_coll *coll);

/* For tests and cost models: emits the call into a zeroed schedule without running it; the caller
 * ends it with ddla_schedule_fini. Errors: as run. */
ddla_status ddla_coll_emit(ddla_coll *coll, ddla_schedule *out, const ddla_coll_call *call);

#endif
