/* One oneDNN primitive with its memory objects, made at prepare and run without allocation of ours.
 * Every thread runs oneDNN with one OpenMP thread, so no team is ever started and bits do not
 * depend on the number of processors. Threads: a step is one thread's at a time; the engine is
 * shared by the process. */
#ifndef DDLA_BACKEND_ONEDNN_PRIMITIVE_H
#define DDLA_BACKEND_ONEDNN_PRIMITIVE_H

#include "backend/kernel.h"
#include "backend/onednn/compat.h"
#include "backend/pack.h"

enum { DDLA_ONEDNN_ARGS_MAX = 8 };

typedef struct ddla_onednn_step {
  dnnl_primitive_t primitive; /* null: nothing to run */
  dnnl_primitive_desc_t desc;
  int arg_count;
  dnnl_exec_arg_t arg[DDLA_ONEDNN_ARGS_MAX];
  void *data[DDLA_ONEDNN_ARGS_MAX];
  size_t scratchpad_bytes;
} ddla_onednn_step;

/* INTERNAL (NO_MEMORY) naming `what` and oneDNN's status, or OK. */
ddla_status ddla_onednn_check(dnnl_status_t status, const char *what);

/* The process's engine; made at the first call of any thread, in this process. Sets this thread's
 * number of OpenMP threads to 1. Errors: INTERNAL. */
ddla_status ddla_onednn_engine(dnnl_engine_t *out);

/* fp32 descriptor of these dimensions; null strides: any layout the primitive likes best. */
ddla_status ddla_onednn_desc(dnnl_memory_desc_t *out, int rank, const int64_t *dims,
                             const int64_t *strides);

/* The same of numbers of this type. */
ddla_status ddla_onednn_desc_of(dnnl_memory_desc_t *out, dnnl_data_type_t type, int rank,
                                const int64_t *dims, const int64_t *strides);

/* Type of the operands of a call's products. */
static inline dnnl_data_type_t ddla_onednn_operand(const ddla_op_call *call) {
  return ddla_op_rounds(call) ? dnnl_bf16 : dnnl_f32;
}

/* fp32 descriptor of a dense row-major tensor. */
ddla_status ddla_onednn_desc_dense(dnnl_memory_desc_t *out, const ddla_shape *shape);

/* Descriptor [N, C, H, W] (oneDNN's logical order) of a channels-last tensor [N, H, W, C]. */
ddla_status ddla_onednn_desc_image(dnnl_memory_desc_t *out, dnnl_data_type_t type,
                                   const ddla_shape *shape);

/* Attributes with the scratchpad in our memory. The caller destroys them with
 * dnnl_primitive_attr_destroy. */
ddla_status ddla_onednn_attr(dnnl_primitive_attr_t *out);

/* Makes the primitive. Takes desc, which is destroyed by close even where this fails. */
ddla_status ddla_onednn_step_open(ddla_onednn_step *step, dnnl_primitive_desc_t desc);

/* Adds argument `arg` (DNNL_ARG_…) laid out as `desc`, or as the primitive wants it (`what`, index
 * 0). */
ddla_status ddla_onednn_step_bind(ddla_onednn_step *step, int arg, const_dnnl_memory_desc_t desc);
ddla_status ddla_onednn_step_bind_query(ddla_onednn_step *step, int arg, dnnl_query_t what);

/* Points an argument at its data before a run. */
ddla_status ddla_onednn_step_point(ddla_onednn_step *step, int arg, const void *data);

/* Runs; scratchpad: scratchpad_bytes of 64-byte aligned memory. Errors: INTERNAL. */
ddla_status ddla_onednn_step_run(ddla_onednn_step *step, void *scratchpad);

void ddla_onednn_step_close(ddla_onednn_step *step);

/* A weight in the layout a primitive wants, taken from the plain tensor input[index] of a call:
 * packed once per version in the pack cache, or at each use into scratch where there is no cache.
 */
typedef struct ddla_onednn_weight {
  ddla_onednn_step reorder; /* empty: the plain layout is what is wanted */
  ddla_pack_slot *slot;     /* null: pack at each use */
  int index;
  size_t bytes;     /* of the packed form */
  void *scratchpad; /* of this use, for the fill */
} ddla_onednn_weight;

/* Sets up the reorder from `plain` to `wanted`; reserves a slot named by `layout` and the wanted
 * descriptor. */
ddla_status ddla_onednn_weight_open(ddla_onednn_weight *weight, const ddla_op_call *call, int index,
                                    const_dnnl_memory_desc_t plain,
                                    const_dnnl_memory_desc_t wanted);

/* Scratch bytes this weight takes in front of everything else (0 with a slot). */
size_t ddla_onednn_weight_bytes(const ddla_onednn_weight *weight);

/* The packed weight for this call. memory: ddla_onednn_weight_bytes of scratch; scratchpad: for the
 * reorder. */
ddla_status ddla_onednn_weight_use(const void **out, ddla_onednn_weight *weight,
                                   const ddla_op_call *call, void *memory, void *scratchpad);

void ddla_onednn_weight_close(ddla_onednn_weight *weight);

/* bytes rounded up to 64. */
static inline size_t ddla_onednn_round(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

#endif
