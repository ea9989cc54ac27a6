/* The peer's side of bench/link.sh: what a program that calls MPI by itself gets. Two ranks. */
#include <mpi.h>

#include "link.h"

static unsigned char *window[BENCH_WINDOW];

static void pingpong(size_t bytes, int rank) {
  int repeats = bench_repeats(bytes), other = 1 - rank;
  double times[512];
  for (int i = -2; i < repeats; i++) {
    double start = bench_now_us();
    if (rank == 0) {
      bench_mark(window[0], bytes, i);
      MPI_Send(window[0], (int)bytes, MPI_BYTE, other, 1, MPI_COMM_WORLD);
      MPI_Recv(window[1], (int)bytes, MPI_BYTE, other, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      bench_expect(window[1], bytes, i);
    } else {
      MPI_Recv(window[0], (int)bytes, MPI_BYTE, other, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(window[0], (int)bytes, MPI_BYTE, other, 1, MPI_COMM_WORLD);
    }
    if (i >= 0) times[i] = (bench_now_us() - start) / 2;
  }
  if (rank == 0) bench_print("peer", "pingpong", bytes, bench_median(times, repeats));
}

static void stream(size_t bytes, int rank) {
  int rounds = bench_repeats(bytes) / BENCH_WINDOW;
  MPI_Request requests[BENCH_WINDOW];
  MPI_Status statuses[BENCH_WINDOW];
  MPI_Barrier(MPI_COMM_WORLD);
  double start = bench_now_us();
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < BENCH_WINDOW; i++)
      if (rank == 0) MPI_Isend(window[i], (int)bytes, MPI_BYTE, 1, 2, MPI_COMM_WORLD, &requests[i]);
      else MPI_Irecv(window[i], (int)bytes, MPI_BYTE, 0, 2, MPI_COMM_WORLD, &requests[i]);
    MPI_Waitall(BENCH_WINDOW, requests, statuses);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  double us = (bench_now_us() - start) / (rounds * BENCH_WINDOW);
  if (rank == 0) bench_print("peer", "stream", bytes, us);
}

int main(int argc, char **argv) {
  int rank = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int i = 0; i < BENCH_WINDOW; i++) window[i] = bench_buffer(bench_sizes[BENCH_SIZES - 1]);
  for (int i = 0; i < BENCH_SIZES; i++) pingpong(bench_sizes[i], rank);
  for (int i = 2; i < BENCH_SIZES; i++) stream(bench_sizes[i], rank);
  MPI_Finalize();
  return 0;
}
