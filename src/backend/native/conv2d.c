/* 3 by 3 convolutions with stride 1 on machines with AVX-512, by Winograd's method (winograd.h):
 * less than half the multiplications of the plain sum. Channels in multiples of 16. */
#include <stdio.h>

#include "backend/kernel.h"
#include "backend/native/winograd.h"
#include "backend/pack.h"
#include "backend/vector.h"
#include "base/alloc.h"
#include "op/window.h"

#if DDLA_HAS_AVX512

struct ddla_kernel_state {
  ddla_winograd conv, turned;         /* turned: from dy to dx */
  ddla_pack_slot *slot, *turned_slot; /* null: pack at each call */
  bool relu, has_bias;
  size_t packed_bytes, masked_bytes; /* scratch: [packed weights | masked dy | transforms] */
};

/* False where Winograd's method is not worth it for one of them. */
static bool set_forms(ddla_winograd *conv, ddla_winograd *turned, const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_conv(call);
  *conv = (ddla_winograd){.batch = window.batch,
                          .height = window.in[0],
                          .width = window.in[1],
                          .in = window.channels,
                          .out_height = window.out[0],
                          .out_width = window.out[1],
                          .out = call->input[1].shape.dim[0],
                          .padding = {window.padding[0], window.padding[1]},
                          .bf16 = call->precision == DDLA_PRECISION_BF16};
  *turned = (ddla_winograd){.batch = window.batch,
                            .height = window.out[0],
                            .width = window.out[1],
                            .in = conv->out,
                            .out_height = window.in[0],
                            .out_width = window.in[1],
                            .out = conv->in,
                            .padding = {2 - window.padding[0], 2 - window.padding[1]},
                            .bf16 = conv->bf16};
  return ddla_winograd_choose(conv) && ddla_winograd_choose(turned);
}

static bool accepts(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_conv(call);
  const int64_t *w = call->input[1].shape.dim;
  const ddla_cpu_level least = ddla_op_rounds(call) ? DDLA_CPU_AVX512_BF16 : DDLA_CPU_AVX512;
  if (ddla_cpu() < least || w[0] % 16 || w[1] % 16 || w[1] != window.channels) return false;
  for (int axis = 0; axis < 2; axis++)
    if (window.kernel[axis] != 3 || window.stride[axis] != 1 || window.dilation[axis] != 1 ||
        window.padding[axis] > 2)
      return false;
  ddla_winograd conv, turned;
  return set_forms(&conv, &turned, call);
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* Bytes of some floats, in whole cache lines. */
static size_t bytes_of(int64_t count) { return ((size_t)count * sizeof(float) + 63) & ~(size_t)63; }

static size_t packed_bytes(const ddla_winograd *conv) {
  return bytes_of(ddla_winograd_packed_count(conv));
}

static void plan_scratch(ddla_kernel_state *s, ddla_op_call *call) {
  size_t work = bytes_of(ddla_winograd_forward_count(&s->conv));
  if (ddla_op_wants(call, 0))
    work = larger(work, bytes_of(ddla_winograd_forward_count(&s->turned)));
  if (ddla_op_wants(call, 1)) work = larger(work, bytes_of(ddla_winograd_weights_count(&s->conv)));
  if (!s->slot) s->packed_bytes = larger(packed_bytes(&s->conv), packed_bytes(&s->turned));
  if (s->relu && call->training)
    s->masked_bytes = bytes_of(ddla_shape_count(&call->output[0].shape));
  call->saved_bytes = 0;
  call->scratch_bytes = s->packed_bytes + s->masked_bytes + work;
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->backward_reads_output[0] = s->relu && call->training;
}

static ddla_status reserve(ddla_pack_slot **out, const ddla_op_call *call,
                           const ddla_winograd *conv, const char *way) {
  char layout[64];
  snprintf(layout, sizeof layout, "winograd %s, tiles of %d%s", way, conv->tile,
           conv->bf16 ? ", bf16" : "");
  return ddla_pack_reserve(out, call->packs, call->parameter_id[1], layout, packed_bytes(conv));
}

static ddla_status reserve_both(ddla_kernel_state *s, const ddla_op_call *call) {
  if (!call->packs || call->parameter_id[1] < 0) return DDLA_OK;
  DDLA_TRY(reserve(&s->slot, call, &s->conv, "forward"));
  return ddla_op_wants(call, 0) ? reserve(&s->turned_slot, call, &s->turned, "turned") : DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  s->has_bias = call->input_count > 2 && call->present[2];
  set_forms(&s->conv, &s->turned, call);
  DDLA_TRY_CLEAN(status, reserve_both(s, call));
  plan_scratch(s, call);
  *out = s;
cleanup:
  if (status != DDLA_OK) destroy(s);
  return status;
}

static ddla_status fill(void *to, const void *from, void *argument) {
  const ddla_kernel_state *s = argument;
  ddla_winograd_pack(to, from, &s->conv, false);
  return DDLA_OK;
}

static ddla_status fill_turned(void *to, const void *from, void *argument) {
  const ddla_kernel_state *s = argument;
  ddla_winograd_pack(to, from, &s->turned, true);
  return DDLA_OK;
}

static ddla_status packed_weights(const void **out, ddla_pack_slot *slot, const ddla_op_call *call,
                                  ddla_pack_fill pack, ddla_kernel_state *s) {
  const void *weights = call->input[1].data;
  if (slot) return ddla_pack_use(out, slot, call->parameter_version, weights, pack, s);
  DDLA_TRY(pack(call->scratch, weights, s));
  *out = call->scratch;
  return DDLA_OK;
}

static float *work_of(const ddla_kernel_state *s, const ddla_op_call *call) {
  return (float *)((char *)call->scratch + s->packed_bytes + s->masked_bytes);
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const void *packed = NULL;
  DDLA_TRY(packed_weights(&packed, s->slot, call, fill, s));
  const ddla_winograd_run run = {.y = call->output[0].data,
                                 .x = call->input[0].data,
                                 .packed = packed,
                                 .bias = s->has_bias ? call->input[2].data : NULL,
                                 .relu = s->relu,
                                 .scratch = work_of(s, call)};
  ddla_winograd_forward(&s->conv, &run);
  return DDLA_OK;
}

static ddla_status backward_input(ddla_kernel_state *s, const ddla_op_call *call, const float *dy) {
  const void *packed = NULL;
  DDLA_TRY(packed_weights(&packed, s->turned_slot, call, fill_turned, s));
  const ddla_winograd_run run = {
      .y = call->input_grad[0].data, .x = dy, .packed = packed, .scratch = work_of(s, call)};
  ddla_winograd_forward(&s->turned, &run);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  if (s->relu) {
    float *masked = (float *)((char *)call->scratch + s->packed_bytes);
    ddla_vector_mask(masked, dy, call->output[0].data, ddla_shape_count(&call->output[0].shape));
    dy = masked;
  }
  if (call->input_grad[0].data) DDLA_TRY(backward_input(s, call, dy));
  if (call->input_grad[1].data)
    ddla_winograd_weights(&s->conv, call->input_grad[1].data, call->input[0].data, dy,
                          work_of(s, call));
  if (s->has_bias && call->input_grad[2].data)
    ddla_vector_sum_rows(call->input_grad[2].data, dy,
                         ddla_shape_span(&call->output[0].shape, 0, 3), s->conv.out);
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_conv2d = {.name = "native_conv2d",
                                               .op = "conv2d",
                                               .bf16 = true,
                                               .accepts = accepts,
#if DDLA_HAS_AVX512
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy
#endif
};
