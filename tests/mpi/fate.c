/* A program for fates.sh: every process that an MPI launcher starts plays one part of a scene, and
 * tells on one line how it ended. The scene's name is the argument. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "transport/local_share.h"
#include "transport/mpi.h"

enum { TIMEOUT_MS = 3000, START_MS = 60000, SHARED_BYTES = 1 << 20 };

/* What a scene has: the world; on a host's first rank the transport between hosts; where hosts have
 * several ranks, that of the host. */
typedef struct stage {
  ddla_mpi_world *world;
  ddla_transport *between, *local;
  ddla_local_region *region;
  ddla_local_peers *peers;
  int rank, host, place;
} stage;

typedef struct scene {
  const char *name, *hosts; /* a letter for each rank of the library */
  ddla_status (*play)(stage *s);
} scene;

static void nap_ms(int64_t ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

/* ---- parts ---- */

typedef struct message {
  ddla_transport *transport;
  ddla_request request;
  ddla_status status;
} message;

static ddla_ready look(void *argument) {
  message *m = argument;
  bool moved = false, done = false;
  m->status = ddla_transport_progress(m->transport, &moved);
  if (m->status == DDLA_OK) m->status = ddla_transport_test(m->transport, &m->request, &done);
  if (done || m->status != DDLA_OK) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static void describe(void *argument, char *text, size_t bytes) {
  const message *m = argument;
  if (m->request.peer < 0) snprintf(text, bytes, "a sum");
  else snprintf(text, bytes, "a number from host %d", m->request.peer);
}

static ddla_status finish(message *m) {
  const ddla_waiting waiting = {look, describe, m, NULL};
  ddla_status status = ddla_transport_wait(m->transport, &waiting, -1);
  return status == DDLA_OK ? m->status : status;
}

/* Waits for a number that the first host sends, or another one does not. */
static ddla_status await(stage *s, int from) {
  int number = 0;
  message m = {.transport = s->between};
  DDLA_TRY(ddla_transport_recv(s->between, &m.request, from, 7, &number, sizeof number));
  DDLA_TRY(finish(&m));
  return number == 42 ? DDLA_OK : DDLA_FAIL(INTERNAL, "the number is %d", number);
}

static ddla_status tell(stage *s, int to) {
  int number = 42;
  message m = {.transport = s->between};
  DDLA_TRY(ddla_transport_send(s->between, &m.request, to, 7, &number, sizeof number));
  return finish(&m);
}

/* ---- scenes ---- */

static ddla_status good(stage *s) {
  if (s->host == 0)
    for (int to = 1; to < ddla_mpi_world_hosts(s->world); to++) DDLA_TRY(tell(s, to));
  return s->host > 0 ? await(s, 0) : DDLA_OK;
}

static ddla_status killed(stage *s) {
  if (s->host == 1) kill(getpid(), SIGKILL);
  return await(s, 1);
}

static ddla_status stopped(stage *s) {
  if (s->host == 1) kill(getpid(), SIGSTOP);
  return await(s, 1);
}

/* Declares its failure and is gone. */
static ddla_status failed(stage *s) {
  if (s->host != 1) return await(s, 1);
  const ddla_failure failure = {.code = DDLA_DISK_FULL, .text = "no room for the checkpoint"};
  ddla_transport_fail(s->between, &failure);
  _exit(ddla_status_exit(DDLA_DISK_FULL));
}

/* Busy with something else for less than the time limit, then for a message: nobody is lost. */
static ddla_status deaf(stage *s) {
  if (s->host == 1) nap_ms(TIMEOUT_MS * 2 / 3);
  for (int round = 0; round < 2; round++) {
    if (s->host == 1) DDLA_TRY(tell(s, 0));
    else DDLA_TRY(await(s, 1));
    nap_ms(TIMEOUT_MS / 2);
  }
  return DDLA_OK;
}

static ddla_ready nothing(void *argument) {
  (void)argument;
  return DDLA_READY_NOTHING;
}

/* Has nothing to say for longer than the time limit, but waits in order: signs of life go out. */
static ddla_status idle(stage *s) {
  if (s->host == 0) return await(s, 1);
  const ddla_waiting waiting = {nothing, NULL, NULL, NULL};
  ddla_status status = ddla_transport_wait(s->between, &waiting, 2 * TIMEOUT_MS);
  if (status != DDLA_TIMEOUT) return DDLA_FAIL(INTERNAL, "%s", ddla_status_message(status));
  return tell(s, 0);
}

/* Nobody listened for longer than the time limit, so nobody can be blamed for silence. */
static ddla_status all_deaf(stage *s) {
  nap_ms(TIMEOUT_MS * 3 / 2);
  return s->host == 0 ? await(s, 1) : tell(s, 0);
}

/* A sum of all hosts. */
static ddla_status sum_of(stage *s) {
  static float numbers[1 << 20];
  message m = {.transport = s->between};
  for (int k = 0; k < 1 << 20; k++) numbers[k] = (float)(s->host + 1);
  DDLA_TRY(ddla_transport_sum(s->between, &m.request, numbers, 1 << 20));
  const ddla_status status = finish(&m);
  if (status != DDLA_OK) ddla_transport_cancel(s->between, &m.request);
  DDLA_TRY(status);
  const int hosts = ddla_mpi_world_hosts(s->world);
  const float wanted = (float)(hosts * (hosts + 1) / 2);
  return numbers[0] == wanted && numbers[(1 << 20) - 1] == wanted
             ? DDLA_OK
             : DDLA_FAIL(INTERNAL, "the sum is %g", (double)numbers[0]);
}

/* The first ranks of two hosts add up, the others have no part in it. */
static ddla_status summed(stage *s) {
  for (int round = 0; s->place == 0 && round < 3; round++) DDLA_TRY(sum_of(s));
  return DDLA_OK;
}

static ddla_status summed_killed(stage *s) {
  DDLA_TRY(sum_of(s));
  if (s->host == 1) kill(getpid(), SIGKILL);
  return sum_of(s);
}

static ddla_status summed_stopped(stage *s) {
  DDLA_TRY(sum_of(s));
  if (s->host == 1) kill(getpid(), SIGSTOP);
  return sum_of(s);
}

/* A sum that one gives up is nobody's. */
static ddla_status summed_given_up(stage *s) {
  static float numbers[1 << 20];
  ddla_request request;
  if (s->host != 1) return sum_of(s);
  DDLA_TRY(ddla_transport_sum(s->between, &request, numbers, 1 << 20));
  ddla_transport_cancel(s->between, &request);
  return ddla_transport_check(s->between);
}

/* Ranks of the library 0 1 2 3 are on hosts a b a b: here 0 2 1 3. */
static ddla_status numbered(stage *s) {
  int library = ddla_mpi_link_facts(ddla_mpi_world_link(s->world))->rank, all[4] = {0};
  static const int expected[] = {0, 2, 1, 3};
  DDLA_TRY(ddla_mpi_world_gather(s->world, all, &library, sizeof library, "compare ranks"));
  for (int i = 0; i < 4; i++)
    if (all[i] != expected[i]) return DDLA_FAIL(INTERNAL, "rank %d is %d", i, all[i]);
  if (s->rank != expected[library] || s->host != library % 2 || s->place != library / 2 ||
      ddla_mpi_world_hosts(s->world) != 2 || ddla_mpi_world_places(s->world, 1) != 2 ||
      ddla_mpi_world_first(s->world, 1) != 2 ||
      strcmp(ddla_mpi_world_host_name(s->world, 1), "b") != 0)
    return DDLA_FAIL(INTERNAL, "ranks and hosts are misnumbered at rank %d", s->rank);
  return DDLA_OK;
}

/* A number goes from host a's second rank through memory, a message, and memory to b's second. */
static ddla_status shared(stage *s) {
  void *block = NULL;
  uint64_t addresses[4] = {0};
  DDLA_TRY(ddla_transport_alloc(s->local, &block, 64, DDLA_MEMORY_ONE));
  ddla_word *word = block;
  uint64_t own = (uint64_t)(uintptr_t)block;
  DDLA_TRY(ddla_mpi_world_gather(s->world, addresses, &own, sizeof own, "compare addresses"));
  if (addresses[s->host * 2] != addresses[s->host * 2 + 1])
    return DDLA_FAIL(INTERNAL, "the block is at different addresses");
  if (s->rank == 1) ddla_transport_word_publish(s->local, word, 1);
  if (s->rank == 3) return ddla_transport_word_wait(s->local, word, 1, -1);
  if (s->rank == 0) {
    DDLA_TRY(ddla_transport_word_wait(s->local, word, 1, -1));
    return tell(s, 1);
  }
  if (s->rank != 2) return DDLA_OK;
  DDLA_TRY(await(s, 0));
  ddla_transport_word_publish(s->local, word, 1);
  return DDLA_OK;
}

/* A rank dies that no other host talks to; its own leader tells them. */
static ddla_status follower_killed(stage *s) {
  void *block = NULL;
  DDLA_TRY(ddla_transport_alloc(s->local, &block, 64, DDLA_MEMORY_ONE));
  if (s->rank == 1) {
    nap_ms(200);
    kill(getpid(), SIGKILL);
  }
  if (s->rank == 2) return await(s, 0);
  return ddla_transport_word_wait(s->local, block, 1, s->rank == 3 ? 2 * TIMEOUT_MS : -1);
}

/* One never comes to the meeting. */
static ddla_status absent(stage *s) {
  char own = 0, all[3] = {0};
  if (s->rank == 1) {
    nap_ms(TIMEOUT_MS * 2);
    return DDLA_OK;
  }
  return ddla_mpi_world_gather(s->world, all, &own, sizeof own, "compare the jobs");
}

static const scene scenes[] = {
    {"good", "abc", good},
    {"killed", "abc", killed},
    {"stopped", "abc", stopped},
    {"failed", "abc", failed},
    {"deaf", "ab", deaf},
    {"all_deaf", "ab", all_deaf},
    {"idle", "ab", idle},
    {"numbered", "abab", numbered},
    {"shared", "aabb", shared},
    {"follower_killed", "aabb", follower_killed},
    {"absent", "abc", absent},
    {"summed", "aabb", summed},
    {"summed_killed", "abc", summed_killed},
    {"summed_stopped", "abc", summed_stopped},
    {"summed_given_up", "abc", summed_given_up},
};

/* ---- life ---- */

static const scene *find(const char *name) {
  for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++)
    if (strcmp(scenes[i].name, name) == 0) return &scenes[i];
  return NULL;
}

/* Arguments: a scene; and, to see them fail, whose plug-in and in which folder. */
static ddla_status set_up(stage *s, const scene *what, int count, char **arguments) {
  ddla_mpi_launcher launcher = {0};
  DDLA_TRY(ddla_mpi_launcher_find(&launcher, ddla_mpi_signs_here()));
  char host[2] = {'a', '\0'};
  if (launcher.rank >= 0 && launcher.rank < (int)strlen(what->hosts))
    host[0] = what->hosts[launcher.rank];
  const ddla_mpi_options options = {.host = host,
                                    .library = count > 2 ? arguments[2] : NULL,
                                    .folder = count > 3 ? arguments[3] : NULL,
                                    .timeout_ms = what->play == absent ? TIMEOUT_MS : START_MS};
  DDLA_TRY(ddla_mpi_world_start(&s->world, &options));
  s->rank = ddla_mpi_world_rank(s->world);
  s->host = ddla_mpi_world_host(s->world);
  s->place = ddla_mpi_world_place(s->world);
  if (ddla_mpi_world_ranks(s->world) > ddla_mpi_world_hosts(s->world)) {
    DDLA_TRY(ddla_transport_mpi_share(&s->region, &s->peers, s->world, SHARED_BYTES));
    const ddla_local_setup local = {.region = s->region, .rank = s->place, .peers = s->peers};
    DDLA_TRY(ddla_transport_open(&s->local, "local", &local));
  }
  const ddla_mpi_setup setup = {.world = s->world, .timeout_ms = TIMEOUT_MS};
  return s->place == 0 ? ddla_transport_open(&s->between, "mpi", &setup) : DDLA_OK;
}

/* Tells whoever may still wait for this process. */
static void give_up(const stage *s, const ddla_failure *failure) {
  if (s->between) ddla_transport_fail(s->between, failure);
  if (s->local && failure->code != DDLA_PEER_LOST) ddla_transport_fail(s->local, failure);
}

static void hang(void *argument) {
  (void)argument;
  printf("hangs at the end of MPI\n");
  fflush(NULL);
  _exit(1);
}

int main(int count, char **arguments) {
  const scene *what = count > 1 ? find(arguments[1]) : NULL;
  stage s = {.rank = -1};
  ddla_failure failure = {0};
  if (!what) return 2;
  ddla_status status = set_up(&s, what, count, arguments);
  if (status == DDLA_OK) status = what->play(&s);
  if (status != DDLA_OK) {
    ddla_status_take(&failure, status);
    give_up(&s, &failure);
  }
  ddla_transport_close(s.between);
  ddla_transport_close(s.local);
  printf("rank %d: %s %s\n", s.rank, ddla_status_name(status), failure.text);
  fflush(NULL);
  if (status != DDLA_OK) _exit(ddla_status_exit(status));
  if (ddla_mpi_world_end(s.world, hang, NULL) != DDLA_OK) return 1;
  ddla_local_peers_close(s.peers);
  ddla_local_region_destroy(s.region);
  ddla_mpi_world_destroy(s.world);
  return 0;
}
