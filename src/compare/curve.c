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

double ddla_curve_noise(const double *y, int count) {
  int measured = 0, seen = 0, terms = 0;
  double before = NAN, middle = NAN, sum = 0;
  for (int i = next(y, count, 0); i < count; i = next(y, count, i + 1)) measured++;
  for (int i = next(y, count, 0); i < count; i = next(y, count, i + 1)) {
    if (seen++ < measured / 2) continue;
    const double off = middle - (before + y[i]) / 2;
    if (isfinite(off)) {
      sum += off * off;
      terms++;
    }
    before = middle;
    middle = y[i];
  }
  return terms > 0 ? sqrt(sum / terms / 1.5) : NAN;
}
