#include "compare/choice.h"

#include <math.h>

/* Time to the target that is not told apart: runs on one machine differ by so much. */
static const double close_share = 0.1;

/* A difference of two metrics is about 1.4 times as noisy as each; twice that is still noise. */
static const double noise_factor = 3;

/* The metric, or the loss where there is none: what places of a curve count by. */
static const double *measured(const ddla_curve *curve) {
  return isnan(ddla_curve_last(curve->metric, curve->count)) ? curve->loss : curve->metric;
}

/* x at the last point that was measured. */
static double end_of(const ddla_curve *curve, const double *x) {
  const double *y = measured(curve);
  for (int i = curve->count - 1; i >= 0; i--)
    if (isfinite(y[i])) return x[i];
  return NAN;
}

static double at(const ddla_curve *curve, const double *x, const double *y, double place) {
  return ddla_curve_at(x, y, curve->count, place);
}

static ddla_reached reached(const ddla_curve *curve, const double *x, double place) {
  return (ddla_reached){at(curve, x, curve->loss, place), at(curve, x, curve->metric, place)};
}

/* Least of what all have done. */
static void find_equal(ddla_choice *choice, const ddla_contender *c, int count) {
  choice->seconds = choice->samples = NAN;
  for (int i = 0; i < count; i++) {
    choice->seconds = fmin(choice->seconds, end_of(&c[i].curve, c[i].curve.seconds));
    choice->samples = fmin(choice->samples, end_of(&c[i].curve, c[i].curve.samples));
  }
}

static void find_reached(ddla_contender *c, int count, const ddla_choice *choice) {
  for (int i = 0; i < count; i++) {
    const ddla_curve *curve = &c[i].curve;
    c[i].end = (ddla_reached){ddla_curve_last(curve->loss, curve->count),
                              ddla_curve_last(curve->metric, curve->count)};
    c[i].then = reached(curve, curve->seconds, choice->seconds);
    c[i].there = reached(curve, curve->samples, choice->samples);
  }
}

static bool is_better(const ddla_choice_rule *rule, double a, double b) {
  return isnan(b) ? !isnan(a) : rule->rises ? a > b : a < b;
}

static double best_there(const ddla_contender *c, int count, const ddla_choice_rule *rule) {
  double best = NAN;
  for (int i = 0; i < count; i++)
    if (is_better(rule, c[i].there.metric, best)) best = c[i].there.metric;
  return best;
}

static void find_noise(ddla_choice *choice, const ddla_contender *c, int count) {
  choice->noise = NAN;
  for (int i = 0; i < count; i++)
    choice->noise = fmax(choice->noise, ddla_curve_noise(c[i].curve.metric, c[i].curve.count));
}

static void find_standing(ddla_contender *c, int count, const ddla_choice *choice,
                          const ddla_choice_rule *rule) {
  const double best = best_there(c, count, rule), room = rule->margin * fabs(best);
  for (int i = 0; i < count; i++) {
    const double behind = rule->rises ? best - c[i].there.metric : c[i].there.metric - best;
    c[i].stands = behind <= room; /* false where either is NAN */
    c[i].doubtful = !c[i].stands && behind <= noise_factor * choice->noise;
  }
}

static void find_target(ddla_choice *choice, ddla_contender *c, int count,
                        const ddla_choice_rule *rule) {
  choice->target = NAN;
  for (int i = 0; i < count; i++) {
    const double best = ddla_curve_best(c[i].curve.metric, c[i].curve.count, rule->rises);
    if (c[i].stands && (isnan(choice->target) || is_better(rule, choice->target, best)))
      choice->target = best;
  }
  for (int i = 0; i < count; i++) {
    const ddla_curve *curve = &c[i].curve;
    c[i].seconds_to =
        ddla_curve_reach(curve->seconds, curve->metric, curve->count, choice->target, rule->rises);
    c[i].bytes_to =
        ddla_curve_reach(curve->bytes, curve->metric, curve->count, choice->target, rule->rises);
  }
}

static bool is_close(const ddla_contender *c, double seconds) {
  return c->stands && c->seconds_to <= (1 + close_share) * seconds;
}

static void choose(ddla_choice *choice, const ddla_contender *c, int count) {
  double first = NAN;
  choice->chosen = -1;
  choice->close = 0;
  for (int i = 0; i < count; i++)
    if (c[i].stands) first = fmin(first, c[i].seconds_to);
  for (int i = 0; i < count; i++) {
    if (!is_close(&c[i], first)) continue;
    if (choice->chosen >= 0) choice->close++;
    const ddla_contender *best = choice->chosen < 0 ? NULL : &c[choice->chosen];
    if (!best || c[i].bytes_to < best->bytes_to ||
        (c[i].bytes_to == best->bytes_to && c[i].seconds_to < best->seconds_to))
      choice->chosen = i;
  }
}

void ddla_choice_make(ddla_choice *out, ddla_contender *contenders, int count,
                      const ddla_choice_rule *rule) {
  find_equal(out, contenders, count);
  find_reached(contenders, count, out);
  find_noise(out, contenders, count);
  find_standing(contenders, count, out, rule);
  find_target(out, contenders, count, rule);
  choose(out, contenders, count);
}

static void print_rivals(FILE *file, const ddla_choice *choice, const ddla_contender *c, int count,
                         const ddla_choice_rule *rule) {
  const ddla_contender *best = &c[choice->chosen];
  for (int i = 0; i < count; i++) {
    if (i == choice->chosen || c[i].curve.count == 0) continue;
    fprintf(file, "  %s: ", c[i].name);
    if (!c[i].stands)
      fprintf(file, "left out, as its %s with the same samples (%.4g) is over %.3g %% worse%s\n",
              rule->metric, c[i].there.metric, 100 * rule->margin,
              c[i].doubtful ? ", which may be noise" : "");
    else fprintf(file, "%.2f times as long\n", c[i].seconds_to / best->seconds_to);
  }
}

/* What a single run cannot tell. */
static void print_doubts(FILE *file, const ddla_choice *choice, const ddla_contender *c, int count,
                         const ddla_choice_rule *rule) {
  bool few = false;
  for (int i = 0; i < count; i++) few = few || (c[i].curve.count > 0 && c[i].curve.count < 4);
  if (choice->close > 0)
    fprintf(file,
            "Note: %d other%s at most %.0f %% more time, which is within the noise of one run and "
            "one seed; of these the one that sends least is named.\n",
            choice->close, choice->close == 1 ? " needs" : "s need", 100 * close_share);
  fprintf(
      file,
      "Note: one seed each; differences in %s of less than %.3g %% are not counted. Repeat with "
      "another --seed before you rely on a small one.\n",
      rule->metric, 100 * rule->margin);
  if (isfinite(choice->noise))
    fprintf(
        file,
        "Note: %s goes up and down by about %.2g from row to row; differences of less than %.2g "
        "may be noise.\n",
        rule->metric, choice->noise, noise_factor * choice->noise);
  if (few)
    fprintf(file, "Note: curves have few points, between which times are guessed; set "
                  "train.measure_every for more.\n");
}

void ddla_choice_print(FILE *file, const ddla_choice *choice, const ddla_contender *contenders,
                       int count, const ddla_choice_rule *rule) {
  if (choice->chosen < 0) {
    fputs("Recommended: nothing, as no method that came to its end has a metric of validation "
          "samples.\n",
          file);
    return;
  }
  const ddla_contender *best = &contenders[choice->chosen];
  fprintf(file, "Recommended: %s\n", best->name);
  fprintf(file, "It reached %s %.4g, which all who are not left out reached, after %.4g s",
          rule->metric, choice->target, best->seconds_to);
  fprintf(file, " and %.4g MB sent by an agent.\n", 1e-6 * best->bytes_to);
  print_rivals(file, choice, contenders, count, rule);
  print_doubts(file, choice, contenders, count, rule);
}
