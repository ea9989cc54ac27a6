/* Our side of bench/allreduce.sh: ddla_coll_all_reduce between forked agents, through the public
 * call, with liveness checks on. Arguments: ranks, output (own, common, private, memcpy), then
 * sizes in bytes. */
#include "allreduce.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coll/coll.h"
#include "transport/local.h"

/* What agents report to the one that prints. */
typedef struct board {
  double times[DDLA_TRANSPORT_RANKS_MAX][BENCH_REPEATS_MAX];
  int64_t wrong[DDLA_TRANSPORT_RANKS_MAX];
} board;

typedef struct agent {
  ddla_transport *transport;
  ddla_coll *coll;
  board *shared;
  const char *output;
  int rank, ranks;
  float *in, *out;
} agent;

static ddla_status get(agent *a, float **out, size_t bytes, unsigned kind) {
  void *block = NULL;
  if (kind) DDLA_TRY(ddla_transport_alloc(a->transport, &block, bytes, kind));
  else block = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  *out = block;
  return DDLA_OK;
}

static ddla_status measure(agent *a, int64_t bytes) {
  int64_t count = bytes / 4;
  int repeats = bench_repeats(bytes);
  ddla_coll_call call = {.type = DDLA_COLL_F32, .count = count, .input = a->in, .output = a->out};
  a->shared->wrong[a->rank] = 0;
  for (int i = -2; i < repeats; i++) {
    bench_fill(a->in, count, a->rank, i);
    DDLA_TRY(ddla_coll_barrier(a->coll));
    double start = bench_now_us();
    DDLA_TRY(ddla_coll_all_reduce(a->coll, &call));
    if (i >= 0) a->shared->times[a->rank][i] = bench_now_us() - start;
    DDLA_TRY(ddla_coll_barrier(a->coll)); /* nobody checks on a core that another still needs */
    a->shared->wrong[a->rank] += bench_wrong(a->out, count, a->ranks, i);
    if (strcmp(a->output, "common") == 0)
      DDLA_TRY(ddla_coll_barrier(a->coll)); /* checked by all before it changes */
  }
  if (a->rank == 0) {
    double slowest[BENCH_REPEATS_MAX];
    int64_t wrong = 0;
    for (int i = 0; i < repeats; i++) {
      slowest[i] = 0;
      for (int rank = 0; rank < a->ranks; rank++)
        if (a->shared->times[rank][i] > slowest[i]) slowest[i] = a->shared->times[rank][i];
    }
    for (int rank = 0; rank < a->ranks; rank++) wrong += a->shared->wrong[rank];
    char name[64];
    snprintf(name, sizeof name, "ddla_%s", a->output);
    bench_print(name, a->ranks, bytes, bench_median(slowest, repeats), wrong);
  }
  return ddla_coll_barrier(a->coll);
}

static ddla_status run(agent *a, char **sizes, int size_count) {
  int64_t largest = 64;
  for (int i = 0; i < size_count; i++)
    if (strtoll(sizes[i], NULL, 10) > largest) largest = strtoll(sizes[i], NULL, 10);
  bool hidden = strcmp(a->output, "private") == 0, one = strcmp(a->output, "common") == 0;
  DDLA_TRY(ddla_coll_create(&a->coll, a->transport));
  DDLA_TRY(get(a, &a->in, (size_t)largest, hidden ? 0 : DDLA_MEMORY_OWN));
  DDLA_TRY(get(a, &a->out, (size_t)largest, hidden ? 0 : one ? DDLA_MEMORY_ONE : DDLA_MEMORY_OWN));
  for (int i = 0; i < size_count; i++) DDLA_TRY(measure(a, strtoll(sizes[i], NULL, 10)));
  return DDLA_OK;
}

static int agent_main(ddla_local_region *region, board *shared, int rank, char **argv, int argc) {
  agent a = {
      .shared = shared, .output = argv[2], .rank = rank, .ranks = ddla_local_region_ranks(region)};
  ddla_local_setup setup = {region, rank};
  bench_pin(rank);
  ddla_status status = ddla_transport_open(&a.transport, "local", &setup);
  if (status == DDLA_OK) status = run(&a, argv + 3, argc - 3);
  if (status != DDLA_OK) fprintf(stderr, "agent %d: %s\n", rank, ddla_status_message(status));
  ddla_coll_destroy(a.coll);
  ddla_transport_close(a.transport);
  return ddla_status_exit(status);
}

/* One core, one copy of the array, fresh source each time: what memory can do. */
static void measure_memcpy(int64_t bytes) {
  float *in = aligned_alloc(4096, (size_t)bytes), *out = aligned_alloc(4096, (size_t)bytes);
  double times[BENCH_REPEATS_MAX];
  int repeats = bench_repeats(bytes);
  int64_t wrong = 0;
  bench_pin(0);
  for (int i = -2; i < repeats; i++) {
    bench_fill(in, bytes / 4, 0, i);
    double start = bench_now_us();
    memcpy(out, in, (size_t)bytes);
    if (i >= 0) times[i] = bench_now_us() - start;
    wrong += memcmp(in, out, (size_t)bytes) != 0;
  }
  bench_print("memcpy", 1, bytes, bench_median(times, repeats), wrong);
  free(in);
  free(out);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int ranks = (int)strtol(argv[1], NULL, 10), worst = 0;
  if (strcmp(argv[2], "memcpy") == 0) {
    for (int i = 3; i < argc; i++) measure_memcpy(strtoll(argv[i], NULL, 10));
    return 0;
  }
  ddla_local_region *region = NULL;
  ddla_status status = ddla_local_region_create(&region, ranks, (size_t)64 << 30);
  board *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (status != DDLA_OK || shared == MAP_FAILED) return 5;
  for (int rank = 0; rank < ranks; rank++)
    if (fork() == 0) _exit(agent_main(region, shared, rank, argv, argc));
  for (int i = 0; i < ranks; i++) {
    int ended = 0;
    wait(&ended);
    if (ended) ddla_local_region_raise(region, i, WIFSIGNALED(ended) ? WTERMSIG(ended) : 0);
    if (ended) worst = 1;
  }
  return worst;
}
