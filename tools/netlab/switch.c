/* The user-space switch: joins hosts through TAP devices with a rate, a delay, jitter and loss at
 * each port.
 *
 * A host's own end of its cable is a queueing discipline in the host (`netlab wire`), which keeps
 * to the line's rate and makes TCP wait, as a real device does: nothing is lost there. What comes
 * in at port a for port b leaves b's cable when that has carried all before it, and is dropped
 * where too much waits; then the delay passes. All that is known when the frame comes, so its time
 * of delivery is reckoned at once. A port delivers in the order of arrival, jitter or not: TCP
 * would take another order for loss. The frames of a port so are a queue in the order of their
 * times, the next one due is the least of the heads, and no heap is needed. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "netlab.h"

enum {
  FRAME_MAX = 1600,        /* MTU 1500 and the header */
  ADDRESS = 6,             /* bytes of a MAC address; a frame begins with the receiver's */
  PORT_BYTE = 5,           /* of an address: port + 1, as netlab_switch_add gives them out */
  READ_MAX = 64,           /* frames from one port at a time: the others wait */
  QUEUE_NS = 50 * 1000000, /* so long may a frame wait for a cable, as tbf's latency 50ms */
  TAG_TIMER = 999,
};

typedef struct frame {
  struct frame *next;
  int64_t due_ns;
  int bytes;
  unsigned char data[];
} frame;

typedef struct port {
  int fd;
  bool cut;
  double rate_mbit, more_ms; /* of its cable; what that adds to the delay of all */
  int64_t free_ns;           /* when the cable has carried to the host what it has been given */
  int64_t last_due_ns;
  frame *first, **end;
} port;

struct netlab_switch {
  int epoll_fd, timer_fd;
  int port_count;
  port ports[NETLAB_PORTS_MAX];
  netlab_line line;
  uint64_t dice;
};

/* SplitMix64: Steele, Lea, Flood, OOPSLA 2014, doi 10.1145/2660193.2660195. Uniform in [0, 1). */
static double roll(netlab_switch *s) {
  uint64_t z = s->dice += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool watch(netlab_switch *s, int fd, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

netlab_switch *netlab_switch_new(int epoll_fd, const netlab_line *line) {
  netlab_switch *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->epoll_fd = epoll_fd;
  s->line = *line;
  s->dice = line->seed;
  s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (s->timer_fd >= 0 && watch(s, s->timer_fd, TAG_TIMER)) return s;
  free(s);
  return NULL;
}

/* eth0 with the address of port `index`, in the network namespace of the calling thread; or -1. */
static int open_tap(int index) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -1;
  struct ifreq device = {.ifr_name = "eth0", .ifr_flags = IFF_TAP | IFF_NO_PI};
  struct ifreq address = {.ifr_name = "eth0", .ifr_hwaddr.sa_family = ARPHRD_ETHER};
  address.ifr_hwaddr.sa_data[0] = 2; /* administered locally */
  address.ifr_hwaddr.sa_data[PORT_BYTE] = (char)(index + 1);
  if (ioctl(fd, TUNSETIFF, &device) == 0 && ioctl(fd, SIOCSIFHWADDR, &address) == 0) return fd;
  close(fd);
  return -1;
}

bool netlab_switch_add(netlab_switch *s, pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int there = open(path, O_RDONLY | O_CLOEXEC);
  int fd = -1;
  if (home >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
    fd = open_tap(s->port_count);
    if (setns(home, CLONE_NEWNET)) abort(); /* no way back to its own namespace */
  }
  close(home);
  close(there);
  if (fd < 0 || !watch(s, fd, (uint64_t)s->port_count)) return false;
  port *p = &s->ports[s->port_count++];
  p->fd = fd;
  p->rate_mbit = s->line.rate_mbit;
  p->end = &p->first;
  return true;
}

void netlab_switch_cut(netlab_switch *s, int index, bool cut) {
  if (index >= 0 && index < s->port_count) s->ports[index].cut = cut;
}

void netlab_switch_set(netlab_switch *s, int index, double rate_mbit, double more_ms) {
  if (index < 0 || index >= s->port_count) return;
  s->ports[index].rate_mbit = rate_mbit;
  s->ports[index].more_ms = more_ms;
}

/* When a frame of so many bytes that is there now has passed the cable to a host; -1: it would wait
 * too long. */
static int64_t pass(port *to, int bytes) {
  int64_t now_ns = netlab_now_ns();
  if (to->rate_mbit <= 0) return now_ns;
  int64_t begins_ns = to->free_ns > now_ns ? to->free_ns : now_ns;
  if (begins_ns - now_ns > QUEUE_NS) return -1;
  return to->free_ns = begins_ns + (int64_t)(bytes * 8e3 / to->rate_mbit);
}

static void deliver_later(netlab_switch *s, const port *from, port *to, const unsigned char *data,
                          int bytes) {
  if (s->line.loss_percent > 0 && roll(s) * 100 < s->line.loss_percent) return;
  int64_t passed_ns = pass(to, bytes);
  frame *f = passed_ns < 0 ? NULL : malloc(sizeof *f + (size_t)bytes);
  if (!f) return; /* a full queue drops */
  double delay_ms = s->line.delay_ms + from->more_ms + to->more_ms;
  if (s->line.jitter_ms > 0) delay_ms += s->line.jitter_ms * (2 * roll(s) - 1);
  int64_t due_ns = passed_ns + (int64_t)(delay_ms * 1e6);
  if (due_ns < to->last_due_ns) due_ns = to->last_due_ns;
  *f = (frame){.due_ns = due_ns, .bytes = bytes};
  memcpy(f->data, data, (size_t)bytes);
  to->last_due_ns = due_ns;
  *to->end = f;
  to->end = &f->next;
}

static void forward(netlab_switch *s, const port *from, const unsigned char *data, int bytes) {
  bool to_all = data[0] & 1;
  int index = data[PORT_BYTE] - 1;
  for (int i = 0; i < s->port_count; i++) {
    port *to = &s->ports[i];
    if (to != from && !to->cut && (to_all || i == index)) deliver_later(s, from, to, data, bytes);
  }
}

static void take(netlab_switch *s, const port *from) {
  unsigned char data[FRAME_MAX];
  for (int i = 0; i < READ_MAX; i++) {
    ssize_t bytes = read(from->fd, data, sizeof data);
    if (bytes < 2 * ADDRESS) return;
    if (!from->cut) forward(s, from, data, (int)bytes);
  }
}

/* Sends what is due. A frame that the host does not take is lost, as on a wire. */
static void give(port *to, int64_t now_ns) {
  while (to->first && to->first->due_ns <= now_ns) {
    frame *f = to->first;
    to->first = f->next;
    if (!to->first) to->end = &to->first;
    if (!to->cut) (void)!write(to->fd, f->data, (size_t)f->bytes);
    free(f);
  }
}

static void set_timer(const netlab_switch *s) {
  int64_t next_ns = 0; /* which stops the timer */
  for (int i = 0; i < s->port_count; i++) {
    const frame *f = s->ports[i].first;
    if (f && (next_ns == 0 || f->due_ns < next_ns)) next_ns = f->due_ns;
  }
  struct itimerspec when = {.it_value = {next_ns / 1000000000, next_ns % 1000000000}};
  (void)timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void netlab_switch_turn(netlab_switch *s, uint64_t tag) {
  uint64_t expirations;
  if (tag == TAG_TIMER) (void)!read(s->timer_fd, &expirations, sizeof expirations);
  else take(s, &s->ports[tag]);
  int64_t now_ns = netlab_now_ns();
  for (int i = 0; i < s->port_count; i++) give(&s->ports[i], now_ns);
  set_timer(s);
}
