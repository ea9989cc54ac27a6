#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/choice.h"

enum { POINTS = 4 };

/* A method that has trained on 100, 200, ... samples. */
typedef struct course {
  double seconds[POINTS], samples[POINTS], bytes[POINTS], loss[POINTS], metric[POINTS];
} course;

static course courses[4];
static ddla_contender contenders[4];
static const ddla_choice_rule accuracy = {.rises = true, .margin = 0.01, .metric = "accuracy"};

/* Each 100 samples take it so long and cost so much; metrics behind each. */
static void add(int i, const char *name, double seconds, double bytes, const double *metrics) {
  course *c = &courses[i];
  for (int p = 0; p < POINTS; p++) {
    c->seconds[p] = seconds * (p + 1);
    c->samples[p] = 100 * (p + 1);
    c->bytes[p] = bytes * (p + 1);
    c->metric[p] = metrics[p];
    c->loss[p] = 1 - metrics[p];
  }
  contenders[i] = (ddla_contender){
      .name = name, .curve = {c->seconds, c->samples, c->bytes, c->loss, c->metric, POINTS}};
}

static bool is(double a, double b) { return fabs(a - b) < 1e-9; }

static const double good[POINTS] = {0.5, 0.7, 0.8, 0.9}, worse[POINTS] = {0.4, 0.6, 0.7, 0.8},
                    slightly[POINTS] = {0.4, 0.6, 0.8, 0.895};

static void the_first_at_the_target_is_chosen(void **state) {
  (void)state;
  ddla_choice choice;
  add(0, "slow", 10, 8, good);
  add(1, "fast", 2, 1, slightly);
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_true(is(choice.seconds, 8) && is(choice.samples, 400));
  assert_true(contenders[0].stands && contenders[1].stands);
  assert_true(is(choice.target, 0.895));
  assert_int_equal(choice.chosen, 1);
  assert_int_equal(choice.close, 0);
  assert_true(is(contenders[1].seconds_to, 8) && is(contenders[1].bytes_to, 4));
  assert_true(is(contenders[0].seconds_to, 39.5) && is(contenders[0].bytes_to, 8 * 3.95));
  assert_true(isnan(contenders[0].then.metric)); /* it had no point yet */
  assert_true(is(contenders[1].then.metric, 0.895) && is(contenders[0].there.metric, 0.9));
  assert_true(is(contenders[0].end.loss, 0.1));
}

static void what_learns_worse_does_not_stand(void **state) {
  (void)state;
  ddla_choice choice;
  add(0, "slow", 10, 8, good);
  add(1, "fast", 2, 1, worse);
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_true(contenders[0].stands && !contenders[1].stands);
  assert_int_equal(choice.chosen, 0);
  assert_true(is(choice.target, 0.9)); /* the others' target is not lowered by it */
  assert_true(isnan(contenders[1].seconds_to));
  const ddla_choice_rule wide = {.rises = true, .margin = 0.2, .metric = "accuracy"};
  ddla_choice_make(&choice, contenders, 2, &wide);
  assert_int_equal(choice.chosen, 1);
  assert_true(is(choice.target, 0.8));
}

static void losses_are_better_when_they_fall(void **state) {
  (void)state;
  static const double low[POINTS] = {2, 1.5, 1.2, 1}, high[POINTS] = {2, 1.8, 1.6, 1.5};
  const ddla_choice_rule rule = {.rises = false, .margin = 0.01, .metric = "loss"};
  ddla_choice choice;
  add(0, "low", 10, 1, low);
  add(1, "high", 1, 1, high);
  ddla_choice_make(&choice, contenders, 2, &rule);
  assert_true(contenders[0].stands && !contenders[1].stands);
  assert_int_equal(choice.chosen, 0);
  assert_true(is(choice.target, 1));
}

/* 10 % in time are noise; then bytes decide. */
static void of_close_ones_who_sends_less_is_chosen(void **state) {
  (void)state;
  ddla_choice choice;
  add(0, "first", 10, 8, good);
  add(1, "second", 10.9, 1, good);
  add(2, "third", 11.1, 0.5, good);
  ddla_choice_make(&choice, contenders, 3, &accuracy);
  assert_int_equal(choice.chosen, 1);
  assert_int_equal(choice.close, 1);
  add(1, "second", 10.9, 8, good); /* as much: then time */
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_int_equal(choice.chosen, 0);
}

/* A method that stopped early ends what the others are compared by. */
static void equal_samples_are_the_least(void **state) {
  (void)state;
  ddla_choice choice;
  add(0, "whole", 10, 8, good);
  add(1, "early", 2, 1, good);
  contenders[1].curve.count = 2;
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_true(is(choice.samples, 200) && is(choice.seconds, 4));
  assert_true(is(contenders[0].there.metric, 0.7));
  assert_true(is(choice.target, 0.7));
}

static void nothing_is_chosen_of_nothing(void **state) {
  (void)state;
  static const double unknown[POINTS] = {NAN, NAN, NAN, NAN};
  ddla_choice choice;
  add(0, "unmeasured", 10, 8, unknown);
  contenders[1] = (ddla_contender){.name = "refused"};
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_int_equal(choice.chosen, -1);
  assert_true(isnan(choice.target) && isnan(choice.seconds));
  ddla_choice_make(&choice, contenders, 0, &accuracy);
  assert_int_equal(choice.chosen, -1);
}

static void says(const char *text, const char *words) {
  if (!strstr(text, words)) fail_msg("'%s' does not say '%s'", text, words);
}

static void the_words_give_reasons(void **state) {
  (void)state;
  ddla_choice choice;
  char *text = NULL;
  size_t bytes = 0;
  add(0, "slow", 10, 8e6, good);
  add(1, "bad", 2, 1e6, worse);
  add(2, "fast", 5, 2e6, good);
  contenders[3] = (ddla_contender){.name = "refused"};
  ddla_choice_make(&choice, contenders, 4, &accuracy);
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  ddla_choice_print(file, &choice, contenders, 4, &accuracy);
  fclose(file);
  says(text, "Recommended: fast");
  says(text, "after 20 s");
  says(text, "8 MB sent");
  says(text, "slow: 2.00 times as long");
  says(text, "bad: left out");
  says(text, "one seed");
  assert_null(strstr(text, "refused"));
  assert_null(strstr(text, "few points"));
  free(text);
}

/* The better one's metric goes up and down by more than they are apart. */
static void what_may_be_noise_is_said(void **state) {
  (void)state;
  static const double steps[8] = {1, 2, 3, 4, 5, 6, 7, 8},
                      wild[8] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.8, 0.9, 0.89},
                      other[8] = {0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8};
  ddla_choice choice;
  add(0, "first", 10, 8, good);
  add(1, "second", 2, 1, worse);
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_true(isnan(choice.noise) && !contenders[1].doubtful); /* too few rows */
  contenders[0].curve = (ddla_curve){steps, steps, steps, wild, wild, 8};
  contenders[1].curve = (ddla_curve){steps, steps, steps, other, other, 8};
  ddla_choice_make(&choice, contenders, 2, &accuracy);
  assert_true(choice.noise > 0.05 && !contenders[1].stands && contenders[1].doubtful);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_at_the_target_is_chosen),
      cmocka_unit_test(what_learns_worse_does_not_stand),
      cmocka_unit_test(losses_are_better_when_they_fall),
      cmocka_unit_test(of_close_ones_who_sends_less_is_chosen),
      cmocka_unit_test(equal_samples_are_the_least),
      cmocka_unit_test(nothing_is_chosen_of_nothing),
      cmocka_unit_test(the_words_give_reasons),
      cmocka_unit_test(what_may_be_noise_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
