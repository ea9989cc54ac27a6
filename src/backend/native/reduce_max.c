/* Maxima along neighbouring dimensions. As the op has it, the first of equal values wins and a NaN
 * wins, the first one. Forward keeps which of each output's elements won. */
#include <math.h>
#include <string.h>

#include "backend/native/reduction.h"

#if DDLA_HAS_AVX512

enum { COLUMNS = 512, EACH_MAX = 1 << 30 };

static bool accepts(const ddla_op_call *call) {
  ddla_reduction_form form;
  return ddla_reduction_accepts(call) && ddla_reduction_form_of(&form, call) &&
         form.each <= EACH_MAX;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  DDLA_TRY(ddla_reduction_prepare(out, call));
  if (ddla_op_wants(call, 0))
    call->saved_bytes = (size_t)ddla_shape_count(&call->output[0].shape) * sizeof(int32_t);
  return DDLA_OK;
}

/* Place of the first NaN, else of the first of the largest. */
DDLA_AVX512 static int32_t winner_of(const float *x, int64_t count) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  __mmask16 strange = 0;
  for (int64_t i = 0; i < count; i += 16) {
    const __mmask16 here = ddla_mask_first(ddla_vector_left(count, i));
    const __m512 v = _mm512_maskz_loadu_ps(here, x + i);
    most = _mm512_mask_max_ps(most, here, most, v);
    strange |= _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  }
  const __m512 wanted = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  for (int64_t i = 0;; i += 16) {
    const __mmask16 here = ddla_mask_first(ddla_vector_left(count, i));
    const __m512 v = _mm512_maskz_loadu_ps(here, x + i);
    const __mmask16 found = strange ? _mm512_mask_cmp_ps_mask(here, v, v, _CMP_UNORD_Q)
                                    : _mm512_mask_cmp_ps_mask(here, v, wanted, _CMP_EQ_OQ);
    if (found) return (int32_t)i + __builtin_ctz(found);
  }
}

/* One row of at most COLUMNS columns: what is not at most the best so far wins, but for a NaN. */
DDLA_AVX512 static void challenge(float *best, int32_t *winner, const float *x, int64_t columns,
                                  int32_t row) {
  const __m512i number = _mm512_set1_epi32(row);
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    const __m512 v = ddla_load_first(x + c, n), b = _mm512_loadu_ps(best + c);
    const __mmask16 wins =
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(b, b, _CMP_ORD_Q), v, b, _CMP_NLE_UQ);
    _mm512_mask_storeu_ps(best + c, wins, v);
    _mm512_mask_storeu_epi32(winner + c, wins, number);
  }
}

/* y and winner of at most COLUMNS columns; winner may be null. */
static void win_columns(float *y, int32_t *winner, const float *x, const ddla_reduction_form *form,
                        int64_t columns) {
  float best[COLUMNS] = {0};
  int32_t rows[COLUMNS] = {0};
  memcpy(best, x, (size_t)columns * sizeof *best);
  for (int64_t r = 1; r < form->each; r++)
    challenge(best, rows, x + r * form->inner, columns, (int32_t)r);
  memcpy(y, best, (size_t)columns * sizeof *y);
  if (winner) memcpy(winner, rows, (size_t)columns * sizeof *winner);
}

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  const ddla_reduction_form *form = &state->form;
  const float *x = call->input[0].data;
  float *y = call->output[0].data;
  int32_t *winner = call->saved_bytes ? call->saved : NULL;
  for (int64_t o = 0; o < form->outer; o++, x += form->each * form->inner)
    for (int64_t c = 0; c < form->inner; c += COLUMNS) {
      const int64_t at = o * form->inner + c, left = form->inner - c;
      if (form->inner > 1) {
        win_columns(y + at, winner ? winner + at : NULL, x + c, form,
                    left < COLUMNS ? left : COLUMNS);
        continue;
      }
      const int32_t place = winner_of(x, form->each);
      y[at] = x[place];
      if (winner) winner[at] = place;
    }
  return DDLA_OK;
}

/* dx[c] = dy[c] where this row has won, else 0. */
DDLA_AVX512 static void give(float *dx, const float *dy, const int32_t *winner, int64_t columns,
                             int32_t row) {
  const __m512i number = _mm512_set1_epi32(row);
  for (int64_t c = 0; c < columns; c += 16) {
    const int n = ddla_vector_left(columns, c);
    const __mmask16 here = ddla_mask_first(n);
    const __m512i w = _mm512_maskz_loadu_epi32(here, winner + c);
    const __mmask16 won = _mm512_mask_cmpeq_epi32_mask(here, w, number);
    ddla_store_first(dx + c, n, _mm512_maskz_loadu_ps(won, dy + c));
  }
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  const ddla_reduction_form *form = &state->form;
  const float *dy = call->output_grad[0].data;
  const int32_t *winner = call->saved;
  float *dx = call->input_grad[0].data;
  if (!dx) return DDLA_OK;
  for (int64_t o = 0; o < form->outer; o++, dy += form->inner, winner += form->inner) {
    if (form->inner == 1) {
      memset(dx, 0, (size_t)form->each * sizeof *dx);
      dx[*winner] = *dy;
    }
    for (int64_t r = 0; form->inner > 1 && r < form->each; r++)
      give(dx + r * form->inner, dy, winner, form->inner, (int32_t)r);
    dx += form->each * form->inner;
  }
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_reduce_max = {.name = "native_reduce_max",
                                                   .op = "reduce_max",
                                                   .accepts = accepts,
#if DDLA_HAS_AVX512
                                                   .prepare = prepare,
                                                   .forward = forward,
                                                   .backward = backward,
                                                   .destroy = ddla_reduction_destroy
#endif
};
