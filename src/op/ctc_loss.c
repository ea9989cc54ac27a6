/* Connectionist temporal classification (Graves et al. 2006, doi:10.1145/1143844.1143891): minus
 * the logarithm of the probability that softmax(logits), read frame by frame, spells the target,
 * when repeated labels are joined and blanks left out. Summed over the samples. Works on
 * logarithms, in double precision, so nothing underflows where the paper rescales.
 *
 * The target of length L is spelt with 2 L + 1 symbols, a blank around every label. alpha[t, s] is
 * the log-probability of all ways to have come to symbol s at frame t, beta[t, s] that of all ways
 * to go on from there, both with frame t's own.
 *
 * A target that does not fit its frames (fewer than labels and equal neighbours) has probability 0:
 * the loss is infinite and its gradient NaN, or both are 0 where the attribute zero_infinity is 1,
 * as in PyTorch. Frames from input_length on get no gradient. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "op/check.h"
#include "op/log_space.h"
#include "op/sample.h"

typedef struct sizes {
  int64_t samples, frames, classes, labels, symbols; /* symbols = 2 labels + 1 */
  int32_t blank;
  bool zero_infinity;
} sizes;

static sizes sizes_of(const ddla_op_call *call) {
  const int64_t *x = call->input[0].shape.dim, labels = call->input[1].shape.dim[1];
  return (sizes){.samples = x[0],
                 .frames = x[1],
                 .classes = x[2],
                 .labels = labels,
                 .symbols = 2 * labels + 1,
                 .blank = (int32_t)ddla_attrs_int(&call->attrs, "blank", 0, 0),
                 .zero_infinity = ddla_attrs_int(&call->attrs, "zero_infinity", 0, 0) == 1};
}

static ddla_status check_shapes(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  for (int i = 1; i < 4; i++) {
    const ddla_shape *other = &call->input[i].shape;
    if (other->dim[0] == x->dim[0]) continue;
    char text[2][96];
    return DDLA_FAIL(INVALID, "logits have %s but input %d has %s; their samples must be as many",
                     ddla_shape_text(text[0], sizeof text[0], x), i,
                     ddla_shape_text(text[1], sizeof text[1], other));
  }
  return DDLA_OK;
}

static ddla_status check_attrs(const ddla_op_call *call) {
  const int64_t blank = ddla_attrs_int(&call->attrs, "blank", 0, 0);
  const int64_t zero = ddla_attrs_int(&call->attrs, "zero_infinity", 0, 0);
  const int64_t classes = call->input[0].shape.dim[2];
  if (blank < 0 || blank >= classes || blank > INT32_MAX)
    return DDLA_FAIL(INVALID, "blank is %" PRId64 ", but logits have %" PRId64 " classes", blank,
                     classes);
  if (zero != 0 && zero != 1)
    return DDLA_FAIL(INVALID, "zero_infinity is %" PRId64 "; it can be 0 or 1", zero);
  return DDLA_OK;
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 3, 3));
  DDLA_TRY(ddla_op_check_input(call, 1, DDLA_I32, 2, 2));
  DDLA_TRY(ddla_op_check_input(call, 2, DDLA_I32, 1, 1));
  DDLA_TRY(ddla_op_check_input(call, 3, DDLA_I32, 1, 1));
  DDLA_TRY(check_shapes(call));
  DDLA_TRY(check_attrs(call));
  const sizes s = sizes_of(call);
  const ddla_shape trellis = DDLA_SHAPE(s.samples, s.frames, s.symbols);
  DDLA_TRY(ddla_op_check_shape(&trellis, "the trellis of sample", 0));
  ddla_op_set_loss(call);
  for (int i = 0; i < 4; i++) call->backward_reads_input[i] = true;
  /* log sum exp of each frame, then alpha */
  const int64_t numbers = s.frames * (1 + s.symbols);
  call->saved_bytes = (size_t)(s.samples * numbers) * sizeof(double);
  const int64_t backward = 2 * s.symbols + s.classes; /* beta of two frames, sums by class */
  call->scratch_bytes = (size_t)(numbers > backward ? numbers : backward) * sizeof(double);
  return DDLA_OK;
}

/* One sample, and memory for its frames. */
typedef struct spelling {
  const float *logits;  /* [frames, classes] */
  const int32_t *label; /* [labels] */
  int64_t frames, symbols, classes;
  int32_t blank;
  double *lse, *alpha; /* [frames], [frames, apart] */
  int64_t apart;
} spelling;

static spelling spelling_of(const ddla_op_call *call, const sizes *s, int64_t n, double *memory) {
  return (spelling){
      .logits = (const float *)call->input[0].data + n * s->frames * s->classes,
      .label = (const int32_t *)call->input[1].data + n * s->labels,
      .frames = ((const int32_t *)call->input[2].data)[n],
      .symbols = 2 * (int64_t)((const int32_t *)call->input[3].data)[n] + 1,
      .classes = s->classes,
      .blank = s->blank,
      .lse = memory,
      .alpha = memory + s->frames,
      .apart = s->symbols,
  };
}

static ddla_status check_sample(const spelling *p, const sizes *s, int64_t n) {
  if (p->frames < 0 || p->frames > s->frames)
    return DDLA_FAIL(INVALID,
                     "the input length of sample %" PRId64 " is %" PRId64 "; 0 to %" PRId64
                     " are possible",
                     n, p->frames, s->frames);
  if (p->symbols < 1 || p->symbols > s->symbols)
    return DDLA_FAIL(INVALID,
                     "the target length of sample %" PRId64 " is %" PRId64 "; 0 to %" PRId64
                     " are possible",
                     n, (p->symbols - 1) / 2, s->labels);
  for (int64_t i = 0; i < (p->symbols - 1) / 2; i++)
    if (p->label[i] < 0 || p->label[i] >= s->classes || p->label[i] == s->blank)
      return DDLA_FAIL(INVALID,
                       "label %" PRId64 " of sample %" PRId64 " is %" PRId32 "; 0 to %" PRId64
                       " but the blank, %" PRId32 ", are possible",
                       i, n, p->label[i], s->classes - 1, s->blank);
  return DDLA_OK;
}

static int32_t class_of(const spelling *p, int64_t symbol) {
  return symbol % 2 ? p->label[symbol / 2] : p->blank;
}

/* Whether a way may go from symbol - 2 to symbol, past a blank: between unlike labels. */
static bool may_skip(const spelling *p, int64_t symbol) {
  return symbol % 2 && symbol >= 3 && p->label[symbol / 2] != p->label[symbol / 2 - 1];
}

static double log_probability(const spelling *p, int64_t frame, int64_t symbol) {
  return (double)p->logits[frame * p->classes + class_of(p, symbol)] - p->lse[frame];
}

/* Log-probability of the target, from alpha; -infinity where it does not fit. */
static double total_of(const spelling *p) {
  if (p->frames == 0) return p->symbols == 1 ? 0 : -INFINITY;
  const double *last = p->alpha + (p->frames - 1) * p->apart;
  const double end = last[p->symbols - 1];
  return p->symbols >= 2 ? ddla_op_log_add(end, last[p->symbols - 2]) : end;
}

/* Fills lse and alpha; returns the log-probability of the target. */
static double run_forward(const spelling *p) {
  for (int64_t t = 0; t < p->frames; t++) {
    double *now = p->alpha + t * p->apart;
    const double *before = t > 0 ? now - p->apart : NULL;
    p->lse[t] = ddla_op_log_sum_exp(p->logits + t * p->classes, p->classes);
    for (int64_t s = 0; s < p->symbols; s++) {
      double sum = !before && s <= 1 ? 0 : -INFINITY;
      if (before) {
        sum = before[s];
        if (s >= 1) sum = ddla_op_log_add(sum, before[s - 1]);
        if (may_skip(p, s)) sum = ddla_op_log_add(sum, before[s - 2]);
      }
      now[s] = sum + log_probability(p, t, s);
    }
  }
  return total_of(p);
}

static ddla_status forward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  double loss = 0;
  for (int64_t n = 0; n < s.samples; n++) {
    double *memory =
        call->saved_bytes ? (double *)call->saved + n * s.frames * (1 + s.symbols) : call->scratch;
    const spelling p = spelling_of(call, &s, n, memory);
    DDLA_TRY(check_sample(&p, &s, n));
    const double log_sum = run_forward(&p);
    if (!(s.zero_infinity && log_sum == -INFINITY)) loss -= log_sum;
  }
  *(double *)call->output[0].data = loss;
  *(double *)call->output[1].data = (double)s.samples;
  return DDLA_OK;
}

/* beta of a frame from that of the frame after it; null: the last frame. */
static void step_back(const spelling *p, double *now, const double *after, int64_t frame) {
  for (int64_t s = 0; s < p->symbols; s++) {
    double sum = !after && s >= p->symbols - 2 ? 0 : -INFINITY;
    if (after) {
      sum = after[s];
      if (s + 1 < p->symbols) sum = ddla_op_log_add(sum, after[s + 1]);
      if (s + 2 < p->symbols && may_skip(p, s + 2)) sum = ddla_op_log_add(sum, after[s + 2]);
    }
    now[s] = sum + log_probability(p, frame, s);
  }
}

/* Gradient of one frame (Graves et al., equation 16): softmax - the share of ways that have class c
 * there. alpha and beta both hold the frame's own probability, so it is taken off once. */
static void add_frame(float *dz, const spelling *p, const double *beta, int64_t frame,
                      const double scale_and_sum[2], double *share) {
  const double *alpha = p->alpha + frame * p->apart;
  for (int64_t c = 0; c < p->classes; c++) share[c] = 0;
  for (int64_t s = 0; s < p->symbols; s++)
    share[class_of(p, s)] +=
        exp(alpha[s] + beta[s] - log_probability(p, frame, s) - scale_and_sum[1]);
  const float *z = p->logits + frame * p->classes;
  for (int64_t c = 0; c < p->classes; c++)
    dz[frame * p->classes + c] +=
        (float)(scale_and_sum[0] * (exp((double)z[c] - p->lse[frame]) - share[c]));
}

static ddla_status backward(const ddla_op_call *call) {
  const sizes s = sizes_of(call);
  double *beta[2] = {call->scratch, (double *)call->scratch + s.symbols};
  double *share = beta[1] + s.symbols;
  for (int64_t n = 0; n < s.samples; n++) {
    const spelling p =
        spelling_of(call, &s, n, (double *)call->saved + n * s.frames * (1 + s.symbols));
    float *dz = (float *)call->input_grad[0].data + n * s.frames * s.classes;
    if (p.frames == 0) continue;
    const double scale_and_sum[2] = {*(const double *)call->output_grad[0].data, total_of(&p)};
    if (scale_and_sum[1] == -INFINITY) {
      for (int64_t i = 0; !s.zero_infinity && i < p.frames * s.classes; i++) dz[i] = NAN;
      continue;
    }
    for (int64_t t = p.frames - 1; t >= 0; t--) {
      step_back(&p, beta[t % 2], t + 1 < p.frames ? beta[(t + 1) % 2] : NULL, t);
      add_frame(dz, &p, beta[t % 2], t, scale_and_sum, share);
    }
  }
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const struct row {
    int64_t frames[3], labels, blank;
  } rows[] = {{{1, 1, 2}, 1, 0},  {{3, 5, 4}, 2, 0},  {{2, 9, 3}, 4, 2},
              {{5, 7, 11}, 3, 4}, {{2, 12, 6}, 6, 5}, {{16, 150, 29}, 40, 0}};
  if (index >= (int)(sizeof rows / sizeof rows[0])) return false;
  const struct row *row = &rows[index];
  ddla_op_sample_start(call, 4);
  call->input[0].shape = ddla_shape_make(3, row->frames);
  call->input[1] =
      (ddla_tensor){.dtype = DDLA_I32, .shape = DDLA_SHAPE(row->frames[0], row->labels)};
  for (int i = 2; i < 4; i++)
    call->input[i] = (ddla_tensor){.dtype = DDLA_I32, .shape = DDLA_SHAPE(row->frames[0])};
  if (row->blank) ddla_attrs_set_int(&call->attrs, "blank", row->blank);
  if (index % 2) ddla_attrs_set_int(&call->attrs, "zero_infinity", 1);
  return true;
}

/* Labels that are no blanks, and lengths with which every target fits: L labels need 2 L - 1 frames
 * at most. */
static void fill(ddla_op_call *call, int input, ddla_rng *rng) {
  const sizes s = sizes_of(call);
  int32_t *to = call->input[input].data;
  if (input == 0) ddla_op_fill_normal(&call->input[0], rng, 2);
  if (input == 1)
    for (int64_t i = 0; i < s.samples * s.labels; i++) {
      const int32_t label = (int32_t)ddla_rng_below(rng, (uint64_t)(s.classes - 1));
      to[i] = label < s.blank ? label : label + 1;
    }
  for (int64_t n = 0; input >= 2 && n < s.samples; n++) {
    const int64_t frames = input == 2 ? s.frames : ((const int32_t *)call->input[2].data)[n];
    const int64_t most = input == 2 ? frames / 2 + 1 : (frames + 1) / 2 + 1;
    const int64_t drawn = (int64_t)ddla_rng_below(rng, (uint64_t)most);
    to[n] = (int32_t)(input == 2 ? frames - drawn : drawn < s.labels ? drawn : s.labels);
  }
}

const ddla_op ddla_op_ctc_loss = {
    .name = "ctc_loss",
    .math = "loss = sum_n -log (sum over the ways to spell target[n] of the product of softmax("
            "logits)[n,t,way(t)]); count = N",
    .inputs = "logits [N,T,C], target i32 [N,L], input_length i32 [N], target_length i32 [N]",
    .attrs = "blank=0 zero_infinity=0",
    .input_min = 4,
    .input_max = 4,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = fill};
