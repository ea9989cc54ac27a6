#include "mpi/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/machine.h"
#include "mpi/gather.h"
#include "mpi/guard.h"

/* MPICH's end hangs in half of all runs over TCP unless messages have had time to settle: 0 of 15
 * hung with a meeting and this pause before it. */
enum { SETTLE_NS = 100 * 1000 * 1000, KEPT_MAX = 256, ABANDON_MS = 5000 };

/* What a process says of itself at the start. Same card, same host. */
typedef struct card {
  char host[DDLA_MPI_HOST_BYTES];
  char boot[64];      /* tells machines of one name apart */
  uint64_t processes; /* name space of process numbers: who shares it can share memory */
  int64_t process;    /* where every process counts as a host; else 0 */
} card;

typedef struct host {
  int first, places;
} host;

struct ddla_mpi_world {
  ddla_mpi_link *link;
  ddla_mpi_launcher launcher;
  int64_t timeout_ms;
  int rank, ranks, hosts;
  int *library_rank, *host_of; /* by rank of the world */
  card *cards;                 /* by rank of the library; null: not known yet */
  host host[DDLA_MPI_HOSTS_MAX];
  unsigned gathers, opens;
  ddla_mpi_gather *broken; /* one that ran into its time limit */
  _Atomic int lost;        /* a silent host; -1: none */
  ddla_mpi_users users;
  pthread_mutex_t lock;         /* held by whoever calls the link */
  _Atomic bool failing, failed; /* taken by whoever writes the failure; it is written */
  ddla_failure failure;
  int kept_count;
  void *kept[KEPT_MAX]; /* more are never freed */
};

static card own_card(const ddla_mpi_options *options, const ddla_mpi_signs *signs) {
  card own = {.host = ""};
  char name[256] = "unknown";
  const char *given = options->host;
  struct stat file = {0};
  if (!given) given = signs->get(signs->argument, "DDLA_HOST_NAME");
  if (!given || !given[0]) {
    gethostname(name, sizeof name - 1);
    given = name;
  }
  snprintf(own.host, sizeof own.host, "%.63s", given);
  ddla_machine_line(own.boot, sizeof own.boot, "/proc/sys/kernel/random/boot_id");
  if (stat("/proc/self/ns/pid", &file) == 0) own.processes = file.st_ino;
  if (options->apart) own.process = getpid();
  return own;
}

static bool is_same_machine(const card *a, const card *b) {
  return strcmp(a->host, b->host) == 0 && strcmp(a->boot, b->boot) == 0 &&
         a->processes == b->processes;
}

static bool is_same_host(const card *a, const card *b) {
  return is_same_machine(a, b) && a->process == b->process;
}

static void name_rank(void *argument, int rank, char *text, size_t bytes) {
  const ddla_mpi_world *world = argument;
  if (!world->cards) {
    snprintf(text, bytes, "rank %d", rank);
    return;
  }
  int found = 0;
  while (world->library_rank[found] != rank) found++;
  snprintf(text, bytes, "agent %d on %s", found, world->cards[rank].host);
}

/* In the library's order. */
static ddla_status gather(ddla_mpi_gather **out, ddla_mpi_world *world, const void *mine,
                          size_t bytes, const char *what) {
  const ddla_mpi_gather_call call = {.mine = mine,
                                     .bytes = bytes,
                                     .tag = (int)(world->gathers++ % DDLA_MPI_TAGS_WORLD),
                                     .timeout_ms = world->timeout_ms,
                                     .what = what,
                                     .name = name_rank,
                                     .argument = world};
  if (world->broken) return DDLA_FAIL(TIMEOUT, "not all have come before, and will not now");
  ddla_status status = ddla_mpi_gather_run(out, world->link, &call);
  if (status != DDLA_OK) world->broken = *out;
  return status;
}

ddla_status ddla_mpi_world_gather(ddla_mpi_world *world, void *all, const void *mine, size_t bytes,
                                  const char *what) {
  ddla_mpi_gather *g = NULL;
  DDLA_TRY(gather(&g, world, mine, bytes, what));
  for (int i = 0; i < world->ranks; i++)
    memcpy((unsigned char *)all + bytes * (size_t)i,
           ddla_mpi_gather_bytes(g) + bytes * (size_t)world->library_rank[i], bytes);
  ddla_mpi_gather_destroy(g);
  return DDLA_OK;
}

/* Ranks of the library that have the card of `rank` and come before it. */
static int count_before(const card *cards, int rank) {
  int count = 0;
  for (int i = 0; i < rank; i++) count += is_same_host(&cards[i], &cards[rank]);
  return count;
}

static ddla_status number_hosts(ddla_mpi_world *world, const card *cards) {
  int next = 0;
  for (int leader = 0; leader < world->ranks; leader++) {
    if (count_before(cards, leader) > 0) continue;
    if (world->hosts == DDLA_MPI_HOSTS_MAX)
      return DDLA_FAIL(INVALID, "there may be %d hosts at most", DDLA_MPI_HOSTS_MAX);
    host *h = &world->host[world->hosts];
    h->first = next;
    for (int i = leader; i < world->ranks; i++) {
      if (!is_same_host(&cards[i], &cards[leader])) continue;
      if (i == ddla_mpi_link_facts(world->link)->rank) world->rank = next;
      world->library_rank[next] = i;
      world->host_of[next++] = world->hosts;
      h->places++;
    }
    if (h->places > DDLA_MPI_PLACES_MAX)
      return DDLA_FAIL(INVALID, "%d processes on host %s; there may be %d at most", h->places,
                       cards[leader].host, DDLA_MPI_PLACES_MAX);
    world->hosts++;
  }
  return DDLA_OK;
}

/* The launcher counts the processes that it started, the library those that it found. */
static ddla_status check_launcher(const ddla_mpi_world *world) {
  const ddla_mpi_start *facts = ddla_mpi_link_facts(world->link);
  const ddla_mpi_loaded *loaded = ddla_mpi_link_loaded(world->link);
  const ddla_mpi_launcher *l = &world->launcher;
  if (facts->tag_max < DDLA_MPI_TAGS_MAX)
    return DDLA_FAIL(UNSUPPORTED, "%s has tags up to %d only, which the standard forbids",
                     facts->version, facts->tag_max);
  if (!l->name || l->ranks < 0 || l->ranks == facts->ranks) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s started %d processes (%s), but %s, loaded from %s, sees rank %d of %d: the "
                   "launcher belongs to another MPI library than the plug-in; start with the "
                   "launcher of the plug-in's library (%s), or use the launcher's plug-in (%s)",
                   l->name, l->ranks, l->sign, facts->version, loaded->path, facts->rank,
                   facts->ranks, loaded->plugin->library, l->library ? l->library : "unknown");
}

/* A launcher that serves several libraries leaves the choice to us: the first that is there. */
static ddla_status start_link(ddla_mpi_world *world, const ddla_mpi_options *options) {
  static const char *const known[] = {"openmpi", "mpich"};
  const char *library = options->library ? options->library : world->launcher.library;
  if (library) {
    ddla_status status = ddla_mpi_link_start(&world->link, library, options->folder);
    if (status != DDLA_OK && world->launcher.name)
      return ddla_status_prefix(status, "started by %s (%s): ", world->launcher.name,
                                world->launcher.sign);
    return status;
  }
  ddla_mpi_loaded loaded = {0};
  for (int i = 0; i < 2 && !library; i++)
    if (ddla_mpi_load(&loaded, known[i], options->folder) == DDLA_OK) library = known[i];
  if (!library)
    return DDLA_FAIL(UNSUPPORTED,
                     "there is no plug-in for any MPI library: ddla makes them when it is built "
                     "where one is found (Debian's packages: libopenmpi-dev, libmpich-dev)");
  return ddla_mpi_link_start(&world->link, library, options->folder);
}

static ddla_status find_hosts(ddla_mpi_world *world, const card *mine) {
  ddla_mpi_gather *g = NULL;
  DDLA_TRY(gather(&g, world, mine, sizeof *mine, "say which hosts they are on"));
  ddla_status status = DDLA_OK;
  card *cards = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(cards, world->ranks));
  memcpy(cards, ddla_mpi_gather_bytes(g), sizeof *cards * (size_t)world->ranks);
  status = number_hosts(world, cards);
  world->cards = cards;
cleanup:
  ddla_mpi_gather_destroy(g);
  return status;
}

/* The first ranks of all hosts can add numbers up. */
static ddla_status form(ddla_mpi_world *world, const ddla_mpi_options *options) {
  ddla_mpi_guard guard;
  ddla_mpi_guard_start(&guard, options->start_ms, options->late, options->argument);
  ddla_status status = ddla_mpi_link_form(world->link, ddla_mpi_world_place(world) == 0);
  ddla_mpi_guard_stop(&guard);
  return status;
}

ddla_status ddla_mpi_world_start(ddla_mpi_world **out, const ddla_mpi_options *options) {
  const ddla_mpi_signs *signs = options->signs ? options->signs : ddla_mpi_signs_here();
  ddla_mpi_world *world = NULL;
  ddla_mpi_guard guard;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(world, 1));
  world->timeout_ms = options->timeout_ms;
  pthread_mutex_init(&world->lock, NULL);
  atomic_store(&world->lost, -1);
  DDLA_TRY_CLEAN(status, ddla_mpi_launcher_find(&world->launcher, signs));
  ddla_mpi_guard_start(&guard, options->start_ms, options->late, options->argument);
  status = start_link(world, options);
  ddla_mpi_guard_stop(&guard);
  if (status != DDLA_OK) goto cleanup;
  DDLA_TRY_CLEAN(status, check_launcher(world));
  world->ranks = ddla_mpi_link_facts(world->link)->ranks;
  DDLA_TRY_CLEAN(status, DDLA_NEW(world->library_rank, world->ranks));
  DDLA_TRY_CLEAN(status, DDLA_NEW(world->host_of, world->ranks));
  const card mine = own_card(options, signs);
  DDLA_TRY_CLEAN(status, find_hosts(world, &mine));
  DDLA_TRY_CLEAN(status, form(world, options));
  *out = world;
  return DDLA_OK;
cleanup:
  ddla_mpi_world_destroy(world);
  return status;
}

int ddla_mpi_world_rank(const ddla_mpi_world *world) { return world->rank; }

int ddla_mpi_world_ranks(const ddla_mpi_world *world) { return world->ranks; }

int ddla_mpi_world_hosts(const ddla_mpi_world *world) { return world->hosts; }

int ddla_mpi_world_host(const ddla_mpi_world *world) { return world->host_of[world->rank]; }

int ddla_mpi_world_place(const ddla_mpi_world *world) {
  return world->rank - world->host[ddla_mpi_world_host(world)].first;
}

const char *ddla_mpi_world_host_name(const ddla_mpi_world *world, int index) {
  return world->cards[world->library_rank[world->host[index].first]].host;
}

int ddla_mpi_world_places(const ddla_mpi_world *world, int index) {
  return world->host[index].places;
}

int ddla_mpi_world_first(const ddla_mpi_world *world, int index) {
  return world->host[index].first;
}

bool ddla_mpi_world_has_threads(const ddla_mpi_world *world) {
  return ddla_mpi_link_facts(world->link)->threads;
}

int ddla_mpi_world_beside(const ddla_mpi_world *world) {
  int count = 0;
  for (int i = 0; i < world->ranks; i++)
    count += is_same_machine(&world->cards[i], &world->cards[world->library_rank[world->rank]]);
  return count;
}

const char *ddla_mpi_world_library(const ddla_mpi_world *world) {
  return ddla_mpi_link_facts(world->link)->version;
}

const char *ddla_mpi_world_launcher(const ddla_mpi_world *world) { return world->launcher.name; }

void ddla_mpi_world_limit(ddla_mpi_world *world, int64_t timeout_ms) {
  world->timeout_ms = timeout_ms;
}

ddla_mpi_link *ddla_mpi_world_link(ddla_mpi_world *world) { return world->link; }

int ddla_mpi_world_library_rank(const ddla_mpi_world *world, int rank) {
  return world->library_rank[rank];
}

unsigned ddla_mpi_world_count_opens(ddla_mpi_world *world) { return world->opens++; }

ddla_status ddla_mpi_world_end(ddla_mpi_world *world, void (*stuck)(void *argument),
                               void *argument) {
  const char here = 1;
  ddla_mpi_gather *g = NULL;
  DDLA_TRY(gather(&g, world, &here, sizeof here, "end the run"));
  ddla_mpi_gather_destroy(g);
  ddla_mpi_link_nap(SETTLE_NS);
  ddla_mpi_guard guard;
  ddla_mpi_guard_start(&guard, world->timeout_ms, stuck, argument);
  ddla_status status = ddla_mpi_link_finalize(world->link);
  ddla_mpi_guard_stop(&guard);
  return status;
}

void ddla_mpi_world_lose(ddla_mpi_world *world, int index) {
  int none = -1;
  atomic_compare_exchange_strong(&world->lost, &none, index);
}

void ddla_mpi_world_lock(ddla_mpi_world *world) { pthread_mutex_lock(&world->lock); }

bool ddla_mpi_world_try_lock(ddla_mpi_world *world) {
  return pthread_mutex_trylock(&world->lock) == 0;
}

void ddla_mpi_world_unlock(ddla_mpi_world *world) { pthread_mutex_unlock(&world->lock); }

ddla_mpi_users *ddla_mpi_world_users(ddla_mpi_world *world) { return &world->users; }

void ddla_mpi_world_fail(ddla_mpi_world *world, const ddla_failure *failure) {
  if (atomic_exchange(&world->failing, true)) return;
  world->failure = *failure;
  atomic_store(&world->failed, true);
}

const ddla_failure *ddla_mpi_world_failure(const ddla_mpi_world *world) {
  return atomic_load(&world->failed) ? &world->failure : NULL;
}

int ddla_mpi_world_lost(const ddla_mpi_world *world) { return atomic_load(&world->lost); }

static void leave(void *argument) {
  const int *status = argument;
  _exit(*status);
}

_Noreturn void ddla_mpi_world_abandon(ddla_mpi_world *world, int status) {
  ddla_mpi_guard guard;
  ddla_mpi_guard_start(&guard, ABANDON_MS, leave, &status);
  ddla_mpi_link_abort(world->link, status);
  _exit(status);
}

void ddla_mpi_world_keep(ddla_mpi_world *world, void *memory) {
  if (world->kept_count < KEPT_MAX) world->kept[world->kept_count++] = memory;
}

void ddla_mpi_world_destroy(ddla_mpi_world *world) {
  if (!world) return;
  for (int i = 0; i < world->kept_count; i++) ddla_free(world->kept[i]);
  ddla_mpi_gather_destroy(world->broken);
  ddla_mpi_link_destroy(world->link);
  ddla_free(world->library_rank);
  ddla_free(world->host_of);
  ddla_free(world->cards);
  pthread_mutex_destroy(&world->lock);
  ddla_free(world);
}
