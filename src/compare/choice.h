/* What methods reached with the same samples, in the same time, and what they needed for the same
 * metric; and which of them is recommended. Pure functions. */
#ifndef DDLA_COMPARE_CHOICE_H
#define DDLA_COMPARE_CHOICE_H

#include <stdio.h>

#include "compare/curve.h"

/* At one place of a curve; NAN: not known. */
typedef struct ddla_reached {
  double loss, metric;
} ddla_reached;

/* One method. */
typedef struct ddla_contender {
  const char *name; /* borrowed */
  ddla_curve curve; /* of no points: it did not come to its end */
  /* By ddla_choice_make; NAN where there is nothing to say: */
  ddla_reached end, then, there; /* at its end; at equal time; at equal samples */
  double seconds_to, bytes_to;   /* until the target, by an agent */
  bool stands;                   /* not worse than the best by more than the margin */
  bool doubtful;                 /* it does not, by a difference that may be noise */
} ddla_contender;

typedef struct ddla_choice_rule {
  bool rises;         /* a larger metric is better */
  double margin;      /* of the best metric at equal samples, 0.01: one percent */
  const char *metric; /* its name; borrowed */
} ddla_choice_rule;

typedef struct ddla_choice {
  double seconds, samples; /* that all have done; NAN: nobody has been measured */
  double target;           /* the best metric that all who stand have reached */
  double noise;            /* the largest of ddla_curve_noise of the metric; NAN: not known */
  int chosen;              /* -1: nobody */
  int close;               /* so many others need at most a tenth more time for the target */
} ddla_choice;

/* The rule. Equal time and equal samples are the least that any contender's measured course has.
 * Those whose metric at equal samples is worse than the best one's by more than the margin do not
 * stand. The target is the best metric that all who stand have reached. Chosen is who reaches it
 * first; where others need at most a tenth more time, who of them has sent least by then. */
void ddla_choice_make(ddla_choice *out, ddla_contender *contenders, int count,
                      const ddla_choice_rule *rule);

/* The same in sentences, a line each, and what one seed does not tell. */
void ddla_choice_print(FILE *file, const ddla_choice *choice, const ddla_contender *contenders,
                       int count, const ddla_choice_rule *rule);

#endif
