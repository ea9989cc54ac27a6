#include "backend/plain/rounded.h"

#include <string.h>

#include "backend/pack.h"
#include "backend/vector.h"
#include "base/alloc.h"

struct ddla_kernel_state {
  ddla_op_call inner; /* the same call at fp32 */
  const ddla_kernel *kernel;
  ddla_kernel_state *state;                 /* the kernel's */
  bool prepared;                            /* state is there */
  ddla_pack_slot *slot[DDLA_OP_INPUTS_MAX]; /* null: rounded at each call */
  size_t at[DDLA_OP_INPUTS_MAX]; /* scratch: [the kernel's | operands | arriving gradient] */
  size_t gradient_at;
};

static bool is_operand(const ddla_op_call *call, int i) {
  return (call->op->operands >> i & 1U) && call->present[i];
}

static bool rounds_gradient(const ddla_op_call *call) {
  return (call->op->operands & DDLA_OPERAND_GRADIENT) != 0;
}

static size_t bytes_of(const ddla_tensor *tensor) {
  return ((size_t)ddla_shape_count(&tensor->shape) * sizeof(float) + 63) & ~(size_t)63;
}

static ddla_status plan_memory(ddla_kernel_state *s, ddla_op_call *call) {
  size_t bytes = (s->inner.scratch_bytes + 63) & ~(size_t)63;
  for (int i = 0; i < call->input_count; i++) {
    if (!is_operand(call, i)) continue;
    if (call->packs && call->parameter_id[i] >= 0) {
      DDLA_TRY(ddla_pack_reserve(&s->slot[i], call->packs, call->parameter_id[i], "rounded to bf16",
                                 bytes_of(&call->input[i])));
      continue;
    }
    s->at[i] = bytes;
    bytes += bytes_of(&call->input[i]);
  }
  s->gradient_at = bytes;
  if (call->training && rounds_gradient(call)) bytes += bytes_of(&call->output[0]);
  call->scratch_bytes = bytes;
  return DDLA_OK;
}

static void take_over(ddla_op_call *call, const ddla_op_call *inner) {
  call->saved_bytes = inner->saved_bytes;
  for (int i = 0; i < call->input_count; i++)
    call->backward_reads_input[i] = inner->backward_reads_input[i];
  for (int i = 0; i < call->output_count; i++)
    call->backward_reads_output[i] = inner->backward_reads_output[i];
}

void ddla_rounded_destroy(ddla_kernel_state *s) {
  if (!s) return;
  if (s->prepared) s->kernel->destroy(s->state);
  ddla_free(s);
}

ddla_status ddla_rounded_prepare(ddla_kernel_state **out, ddla_op_call *call,
                                 const ddla_kernel *by) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->kernel = by;
  s->inner = *call;
  s->inner.precision = DDLA_PRECISION_FP32;
  DDLA_TRY_CLEAN(status, by->prepare(&s->state, &s->inner));
  s->prepared = true;
  DDLA_TRY_CLEAN(status, plan_memory(s, call));
  take_over(call, &s->inner);
  *out = s;
cleanup:
  if (status != DDLA_OK) ddla_rounded_destroy(s);
  return status;
}

static ddla_status fill(void *to, const void *from, void *argument) {
  const int64_t *count = argument;
  ddla_vector_round_bf16(to, from, *count);
  return DDLA_OK;
}

static ddla_status round_operand(ddla_kernel_state *s, const ddla_op_call *call, int i) {
  int64_t count = ddla_shape_count(&call->input[i].shape);
  const void *rounded = NULL;
  if (s->slot[i]) {
    DDLA_TRY(ddla_pack_use(&rounded, s->slot[i], call->parameter_version, call->input[i].data, fill,
                           &count));
    memcpy(&s->inner.input[i].data, &rounded, sizeof rounded); /* kernels only read inputs */
    return DDLA_OK;
  }
  s->inner.input[i].data = (char *)call->scratch + s->at[i];
  return fill(s->inner.input[i].data, call->input[i].data, &count);
}

/* Gives the kernel's call the memory of this one. */
static void point(ddla_op_call *inner, const ddla_op_call *call) {
  for (int i = 0; i < call->input_count; i++) {
    inner->input[i].data = call->input[i].data;
    inner->input_grad[i].data = call->input_grad[i].data;
  }
  for (int i = 0; i < call->output_count; i++) {
    inner->output[i].data = call->output[i].data;
    inner->output_grad[i].data = call->output_grad[i].data;
  }
  inner->parameter_version = call->parameter_version;
  inner->saved = call->saved;
  inner->scratch = call->scratch;
}

ddla_status ddla_rounded_forward(ddla_kernel_state *s, const ddla_op_call *call) {
  point(&s->inner, call);
  for (int i = 0; i < call->input_count; i++)
    if (is_operand(call, i)) DDLA_TRY(round_operand(s, call, i));
  return s->kernel->forward(s->state, &s->inner);
}

/* Backward with this arriving gradient, for the gradients of operands, or of all other inputs. */
static ddla_status run_backward(ddla_kernel_state *s, const ddla_op_call *call, void *gradient,
                                bool of_operands) {
  bool wanted = false;
  for (int i = 0; i < call->input_count; i++) {
    const bool here = is_operand(call, i) == of_operands;
    s->inner.input_grad[i].data = here ? call->input_grad[i].data : NULL;
    wanted |= s->inner.input_grad[i].data != NULL;
  }
  s->inner.output_grad[0].data = gradient;
  return wanted ? s->kernel->backward(s->state, &s->inner) : DDLA_OK;
}

ddla_status ddla_rounded_backward(ddla_kernel_state *s, const ddla_op_call *call) {
  point(&s->inner, call);
  for (int i = 0; i < call->input_count; i++)
    if (is_operand(call, i) && call->backward_reads_input[i]) DDLA_TRY(round_operand(s, call, i));
  if (!rounds_gradient(call)) return s->kernel->backward(s->state, &s->inner);
  float *rounded = (float *)((char *)call->scratch + s->gradient_at);
  ddla_vector_round_bf16(rounded, call->output_grad[0].data,
                         ddla_shape_count(&call->output[0].shape));
  DDLA_TRY(run_backward(s, call, rounded, true));
  return run_backward(s, call, call->output_grad[0].data, false);
}

static bool accepts(const ddla_op_call *call) { return ddla_op_rounds(call); }

/* The kernel that would run the call at fp32. */
static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_op_call inner = *call;
  inner.precision = DDLA_PRECISION_FP32;
  return ddla_rounded_prepare(out, call, ddla_kernel_choose(&inner, NULL));
}

const ddla_kernel ddla_kernel_plain_rounded = {.name = "rounded",
                                               .op = NULL,
                                               .bf16 = true,
                                               .accepts = accepts,
                                               .prepare = prepare,
                                               .forward = ddla_rounded_forward,
                                               .backward = ddla_rounded_backward,
                                               .destroy = ddla_rounded_destroy};
