#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "train/run/tensorboard.h"

/* The vectors of RFC 3720, appendix B.4. */
static void the_checksum_is_that_of_the_rfc(void **state) {
  (void)state;
  unsigned char block[32] = {0};
  assert_int_equal(ddla_tensorboard_crc(block, 32), 0x8a9136aa);
  memset(block, 0xff, sizeof block);
  assert_int_equal(ddla_tensorboard_crc(block, 32), 0x62a8ab43);
  assert_int_equal(ddla_tensorboard_crc("123456789", 9), 0xe3069283);
}

static uint64_t number_at(const unsigned char *at, int count) {
  uint64_t value = 0;
  for (int i = count - 1; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

/* Reads the record and the event back, byte by byte. */
static void a_number_comes_back(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  ddla_tensorboard_scalar(file, 300, "loss", 0.25);
  ddla_tensorboard_scalar(file, 300, "norm", 1.0 / 0.0); /* left out */
  fclose(file);
  const unsigned char *at = (const unsigned char *)text;
  uint64_t length = number_at(at, 8);
  assert_int_equal(bytes, 8 + 4 + length + 4);
  assert_int_equal(number_at(at + 8, 4), ddla_tensorboard_mask(ddla_tensorboard_crc(at, 8)));
  assert_int_equal(number_at(at + 12 + length, 4),
                   ddla_tensorboard_mask(ddla_tensorboard_crc(at + 12, length)));
  const unsigned char tail[] = {0x10, 0xac, 0x02, /* step 300 */
                                0x2a, 13,         /* summary */
                                0x0a, 11,         /* value */
                                0x0a, 4,    'l',  'o', 's', 's', 0x15, 0, 0, 0x80, 0x3e};
  assert_int_equal(at[12], 0x09); /* wall time, eight bytes */
  assert_int_equal(length, 9 + sizeof tail);
  assert_memory_equal(at + 12 + 9, tail, sizeof tail);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_checksum_is_that_of_the_rfc),
                                     cmocka_unit_test(a_number_comes_back)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
