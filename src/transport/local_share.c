#include "transport/local_share.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "transport/local_region.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

struct ddla_local_peers {
  ddla_local_region *region;
  int rank, count;
  int files[DDLA_TRANSPORT_RANKS_MAX]; /* a pidfd for each; -1: this process, or it has ended */
};

/* Between the heap and the libraries of a 64-bit process lies a gap of tens of terabytes; the even
 * attempts pick places in it. Where there is none (sanitizers, small address spaces) the odd ones
 * take what the system gives the maker. */
static uint64_t pick_address(int attempt) {
  const uint64_t first = UINT64_C(0x200000000000), step = UINT64_C(0x0a0000000000);
  return attempt % 2 ? 0 : first + (uint64_t)(attempt / 2) * step;
}

/* Old kernels take the address for a hint and map elsewhere. */
static ddla_status map_at(ddla_local_region **out, int file, uint64_t address, size_t bytes) {
  void *wanted = (void *)(uintptr_t)address;
  int flags = MAP_SHARED | MAP_NORESERVE | (wanted ? MAP_FIXED_NOREPLACE : 0);
  void *mapping = mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  if (mapping != MAP_FAILED && (!wanted || mapping == wanted)) {
    *out = mapping;
    return DDLA_OK;
  }
  int reason = errno;
  if (mapping != MAP_FAILED) munmap(mapping, bytes);
  else if (reason != EEXIST && reason != EINVAL && reason != ENOMEM)
    return DDLA_FAIL(IO, "cannot map %zu bytes that processes share: %s", bytes, strerror(reason));
  return DDLA_FAIL(UNSUPPORTED, "address %" PRIx64 " is taken in process %d", address,
                   (int)getpid());
}

static ddla_status make_file(int *out, size_t bytes) {
  int file = (int)syscall(SYS_memfd_create, "ddla", 1u /* MFD_CLOEXEC */);
  if (file < 0 || ftruncate(file, (off_t)bytes) != 0) {
    int reason = errno;
    if (file >= 0) close(file);
    return DDLA_FAIL(NO_MEMORY, "cannot make %zu bytes that processes share: %s", bytes,
                     strerror(reason));
  }
  *out = file;
  return DDLA_OK;
}

ddla_status ddla_local_share_make(ddla_local_region **out, ddla_local_offer *offer, int ranks,
                                  size_t bytes, int attempt) {
  size_t total = 0;
  int file = -1;
  struct stat known = {0};
  ddla_local_region *region = NULL;
  DDLA_TRY(ddla_local_region_measure(&total, ranks, bytes));
  DDLA_TRY(make_file(&file, total));
  ddla_status status = map_at(&region, file, pick_address(attempt), total);
  if (status != DDLA_OK || fstat(file, &known) != 0) {
    if (region) munmap(region, total);
    close(file);
    return status != DDLA_OK ? status : DDLA_FAIL(IO, "cannot look at shared memory");
  }
  ddla_local_region_init(region, ranks, bytes);
  region->launcher = 0; /* nobody's child: see ddla_local_peers_look */
  *offer = (ddla_local_offer){.process = getpid(),
                              .file = file,
                              .ranks = ranks,
                              .address = (uint64_t)(uintptr_t)region,
                              .bytes = total,
                              .device = known.st_dev,
                              .inode = known.st_ino};
  *out = region;
  return DDLA_OK;
}

void ddla_local_share_seal(ddla_local_offer *offer) {
  if (offer->file >= 0) close(offer->file);
  offer->file = -1;
}

ddla_status ddla_local_share_attach(ddla_local_region **out, const ddla_local_offer *offer) {
  char path[64];
  struct stat found = {0};
  snprintf(path, sizeof path, "/proc/%" PRId64 "/fd/%d", offer->process, (int)offer->file);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0)
    return DDLA_FAIL(IO,
                     "process %d cannot reach the memory of process %" PRId64
                     " on the same host (%s): %s; processes of a host must run under one user and "
                     "see each other's numbers",
                     (int)getpid(), offer->process, path, strerror(errno));
  ddla_status status = DDLA_OK;
  if (fstat(file, &found) != 0 || found.st_ino != offer->inode || found.st_dev != offer->device)
    status = DDLA_FAIL(IO, "%s is another file than was offered", path);
  else status = map_at(out, file, offer->address, offer->bytes);
  close(file);
  return status;
}

ddla_status ddla_local_peers_open(ddla_local_peers **out, ddla_local_region *region, int rank,
                                  const int64_t *processes) {
  ddla_local_peers *peers = NULL;
  DDLA_TRY(DDLA_NEW(peers, 1));
  *peers = (ddla_local_peers){.region = region, .rank = rank, .count = region->ranks};
  for (int i = 0; i < peers->count; i++) {
    peers->files[i] = i == rank ? -1 : (int)syscall(SYS_pidfd_open, (pid_t)processes[i], 0);
    if (i == rank || peers->files[i] >= 0) continue;
    if (errno != ESRCH) {
      ddla_status status = DDLA_FAIL(IO, "cannot look after agent %d, process %" PRId64 ": %s", i,
                                     processes[i], strerror(errno));
      ddla_local_peers_close(peers);
      return status;
    }
    if (!atomic_load(&region->seats[i].left)) ddla_local_region_raise(region, i, 0);
  }
  *out = peers;
  return DDLA_OK;
}

void ddla_local_peers_look(const ddla_local_peers *peers) {
  struct pollfd ends[DDLA_TRANSPORT_RANKS_MAX];
  for (int i = 0; i < peers->count; i++)
    ends[i] = (struct pollfd){.fd = peers->files[i], .events = POLLIN};
  if (poll(ends, (nfds_t)peers->count, 0) <= 0) return;
  for (int i = 0; i < peers->count; i++)
    if (ends[i].revents && !atomic_load(&peers->region->seats[i].left))
      ddla_local_region_raise(peers->region, i, 0);
}

void ddla_local_peers_close(ddla_local_peers *peers) {
  if (!peers) return;
  for (int i = 0; i < peers->count; i++)
    if (peers->files[i] >= 0) close(peers->files[i]);
  ddla_free(peers);
}
