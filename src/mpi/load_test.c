#include "mpi/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_missing_plugin_names_its_package(void **state) {
  (void)state;
  ddla_mpi_loaded loaded = {0};
  assert_int_equal(ddla_mpi_load(&loaded, "openmpi", "/nowhere"), DDLA_UNSUPPORTED);
  const char *text = ddla_status_message(DDLA_UNSUPPORTED);
  assert_non_null(strstr(text, "ddla_mpi_openmpi.so is missing"));
  assert_non_null(strstr(text, "/nowhere"));
  assert_non_null(strstr(text, "libopenmpi-dev"));
  assert_int_equal(ddla_mpi_load(&loaded, "no_such_library", NULL), DDLA_UNSUPPORTED);
  assert_null(loaded.plugin);
}

static void what_is_no_plugin_is_refused(void **state) {
  (void)state;
  char folder[] = "/tmp/ddla-load-XXXXXX", path[128];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/ddla_mpi_mpich.so", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("not a library\n", file);
  fclose(file);
  ddla_mpi_loaded loaded = {0};
  ddla_status status = ddla_mpi_load(&loaded, "mpich", folder);
  unlink(path);
  rmdir(folder);
  assert_int_equal(status, DDLA_UNSUPPORTED);
  assert_non_null(strstr(ddla_status_message(DDLA_UNSUPPORTED), "cannot be loaded"));
  assert_non_null(strstr(ddla_status_message(DDLA_UNSUPPORTED), "(Debian's package: mpich)"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_missing_plugin_names_its_package),
      cmocka_unit_test(what_is_no_plugin_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
