#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "compare/network.h"

static void networks_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    ddla_network network;
  } rows[] = {{"100M,20ms,1%", {100, 20, 1}}, {"1G", {1000, 0, 0}},
              {"512k,0.5s", {0.512, 500, 0}}, {"2.5Gbit,200us,0.01%", {2500, 0.2, 0.01}},
              {"10Mbit,0ms,0%", {10, 0, 0}},  {"100G,10s,50%", {1e5, 1e4, 50}}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ddla_network found = {-1, -1, -1};
    assert_int_equal(ddla_network_read(&found, rows[i].text), DDLA_OK);
    assert_true(fabs(found.rate_mbit - rows[i].network.rate_mbit) < 1e-9);
    assert_true(fabs(found.delay_ms - rows[i].network.delay_ms) < 1e-9);
    assert_true(fabs(found.loss_percent - rows[i].network.loss_percent) < 1e-9);
  }
}

static void what_is_no_network_is_refused_by_part(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
  } rows[] = {{"", "RATE"},
              {"100", "RATE"},
              {"fast", "RATE"},
              {"-1M", "RATE"},
              {"0M", "RATE"},
              {"9k", "RATE"},
              {"101G", "RATE"},
              {"M", "RATE"},
              {"nanM", "RATE"},
              {"100M,", "DELAY"},
              {"100M,20", "DELAY"},
              {"100M,-1ms", "DELAY"},
              {"100M,11s", "DELAY"},
              {"100M,20ms,", "LOSS"},
              {"100M,20ms,1", "LOSS"},
              {"100M,20ms,51%", "LOSS"},
              {"100M,20ms,1%,5", "more than"},
              {"100000000000000000000000000000000000000000000M", "RATE"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ddla_network found = {-1, -1, -1};
    assert_int_equal(ddla_network_read(&found, rows[i].text), DDLA_INVALID);
    if (!strstr(ddla_status_message(DDLA_INVALID), rows[i].part))
      fail_msg("'%s': %s", rows[i].text, ddla_status_message(DDLA_INVALID));
    assert_true(found.rate_mbit == -1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(networks_are_read),
      cmocka_unit_test(what_is_no_network_is_refused_by_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
