/* How work over a link of samples ends. */
#include "agent/sharing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka asks for these before it */
#include <cmocka.h>

/* Its own work ends well; the link may have heard of another host's failure by then. */
static ddla_status work(ddla_transport *link, ddla_wire *wire, void *argument) {
  const bool *fails = argument;
  ddla_failure failure = {.code = DDLA_DISK_FULL, .text = "on host far: no room"};
  (void)wire;
  if (*fails) ddla_transport_fail(link, &failure);
  return DDLA_OK;
}

static void a_failed_link_is_a_failure(void **state) {
  bool fails = false;
  (void)state;
  assert_int_equal(ddla_sharing_run(NULL, DDLA_OK, NULL, false, work, &fails), DDLA_OK);
  fails = true;
  const ddla_status status = ddla_sharing_run(NULL, DDLA_OK, NULL, false, work, &fails);
  assert_int_equal(status, DDLA_PEER_LOST);
  assert_non_null(strstr(ddla_status_message(status), "on host far: no room"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_failed_link_is_a_failure)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
