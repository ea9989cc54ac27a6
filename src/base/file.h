/* Files: read whole with a limit, written all or nothing. A file that is being written has a
 * temporary name in the same directory; ddla_file_commit makes it durable and gives it its name; on
 * any failure nothing is left. Errors of every function: INVALID when the path is at fault
 * (missing, a directory, no permission), DISK_FULL (no space, quota, size limit), IO for the rest;
 * the message names the path and the reason. Threads: one writer belongs to one thread. */
#ifndef DDLA_BASE_FILE_H
#define DDLA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* The failure for errno value `reason` while doing `what` ("cannot open") to path. */
ddla_status ddla_file_fail(int reason, const char *what, const char *path);

/* Reads a whole file of at most limit bytes; a zero byte follows the data and is not counted. The
 * caller owns *data (ddla_free). Pipes are read to their end. Errors: also INVALID when it is
 * larger, NO_MEMORY. */
ddla_status ddla_file_read(char **data, size_t *bytes, const char *path, size_t limit);

#endif
