#include "compare/curve.h"

#include <math.h>

/* Next point from i on that has a y; count: none. */
static int next(const double *y, int count, int i) {
  while (i < count && !isfinite(y[i])) i++;
  return i;
}

static double between(double from, double to, double part) { return from + part * (to - from); }

double ddla_curve_at(const double *x, const double *y, int count, double place) {
  int before = next(y, count, 0);
  if (before == count || !(place >= x[before])) return NAN;
  for (int i = before; i < count; i = next(y, count, i + 1)) {
    if (x[i] == place) return y[i];
    if (x[i] > place) return between(y[before], y[i], (place - x[before]) / (x[i] - x[before]));
    before = i;
  }
  return NAN;
}

double ddla_curve_reach(const double *x, const double *y, int count, double target, bool rises) {
  int before = -1;
  for (int i = next(y, count, 0); i < count; i = next(y, count, i + 1)) {
    if (rises ? y[i] >= target : y[i] <= target)
      return before < 0 ? x[i]
                        : between(x[before], x[i], (target - y[before]) / (y[i] - y[before]));
    before = i;
  }
  return NAN;
}

double ddla_curve_best(const double *y, int count, bool rises) {
  double best = NAN;
  for (int i = next(y, count, 0); i < count; i = next(y, count, i + 1))
    if (isnan(best) || (rises ? y[i] > best : y[i] < best)) best = y[i];
  return best;
}

double ddla_curve_last(const double *y, int count) {
  for (int i = count - 1; i >= 0; i--)
    if (isfinite(y[i])) return y[i];
  return NAN;
}
