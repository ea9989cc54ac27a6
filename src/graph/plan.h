/* A plan is a graph compiled for one batch size: order of steps, one arena in which dead
 * activations make room, and prepared kernels. A training plan also holds the backward pass. Each
 * lane owns its plans and one arena as large as the largest of them. Threads: one lane at a time
 * runs a plan. */
#ifndef DDLA_GRAPH_PLAN_H
#define DDLA_GRAPH_PLAN_H

#include "backend/pack.h"
#include "base/clock.h"
#include "graph/graph.h"
#include "tensor/rows.h"
#include "watch/recorder.h"

typedef struct ddla_plan ddla_plan;

typedef struct ddla_plan_options {
  int64_t batch;   /* dimension 0 of every input */
  bool training;   /* with backward pass from `loss` */
  ddla_value loss; /* a scalar f64 or f32 value; the seed of its gradient is 1 */
  ddla_precision precision;
  bool plain;             /* no rewrites */
  const char *kernel;     /* null, or the one kernel to take where it accepts ("reference") */
  ddla_pack_cache *packs; /* shared by the lanes of an agent, or null */
  ddla_watch_lane *watch; /* where ops are marked as they begin; may be null */
} ddla_plan_options;

/* Called on the lane's thread during the backward pass: every element of the parameter space at
 * `from` and above is final in `gradients`; where `from` is 0, so are the lists of rows. The first
 * call comes after the forward pass, so loss and counts can be read in it. */
typedef void (*ddla_plan_final)(void *argument, int64_t from);

typedef struct ddla_plan_run {
  const float *parameters;    /* flat, ddla_graph_space elements */
  uint64_t parameter_version; /* names the contents of parameters for packed weights; 0: unknown */
  const float *buffers;       /* flat, ddla_graph_buffer_space elements; null: the model has none */
  float *gradients;           /* flat; gradients of the SUM of losses. Null in an inference plan */
  const ddla_rows *rows;      /* by parameter: gradients of those by row; null: there are none */
  bool accumulate; /* gradients = gradients + (this batch's, computed apart), else overwritten */
  ddla_plan_final final; /* may be null */
  void *final_argument;
  int64_t *profile_ns; /* null, or ddla_plan_step_count entries to which step times are added */
} ddla_plan_run;

/* Compiles. Errors: INVALID (loss not scalar, an op without gradient), NO_MEMORY, those of infer
 * and prepare. */
ddla_status ddla_plan_create(ddla_plan **out, const ddla_graph *graph,
                             const ddla_plan_options *options);
void ddla_plan_destroy(ddla_plan *plan);

/* Bytes of arena that the plan needs. */
size_t ddla_plan_arena_bytes(const ddla_plan *plan);

/* Gives the plan its arena (64-byte aligned, borrowed until the next bind). Must precede value and
 * run. */
void ddla_plan_bind(ddla_plan *plan, void *arena);

/* View of an input (to be written before a run), a named output or a statistic's record (readable
 * after a run, or from the first final call on). Borrowed until the next bind. */
ddla_tensor ddla_plan_value(const ddla_plan *plan, ddla_value value);

/* From here on an input's values are read where they lie, in the caller's memory (64-byte aligned,
 * as large as the value; borrowed until it is taken back with null), and not in the arena.
 * Allocates nothing. */
void ddla_plan_lend(ddla_plan *plan, ddla_value input, void *data);

/* Runs all steps. Allocates nothing. Errors: those of kernels. */
ddla_status ddla_plan_execute(ddla_plan *plan, const ddla_plan_run *run);

/* Floating point operations of one run: forward, and for training two more times that of each op
 * whose inputs and weights both get gradients (one more where only one of them does). */
double ddla_plan_flops(const ddla_plan *plan);

/* For profiles: number of steps, and "conv2d backward (onednn_conv2d)" for one of them into text.
 */
int ddla_plan_step_count(const ddla_plan *plan);
const char *ddla_plan_step_text(const ddla_plan *plan, int step, char *text, size_t bytes);

#endif
