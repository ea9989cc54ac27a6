#include "agent/reading.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/lookout.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/machine.h"
#include "watch/process.h"

enum { PATH_BYTES = 4096 };

struct ddla_reading {
  const char *source;
  double seconds;
  FILE *screen;
  ddla_lookout *lookout;
  uint64_t done; /* what all threads but the lookout's have done: see done_by */
  int64_t progress_ns;
  bool shown;
};

/* A thread that sleeps in the system. */
typedef struct sleeper {
  pid_t thread;
  char state;            /* S or D */
  char path[PATH_BYTES]; /* what it reads, or empty */
} sleeper;

/* Bytes that a thread has read by system calls, and its processor time in ticks. */
static uint64_t done_by(pid_t thread, int64_t cpu_ns) {
  char path[64], line[128];
  snprintf(path, sizeof path, "/proc/self/task/%d/io", (int)thread);
  if (!ddla_machine_line(line, sizeof line, path)) line[0] = '\0';
  const char *bytes = strchr(line, ' '); /* "rchar: 3047" */
  return (bytes ? strtoull(bytes, NULL, 10) : 0) + (uint64_t)(cpu_ns / 1000000);
}

/* Text at an address of this process, which another thread may take away at any moment. */
static void copy_text(char *text, size_t bytes, uint64_t address) {
  size_t used = 0;
  for (; used + 1 < bytes; used++) { /* by single bytes: the text may end before an unmapped page */
    struct iovec to = {text + used, 1}, from = {(void *)(uintptr_t)(address + used), 1};
    if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) != 1 || !text[used]) break;
  }
  text[used] = '\0';
}

static void name_of_file(char *text, size_t bytes, uint64_t file) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%" PRIu64, file);
  ssize_t length = readlink(link, text, bytes - 1);
  text[length > 0 ? length : 0] = '\0';
}

/* The file of the system call that the thread sleeps in: "257 0xffffff9c 0x7ffd… 0x80000 …". */
static void find_path(sleeper *it) {
  char path[64], line[256], *at = line;
  uint64_t word[3] = {0};
  snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)it->thread);
  if (!ddla_machine_line(line, sizeof line, path)) return;
  long call = strtol(line, &at, 10);
  for (int i = 0; i < 3; i++) word[i] = strtoull(at, &at, 16);
  switch (call) {
  case SYS_openat:
  case SYS_newfstatat: copy_text(it->path, sizeof it->path, word[1]); break;
#ifdef SYS_open
  case SYS_open:
  case SYS_stat: copy_text(it->path, sizeof it->path, word[0]); break;
#endif
  case SYS_read:
  case SYS_pread64:
  case SYS_fstat:
  case SYS_getdents64: name_of_file(it->path, sizeof it->path, word[0]); break;
  default: break;
  }
}

/* Looks at a thread; the one that waits for a file is kept. False: it runs, or is ready to. */
static bool look_at_thread(sleeper *out, uint64_t *done, pid_t thread) {
  ddla_process_state state = ddla_process_look(getpid(), thread);
  *done += done_by(thread, state.cpu_ns);
  if (state.state != 'S' && state.state != 'D') return false;
  if (out->path[0]) return true;
  out->thread = thread;
  out->state = state.state;
  find_path(out);
  return true;
}

/* All threads but this one. False: one of them runs. */
static bool all_sleep(sleeper *out, uint64_t *done) {
  pid_t own = (pid_t)syscall(SYS_gettid);
  bool sleep = true;
  DIR *threads = opendir("/proc/self/task");
  if (!threads) return false;
  for (const struct dirent *entry; (entry = readdir(threads));) {
    pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
    if (thread > 0 && thread != own) sleep = look_at_thread(out, done, thread) && sleep;
  }
  closedir(threads);
  return sleep;
}

static void show(const ddla_reading *reading, const sleeper *it, double seconds) {
  fprintf(reading->screen,
          "ddla: reading %s: nothing has come for %.1f s (limit %.1f s)\n"
          "  the launcher (process %d) %s; Ctrl-C ends it\n",
          it->path[0] ? it->path : reading->source, seconds, reading->seconds, (int)getpid(),
          it->state == 'D' ? "waits for the disk or the network"
                           : "sleeps: what is behind it (disk, network, pipe) does not answer");
  fflush(reading->screen);
}

static void look(void *argument) {
  ddla_reading *reading = argument;
  sleeper found = {.thread = 0};
  uint64_t done = 0;
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  bool sleep = all_sleep(&found, &done);
  double seconds = (double)(now_ns - reading->progress_ns) * 1e-9;
  if (!sleep || done != reading->done) {
    if (reading->shown) fprintf(reading->screen, "ddla: goes on after %.1f s\n", seconds);
    reading->shown = false;
    reading->done = done;
    reading->progress_ns = now_ns;
  } else if (!reading->shown && seconds > reading->seconds) {
    show(reading, &found, seconds);
    reading->shown = true;
  }
}

ddla_status ddla_reading_start(ddla_reading **out, const char *source, double seconds,
                               FILE *screen) {
  ddla_reading *reading = NULL;
  if (seconds <= 0) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(reading, 1));
  *reading = (ddla_reading){.source = source,
                            .seconds = seconds,
                            .screen = screen,
                            .progress_ns = ddla_clock_now_ns(ddla_clock_monotonic())};
  ddla_status status = ddla_lookout_start(&reading->lookout, look, reading);
  if (status != DDLA_OK) {
    ddla_free(reading);
    return status;
  }
  *out = reading;
  return DDLA_OK;
}

void ddla_reading_stop(ddla_reading *reading) {
  if (!reading) return;
  ddla_lookout_stop(reading->lookout);
  ddla_free(reading);
}
