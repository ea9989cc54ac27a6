/* The course of a run as columns of numbers, and what it reached where. Pure functions. */
#ifndef DDLA_COMPARE_CURVE_H
#define DDLA_COMPARE_CURVE_H

#include <stdbool.h>

/* A point for each row of a run's metrics, [count] of each. Borrowed. */
typedef struct ddla_curve {
  const double *seconds, *samples, *bytes; /* none of them falls; bytes: sent by an agent */
  const double *loss, *metric;             /* NAN where they were not measured */
  int count;
} ddla_curve;

/* y at a place on x, on a straight line between the points around it that have a y; NAN before the
 * first of these and behind the last. */
double ddla_curve_at(const double *x, const double *y, int count, double place);

/* Where y first is at least (rises) or at most `target`: the place on x, on a straight line from
 * the point before; that of the first point where it is so from the beginning. NAN: nowhere. */
double ddla_curve_reach(const double *x, const double *y, int count, double target, bool rises);

/* The best of y, and the last; NAN where it was never measured. */
double ddla_curve_best(const double *y, int count, bool rises);
double ddla_curve_last(const double *y, int count);

/* How far points lie off a smooth course: their standard deviation s if each is off by itself, from
 * the differences y_i - (y_(i-1) + y_(i+1)) / 2, whose variance is then 3/2 s^2, in the later half
 * of what was measured. NAN: that has fewer than 3 points. */
double ddla_curve_noise(const double *y, int count);

#endif
