/* Quotient, element by element; what division by 0 gives in IEEE 754. */
#include "op/broadcast.h"
#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_broadcast_infer(call));
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0) || ddla_op_wants(call, 1);
  return DDLA_OK;
}

static float value(float a, float b) { return a / b; }

static float slope_a(float dy, float a, float b) {
  (void)a;
  return dy / b;
}

static float slope_b(float dy, float a, float b) { return -dy * a / (b * b); }

static ddla_status forward(const ddla_op_call *call) { return ddla_broadcast_forward(call, value); }

static ddla_status backward(const ddla_op_call *call) {
  ddla_broadcast_backward(call, 0, slope_a);
  ddla_broadcast_backward(call, 1, slope_b);
  return DDLA_OK;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  if (input == 0) ddla_op_fill_normal(&call->input[0], rng, 1);
  else ddla_op_fill_positive(&call->input[1], rng);
}

const ddla_op ddla_op_div = {.name = "div",
                             .math = "y = a / b, element by element",
                             .inputs = "a [...], b [...]",
                             .input_min = 2,
                             .input_max = 2,
                             .infer = infer,
                             .forward = forward,
                             .backward = backward,
                             .sample = ddla_broadcast_sample,
                             .fill = fill};
