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

/* A file that is being written. */
typedef struct ddla_file_writer ddla_file_writer;

/* Begins a file; `digest` asks for its SHA-256. Nothing appears under `path` before the commit; a
 * file that has this name stays until then. The caller owns *out. */
ddla_status ddla_file_create(ddla_file_writer **out, const char *path, bool digest);

/* Adds bytes. After a failure the writer can only be destroyed. */
ddla_status ddla_file_append(ddla_file_writer *writer, const void *data, size_t bytes);

/* Writes the first bytes, as many as are given, once more; before the commit, and not with a
 * digest.
 */
ddla_status ddla_file_rewrite(ddla_file_writer *writer, const void *data, size_t bytes);

/* Makes the file durable and gives it its name: fsync, rename, fsync of the directory. Writes the
 * SHA-256 of its bytes as 64 hexadecimal digits and a zero into sha256 unless that is null. */
ddla_status ddla_file_commit(char *sha256, ddla_file_writer *writer);

/* Frees the writer; what was not committed is removed. Null is allowed. */
void ddla_file_destroy(ddla_file_writer *writer);

/* Create, append and commit in one. */
ddla_status ddla_file_write(const char *path, const void *data, size_t bytes);

/* Makes the directory and those above it that are missing; one that is there is fine. */
ddla_status ddla_file_make_directory(const char *path);

/* Makes names in a directory durable. */
ddla_status ddla_file_sync_directory(const char *path);

/* Removes a directory and the files in it (directories in it are refused); a missing one is fine.
 */
ddla_status ddla_file_remove_directory(const char *path);

#endif
