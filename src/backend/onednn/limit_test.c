/* A process of its own: a limit is for ever once oneDNN has started. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "backend/kernel.h"
#include "backend/onednn/primitive.h"

static void names_are_found(void **state) {
  (void)state;
  for (int level = 0; level < DDLA_CPU_LEVELS; level++)
    assert_int_equal(ddla_cpu_find(ddla_cpu_name((ddla_cpu_level)level)), level);
  assert_int_equal(ddla_cpu_find("avx3"), DDLA_CPU_LEVELS);
  assert_int_equal(ddla_cpu_find(""), DDLA_CPU_LEVELS);
}

static void a_limit_lowers_and_never_raises(void **state) {
  const ddla_cpu_level has = ddla_cpu_has();
  (void)state;
  assert_int_equal(ddla_cpu(), has);
  assert_int_equal(ddla_backend_limit(DDLA_CPU_PLAIN), DDLA_OK);
  assert_int_equal(ddla_cpu(), DDLA_CPU_PLAIN);
  assert_int_equal(ddla_cpu_has(), has);
  assert_true(ddla_cpu_limited());
  assert_int_equal(ddla_backend_limit(DDLA_CPU_AVX512_BF16), DDLA_OK);
  assert_int_equal(ddla_cpu(), has);
  assert_true(ddla_cpu_limited());
  assert_int_equal(ddla_backend_limit(DDLA_CPU_LEVELS), DDLA_OK);
  assert_int_equal(ddla_cpu(), has);
}

/* What the environment says is what oneDNN is held to as well. */
static void an_environment_makes_a_lesser_processor(void **state) {
  (void)state;
  assert_false(ddla_cpu_limited());
  setenv("DDLA_CPU_AT_MOST", "plain", 1);
  assert_true(ddla_cpu_limited());
  setenv("DDLA_CPU_AT_MOST", "no such set", 1);
  assert_false(ddla_cpu_limited());
  unsetenv("DDLA_CPU_AT_MOST");
}

static void onednn_keeps_the_first(void **state) {
  const ddla_cpu_level level = ddla_cpu_has() >= DDLA_CPU_AVX2 ? DDLA_CPU_AVX2 : DDLA_CPU_PLAIN;
  (void)state;
  assert_int_equal(ddla_backend_limit(level), DDLA_OK);
  assert_int_equal(ddla_backend_start(), DDLA_OK);
#if defined(__x86_64__)
  assert_int_equal(dnnl_get_effective_cpu_isa(),
                   level == DDLA_CPU_AVX2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_sse41);
#endif
  assert_int_equal(ddla_backend_limit(level), DDLA_OK);
  assert_int_equal(ddla_backend_limit(DDLA_CPU_LEVELS), DDLA_UNSUPPORTED);
  assert_non_null(strstr(ddla_status_message(DDLA_UNSUPPORTED), ddla_cpu_name(level)));
  assert_int_equal(ddla_cpu(), level);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_found), cmocka_unit_test(a_limit_lowers_and_never_raises),
      cmocka_unit_test(an_environment_makes_a_lesser_processor),
      cmocka_unit_test(onednn_keeps_the_first), /* last: it stays */
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
