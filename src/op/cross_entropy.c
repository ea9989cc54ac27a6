/* Cross entropy of softmax(logits) with class labels, summed over the samples whose label is not
 * ignore_index. Label smoothing as PyTorch defines it (Szegedy et al. 2016, arXiv:1512.00567): the
 * target is (1 - smoothing) onehot(label) + smoothing / C. */
#include <inttypes.h>
#include <math.h>

#include "op/check.h"
#include "op/log_space.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_I32, 0, DDLA_RANK_MAX));
  const ddla_shape *logits = &call->input[0].shape, *labels = &call->input[1].shape;
  ddla_shape wanted = ddla_shape_make(logits->rank - 1, logits->dim);
  if (!ddla_shape_equal(&wanted, labels)) {
    char text[3][96];
    return DDLA_FAIL(INVALID, "logits have %s but labels have %s; %s is wanted",
                     ddla_shape_text(text[0], sizeof text[0], logits),
                     ddla_shape_text(text[1], sizeof text[1], labels),
                     ddla_shape_text(text[2], sizeof text[2], &wanted));
  }
  double smoothing = ddla_attrs_real(&call->attrs, "label_smoothing", 0);
  if (!(smoothing >= 0 && smoothing <= 1))
    return DDLA_FAIL(INVALID, "label_smoothing is %g; it can be 0 to 1", smoothing);
  ddla_op_set_loss(call);
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  call->saved_bytes =
      (size_t)ddla_shape_count(labels) * sizeof(double); /* log sum exp of each row */
  return DDLA_OK;
}

typedef struct sizes {
  int64_t rows, classes, ignore;
  double smoothing;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *logits = &call->input[0].shape;
  return (sizes){.rows = ddla_shape_span(logits, 0, logits->rank - 1),
                 .classes = logits->dim[logits->rank - 1],
                 .ignore = ddla_attrs_int(&call->attrs, "ignore_index", 0, -100),
                 .smoothing = ddla_attrs_real(&call->attrs, "label_smoothing", 0)};
}

/* Loss of one row: sum_c target[c] (lse - z[c]). */
static double row_loss(const sizes *s, const float *z, int32_t label, double lse) {
  double loss = (1 - s->smoothing) * (lse - (double)z[label]);
  if (s->smoothing == 0) return loss;
  double sum = 0;
  for (int64_t c = 0; c < s->classes; c++) sum += lse - (double)z[c];
  return loss + s->smoothing / (double)s->classes * sum;
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *logits = call->input[0].data;
  const int32_t *labels = call->input[1].data;
  double *saved = call->saved_bytes ? call->saved : NULL;
  double loss = 0, count = 0;
  for (int64_t n = 0; n < s.rows; n++) {
    const float *z = logits + n * s.classes;
    if (labels[n] == s.ignore) continue;
    if (labels[n] < 0 || labels[n] >= s.classes)
      return DDLA_FAIL(
          INVALID, "the label of sample %" PRId64 " is %" PRId32 "; 0 to %" PRId64 " are possible",
          n, labels[n], s.classes - 1);
    double lse = ddla_op_log_sum_exp(z, s.classes);
    if (saved) saved[n] = lse;
    loss += row_loss(&s, z, labels[n], lse);
    count += 1;
  }
  *(double *)call->output[0].data = loss;
  *(double *)call->output[1].data = count;
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const int32_t *labels = call->input[1].data;
  const double *lse = call->saved;
  const double scale = *(const double *)call->output_grad[0].data;
  for (int64_t n = 0; n < s.rows; n++) {
    const float *z = (const float *)call->input[0].data + n * s.classes;
    float *dz = (float *)call->input_grad[0].data + n * s.classes;
    if (labels[n] == s.ignore) continue;
    for (int64_t c = 0; c < s.classes; c++) {
      double target = s.smoothing / (double)s.classes + (c == labels[n] ? 1 - s.smoothing : 0);
      dz[c] += (float)(scale * (exp((double)z[c] - lse[n]) - target));
    }
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1, 1}, {3, 7},   {5, 2},     {2, 3, 11},
                                      {13},   {16, 10}, {128, 1000}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_shape *logits = &call->input[0].shape;
  call->input[1].dtype = DDLA_I32;
  call->input[1].shape = ddla_shape_make(logits->rank - 1, logits->dim);
  if (index % 2) ddla_attrs_set_real(&call->attrs, "label_smoothing", 0.1);
  if (index == 3) ddla_attrs_set_int(&call->attrs, "ignore_index", 2);
  return true;
}

static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_tensor *tensor = &call->input[input];
  const ddla_shape *logits = &call->input[0].shape;
  if (input == 0) ddla_op_fill_normal(tensor, rng, 2);
  if (input == 1) ddla_op_fill_below(tensor, rng, (uint64_t)logits->dim[logits->rank - 1]);
}

const ddla_op ddla_op_cross_entropy = {
    .name = "cross_entropy",
    .math = "loss = sum_n sum_c -target[n,c] log softmax(logits)[n,c]; count = labels not ignored",
    .inputs = "logits [...,C], labels i32 [...]",
    .attrs = "label_smoothing=0.0 ignore_index=-100",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
