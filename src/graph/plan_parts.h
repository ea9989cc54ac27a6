/* A plan's inside, shared by its compiler (plan.c), its memory (arena.c) and its execution
 * (execute.c). */
#ifndef DDLA_GRAPH_PLAN_PARTS_H
#define DDLA_GRAPH_PLAN_PARTS_H

#include "backend/kernel.h"
#include "graph/plan.h"

/* Arena memory of one array, alive in steps first to last. */
typedef struct plan_buffer {
  size_t bytes, offset;
  int first, last;
  void *lent; /* memory of the caller in its place; null: it is in the arena */
} plan_buffer;

typedef enum place_kind {
  PLACE_NONE,
  PLACE_ARENA,
  PLACE_PARAMETER,
  PLACE_BUFFER,
  PLACE_GRADIENT
} place_kind;

/* Where a tensor's data lies: a buffer of the arena, or an offset into the flat parameters, the
 * model's flat buffers or the gradients. */
typedef struct plan_place {
  place_kind kind;
  int buffer; /* for PLACE_GRADIENT: where the gradient is computed before it is added */
  int64_t offset;
} plan_place;

typedef struct plan_op {
  ddla_op_call call;
  const ddla_graph_op_use *use;
  const ddla_kernel *kernel;
  ddla_kernel_state *state;
  plan_place input[DDLA_OP_INPUTS_MAX], output[DDLA_OP_OUTPUTS_MAX];
  plan_place output_grad[DDLA_OP_OUTPUTS_MAX], input_grad[DDLA_OP_INPUTS_MAX];
  int rows;              /* parameter whose gradient it makes by row, or -1 */
  uint16_t name[2];      /* in the recorder: forward, backward */
  int saved, scratch[2]; /* buffers: kept forward to backward; scratch of forward and of backward;
                            -1: none */
  bool prepared;
} plan_op;

typedef enum plan_step_kind {
  STEP_FORWARD,  /* op */
  STEP_BACKWARD, /* op */
  STEP_SEED,     /* to: gradient of the loss = 1 */
  STEP_COPY,     /* to = from, count elements */
  STEP_ADD,      /* to += from */
  STEP_STORE,    /* gradients at offset (=|+=) from */
  STEP_ZERO,     /* gradients at offset = 0 unless accumulating */
  STEP_ROWS,     /* op's table by row, with scratch `from`; `to`: not the table's first */
  STEP_NO_ROWS,  /* the list of parameter `to` is empty unless accumulating */
  STEP_FINAL     /* all at offset and above is final */
} plan_step_kind;

typedef struct plan_step {
  plan_step_kind kind;
  int op, to, from;
  int64_t offset, count;
} plan_step;

struct ddla_plan {
  const ddla_graph *graph;
  ddla_plan_options options;
  ddla_graph_op_use *use;
  plan_op *op;
  plan_step *step;
  plan_buffer *buffer;
  plan_place *place; /* by value */
  ddla_shape *shape; /* by value, with the plan's batch size */
  int use_count, step_count, buffer_count, step_room, buffer_room;
  size_t arena_bytes;
  char *arena;
};

/* Bytes of scratch for the gradient by row of `count` indices. */
size_t ddla_plan_rows_bytes(int64_t count, int64_t width);

/* Gives every buffer an offset: largest first, at the lowest place that no buffer alive at the same
 * time holds. */
ddla_status ddla_plan_lay_out(ddla_plan *plan);

#endif
