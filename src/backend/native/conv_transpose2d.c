/* conv_transpose2d by whichever kernel computes the conv2d that leads from its y back to its x
 * (op/convolution.h): forward is that kernel's gradient of its input, dx its forward, dw its
 * gradient of the weights. */
#include "backend/kernel.h"
#include "backend/vector.h"
#include "base/alloc.h"
#include "op/convolution.h"

struct ddla_kernel_state {
  ddla_op_call turned; /* input 0: y; output 0: x */
  const ddla_kernel *kernel;
  ddla_kernel_state *inner;
};

static bool accepts(const ddla_op_call *call) {
  ddla_op_call turned = {0};
  return ddla_convolution_turned(&turned, call) == DDLA_OK && ddla_kernel_choose(&turned, NULL)->op;
}

static void destroy(ddla_kernel_state *s) {
  if (!s) return;
  if (s->kernel) s->kernel->destroy(s->inner);
  ddla_free(s);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  DDLA_TRY_CLEAN(status, ddla_convolution_turned(&s->turned, call));
  s->turned.parameter_id[1] = call->parameter_id[1];
  s->turned.packs = call->packs;
  s->kernel = ddla_kernel_choose(&s->turned, NULL);
  DDLA_TRY_CLEAN(status, s->kernel->prepare(&s->inner, &s->turned));
  call->saved_bytes = 0;
  call->scratch_bytes = s->turned.scratch_bytes;
  *out = s;
cleanup:
  if (status != DDLA_OK) destroy(s);
  return status;
}

/* What every run of the convolution needs; its tensors and gradients are still to be given. */
static ddla_op_call *start(ddla_kernel_state *s, const ddla_op_call *call) {
  s->turned.input[1].data = call->input[1].data;
  s->turned.input[0].data = s->turned.output[0].data = s->turned.output_grad[0].data = NULL;
  s->turned.input_grad[0].data = s->turned.input_grad[1].data = NULL;
  s->turned.parameter_version = call->parameter_version;
  s->turned.scratch = call->scratch;
  return &s->turned;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  ddla_op_call *turned = start(s, call);
  turned->output_grad[0].data = call->input[0].data;
  turned->input_grad[0].data = call->output[0].data;
  DDLA_TRY(s->kernel->backward(s->inner, turned));
  if (call->input_count < 3 || !call->present[2]) return DDLA_OK;
  float *y = call->output[0].data;
  const ddla_shape *shape = &call->output[0].shape;
  const int64_t channels = shape->dim[3], count = ddla_shape_count(shape);
  for (int64_t i = 0; i < count; i += channels)
    ddla_vector_add(y + i, call->input[2].data, channels);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_shape *y = &call->output[0].shape;
  if (call->input_grad[0].data) {
    ddla_op_call *turned = start(s, call);
    turned->input[0].data = call->output_grad[0].data;
    turned->output[0].data = call->input_grad[0].data;
    DDLA_TRY(s->kernel->forward(s->inner, turned));
  }
  if (call->input_grad[1].data) {
    ddla_op_call *turned = start(s, call);
    turned->input[0].data = call->output_grad[0].data;
    turned->output_grad[0].data = call->input[0].data;
    turned->input_grad[1].data = call->input_grad[1].data;
    DDLA_TRY(s->kernel->backward(s->inner, turned));
  }
  if (call->input_count > 2 && call->input_grad[2].data)
    ddla_vector_sum_rows(call->input_grad[2].data, call->output_grad[0].data,
                         ddla_shape_span(y, 0, 3), y->dim[3]);
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_native_conv_transpose2d = {.name = "native_conv_transpose2d",
                                                         .op = "conv_transpose2d",
                                                         .bf16 = true,
                                                         .accepts = accepts,
                                                         .prepare = prepare,
                                                         .forward = forward,
                                                         .backward = backward,
                                                         .destroy = destroy};
