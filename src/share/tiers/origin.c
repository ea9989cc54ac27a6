#include "share/tiers/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "share/tiers/origin_parts.h"

bool ddla_origin_is_address(const char *path) {
  return strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0;
}

ddla_status ddla_origin_open(ddla_origin **out, const char *path) {
  ddla_origin *made = NULL;
  if (ddla_origin_is_address(path)) DDLA_TRY(ddla_origin_http_start());
  DDLA_TRY(DDLA_NEW(made, 1));
  made->address = ddla_origin_is_address(path);
  ddla_status status = ddla_alloc_text(&made->path, path);
  if (status != DDLA_OK) {
    ddla_free(made);
    return status;
  }
  for (size_t end = strlen(made->path); end > 1 && made->path[end - 1] == '/'; end--)
    made->path[end - 1] = 0;
  pthread_mutex_init(&made->lock, NULL);
  *out = made;
  return DDLA_OK;
}

void ddla_origin_close(ddla_origin *origin) {
  if (!origin) return;
  if (origin->address) ddla_origin_http_close(origin);
  pthread_mutex_destroy(&origin->lock);
  ddla_free(origin->path);
  ddla_free(origin);
}

void ddla_origin_rest(ddla_origin *origin) {
  if (origin->address) ddla_origin_http_close(origin);
}

int64_t ddla_origin_bytes(const ddla_origin *origin) { return atomic_load(&origin->bytes); }

void ddla_origin_stop(ddla_origin *origin) { atomic_store(&origin->stopped, true); }

/* ---- a directory ---- */

static ddla_status read_all(int file, char *out, uint64_t offset, size_t bytes, const char *path) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(file, out + done, bytes - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ddla_file_fail(errno, "cannot read", path);
    if (got == 0)
      return DDLA_FAIL(CORRUPT, "%s ends at byte %" PRIu64 ", where more were to come", path,
                       offset + done);
    done += (size_t)got;
  }
  return DDLA_OK;
}

static ddla_status directory_read(const ddla_origin *origin, void *out, const char *name,
                                  uint64_t offset, size_t bytes) {
  char path[DDLA_DATA_PATH_BYTES];
  DDLA_TRY(ddla_data_path(path, "%s/%s", origin->path, name));
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo must not hold us */
  if (file < 0) return ddla_file_fail(errno, "cannot read", path);
  const ddla_status status = read_all(file, out, offset, bytes, path);
  close(file);
  return status;
}

static ddla_status directory_size(const ddla_origin *origin, bool *there, uint64_t *bytes,
                                  const char *name) {
  char path[DDLA_DATA_PATH_BYTES];
  struct stat state = {0};
  DDLA_TRY(ddla_data_path(path, "%s/%s", origin->path, name));
  const bool found = stat(path, &state) == 0;
  if (!found && errno != ENOENT && errno != ENOTDIR)
    return ddla_file_fail(errno, "cannot read", path);
  *there = found && S_ISREG(state.st_mode);
  *bytes = found ? (uint64_t)state.st_size : 0;
  return DDLA_OK;
}

/* ---- both ---- */

static ddla_status origin_read(void *argument, void *out, const char *name, uint64_t offset,
                               size_t bytes) {
  ddla_origin *origin = argument;
  if (atomic_load(&origin->stopped)) return DDLA_FAIL(INTERRUPTED, "reading was stopped");
  DDLA_TRY(origin->address ? ddla_origin_http_read(origin, out, name, offset, bytes)
                           : directory_read(origin, out, name, offset, bytes));
  atomic_fetch_add(&origin->bytes, (int64_t)bytes);
  return DDLA_OK;
}

static ddla_status origin_size(void *argument, bool *there, uint64_t *bytes, const char *name) {
  ddla_origin *origin = argument;
  return origin->address ? ddla_origin_http_size(origin, there, bytes, name)
                         : directory_size(origin, there, bytes, name);
}

ddla_far_files ddla_origin_files(ddla_origin *origin) {
  return (ddla_far_files){
      .where = origin->path, .read = origin_read, .size = origin_size, .argument = origin};
}
