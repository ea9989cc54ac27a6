/* Natural logarithms on AVX-512. */
#include "backend/native/exp2.h"
#include "backend/native/stateless.h"

#if DDLA_HAS_AVX512

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return ddla_cpu() >= DDLA_CPU_AVX512;
}

DDLA_AVX512 static void run(float *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    ddla_store_first(y + i, n, ddla_log_512(ddla_load_first(x + i, n)));
  }
}

DDLA_AVX512 static void divide(float *dx, const float *dy, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i += 16) {
    const int n = ddla_vector_left(count, i);
    const __m512 slope = _mm512_div_ps(ddla_load_first(dy + i, n), ddla_load_first(x + i, n));
    ddla_store_first(dx + i, n, slope);
  }
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  run(call->output[0].data, call->input[0].data, ddla_shape_count(&call->input[0].shape));
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  if (call->input_grad[0].data)
    divide(call->input_grad[0].data, call->output_grad[0].data, call->input[0].data,
           ddla_shape_count(&call->input[0].shape));
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_log = {.name = "native_log",
                                            .op = "log",
                                            .accepts = accepts,
#if DDLA_HAS_AVX512
                                            .prepare = ddla_stateless_prepare,
                                            .forward = forward,
                                            .backward = backward,
                                            .destroy = ddla_stateless_destroy
#endif
};
