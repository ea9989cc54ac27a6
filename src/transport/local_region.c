#include "transport/local_region.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t to_pages(size_t bytes) {
  return (bytes + DDLA_LOCAL_PAGE - 1) & ~(size_t)(DDLA_LOCAL_PAGE - 1);
}

static int usable_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static size_t heap_offset(int ranks) {
  size_t links = (size_t)ranks * (size_t)ranks * sizeof(ddla_local_link);
  return to_pages(sizeof(ddla_local_region) + links);
}

ddla_status ddla_local_region_measure(size_t *out, int ranks, size_t bytes) {
  if (ranks < 1 || ranks > DDLA_TRANSPORT_RANKS_MAX)
    return DDLA_FAIL(INVALID, "%d agents on one machine; possible are 1 to %d", ranks,
                     DDLA_TRANSPORT_RANKS_MAX);
  *out = heap_offset(ranks) + to_pages(bytes);
  return DDLA_OK;
}

void ddla_local_region_init(ddla_local_region *region, int ranks, size_t bytes) {
  region->ranks = ranks;
  ddla_local_region_call(region, "agent", 0);
  region->cores = usable_cores();
  region->launcher = getpid();
  region->heap_offset = heap_offset(ranks);
  region->heap_bytes = to_pages(bytes);
  region->bytes = region->heap_offset + region->heap_bytes;
}

ddla_status ddla_local_region_create(ddla_local_region **out, int ranks, size_t bytes) {
  size_t total = 0;
  DDLA_TRY(ddla_local_region_measure(&total, ranks, bytes));
  void *mapping =
      mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    return DDLA_FAIL(NO_MEMORY, "no address space for %zu bytes shared by %d agents: %s", total,
                     ranks, strerror(errno));
  *out = mapping;
  ddla_local_region_init(*out, ranks, bytes);
  return DDLA_OK;
}

void ddla_local_region_destroy(ddla_local_region *region) {
  if (region) munmap(region, region->bytes);
}

int ddla_local_region_ranks(const ddla_local_region *region) { return region->ranks; }

void ddla_local_region_call(ddla_local_region *region, const char *what, int first) {
  snprintf(region->what, sizeof region->what, "%s", what);
  region->first = first;
}

static void wake_all(ddla_local_region *region) {
  for (int i = 0; i < DDLA_LOCAL_EVENTS; i++) ddla_event_wake(&region->events[i]);
  for (int i = 0; i < region->ranks; i++) ddla_event_wake(&region->bells[i]);
}

void ddla_local_region_raise(ddla_local_region *region, int rank, int signal) {
  uint64_t generation = atomic_load(&region->generation), nobody = 0;
  uint64_t value =
      (generation + 1) << 32 | (uint64_t)(rank & 0xffff) << 16 | (uint64_t)(signal & 0xffff);
  atomic_compare_exchange_strong(&region->death, &nobody, value);
  wake_all(region);
}

void ddla_local_region_fail(ddla_local_region *region, int rank, const ddla_failure *failure) {
  ddla_local_seat *seat = &region->seats[rank];
  if (atomic_exchange(&seat->failed, 1) == 0) {
    seat->failure = *failure;
    uint64_t nobody = 0;
    atomic_compare_exchange_strong(&region->abort, &nobody, (uint64_t)rank + 1);
  }
  wake_all(region);
}

bool ddla_local_region_failed(const ddla_local_region *region, int *rank, ddla_failure *failure) {
  uint64_t abort = atomic_load(&region->abort);
  if (abort == 0) return false;
  *rank = (int)abort - 1;
  *failure = region->seats[*rank].failure;
  return true;
}

bool ddla_local_region_lost(const ddla_local_region *region, int *rank, int *signal) {
  uint64_t death = atomic_load(&region->death);
  if (death == 0) return false;
  *rank = (int)(death >> 16 & 0xffff);
  *signal = (int)(death & 0xffff);
  return true;
}

ddla_status ddla_local_region_reset(ddla_local_region *region) {
  unsigned char *heap = (unsigned char *)region + region->heap_offset;
  if (region->heap_bytes && madvise(heap, region->heap_bytes, MADV_REMOVE) != 0)
    return DDLA_FAIL(IO, "cannot clear the memory that agents share: %s", strerror(errno));
  memset(region->links, 0, (size_t)region->ranks * (size_t)region->ranks * sizeof(ddla_local_link));
  for (int i = 0; i < DDLA_LOCAL_BLOCKS_MAX; i++) atomic_store(&region->blocks[i], 0);
  for (int i = 0; i < region->ranks; i++) atomic_store(&region->seats[i].failed, 0);
  atomic_fetch_add(&region->generation, 1);
  atomic_store(&region->abort, 0);
  atomic_store(&region->death, 0);
  return DDLA_OK;
}

ddla_status ddla_local_region_check(const ddla_local_region *region) {
  if (atomic_load_explicit(&region->death, memory_order_relaxed) == 0 &&
      atomic_load_explicit(&region->abort, memory_order_relaxed) == 0)
    return DDLA_OK;
  int rank = 0, signal = 0;
  if (ddla_local_region_lost(region, &rank, &signal)) {
    if (signal == 0)
      return DDLA_FAIL(PEER_LOST, "%s %d left before the work was done", region->what,
                       region->first + rank);
    return DDLA_FAIL(PEER_LOST, "%s %d was ended by signal %d (%s)", region->what,
                     region->first + rank, signal,
                     sigdescr_np(signal) ? sigdescr_np(signal) : "unknown");
  }
  ddla_failure failure = {0};
  if (ddla_local_region_failed(region, &rank, &failure))
    return DDLA_FAIL(PEER_LOST, "%s %d failed: %.900s", region->what, region->first + rank,
                     failure.text);
  return DDLA_OK;
}
