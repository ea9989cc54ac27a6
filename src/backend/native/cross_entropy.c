/* Cross entropy of softmax rows on AVX-512. Exponentials and their sum are in single precision, 16
 * classes side by side; logarithms and the sum over the rows in double. Forward keeps log sum exp
 * of each row. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "backend/kernel.h"
#include "backend/native/softmax_row.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

struct ddla_kernel_state {
  int64_t rows, classes, ignore;
  double smoothing;
};

static bool accepts(const ddla_op_call *call) {
  const ddla_shape *logits = &call->input[0].shape;
  return ddla_cpu() >= DDLA_CPU_AVX512 && logits->dim[logits->rank - 1] >= 16;
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_kernel_state *s = NULL;
  const ddla_shape *logits = &call->input[0].shape;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->rows = ddla_shape_span(logits, 0, logits->rank - 1);
  s->classes = logits->dim[logits->rank - 1];
  s->ignore = ddla_attrs_int(&call->attrs, "ignore_index", 0, -100);
  s->smoothing = ddla_attrs_real(&call->attrs, "label_smoothing", 0);
  call->saved_bytes = ddla_op_wants(call, 0) ? (size_t)s->rows * sizeof(double) : 0;
  *out = s;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *s) { ddla_free(s); }

/* sum_c target[c] (lse - z[c]), with target (1 - smoothing) onehot(label) + smoothing / C. */
static double row_loss(const ddla_kernel_state *s, const float *z, int32_t label, double lse) {
  double loss = (1 - s->smoothing) * (lse - (double)z[label]), sum = 0;
  if (s->smoothing == 0) return loss;
  for (int64_t c = 0; c < s->classes; c++) sum += lse - (double)z[c];
  return loss + s->smoothing / (double)s->classes * sum;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const int32_t *labels = call->input[1].data;
  double *saved = call->saved_bytes ? call->saved : NULL;
  double loss = 0, count = 0;
  for (int64_t n = 0; n < s->rows; n++) {
    const float *z = (const float *)call->input[0].data + n * s->classes;
    if (labels[n] == s->ignore) continue;
    if (labels[n] < 0 || labels[n] >= s->classes)
      return DDLA_FAIL(INVALID,
                       "cross_entropy: the label of sample %" PRId64 " is %" PRId32
                       "; 0 to %" PRId64 " are possible",
                       n, labels[n], s->classes - 1);
    const double lse = ddla_row_lse_512(z, s->classes);
    if (saved) saved[n] = lse;
    loss += row_loss(s, z, labels[n], lse);
    count += 1;
  }
  *(double *)call->output[0].data = loss;
  *(double *)call->output[1].data = count;
  return DDLA_OK;
}

/* dz = scale (softmax - smoothing / C), for all classes alike. */
DDLA_AVX512 static void slope_row(float *dz, const float *z, int64_t count, double lse,
                                  const float factors[2]) {
  const float high = (float)lse;
  const __m512 most = _mm512_set1_ps(high), rest = _mm512_set1_ps((float)((double)high - lse));
  const __m512 scale = _mm512_set1_ps(factors[0]), spread = _mm512_set1_ps(factors[1]);
  for (int64_t c = 0; c < count; c += 16) {
    const int n = ddla_vector_left(count, c);
    /* exp(z - lse) with lse in two parts: 1 + rest is its second part's exponential */
    const __m512 first = ddla_row_exp_512(z + c, n, most);
    const __m512 p = _mm512_fmadd_ps(first, rest, first);
    ddla_store_first(dz + c, n, _mm512_fmsub_ps(scale, p, spread));
  }
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const int32_t *labels = call->input[1].data;
  const double *lse = call->saved;
  const double scale = *(const double *)call->output_grad[0].data;
  const float factors[2] = {(float)scale, (float)(scale * s->smoothing / (double)s->classes)};
  if (!call->input_grad[0].data) return DDLA_OK;
  for (int64_t n = 0; n < s->rows; n++) {
    float *dz = (float *)call->input_grad[0].data + n * s->classes;
    const float *z = (const float *)call->input[0].data + n * s->classes;
    if (labels[n] == s->ignore) {
      memset(dz, 0, (size_t)s->classes * sizeof *dz);
      continue;
    }
    slope_row(dz, z, s->classes, lse[n], factors);
    dz[labels[n]] -= (float)(scale * (1 - s->smoothing));
  }
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_cross_entropy = {.name = "native_cross_entropy",
                                                      .op = "cross_entropy",
                                                      .accepts = accepts,
#if DDLA_HAS_AVX512
                                                      .prepare = prepare,
                                                      .forward = forward,
                                                      .backward = backward,
                                                      .destroy = destroy
#endif
};
