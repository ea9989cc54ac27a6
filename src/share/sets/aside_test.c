#include "share/sets/aside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <string.h>
#include <time.h>

enum { WORK_MS = 150 };

static ddla_status sleep_some(void *argument) {
  const struct timespec pause = {.tv_nsec = WORK_MS * 1000000L};
  nanosleep(&pause, NULL);
  *(bool *)argument = true;
  return DDLA_OK;
}

static ddla_status fail_some(void *argument) {
  (void)argument;
  return DDLA_FAIL(DISK_FULL, "no room for it");
}

static ddla_transport *open_alone(void) {
  ddla_transport *link = NULL;
  assert_int_equal(ddla_transport_open(&link, "self", NULL), DDLA_OK);
  return link;
}

static void work_is_done_and_its_failure_told(void **state) {
  (void)state;
  ddla_transport *link = open_alone();
  for (int threadless = 0; threadless < 2; threadless++) {
    bool worked = false;
    assert_int_equal(ddla_aside_run(link, threadless == 1, sleep_some, &worked), DDLA_OK);
    assert_true(worked);
    assert_int_equal(ddla_aside_run(link, threadless == 1, fail_some, NULL), DDLA_DISK_FULL);
    assert_string_equal(ddla_status_message(DDLA_DISK_FULL), "no room for it");
  }
  ddla_transport_close(link);
}

/* What happens to the link is seen, when the work is over. */
static void a_failed_link_is_told(void **state) {
  (void)state;
  ddla_transport *link = open_alone();
  bool worked = false;
  const ddla_failure failure = {.code = DDLA_IO, .text = "another thread's"};
  ddla_transport_fail(link, &failure);
  assert_int_equal(ddla_aside_run(link, false, sleep_some, &worked), DDLA_PEER_LOST);
  assert_true(worked);
  ddla_transport_close(link);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(work_is_done_and_its_failure_told),
      cmocka_unit_test(a_failed_link_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
