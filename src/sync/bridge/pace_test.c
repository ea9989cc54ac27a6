#include "sync/bridge/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t best(double bytes_per_s, int64_t space_bytes, int hosts) {
  const ddla_pace pace = {.bytes_per_s = bytes_per_s};
  return ddla_pace_range_bytes(&pace, space_bytes, hosts);
}

/* sqrt(64 MiB * 100 us * B / 2) */
static void test_faster_links_take_longer_ranges(void **state) {
  (void)state;
  assert_int_equal(best(12e6, 64 << 20, 2) / 1000, 200);
  assert_int_equal(best(118e6, 64 << 20, 2) / 1000, 629);
  assert_int_equal(best(1.2e9, 64 << 20, 2) / 1000, 2006);
}

static void test_every_host_owns_some(void **state) {
  (void)state;
  assert_int_equal(best(1.2e9, 64 << 20, 16), 1 << 20);
  assert_int_equal(best(12e9, 4 << 20, 4), 256 << 10);
}

static void test_bounds(void **state) {
  (void)state;
  assert_int_equal(best(1e6, 1 << 20, 2), 32 << 10);
  assert_int_equal(best(118e6, 1 << 20, 64), 32 << 10);
  assert_int_equal(best(100e9, INT64_C(1) << 32, 2), 8 << 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_faster_links_take_longer_ranges),
                                     cmocka_unit_test(test_every_host_owns_some),
                                     cmocka_unit_test(test_bounds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
