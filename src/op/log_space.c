#include "op/log_space.h"

#include <math.h>

double ddla_op_log_sum_exp(const float *z, int64_t count) {
  float largest = z[0];
  for (int64_t c = 1; c < count; c++)
    if (z[c] > largest) largest = z[c];
  double sum = 0;
  for (int64_t c = 0; c < count; c++) sum += exp((double)z[c] - (double)largest);
  return (double)largest + log(sum);
}

double ddla_op_log_add(double a, double b) {
  const double larger = a > b ? a : b, smaller = a > b ? b : a;
  if (isinf(larger)) return larger; /* both -infinity, or already +infinity */
  return larger + log1p(exp(smaller - larger));
}
