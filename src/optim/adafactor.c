/* Adafactor (Shazeer and Stern 2018, "Adafactor: adaptive learning rates with sublinear memory
 * cost", arXiv:1804.04235, algorithms 4 and 5), in the form of PyTorch's Adafactor: no first
 * moment, and of the second one only means over rows and columns, R and C.
 *
 *   g = scale * gradient,   b = step^-0.8
 *   R = R + b * (mean over the columns of g * g - R)
 *   C = C + b * (mean over the rows of g * g - C)
 *   V = R C / max(mean of R, epsilon)               a vector: V = V + b * (g * g - V)
 *   U = g / sqrt(max(V, epsilon^2))
 *   rate' = min(rate, 1 / sqrt(step)) * max(least_scale, RMS(theta)) / max(1, RMS(U) / clip_update)
 *   theta = theta * (1 - rate * decay) - rate' * U
 *
 * We differ from PyTorch in the matrix: a tensor of more than two dimensions is one matrix of its
 * first dimension and all others, not many small ones of the last two. Sums are taken in double.
 * The exponent -0.8 is the paper's and no option: fifth roots have the same bits everywhere, pow()
 * has not. */
#include <math.h>

#include "optim/norm.h"
#include "optim/optimizer.h"

enum { COLUMNS_AT_ONCE = 64 };

static int64_t factor_count(int64_t rows, int64_t columns) { return rows + columns; }

/* step^-0.8 by Newton's method for the fifth root; step >= 1, where it falls from above. */
static double fresh_share(int64_t step) {
  const double x = (double)step;
  double root = x, next = x;
  do {
    root = next;
    next = (4 * root + x / (root * root * root * root)) / 5;
  } while (next < root);
  return 1 / (root * root * root * root);
}

static float blend(float old, double mean, double fresh) {
  return (float)((double)old + fresh * (mean - (double)old));
}

/* Sum of squares of a row: its blocks from left to right. */
static double row_sum(const float *row, int64_t columns, ddla_isa isa) {
  double sum = 0;
  for (int64_t at = 0; at < columns; at += DDLA_NORM_BLOCK) {
    double part = 0;
    int64_t left = columns - at;
    ddla_norm_block_sums(&part, row + at, left < DDLA_NORM_BLOCK ? left : DDLA_NORM_BLOCK, isa);
    sum += part;
  }
  return sum;
}

/* Sums of squares of `count` neighbouring columns, from top to bottom. */
typedef struct column_sums {
  double *sums;       /* [count] */
  const float *first; /* the first of them, in the first row */
  int64_t rows, columns, count;
} column_sums;

DDLA_ISA_BODY columns_body(const column_sums *a) {
  double sums[COLUMNS_AT_ONCE] = {0};
  const int64_t count = a->count;
  for (int64_t r = 0; r < a->rows; r++) {
    const float *row = a->first + r * a->columns;
    DDLA_INDEPENDENT
    for (int64_t c = 0; c < count; c++) sums[c] += (double)row[c] * (double)row[c];
  }
  for (int64_t c = 0; c < count; c++) a->sums[c] = sums[c];
}

DDLA_ISA_FUNCTION(columns_isa, columns_body, column_sums)

/* Square of the scale over the number of summands: makes sums of squares of raw gradients means. */
static double mean_of(const ddla_update *u, int64_t summands) {
  return u->gradient_scale * u->gradient_scale / (double)summands;
}

static void factor_rows(const ddla_update *u, int64_t first, int64_t end, double fresh) {
  const ddla_update_tensor *t = u->tensor;
  for (int64_t r = first; r < end; r++)
    t->factors_next[r] = blend(
        t->factors[r],
        mean_of(u, t->columns) * row_sum(u->gradient + r * t->columns, t->columns, u->isa), fresh);
}

/* Columns first … end, counted from 0. */
static void factor_columns(const ddla_update *u, int64_t first, int64_t end, double fresh) {
  const ddla_update_tensor *t = u->tensor;
  for (int64_t at = first; at < end; at += COLUMNS_AT_ONCE) {
    double sums[COLUMNS_AT_ONCE];
    const column_sums a = {.sums = sums,
                           .first = u->gradient + at,
                           .rows = t->rows,
                           .columns = t->columns,
                           .count = end - at < COLUMNS_AT_ONCE ? end - at : COLUMNS_AT_ONCE};
    columns_isa(u->isa, &a);
    for (int64_t c = 0; c < a.count; c++)
      t->factors_next[t->rows + at + c] =
          blend(t->factors[t->rows + at + c], mean_of(u, t->rows) * sums[c], fresh);
  }
}

static void factor(const ddla_update *u, int64_t first, int64_t end) {
  const ddla_update_tensor *t = u->tensor;
  const double fresh = fresh_share(u->step);
  if (t->columns == 0) {
    for (int64_t i = first; i < end; i++) {
      double g = u->gradient_scale * (double)u->gradient[i];
      t->factors_next[i] = blend(t->factors[i], g * g, fresh);
    }
    return;
  }
  if (first < t->rows) factor_rows(u, first, end < t->rows ? end : t->rows, fresh);
  if (end > t->rows) factor_columns(u, first > t->rows ? first - t->rows : 0, end - t->rows, fresh);
}

/* A stretch of the direction whose second moments are factor * square[i]. */
typedef struct stretch {
  const float *gradient, *square;
  float *direction;
  int64_t count;
  float scale, factor, least;
} stretch;

DDLA_ISA_BODY stretch_body(const stretch *s) {
  const float *gradient = s->gradient, *square = s->square;
  float *direction = s->direction;
  const float scale = s->scale, factor = s->factor, least = s->least;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < s->count; i++) {
    float v = factor * square[i];
    direction[i] = scale * gradient[i] / sqrtf(v > least ? v : least);
  }
}

DDLA_ISA_FUNCTION(stretch_isa, stretch_body, stretch)

static void direct(const ddla_update *u) {
  const ddla_update_tensor *t = u->tensor;
  const double epsilon = u->options->epsilon;
  const double divisor = t->row_mean > epsilon ? t->row_mean : epsilon;
  stretch s = {.scale = (float)u->gradient_scale, .least = (float)(epsilon * epsilon)};
  for (int64_t i = 0; i < u->count; i += s.count) {
    const int64_t at = u->at + i;
    const int64_t column = t->columns > 0 ? at % t->columns : 0;
    s.gradient = u->gradient + i;
    s.direction = u->theta_next + i;
    s.square = t->columns > 0 ? t->factors_next + t->rows + column : t->factors_next + at;
    s.factor = t->columns > 0 ? (float)((double)t->factors_next[at / t->columns] / divisor) : 1;
    s.count = t->columns > 0 ? t->columns - column : u->count;
    if (s.count > u->count - i) s.count = u->count - i;
    stretch_isa(u->isa, &s);
  }
}

static void direction(const ddla_update *u) {
  direct(u);
  ddla_norm_block_sums(&u->sums[0], u->theta, u->count, u->isa);
  ddla_norm_block_sums(&u->sums[1], u->theta_next, u->count, u->isa);
}

DDLA_ISA_BODY apply_body(const ddla_update *u) {
  const ddla_optimizer_options *o = u->options;
  const double count = (double)u->tensor->count, slowest = 1 / sqrt((double)u->step);
  const double size = sqrt(u->tensor->sums[0] / count), move = sqrt(u->tensor->sums[1] / count);
  const double rate = u->learning_rate < slowest ? u->learning_rate : slowest;
  const double excess = move / o->clip_update;
  const float keep = (float)(1 - u->learning_rate * u->weight_decay);
  const float step =
      (float)(rate * (size > o->least_scale ? size : o->least_scale) / (excess > 1 ? excess : 1));
  const float *theta = u->theta;
  float *theta_next = u->theta_next;
  DDLA_INDEPENDENT
  for (int64_t i = 0; i < u->count; i++) theta_next[i] = theta[i] * keep - step * theta_next[i];
}

DDLA_ISA_FUNCTION(apply_isa, apply_body, ddla_update)

static void apply(const ddla_update *u) { apply_isa(u->isa, u); }

const ddla_optimizer ddla_optimizer_adafactor = {
    .name = "adafactor",
    .help = "second moments by row and column, steps relative to the tensor's size; options "
            "epsilon, clip_update, least_scale, weight_decay",
    .factor_count = factor_count,
    .factor = factor,
    .direction = direction,
    .apply = apply};
