#include "agent/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/mpi.h"

/* Who has nothing to say waits for who has, however busy the machine is: launchers end the others
 * when the first one ends. */
enum { SPOKEN_MS = 100, LEAVE_MS = 5000, START_MS = 120000 };

struct ddla_join {
  ddla_mpi_world *world;
  ddla_cluster cluster;
  int64_t timeout_ms;
};

/* What an agent tells the others before it starts. */
typedef struct outcome {
  int32_t code;
  char text[DDLA_STATUS_TEXT_BYTES];
  char fact[DDLA_JOIN_FACTS][DDLA_JOIN_FACT_BYTES];
} outcome;

/* Each would train alone, all of them into one run directory. The first task speaks for all. */
static ddla_status fail_bare(void) {
  const char *task = getenv("SLURM_PROCID");
  if (task && strcmp(task, "0") != 0) _exit(ddla_status_exit(DDLA_INVALID));
  return DDLA_FAIL(INVALID,
                   "srun has started several tasks without a service for MPI, so that they cannot "
                   "find each other; say srun --mpi=pmi2 (MPICH) or --mpi=pmix (Open MPI), or, if "
                   "each task is to train by itself, ddla train --transport local");
}

ddla_status ddla_join_wanted(bool *out) {
  ddla_mpi_launcher launcher = {0};
  DDLA_TRY(ddla_mpi_launcher_find(&launcher, ddla_mpi_signs_here()));
  if (ddla_mpi_launcher_is_bare_slurm(ddla_mpi_signs_here())) return fail_bare();
  *out = launcher.name != NULL;
  return DDLA_OK;
}

static ddla_status make_cluster(ddla_join *join) {
  const ddla_mpi_world *world = join->world;
  ddla_cluster *cluster = &join->cluster;
  cluster->hosts = ddla_mpi_world_hosts(world);
  cluster->host = ddla_mpi_world_host(world);
  cluster->beside = ddla_mpi_world_beside(world);
  if (cluster->hosts > DDLA_HOSTS_MAX)
    return DDLA_FAIL(INVALID, "%d hosts: there may be at most %d", cluster->hosts, DDLA_HOSTS_MAX);
  for (int h = 0; h < cluster->hosts; h++) cluster->first[h] = ddla_mpi_world_first(world, h);
  cluster->first[cluster->hosts] = ddla_mpi_world_ranks(world);
  return DDLA_OK;
}

/* MPI itself waits for ever for a process that has ended before it came. */
static void late(void *argument) {
  (void)argument;
  fprintf(stderr, "ddla: MPI has not started for %d s: not all processes have come\n",
          START_MS / 1000);
  fflush(NULL);
  _exit(ddla_status_exit(DDLA_TIMEOUT));
}

/* What keeps MPI from starting, as a library that is not there, mostly keeps all processes of a
 * machine from it, or of all machines. Said once by each machine: at first by the first process;
 * its launcher sees it end and ends the others, Open MPI's within 2 s, before they repeat it. */
static ddla_status fail_start(ddla_status status) {
  const struct timespec pause = {.tv_sec = 3};
  ddla_mpi_launcher launcher = {0};
  ddla_failure failure = {0};
  char host[64] = "unknown";
  ddla_status_take(&failure, status);
  if (ddla_mpi_launcher_find(&launcher, ddla_mpi_signs_here()) == DDLA_OK && launcher.rank > 0) {
    nanosleep(&pause, NULL);
    if (launcher.place > 0) _exit(ddla_status_exit(status));
    gethostname(host, sizeof host - 1);
    return ddla_status_prefix(ddla_status_raise(&failure), "on host %s: ", host);
  }
  return ddla_status_raise(&failure);
}

ddla_status ddla_join_start(ddla_join **out, bool apart, int64_t timeout_ms) {
  ddla_join *join = NULL;
  ddla_status status = DDLA_OK;
  const ddla_mpi_options options = {
      .apart = apart, .timeout_ms = timeout_ms, .start_ms = START_MS, .late = late};
  DDLA_TRY(DDLA_NEW(join, 1));
  join->timeout_ms = timeout_ms;
  DDLA_TRY_CLEAN(status, ddla_mpi_world_start(&join->world, &options));
  DDLA_TRY_CLEAN(status, make_cluster(join));
  *out = join;
  return DDLA_OK;
cleanup:
  ddla_mpi_world_destroy(join->world);
  ddla_free(join);
  return fail_start(status);
}

const ddla_cluster *ddla_join_cluster(const ddla_join *join) { return &join->cluster; }

int ddla_join_agent(const ddla_join *join) { return ddla_mpi_world_rank(join->world); }

const char *ddla_join_library(const ddla_join *join) { return ddla_mpi_world_library(join->world); }

bool ddla_join_has_threads(const ddla_join *join) {
  return ddla_mpi_world_has_threads(join->world);
}

const char *ddla_join_host_name(const ddla_join *join, int agent) {
  int host = 0;
  while (join->cluster.first[host + 1] <= agent) host++;
  return ddla_mpi_world_host_name(join->world, host);
}

static bool is_like(const outcome *a, const outcome *b, int fact) {
  return strcmp(a->fact[fact], b->fact[fact]) == 0;
}

/* True if all but agent 0 are alike: then it is the odd one. */
static bool is_first_odd(const outcome *all, int agents, int fact) {
  if (agents < 3 || is_like(&all[0], &all[1], fact)) return false;
  for (int a = 2; a < agents; a++)
    if (!is_like(&all[a], &all[1], fact)) return false;
  return true;
}

/* "agent 1 on host h1, agent 3 on host h3 and 4 more": those that are not as `usual` is. */
static int list_odd(const ddla_join *join, const outcome *all, int usual, int fact, char *text,
                    size_t bytes) {
  enum { NAMED_MAX = 4 };
  int odd = 0;
  size_t used = 0;
  for (int a = 0; a < ddla_cluster_agents(&join->cluster); a++) {
    if (is_like(&all[a], &all[usual], fact)) continue;
    odd++;
    if (odd <= NAMED_MAX && used < bytes)
      used += (size_t)snprintf(text + used, bytes - used, "%sagent %d on host %s",
                               odd > 1 ? ", " : "", a, ddla_join_host_name(join, a));
  }
  if (odd > NAMED_MAX && used < bytes)
    snprintf(text + used, bytes - used, " and %d more", odd - NAMED_MAX);
  return odd;
}

static ddla_status fail_differing(const ddla_join *join, const outcome *all, int fact,
                                  const ddla_join_fact *what) {
  char odd[512] = "";
  const int agents = ddla_cluster_agents(&join->cluster);
  const int usual = is_first_odd(all, agents, fact) ? 1 : 0;
  const int count = list_odd(join, all, usual, fact, odd, sizeof odd);
  int first = 0;
  while (is_like(&all[first], &all[usual], fact)) first++;
  return DDLA_FAIL(INVALID, "%s %s another %s (%s) than agent %d on host %s (%s); %s", odd,
                   count == 1 ? "has" : "have", what->name, all[first].fact[fact], usual,
                   ddla_join_host_name(join, usual), all[usual].fact[fact],
                   what->advice ? what->advice
                                : "start all agents with the same program, job file and data");
}

/* The first failure, else the first difference. */
static ddla_status judge(const ddla_join *join, const outcome *all, const ddla_join_fact *facts) {
  const int agents = ddla_cluster_agents(&join->cluster);
  for (int a = 0; a < agents; a++) {
    if (all[a].code == DDLA_OK) continue;
    ddla_failure failure = {.code = (ddla_status)all[a].code, .file = __FILE__, .line = __LINE__};
    if (a == 0) snprintf(failure.text, sizeof failure.text, "%s", all[a].text);
    else
      snprintf(failure.text, sizeof failure.text, "agent %d on host %s: %.900s", a,
               ddla_join_host_name(join, a), all[a].text);
    return ddla_status_raise(&failure);
  }
  for (int f = 0; f < DDLA_JOIN_FACTS && facts[f].name; f++)
    for (int a = 1; a < agents; a++)
      if (!is_like(&all[a], &all[0], f)) return fail_differing(join, all, f, &facts[f]);
  return DDLA_OK;
}

ddla_status ddla_join_agree(ddla_join *join, ddla_status prepared, const ddla_join_fact *facts) {
  outcome *all = NULL, mine = {.code = (int32_t)prepared};
  ddla_status status = DDLA_OK;
  if (prepared != DDLA_OK)
    snprintf(mine.text, sizeof mine.text, "%s", ddla_status_message(prepared));
  for (int f = 0; prepared == DDLA_OK && f < DDLA_JOIN_FACTS && facts[f].name; f++)
    snprintf(mine.fact[f], sizeof mine.fact[f], "%s", facts[f].value);
  DDLA_TRY(DDLA_NEW(all, ddla_cluster_agents(&join->cluster)));
  DDLA_TRY_CLEAN(status, ddla_mpi_world_gather(join->world, all, &mine, sizeof mine,
                                               "say whether they are ready"));
  status = judge(join, all, facts);
cleanup:
  ddla_free(all);
  return status;
}

ddla_status ddla_join_gather(ddla_join *join, void *all, const void *mine, size_t bytes,
                             const char *what) {
  return ddla_mpi_world_gather(join->world, all, mine, bytes, what);
}

ddla_status ddla_join_tell(ddla_join *join, void *data, size_t bytes) {
  unsigned char *all = NULL;
  DDLA_TRY(DDLA_NEW(all, (int64_t)bytes * ddla_cluster_agents(&join->cluster)));
  ddla_status status = ddla_join_gather(join, all, data, bytes, "hear what the first agent found");
  if (status == DDLA_OK) memcpy(data, all, bytes);
  ddla_free(all);
  return status;
}

void ddla_join_limit(ddla_join *join, int64_t timeout_ms) { join->timeout_ms = timeout_ms; }

void ddla_join_patience(ddla_join *join, int64_t timeout_ms) {
  ddla_mpi_world_limit(join->world, timeout_ms);
}

typedef struct shared_memory {
  ddla_local_region *region;
  ddla_local_peers *peers;
} shared_memory;

static ddla_status open_local(ddla_transport **out, ddla_join *join, shared_memory *memory,
                              size_t bytes) {
  const int place = ddla_mpi_world_place(join->world);
  DDLA_TRY(ddla_transport_mpi_share(&memory->region, &memory->peers, join->world, bytes));
  if (ddla_cluster_here(&join->cluster) == 1) return ddla_transport_open(out, "self", NULL);
  const ddla_local_setup setup = {.region = memory->region, .rank = place, .peers = memory->peers};
  return ddla_transport_open(out, "local", &setup);
}

ddla_status ddla_join_run(ddla_join *join, size_t shared_bytes, ddla_agent_main main,
                          void *argument) {
  ddla_transport *transport = NULL;
  shared_memory memory = {0};
  ddla_status status = open_local(&transport, join, &memory, shared_bytes);
  if (status == DDLA_OK) status = main(transport, argument);
  ddla_failure failure = {0};
  int who = 0;
  if (status != DDLA_OK && status != DDLA_PEER_LOST && transport) {
    ddla_status_take(&failure, status);
    ddla_transport_fail(transport, &failure);
  }
  /* What another agent of this host met says more than that it is lost. */
  if (status == DDLA_PEER_LOST && memory.region &&
      ddla_local_region_failed(memory.region, &who, &failure))
    status = ddla_status_raise(&failure);
  ddla_transport_close(transport);
  ddla_local_peers_close(memory.peers);
  ddla_local_region_destroy(memory.region);
  return status;
}

ddla_status ddla_join_open_share(ddla_transport **link, void *argument) {
  const ddla_join *join = argument;
  const ddla_mpi_setup setup = {.world = join->world, .timeout_ms = join->timeout_ms};
  return ddla_transport_open(link, "mpi", &setup);
}

ddla_status ddla_join_open_link(ddla_transport **link, ddla_cluster *cluster, void *argument) {
  const ddla_join *join = argument;
  *cluster = join->cluster;
  return ddla_join_open_share(link, argument);
}

/* MPI hangs in its end: everything is done, so that is nobody's loss. */
static void stuck(void *argument) {
  (void)argument;
  fflush(NULL);
  _exit(0);
}

ddla_status ddla_join_end(ddla_join *join) {
  if (!join) return DDLA_OK;
  ddla_status status = ddla_mpi_world_end(join->world, stuck, NULL);
  ddla_mpi_world_destroy(join->world);
  ddla_free(join);
  return status;
}

bool ddla_join_speaks(const ddla_join *join) {
  const int agent = ddla_join_agent(join);
  if (ddla_mpi_world_lost(join->world) != 0) return agent == 0;
  return agent == join->cluster.first[1];
}

_Noreturn void ddla_join_leave(const ddla_join *join, ddla_status status) {
  const bool speaks = ddla_join_speaks(join);
  const int ms = speaks ? SPOKEN_MS : LEAVE_MS;
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  fflush(NULL);
  nanosleep(&pause, NULL);
  if (speaks && ddla_mpi_world_lost(join->world) >= 0)
    ddla_mpi_world_abandon(join->world, ddla_status_exit(status));
  _exit(ddla_status_exit(status));
}
