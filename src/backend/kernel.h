/* A kernel computes an op fast. Rows of kernel_list.h are ordered: the first of a call's op that
 * accepts runs it, forward and backward; the plain reference stands last and accepts everything. */
#ifndef DDLA_BACKEND_KERNEL_H
#define DDLA_BACKEND_KERNEL_H

#include "backend/cpu.h"
#include "op/op.h"

/* What a kernel prepared for one call: opaque to others, made by prepare. */
typedef struct ddla_kernel_state ddla_kernel_state;

typedef struct ddla_kernel {
  const char *name; /* "onednn_conv2d" */
  const char *op;   /* "conv2d"; null: every op */
  bool bf16;        /* is also asked for calls whose operands are rounded to bf16, and does that */
  /* Whether this call (shapes, attributes, wants_grad, training) can be computed here. */
  bool (*accepts)(const ddla_op_call *call);
  /* Compiles the call; may change the call's fields marked (kernel). Errors: NO_MEMORY, INTERNAL.
   */
  ddla_status (*prepare)(ddla_kernel_state **out, ddla_op_call *call);
  /* Writes every output. Allocates nothing. One thread at a time for one state. */
  ddla_status (*forward)(ddla_kernel_state *state, const ddla_op_call *call);
  /* Overwrites every wanted input_grad (never adds). */
  ddla_status (*backward)(ddla_kernel_state *state, const ddla_op_call *call);
  void (*destroy)(ddla_kernel_state *state);
} ddla_kernel;

/* The table; count in *count. Borrowed for ever. */
const ddla_kernel *const *ddla_kernel_table(int *count);

/* Whether a row is for this op and precision and accepts the call. */
bool ddla_kernel_accepts(const ddla_kernel *kernel, const ddla_op_call *call);

/* First row that accepts an inferred call. Never null: the reference accepts everything.
 * `only` is null, or the name of the one kernel to take ("reference") where it accepts. */
const ddla_kernel *ddla_kernel_choose(const ddla_op_call *call, const char *only);

/* Makes this process's backend libraries ready (one thread, so that bits do not depend on the
 * thread number; no more than the limit of ddla_backend_limit). Called by each agent after the
 * fork, never by the launcher. Errors: INTERNAL, NO_MEMORY of a library. */
ddla_status ddla_backend_start(void);

/* From now on kernels, our own and the libraries', use no more than this instruction set;
 * DDLA_CPU_LEVELS: what there is. Called before ddla_backend_start and before anything is prepared.
 * Errors: UNSUPPORTED where the libraries of this process have started under another limit, which
 * they keep for ever. */
ddla_status ddla_backend_limit(ddla_cpu_level level);

enum { DDLA_BACKEND_TEXT_BYTES = 64 };

/* "oneDNN 2.6.3": what the kernels stand on, into text; returns text. */
const char *ddla_backend_version(char text[DDLA_BACKEND_TEXT_BYTES]);

#endif
