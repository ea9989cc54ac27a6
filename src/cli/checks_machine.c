/* What a machine has: read from the system, nothing is changed or tried. */
#include <jansson.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xxhash.h>
#include <yaml.h>
#include <zstd.h>

#include "backend/cpu.h"
#include "base/machine.h"
#include "base/text.h"
#include "base/topology.h"
#include "cli/checks.h"
#include "data/data.h"

enum { MIB = 1 << 20 };

static void advise(ddla_check *check, const char *advice) {
  check->state = DDLA_CHECK_HINT;
  snprintf(check->advice, sizeof check->advice, "%s", advice);
}

void ddla_check_processor(ddla_check *check) {
  char name[96];
  struct utsname system;
  ddla_machine_name(name, sizeof name);
  if (uname(&system) != 0) memset(&system, 0, sizeof system);
  snprintf(check->value, sizeof check->value, "%s, %.40s %.64s %.40s", name, system.sysname,
           system.release, system.machine);
}

/* The flags of the first processor, between blanks; false if the system does not tell. */
static bool read_flags(char *text, size_t bytes) {
  FILE *file = fopen("/proc/cpuinfo", "re");
  bool found = false;
  while (file && !found && fgets(text, (int)bytes, file))
    found = strncmp(text, "flags", 5) == 0 || strncmp(text, "Features", 8) == 0;
  if (file) fclose(file);
  if (found) text[strcspn(text, "\n")] = ' ';
  return found;
}

void ddla_check_vectors(ddla_check *check) {
  static const char *const words[] = {"sse4_2",   "avx",      "avx2",        "fma",
                                      "avx512f",  "avx512dq", "avx512_vnni", "avx512_bf16",
                                      "amx_bf16", "asimd",    "sve",         "bf16"};
  char flags[8192] = "", word[32];
  size_t used = 0;
  bool known = read_flags(flags, sizeof flags);
  for (size_t i = 0; known && i < sizeof words / sizeof words[0]; i++) {
    snprintf(word, sizeof word, " %s ", words[i]);
    if (strstr(flags, word) && used < sizeof check->value)
      used += (size_t)snprintf(check->value + used, sizeof check->value - used, "%s%s",
                               used ? " " : "", words[i]);
  }
  if (used < sizeof check->value)
    snprintf(check->value + used, sizeof check->value - used, "%s; own kernels: %s",
             used ? "" : "not told", ddla_cpu_name(ddla_cpu()));
  if (ddla_cpu() == DDLA_CPU_PLAIN)
    advise(check, "no AVX2: training works, at a fraction of the speed");
}

void ddla_check_cores(ddla_check *check) {
  int usable = ddla_machine_processors(), all = ddla_machine_processors_all();
  double quota = ddla_machine_quota();
  char limit[64] = "no time limit";
  if (quota > 0) snprintf(limit, sizeof limit, "time of %.2f by control group", quota);
  snprintf(check->value, sizeof check->value, "%d usable of %d (%d by affinity, %s)", usable, all,
           ddla_machine_processors_affinity(), limit);
  check->number = usable;
  check->unit = "processors";
  if (usable < all)
    advise(check, "the launcher or container withholds processors; raise its limit (for example "
                  "docker --cpus, Slurm --cpus-per-task) if more are yours");
}

void ddla_check_topology(ddla_check *check) {
  ddla_topology topology = {0};
  if (ddla_topology_read(&topology, NULL) != DDLA_OK) {
    snprintf(check->value, sizeof check->value, "not known: %.160s",
             ddla_status_message(DDLA_UNSUPPORTED));
    advise(check, "lanes are not bound to cores and memory domains (parallel.bind); with many of "
                  "either, install libhwloc15, and build where hwloc.h is (libhwloc-dev)");
    return;
  }
  snprintf(check->value, sizeof check->value,
           "%d core%s in %d memory domain%s, told by %s; lanes that fill the usable ones are bound",
           topology.cores, topology.cores == 1 ? "" : "s", topology.domains,
           topology.domains == 1 ? "" : "s", topology.library);
  check->number = topology.cores;
  check->unit = "cores";
}

/* What the kernel tells of processor 0, in KiB: instructions' cache left out. 0: not told. (sysconf
 * works the numbers out from CPUID and is far off on some virtual machines.) */
static long cache_kib(int level) {
  for (int index = 0; index < 8; index++) {
    char path[96], line[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", index);
    if (!ddla_machine_line(line, sizeof line, path)) return 0;
    if (strtol(line, NULL, 10) != level) continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", index);
    if (ddla_machine_line(line, sizeof line, path) && line[0] == 'I') continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    return ddla_machine_line(line, sizeof line, path) ? strtol(line, NULL, 10) : 0;
  }
  return 0;
}

void ddla_check_caches(ddla_check *check) {
  size_t used = 0;
  for (int level = 1; level <= 3; level++) {
    long kib = cache_kib(level);
    if (kib > 0)
      used += (size_t)snprintf(check->value + used, sizeof check->value - used, "%sL%d %ld KiB",
                               used ? ", " : "", level, kib);
  }
  if (used == 0) snprintf(check->value, sizeof check->value, "not told by this system");
}

void ddla_check_memory(ddla_check *check) {
  ddla_machine_memory memory = ddla_machine_memory_of();
  char limit[64] = "";
  if (memory.limit_bytes > 0)
    snprintf(limit, sizeof limit, ", control group allows %zu MiB", memory.limit_bytes / MIB);
  snprintf(check->value, sizeof check->value, "%zu MiB, %zu MiB free to take%s",
           memory.total_bytes / MIB, memory.available_bytes / MIB, limit);
  check->number = (double)memory.available_bytes;
  check->unit = "bytes";
  if (memory.available_bytes < 512 * (size_t)MIB)
    advise(check, "less than 512 MiB is little: end other programs, or lower train.micro_batch and "
                  "parallel.lanes");
}

void ddla_check_huge_pages(ddla_check *check) {
  char line[128];
  if (!ddla_machine_line(line, sizeof line, "/sys/kernel/mm/transparent_hugepage/enabled")) {
    snprintf(check->value, sizeof check->value, "not told by this system");
    return;
  }
  char *open = strchr(line, '['), *end = open ? strchr(open, ']') : NULL;
  if (end) *end = '\0';
  snprintf(check->value, sizeof check->value, "transparent: %s", end ? open + 1 : line);
  if (end && strcmp(open + 1, "never") == 0)
    advise(check, "large models run a little faster with: echo madvise > "
                  "/sys/kernel/mm/transparent_hugepage/enabled (as root)");
}

void ddla_check_governor(ddla_check *check) {
  char line[64];
  if (!ddla_machine_line(line, sizeof line,
                         "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) {
    snprintf(check->value, sizeof check->value, "not told by this system");
    return;
  }
  snprintf(check->value, sizeof check->value, "%s", line);
  if (strcmp(line, "powersave") == 0)
    advise(check, "processors may run slowly; for measurements: cpupower frequency-set -g "
                  "performance (as root)");
}

void ddla_check_load(ddla_check *check) {
  double load[3] = {0};
  int usable = ddla_machine_processors();
  if (getloadavg(load, 3) != 3) {
    snprintf(check->value, sizeof check->value, "not told by this system");
    return;
  }
  snprintf(check->value, sizeof check->value, "%.2f %.2f %.2f over 1, 5 and 15 minutes", load[0],
           load[1], load[2]);
  check->number = load[0];
  check->unit = "processes";
  if (load[0] > 0.5 * usable)
    advise(check, "other programs compete for the processors: training waits for them, and "
                  "measurements mean little");
}

void ddla_check_disk(ddla_check *check) {
  struct statvfs found;
  if (statvfs(".", &found) != 0) {
    snprintf(check->value, sizeof check->value, "not told by this system");
    return;
  }
  double bytes = (double)found.f_bavail * (double)found.f_frsize;
  snprintf(check->value, sizeof check->value, "%.1f GiB free here%s", bytes * 0x1p-30,
           access(".", W_OK) == 0 ? "" : ", which cannot be written to");
  check->number = bytes;
  check->unit = "bytes";
  if (access(".", W_OK) != 0) advise(check, "name another place for runs with --out");
  else if (bytes < 0x1p30)
    advise(check, "checkpoints need room: free some, or use --out elsewhere");
}

void ddla_check_data(ddla_check *check) {
  static const char path[] = "/usr/share/datasets/fashion-mnist";
  const ddla_data_source source = {.path = path, .part = DDLA_DATA_TRAIN};
  bool found = ddla_dataset_has_part(&source);
  snprintf(check->value, sizeof check->value, "%s %s", path, found ? "is there" : "is missing");
  if (!found)
    advise(check, "the example's data: apt install dataset-fashion-mnist; or use your own with "
                  "data.train, or made-up ones: --set data.train=synthetic:28x28x1:10:6000");
}

/* Versions of what is linked in at run time. */
void ddla_check_libraries(ddla_check *check) {
  unsigned png = png_access_version_number(), hash = XXH_versionNumber();
  snprintf(check->value, sizeof check->value,
           "ddla %s, libyaml %s, jansson %s, libpng %u.%u.%u, xxHash %u.%u.%u, zstd %s",
           DDLA_VERSION, yaml_get_version_string(), jansson_version_str(), png / 10000,
           png / 100 % 100, png % 100, hash / 10000, hash / 100 % 100, hash % 100,
           ZSTD_versionString());
}
