#include "op/recurrent.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/sample.h"

ddla_recurrent ddla_recurrent_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[DDLA_RECURRENT_X].shape;
  const ddla_shape *w = &call->input[DDLA_RECURRENT_W_HIDDEN].shape;
  return (ddla_recurrent){.samples = x->dim[0],
                          .steps = x->dim[1],
                          .inputs = x->dim[2],
                          .units = w->dim[1],
                          .rows = w->dim[0],
                          .reverse = ddla_attrs_int(&call->attrs, "reverse", 0, 0) == 1};
}

static ddla_status check_weights(const ddla_op_call *call, int gates) {
  const ddla_shape *x = &call->input[DDLA_RECURRENT_X].shape;
  const ddla_shape *w = &call->input[DDLA_RECURRENT_W_INPUT].shape;
  const ddla_shape *h = &call->input[DDLA_RECURRENT_W_HIDDEN].shape;
  char text[2][96];
  if (w->dim[1] != x->dim[2])
    return DDLA_FAIL(INVALID, "input has %s but weight %s wants %" PRId64 " features",
                     ddla_shape_text(text[0], sizeof text[0], x),
                     ddla_shape_text(text[1], sizeof text[1], w), w->dim[1]);
  if (h->dim[0] % gates != 0 || h->dim[0] / gates != h->dim[1] || w->dim[0] != h->dim[0])
    return DDLA_FAIL(INVALID,
                     "weights are %s for the input and %s for the state; %d gates want [%dH, I] "
                     "and [%dH, H]",
                     ddla_shape_text(text[0], sizeof text[0], w),
                     ddla_shape_text(text[1], sizeof text[1], h), gates, gates, gates);
  return DDLA_OK;
}

static ddla_status check_state(const ddla_op_call *call, int input, const ddla_recurrent *r) {
  if (!ddla_op_has(call, input)) return DDLA_OK;
  DDLA_TRY(ddla_op_check_input(call, input, DDLA_F32, 2, 2));
  const ddla_shape *state = &call->input[input].shape;
  if (state->dim[0] == r->samples && state->dim[1] == r->units) return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "state is %s, but %" PRId64 " samples of %" PRId64 " units are wanted",
                   ddla_shape_text(text, sizeof text, state), r->samples, r->units);
}

/* Doubles of the plain loops' scratch. */
static size_t scratch_of(const ddla_recurrent *r, bool training) {
  size_t sums = 2 * (size_t)r->rows;
  size_t back = (size_t)r->rows * (size_t)(r->inputs + r->units + 4) + 2 * (size_t)r->units;
  return training && back > sums ? back : sums + 2 * (size_t)r->units;
}

static void set_reads(ddla_op_call *call, int gates) {
  const bool hidden_weight = ddla_op_wants(call, DDLA_RECURRENT_W_HIDDEN);
  call->backward_reads_input[DDLA_RECURRENT_X] = ddla_op_wants(call, DDLA_RECURRENT_W_INPUT);
  call->backward_reads_input[DDLA_RECURRENT_W_INPUT] = ddla_op_wants(call, DDLA_RECURRENT_X);
  call->backward_reads_input[DDLA_RECURRENT_W_HIDDEN] = true;
  /* gru multiplies by the state itself */
  call->backward_reads_input[DDLA_RECURRENT_HIDDEN] = hidden_weight || gates == 3;
  call->backward_reads_output[0] = hidden_weight || gates == 3;
}

ddla_status ddla_recurrent_infer(ddla_op_call *call, int gates) {
  DDLA_TRY(ddla_op_check_input(call, DDLA_RECURRENT_X, DDLA_F32, 3, 3));
  DDLA_TRY(ddla_op_check_input(call, DDLA_RECURRENT_W_INPUT, DDLA_F32, 2, 2));
  DDLA_TRY(ddla_op_check_input(call, DDLA_RECURRENT_W_HIDDEN, DDLA_F32, 2, 2));
  DDLA_TRY(check_weights(call, gates));
  const ddla_recurrent r = ddla_recurrent_of(call);
  for (int i = DDLA_RECURRENT_B_INPUT; i <= DDLA_RECURRENT_B_HIDDEN; i++)
    if (ddla_op_has(call, i)) DDLA_TRY(ddla_op_check_vector(call, i, r.rows, "bias"));
  DDLA_TRY(check_state(call, DDLA_RECURRENT_HIDDEN, &r));
  if (gates == 4) DDLA_TRY(check_state(call, DDLA_RECURRENT_CELL, &r));
  const int64_t reverse = ddla_attrs_int(&call->attrs, "reverse", 0, 0);
  if (reverse != 0 && reverse != 1)
    return DDLA_FAIL(INVALID, "reverse is %" PRId64 "; it must be 0 or 1", reverse);
  ddla_op_set_output(call, 0, DDLA_F32, &DDLA_SHAPE(r.samples, r.steps, r.units));
  set_reads(call, gates);
  call->scratch_bytes = scratch_of(&r, call->training) * sizeof(double);
  return DDLA_OK;
}

static void weigh(double *to, const float *w, const float *b, const float *from, int64_t rows,
                  int64_t columns) {
  for (int64_t j = 0; j < rows; j++) {
    double sum = b ? (double)b[j] : 0;
    for (int64_t i = 0; from && i < columns; i++)
      sum += (double)w[j * columns + i] * (double)from[i];
    to[j] = sum;
  }
}

static const float *data_of(const ddla_op_call *call, int input) {
  return ddla_op_has(call, input) ? call->input[input].data : NULL;
}

static const float *step_input(const ddla_op_call *call, const ddla_recurrent *r, int64_t n,
                               int64_t k) {
  const float *x = call->input[DDLA_RECURRENT_X].data;
  return x + (n * r->steps + ddla_recurrent_at(r, k)) * r->inputs;
}

void ddla_recurrent_sums(double *from_input, double *from_hidden, const ddla_op_call *call,
                         int64_t n, int64_t k, const float *h) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  weigh(from_input, call->input[DDLA_RECURRENT_W_INPUT].data, data_of(call, DDLA_RECURRENT_B_INPUT),
        step_input(call, &r, n, k), r.rows, r.inputs);
  weigh(from_hidden, call->input[DDLA_RECURRENT_W_HIDDEN].data,
        data_of(call, DDLA_RECURRENT_B_HIDDEN), h, r.rows, r.units);
}

const float *ddla_recurrent_before(const ddla_op_call *call, int64_t n, int64_t k) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  const float *given = data_of(call, DDLA_RECURRENT_HIDDEN), *y = call->output[0].data;
  if (k == 0) return given ? given + n * r.units : NULL;
  return y + (n * r.steps + ddla_recurrent_at(&r, k - 1)) * r.units;
}

static ddla_recurrent_back start_back(const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  ddla_recurrent_back back = {.w_input = call->scratch};
  back.w_hidden = back.w_input + r.rows * r.inputs;
  back.b_input = back.w_hidden + r.rows * r.units;
  back.b_hidden = back.b_input + r.rows;
  back.d_input = back.b_hidden + r.rows;
  back.d_hidden = back.d_input + r.rows;
  back.d_state = back.d_hidden + r.rows;
  back.d_cell = back.d_state + r.units;
  memset(back.w_input, 0, (size_t)(back.d_input - back.w_input) * sizeof *back.w_input);
  return back;
}

/* Before the first step of a sample's backward pass. */
static void clear_state(const ddla_recurrent_back *back, const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  memset(back->d_state, 0, 2 * (size_t)r.units * sizeof *back->d_state);
}

/* sums [rows, columns] += d fromᵀ */
static void add_outer(double *sums, const double *d, const float *from, int64_t rows,
                      int64_t columns) {
  for (int64_t j = 0; from && j < rows; j++)
    for (int64_t i = 0; i < columns; i++) sums[j * columns + i] += d[j] * (double)from[i];
}

/* Takes d_input and d_hidden of sample n in step k to the gradients of x, weights and biases, and
 * adds w_hiddenᵀ d_hidden to d_state. */
static void spread(const ddla_recurrent_back *back, const ddla_op_call *call, int64_t n,
                   int64_t k) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  const float *w_input = call->input[DDLA_RECURRENT_W_INPUT].data;
  const float *w_hidden = call->input[DDLA_RECURRENT_W_HIDDEN].data;
  float *dx = call->input_grad[DDLA_RECURRENT_X].data;
  if (call->input_grad[DDLA_RECURRENT_W_INPUT].data)
    add_outer(back->w_input, back->d_input, step_input(call, &r, n, k), r.rows, r.inputs);
  if (call->input_grad[DDLA_RECURRENT_W_HIDDEN].data)
    add_outer(back->w_hidden, back->d_hidden, ddla_recurrent_before(call, n, k), r.rows, r.units);
  for (int64_t j = 0; j < r.rows; j++) {
    back->b_input[j] += back->d_input[j];
    back->b_hidden[j] += back->d_hidden[j];
    for (int64_t i = 0; i < r.units; i++)
      back->d_state[i] += back->d_hidden[j] * (double)w_hidden[j * r.units + i];
  }
  if (!dx) return;
  dx += (n * r.steps + ddla_recurrent_at(&r, k)) * r.inputs;
  for (int64_t i = 0; i < r.inputs; i++) {
    double sum = 0;
    for (int64_t j = 0; j < r.rows; j++)
      sum += back->d_input[j] * (double)w_input[j * r.inputs + i];
    dx[i] += (float)sum;
  }
}

/* to[i] += from[i] where the gradient of this input is wanted. */
static void add_to(const ddla_op_call *call, int input, int64_t at, const double *from,
                   int64_t count) {
  if (!ddla_op_has(call, input) || !call->input_grad[input].data) return;
  float *to = (float *)call->input_grad[input].data + at;
  for (int64_t i = 0; i < count; i++) to[i] += (float)from[i];
}

/* After the last step of sample n: d_state and d_cell are the gradients of the initial state. */
static void end_sample(const ddla_recurrent_back *back, const ddla_op_call *call, int64_t n) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  add_to(call, DDLA_RECURRENT_HIDDEN, n * r.units, back->d_state, r.units);
  add_to(call, DDLA_RECURRENT_CELL, n * r.units, back->d_cell, r.units);
}

/* Adds the sums to the gradients of weights and biases. */
static void end_back(const ddla_recurrent_back *back, const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  add_to(call, DDLA_RECURRENT_W_INPUT, 0, back->w_input, r.rows * r.inputs);
  add_to(call, DDLA_RECURRENT_W_HIDDEN, 0, back->w_hidden, r.rows * r.units);
  add_to(call, DDLA_RECURRENT_B_INPUT, 0, back->b_input, r.rows);
  add_to(call, DDLA_RECURRENT_B_HIDDEN, 0, back->b_hidden, r.rows);
}

ddla_status ddla_recurrent_backward(const ddla_op_call *call, ddla_recurrent_step_back *step_back) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  const ddla_recurrent_back back = start_back(call);
  const float *dy = call->output_grad[0].data;
  for (int64_t n = 0; n < r.samples; n++) {
    clear_state(&back, call);
    for (int64_t k = r.steps - 1; k >= 0; k--) {
      const float *arriving = dy + (n * r.steps + ddla_recurrent_at(&r, k)) * r.units;
      for (int64_t u = 0; u < r.units; u++) back.d_state[u] += (double)arriving[u];
      step_back(&back, call, &r, n, k);
      spread(&back, call, n, k);
    }
    end_sample(&back, call, n);
  }
  end_back(&back, call);
  return DDLA_OK;
}

bool ddla_recurrent_sample(int index, ddla_op_call *call, int gates) {
  static const struct row {
    int64_t samples, steps, inputs, units;
    int biases, states, reverse; /* of biases and states, the first so many are there */
  } rows[] = {{1, 1, 1, 1, 2, 0, 0}, {2, 3, 4, 3, 0, 0, 0},  {3, 4, 2, 5, 2, 2, 0},
              {2, 3, 5, 2, 1, 1, 1}, {5, 2, 3, 17, 2, 0, 1}, {16, 28, 28, 128, 2, 0, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *s = &rows[index];
  const int states = s->states < (gates == 4 ? 2 : 1) ? s->states : (gates == 4 ? 2 : 1);
  ddla_op_sample_start(call, DDLA_RECURRENT_HIDDEN + states);
  ddla_tensor *in = call->input;
  in[DDLA_RECURRENT_X].shape = DDLA_SHAPE(s->samples, s->steps, s->inputs);
  in[DDLA_RECURRENT_W_INPUT].shape = DDLA_SHAPE(gates * s->units, s->inputs);
  in[DDLA_RECURRENT_W_HIDDEN].shape = DDLA_SHAPE(gates * s->units, s->units);
  for (int i = 0; i < 2; i++) {
    call->present[DDLA_RECURRENT_B_INPUT + i] = i < s->biases;
    if (i < s->biases) in[DDLA_RECURRENT_B_INPUT + i].shape = DDLA_SHAPE(gates * s->units);
    if (i < states) in[DDLA_RECURRENT_HIDDEN + i].shape = DDLA_SHAPE(s->samples, s->units);
  }
  if (s->reverse) ddla_attrs_set_int(&call->attrs, "reverse", 1);
  return true;
}

/* Weights as small as PyTorch begins with, so that gates are not full or shut. */
void ddla_recurrent_fill(ddla_op_call *call, int input, ddla_rng *rng) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  const bool weight = input >= DDLA_RECURRENT_W_INPUT && input <= DDLA_RECURRENT_B_HIDDEN;
  ddla_op_fill_normal(&call->input[input], rng, weight ? 1 / sqrtf((float)r.units + 1) : 0.7F);
}

double ddla_recurrent_flops(const ddla_op_call *call) {
  const ddla_recurrent r = ddla_recurrent_of(call);
  return 2.0 * (double)r.samples * (double)r.steps * (double)r.rows * (double)(r.inputs + r.units);
}

double ddla_recurrent_sigmoid(double x) { return 1 / (1 + exp(-x)); }
