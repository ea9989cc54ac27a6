#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

ddla_status ddla_file_fail(int reason, const char *what, const char *path) {
  switch (reason) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG: return DDLA_FAIL(DISK_FULL, "%s %s: %s", what, path, strerror(reason));
  case ENOENT:
  case ENOTDIR:
  case EISDIR:
  case EACCES:
  case EPERM:
  case EROFS:
  case EEXIST:
  case ENOTEMPTY:
  case ELOOP:
  case EBADF:
  case EINVAL:
  case ENAMETOOLONG: return DDLA_FAIL(INVALID, "%s %s: %s", what, path, strerror(reason));
  case ENOMEM: return DDLA_FAIL(NO_MEMORY, "%s %s: %s", what, path, strerror(reason));
  default: return DDLA_FAIL(IO, "%s %s: %s", what, path, strerror(reason));
  }
}

/* Reads until the end or until `room` is full; returns the bytes read, or -1 with errno. */
static ssize_t read_some(int fd, char *data, size_t room) {
  size_t used = 0;
  while (used < room) {
    ssize_t got = read(fd, data + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    used += (size_t)got;
  }
  return (ssize_t)used;
}

/* A block that the file fits in with one byte to spare, as far as its size is known beforehand. */
static size_t first_room(const struct stat *info, size_t limit) {
  enum { PIPE_BYTES = 64 * 1024 };
  size_t room = S_ISREG(info->st_mode) && info->st_size > 0 ? (size_t)info->st_size : PIPE_BYTES;
  return (room < limit ? room : limit) + 1;
}

static ddla_status grow(char **data, size_t used, size_t room) {
  char *larger = NULL;
  DDLA_TRY(DDLA_NEW(larger, room + 1));
  memcpy(larger, *data, used);
  ddla_free(*data);
  *data = larger;
  return DDLA_OK;
}

static ddla_status read_open(char **data, size_t *bytes, int fd, const char *path, size_t limit) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ddla_file_fail(errno, "cannot read", path);
  if (S_ISDIR(info.st_mode)) return ddla_file_fail(EISDIR, "cannot read", path);
  size_t room = first_room(&info, limit), used = 0;
  char *block = NULL;
  ddla_status status = DDLA_NEW(block, room + 1);
  while (status == DDLA_OK) {
    ssize_t got = read_some(fd, block + used, room - used);
    if (got < 0) status = ddla_file_fail(errno, "cannot read", path);
    if (got < 0) break;
    used += (size_t)got;
    if (used < room) break;
    if (used > limit) {
      status = DDLA_FAIL(INVALID, "%s is larger than the %zu bytes allowed here", path, limit);
      break;
    }
    room = room < limit / 2 ? room * 2 : limit + 1;
    status = grow(&block, used, room);
  }
  if (status == DDLA_OK) {
    block[used] = '\0';
    *data = block;
    *bytes = used;
    block = NULL;
  }
  ddla_free(block);
  return status;
}

ddla_status ddla_file_read(char **data, size_t *bytes, const char *path, size_t limit) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ddla_file_fail(errno, "cannot open", path);
  ddla_status status = read_open(data, bytes, fd, path, limit);
  close(fd);
  return status;
}
