/* Archives of tar in memory: a cursor over the files in them, without an allocation and without a
 * file being made. Understood are POSIX ustar and pax (IEEE Std 1003.1, pax, "ustar Interchange
 * Format" and "pax Interchange Format"), long names and sizes of GNU tar, and headers of before
 * POSIX. Sizes and names are checked before they are used. Threads: pure functions. */
#ifndef DDLA_DATA_FORMAT_TAR_H
#define DDLA_DATA_FORMAT_TAR_H

#include "data/file.h"

enum { DDLA_TAR_BLOCK = 512, DDLA_TAR_NAME_BYTES = 4096 };

/* Where a reader stands. Plain value; zero but for bytes and length at the beginning. */
typedef struct ddla_tar {
  const uint8_t *bytes;
  size_t length, at;
} ddla_tar;

/* A regular file. content points into the archive. */
typedef struct ddla_tar_entry {
  char name[DDLA_TAR_NAME_BYTES]; /* without a "./" before it; no ".." in it, not absolute */
  const uint8_t *content;
  size_t length;
} ddla_tar_entry;

/* Moves to the next file, over folders and remarks; *more is false at the archive's end, two blocks
 * of zeros. Errors, naming the entry or its byte in the archive: CORRUPT for a header whose sum is
 * wrong, a size beyond the archive, and an archive that is cut short or goes on behind its end;
 * INVALID for links, devices, sparse files, and for names that are absolute, have a component "..",
 * are empty or too long. */
ddla_status ddla_tar_next(ddla_tar_entry *out, bool *more, ddla_tar *tar) DDLA_MUST_USE;

/* Whether bytes begin with a header of POSIX or GNU tar. */
bool ddla_tar_is_header(const uint8_t *bytes, size_t length);

#endif
