#include "mpi/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

static void nap_ms(long ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static void count(void *argument) { atomic_fetch_add((_Atomic int *)argument, 1); }

static void who_is_late_is_told_once(void **state) {
  (void)state;
  ddla_mpi_guard guard;
  _Atomic int calls = 0;
  ddla_mpi_guard_start(&guard, 20, count, &calls);
  for (int i = 0; i < 500 && atomic_load(&calls) == 0; i++) nap_ms(20);
  nap_ms(50);
  ddla_mpi_guard_stop(&guard);
  assert_int_equal(atomic_load(&calls), 1);
}

static void who_is_in_time_is_not(void **state) {
  (void)state;
  ddla_mpi_guard guard;
  _Atomic int calls = 0;
  ddla_mpi_guard_start(&guard, 60000, count, &calls);
  ddla_mpi_guard_stop(&guard);
  ddla_mpi_guard_start(&guard, 0, count, &calls); /* no limit */
  ddla_mpi_guard_stop(&guard);
  ddla_mpi_guard_start(&guard, 1, NULL, NULL);
  ddla_mpi_guard_stop(&guard);
  assert_int_equal(atomic_load(&calls), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_is_late_is_told_once),
      cmocka_unit_test(who_is_in_time_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
