/* hold FOLDER OWNER HOSTS [RATE DELAY JITTER LOSS SEED]: makes the hosts of a lab, returns when
 * they are there, and leaves a process behind that keeps them as long as process OWNER lives.
 *
 * That process is the first one of host `head`, which has namespaces of its own for network,
 * processes, mounts, name and shared memory; the hosts h0, h1, ... are its children, each with such
 * namespaces too, inside its own. Nothing has a name in the file system but FOLDER: when the head's
 * first process dies, however it dies, the kernel ends all that runs in the lab and removes all
 * links. With the last five words it is the hosts' switch as well.
 *
 * FOLDER holds `hosts` (for /etc/hosts) and `control` (a FIFO) before, and afterwards `head` (the
 * head's first process, seen from outside), `pids` (those of the hosts, a line each, seen from the
 * head) and `lock` (locked as long as the lab lives). */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netlab.h"

enum { ALL_NEW = CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC };

/* Tags of epoll; ports of the switch have smaller ones. */
enum { TAG_OWNER = 1000, TAG_CONTROL };

typedef struct lab {
  const char *folder;
  int host_count;
  int owner_fd;   /* a pidfd: readable when the owner is dead */
  int ready_fd;   /* the head writes a byte when all is there */
  int control_fd; /* lines "cut PORT", "mend PORT" and "set PORT RATE DELAY" */
  int epoll_fd;
  bool switched;
  netlab_line line;
  netlab_switch *ports;
} lab;

static void path_of(char *out, size_t size, const lab *l, const char *name) {
  snprintf(out, size, "%s/%s", l->folder, name);
}

static bool loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  bool done = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return done;
}

/* The calling process has just come into namespaces of its own: gives them what a machine has. */
static int furnish(const lab *l, const char *name) {
  char hosts[512];
  path_of(hosts, sizeof hosts, l, "hosts");
  if (sethostname(name, strlen(name))) return netlab_failed("sethostname");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return netlab_failed("private mounts");
  if (mount("proc", "/proc", "proc", 0, NULL)) return netlab_failed("mount /proc");
  if (mount("sysfs", "/sys", "sysfs", 0, NULL)) return netlab_failed("mount /sys");
  if (mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777")) return netlab_failed("mount /dev/shm");
  if (mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL)) return netlab_failed("mount /etc/hosts");
  if (!loopback_up()) return netlab_failed("loopback");
  signal(SIGCHLD, SIG_IGN); /* whose parent died is this process's child: no zombies */
  return 0;
}

/* fork() into new namespaces. */
static pid_t fork_apart(void) { return (pid_t)syscall(SYS_clone, ALL_NEW | SIGCHLD, 0, 0, 0, 0); }

static int be_host(const lab *l, int index, int ready_fd) {
  char name[16];
  snprintf(name, sizeof name, "h%d", index);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  close(l->owner_fd);
  close(l->ready_fd);
  int status = furnish(l, name);
  if (status) return status;
  if (write(ready_fd, "", 1) != 1) return 1;
  close(ready_fd);
  for (;;) pause();
}

/* Starts host `index` and waits until it is furnished. */
static int start_host(const lab *l, int index, FILE *pids) {
  int ready[2];
  if (pipe2(ready, O_CLOEXEC)) return netlab_failed("pipe");
  pid_t pid = fork_apart();
  if (pid < 0) return netlab_failed("namespaces");
  if (pid == 0) _exit(be_host(l, index, ready[1]));
  close(ready[1]);
  char byte;
  bool is_there = read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  if (!is_there) return NETLAB_SKIP; /* it has said why */
  if (l->ports && !netlab_switch_add(l->ports, pid)) return netlab_failed("TAP device");
  fprintf(pids, "%d\n", (int)pid);
  return 0;
}

static int watch(const lab *l, int fd, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int start_hosts(lab *l) {
  char path[512];
  path_of(path, sizeof path, l, "pids");
  FILE *pids = fopen(path, "we");
  if (!pids) return netlab_failed(path);
  int status = 0;
  for (int i = 0; i < l->host_count && status == 0; i++) status = start_host(l, i, pids);
  fclose(pids);
  if (status == 0 && l->ports && !netlab_switch_add(l->ports, getpid()))
    return netlab_failed("TAP device");
  return status;
}

static int prepare(lab *l) {
  char path[512];
  path_of(path, sizeof path, l, "lock");
  int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB)) return netlab_failed(path);
  path_of(path, sizeof path, l, "control");
  l->control_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (l->control_fd < 0) return netlab_failed(path);
  l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (l->epoll_fd < 0 || watch(l, l->owner_fd, TAG_OWNER) || watch(l, l->control_fd, TAG_CONTROL))
    return netlab_failed("epoll");
  int status = furnish(l, "head");
  if (status) return status;
  if (l->switched && !(l->ports = netlab_switch_new(l->epoll_fd, &l->line)))
    return netlab_failed("switch");
  return start_hosts(l);
}

/* A write of so few bytes comes whole (pipe(7)), and the script writes one line at a time. */
static void obey(const lab *l) {
  char line[256];
  ssize_t bytes = read(l->control_fd, line, sizeof line - 1);
  if (bytes <= 0 || !l->ports) return;
  line[bytes] = '\0';
  char *rest = NULL;
  for (char *word = strtok_r(line, "\n", &rest); word; word = strtok_r(NULL, "\n", &rest)) {
    int port = -1;
    double rate_mbit = 0, more_ms = 0;
    if (sscanf(word, "set %d %lf %lf", &port, &rate_mbit, &more_ms) == 3)
      netlab_switch_set(l->ports, port, rate_mbit, more_ms);
    if (sscanf(word, "cut %d", &port) == 1) netlab_switch_cut(l->ports, port, true);
    if (sscanf(word, "mend %d", &port) == 1) netlab_switch_cut(l->ports, port, false);
  }
}

/* The owner is gone, and with this process the lab goes too; only the folder is left to remove. */
static void leave(const lab *l) {
  static const char *const names[] = {"hosts",    "control", "head", "pids",
                                      "settings", "rsh",     "lock"};
  char path[512];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    path_of(path, sizeof path, l, names[i]);
    unlink(path);
  }
  rmdir(l->folder);
}

/* A switch does not wait for the hosts' processors: a late one hands on in bursts what came evenly.
 * Where this is not permitted, it is as late as the machine makes it. */
static void come_first(void) {
  const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};
  (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &least);
}

static int be_head(lab *l) {
  setsid();
  int status = prepare(l);
  if (status) return status;
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) dup2(nowhere, fd);
  if (write(l->ready_fd, "", 1) != 1) return 1;
  close(l->ready_fd);
  if (l->switched) come_first();
  for (;;) {
    struct epoll_event events[NETLAB_PORTS_MAX];
    int count = epoll_wait(l->epoll_fd, events, NETLAB_PORTS_MAX, -1);
    for (int i = 0; i < count; i++) {
      uint64_t tag = events[i].data.u64;
      if (tag == TAG_OWNER) {
        leave(l);
        return 0;
      }
      if (tag == TAG_CONTROL) obey(l);
      else netlab_switch_turn(l->ports, tag);
    }
  }
}

static bool read_words(lab *l, int count, char **words) {
  double owner, hosts, seed = 0;
  if (count != 3 && count != 8) return false;
  if (!netlab_number(&owner, words[1], 1, 1e9)) return false;
  if (!netlab_number(&hosts, words[2], 1, NETLAB_HOSTS_MAX)) return false;
  l->folder = words[0];
  l->host_count = (int)hosts;
  l->owner_fd = (int)syscall(SYS_pidfd_open, (pid_t)owner, 0);
  l->switched = count == 8;
  return !l->switched ||
         (netlab_number(&l->line.rate_mbit, words[3], 0, 1e5) &&
          netlab_number(&l->line.delay_ms, words[4], 0, 1e4) &&
          netlab_number(&l->line.jitter_ms, words[5], 0, l->line.delay_ms) &&
          netlab_number(&l->line.loss_percent, words[6], 0, 100) &&
          netlab_number(&seed, words[7], 0, 1e15) && (l->line.seed = (uint64_t)seed, true));
}

/* The head's process id, as this side of the namespace knows it, goes into FOLDER/head. */
static int report_head(const lab *l, pid_t pid) {
  char path[512];
  path_of(path, sizeof path, l, "head");
  FILE *file = fopen(path, "we");
  if (!file) return netlab_failed(path);
  fprintf(file, "%d\n", (int)pid);
  return fclose(file) ? netlab_failed(path) : 0;
}

int netlab_hold(int count, char **words) {
  lab l = {.epoll_fd = -1};
  if (!read_words(&l, count, words)) {
    fprintf(stderr,
            "netlab: settings out of bounds: at most %d hosts; rate, delay, loss not below "
            "0; jitter at most the delay\n",
            NETLAB_HOSTS_MAX);
    return 2;
  }
  if (l.owner_fd < 0) return netlab_failed("owner");
  int ready[2];
  if (pipe2(ready, O_CLOEXEC)) return netlab_failed("pipe");
  l.ready_fd = ready[1];
  pid_t pid = fork_apart();
  if (pid < 0) return netlab_failed("namespaces");
  if (pid == 0) _exit(be_head(&l));
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) == 1) return report_head(&l, pid);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
