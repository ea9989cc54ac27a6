#include "base/pages.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool ddla_pages_release(void *data, size_t bytes) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)data;
  const uintptr_t begin = (from + page - 1) / page * page, end = (from + bytes) / page * page;
  if (begin >= end || madvise((void *)begin, end - begin, MADV_REMOVE) == 0) return true;
  /* memory of one process alone knows only the other way; where there is none, they stay */
  (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
  return false;
}

static bool is_zero(const unsigned char *data, size_t bytes) {
  return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

/* Reading a page that nobody has written takes no memory. */
static void write_zeros(unsigned char *data, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t at = 0; at < bytes; at += page) {
    const size_t piece = bytes - at < page ? bytes - at : page;
    if (!is_zero(data + at, piece)) memset(data + at, 0, piece);
  }
}

void ddla_pages_clear(void *data, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = bytes / page * page;
  unsigned char *at = data;
  if (ddla_pages_release(at, whole)) write_zeros(at + whole, bytes - whole);
  else write_zeros(at, bytes);
}
