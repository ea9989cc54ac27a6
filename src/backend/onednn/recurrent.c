#include "backend/onednn/recurrent.h"

#include <string.h>

#include "backend/gates.h"
#include "backend/onednn/gemm.h"
#include "backend/vector.h"
#include "base/alloc.h"
#include "op/recurrent.h"

enum { KEPT = 4 }; /* numbers that a unit keeps for backward in each step */

/* Floats of what lies one behind the other in a block of memory. */
typedef struct part {
  int64_t at, count;
} part;

/* Arrays are step by step, all samples of a step together: the matrix products of a step are then
 * whole matrices. K: steps in the order in which they are computed. */
struct ddla_kernel_state {
  ddla_recurrent size;
  bool lstm;
  ddla_onednn_step input, hidden, back_hidden, back_x, back_w_input, back_w_hidden;
  ddla_onednn_weight w_input, w_hidden, w_hidden_back;
  /* From forward to backward: in saved, without training in scratch. */
  part states; /* [K + 1, N, H] h before and behind each step */
  part cells;  /* [K + 1, N, H] lstm */
  part kept;   /* [K, N, 4H] */
  /* Scratch. */
  part memory;                  /* the three above, without training */
  part x;                       /* [K, N, I] */
  part sums;                    /* [K, N, GH] from the input; backward: its gradient */
  part from_hidden;             /* [N, GH]; backward: [K, N, GH] gradients of it (gru) */
  part bias_input, bias_hidden; /* [GH] */
  part later, carried;          /* [N, H] backward */
  part packed[3], pad;          /* in floats too */
};

bool ddla_onednn_recurrent_accepts(const ddla_op_call *call) {
  return call->input[0].dtype == DDLA_F32;
}

static int64_t floats(size_t bytes) { return (int64_t)(ddla_onednn_round(bytes) / sizeof(float)); }

static void place(part *out, int64_t *used, int64_t count) {
  *out = (part){*used, count};
  *used += (count + 15) / 16 * 16;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t pad_bytes(const ddla_kernel_state *s) {
  const ddla_onednn_step *steps[] = {
      &s->input,           &s->hidden,           &s->back_hidden,
      &s->back_x,          &s->back_w_input,     &s->back_w_hidden,
      &s->w_input.reorder, &s->w_hidden.reorder, &s->w_hidden_back.reorder};
  size_t bytes = 0;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    bytes = larger(bytes, steps[i]->scratchpad_bytes);
  return bytes;
}

static void plan_memory(ddla_kernel_state *s, ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  const int64_t states = (r->steps + 1) * r->samples * r->units;
  int64_t saved = 0, scratch = 0;
  place(&s->states, &saved, states);
  place(&s->cells, &saved, s->lstm ? states : 0);
  place(&s->kept, &saved, r->steps * r->samples * KEPT * r->units);
  place(&s->memory, &scratch, call->training ? 0 : saved);
  place(&s->x, &scratch, r->steps * r->samples * r->inputs);
  place(&s->sums, &scratch, r->steps * r->samples * r->rows);
  place(&s->from_hidden, &scratch,
        (call->training && !s->lstm ? r->steps : 1) * r->samples * r->rows);
  place(&s->bias_input, &scratch, r->rows);
  place(&s->bias_hidden, &scratch, r->rows);
  place(&s->later, &scratch, r->samples * r->units);
  place(&s->carried, &scratch, r->samples * r->units);
  place(&s->packed[0], &scratch, floats(ddla_onednn_weight_bytes(&s->w_input)));
  place(&s->packed[1], &scratch, floats(ddla_onednn_weight_bytes(&s->w_hidden)));
  place(&s->packed[2], &scratch, floats(ddla_onednn_weight_bytes(&s->w_hidden_back)));
  place(&s->pad, &scratch, floats(pad_bytes(s)));
  call->saved_bytes = call->training ? (size_t)saved * sizeof(float) : 0;
  call->scratch_bytes = (size_t)scratch * sizeof(float);
}

static void set_reads(ddla_op_call *call) {
  for (int i = 0; i < call->input_count; i++) call->backward_reads_input[i] = false;
  call->backward_reads_input[DDLA_RECURRENT_X] = ddla_op_wants(call, DDLA_RECURRENT_W_INPUT);
  call->backward_reads_input[DDLA_RECURRENT_W_INPUT] = ddla_op_wants(call, DDLA_RECURRENT_X);
  call->backward_reads_input[DDLA_RECURRENT_W_HIDDEN] = true;
  call->backward_reads_output[0] = false; /* states are kept in another order */
}

static ddla_status open_steps(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  const int64_t all = r->steps * r->samples;
  const ddla_onednn_matrix x = {.rows = all, .columns = r->inputs};
  const ddla_onednn_matrix h = {.rows = r->samples, .columns = r->units};
  const ddla_onednn_matrix w_input = {.rows = r->inputs, .columns = r->rows, .transposed = true};
  const ddla_onednn_matrix w_hidden = {.rows = r->units, .columns = r->rows, .transposed = true};
  const ddla_onednn_matrix plain_input = {.rows = r->rows, .columns = r->inputs};
  const ddla_onednn_matrix plain_hidden = {.rows = r->rows, .columns = r->units};
  const ddla_onednn_matrix d = {.rows = all, .columns = r->rows};
  const ddla_onednn_matrix d_step = {.rows = r->samples, .columns = r->rows};
  const ddla_onednn_matrix d_t = {.rows = r->rows, .columns = all, .transposed = true};
  const ddla_onednn_matrix states = {.rows = all, .columns = r->units};
  DDLA_TRY(ddla_onednn_gemm_open_packed(&s->input, &s->w_input, call, DDLA_RECURRENT_W_INPUT, &x,
                                        &w_input));
  DDLA_TRY(ddla_onednn_gemm_open_packed(&s->hidden, &s->w_hidden, call, DDLA_RECURRENT_W_HIDDEN, &h,
                                        &w_hidden));
  if (!call->training) return DDLA_OK;
  DDLA_TRY(ddla_onednn_gemm_open_packed(&s->back_hidden, &s->w_hidden_back, call,
                                        DDLA_RECURRENT_W_HIDDEN, &d_step, &plain_hidden));
  if (ddla_op_wants(call, DDLA_RECURRENT_X))
    DDLA_TRY(ddla_onednn_gemm_open(&s->back_x, &d, &plain_input));
  if (ddla_op_wants(call, DDLA_RECURRENT_W_INPUT))
    DDLA_TRY(ddla_onednn_gemm_open(&s->back_w_input, &d_t, &x));
  if (ddla_op_wants(call, DDLA_RECURRENT_W_HIDDEN))
    DDLA_TRY(ddla_onednn_gemm_open(&s->back_w_hidden, &d_t, &states));
  return DDLA_OK;
}

void ddla_onednn_recurrent_destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_weight_close(&s->w_input);
  ddla_onednn_weight_close(&s->w_hidden);
  ddla_onednn_weight_close(&s->w_hidden_back);
  ddla_onednn_step_close(&s->input);
  ddla_onednn_step_close(&s->hidden);
  ddla_onednn_step_close(&s->back_hidden);
  ddla_onednn_step_close(&s->back_x);
  ddla_onednn_step_close(&s->back_w_input);
  ddla_onednn_step_close(&s->back_w_hidden);
  ddla_free(s);
}

ddla_status ddla_onednn_recurrent_prepare(ddla_kernel_state **out, ddla_op_call *call, int gates) {
  ddla_kernel_state *s = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->size = ddla_recurrent_of(call);
  s->lstm = gates == 4;
  DDLA_TRY_CLEAN(status, open_steps(s, call));
  plan_memory(s, call);
  set_reads(call);
  *out = s;
cleanup:
  if (status != DDLA_OK) ddla_onednn_recurrent_destroy(s);
  return status;
}

static float *scratch_at(const ddla_op_call *call, const part *p) {
  return (float *)call->scratch + p->at;
}

static float *memory_at(const ddla_kernel_state *s, const ddla_op_call *call, const part *p) {
  return (call->saved ? (float *)call->saved : scratch_at(call, &s->memory)) + p->at;
}

/* Between [N, S, width] and [K, N, width]. */
static void to_steps(float *to, const float *from, const ddla_recurrent *r, int64_t width) {
  for (int64_t k = 0; k < r->steps; k++)
    for (int64_t n = 0; n < r->samples; n++, to += width)
      memcpy(to, from + (n * r->steps + ddla_recurrent_at(r, k)) * width,
             (size_t)width * sizeof *to);
}

static void from_steps(float *to, const float *from, const ddla_recurrent *r, int64_t width) {
  for (int64_t k = 0; k < r->steps; k++)
    for (int64_t n = 0; n < r->samples; n++, from += width)
      memcpy(to + (n * r->steps + ddla_recurrent_at(r, k)) * width, from,
             (size_t)width * sizeof *to);
}

static bool has(const ddla_op_call *call, int input) {
  return input < call->input_count && call->present[input];
}

static void copy_or_clear(float *to, const ddla_op_call *call, int input, int64_t count) {
  if (has(call, input)) memcpy(to, call->input[input].data, (size_t)count * sizeof *to);
  else memset(to, 0, (size_t)count * sizeof *to);
}

static void start_forward(const ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  float *bias = scratch_at(call, &s->bias_input), *other = scratch_at(call, &s->bias_hidden);
  const int64_t state = r->samples * r->units;
  copy_or_clear(bias, call, DDLA_RECURRENT_B_INPUT, r->rows);
  copy_or_clear(other, call, DDLA_RECURRENT_B_HIDDEN, r->rows);
  if (s->lstm) ddla_vector_add(bias, other, r->rows);
  copy_or_clear(memory_at(s, call, &s->states), call, DDLA_RECURRENT_HIDDEN, state);
  if (s->lstm) copy_or_clear(memory_at(s, call, &s->cells), call, DDLA_RECURRENT_CELL, state);
  to_steps(scratch_at(call, &s->x), call->input[DDLA_RECURRENT_X].data, r, r->inputs);
}

static void run_gates(const ddla_kernel_state *s, const ddla_op_call *call, int64_t k) {
  const ddla_recurrent *r = &s->size;
  const int64_t state = r->samples * r->units;
  float *states = memory_at(s, call, &s->states), *cells = memory_at(s, call, &s->cells);
  const ddla_gates gates = {.samples = r->samples,
                            .units = r->units,
                            .stride = r->steps * r->units,
                            .from_input = scratch_at(call, &s->sums) + k * r->samples * r->rows,
                            .from_hidden = scratch_at(call, &s->from_hidden),
                            .bias_input = scratch_at(call, &s->bias_input),
                            .bias_hidden = scratch_at(call, &s->bias_hidden),
                            .before = (s->lstm ? cells : states) + k * state,
                            .kept = memory_at(s, call, &s->kept) + k * KEPT * state,
                            .cell = cells + (k + 1) * state,
                            .hidden = states + (k + 1) * state,
                            .y =
                                (float *)call->output[0].data + ddla_recurrent_at(r, k) * r->units};
  if (s->lstm) ddla_gates_lstm(&gates);
  else ddla_gates_gru(&gates);
}

ddla_status ddla_onednn_recurrent_forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  const void *w_input = NULL, *w_hidden = NULL;
  float *pad = scratch_at(call, &s->pad), *states = memory_at(s, call, &s->states);
  start_forward(s, call);
  DDLA_TRY(
      ddla_onednn_weight_use(&w_input, &s->w_input, call, scratch_at(call, &s->packed[0]), pad));
  DDLA_TRY(
      ddla_onednn_weight_use(&w_hidden, &s->w_hidden, call, scratch_at(call, &s->packed[1]), pad));
  DDLA_TRY(ddla_onednn_gemm_run(&s->input, scratch_at(call, &s->sums), scratch_at(call, &s->x),
                                w_input, pad));
  for (int64_t k = 0; k < r->steps; k++) {
    DDLA_TRY(ddla_onednn_gemm_run(&s->hidden, scratch_at(call, &s->from_hidden),
                                  states + k * r->samples * r->units, w_hidden, pad));
    run_gates(s, call, k);
  }
  return DDLA_OK;
}

/* Gradients of the sums in step k: into sums, and (gru) those of the hidden part beside it. */
static void run_gates_back(const ddla_kernel_state *s, const ddla_op_call *call, int64_t k) {
  const ddla_recurrent *r = &s->size;
  const int64_t state = r->samples * r->units, row = r->samples * r->rows;
  const float *states = memory_at(s, call, &s->states), *cells = memory_at(s, call, &s->cells);
  const ddla_gates_back gates = {
      .samples = r->samples,
      .units = r->units,
      .stride = r->steps * r->units,
      .dy = (const float *)call->output_grad[0].data + ddla_recurrent_at(r, k) * r->units,
      .from_later = scratch_at(call, &s->later),
      .kept = memory_at(s, call, &s->kept) + k * KEPT * state,
      .before = (s->lstm ? cells : states) + k * state,
      .cell = cells + (k + 1) * state,
      .carried = scratch_at(call, &s->carried),
      .d_input = scratch_at(call, &s->sums) + k * row,
      .d_hidden = s->lstm ? NULL : scratch_at(call, &s->from_hidden) + k * row};
  if (s->lstm) ddla_gates_lstm_back(&gates);
  else ddla_gates_gru_back(&gates);
}

/* The gradients of the initial state: what the first step leaves. */
static void give_state(const ddla_kernel_state *s, const ddla_op_call *call) {
  const int64_t count = s->size.samples * s->size.units;
  float *later = scratch_at(call, &s->later), *carried = scratch_at(call, &s->carried);
  float *hidden =
      has(call, DDLA_RECURRENT_HIDDEN) ? call->input_grad[DDLA_RECURRENT_HIDDEN].data : NULL;
  float *cell = has(call, DDLA_RECURRENT_CELL) ? call->input_grad[DDLA_RECURRENT_CELL].data : NULL;
  if (hidden && s->lstm) memcpy(hidden, later, (size_t)count * sizeof *hidden);
  if (hidden && !s->lstm) ddla_vector_sum(hidden, later, carried, count);
  if (cell) memcpy(cell, carried, (size_t)count * sizeof *cell);
}

static ddla_status give_weights(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  const int64_t all = r->steps * r->samples;
  float *pad = scratch_at(call, &s->pad), *x = scratch_at(call, &s->x);
  float *d_input = scratch_at(call, &s->sums);
  float *d_hidden = s->lstm ? d_input : scratch_at(call, &s->from_hidden);
  const ddla_tensor *grad = call->input_grad;
  if (has(call, DDLA_RECURRENT_B_INPUT) && grad[DDLA_RECURRENT_B_INPUT].data)
    ddla_vector_sum_rows(grad[DDLA_RECURRENT_B_INPUT].data, d_input, all, r->rows);
  if (has(call, DDLA_RECURRENT_B_HIDDEN) && grad[DDLA_RECURRENT_B_HIDDEN].data)
    ddla_vector_sum_rows(grad[DDLA_RECURRENT_B_HIDDEN].data, d_hidden, all, r->rows);
  if (grad[DDLA_RECURRENT_W_INPUT].data) {
    to_steps(x, call->input[DDLA_RECURRENT_X].data, r, r->inputs);
    DDLA_TRY(
        ddla_onednn_gemm_run(&s->back_w_input, grad[DDLA_RECURRENT_W_INPUT].data, d_input, x, pad));
  }
  if (grad[DDLA_RECURRENT_W_HIDDEN].data)
    DDLA_TRY(ddla_onednn_gemm_run(&s->back_w_hidden, grad[DDLA_RECURRENT_W_HIDDEN].data, d_hidden,
                                  memory_at(s, call, &s->states), pad));
  if (!grad[DDLA_RECURRENT_X].data) return DDLA_OK;
  DDLA_TRY(
      ddla_onednn_gemm_run(&s->back_x, x, d_input, call->input[DDLA_RECURRENT_W_INPUT].data, pad));
  from_steps(grad[DDLA_RECURRENT_X].data, x, r, r->inputs);
  return DDLA_OK;
}

ddla_status ddla_onednn_recurrent_backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_recurrent *r = &s->size;
  const void *w_hidden = NULL;
  float *pad = scratch_at(call, &s->pad), *later = scratch_at(call, &s->later);
  const float *d = scratch_at(call, s->lstm ? &s->sums : &s->from_hidden);
  const size_t state_bytes = (size_t)(r->samples * r->units) * sizeof(float);
  memset(later, 0, state_bytes);
  memset(scratch_at(call, &s->carried), 0, state_bytes);
  DDLA_TRY(ddla_onednn_weight_use(&w_hidden, &s->w_hidden_back, call,
                                  scratch_at(call, &s->packed[2]), pad));
  for (int64_t k = r->steps - 1; k >= 0; k--) {
    run_gates_back(s, call, k);
    DDLA_TRY(
        ddla_onednn_gemm_run(&s->back_hidden, later, d + k * r->samples * r->rows, w_hidden, pad));
  }
  give_state(s, call);
  return give_weights(s, call);
}
