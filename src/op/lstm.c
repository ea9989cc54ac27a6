/* Long short-term memory (Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735, with the
 * forget gate of Gers et al. 2000), in PyTorch's form and layout: rows of the weights are the gates
 * i, f, g, o, one above the other. For each step, with h and c from the step before:
 *
 *   i, f, o = sigmoid(w_input x + b_input + w_hidden h + b_hidden),   g = tanh(the same)
 *   c = f c + i g,   h = o tanh(c),   y = h
 *
 * Saved: the gates after their functions [N, S, 4H], and the cells [N, S + 1, H] from the initial
 * one on. */
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/recurrent.h"

enum { GATES = 4 };

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_recurrent_infer(call, GATES));
  const ddla_recurrent r = ddla_recurrent_of(call);
  call->saved_bytes =
      (size_t)(r.samples * (r.steps * r.rows + (r.steps + 1) * r.units)) * sizeof(float);
  return DDLA_OK;
}

/* Where a sample's gates and cells are kept. */
typedef struct kept {
  float *gates, *cells; /* [S, 4H], [S + 1, H] */
} kept;

static kept kept_of(const ddla_op_call *call, const ddla_recurrent *r, int64_t n) {
  float *saved = call->saved;
  if (!saved) return (kept){NULL, NULL};
  return (kept){saved + n * r->steps * r->rows,
                saved + r->samples * r->steps * r->rows + n * (r->steps + 1) * r->units};
}

static double gate_of(int64_t gate, double sum) {
  return gate == 2 ? tanh(sum) : ddla_recurrent_sigmoid(sum);
}

/* cell [H] becomes the cell behind step k. sums: scratch [2 rows]. */
static void step(const ddla_op_call *call, const ddla_recurrent *r, int64_t n, int64_t k,
                 double *cell) {
  double *gate = call->scratch, *other = gate + r->rows;
  float *y = (float *)call->output[0].data + (n * r->steps + ddla_recurrent_at(r, k)) * r->units;
  const kept saved = kept_of(call, r, n);
  ddla_recurrent_sums(gate, other, call, n, k, ddla_recurrent_before(call, n, k));
  for (int64_t j = 0; j < r->rows; j++) {
    gate[j] = gate_of(j / r->units, gate[j] + other[j]);
    if (saved.gates) saved.gates[k * r->rows + j] = (float)gate[j];
  }
  for (int64_t u = 0; u < r->units; u++) {
    cell[u] = gate[r->units + u] * cell[u] + gate[u] * gate[2 * r->units + u];
    y[u] = (float)(gate[3 * r->units + u] * tanh(cell[u]));
    if (saved.cells) saved.cells[(k + 1) * r->units + u] = (float)cell[u];
  }
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  double *cell = (double *)call->scratch + 2 * r.rows;
  const float *given =
      ddla_op_has(call, DDLA_RECURRENT_CELL) ? call->input[DDLA_RECURRENT_CELL].data : NULL;
  for (int64_t n = 0; n < r.samples; n++) {
    const kept saved = kept_of(call, &r, n);
    for (int64_t u = 0; u < r.units; u++) {
      cell[u] = given ? (double)given[n * r.units + u] : 0;
      if (saved.cells) saved.cells[u] = (float)cell[u];
    }
    for (int64_t k = 0; k < r.steps; k++) step(call, &r, n, k, cell);
  }
  return DDLA_OK;
}

/* d_state and d_cell behind step k become those before it; d_input and d_hidden are set. */
static void step_back(const ddla_recurrent_back *back, const ddla_op_call *call,
                      const ddla_recurrent *r, int64_t n, int64_t k) {
  const kept saved = kept_of(call, r, n);
  const float *gate = saved.gates + k * r->rows, *cell = saved.cells + k * r->units;
  const int64_t h = r->units;
  for (int64_t u = 0; u < h; u++) {
    const double i = (double)gate[u], f = (double)gate[h + u], g = (double)gate[2 * h + u],
                 o = (double)gate[3 * h + u], squashed = tanh((double)cell[h + u]);
    const double dh = back->d_state[u];
    const double dc = back->d_cell[u] + dh * o * (1 - squashed * squashed);
    back->d_input[u] = dc * g * i * (1 - i);
    back->d_input[h + u] = dc * (double)cell[u] * f * (1 - f);
    back->d_input[2 * h + u] = dc * i * (1 - g * g);
    back->d_input[3 * h + u] = dh * squashed * o * (1 - o);
    back->d_cell[u] = dc * f;
    back->d_state[u] = 0;
  }
  memcpy(back->d_hidden, back->d_input, (size_t)r->rows * sizeof *back->d_hidden);
}

static ddla_status backward(const ddla_op_call *call) {
  return ddla_recurrent_backward(call, step_back);
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  return ddla_recurrent_sample(index, call, GATES);
}

const ddla_op ddla_op_lstm = {
    .name = "lstm",
    .math =
        "c = f c + i g, y = h = o tanh(c), step by step; i, f, o = sigmoid(a), g = tanh(a), a = "
        "w_input x + b_input + w_hidden h + b_hidden",
    .inputs = "x [N,S,I], w_input [4H,I], w_hidden [4H,H], b_input [4H] optional, b_hidden [4H] "
              "optional, h [N,H] optional, c [N,H] optional",
    .attrs = "reverse=0",
    .input_min = 3,
    .input_max = 7,
    .operands = 7,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = ddla_recurrent_fill,
    .flops = ddla_recurrent_flops,
    .backward_cost = 2};
