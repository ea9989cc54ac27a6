#include "agent/hosts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"

enum { LINK_BYTES = 8 << 20 /* for a host and start: words and staging memory of collectives */ };

typedef struct host_group {
  const ddla_hosts_options *options;
  int hosts;
  ddla_host_links links;
  ddla_failure *failure;     /* [hosts] shared; code DDLA_OK: went well */
  pid_t pid[DDLA_HOSTS_MAX]; /* 0: has ended */
  int alive;
  sigset_t mask; /* of signals that were blocked before */
} host_group;

static _Noreturn void be_host(host_group *group, int host, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigprocmask(SIG_SETMASK, &group->mask, NULL);
  if (getppid() != parent) _exit(ddla_status_exit(DDLA_PEER_LOST));
  ddla_status status = group->options->main(host, &group->links, group->options->argument);
  if (status != DDLA_OK) ddla_status_take(&group->failure[host], status);
  fflush(NULL);
  _exit(ddla_status_exit(status));
}

/* Where a host has one agent, that is its process; one of several is waited for by its host's. */
static ddla_status lose(const host_group *group, int host, int end) {
  const ddla_hosts_options *options = group->options;
  const int first = options->cluster->first[host];
  const bool alone = options->cluster->first[host + 1] - first == 1;
  const char *what = alone ? "agent" : "host";
  char where[128] = "its work";
  if (options->where) options->where(options->argument, where, sizeof where);
  if (!WIFSIGNALED(end))
    return DDLA_FAIL(PEER_LOST, "%s %d ended without finishing its work at %s", what,
                     alone ? first : host, where);
  return DDLA_FAIL(PEER_LOST, "%s %d was killed by signal %d (%s) at %s", what,
                   alone ? first : host, WTERMSIG(end), strsignal(WTERMSIG(end)), where);
}

static void take_end(host_group *group, int host, int end) {
  group->pid[host] = 0;
  group->alive--;
  if (WIFEXITED(end) && WEXITSTATUS(end) == 0) return;
  ddla_failure *failure = &group->failure[host];
  if (failure->code == DDLA_OK) ddla_status_take(failure, lose(group, host, end));
  ddla_local_region_fail(group->links.exchange, host, failure);
  ddla_local_region_fail(group->links.share, host, failure);
}

static void reap(host_group *group) {
  int end = 0;
  for (int h = 0; h < group->hosts; h++)
    if (group->pid[h] > 0 && waitpid(group->pid[h], &end, WNOHANG) == group->pid[h])
      take_end(group, h, end);
}

static void kill_all(const host_group *group, int number) {
  for (int h = 0; h < group->hosts; h++)
    if (group->pid[h] > 0) kill(group->pid[h], number);
}

/* The signals are blocked, so none is lost between two looks. */
static void wait_all(host_group *group, const sigset_t *signals) {
  while (group->alive > 0) {
    int number = sigwaitinfo(signals, NULL);
    if (number == SIGINT || number == SIGTERM) kill_all(group, number);
    reap(group);
  }
}

/* Others may know of a lost agent only what the first to speak had heard when it spoke. */
static const ddla_failure *first_words(const host_group *group, const ddla_failure *otherwise) {
  ddla_failure heard = {0};
  int host = 0;
  if (!ddla_local_region_failed(group->links.exchange, &host, &heard)) return otherwise;
  return group->failure[host].code != DDLA_OK ? &group->failure[host] : otherwise;
}

static ddla_status verdict(const host_group *group) {
  const ddla_failure *found = NULL;
  for (int h = 0; h < group->hosts; h++) {
    const ddla_failure *failure = &group->failure[h];
    if (failure->code == DDLA_OK) continue;
    if (!found || (found->code == DDLA_PEER_LOST && failure->code != DDLA_PEER_LOST))
      found = failure;
  }
  if (found && found->code == DDLA_PEER_LOST) found = first_words(group, found);
  return found ? ddla_status_raise(found) : DDLA_OK;
}

static ddla_status run(host_group *group) {
  ddla_status status = DDLA_OK;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGCHLD);
  fflush(NULL); /* else every host would write what is buffered now */
  sigprocmask(SIG_BLOCK, &signals, &group->mask);
  pid_t parent = getpid();
  for (int h = 0; h < group->hosts && status == DDLA_OK; h++) {
    pid_t pid = fork();
    if (pid == 0) be_host(group, h, parent);
    if (pid < 0) status = DDLA_FAIL(NO_MEMORY, "cannot start host %d: %s", h, strerror(errno));
    else group->alive++, group->pid[h] = pid;
  }
  if (status != DDLA_OK) kill_all(group, SIGTERM);
  wait_all(group, &signals);
  sigprocmask(SIG_SETMASK, &group->mask, NULL);
  return status != DDLA_OK ? status : verdict(group);
}

static ddla_status make_links(ddla_host_links *links, int hosts, int starts) {
  DDLA_TRY(ddla_local_region_create(&links->exchange, hosts,
                                    (size_t)hosts * (size_t)starts * LINK_BYTES));
  DDLA_TRY(ddla_local_region_create(&links->share, hosts, (size_t)hosts * LINK_BYTES));
  ddla_local_region_call(links->exchange, "host", 0);
  ddla_local_region_call(links->share, "host", 0);
  return DDLA_OK;
}

ddla_status ddla_hosts_play(const ddla_hosts_options *options) {
  host_group group = {.options = options, .hosts = options->cluster->hosts};
  size_t bytes = (size_t)group.hosts * sizeof *group.failure;
  ddla_status status = make_links(&group.links, group.hosts, options->starts);
  void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (status == DDLA_OK && block == MAP_FAILED) status = DDLA_FAIL(NO_MEMORY, "no memory to share");
  group.failure = block;
  if (status == DDLA_OK) status = run(&group);
  if (block != MAP_FAILED) munmap(block, bytes);
  ddla_local_region_destroy(group.links.exchange);
  ddla_local_region_destroy(group.links.share);
  return status;
}
