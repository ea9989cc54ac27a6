#include "agent/launch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/lookout.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "transport/local.h"

enum {
  GRACE_MS = 1500,
  LOOK_MS = 100,
  TWICE_MS = 400 /* a second Ctrl-C within it is the first once more: a program in between passed it
                    on although the terminal had sent it to all */
};

typedef struct agent_group {
  const ddla_launch_options *options;
  ddla_agent_main main;
  void *argument;
  ddla_local_region *region;
  pid_t *pid;          /* 0: has ended */
  struct pollfd *ends; /* one pidfd for each agent */
  int alive;
  ddla_watcher *watcher;  /* null: nobody watches for hangs */
  int64_t failed_ns;      /* when the first agent failed; 0: none did */
  int64_t interrupted_ns; /* when the first Ctrl-C was passed on; 0: none was */
  bool stopped_at_once;   /* by a second one */
} agent_group;

/* Signals for the launcher; a handler can reach nothing else. */
static volatile sig_atomic_t interrupts, terminations;

static void on_signal(int number) {
  if (number == SIGINT) interrupts++;
  else terminations++;
}

static ddla_status run_agent(const agent_group *group, int rank) {
  ddla_transport *transport = NULL;
  const ddla_local_setup setup = {group->region, rank};
  ddla_status status = ddla_transport_open(&transport, "local", &setup);
  if (status == DDLA_OK) status = group->main(transport, group->argument);
  if (status != DDLA_OK && status != DDLA_PEER_LOST) {
    ddla_failure failure = {0};
    ddla_status_take(&failure, status);
    ddla_local_region_fail(group->region, rank, &failure);
  }
  ddla_transport_close(transport);
  return status;
}

static _Noreturn void be_agent(const agent_group *group, int rank, pid_t launcher) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* no orphans, however the launcher ends */
  if (getppid() != launcher) _exit(ddla_status_exit(DDLA_PEER_LOST));
  ddla_status status = run_agent(group, rank);
  fflush(NULL);
  _exit(ddla_status_exit(status));
}

static void kill_all(const agent_group *group, int number) {
  for (int i = 0; i < group->options->agents; i++)
    if (group->pid[i] > 0) kill(group->pid[i], number);
}

static ddla_status start_one(agent_group *group, int rank) {
  pid_t launcher = getpid(), pid = fork();
  if (pid == 0) be_agent(group, rank, launcher);
  if (pid < 0) return DDLA_FAIL(NO_MEMORY, "cannot start agent %d: %s", rank, strerror(errno));
  group->pid[rank] = pid;
  group->alive++;
  group->ends[rank] = (struct pollfd){.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
  return DDLA_OK;
}

static void note_failure(agent_group *group) {
  if (group->failed_ns == 0) group->failed_ns = ddla_clock_now_ns(ddla_clock_monotonic());
}

static void close_end(agent_group *group, int rank) {
  if (group->ends[rank].fd >= 0) close(group->ends[rank].fd);
  group->ends[rank].fd = -1;
}

/* An agent has ended: the others must know if it did not end well. */
static void take_end(agent_group *group, int rank, int end) {
  const int agent = group->options->first + rank;
  group->pid[rank] = 0;
  group->alive--;
  close_end(group, rank);
  if (WIFSIGNALED(end))
    ddla_watch_end_agent(group->options->watch, agent, DDLA_WATCH_KILLED, WTERMSIG(end));
  else ddla_watch_end_agent(group->options->watch, agent, DDLA_WATCH_LEFT, WEXITSTATUS(end));
  if (WIFEXITED(end) && WEXITSTATUS(end) == 0) return;
  ddla_failure failure = {0};
  int who = 0, number = 0;
  bool declared = ddla_local_region_failed(group->region, &who, &failure);
  bool lost = ddla_local_region_lost(group->region, &who, &number);
  if (WIFSIGNALED(end) && group->failed_ns == 0)
    ddla_local_region_raise(group->region, rank, WTERMSIG(end));
  else if (!declared && !lost) ddla_local_region_raise(group->region, rank, 0);
  note_failure(group);
}

/* An agent that has died and cannot be reaped is traced by somebody, who must take note first. Its
 * descriptor stays ready, and would keep poll from waiting. */
static void reap(agent_group *group) {
  for (int i = 0; i < group->options->agents; i++) {
    int end = 0;
    if (group->pid[i] > 0 && waitpid(group->pid[i], &end, WNOHANG) == group->pid[i])
      take_end(group, i, end);
    else if (group->ends[i].fd >= 0 && group->ends[i].revents) close_end(group, i);
  }
}

static void pass_interrupt(agent_group *group) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  if (group->interrupted_ns == 0) {
    group->interrupted_ns = now_ns;
    kill_all(group, SIGINT);
  } else if (now_ns - group->interrupted_ns > TWICE_MS * INT64_C(1000000)) {
    group->stopped_at_once = true;
    kill_all(group, SIGKILL);
  }
}

static void pass_signals(agent_group *group, int *interrupts_seen, int *terminations_seen) {
  if (interrupts > *interrupts_seen) pass_interrupt(group);
  if (terminations > *terminations_seen) kill_all(group, SIGTERM);
  *interrupts_seen = interrupts;
  *terminations_seen = terminations;
}

static void watch(agent_group *group) {
  int interrupts_seen = 0, terminations_seen = 0;
  while (group->alive > 0) {
    poll(group->ends, (nfds_t)group->options->agents, LOOK_MS);
    pass_signals(group, &interrupts_seen, &terminations_seen);
    reap(group);
    if (group->watcher && group->failed_ns == 0) ddla_watcher_look(group->watcher);
    int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
    if (group->failed_ns && now_ns - group->failed_ns > GRACE_MS * INT64_C(1000000))
      kill_all(group, SIGKILL);
  }
}

/* The group's one failure in words. */
static ddla_status verdict(const agent_group *group) {
  ddla_failure failure = {0};
  int rank = 0, number = 0;
  if (ddla_local_region_lost(group->region, &rank, &number)) {
    char where[128] = "";
    if (group->options->where) group->options->where(group->argument, where, sizeof where);
    if (number)
      return DDLA_FAIL(PEER_LOST, "agent %d was killed by signal %d (%s) at %s",
                       group->options->first + rank, number, strsignal(number), where);
    return DDLA_FAIL(PEER_LOST, "agent %d ended without finishing its work at %s",
                     group->options->first + rank, where);
  }
  if (ddla_local_region_failed(group->region, &rank, &failure)) return ddla_status_raise(&failure);
  return DDLA_OK;
}

static ddla_status run_processes(agent_group *group) {
  struct sigaction action = {.sa_handler = on_signal}, old_int, old_term, old_usr1;
  ddla_status status = DDLA_OK;
  sigset_t stops, old_mask;
  sigemptyset(&action.sa_mask);
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGUSR1);
  interrupts = terminations = 0;
  fflush(NULL); /* else every agent would write what is buffered now */
  sigaction(SIGINT, &action, &old_int);
  sigaction(SIGTERM, &action, &old_term);
  sigaction(SIGUSR1, &action, &old_usr1); /* batch systems send it before the time is over */
  pthread_sigmask(SIG_BLOCK, &stops, &old_mask);
  for (int i = 0; i < group->options->agents && status == DDLA_OK; i++)
    status = start_one(group, i);
  pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
  if (status != DDLA_OK) kill_all(group, SIGKILL);
  watch(group);
  sigaction(SIGINT, &old_int, NULL);
  sigaction(SIGTERM, &old_term, NULL);
  sigaction(SIGUSR1, &old_usr1, NULL);
  if (status != DDLA_OK) return status;
  status = verdict(group);
  if (status == DDLA_PEER_LOST && group->stopped_at_once)
    return DDLA_FAIL(INTERRUPTED, "stopped at once by a second Ctrl-C");
  return status;
}

typedef struct agent_thread {
  const agent_group *group;
  int rank;
  pthread_t thread;
  bool started;
} agent_thread;

static void *thread_main(void *argument) {
  const agent_thread *agent = argument;
  /* The failure is in the region; the launcher reads it there. */
  if (run_agent(agent->group, agent->rank) != DDLA_OK) return NULL;
  return NULL;
}

static ddla_status run_threads(agent_group *group) {
  agent_thread *agent = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(agent, group->options->agents));
  for (int i = 0; i < group->options->agents; i++) {
    agent[i] = (agent_thread){.group = group, .rank = i};
    agent[i].started = pthread_create(&agent[i].thread, NULL, thread_main, &agent[i]) == 0;
    if (agent[i].started) continue;
    ddla_local_region_raise(group->region, i, 0);
    status = DDLA_FAIL(NO_MEMORY, "cannot start the thread of agent %d", i);
  }
  for (int i = 0; i < group->options->agents; i++)
    if (agent[i].started) pthread_join(agent[i].thread, NULL);
  ddla_free(agent);
  return status != DDLA_OK ? status : verdict(group);
}

static ddla_status run_alone(agent_group *group) {
  ddla_transport *transport = NULL;
  DDLA_TRY(ddla_transport_open(&transport, "self", NULL));
  ddla_status status = group->main(transport, group->argument);
  ddla_transport_close(transport);
  return status;
}

static void look(void *watcher) { ddla_watcher_look(watcher); }

/* Runs agents of this process while a thread looks out for hangs. */
static ddla_status run_watched(agent_group *group, ddla_status (*run)(agent_group *group)) {
  ddla_lookout *lookout = NULL;
  if (group->watcher) DDLA_TRY(ddla_lookout_start(&lookout, look, group->watcher));
  ddla_status status = run(group);
  ddla_lookout_stop(lookout);
  return status;
}

ddla_status ddla_launch(const ddla_launch_options *options, ddla_agent_main main, void *argument) {
  agent_group group = {.options = options, .main = main, .argument = argument};
  ddla_status status = DDLA_OK;
  ddla_watch_begin_launcher(options->watch, options->first, options->agents);
  if (options->watch && options->hang)
    DDLA_TRY(ddla_watcher_create(&group.watcher, options->watch, options->hang));
  if (options->agents == 1) {
    status = run_watched(&group, run_alone);
    goto cleanup;
  }
  DDLA_TRY_CLEAN(status,
                 ddla_local_region_create(&group.region, options->agents, options->shared_bytes));
  ddla_local_region_call(group.region, "agent", options->first);
  DDLA_TRY_CLEAN(status, DDLA_NEW(group.pid, options->agents));
  DDLA_TRY_CLEAN(status, DDLA_NEW(group.ends, options->agents));
  for (int i = 0; i < options->agents; i++) group.ends[i].fd = -1;
  status = options->threads ? run_watched(&group, run_threads) : run_processes(&group);
cleanup:
  if (status == DDLA_OK) ddla_watcher_finish(group.watcher);
  ddla_watcher_destroy(group.watcher);
  ddla_free(group.pid);
  ddla_free(group.ends);
  ddla_local_region_destroy(group.region);
  return status;
}
