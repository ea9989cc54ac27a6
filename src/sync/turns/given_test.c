#include "sync/turns/given.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 1000 };

static float values[COUNT];

static void one_bad_number_is_enough(void **state) {
  const ddla_given given = {DDLA_GIVEN_MODEL, 3, 17};
  (void)state;
  for (int i = 0; i < COUNT; i++) values[i] = (float)i - 500;
  assert_int_equal(ddla_given_check(&given, values, COUNT), DDLA_OK);
  values[COUNT - 1] = -INFINITY;
  assert_int_equal(ddla_given_check(&given, values, COUNT - 1), DDLA_OK);
  assert_int_equal(ddla_given_check(&given, values, COUNT), DDLA_NON_FINITE);
  assert_string_equal(
      ddla_status_message(DDLA_NON_FINITE),
      "the model that host 3 gives behind step 17 is not finite; the last checkpoint "
      "is kept. Lower train.learning_rate, or set train.clip_norm");
}

/* Where train.clip_norm is refused it is no advice. */
static void every_kind_has_its_words(void **state) {
  static const struct {
    ddla_given_kind kind;
    const char *words;
    bool clips;
  } kinds[] = {{DDLA_GIVEN_PART, "the gradient that host 1 gives to step 5 is", false},
               {DDLA_GIVEN_GRADIENT, "the gradient that host 1 gives to step 5 is", true},
               {DDLA_GIVEN_MODEL, "the model that host 1 gives behind step 5 is", true},
               {DDLA_GIVEN_MEAN, "the mean of models that host 1 makes behind step 5 is", true}};
  (void)state;
  values[7] = (float)NAN;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    const ddla_given given = {kinds[i].kind, 1, 5};
    assert_int_equal(ddla_given_check(&given, values, COUNT), DDLA_NON_FINITE);
    const char *message = ddla_status_message(DDLA_NON_FINITE);
    assert_non_null(strstr(message, kinds[i].words));
    assert_non_null(strstr(message, "Lower train.learning_rate"));
    assert_true((strstr(message, "train.clip_norm") != NULL) == kinds[i].clips);
  }
}

/* What a codec says of numbers is kept; other failures are no matter of numbers. */
static void what_a_codec_refuses_is_not_finite(void **state) {
  const ddla_given given = {DDLA_GIVEN_PART, 2, 9};
  (void)state;
  assert_int_equal(ddla_given_coded(&given, DDLA_OK), DDLA_OK);
  assert_int_equal(ddla_given_coded(&given, DDLA_FAIL(INVALID, "number 4 is nan")),
                   DDLA_NON_FINITE);
  assert_string_equal(ddla_status_message(DDLA_NON_FINITE),
                      "the gradient that host 2 gives to step 9 is not finite, or too large for "
                      "sync.codec (number 4 is nan); the last checkpoint is kept. Lower "
                      "train.learning_rate");
  assert_int_equal(ddla_given_coded(&given, DDLA_FAIL(CORRUPT, "a head")), DDLA_CORRUPT);
  assert_string_equal(ddla_status_message(DDLA_CORRUPT), "a head");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_bad_number_is_enough),
                                     cmocka_unit_test(every_kind_has_its_words),
                                     cmocka_unit_test(what_a_codec_refuses_is_not_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
