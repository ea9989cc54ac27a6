/* Max-pool of channels-last images, 16 channels at a time; the winning tap is kept in one byte. The
 * first of equal values wins and a NaN wins, as in the reference. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"
#include "base/alloc.h"
#include "op/window.h"

struct ddla_kernel_state {
  ddla_window window;
  bool square; /* windows of 2 by 2 side by side that cover the input, on a machine with AVX-512 */
  bool saves;  /* backward follows */
};

enum { TAPS_MAX = 256 }; /* a tap's number is a byte */

static bool accepts(const ddla_op_call *call) {
  ddla_window window = ddla_window_of_pool(call);
  return window.kernel[0] * window.kernel[1] <= TAPS_MAX;
}

/* Windows of 2, stride 2, side by side. */
static bool covers(const ddla_window *w, int axis) {
  return w->kernel[axis] == 2 && w->stride[axis] == 2 && w->dilation[axis] == 1 &&
         w->padding[axis] == 0 && w->out[axis] * 2 == w->in[axis];
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->window = ddla_window_of_pool(call);
  s->square = covers(&s->window, 0) && covers(&s->window, 1) && ddla_cpu() >= DDLA_CPU_AVX512;
  s->saves = ddla_op_wants(call, 0);
  call->saved_bytes = s->saves ? (size_t)ddla_shape_count(&call->output[0].shape) : 0;
  call->scratch_bytes = 0;
  call->backward_reads_input[0] = call->backward_reads_output[0] = false;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

/* Places of the input under one window, by tap: elements from the start of the image, -1 in the
 * padding. */
typedef struct taps {
  int count;
  int64_t place[TAPS_MAX];
} taps;

static void set_taps(taps *t, const ddla_window *w, int64_t oh, int64_t ow) {
  t->count = 0;
  for (int64_t kh = 0; kh < w->kernel[0]; kh++)
    for (int64_t kw = 0; kw < w->kernel[1]; kw++) {
      int64_t at = ddla_window_place(w, oh, ow, kh, kw);
      t->place[t->count++] = at < 0 ? -1 : at * w->channels;
    }
}

/* Plain loops, for every machine. */
static void window_plain(float *y, uint8_t *saved, const float *image, const taps *t,
                         int64_t channels) {
  for (int64_t c = 0; c < channels; c++) {
    float best = 0;
    int winner = -1;
    for (int tap = 0; tap < t->count; tap++) {
      if (t->place[tap] < 0) continue;
      float value = image[t->place[tap] + c];
      if (winner >= 0 && (value <= best || isnan(best))) continue;
      best = value;
      winner = tap;
    }
    y[c] = best;
    if (saved) saved[c] = (uint8_t)winner;
  }
}

#if DDLA_HAS_AVX512
/* The first of the largest, or the first NaN, of n channels: best and winner so far meet the next
 * value. */
DDLA_AVX512_INLINE void meet(__m512 *best, __m512i *winner, __m512 value, int tap) {
  __mmask16 wins =
      _mm512_cmp_ps_mask(value, *best, _CMP_NLE_UQ) & _mm512_cmp_ps_mask(*best, *best, _CMP_ORD_Q);
  *best = _mm512_mask_mov_ps(*best, wins, value);
  *winner = _mm512_mask_set1_epi32(*winner, wins, tap);
}

DDLA_AVX512_INLINE void put_winners(uint8_t *saved, int n, __m512i winner) {
  if (n == 16) _mm_storeu_si128((__m128i *)saved, _mm512_cvtepi32_epi8(winner));
  else _mm512_mask_cvtepi32_storeu_epi8(saved, ddla_mask_first(n), winner);
}

DDLA_AVX512 static void window_512(float *y, uint8_t *saved, const float *image, const taps *t,
                                   int64_t channels) {
  int first = 0;
  while (t->place[first] < 0) first++;
  for (int64_t c = 0; c < channels; c += 16) {
    int n = ddla_vector_left(channels, c);
    __m512 best = ddla_load_first(image + t->place[first] + c, n);
    __m512i winner = _mm512_set1_epi32(first);
    for (int tap = first + 1; tap < t->count; tap++)
      if (t->place[tap] >= 0)
        meet(&best, &winner, ddla_load_first(image + t->place[tap] + c, n), tap);
    ddla_store_first(y + c, n, best);
    if (saved) put_winners(saved + c, n, winner);
  }
}

/* n channels of a 2 by 2 window with its upper left place at a; `right` and `down` lead to its
 * neighbours. */
DDLA_AVX512_INLINE void square_forward(float *y, uint8_t *saved, const float *a, int64_t right,
                                       int64_t down, int n) {
  __m512 best = ddla_load_first(a, n);
  __m512i winner = _mm512_setzero_si512();
  meet(&best, &winner, ddla_load_first(a + right, n), 1);
  meet(&best, &winner, ddla_load_first(a + down, n), 2);
  meet(&best, &winner, ddla_load_first(a + down + right, n), 3);
  ddla_store_first(y, n, best);
  if (saved) put_winners(saved, n, winner);
}

/* rows: output rows of all images together, each from two input rows. */
DDLA_AVX512 static void squares_forward(float *y, uint8_t *saved, const float *x, int64_t rows,
                                        int64_t columns, int64_t channels) {
  const int64_t down = 2 * columns * channels;
  for (int64_t r = 0; r < rows; r++, x += down)
    for (int64_t ow = 0; ow < columns; ow++, x += 2 * channels) {
      int64_t c = 0;
      for (; c + 16 <= channels; c += 16)
        square_forward(y + c, saved ? saved + c : NULL, x + c, channels, down, 16);
      if (c < channels)
        square_forward(y + c, saved ? saved + c : NULL, x + c, channels, down, (int)(channels - c));
      y += channels;
      if (saved) saved += channels;
    }
}

DDLA_AVX512_INLINE void square_backward(float *a, const float *dy, const uint8_t *saved,
                                        int64_t right, int64_t down, int n) {
  __m512 g = ddla_load_first(dy, n);
  __m128i winner = n == 16 ? _mm_loadu_si128((const __m128i *)saved)
                           : _mm_maskz_loadu_epi8(ddla_mask_first(n), saved);
  ddla_store_first(a, n, _mm512_maskz_mov_ps(_mm_testn_epi8_mask(winner, winner), g));
  ddla_store_first(a + right, n,
                   _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(winner, _mm_set1_epi8(1)), g));
  ddla_store_first(a + down, n,
                   _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(winner, _mm_set1_epi8(2)), g));
  ddla_store_first(a + down + right, n,
                   _mm512_maskz_mov_ps(_mm_cmpeq_epi8_mask(winner, _mm_set1_epi8(3)), g));
}

DDLA_AVX512 static void squares_backward(float *dx, const float *dy, const uint8_t *saved,
                                         int64_t rows, int64_t columns, int64_t channels) {
  const int64_t down = 2 * columns * channels;
  for (int64_t r = 0; r < rows; r++, dx += down)
    for (int64_t ow = 0; ow < columns;
         ow++, dx += 2 * channels, dy += channels, saved += channels) {
      int64_t c = 0;
      for (; c + 16 <= channels; c += 16)
        square_backward(dx + c, dy + c, saved + c, channels, down, 16);
      if (c < channels)
        square_backward(dx + c, dy + c, saved + c, channels, down, (int)(channels - c));
    }
}
#endif

static void window_forward(float *y, uint8_t *saved, const float *image, const taps *t,
                           int64_t channels) {
#if DDLA_HAS_AVX512
  if (ddla_cpu() >= DDLA_CPU_AVX512) {
    window_512(y, saved, image, t, channels);
    return;
  }
#endif
  window_plain(y, saved, image, t, channels);
}

static void forward_any(const ddla_window *w, const float *x, float *y, uint8_t *saved) {
  int64_t image = w->in[0] * w->in[1] * w->channels, to = 0;
  for (int64_t n = 0; n < w->batch; n++)
    for (int64_t oh = 0; oh < w->out[0]; oh++)
      for (int64_t ow = 0; ow < w->out[1]; ow++, to += w->channels) {
        taps t;
        set_taps(&t, w, oh, ow);
        window_forward(y + to, saved ? saved + to : NULL, x + n * image, &t, w->channels);
      }
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_window *w = &s->window;
  uint8_t *saved = s->saves ? call->saved : NULL;
#if DDLA_HAS_AVX512
  if (s->square) {
    squares_forward(call->output[0].data, saved, call->input[0].data, w->batch * w->out[0],
                    w->out[1], w->channels);
    return DDLA_OK;
  }
#endif
  forward_any(w, call->input[0].data, call->output[0].data, saved);
  return DDLA_OK;
}

/* Windows may overlap or leave places out: start from zero and add in the order of the windows. */
static void backward_any(const ddla_window *w, float *dx, const float *dy, const uint8_t *saved) {
  int64_t image = w->in[0] * w->in[1] * w->channels, from = 0;
  memset(dx, 0, (size_t)(w->batch * image) * sizeof *dx);
  for (int64_t n = 0; n < w->batch; n++)
    for (int64_t oh = 0; oh < w->out[0]; oh++)
      for (int64_t ow = 0; ow < w->out[1]; ow++, from += w->channels) {
        taps t;
        set_taps(&t, w, oh, ow);
        for (int64_t c = 0; c < w->channels; c++)
          dx[n * image + t.place[saved[from + c]] + c] += dy[from + c];
      }
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const ddla_window *w = &s->window;
  if (!call->input_grad[0].data) return DDLA_OK;
#if DDLA_HAS_AVX512
  if (s->square) {
    squares_backward(call->input_grad[0].data, call->output_grad[0].data, call->saved,
                     w->batch * w->out[0], w->out[1], w->channels);
    return DDLA_OK;
  }
#endif
  backward_any(w, call->input_grad[0].data, call->output_grad[0].data, call->saved);
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_native_max_pool = {.name = "native_max_pool",
                                                 .op = "max_pool",
                                                 .accepts = accepts,
                                                 .prepare = prepare,
                                                 .forward = forward,
                                                 .backward = backward,
                                                 .destroy = destroy};
