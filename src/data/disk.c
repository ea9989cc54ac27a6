#include "data/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/machine.h"

/* A file of the directory that has no name (any more): nothing is left however this process ends.
 */
static int open_nameless(const char *directory) {
  char path[DDLA_DATA_PATH_BYTES];
  int file = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  if (ddla_data_path(path, "%s/.pages-XXXXXX", directory) != DDLA_OK) return -1;
  file = mkstemp(path); /* where the file system knows no O_TMPFILE */
  if (file >= 0) unlink(path);
  return file;
}

/* Where the file system cannot reserve, it is looked whether there is room. An error number, or 0.
 */
static int reserve(int file, size_t bytes) {
  struct statvfs disk;
  if (fallocate(file, 0, 0, (off_t)bytes) == 0) return 0;
  if (errno != EOPNOTSUPP) return errno;
  if (fstatvfs(file, &disk) != 0) return errno;
  if (bytes / disk.f_frsize >= disk.f_bavail) return ENOSPC;
  return ftruncate(file, (off_t)bytes) == 0 ? 0 : errno;
}

/* Room is reserved: writing into a page that the disk has no place for would end the process. */
static void *map_file(ddla_data_disk *disk, size_t bytes) {
  int file = open_nameless(disk->directory), reason = file < 0 ? errno : 0;
  void *block = MAP_FAILED;
  if (file >= 0) reason = reserve(file, bytes);
  if (file >= 0 && reason == 0) {
    block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (block == MAP_FAILED) reason = errno;
  }
  if (file >= 0) close(file);
  if (reason != 0) atomic_store(&disk->reason, reason);
  return block == MAP_FAILED ? NULL : block;
}

static void *disk_allocate(size_t bytes, void *argument) {
  ddla_data_disk *disk = argument;
  if (bytes >= disk->least_bytes) return map_file(disk, bytes);
  const ddla_data_memory *pages = ddla_data_memory_shared();
  return pages->allocate(bytes, pages->argument);
}

static void disk_release(void *block, size_t bytes, void *argument) {
  (void)argument;
  munmap(block, bytes);
}

ddla_data_disk ddla_data_disk_in(const char *directory) {
  const ddla_machine_memory machine = ddla_machine_memory_of();
  const size_t most = machine.limit_bytes > 0 ? machine.limit_bytes : machine.total_bytes;
  return (ddla_data_disk){.directory = directory, .least_bytes = most / 4};
}

ddla_data_memory ddla_data_disk_memory(ddla_data_disk *disk) {
  return (ddla_data_memory){disk_allocate, disk_release, disk};
}

bool ddla_data_disk_is(const ddla_data_memory *memory) { return memory->allocate == disk_allocate; }

ddla_status ddla_data_disk_explain(const ddla_data_disk *disk, ddla_status status) {
  const int reason = atomic_load(&disk->reason);
  if (status != DDLA_NO_MEMORY || reason == 0) return status;
  status = ddla_file_fail(reason, "cannot keep what is read in", disk->directory);
  return status;
}
