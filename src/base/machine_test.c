#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <sched.h>
#include <string.h>

#include "base/machine.h"

static void processors_follow_affinity(void **state) {
  (void)state;
  cpu_set_t old, one;
  int before = ddla_machine_processors(), first = 0;
  assert_in_range(before, 1, ddla_machine_processors_affinity());
  assert_in_range(ddla_machine_processors_affinity(), 1, ddla_machine_processors_all());
  assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
  while (!CPU_ISSET(first, &old)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(ddla_machine_processors_affinity(), 1);
  assert_int_equal(ddla_machine_processors(), 1);
  assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
  assert_int_equal(ddla_machine_processors(), before);
}

static void memory_is_there(void **state) {
  (void)state;
  ddla_machine_memory memory = ddla_machine_memory_of();
  assert_true(memory.total_bytes > 1 << 20);
  assert_true(memory.available_bytes > 0 && memory.available_bytes <= memory.total_bytes);
  assert_true(memory.limit_bytes <= memory.total_bytes);
}

static void lines_and_names(void **state) {
  (void)state;
  char text[128], small[4];
  assert_true(ddla_machine_line(text, sizeof text, "/proc/sys/kernel/ostype"));
  assert_string_equal(text, "Linux");
  assert_true(ddla_machine_line(small, sizeof small, "/proc/sys/kernel/ostype"));
  assert_string_equal(small, "Lin");
  assert_false(ddla_machine_line(text, sizeof text, "/proc/there/is/none"));
  assert_true(strlen(ddla_machine_name(text, sizeof text)) > 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(processors_follow_affinity),
                                     cmocka_unit_test(memory_is_there),
                                     cmocka_unit_test(lines_and_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
