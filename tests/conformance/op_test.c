/* Every op of the table, on each of its sample cases: the gradient of the plain reference against
 * central finite differences, backward adds, gradients do not depend on which others are wanted,
 * and no result depends on what memory held. The checks are those that anybody's op goes through
 * (ddla_op_check). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/op_check.h"
#include "cases.h"

static void gradients_are_those_of_finite_differences(void **state) {
  (void)state;
  for_each_case(ddla_op_check_gradient);
}

static void backward_adds(void **state) {
  (void)state;
  for_each_case(ddla_op_check_adding);
}

static void gradients_do_not_depend_on_each_other(void **state) {
  (void)state;
  for_each_case(ddla_op_check_alone);
}

static void results_do_not_depend_on_memory(void **state) {
  (void)state;
  for_each_case(ddla_op_check_elsewhere);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_are_those_of_finite_differences),
      cmocka_unit_test(backward_adds),
      cmocka_unit_test(gradients_do_not_depend_on_each_other),
      cmocka_unit_test(results_do_not_depend_on_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
