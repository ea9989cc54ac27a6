#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"

static unsigned char *map(size_t bytes, int kind) {
  void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
  assert_true(data != MAP_FAILED);
  return data;
}

static void all_are(const unsigned char *data, size_t bytes, unsigned char value) {
  for (size_t i = 0; i < bytes; i++) assert_int_equal(data[i], value);
}

/* Memory of one process and of several: all of a span is zero, and nothing behind it. */
static void clears_a_span(void **state) {
  (void)state;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 8 * page;
  const int kinds[] = {MAP_PRIVATE, MAP_SHARED};
  for (int k = 0; k < 2; k++) {
    unsigned char *data = map(bytes, kinds[k]);
    for (size_t span = 0; span <= bytes; span += page / 2) {
      memset(data, 7, bytes);
      ddla_pages_clear(data, span);
      all_are(data, span, 0);
      all_are(data + span, bytes - span, 7);
    }
    munmap(data, bytes);
  }
}

/* Only whole pages within a span are given back. */
static void releases_whole_pages(void **state) {
  (void)state;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 4 * page;
  unsigned char *data = map(bytes, MAP_SHARED);
  memset(data, 7, bytes);
  assert_true(ddla_pages_release(data + 1, 3 * page));
  all_are(data, page, 7);
  all_are(data + page, 2 * page, 0);
  all_are(data + 3 * page, page, 7);
  assert_true(ddla_pages_release(data + 1, page - 1));
  all_are(data, page, 7);
  munmap(data, bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(clears_a_span),
                                     cmocka_unit_test(releases_whole_pages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
