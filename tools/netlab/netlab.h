/* What the files of ddla_netlab share: the program behind the script `netlab` beside it. */
#ifndef DDLA_NETLAB_NETLAB_H
#define DDLA_NETLAB_NETLAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  NETLAB_HOSTS_MAX = 64,
  NETLAB_PORTS_MAX = NETLAB_HOSTS_MAX + 1, /* the last is the head's */
  NETLAB_SKIP = 77,                        /* exit status: what it needs is not permitted here */
};

/* What a port of the user-space switch does to frames. */
typedef struct netlab_line {
  double rate_mbit; /* of frames, each way, with their Ethernet headers; 0: as fast as it goes */
  double delay_ms, jitter_ms; /* one way; the jitter is uniform in [-jitter, jitter] */
  double loss_percent;
  uint64_t seed; /* of jitter and loss */
} netlab_line;

typedef struct netlab_switch netlab_switch;

/* `ddla_netlab hold`: see hold.c. Returns the exit status. */
int netlab_hold(int count, char **words);

/* `ddla_netlab serve` and `ddla_netlab measure`: see measure.c. */
int netlab_serve(int count, char **words);
int netlab_measure(int count, char **words);

/* A switch without ports, watched by epoll_fd, to which it adds its timer and its ports. NULL: it
 * could not be made, and standard error says why. */
netlab_switch *netlab_switch_new(int epoll_fd, const netlab_line *line);

/* The TAP device eth0 in the network namespace of process pid becomes the next port. */
bool netlab_switch_add(netlab_switch *s, pid_t pid);

/* What a port does when its cable is pulled: nothing comes in and nothing goes out. */
void netlab_switch_cut(netlab_switch *s, int port, bool cut);

/* A port's own rate (0: as fast as it goes), and what it adds to the delay of all. */
void netlab_switch_set(netlab_switch *s, int port, double rate_mbit, double more_ms);

/* What epoll said of the tag: takes the frames that came, sends those whose time it is. */
void netlab_switch_turn(netlab_switch *s, uint64_t tag);

/* A number from a word; false: it is none, or not in [least, most]. */
bool netlab_number(double *out, const char *word, double least, double most);

/* "ddla_netlab: WHAT: reason of errno" on standard error; returns the status to exit with: 77 where
 * the reason is that it is not permitted or not there, else 1. */
int netlab_failed(const char *what);

int64_t netlab_now_ns(void);

#endif
