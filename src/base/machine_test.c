#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/machine.h"

static void processors_follow_affinity(void **state) {
  (void)state;
  cpu_set_t old, one;
  int before = ddla_machine_processors(), first = 0;
  assert_in_range(before, 1, ddla_machine_processors_affinity());
  assert_in_range(ddla_machine_processors_affinity(), 1, ddla_machine_processors_all());
  assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
  while (!CPU_ISSET(first, &old)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(ddla_machine_processors_affinity(), 1);
  assert_int_equal(ddla_machine_processors(), 1);
  assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
  assert_int_equal(ddla_machine_processors(), before);
}

static void who_computes_is_seen(void **state) {
  int pipe_ends[2];
  char byte = 0;
  (void)state;
  assert_int_equal(pipe(pipe_ends), 0);
  pid_t other = fork();
  if (other == 0) { /* computes until the pipe is closed */
    fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);
    close(pipe_ends[1]);
    while (read(pipe_ends[0], &byte, 1) < 0) continue;
    _exit(0);
  }
  close(pipe_ends[0]);
  int seen = 0; /* the other one may be about to start, or be counted out by a look between */
  for (int i = 0; i < 200 && seen == 0; i++) seen = ddla_machine_others();
  close(pipe_ends[1]);
  assert_int_equal(waitpid(other, NULL, 0), other);
  assert_true(seen > 0);
}

static void memory_is_there(void **state) {
  (void)state;
  ddla_machine_memory memory = ddla_machine_memory_of();
  assert_true(memory.total_bytes > 1 << 20);
  assert_true(memory.available_bytes > 0 && memory.available_bytes <= memory.total_bytes);
  assert_true(memory.limit_bytes <= memory.total_bytes);
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *at) {
  (void)found, (void)type, (void)at;
  return remove(path);
}

/* A made-up system in a folder: what is written into its files is what the machine has. */
static void system_file(const char *top, const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", top, name);
  for (char *at = path + strlen(top) + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = '\0';
    assert_true(mkdir(path, 0777) == 0 || errno == EEXIST);
  }
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void available_is_what_machine_and_groups_leave(void **state) {
  (void)state;
  char top[] = "/tmp/machine_test_XXXXXX";
  const size_t mib = 1 << 20;
  assert_non_null(mkdtemp(top));
  system_file(top, "proc/meminfo",
              "MemTotal:  8388608 kB\nMemFree:  1024 kB\nMemAvailable:  4194304 kB\n");
  ddla_machine_memory memory = ddla_machine_memory_below(top);
  assert_int_equal(memory.total_bytes, 8192 * mib);
  assert_int_equal(memory.available_bytes, 4096 * mib);
  assert_int_equal(memory.limit_bytes, 0);

  /* Version 2: the group's own limit leaves more than the machine, the one above it less. */
  system_file(top, "proc/self/cgroup", "0::/outer/inner\n");
  system_file(top, "sys/fs/cgroup/outer/inner/memory.max", "max\n");
  system_file(top, "sys/fs/cgroup/outer/memory.max", "1073741824\n");
  system_file(top, "sys/fs/cgroup/outer/memory.current", "629145600\n");
  system_file(top, "sys/fs/cgroup/outer/memory.stat", "anon 7\ninactive_file 104857600\n");
  memory = ddla_machine_memory_below(top);
  assert_int_equal(memory.limit_bytes, 1024 * mib);
  assert_int_equal(memory.available_bytes, (1024 - 600 + 100) * mib);
  system_file(top, "sys/fs/cgroup/outer/memory.current", "2147483648\n");
  assert_int_equal(ddla_machine_memory_below(top).available_bytes, 0);

  /* Version 1. */
  system_file(top, "proc/self/cgroup", "3:cpu,memory:/job\n");
  system_file(top, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2147483648\n");
  system_file(top, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1073741824\n");
  memory = ddla_machine_memory_below(top);
  assert_int_equal(memory.limit_bytes, 2048 * mib);
  assert_int_equal(memory.available_bytes, 1024 * mib);
  system_file(top, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  assert_int_equal(ddla_machine_memory_below(top).available_bytes, 4096 * mib);
  assert_int_equal(nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void lines_and_names(void **state) {
  (void)state;
  char text[128], small[4];
  assert_true(ddla_machine_line(text, sizeof text, "/proc/sys/kernel/ostype"));
  assert_string_equal(text, "Linux");
  assert_true(ddla_machine_line(small, sizeof small, "/proc/sys/kernel/ostype"));
  assert_string_equal(small, "Lin");
  assert_false(ddla_machine_line(text, sizeof text, "/proc/there/is/none"));
  assert_true(strlen(ddla_machine_name(text, sizeof text)) > 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(processors_follow_affinity),
                                     cmocka_unit_test(who_computes_is_seen),
                                     cmocka_unit_test(memory_is_there),
                                     cmocka_unit_test(available_is_what_machine_and_groups_leave),
                                     cmocka_unit_test(lines_and_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
