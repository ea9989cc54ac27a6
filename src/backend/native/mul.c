/* y = a b, element by element; da = dy b, db = dy a. */
#include "backend/native/pairs.h"
#include "backend/vector.h"

static void slope_a(float *to, const float *dy, const float *a, const float *b, int64_t count) {
  (void)a;
  ddla_vector_product(to, dy, b, count);
}

static void slope_b(float *to, const float *dy, const float *a, const float *b, int64_t count) {
  (void)b;
  ddla_vector_product(to, dy, a, count);
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_pairs_forward(call, ddla_vector_product);
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  ddla_pairs_backward(call, 0, slope_a);
  ddla_pairs_backward(call, 1, slope_b);
  return DDLA_OK;
}

DDLA_PAIRS_KERNEL(mul)
