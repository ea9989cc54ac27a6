#include "share/tiers/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

enum { PATH_BYTES = 4096, NAMES = 1000 };

struct ddla_spill {
  char *directory; /* for messages */
  int file;
  size_t place_bytes;
};

/* A name that exists for a moment, where the file system cannot do without. Hosts that are threads
 * of one process, or a process that was killed, may have it: then the next one. */
static int make_unlinked(const char *directory) {
  char path[PATH_BYTES];
  int file = -1;
  errno = EEXIST;
  for (int n = 0; n < NAMES && file < 0 && errno == EEXIST; n++) {
    const int bytes =
        snprintf(path, sizeof path, "%s/.ddla-tier-%d-%d", directory, (int)getpid(), n);
    if (bytes >= (int)sizeof path) {
      errno = ENAMETOOLONG;
      return -1;
    }
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  }
  if (file >= 0) unlink(path);
  return file;
}

ddla_status ddla_spill_create(ddla_spill **out, const char *directory, size_t place_bytes) {
  ddla_spill *made = NULL;
  DDLA_TRY(ddla_file_make_directory(directory));
  const int file = make_unlinked(directory);
  if (file < 0) return ddla_file_fail(errno, "cannot make a file in", directory);
  ddla_status status = DDLA_NEW(made, 1);
  if (status == DDLA_OK) {
    made->file = file;
    made->place_bytes = place_bytes;
    status = ddla_alloc_text(&made->directory, directory);
  }
  if (status == DDLA_OK) {
    *out = made;
    return DDLA_OK;
  }
  ddla_free(made);
  close(file);
  return status;
}

void ddla_spill_destroy(ddla_spill *spill) {
  if (!spill) return;
  close(spill->file);
  ddla_free(spill->directory);
  ddla_free(spill);
}

ddla_status ddla_spill_write(ddla_spill *spill, int64_t place, const void *data, size_t bytes) {
  const off_t at = (off_t)place * (off_t)spill->place_bytes;
  for (size_t done = 0; done < bytes;) {
    const ssize_t put =
        pwrite(spill->file, (const char *)data + done, bytes - done, at + (off_t)done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ddla_file_fail(errno, "cannot write to a file in", spill->directory);
    done += (size_t)put;
  }
  return DDLA_OK;
}

ddla_status ddla_spill_read(void *out, const ddla_spill *spill, int64_t place, size_t offset,
                            size_t bytes) {
  const off_t at = (off_t)place * (off_t)spill->place_bytes + (off_t)offset;
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(spill->file, (char *)out + done, bytes - done, at + (off_t)done);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) return ddla_file_fail(errno, "cannot read from a file in", spill->directory);
    done += (size_t)got;
  }
  return DDLA_OK;
}
