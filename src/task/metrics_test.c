#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "task/metrics.h"

enum { CLASSES = 3, ROWS = 12, COUNTS = 3 * CLASSES + CLASSES * CLASSES };

/* Logits whose largest stands at the predicted class. */
static const int32_t labels[ROWS] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2};
static const int32_t predicted[ROWS] = {0, 0, 1, 2, 1, 1, 0, 2, 2, 2, 2, 1};

static void make_logits(float *logits) {
  ddla_rng rng = ddla_rng_make(5);
  for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = ddla_rng_uniform(&rng);
  for (int n = 0; n < ROWS; n++) logits[n * CLASSES + predicted[n]] += 2;
}

static void counts_by_hand(void **state) {
  (void)state;
  float logits[ROWS * CLASSES];
  int64_t counts[COUNTS] = {0};
  make_logits(logits);
  assert_int_equal(ddla_metrics_count(CLASSES), COUNTS);
  ddla_metrics_add(counts, NULL, logits, labels, ROWS, CLASSES);
  const int64_t expected[COUNTS] = {4, 3, 5, 3, 4, 5, 2, 2, 4, 2, 1, 1, 1, 2, 0, 0, 1, 4};
  assert_memory_equal(counts, expected, sizeof expected);
  assert_int_equal(ddla_metrics_correct(logits, labels, ROWS, CLASSES), 8);
  assert_int_equal(ddla_metrics_samples(counts, CLASSES), ROWS);
  assert_true(ddla_metrics_accuracy(counts, CLASSES) == 8.0 / 12);
  assert_int_equal(ddla_metrics_confusion(counts, CLASSES)[7], 1);
  const ddla_metrics_row row = ddla_metrics_class(counts, CLASSES, 0);
  assert_true(row.precision == 2.0 / 3 && row.recall == 0.5 && row.f1 == 4.0 / 7 &&
              row.support == 4);
  const ddla_metrics_row macro = ddla_metrics_macro(counts, CLASSES);
  assert_true(fabs(macro.recall - (0.5 + 2.0 / 3 + 0.8) / 3) < 1e-15 && macro.support == ROWS);
  const ddla_metrics_row weighted = ddla_metrics_weighted(counts, CLASSES);
  assert_true(fabs(weighted.recall - 8.0 / 12) < 1e-15);
  assert_true(fabs(weighted.precision - (4 * 2.0 / 3 + 3 * 0.5 + 5 * 0.8) / 12) < 1e-15);
}

/* Parts in any order add up to the whole. */
static void parts_add_up(void **state) {
  (void)state;
  float logits[ROWS * CLASSES];
  int64_t whole[COUNTS] = {0}, parts[3][COUNTS] = {{0}}, sum[COUNTS] = {0};
  make_logits(logits);
  ddla_metrics_add(whole, NULL, logits, labels, ROWS, CLASSES);
  const int64_t borders[4] = {0, 5, 5, ROWS};
  for (int p = 0; p < 3; p++)
    ddla_metrics_add(parts[p], NULL, logits + borders[p] * CLASSES, labels + borders[p],
                     borders[p + 1] - borders[p], CLASSES);
  for (int p = 2; p >= 0; p--) ddla_metrics_merge(sum, parts[p], CLASSES);
  assert_memory_equal(sum, whole, sizeof whole);
}

static void loss_is_cross_entropy(void **state) {
  (void)state;
  const float logits[2 * CLASSES] = {0, 0, 0, 1000, 0, -1000};
  const int32_t truth[2] = {1, 1};
  int64_t counts[COUNTS] = {0};
  double loss = 0.5;
  ddla_metrics_add(counts, &loss, logits, truth, 2, CLASSES);
  assert_true(fabs(loss - (0.5 + log(3.0) + 1000)) < 1e-12);
}

static void odd_samples(void **state) {
  (void)state;
  const float logits[4 * CLASSES] = {1, 1, 0, NAN, 0, 1, NAN, NAN, NAN, 3, 2, 1};
  const int32_t truth[4] = {0, 2, 0, -1};
  int64_t guarded[COUNTS + 2 * 8] = {0}, *counts = guarded + 8;
  double loss = 0;
  assert_int_equal(ddla_metrics_predict(logits, CLASSES), 0);
  assert_int_equal(ddla_metrics_predict(logits + 3, CLASSES), 2);
  assert_int_equal(ddla_metrics_predict(logits + 6, CLASSES), 0);
  ddla_metrics_add(counts, &loss, logits, truth, 4, CLASSES);
  assert_int_equal(ddla_metrics_samples(counts, CLASSES), 3);
  assert_true(isnan(loss));
  for (int i = 0; i < 8; i++) assert_true(guarded[i] == 0 && guarded[8 + COUNTS + i] == 0);
  const int64_t nothing[COUNTS] = {0};
  assert_true(ddla_metrics_accuracy(nothing, CLASSES) == 0);
  const ddla_metrics_row row = ddla_metrics_class(nothing, CLASSES, 1);
  assert_true(row.precision == 0 && row.recall == 0 && row.f1 == 0);
  assert_true(ddla_metrics_weighted(nothing, CLASSES).f1 == 0);
}

static void many_classes_have_no_matrix(void **state) {
  (void)state;
  enum { MANY = DDLA_METRICS_CONFUSION_MAX + 1 };
  static int64_t counts[3 * MANY];
  static float logits[MANY];
  const int32_t label = MANY - 1;
  assert_int_equal(ddla_metrics_count(MANY), 3 * MANY);
  assert_null(ddla_metrics_confusion(counts, MANY));
  logits[MANY - 1] = 1;
  ddla_metrics_add(counts, NULL, logits, &label, 1, MANY);
  assert_true(ddla_metrics_accuracy(counts, MANY) == 1);
  assert_true(ddla_metrics_macro(counts, MANY).f1 == 1.0 / MANY);
}

/* The text that scikit-learn 1.9.1 prints for the same labels with digits=4. */
static void text_as_people_know_it(void **state) {
  (void)state;
  static const char expected[] = "              precision    recall  f1-score   support\n"
                                 "\n"
                                 "         cat     0.6667    0.5000    0.5714         4\n"
                                 "         dög     0.5000    0.6667    0.5714         3\n"
                                 "        bird     0.8000    0.8000    0.8000         5\n"
                                 "\n"
                                 "    accuracy                         0.6667        12\n"
                                 "   macro avg     0.6556    0.6556    0.6476        12\n"
                                 "weighted avg     0.6806    0.6667    0.6667        12\n";
  static const char *const names[CLASSES] = {"cat", "dög", "bird"};
  float logits[ROWS * CLASSES];
  int64_t counts[COUNTS] = {0};
  make_logits(logits);
  ddla_metrics_add(counts, NULL, logits, labels, ROWS, CLASSES);
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  ddla_metrics_print(file, counts, CLASSES, names);
  fclose(file);
  assert_string_equal(text, expected);
  free(text);
}

static void as_json(void **state) {
  (void)state;
  float logits[ROWS * CLASSES];
  int64_t counts[COUNTS] = {0};
  json_t *made = NULL;
  make_logits(logits);
  ddla_metrics_add(counts, NULL, logits, labels, ROWS, CLASSES);
  assert_int_equal(ddla_metrics_json(&made, counts, CLASSES, NULL), DDLA_OK);
  assert_true(json_real_value(json_object_get(made, "accuracy")) == 8.0 / 12);
  assert_int_equal(json_integer_value(json_object_get(made, "samples")), ROWS);
  json_t *last = json_array_get(json_object_get(made, "classes"), 2);
  assert_string_equal(json_string_value(json_object_get(last, "name")), "2");
  assert_int_equal(json_integer_value(json_object_get(last, "support")), 5);
  json_t *cell = json_array_get(json_array_get(json_object_get(made, "confusion"), 2), 1);
  assert_int_equal(json_integer_value(cell), 1);
  json_decref(made);
  static const char *const broken[CLASSES] = {"a", "\xff", "c"};
  assert_int_equal(ddla_metrics_json(&made, counts, CLASSES, broken), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_by_hand),
      cmocka_unit_test(parts_add_up),
      cmocka_unit_test(loss_is_cross_entropy),
      cmocka_unit_test(odd_samples),
      cmocka_unit_test(many_classes_have_no_matrix),
      cmocka_unit_test(text_as_people_know_it),
      cmocka_unit_test(as_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
