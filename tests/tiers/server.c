/* A server of ranges of files, for tests and measurements: as slow as it is told to be, and failing
 * as it is told to.
 *
 *   tiers_server DIRECTORY PORT-FILE [rate BYTES-PER-SECOND] [break N] [busy N] [short NAME]
 *                [whole] [count FILE]
 *
 * rate   all answers together are not faster
 * break  every N-th answer stops in its middle
 * busy   every N-th question is answered by 503
 * short  answers for files whose names begin so claim to be a byte shorter than asked for
 * whole  ranges are not known: the whole file is sent
 * count  the bytes of files that were sent go there, at SIGTERM
 *
 * Writes its port to PORT-FILE when it listens, and serves until SIGTERM. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, CHUNK_BYTES = 32768, PATH_BYTES = 4096 };

static const char *directory, *port_file, *count_file, *short_name;
static double rate;
static long break_every, busy_every;
static bool whole;
static _Atomic int64_t sent_bytes;
static _Atomic long questions;
static pthread_mutex_t pace = PTHREAD_MUTEX_INITIALIZER;
static double free_at; /* seconds: when the line has sent what it was given */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* One line for all: each chunk takes its time on it, one after another. */
static void take_turn(size_t bytes) {
  if (rate <= 0) return;
  pthread_mutex_lock(&pace);
  const double at = now();
  if (free_at < at) free_at = at;
  free_at += (double)bytes / rate;
  const double rest = free_at - at;
  pthread_mutex_unlock(&pace);
  if (rest <= 0) return;
  const struct timespec pause = {.tv_sec = (time_t)rest,
                                 .tv_nsec = (long)((rest - (double)(time_t)rest) * 1e9)};
  nanosleep(&pause, NULL);
}

static bool send_all(int line, const char *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = send(line, data + done, bytes - done, MSG_NOSIGNAL);
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static bool send_file(int line, int file, uint64_t offset, uint64_t bytes, uint64_t stop) {
  char chunk[CHUNK_BYTES];
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t left = bytes - done;
    size_t wanted = left < sizeof chunk ? (size_t)left : sizeof chunk;
    if (done >= stop) return false;
    if (wanted > stop - done) wanted = (size_t)(stop - done);
    const ssize_t got = pread(file, chunk, wanted, (off_t)(offset + done));
    if (got <= 0) return false;
    take_turn((size_t)got);
    if (!send_all(line, chunk, (size_t)got)) return false;
    atomic_fetch_add(&sent_bytes, got);
    done += (uint64_t)got;
  }
  return true;
}

static bool send_status(int line, const char *status) {
  char head[256];
  const int bytes = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
  return send_all(line, head, (size_t)bytes);
}

/* Reads one head: questions come one at a time, the next when this one is answered. */
static bool read_head(int line, char head[HEAD_BYTES]) {
  for (size_t used = 0; used + 1 < HEAD_BYTES;) {
    const ssize_t got = recv(line, head + used, HEAD_BYTES - 1 - used, 0);
    if (got <= 0) return false;
    used += (size_t)got;
    head[used] = 0;
    if (used >= 4 && strcmp(head + used - 4, "\r\n\r\n") == 0) return true;
  }
  return false;
}

static bool answer(int line, int file, const char *head, const char *name) {
  struct stat state;
  char text[512];
  if (fstat(file, &state) != 0) return false;
  uint64_t size = (uint64_t)state.st_size, first = 0, last = size ? size - 1 : 0;
  const char *range = strcasestr(head, "\r\nRange: bytes=");
  if (whole) range = NULL;
  if (range && sscanf(range + 15, "%" SCNu64 "-%" SCNu64, &first, &last) != 2) return false;
  if (range && first >= size) return send_status(line, "416 Range Not Satisfiable");
  if (last >= size) last = size - 1;
  if (range && short_name && strncmp(name, short_name, strlen(short_name)) == 0 && last > first)
    last--;
  const uint64_t bytes = size ? last - first + 1 : 0;
  const int used =
      range ? snprintf(text, sizeof text,
                       "HTTP/1.1 206 Partial Content\r\nContent-Length: %" PRIu64
                       "\r\nContent-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n\r\n",
                       bytes, first, last, size)
            : snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %" PRIu64 "\r\n\r\n",
                       bytes);
  if (!send_all(line, text, (size_t)used)) return false;
  if (strncmp(head, "HEAD ", 5) == 0) return true;
  const bool breaks = break_every > 0 && atomic_load(&questions) % break_every == 0;
  return send_file(line, file, first, bytes, breaks ? bytes / 2 : UINT64_MAX);
}

static bool serve_one(int line) {
  char head[HEAD_BYTES], name[1024], path[PATH_BYTES];
  if (!read_head(line, head)) return false;
  const char *slash = strchr(head, '/');
  if (!slash || sscanf(slash, "/%1023s", name) != 1 || strstr(name, ".."))
    return send_status(line, "400 Bad Request");
  const long number = atomic_fetch_add(&questions, 1) + 1;
  if (busy_every > 0 && number % busy_every == 0)
    return send_status(line, "503 Service Unavailable");
  snprintf(path, sizeof path, "%s/%s", directory, name);
  const int file = open(path, O_RDONLY);
  if (file < 0) return send_status(line, "404 Not Found");
  const bool going_on = answer(line, file, head, name);
  close(file);
  return going_on;
}

static void *serve(void *argument) {
  const int line = (int)(intptr_t)argument, on = 1;
  setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  while (serve_one(line)) {
  }
  close(line);
  return NULL;
}

static void on_end(int number) {
  char text[32];
  (void)number;
  if (count_file) {
    const int file = open(count_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int bytes = snprintf(text, sizeof text, "%" PRId64 "\n", atomic_load(&sent_bytes));
    if (file >= 0 && write(file, text, (size_t)bytes) != bytes) _exit(1);
  }
  _exit(0);
}

static int listen_anywhere(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t bytes = sizeof at;
  const int line = socket(AF_INET, SOCK_STREAM, 0);
  if (line < 0 || bind(line, (struct sockaddr *)&at, sizeof at) != 0 || listen(line, 64) != 0 ||
      getsockname(line, (struct sockaddr *)&at, &bytes) != 0)
    return -1;
  char name[PATH_BYTES];
  snprintf(name, sizeof name, "%s.new", port_file);
  FILE *file = fopen(name, "w");
  if (!file) return -1;
  fprintf(file, "%d\n", ntohs(at.sin_port));
  fclose(file);
  return rename(name, port_file) == 0 ? line : -1;
}

static void read_options(int count, char **text) {
  for (int i = 3; i < count; i++) {
    const bool more = i + 1 < count;
    if (strcmp(text[i], "whole") == 0) whole = true;
    else if (more && strcmp(text[i], "rate") == 0) rate = strtod(text[++i], NULL);
    else if (more && strcmp(text[i], "break") == 0) break_every = strtol(text[++i], NULL, 10);
    else if (more && strcmp(text[i], "busy") == 0) busy_every = strtol(text[++i], NULL, 10);
    else if (more && strcmp(text[i], "short") == 0) short_name = text[++i];
    else if (more && strcmp(text[i], "count") == 0) count_file = text[++i];
    else exit(2);
  }
}

int main(int count, char **text) {
  if (count < 3) return 2;
  directory = text[1];
  port_file = text[2];
  read_options(count, text);
  signal(SIGTERM, on_end);
  const int line = listen_anywhere();
  if (line < 0) return 1;
  for (;;) {
    const int one = accept(line, NULL, NULL);
    pthread_t thread;
    if (one < 0) continue;
    if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)one) == 0) pthread_detach(thread);
    else close(one);
  }
}
