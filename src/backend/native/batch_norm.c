/* Batch norm with residual and relu fused in, on machines with AVX-512: two passes over memory
 * forward (what is observed, the result), two backward (the sums of gradients, the gradient).
 * Channels go in groups of up to 64, a group's rows from first to last.
 *
 * Sums are taken in fp32 over BLOCK rows, then added up in double. What is observed is summed as
 * differences from the mean of the first rows, so that a mean far from 0 costs no digits. */
#include <math.h>
#include <string.h>

#include "backend/avx512.h"
#include "backend/kernel.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

enum { X, SCALE, SHIFT, MEAN, VARIANCE, RESIDUAL };
enum { GROUP = 4, BLOCK = 256, FIRST_ROWS = 64 };

struct ddla_kernel_state {
  int64_t rows, channels, vectors; /* vectors: of 16 channels, the last may be less */
  double epsilon;
  bool relu, training;
};

/* One call: numbers by channel, each array [vectors * 16] and zero behind the last channel. */
typedef struct work {
  const ddla_kernel_state *s;
  const float *x, *residual, *dy;
  float *y, *dx, *dresidual;
  uint16_t *kept; /* [rows][vectors] bit of each element: not cut off by the relu; null: none is */
  float *mean, *a, *b, *c; /* coefficients of a pass */
  double *sum, *product;
} work;

/* saved: mean and factor (1 / deviation) of each channel, then `kept`. */
static size_t saved_floats(const ddla_kernel_state *s) { return (size_t)s->vectors * 32; }

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return ddla_cpu() >= DDLA_CPU_AVX512;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->channels = call->input[SCALE].shape.dim[0];
  s->rows = ddla_shape_count(&call->input[X].shape) / s->channels;
  s->vectors = (s->channels + 15) / 16;
  s->epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
  s->relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  s->training = call->training;
  const size_t kept = s->relu ? (size_t)(s->rows * s->vectors) * sizeof(uint16_t) : 0;
  call->saved_bytes = s->training ? saved_floats(s) * sizeof(float) + kept : 0;
  call->scratch_bytes = (size_t)s->vectors * 16 * (4 * sizeof(float) + 2 * sizeof(double));
  call->backward_reads_output[0] = false;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

static work call_work(const ddla_kernel_state *s, const ddla_op_call *call) {
  const int64_t count = s->vectors * 16;
  work w = {.s = s, .x = call->input[X].data, .residual = call->input[RESIDUAL].data};
  memset(call->scratch, 0, call->scratch_bytes);
  w.sum = call->scratch;
  w.product = w.sum + count;
  w.mean = (float *)(w.product + count);
  w.a = w.mean + count;
  w.b = w.a + count;
  w.c = w.b + count;
  if (s->relu && s->training) w.kept = (uint16_t *)((float *)call->saved + saved_floats(s));
  return w;
}

/* A pass over rows [first, end) of `count` vectors from vector `at` on, the last with n channels.
 */
typedef struct stretch {
  int64_t first, end, at;
} stretch;

DDLA_AVX512_INLINE int lanes_of(int v, int count, int n) { return v == count - 1 ? n : 16; }

/* to[0 … 15] += v. */
DDLA_AVX512_INLINE void add_double(double *to, __m512 v) {
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
                high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
  _mm512_storeu_pd(to, _mm512_add_pd(_mm512_loadu_pd(to), low));
  _mm512_storeu_pd(to + 8, _mm512_add_pd(_mm512_loadu_pd(to + 8), high));
}

/* sum += x - mean, product += (x - mean)^2; mean holds the first guess. `turns` rows have sums of
 * their own, so that additions need not wait for each other. */
DDLA_AVX512_INLINE void observe(const work *w, stretch r, int count, int n, int turns) {
  const int64_t channels = w->s->channels;
  for (int64_t begin = r.first; begin < r.end; begin += BLOCK) {
    const int64_t end = begin + BLOCK < r.end ? begin + BLOCK : r.end;
    __m512 sum[8], square[8];
    for (int i = 0; i < turns * count; i++) sum[i] = square[i] = _mm512_setzero_ps();
    for (int64_t row = begin; row < end; row += turns)
      for (int t = 0; t < turns; t++) {
        if (row + t >= end) break;
        const float *x = w->x + (row + t) * channels + 16 * r.at;
        for (int v = 0; v < count; v++) {
          const int k = t * count + v, lanes = lanes_of(v, count, n);
          const __m512 far = _mm512_sub_ps(ddla_load_first(x + 16 * v, lanes),
                                           _mm512_loadu_ps(w->mean + 16 * (r.at + v)));
          sum[k] = _mm512_add_ps(sum[k], far);
          square[k] = _mm512_fmadd_ps(far, far, square[k]);
        }
      }
    for (int i = 0; i < turns * count; i++) {
      add_double(w->sum + 16 * (r.at + i % count), sum[i]);
      add_double(w->product + 16 * (r.at + i % count), square[i]);
    }
  }
}

/* y = (x - mean) * a + b + residual, cut off at 0. */
DDLA_AVX512_INLINE void put(const work *w, stretch r, int count, int n, bool residual, bool relu) {
  const ddla_kernel_state *s = w->s;
  for (int64_t row = r.first; row < r.end; row++)
    for (int v = 0; v < count; v++) {
      const int lanes = lanes_of(v, count, n);
      const int64_t c = 16 * (r.at + v), i = row * s->channels + c;
      const __m512 far =
          _mm512_sub_ps(ddla_load_first(w->x + i, lanes), _mm512_loadu_ps(w->mean + c));
      __m512 y = _mm512_fmadd_ps(far, _mm512_loadu_ps(w->a + c), _mm512_loadu_ps(w->b + c));
      if (residual) y = _mm512_add_ps(y, ddla_load_first(w->residual + i, lanes));
      if (relu) {
        const __mmask16 kept = _mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_NLE_UQ);
        y = _mm512_maskz_mov_ps(kept, y);
        if (w->kept) w->kept[row * s->vectors + r.at + v] = kept;
      }
      ddla_store_first(w->y + i, lanes, y);
    }
}

/* The gradient before the relu. */
DDLA_AVX512_INLINE __m512 gradient(const work *w, int64_t row, int64_t vector, int lanes,
                                   bool relu) {
  const __m512 g = ddla_load_first(w->dy + row * w->s->channels + 16 * vector, lanes);
  return relu ? _mm512_maskz_mov_ps(w->kept[row * w->s->vectors + vector], g) : g;
}

/* sum += g, product += g * (x - mean); the residual's gradient is g. */
DDLA_AVX512_INLINE void gather(const work *w, stretch r, int count, int n, bool relu, int turns) {
  const int64_t channels = w->s->channels;
  for (int64_t begin = r.first; begin < r.end; begin += BLOCK) {
    const int64_t end = begin + BLOCK < r.end ? begin + BLOCK : r.end;
    __m512 sum[8], product[8];
    for (int i = 0; i < turns * count; i++) sum[i] = product[i] = _mm512_setzero_ps();
    for (int64_t row = begin; row < end; row += turns)
      for (int t = 0; t < turns; t++) {
        if (row + t >= end) break;
        for (int v = 0; v < count; v++) {
          const int k = t * count + v, lanes = lanes_of(v, count, n);
          const int64_t c = 16 * (r.at + v), i = (row + t) * channels + c;
          const __m512 g = gradient(w, row + t, r.at + v, lanes, relu);
          const __m512 far =
              _mm512_sub_ps(ddla_load_first(w->x + i, lanes), _mm512_loadu_ps(w->mean + c));
          sum[k] = _mm512_add_ps(sum[k], g);
          product[k] = _mm512_fmadd_ps(g, far, product[k]);
          if (w->dresidual) ddla_store_first(w->dresidual + i, lanes, g);
        }
      }
    for (int i = 0; i < turns * count; i++) {
      add_double(w->sum + 16 * (r.at + i % count), sum[i]);
      add_double(w->product + 16 * (r.at + i % count), product[i]);
    }
  }
}

/* dx = (g + (x - mean) * b + c) * a: exactly 0 where one row is all there is. */
DDLA_AVX512_INLINE void send(const work *w, stretch r, int count, int n, bool relu) {
  for (int64_t row = r.first; row < r.end; row++)
    for (int v = 0; v < count; v++) {
      const int lanes = lanes_of(v, count, n);
      const int64_t c = 16 * (r.at + v), i = row * w->s->channels + c;
      const __m512 far =
          _mm512_sub_ps(ddla_load_first(w->x + i, lanes), _mm512_loadu_ps(w->mean + c));
      const __m512 rest =
          _mm512_fmadd_ps(far, _mm512_loadu_ps(w->b + c), _mm512_loadu_ps(w->c + c));
      const __m512 g = gradient(w, row, r.at + v, lanes, relu);
      ddla_store_first(w->dx + i, lanes,
                       _mm512_mul_ps(_mm512_add_ps(g, rest), _mm512_loadu_ps(w->a + c)));
    }
}

typedef enum pass { OBSERVE, PUT, GATHER, SEND } pass;

DDLA_AVX512_INLINE void run_group(pass what, const work *w, stretch r, int count, int n) {
  const bool residual = w->residual != NULL, relu = w->s->relu;
  const int turns = count == 1 ? 8 : 8 / count;
  if (what == OBSERVE) observe(w, r, count, n, turns);
  if (what == PUT && residual && relu) put(w, r, count, n, true, true);
  if (what == PUT && residual && !relu) put(w, r, count, n, true, false);
  if (what == PUT && !residual && relu) put(w, r, count, n, false, true);
  if (what == PUT && !residual && !relu) put(w, r, count, n, false, false);
  if (what == GATHER && relu) gather(w, r, count, n, true, turns);
  if (what == GATHER && !relu) gather(w, r, count, n, false, turns);
  if (what == SEND && relu) send(w, r, count, n, true);
  if (what == SEND && !relu) send(w, r, count, n, false);
}

/* All channels of the first `rows` rows: groups of 4, 2 and 1 whole vectors, then what is left. */
#define PASS(name, what)                                                                           \
  DDLA_AVX512 static void name(const work *w, int64_t rows) {                                      \
    const int64_t whole = w->s->channels / 16;                                                     \
    stretch r = {0, rows, 0};                                                                      \
    for (; r.at + GROUP <= whole; r.at += GROUP) run_group(what, w, r, GROUP, 16);                 \
    for (; r.at + 2 <= whole; r.at += 2) run_group(what, w, r, 2, 16);                             \
    for (; r.at < whole; r.at++) run_group(what, w, r, 1, 16);                                     \
    if (w->s->channels % 16) run_group(what, w, r, 1, (int)(w->s->channels % 16));                 \
  }
PASS(observe_rows, OBSERVE)
PASS(put_rows, PUT)
PASS(gather_rows, GATHER)
PASS(send_rows, SEND)
#undef PASS

/* w->mean becomes the mean of the first rows, then that of all; the record is filled. */
static void observe_all(const work *w, double *record) {
  const ddla_kernel_state *s = w->s;
  const double rows = (double)s->rows;
  const int64_t first = s->rows < FIRST_ROWS ? s->rows : FIRST_ROWS;
  observe_rows(w, first);
  for (int64_t c = 0; c < s->channels; c++) {
    w->mean[c] = (float)(w->sum[c] / (double)first);
    w->sum[c] = w->product[c] = 0;
  }
  observe_rows(w, s->rows);
  record[0] = rows;
  for (int64_t c = 0; c < s->channels; c++) {
    const double squares = w->product[c] - w->sum[c] * (w->sum[c] / rows);
    record[1 + c] = (double)w->mean[c] + w->sum[c] / rows;
    record[1 + s->channels + c] = squares < 0 ? 0 : squares;
    w->mean[c] = (float)record[1 + c];
  }
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *scale = call->input[SCALE].data, *shift = call->input[SHIFT].data,
              *mean = call->input[MEAN].data, *variance = call->input[VARIANCE].data;
  double *record = call->output[1].data;
  float *saved = call->saved;
  work w = call_work(s, call);
  w.y = call->output[0].data;
  memset(record, 0, (size_t)(1 + 2 * s->channels) * sizeof *record);
  if (s->training) observe_all(&w, record);
  for (int64_t c = 0; c < s->channels; c++) {
    if (!s->training) w.mean[c] = mean[c];
    const double spread =
        s->training ? record[1 + s->channels + c] / (double)s->rows : (double)variance[c];
    const double factor = 1 / sqrt(spread + s->epsilon);
    w.a[c] = (float)(factor * (double)scale[c]);
    w.b[c] = shift[c];
    if (!s->training) continue;
    saved[c] = w.mean[c];
    saved[16 * s->vectors + c] = (float)factor;
  }
  put_rows(&w, s->rows);
  return DDLA_OK;
}

static void clear(const ddla_tensor *grad) {
  if (grad->data) memset(grad->data, 0, (size_t)ddla_shape_count(&grad->shape) * sizeof(float));
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *scale = call->input[SCALE].data, *saved = call->saved;
  float *dscale = call->input_grad[SCALE].data, *dshift = call->input_grad[SHIFT].data;
  work w = call_work(s, call);
  w.dy = call->output_grad[0].data;
  w.dx = call->input_grad[X].data;
  w.dresidual = call->input_grad[RESIDUAL].data;
  memcpy(w.mean, saved, (size_t)s->channels * sizeof *saved);
  gather_rows(&w, s->rows);
  for (int64_t c = 0; c < s->channels; c++) {
    const double factor = (double)saved[16 * s->vectors + c];
    if (dshift) dshift[c] = (float)w.sum[c];
    if (dscale) dscale[c] = (float)(w.product[c] * factor);
    w.a[c] = (float)((double)scale[c] * factor);
    w.b[c] = (float)(-factor * factor * w.product[c] / (double)s->rows);
    w.c[c] = (float)(-w.sum[c] / (double)s->rows);
  }
  if (w.dx) send_rows(&w, s->rows);
  clear(&call->input_grad[MEAN]);
  clear(&call->input_grad[VARIANCE]);
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_batch_norm = {.name = "native_batch_norm",
                                                   .op = "batch_norm",
                                                   .accepts = accepts,
#if DDLA_HAS_AVX512
                                                   .prepare = prepare,
                                                   .forward = forward,
                                                   .backward = backward,
                                                   .destroy = destroy
#endif
};
