/* Difference, element by element. */
#include "op/broadcast.h"
#include "op/check.h"
#include "op/sample.h"

static float value(float a, float b) { return a - b; }

static float slope_a(float dy, float a, float b) {
  (void)a;
  (void)b;
  return dy;
}

static float slope_b(float dy, float a, float b) {
  (void)a;
  (void)b;
  return -dy;
}

static ddla_status forward(const ddla_op_call *call) { return ddla_broadcast_forward(call, value); }

static ddla_status backward(const ddla_op_call *call) {
  ddla_broadcast_backward(call, 0, slope_a);
  ddla_broadcast_backward(call, 1, slope_b);
  return DDLA_OK;
}

const ddla_op ddla_op_sub = {.name = "sub",
                             .math = "y = a - b",
                             .inputs = "a [...], b [...]",
                             .input_min = 2,
                             .input_max = 2,
                             .infer = ddla_broadcast_infer,
                             .forward = forward,
                             .backward = backward,
                             .sample = ddla_broadcast_sample};
