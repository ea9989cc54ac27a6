/* The peer's side of bench/allreduce.sh: MPI_Allreduce. Arguments: name, then sizes in bytes. */
#include <mpi.h>

#include "allreduce.h"

static void measure(const char *name, int64_t bytes, int rank, int ranks) {
  int64_t count = bytes / 4, wrong = 0, all_wrong = 0;
  float *in = aligned_alloc(4096, (size_t)(bytes + 4095) / 4096 * 4096);
  float *out = aligned_alloc(4096, (size_t)(bytes + 4095) / 4096 * 4096);
  double times[BENCH_REPEATS_MAX], slowest[BENCH_REPEATS_MAX];
  int repeats = bench_repeats(bytes);
  for (int i = -2; i < repeats; i++) {
    bench_fill(in, count, rank, i);
    MPI_Barrier(MPI_COMM_WORLD);
    double start = bench_now_us();
    MPI_Allreduce(in, out, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (i >= 0) times[i] = bench_now_us() - start;
    MPI_Barrier(MPI_COMM_WORLD); /* nobody checks on a core that another still needs */
    wrong += bench_wrong(out, count, ranks, i);
  }
  MPI_Reduce(times, slowest, repeats, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  MPI_Reduce(&wrong, &all_wrong, 1, MPI_INT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) bench_print(name, ranks, bytes, bench_median(slowest, repeats), all_wrong);
  free(in);
  free(out);
}

int main(int argc, char **argv) {
  int rank = 0, ranks = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  bench_pin(rank);
  for (int i = 2; i < argc; i++) measure(argv[1], strtoll(argv[i], NULL, 10), rank, ranks);
  MPI_Finalize();
  return 0;
}
