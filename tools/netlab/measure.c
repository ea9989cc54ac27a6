/* serve: takes one connection, answers its small messages, counts the stream that follows.
 * measure HOST SECONDS [RATE DELAY]: half the shortest round trip (what others have more is the
 * machine's, which wakes the two programs late) and, over SECONDS, the rate to HOST, where `serve`
 * runs. With RATE (Mbit/s) and DELAY (ms), 0 for one that was not asked, status 1 if what is
 * reached is off by more than 5 %.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlab.h"

enum {
  PINGS = 41,
  PORT = 7077,
  LIFE_S = 90,        /* a server that nobody calls ends */
  PATIENCE_MS = 3000, /* for a connection and for each answer */
  CHUNK = 1 << 16,
  HEADERS = 66, /* bytes of Ethernet, IPv4 and TCP with time stamps in each frame */
};

#define WARM_UP_NS INT64_C(1000000000) /* until TCP has found the rate */
#define TOLERANCE 0.05
#define TOLERANCE_MS 0.1 /* what the machine itself adds, for short delays */

/* What the server saw of the stream behind the warm-up. */
typedef struct seen {
  int64_t bytes, ns, segment_bytes;
} seen;

static bool all_read(int fd, void *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    ssize_t got = read(fd, (char *)data + done, bytes - done);
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static void set_up(int fd) {
  int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static seen count_stream(int fd) {
  static char data[CHUNK];
  seen s = {0};
  socklen_t size = sizeof(int);
  int segment = 0;
  (void)getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &size);
  s.segment_bytes = segment;
  int64_t begun_ns = netlab_now_ns(), from_ns = 0;
  for (ssize_t got; (got = read(fd, data, sizeof data)) > 0;) {
    int64_t now_ns = netlab_now_ns();
    if (from_ns) s.bytes += got, s.ns = now_ns - from_ns;
    else if (now_ns - begun_ns > WARM_UP_NS) from_ns = now_ns;
  }
  return s;
}

int netlab_serve(int count, char **words) {
  (void)count, (void)words;
  alarm(LIFE_S);
  int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  (void)setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(door, (struct sockaddr *)&here, sizeof here) || listen(door, 1))
    return netlab_failed("listen");
  int fd = accept(door, NULL, NULL);
  if (fd < 0) return netlab_failed("accept");
  set_up(fd);
  char byte;
  for (int i = 0; i < PINGS; i++)
    if (!all_read(fd, &byte, 1) || write(fd, &byte, 1) != 1) return 1;
  seen s = count_stream(fd);
  return write(fd, &s, sizeof s) != sizeof s;
}

static int try_connect(const struct addrinfo *to, int64_t end_ns) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int reason = 0;
  socklen_t size = sizeof reason;
  struct pollfd slot = {.fd = fd, .events = POLLOUT};
  bool under_way = connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS;
  int left_ms = (int)((end_ns - netlab_now_ns()) / 1000000);
  if (under_way && poll(&slot, 1, left_ms > 0 ? left_ms : 0) == 1 &&
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &size) == 0 && reason == 0)
    return fd;
  close(fd);
  return -1;
}

/* A blocking socket, or -1. The server may not be there yet. */
static int connect_to(const char *host) {
  struct addrinfo wish = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
  char port[16];
  snprintf(port, sizeof port, "%d", PORT);
  if (getaddrinfo(host, port, &wish, &found)) return -1;
  int64_t end_ns = netlab_now_ns() + (int64_t)PATIENCE_MS * 1000000;
  int fd = -1;
  while ((fd = try_connect(found, end_ns)) < 0 && netlab_now_ns() < end_ns) usleep(20000);
  freeaddrinfo(found);
  if (fd < 0) return -1;
  struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  (void)fcntl(fd, F_SETFL, 0); /* blocking again */
  set_up(fd);
  return fd;
}

/* Half the shortest round trip in ms; below 0: no answer. */
static double ping(int fd) {
  int64_t least_ns = INT64_MAX;
  for (int i = 0; i < PINGS; i++) {
    char byte = 'p';
    int64_t begun_ns = netlab_now_ns();
    if (write(fd, &byte, 1) != 1 || !all_read(fd, &byte, 1)) return -1;
    int64_t took_ns = netlab_now_ns() - begun_ns;
    if (took_ns < least_ns) least_ns = took_ns;
  }
  return (double)least_ns * 0.5e-6;
}

/* Sends for so long; the rate in Mbit/s of whole frames, as the server saw it; below 0: none. */
static double stream(int fd, double seconds) {
  static const char data[CHUNK];
  int64_t end_ns = netlab_now_ns() + WARM_UP_NS + (int64_t)(seconds * 1e9);
  int64_t sent = 0;
  while (netlab_now_ns() < end_ns) {
    ssize_t bytes = write(fd, data, sizeof data);
    if (bytes < 0) return -1;
    sent += bytes;
  }
  printf("sent: %lld bytes\n", (long long)sent);
  seen s;
  if (shutdown(fd, SHUT_WR) || !all_read(fd, &s, sizeof s)) return -1;
  if (s.ns <= 0 || s.segment_bytes <= 0) return -1;
  double frames = (double)(s.segment_bytes + HEADERS) / (double)s.segment_bytes;
  return (double)s.bytes * frames * 8e3 / (double)s.ns;
}

/* Whether what was asked is reached, if something was. */
static bool judge(const char *what, const char *unit, double asked, double reached, double slack) {
  if (asked <= 0) {
    printf("%s: %.3f %s, none was asked\n", what, reached, unit);
    return true;
  }
  bool good = fabs(reached - asked) <= fmax(asked * TOLERANCE, slack);
  printf("%s: %.3f %s asked, %.3f reached (%+.1f %%)%s\n", what, asked, unit, reached,
         (reached / asked - 1) * 100, good ? "" : ": off by more than 5 %");
  return good;
}

int netlab_measure(int count, char **words) {
  double seconds = 0, rate = 0, delay = 0;
  bool sane = count == 2 || count == 4;
  if (!sane || !netlab_number(&seconds, words[1], 0, 60) ||
      (count == 4 &&
       (!netlab_number(&rate, words[2], 0, 1e6) || !netlab_number(&delay, words[3], 0, 1e6))))
    return fprintf(stderr, "ddla_netlab: measure HOST SECONDS [RATE DELAY]\n"), 2;
  int fd = connect_to(words[0]);
  double reached_ms = fd < 0 ? -1 : ping(fd);
  if (reached_ms < 0) return fprintf(stderr, "netlab: %s does not answer\n", words[0]), 1;
  /* A message is one frame, whose own time on a slow cable is no delay. */
  if (delay > 0 && rate > 0) reached_ms -= (HEADERS + 1) * 8e-3 / rate;
  bool good = judge("delay", "ms", delay, reached_ms, TOLERANCE_MS);
  if (seconds <= 0) return !good;
  double reached_mbit = stream(fd, seconds);
  if (reached_mbit < 0) return fprintf(stderr, "netlab: the stream broke\n"), 1;
  return !(judge("rate", "Mbit/s", rate, reached_mbit, 0) && good);
}
