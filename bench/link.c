/* Our side of bench/link.sh: transport mpi, two ranks that play two hosts. */
#include "link.h"

#include "base/status.h"
#include "transport/mpi.h"

static unsigned char *window[BENCH_WINDOW];
static ddla_transport *t;

static void must(ddla_status status) {
  if (status == DDLA_OK) return;
  fprintf(stderr, "bench/link: %s\n", ddla_status_message(status));
  exit(1);
}

typedef struct flight {
  ddla_request *requests;
  int count;
} flight;

static ddla_ready look(void *argument) {
  const flight *f = argument;
  bool moved = false, done = false;
  must(ddla_transport_progress(t, &moved));
  for (int i = 0; i < f->count; i++) {
    must(ddla_transport_test(t, &f->requests[i], &done));
    if (!done) return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
  }
  return DDLA_READY_DONE;
}

static void land(ddla_request *requests, int count) {
  flight f = {requests, count};
  must(ddla_transport_wait(t, &(ddla_waiting){look, NULL, &f, NULL}, 60000));
}

static void send_to(int peer, uint64_t tag, const void *data, size_t bytes) {
  ddla_request request;
  must(ddla_transport_send(t, &request, peer, tag, data, bytes));
  land(&request, 1);
}

static void recv_from(int peer, uint64_t tag, void *data, size_t bytes) {
  ddla_request request;
  must(ddla_transport_recv(t, &request, peer, tag, data, bytes));
  land(&request, 1);
}

/* As an executor does it: a receive is posted when it is known that a message comes. */
static void pingpong(size_t bytes, int rank) {
  int repeats = bench_repeats(bytes), other = 1 - rank;
  double times[512];
  ddla_request request;
  for (int i = -2; i < repeats; i++) {
    double start = bench_now_us();
    if (rank == 0) {
      bench_mark(window[0], bytes, i);
      must(ddla_transport_recv(t, &request, other, 1, window[1], bytes));
      send_to(other, 1, window[0], bytes);
      land(&request, 1);
      bench_expect(window[1], bytes, i);
    } else {
      recv_from(other, 1, window[0], bytes);
      send_to(other, 1, window[0], bytes);
    }
    if (i >= 0) times[i] = (bench_now_us() - start) / 2;
  }
  if (rank == 0) bench_print("ours", "pingpong", bytes, bench_median(times, repeats));
}

static void meet(int rank) {
  char none = 0;
  ddla_request requests[2];
  must(ddla_transport_recv(t, &requests[0], 1 - rank, 3, &none, 0));
  must(ddla_transport_send(t, &requests[1], 1 - rank, 3, &none, 0));
  land(requests, 2);
}

static void stream(size_t bytes, int rank) {
  int rounds = bench_repeats(bytes) / BENCH_WINDOW;
  ddla_request requests[BENCH_WINDOW];
  meet(rank);
  double start = bench_now_us();
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < BENCH_WINDOW; i++)
      if (rank == 0) must(ddla_transport_send(t, &requests[i], 1, 2, window[i], bytes));
      else must(ddla_transport_recv(t, &requests[i], 0, 2, window[i], bytes));
    land(requests, BENCH_WINDOW);
  }
  meet(rank);
  double us = (bench_now_us() - start) / (rounds * BENCH_WINDOW);
  if (rank == 0) bench_print("ours", "stream", bytes, us);
}

int main(void) {
  ddla_mpi_launcher launcher = {0};
  ddla_mpi_world *world = NULL;
  char host[16];
  must(ddla_mpi_launcher_find(&launcher, ddla_mpi_signs_here()));
  snprintf(host, sizeof host, "h%d", launcher.rank);
  const ddla_mpi_options options = {.host = host, .timeout_ms = 60000};
  must(ddla_mpi_world_start(&world, &options));
  const ddla_mpi_setup setup = {.world = world};
  must(ddla_transport_open(&t, "mpi", &setup));
  int rank = ddla_transport_rank(t);
  for (int i = 0; i < BENCH_WINDOW; i++) window[i] = bench_buffer(bench_sizes[BENCH_SIZES - 1]);
  for (int i = 0; i < BENCH_SIZES; i++) pingpong(bench_sizes[i], rank);
  for (int i = 2; i < BENCH_SIZES; i++) stream(bench_sizes[i], rank);
  ddla_transport_close(t);
  must(ddla_mpi_world_end(world, NULL, NULL));
  ddla_mpi_world_destroy(world);
  return 0;
}
