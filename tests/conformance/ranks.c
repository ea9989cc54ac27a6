#include "ranks.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "transport/local.h"
#include "transport/mpi.h"

const char *const ranks_world_names[] = {"self", "threads",    "processes",
                                         "sim",  "sim_shared", "mpi"};

static const size_t region_bytes = (size_t)4 << 30;

typedef struct rank_run {
  ddla_local_region *region;
  int rank;
  ranks_main *rank_main;
  void *argument;
  ddla_failure failure;
} rank_run;

static void *run_rank(void *argument) {
  rank_run *run = argument;
  ddla_local_setup setup = {run->region, run->rank};
  ddla_transport *transport = NULL;
  ddla_status status = ddla_transport_open(&transport, "local", &setup);
  if (status == DDLA_OK) status = run->rank_main(transport, run->argument);
  if (status != DDLA_OK) {
    ddla_status_take(&run->failure, status);
    ddla_local_region_fail(run->region, run->rank, &run->failure);
  }
  ddla_transport_close(transport);
  return NULL;
}

static ddla_status first_failure(rank_run *runs, int ranks) {
  int found = -1;
  for (int i = 0; i < ranks; i++) {
    bool echo = runs[i].failure.code == DDLA_PEER_LOST;
    if (runs[i].failure.code != DDLA_OK &&
        (found < 0 || (!echo && runs[found].failure.code == DDLA_PEER_LOST)))
      found = i;
  }
  return found < 0 ? DDLA_OK : ddla_status_raise(&runs[found].failure);
}

static ddla_status run_threads(ddla_local_region *region, int ranks, rank_run *runs) {
  pthread_t threads[DDLA_TRANSPORT_RANKS_MAX];
  (void)region;
  for (int i = 0; i < ranks; i++)
    if (pthread_create(&threads[i], NULL, run_rank, &runs[i]) != 0)
      return DDLA_FAIL(INTERNAL, "no thread");
  for (int i = 0; i < ranks; i++) pthread_join(threads[i], NULL);
  return first_failure(runs, ranks);
}

static ddla_status run_processes(ddla_local_region *region, int ranks, rank_run *runs) {
  pid_t children[DDLA_TRANSPORT_RANKS_MAX];
  fflush(NULL);
  for (int i = 0; i < ranks; i++) {
    children[i] = fork();
    if (children[i] < 0) return DDLA_FAIL(INTERNAL, "no process");
    if (children[i] > 0) continue;
    run_rank(&runs[i]);
    _exit(runs[i].failure.code);
  }
  for (int i = 0; i < ranks; i++) {
    int status = 0;
    waitpid(children[i], &status, 0);
    if (WIFSIGNALED(status)) {
      ddla_local_region_raise(region, i, WTERMSIG(status));
      runs[i].failure = (ddla_failure){.code = DDLA_INTERNAL};
      snprintf(runs[i].failure.text, sizeof runs[i].failure.text, "rank %d: signal %d", i,
               WTERMSIG(status));
    } else if (WEXITSTATUS(status)) {
      runs[i].failure.code = (ddla_status)WEXITSTATUS(status);
    }
  }
  int rank = 0;
  ddla_failure failure = {0};
  if (ddla_local_region_failed(region, &rank, &failure)) return ddla_status_raise(&failure);
  return first_failure(runs, ranks);
}

static ddla_status run_local(bool forked, int ranks, ranks_main *rank_main, void *argument) {
  static rank_run runs[DDLA_TRANSPORT_RANKS_MAX];
  ddla_local_region *region = NULL;
  DDLA_TRY(ddla_local_region_create(&region, ranks, region_bytes));
  for (int i = 0; i < ranks; i++) runs[i] = (rank_run){region, i, rank_main, argument, {0}};
  ddla_status status =
      forked ? run_processes(region, ranks, runs) : run_threads(region, ranks, runs);
  ddla_local_region_destroy(region);
  return status;
}

typedef struct sim_run {
  ranks_main *rank_main;
  void *argument;
  ddla_failure failures[DDLA_TRANSPORT_RANKS_MAX];
} sim_run;

static ddla_status run_fiber(ddla_transport *transport, void *argument) {
  sim_run *run = argument;
  ddla_status status = run->rank_main(transport, run->argument);
  if (status != DDLA_OK) ddla_status_take(&run->failures[ddla_transport_rank(transport)], status);
  return status;
}

static ddla_status run_sim(bool shared, int ranks, ranks_main *rank_main, void *argument) {
  static sim_run run;
  run = (sim_run){.rank_main = rank_main, .argument = argument};
  ddla_sim_options options = {.ranks = ranks, .seed = (uint64_t)ranks, .shared = shared};
  ddla_status status = ddla_sim_run(&options, NULL, run_fiber, &run);
  for (int i = 0; i < ranks; i++)
    if (run.failures[i].code != DDLA_OK) return ddla_status_raise(&run.failures[i]);
  return status;
}

enum { HOSTS_TIMEOUT_MS = 60000 };

/* One for the whole program: MPI starts once. */
static ddla_mpi_world *mpi_world;

static ddla_mpi_launcher launcher(void) {
  ddla_mpi_launcher found = {0};
  if (ddla_mpi_launcher_find(&found, ddla_mpi_signs_here()) != DDLA_OK) return found;
  return found;
}

bool ranks_available(ranks_world world, int ranks) {
  ddla_mpi_launcher found = launcher();
  return found.name ? world == RANKS_MPI && ranks == found.ranks : world != RANKS_MPI;
}

static ddla_status start_mpi(void) {
  char host[32];
  snprintf(host, sizeof host, "h%d", launcher().rank);
  const ddla_mpi_options options = {.host = host, .timeout_ms = HOSTS_TIMEOUT_MS};
  return ddla_mpi_world_start(&mpi_world, &options);
}

static ddla_status run_mpi(ranks_main *rank_main, void *argument) {
  ddla_transport *transport = NULL;
  if (!mpi_world) DDLA_TRY(start_mpi());
  const ddla_mpi_setup setup = {.world = mpi_world, .timeout_ms = HOSTS_TIMEOUT_MS};
  DDLA_TRY(ddla_transport_open(&transport, "mpi", &setup));
  ddla_status status = rank_main(transport, argument);
  ddla_failure failure = {0};
  if (status != DDLA_OK) {
    ddla_status_take(&failure, status);
    ddla_transport_fail(transport, &failure);
  }
  ddla_transport_close(transport);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
}

int ranks_end(int failed) {
  if (!mpi_world) return failed;
  if (failed) { /* some may never come */
    fflush(NULL);
    _exit(failed);
  }
  ddla_status status = ddla_mpi_world_end(mpi_world, NULL, NULL);
  if (status != DDLA_OK) fprintf(stderr, "%s\n", ddla_status_message(status));
  ddla_mpi_world_destroy(mpi_world);
  return status != DDLA_OK;
}

ddla_status ranks_run(ranks_world world, int ranks, ranks_main *rank_main, void *argument) {
  if (world == RANKS_THREADS || world == RANKS_PROCESSES)
    return run_local(world == RANKS_PROCESSES, ranks, rank_main, argument);
  if (world == RANKS_MPI) return run_mpi(rank_main, argument);
  if (world != RANKS_SELF) return run_sim(world == RANKS_SIM_SHARED, ranks, rank_main, argument);
  ddla_transport *transport = NULL;
  DDLA_TRY(ddla_transport_open(&transport, "self", NULL));
  ddla_status status = rank_main(transport, argument);
  ddla_transport_close(transport);
  return status;
}
