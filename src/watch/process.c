#include "watch/process.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/machine.h"

enum { LINE_BYTES = 1024, PATH_BYTES = 64 };

/* Field `number` of proc(5)'s stat, from 3 on; `text` begins with field 3. */
static const char *field(const char *text, int number) {
  for (int i = 3; i < number && text; i++) {
    text = strchr(text, ' ');
    if (text) text++;
  }
  return text ? text : "0";
}

static int64_t ticks_ns(const char *text) {
  long per_second = sysconf(_SC_CLK_TCK);
  return strtoll(text, NULL, 10) * (1000000000 / (per_second > 0 ? per_second : 100));
}

ddla_process_state ddla_process_look(pid_t process, pid_t thread) {
  char path[PATH_BYTES], line[LINE_BYTES];
  ddla_process_state found = {0};
  if (thread > 0) snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)process, (int)thread);
  else snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  if (process <= 0 || !ddla_machine_line(line, sizeof line, path)) return found;
  const char *rest = strrchr(line, ')'); /* the name before it may hold anything */
  if (!rest || rest[1] != ' ') return found;
  rest += 2;
  found.state = rest[0];
  found.cpu_ns = ticks_ns(field(rest, 14)) + ticks_ns(field(rest, 15));
  found.started = strtoull(field(rest, 22), NULL, 10);
  found.exit_code = (int)strtol(field(rest, 52), NULL, 10);
  return found;
}

uint64_t ddla_process_started(pid_t process) { return ddla_process_look(process, 0).started; }

int64_t ddla_process_memory(pid_t process) {
  char path[PATH_BYTES], line[LINE_BYTES];
  snprintf(path, sizeof path, "/proc/%d/statm", (int)process);
  if (process <= 0 || !ddla_machine_line(line, sizeof line, path)) return 0;
  char *space = strchr(line, ' ');
  return space ? strtoll(space + 1, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

ddla_process_load ddla_process_load_of(void) {
  char line[LINE_BYTES];
  ddla_process_load load = {0};
  if (!ddla_machine_line(line, sizeof line, "/proc/loadavg")) return load;
  char *at = line;
  load.minute = strtod(line, &at);
  const char *ready = at; /* "0.20 0.18 0.12 1/80 11206" */
  for (int i = 0; i < 3 && ready; i++) {
    ready = strchr(ready, ' ');
    if (ready) ready++;
  }
  if (ready) load.ready = (int)strtol(ready, NULL, 10);
  return load;
}
