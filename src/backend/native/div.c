/* y = a / b, element by element; da = dy / b, db = -dy a / b^2. */
#include "backend/native/pairs.h"

static void value(float *restrict to, const float *a, const float *b, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = a[i] / b[i];
}

static void slope_a(float *to, const float *dy, const float *a, const float *b, int64_t count) {
  (void)a;
  for (int64_t i = 0; i < count; i++) to[i] = dy[i] / b[i];
}

static void slope_b(float *to, const float *dy, const float *a, const float *b, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] = -dy[i] * a[i] / (b[i] * b[i]);
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_pairs_forward(call, value);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_pairs_backward(call, 0, slope_a);
  ddla_pairs_backward(call, 1, slope_b);
  return DDLA_OK;
}

DDLA_PAIRS_KERNEL(div)
