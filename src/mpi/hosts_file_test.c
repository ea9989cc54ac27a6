#include "mpi/hosts_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static ddla_status read_text(ddla_hosts_file *out, const char *text) {
  return ddla_hosts_file_read(out, text, strlen(text), "hosts");
}

static void expect_host(const ddla_hosts_file *file, int index, const char *name, int slots) {
  assert_string_equal(file->host[index].name, name);
  assert_int_equal(file->host[index].slots, slots);
}

static void both_spellings_are_read(void **state) {
  (void)state;
  ddla_hosts_file file;
  assert_int_equal(read_text(&file, "# the rack\n\nh0 slots=4 max_slots=8 # a comment\nh1:2\r\n"
                                    "\t h2.lab-3_x  \nh3 slots = 16\nh4   max-slots=2"),
                   DDLA_OK);
  assert_int_equal(file.count, 5);
  expect_host(&file, 0, "h0", 4);
  expect_host(&file, 1, "h1", 2);
  expect_host(&file, 2, "h2.lab-3_x", 1);
  expect_host(&file, 3, "h3", 16);
  expect_host(&file, 4, "h4", 1);
}

static void slots_of_a_host_that_comes_again_add_up(void **state) {
  (void)state;
  ddla_hosts_file file;
  assert_int_equal(read_text(&file, "h0:2\nh1\nh0 slots=3\nh1\n"), DDLA_OK);
  assert_int_equal(file.count, 2);
  expect_host(&file, 0, "h0", 5);
  expect_host(&file, 1, "h1", 2);
  assert_int_equal(read_text(&file, "h0:4096\nh0\n"), DDLA_INVALID);
}

static void refused(const char *text, const char *place, const char *words) {
  ddla_hosts_file file = {.count = -7};
  assert_int_equal(read_text(&file, text), DDLA_INVALID);
  const char *said = ddla_status_message(DDLA_INVALID);
  if (strncmp(said, place, strlen(place)) != 0 || !strstr(said, words))
    fail_msg("'%s' is refused with '%s'", text, said);
  assert_int_equal(file.count, -7);
}

static void bad_lines_are_refused_with_line_and_reason(void **state) {
  (void)state;
  refused("", "hosts names no host", "");
  refused("# only this\n\n", "hosts names no host", "");
  refused("h0\nh1:0\n", "hosts:2: '0' slots", "from 1 to 4096");
  refused("h0:x", "hosts:1: 'x' slots", "");
  refused("h0:", "hosts:1: '' slots", "");
  refused("\n\nh0 slots=4097", "hosts:3: '4097' slots", "");
  refused("h0 slots", "hosts:1: slots without '='", "");
  refused("h0 slots=", "hosts:1: '' slots", "");
  refused("h0 slts=2", "hosts:1: 'slts' is not understood", "");
  refused("h0 h1", "hosts:1: 'h1' is not understood", "");
  refused("h0 = 4", "hosts:1: '' is not understood", "");
  refused("= 4", "hosts:1: there is no host", "");
  refused(":4", "hosts:1: there is no host", "");
  refused("h0 user=ada", "hosts:1: user= is not passed on", "");
  refused("h0:2 ifname=eth1", "hosts:1: ifname= is not passed on", "");
  refused("ada@h0", "hosts:1: 'ada@h0' names a user", "ssh/config");
  refused("h[0-3]", "hosts:1: 'h[0-3]' is a list", "");
  refused("h0,h1", "hosts:1: 'h0,h1' is a list", "");
  refused("fe80::1", "hosts:1: 'fe80::1' looks like an IPv6 address", "");
  refused("h\xc3\xa9", "hosts:1: 'h\xc3\xa9' is no name", "");
}

/* A launcher would take it for an option. */
static void a_name_is_no_option(void **state) {
  (void)state;
  refused("-oProxyCommand=x", "hosts:1: '-oProxyCommand' is no name", "");
  refused(".h", "hosts:1: '.h' is no name", "");
}

static void names_and_hosts_have_a_limit(void **state) {
  (void)state;
  ddla_hosts_file file;
  char text[16 * DDLA_MPI_HOSTS_MAX] = "";
  size_t used = 0;
  for (int i = 0; i < DDLA_MPI_HOSTS_MAX; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "h%d\n", i);
  assert_int_equal(read_text(&file, text), DDLA_OK);
  assert_int_equal(file.count, DDLA_MPI_HOSTS_MAX);
  snprintf(text + used, sizeof text - used, "one\n");
  refused(text, "hosts:65: there may be 64 hosts at most", "");
  memset(text, 'a', 90);
  for (size_t length = 62; length <= 90; length += 14) {
    text[length] = '\0';
    if (length > 63) refused(text, "hosts:1: the name", "longer than 63");
    else assert_int_equal(read_text(&file, text), DDLA_OK);
    text[length] = 'a';
  }
}

static void a_zero_byte_is_no_end(void **state) {
  (void)state;
  ddla_hosts_file file;
  assert_int_equal(ddla_hosts_file_read(&file, "h0\0h1", 5, "hosts"), DDLA_INVALID);
  assert_int_equal(ddla_hosts_file_load(&file, "/nowhere/hosts"), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_spellings_are_read),
      cmocka_unit_test(slots_of_a_host_that_comes_again_add_up),
      cmocka_unit_test(bad_lines_are_refused_with_line_and_reason),
      cmocka_unit_test(a_name_is_no_option),
      cmocka_unit_test(names_and_hosts_have_a_limit),
      cmocka_unit_test(a_zero_byte_is_no_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
