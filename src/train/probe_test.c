#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "backend/kernel.h"
#include "train/probe.h"

static void *probe_main(void *argument) {
  char *hash = argument;
  if (ddla_probe_run(hash, DDLA_PRECISION_FP32) != DDLA_OK) hash[0] = '\0';
  return NULL;
}

/* The same bits again, and in another thread at another address. */
static void same_bits(void **state) {
  (void)state;
  char one[DDLA_XXH128_TEXT_BYTES] = "", two[DDLA_XXH128_TEXT_BYTES] = "",
       other[DDLA_XXH128_TEXT_BYTES] = "";
  pthread_t thread;
  assert_int_equal(ddla_backend_start(), DDLA_OK);
  assert_int_equal(ddla_probe_run(one, DDLA_PRECISION_FP32), DDLA_OK);
  assert_int_equal(ddla_probe_run(two, DDLA_PRECISION_FP32), DDLA_OK);
  assert_int_equal(pthread_create(&thread, NULL, probe_main, other), 0);
  pthread_join(thread, NULL);
  assert_int_equal(strlen(one), DDLA_XXH128_TEXT_BYTES - 1);
  assert_string_equal(one, two);
  assert_string_equal(one, other);
}

/* A precision has a hash of its own, so a group at bf16 compares what it will compute. */
static void each_precision_has_its_hash(void **state) {
  (void)state;
  char fp32[DDLA_XXH128_TEXT_BYTES] = "", bf16[DDLA_XXH128_TEXT_BYTES] = "",
       again[DDLA_XXH128_TEXT_BYTES] = "";
  assert_int_equal(ddla_probe_run(fp32, DDLA_PRECISION_FP32), DDLA_OK);
  assert_int_equal(ddla_probe_run(bf16, DDLA_PRECISION_BF16), DDLA_OK);
  assert_int_equal(ddla_probe_run(again, DDLA_PRECISION_BF16), DDLA_OK);
  assert_string_not_equal(fp32, bf16);
  assert_string_equal(bf16, again);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits),
                                     cmocka_unit_test(each_precision_has_its_hash)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
