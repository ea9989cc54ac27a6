#include "agent/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { ERRANDS_MAX = 64, LOOK_MS = 50, CANNOT_START = 127 };

static const int64_t enough_ns = INT64_C(3000000000), grace_ns = INT64_C(2000000000);

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

/* In the child. It leads a group of its own, so that a launcher's helpers can be ended with it. */
static _Noreturn void become(const ddla_errand *errand, int write_end, pid_t parent) {
  sigset_t none;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(CANNOT_START);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  if (!errand->passes_on) dup2(write_end, STDOUT_FILENO);
  dup2(write_end, STDERR_FILENO);
  execvp(errand->words[0], errand->words);
  dprintf(STDERR_FILENO, "%s: %s\n", errand->words[0], strerror(errno));
  _exit(CANNOT_START);
}

static ddla_status start(ddla_errand *errand) {
  int ends[2];
  const pid_t parent = getpid();
  if (pipe2(ends, O_CLOEXEC) != 0)
    return DDLA_FAIL(IO, "no pipe for %s: %s", errand->words[0], strerror(errno));
  fflush(NULL); /* else the child would have what is buffered, too */
  pid_t child = fork();
  if (child == 0) become(errand, ends[1], parent);
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return DDLA_FAIL(IO, "cannot start %s: %s", errand->words[0], strerror(errno));
  }
  setpgid(child, child); /* whoever of the two comes first */
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  errand->process = child;
  errand->pipe = ends[0];
  return DDLA_OK;
}

/* What does not fit is read all the same, so that nobody waits to write it. */
static void hear(ddla_errand *errand) {
  char rest[4096];
  for (;;) {
    const size_t room = sizeof errand->said - 1 - errand->heard;
    ssize_t got = room > 0 ? read(errand->pipe, errand->said + errand->heard, room)
                           : read(errand->pipe, rest, sizeof rest);
    if (got <= 0) return;
    if (room == 0) continue;
    /* Text, whatever it was. */
    for (ssize_t i = 0; i < got; i++)
      if (errand->said[errand->heard + (size_t)i] == '\0')
        errand->said[errand->heard + (size_t)i] = '?';
    errand->heard += (size_t)got;
  }
}

static void close_pipe(ddla_errand *errand) {
  if (errand->pipe >= 0) close(errand->pipe);
  errand->pipe = -1;
}

/* True when it has ended. */
static bool fetch(ddla_errand *errand) {
  int end = 0;
  if (errand->process > 0 && waitpid(errand->process, &end, WNOHANG) == errand->process) {
    kill(-errand->process, SIGKILL); /* what it left in its group */
    errand->process = 0;
    errand->exit = WIFEXITED(end) ? WEXITSTATUS(end) : 128 + WTERMSIG(end);
    hear(errand);
    close_pipe(errand);
  }
  return errand->process <= 0;
}

static void end(ddla_errand *errand, int number) {
  if (errand->process <= 0) return;
  errand->late = true;
  kill(-errand->process, number);
}

typedef struct round {
  ddla_errand *errands;
  int count;
  const ddla_errand_options *options;
  int64_t begun_ns, stopped_ns; /* stopped: by a signal; 0: not */
} round;

/* What is over the limit, or has said what it had to say. */
static void end_late(round *r) {
  const int64_t now = now_ns(), limit_ns = r->begun_ns + r->options->limit_ms * 1000000;
  for (int i = 0; i < r->count; i++) {
    ddla_errand *errand = &r->errands[i];
    if (errand->process <= 0) continue;
    if (errand->enough_ns == 0 && r->options->enough &&
        r->options->enough(r->options->argument, errand))
      errand->enough_ns = now + enough_ns;
    int64_t due_ns = limit_ns;
    if (errand->enough_ns > 0 && errand->enough_ns < due_ns) due_ns = errand->enough_ns;
    if (r->stopped_ns > 0 && r->stopped_ns < due_ns) due_ns = r->stopped_ns;
    if (now > due_ns + grace_ns) end(errand, SIGKILL);
    else if (now > due_ns && !errand->late) end(errand, SIGTERM);
  }
}

static bool all_have_ended(round *r) {
  bool all = true;
  for (int i = 0; i < r->count; i++) all = fetch(&r->errands[i]) && all;
  return all;
}

static void wait_a_little(const round *r) {
  struct pollfd files[ERRANDS_MAX];
  nfds_t count = 0;
  for (int i = 0; i < r->count; i++)
    if (r->errands[i].pipe >= 0)
      files[count++] = (struct pollfd){.fd = r->errands[i].pipe, .events = POLLIN};
  poll(files, count, LOOK_MS);
  for (int i = 0; i < r->count; i++)
    if (r->errands[i].pipe >= 0) hear(&r->errands[i]);
}

static void attend(round *r, const sigset_t *signals) {
  static const struct timespec at_once = {0, 0};
  while (!all_have_ended(r)) {
    wait_a_little(r);
    if (r->stopped_ns == 0 && sigtimedwait(signals, NULL, &at_once) > 0) r->stopped_ns = now_ns();
    end_late(r);
  }
}

ddla_status ddla_errand_run(ddla_errand *errands, int count, const ddla_errand_options *options) {
  round r = {.errands = errands, .count = count, .options = options, .begun_ns = now_ns()};
  ddla_status status = DDLA_OK;
  sigset_t signals, before;
  if (count > ERRANDS_MAX) return DDLA_FAIL(INVALID, "more than %d errands at once", ERRANDS_MAX);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, &before);
  for (int i = 0; i < count; i++) errands[i].pipe = -1;
  for (int i = 0; i < count && status == DDLA_OK; i++) status = start(&errands[i]);
  if (status != DDLA_OK) r.stopped_ns = r.begun_ns;
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  attend(&r, &signals);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (failure.code != DDLA_OK) return ddla_status_raise(&failure);
  return r.stopped_ns > 0 ? DDLA_FAIL(INTERRUPTED, "stopped by a signal") : DDLA_OK;
}
