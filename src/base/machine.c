#include "base/machine.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 256 };

bool ddla_machine_line(char *text, size_t bytes, const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) return false;
  bool read = fgets(text, (int)bytes, file) != NULL;
  fclose(file);
  if (read) text[strcspn(text, "\n")] = '\0';
  return read;
}

int ddla_machine_processors_all(void) {
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int ddla_machine_processors_affinity(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  return count > 0 ? count : ddla_machine_processors_all(); /* more than 1024: no mask that fits */
}

/* Whether "cpu,cpuacct" has this word. */
static bool has_word(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; at; at = strchr(at, ','), at += at != NULL)
    if (strncmp(at, word, length) == 0 && (at[length] == '\0' || at[length] == ',')) return true;
  return false;
}

/* Path of this process in the hierarchy of a controller ("": version 2): "/user.slice/…". */
static bool group_path(char out[PATH_BYTES], const char *controller) {
  char line[PATH_BYTES];
  bool found = false;
  FILE *file = fopen("/proc/self/cgroup", "re");
  while (file && !found && fgets(line, sizeof line, file)) {
    char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    if (!path) continue;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    found = has_word(names + 1, controller);
    if (found) snprintf(out, PATH_BYTES, "%s", path);
  }
  if (file) fclose(file);
  return found;
}

/* Calls `read` for the group's folder and those above it up to the root. */
static void each_group(const char *root, const char *controller,
                       void (*read)(void *argument, const char *folder), void *argument) {
  char path[PATH_BYTES], folder[2 * PATH_BYTES];
  if (!group_path(path, controller)) return;
  for (;;) {
    snprintf(folder, sizeof folder, "%s%s", root, strcmp(path, "/") == 0 ? "" : path);
    read(argument, folder);
    char *slash = strrchr(path, '/');
    if (!slash || !path[1]) return;
    slash[slash == path ? 1 : 0] = '\0';
  }
}

static bool number_in(double *out, const char *folder, const char *name) {
  char path[2 * PATH_BYTES + 64], line[LINE_BYTES];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return ddla_machine_line(line, sizeof line, path) && ddla_text_to_real(out, line);
}

static void read_quota_2(void *argument, const char *folder) {
  double *least = argument, quota = 0, period = 0;
  char path[2 * PATH_BYTES + 64], line[LINE_BYTES];
  snprintf(path, sizeof path, "%s/cpu.max", folder); /* "max 100000" or "50000 100000" */
  if (!ddla_machine_line(line, sizeof line, path)) return;
  char *space = strchr(line, ' ');
  if (!space) return;
  *space = '\0';
  if (!ddla_text_to_real(&quota, line) || !ddla_text_to_real(&period, space + 1)) return;
  if (period > 0 && (*least == 0 || quota / period < *least)) *least = quota / period;
}

static void read_quota_1(void *argument, const char *folder) {
  double *least = argument, quota = 0, period = 0;
  if (!number_in(&quota, folder, "cpu.cfs_quota_us") || quota <= 0) return;
  if (!number_in(&period, folder, "cpu.cfs_period_us") || period <= 0) return;
  if (*least == 0 || quota / period < *least) *least = quota / period;
}

double ddla_machine_quota(void) {
  double least = 0;
  each_group("/sys/fs/cgroup", "", read_quota_2, &least);
  each_group("/sys/fs/cgroup/cpu", "cpu", read_quota_1, &least);
  return least;
}

int ddla_machine_processors(void) {
  int count = ddla_machine_processors_affinity();
  double quota = ddla_machine_quota();
  if (quota <= 0 || quota > count - 1) return count;
  return (int)quota + ((double)(int)quota < quota);
}

/* Limits that are as large as the address space mean none. */
static void take_limit(size_t *least, double bytes) {
  if (bytes <= 0 || bytes > 1e18) return;
  if (*least == 0 || bytes < (double)*least) *least = (size_t)bytes;
}

static void read_limit_2(void *argument, const char *folder) {
  double bytes = 0;
  if (number_in(&bytes, folder, "memory.max")) take_limit(argument, bytes);
}

static void read_limit_1(void *argument, const char *folder) {
  double bytes = 0;
  if (number_in(&bytes, folder, "memory.limit_in_bytes")) take_limit(argument, bytes);
}

/* "MemAvailable:  123 kB" of /proc/meminfo; 0 if it is not there. */
static size_t memory_row(const char *name) {
  char line[LINE_BYTES];
  size_t length = strlen(name), bytes = 0;
  FILE *file = fopen("/proc/meminfo", "re");
  while (file && bytes == 0 && fgets(line, sizeof line, file))
    if (strncmp(line, name, length) == 0 && line[length] == ':')
      bytes = (size_t)strtoull(line + length + 1, NULL, 10) << 10;
  if (file) fclose(file);
  return bytes;
}

/* What the limit leaves beside what is mapped already; at least 1 where there is a limit. */
static size_t address_left(size_t page) {
  struct rlimit limit;
  char line[LINE_BYTES];
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  if (!ddla_machine_line(line, sizeof line, "/proc/self/statm")) return (size_t)limit.rlim_cur;
  size_t mapped = (size_t)strtoull(line, NULL, 10) * page;
  return mapped < limit.rlim_cur ? (size_t)limit.rlim_cur - mapped : 1;
}

ddla_machine_memory ddla_machine_memory_of(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  ddla_machine_memory made = {.total_bytes = (size_t)sysconf(_SC_PHYS_PAGES) * page,
                              .available_bytes = memory_row("MemAvailable")};
  if (made.available_bytes == 0) made.available_bytes = (size_t)sysconf(_SC_AVPHYS_PAGES) * page;
  each_group("/sys/fs/cgroup", "", read_limit_2, &made.limit_bytes);
  each_group("/sys/fs/cgroup/memory", "memory", read_limit_1, &made.limit_bytes);
  if (made.limit_bytes > made.total_bytes) made.limit_bytes = 0;
  made.address_bytes = address_left(page);
  return made;
}

const char *ddla_machine_name(char *text, size_t bytes) {
  char line[LINE_BYTES];
  bool found = false;
  snprintf(text, bytes, "unknown processor");
  FILE *file = fopen("/proc/cpuinfo", "re");
  while (file && !found && fgets(line, sizeof line, file)) {
    char *colon = strchr(line, ':');
    found = strncmp(line, "model name", 10) == 0 && colon;
    if (!found) continue;
    colon[strcspn(colon, "\n")] = '\0';
    snprintf(text, bytes, "%s", colon + 2);
  }
  if (file) fclose(file);
  return text;
}
