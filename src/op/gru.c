/* Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), in PyTorch's form and layout, in which
 * the reset gate stands behind the multiplication: rows of the weights are the gates r, z, n, one
 * above the other. For each step, with h from the step before:
 *
 *   r, z = sigmoid(w_input x + b_input + w_hidden h + b_hidden)
 *   n = tanh(w_input x + b_input + r q),   q = w_hidden h + b_hidden
 *   h = (1 - z) n + z h,   y = h
 *
 * Saved: r, z, n and q [N, S, 4H]. */
#include <math.h>

#include "op/check.h"
#include "op/recurrent.h"

enum { GATES = 3, KEPT = 4 };

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_recurrent_infer(call, GATES));
  const ddla_recurrent r = ddla_recurrent_of(call);
  call->saved_bytes = (size_t)(r.samples * r.steps * KEPT * r.units) * sizeof(float);
  return DDLA_OK;
}

static float *kept_of(const ddla_op_call *call, const ddla_recurrent *r, int64_t n, int64_t k) {
  float *saved = call->saved;
  return saved ? saved + (n * r->steps + k) * KEPT * r->units : NULL;
}

static void step(const ddla_op_call *call, const ddla_recurrent *s, int64_t sample, int64_t k) {
  double *from_x = call->scratch, *from_h = from_x + s->rows;
  const int64_t h = s->units;
  float *y = (float *)call->output[0].data + (sample * s->steps + ddla_recurrent_at(s, k)) * h;
  float *kept = kept_of(call, s, sample, k);
  const float *before = ddla_recurrent_before(call, sample, k);
  ddla_recurrent_sums(from_x, from_h, call, sample, k, before);
  for (int64_t u = 0; u < h; u++) {
    const double r = ddla_recurrent_sigmoid(from_x[u] + from_h[u]);
    const double z = ddla_recurrent_sigmoid(from_x[h + u] + from_h[h + u]);
    const double q = from_h[2 * h + u], n = tanh(from_x[2 * h + u] + r * q);
    y[u] = (float)((1 - z) * n + (before ? z * (double)before[u] : 0));
    const double values[KEPT] = {r, z, n, q};
    for (int i = 0; kept && i < KEPT; i++) kept[i * h + u] = (float)values[i];
  }
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  for (int64_t n = 0; n < r.samples; n++)
    for (int64_t k = 0; k < r.steps; k++) step(call, &r, n, k);
  return DDLA_OK;
}

/* d_state behind step k becomes z times it, the part that goes around the gates. */
static void step_back(const ddla_recurrent_back *back, const ddla_op_call *call,
                      const ddla_recurrent *s, int64_t sample, int64_t k) {
  const float *kept = kept_of(call, s, sample, k);
  const float *before = ddla_recurrent_before(call, sample, k);
  const int64_t h = s->units;
  for (int64_t u = 0; u < h; u++) {
    const double r = (double)kept[u], z = (double)kept[h + u], n = (double)kept[2 * h + u],
                 q = (double)kept[3 * h + u], dh = back->d_state[u];
    const double dn = dh * (1 - z) * (1 - n * n);
    back->d_input[u] = back->d_hidden[u] = dn * q * r * (1 - r);
    back->d_input[h + u] = back->d_hidden[h + u] =
        dh * ((before ? (double)before[u] : 0) - n) * z * (1 - z);
    back->d_input[2 * h + u] = dn;
    back->d_hidden[2 * h + u] = dn * r;
    back->d_state[u] = dh * z;
  }
}

static ddla_status backward(const ddla_op_call *call) {
  return ddla_recurrent_backward(call, step_back);
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_recurrent_sample(index, call, GATES);
}

const ddla_op ddla_op_gru = {
    .name = "gru",
    .math = "y = h = (1 - z) n + z h, step by step; r, z = sigmoid(p + q), n = tanh(p + r q), p = "
            "w_input x + b_input, q = w_hidden h + b_hidden",
    .inputs = "x [N,S,I], w_input [3H,I], w_hidden [3H,H], b_input [3H] optional, b_hidden [3H] "
              "optional, h [N,H] optional",
    .attrs = "reverse=0",
    .input_min = 3,
    .input_max = 6,
    .operands = 7,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = ddla_recurrent_fill,
    .flops = ddla_recurrent_flops,
    .backward_cost = 2};
