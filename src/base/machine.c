#include "base/machine.h"

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
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

const char *ddla_machine_byte_order(void) {
  const uint16_t one = 1;
  return *(const unsigned char *)&one == 1 ? "little endian" : "big endian";
}

int64_t ddla_machine_open_files(void) {
  struct rlimit limit = {0};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return (int64_t)limit.rlim_cur;
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
static bool group_path(char out[PATH_BYTES], const char *top, const char *controller) {
  char line[PATH_BYTES];
  bool found = false;
  snprintf(line, sizeof line, "%s/proc/self/cgroup", top);
  FILE *file = fopen(line, "re");
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

/* Where control groups of a controller are told, below the folder `top` ("": the system's own). */
typedef struct group_place {
  const char *top, *root, *controller;
} group_place;

/* Calls `read` for the group's folder and those above it up to the root. */
static void each_group(const group_place *place, void (*read)(void *argument, const char *folder),
                       void *argument) {
  char path[PATH_BYTES], folder[3 * PATH_BYTES];
  if (!group_path(path, place->top, place->controller)) return;
  for (;;) {
    snprintf(folder, sizeof folder, "%.4000s%s%s", place->top, place->root,
             strcmp(path, "/") == 0 ? "" : path);
    read(argument, folder);
    char *slash = strrchr(path, '/');
    if (!slash || !path[1]) return;
    slash[slash == path ? 1 : 0] = '\0';
  }
}

static bool number_in(double *out, const char *folder, const char *name) {
  char path[3 * PATH_BYTES + 64], line[LINE_BYTES];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return ddla_machine_line(line, sizeof line, path) && ddla_text_to_real(out, line);
}

static void read_quota_2(void *argument, const char *folder) {
  double *least = argument, quota = 0, period = 0;
  char path[3 * PATH_BYTES + 64], line[LINE_BYTES];
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
  each_group(&(group_place){"", "/sys/fs/cgroup", ""}, read_quota_2, &least);
  each_group(&(group_place){"", "/sys/fs/cgroup/cpu", "cpu"}, read_quota_1, &least);
  return least;
}

int ddla_machine_processors(void) {
  int count = ddla_machine_processors_affinity();
  double quota = ddla_machine_quota();
  if (quota <= 0 || quota > count - 1) return count;
  return (int)quota + ((double)(int)quota < quota);
}

/* The fourth word of "0.20 0.18 0.12 1/80 11206": threads that are ready, out of all. */
static int ready_now(void) {
  char line[LINE_BYTES];
  if (!ddla_machine_line(line, sizeof line, "/proc/loadavg")) return 0;
  char *at = line;
  for (int word = 0; word < 3 && at; word++) {
    at = strchr(at, ' ');
    at += at != NULL;
  }
  return at ? (int)strtol(at, NULL, 10) : 0;
}

int ddla_machine_others(void) {
  enum { LOOKS = 4 };
  int least = ready_now();
  for (int i = 1; i < LOOKS && least > 1; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    const int ready = ready_now();
    if (ready < least) least = ready;
  }
  return least > 1 ? least - 1 : 0;
}

/* A row of a file of the system, "name: 123 kB" or "name 123": the number; 0 if it is not there. */
static size_t row_in(const char *path, const char *name) {
  char line[LINE_BYTES];
  size_t length = strlen(name), number = 0;
  FILE *file = fopen(path, "re");
  while (file && number == 0 && fgets(line, sizeof line, file))
    if (strncmp(line, name, length) == 0 && (line[length] == ':' || line[length] == ' '))
      number = (size_t)strtoull(line + length + 1, NULL, 10);
  if (file) fclose(file);
  return number;
}

/* The least limit of the groups, and the least that one of them has left; `limited`: there is one.
 */
typedef struct group_memory {
  bool limited;
  size_t limit_bytes, left_bytes;
} group_memory;

/* Limits that are as large as the address space mean none. File pages that nobody uses count as
 * used, and make room when it is asked for. */
static void take_limit(group_memory *memory, const char *folder, double limit, double used,
                       const char *idle_row) {
  char path[3 * PATH_BYTES + 64];
  if (limit <= 0 || limit > 1e18) return;
  snprintf(path, sizeof path, "%s/memory.stat", folder);
  double busy = used - (double)row_in(path, idle_row);
  double left = busy > 0 ? limit - busy : limit;
  size_t left_bytes = left > 0 ? (size_t)left : 0;
  if (!memory->limited || limit < (double)memory->limit_bytes) memory->limit_bytes = (size_t)limit;
  if (!memory->limited || left_bytes < memory->left_bytes) memory->left_bytes = left_bytes;
  memory->limited = true;
}

static void read_limit_2(void *argument, const char *folder) {
  double limit = 0, used = 0;
  if (!number_in(&limit, folder, "memory.max")) return;
  if (!number_in(&used, folder, "memory.current")) used = 0;
  take_limit(argument, folder, limit, used, "inactive_file");
}

static void read_limit_1(void *argument, const char *folder) {
  double limit = 0, used = 0;
  if (!number_in(&limit, folder, "memory.limit_in_bytes")) return;
  if (!number_in(&used, folder, "memory.usage_in_bytes")) used = 0;
  take_limit(argument, folder, limit, used, "total_inactive_file");
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

ddla_machine_memory ddla_machine_memory_below(const char *top) {
  char path[PATH_BYTES];
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  group_memory group = {0};
  snprintf(path, sizeof path, "%s/proc/meminfo", top);
  ddla_machine_memory made = {.total_bytes = row_in(path, "MemTotal") << 10,
                              .available_bytes = row_in(path, "MemAvailable") << 10};
  if (made.total_bytes == 0) made.total_bytes = (size_t)sysconf(_SC_PHYS_PAGES) * page;
  if (made.available_bytes == 0) made.available_bytes = (size_t)sysconf(_SC_AVPHYS_PAGES) * page;
  each_group(&(group_place){top, "/sys/fs/cgroup", ""}, read_limit_2, &group);
  each_group(&(group_place){top, "/sys/fs/cgroup/memory", "memory"}, read_limit_1, &group);
  if (group.limited && group.limit_bytes <= made.total_bytes) made.limit_bytes = group.limit_bytes;
  if (group.limited && group.left_bytes < made.available_bytes)
    made.available_bytes = group.left_bytes;
  made.address_bytes = address_left(page);
  return made;
}

ddla_machine_memory ddla_machine_memory_of(void) { return ddla_machine_memory_below(""); }

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
