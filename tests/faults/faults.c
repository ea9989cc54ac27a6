#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

const char *const fault_names[FAULT_KIND_COUNT] = {
#define FAULT_KIND(name) #name,
    FAULT_KINDS(FAULT_KIND)
#undef FAULT_KIND
};

static fault_kind planned;
static int64_t planned_n;
static _Atomic int64_t calls[FAULT_KIND_COUNT], blocks;
static _Atomic int happened;

/* True if this call is the one that fails. */
static int fails(fault_kind kind, int reason) {
  int64_t n = atomic_fetch_add(&calls[kind], 1) + 1;
  if (planned_n == 0 || kind != planned || n != planned_n) return 0;
  atomic_store(&happened, 1);
  errno = reason;
  return 1;
}

static void *allocate(size_t bytes, void *argument) {
  (void)argument;
  if (fails(FAULT_allocation, ENOMEM)) return NULL;
  void *block = aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes ? 0 : 64));
  if (block) atomic_fetch_add(&blocks, 1);
  return block;
}

static void release(void *block, void *argument) {
  (void)argument;
  if (block) atomic_fetch_sub(&blocks, 1);
  free(block);
}

void fault_plan(fault_kind kind, int64_t n) {
  planned = kind;
  planned_n = n;
  for (int i = 0; i < FAULT_KIND_COUNT; i++) atomic_store(&calls[i], 0);
  atomic_store(&happened, 0);
  ddla_alloc_replace(&(ddla_allocator){allocate, release, NULL});
}

int64_t fault_calls(fault_kind kind) { return atomic_load(&calls[kind]); }

int fault_happened(void) { return atomic_load(&happened); }

int64_t fault_blocks(void) { return atomic_load(&blocks); }

/* __wrap_NAME and a declaration of __real_NAME; the body is `fails(...) ? ... : __real_NAME(...)`.
 */
#define WRAP(type, name, parameters)                                                               \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters

WRAP(ssize_t, read, (int fd, void *to, size_t bytes)) {
  return fails(FAULT_read, EIO) ? -1 : __real_read(fd, to, bytes);
}

WRAP(ssize_t, pread, (int fd, void *to, size_t bytes, off_t at)) {
  return fails(FAULT_read, EIO) ? -1 : __real_pread(fd, to, bytes, at);
}

WRAP(ssize_t, write, (int fd, const void *data, size_t bytes)) {
  return fails(FAULT_write, ENOSPC) ? -1 : __real_write(fd, data, bytes);
}

WRAP(int, fsync, (int fd)) { return fails(FAULT_sync, EIO) ? -1 : __real_fsync(fd); }

WRAP(int, rename, (const char *from, const char *to)) {
  return fails(FAULT_rename, EIO) ? -1 : __real_rename(from, to);
}

WRAP(int, mkdir, (const char *path, mode_t mode)) {
  return fails(FAULT_folder, ENOSPC) ? -1 : __real_mkdir(path, mode);
}

WRAP(FILE *, fopen, (const char *path, const char *mode)) {
  return fails(FAULT_open, EMFILE) ? NULL : __real_fopen(path, mode);
}

WRAP(void *, mmap, (void *at, size_t bytes, int how, int flags, int fd, off_t from)) {
  return fails(FAULT_map, ENOMEM) ? MAP_FAILED : __real_mmap(at, bytes, how, flags, fd, from);
}

typedef void *thread_main(void *argument);

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *main,
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *main,
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_main *main,
                          void *argument) {
  if (fails(FAULT_thread, EAGAIN)) return EAGAIN;
  return __real_pthread_create(thread, attributes, main, argument);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return fails(FAULT_open, EMFILE) ? -1 : __real_open(path, flags, mode);
}
