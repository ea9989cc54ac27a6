#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "optim/average.h"

enum { COUNT = 1037 };
static float theta[COUNT], average[COUNT], got[COUNT], other[COUNT];

static int fill(void **state) {
  (void)state;
  ddla_rng rng = ddla_rng_make(ddla_rng_key(5, DDLA_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < COUNT; i++) theta[i] = ddla_rng_normal(&rng);
  for (int i = 0; i < COUNT; i++) average[i] = 1e3f * ddla_rng_normal(&rng);
  return 0;
}

static void mix(float *next, const float *old, int64_t begin, int64_t end, double weight,
                ddla_isa isa) {
  ddla_average_run(&(ddla_average){.count = end - begin,
                                   .theta = theta + begin,
                                   .average = old + begin,
                                   .next = next + begin,
                                   .weight = weight,
                                   .isa = isa});
}

/* Weight 1 takes theta as it is; average + 1 * (theta - average) would have rounded it. */
static void weight_one_copies(void **state) {
  (void)state;
  mix(got, average, 0, COUNT, 1, DDLA_ISA_BEST);
  assert_memory_equal(got, theta, sizeof theta);
}

static void same_bits_for_any_cut_and_isa(void **state) {
  (void)state;
  mix(got, average, 0, COUNT, 0.1, DDLA_ISA_plain);
  for (int isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++) {
    if (!ddla_isa_present((ddla_isa)isa)) continue;
    for (int64_t cut = 1; cut <= COUNT; cut = 5 * cut + 2) {
      memset(other, 0, sizeof other);
      for (int64_t at = 0; at < COUNT; at += cut)
        mix(other, average, at, at + cut < COUNT ? at + cut : COUNT, 0.1, (ddla_isa)isa);
      assert_memory_equal(got, other, sizeof got);
    }
    memcpy(other, average, sizeof other);
    mix(other, other, 0, COUNT, 0.1, (ddla_isa)isa);
    assert_memory_equal(got, other, sizeof got);
  }
}

/* The equal mean of 1, 2, 6 is 3; the running mean with decay 0.5 from step 2 on is 2, then 4. */
static void by_hand(void **state) {
  (void)state;
  const float values[] = {1, 2, 6};
  float equal = 99, running = 99;
  for (int n = 1; n <= 3; n++) {
    ddla_average_run(&(ddla_average){1, &values[n - 1], &equal, &equal, ddla_average_equal(n), 0});
    ddla_average_run(
        &(ddla_average){1, &values[n - 1], &running, &running, ddla_average_running(0.5, n, 2), 0});
    assert_true(running == (n == 1 ? 1 : n == 2 ? 2 : 4));
  }
  assert_true(fabsf(equal - 3) < 1e-6f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weight_one_copies),
                                     cmocka_unit_test(same_bits_for_any_cut_and_isa),
                                     cmocka_unit_test(by_hand)};
  return cmocka_run_group_tests(tests, fill, NULL);
}
