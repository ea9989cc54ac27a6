/* conv1d by whichever kernel computes the conv2d that it is (op/convolution.h). */
#include "backend/kernel.h"
#include "base/alloc.h"
#include "op/convolution.h"

struct ddla_kernel_state {
  ddla_op_call flat;
  const ddla_kernel *kernel;
  ddla_kernel_state *inner;
};

/* Where conv2d has nothing better than its plain loops, neither has conv1d. */
static bool accepts(const ddla_op_call *call) {
  ddla_op_call flat = {0};
  return ddla_convolution_flat(&flat, call) == DDLA_OK && ddla_kernel_choose(&flat, NULL)->op;
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
  DDLA_TRY_CLEAN(status, ddla_convolution_flat(&s->flat, call));
  ddla_convolution_point(&s->flat, call);
  s->kernel = ddla_kernel_choose(&s->flat, NULL);
  DDLA_TRY_CLEAN(status, s->kernel->prepare(&s->inner, &s->flat));
  call->saved_bytes = s->flat.saved_bytes;
  call->scratch_bytes = s->flat.scratch_bytes;
  for (int i = 0; i < 3; i++) call->backward_reads_input[i] = s->flat.backward_reads_input[i];
  call->backward_reads_output[0] = s->flat.backward_reads_output[0];
  *out = s;
cleanup:
  if (status != DDLA_OK) destroy(s);
  return status;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  ddla_convolution_point(&s->flat, call);
  return s->kernel->forward(s->inner, &s->flat);
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  ddla_convolution_point(&s->flat, call);
  return s->kernel->backward(s->inner, &s->flat);
}

const ddla_kernel ddla_kernel_native_conv1d = {.name = "native_conv1d",
                                               .op = "conv1d",
                                               .bf16 = true,
                                               .accepts = accepts,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy};
