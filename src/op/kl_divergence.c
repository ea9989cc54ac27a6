/* Divergence of Kullback and Leibler (1951) of softmax(logits) from given probabilities, summed
 * over the rows; what distillation minimises (Hinton et al. 2015, arXiv:1503.02531). Input 0 are
 * logits, as in cross_entropy; logarithms of probabilities are logits too and stay what they are. A
 * target of 0 adds nothing; the targets' own gradient is taken as 0 there, where it would be
 * -infinity. Targets need not sum to 1; negative ones are refused. */
#include <inttypes.h>
#include <math.h>

#include "op/check.h"
#include "op/log_space.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_F32, 1, DDLA_RANK_MAX));
  DDLA_TRY(ddla_op_check_equal(call, 0, 1));
  ddla_op_set_loss(call);
  const ddla_shape *x = &call->input[0].shape;
  call->backward_reads_input[0] = call->backward_reads_input[1] = true;
  call->saved_bytes =
      (size_t)ddla_shape_span(x, 0, x->rank - 1) * sizeof(double); /* log sum exp of each row */
  return DDLA_OK;
}

typedef struct sizes {
  int64_t rows, classes;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  return (sizes){ddla_shape_span(x, 0, x->rank - 1), x->dim[x->rank - 1]};
}

static ddla_status check_targets(const float *target, const sizes *s) {
  for (int64_t i = 0; i < s->rows * s->classes; i++)
    if (!(target[i] >= 0))
      return DDLA_FAIL(INVALID,
                       "the target of class %" PRId64 " of sample %" PRId64
                       " is %g; probabilities from 0 on are possible",
                       i % s->classes, i / s->classes, (double)target[i]);
  return DDLA_OK;
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const float *z = call->input[0].data, *target = call->input[1].data;
  double *saved = call->saved_bytes ? call->saved : NULL;
  double loss = 0;
  DDLA_TRY(check_targets(target, &s));
  for (int64_t n = 0; n < s.rows; n++, z += s.classes, target += s.classes) {
    const double lse = ddla_op_log_sum_exp(z, s.classes);
    if (saved) saved[n] = lse;
    for (int64_t c = 0; c < s.classes; c++) {
      const double t = (double)target[c];
      if (t > 0) loss += t * (log(t) - ((double)z[c] - lse));
    }
  }
  *(double *)call->output[0].data = loss;
  *(double *)call->output[1].data = (double)s.rows;
  return DDLA_OK;
}

/* dz = softmax(z) sum(t) - t; dt = log t + 1 - log softmax(z) */
static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  const double *saved = call->saved, scale = *(const double *)call->output_grad[0].data;
  float *dz = call->input_grad[0].data, *dt = call->input_grad[1].data;
  for (int64_t n = 0; n < s.rows; n++) {
    const float *z = (const float *)call->input[0].data + n * s.classes;
    const float *target = (const float *)call->input[1].data + n * s.classes;
    double total = 0;
    for (int64_t c = 0; c < s.classes; c++) total += (double)target[c];
    for (int64_t c = 0; c < s.classes; c++) {
      const double t = (double)target[c], log_p = (double)z[c] - saved[n];
      const int64_t at = n * s.classes + c;
      if (dz) dz[at] += (float)(scale * (exp(log_p) * total - t));
      if (dt && t > 0) dt[at] += (float)(scale * (log(t) + 1 - log_p));
    }
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {3, 7}, {2, 3, 11}, {4, 1}, {128, 1000}};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 2);
  for (int i = 0; i < 2; i++) ddla_op_sample_input(call, i, DDLA_F32, shapes[index]);
  return true;
}

/* Targets far enough from 0 that finite differences see the slope of the logarithm. */
static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  ddla_tensor *x = &call->input[input];
  if (input == 0) ddla_op_fill_normal(x, rng, 2);
  else ddla_op_fill_positive(x, rng);
}

const ddla_op ddla_op_kl_divergence = {
    .name = "kl_divergence",
    .math = "loss = sum_n sum_c target[n,c] (log target[n,c] - log softmax(logits)[n,c]); count = "
            "rows",
    .inputs = "logits [...,C], target [...,C]",
    .input_min = 2,
    .input_max = 2,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
