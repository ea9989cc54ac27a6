#include "mpi/complaint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ORTE                                                                                       \
  "--------------------------------------------------------------------------\n"                   \
  "ORTE was unable to reliably start one or more daemons.\nThis usually is caused by:\n\n"         \
  "* not finding the required libraries and/or binaries on\n  one or more nodes.\n"
#define HYDRA                                                                                      \
  "[mpiexec@vm] HYDU_sock_write (utils/sock/sock.c:254): write error (Bad file descriptor)\n"      \
  "[mpiexec@vm] HYD_pmcd_pmiserv_send_signal (pm/pmiserv/pmiserv_cb.c:176): unable to write "      \
  "data\n"

static void read_as(const char *said, const char *library, bool known, const char *words) {
  const ddla_mpi_attempt attempt = {.library = library, .host = "h3", .program = "/opt/ddla"};
  char out[512];
  bool understood = ddla_mpi_complaint_read(out, sizeof out, said, &attempt);
  if (understood != known || !strstr(out, words))
    fail_msg("'%s' is read as '%s', not '%s'", said, out, words);
}

static void what_keeps_a_host_away_is_understood(void **state) {
  (void)state;
  read_as("ssh: Could not resolve hostname h3: Name or service not known\n" ORTE, "openmpi", true,
          "no host of this name");
  read_as("ssh: Could not resolve hostname h3: Name or service not known\n" HYDRA, "mpich", true,
          "no host of this name");
  read_as("ssh: connect to host h3 port 22: Connection refused\n" ORTE, "openmpi", true,
          "ssh h3 true");
  read_as("ada@h3: Permission denied (publickey,password).\n" HYDRA, "mpich", true,
          "ssh-copy-id h3");
  read_as("Host key verification failed.\r\n" ORTE, "openmpi", true, "by hand: ssh h3");
}

static void what_is_missing_is_named(void **state) {
  (void)state;
  read_as("bash: line 1: orted: command not found\n" ORTE, "openmpi", true,
          "apt-get install openmpi-bin");
  read_as("bash: line 1: /usr/bin/hydra_pmi_proxy: No such file or directory\n" HYDRA, "mpich",
          true, "apt-get install mpich");
  read_as("mpirun.openmpi was unable to launch the specified application as it could not access\n"
          "or execute an executable:\n\nExecutable: /nowhere/ddla\n",
          "openmpi", true, "no program /opt/ddla;");
  read_as("[proxy:0:0@vm] HYDU_create_process (utils/launch/launch.c:73): execvp error on file "
          "/opt/ddla (No such file or directory)\n",
          "mpich", true, "no program /opt/ddla;");
  read_as(
      "--------\nThe value of the MCA parameter \"plm_rsh_agent\" was set to a path\nthat could "
      "not be found:\n",
      "openmpi", true, "openssh-client");
  read_as("[mpiexec@vm] HYDU_create_process (x.c:73): execvp error on file /usr/bin/ssh (No such "
          "file or directory)\n",
          "mpich", true, "openssh-client");
  read_as("----\nmpirun.openmpi has detected an attempt to run as root.\n", "openmpi", true,
          "OMPI_ALLOW_RUN_AS_ROOT=1");
}

/* What the program itself says goes before what a launcher makes of its end. */
static void our_own_words_are_passed_on(void **state) {
  (void)state;
  read_as("Warning: x\nddla: the plug-in ddla_mpi_openmpi.so is missing (No such file or)\nmore\n",
          "openmpi", true, "the plug-in ddla_mpi_openmpi.so is missing (No such file or)");
  read_as("ddla: MPI cannot start: Connection refused\n", "mpich", true, "MPI cannot start: Con");
  read_as("bash: ddla: command not found\n", "openmpi", true, "no program");
  read_as("sh: 1: /opt/ddla: not found\n", "mpich", true, "no program");
  /* Libraries miss much and go on. */
  read_as("hwloc: /sys/x: No such file or directory\n", "mpich", false, "hwloc: /sys/x");
}

static void other_words_are_shown(void **state) {
  (void)state;
  read_as("-------\n  \n*** fuse blown ***\nthe end\n", "mpich", false, "*** fuse blown ***");
  read_as("", "mpich", false, "");
  char small[8];
  const ddla_mpi_attempt attempt = {.library = "mpich", .program = "ddla"};
  (void)ddla_mpi_complaint_read(small, sizeof small, "a very long line of words", &attempt);
  assert_string_equal(small, "a very ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_keeps_a_host_away_is_understood),
      cmocka_unit_test(what_is_missing_is_named),
      cmocka_unit_test(our_own_words_are_passed_on),
      cmocka_unit_test(other_words_are_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
