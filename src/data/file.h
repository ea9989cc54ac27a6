/* Whole files in memory, gunzipped where they are gzip files. Threads: one thread per block. */
#ifndef DDLA_DATA_FILE_H
#define DDLA_DATA_FILE_H

#include "data/data.h"

enum { DDLA_DATA_PATH_BYTES = 4096 };

/* Bytes from a ddla_data_memory; data is null only before it is made. Plain value; zero is empty.
 */
typedef struct ddla_data_block {
  uint8_t *data;
  size_t bytes;
  ddla_data_memory memory;
} ddla_data_block;

/* Pages shared with processes forked later; private pages. Borrowed for ever. */
const ddla_data_memory *ddla_data_memory_shared(void);
const ddla_data_memory *ddla_data_memory_private(void);

/* A block of `bytes`, contents undefined; null memory means shared pages.
 * Errors: NO_MEMORY, also if the machine does not have that much. */
ddla_status ddla_data_block_make(ddla_data_block *out, size_t bytes,
                                 const ddla_data_memory *memory);
void ddla_data_block_release(ddla_data_block *block);

/* Reads a file; what begins like a gzip file is inflated. Errors: INVALID if the file is missing,
 * may not be read or is not a regular file; CORRUPT if gzip data are damaged, cut short or followed
 * by something; IO. */
ddla_status ddla_data_file_load(ddla_data_block *out, const char *path,
                                const ddla_data_memory *memory);

/* Inflates one gzip member that must be all of `bytes`; path is for messages. Errors: CORRUPT,
 * NO_MEMORY. */
ddla_status ddla_data_gunzip(ddla_data_block *out, const uint8_t *bytes, size_t length,
                             const char *path, const ddla_data_memory *memory);

/* Checks that a file's bytes are a text in UTF-8, all of it. Errors: INVALID naming the line of
 * what is not, CORRUPT for a zero byte. */
ddla_status ddla_data_check_text(const char *bytes, size_t length, const char *path);

/* First bytes of a file (as they lie there) for recognising it; 0 if it cannot be read. */
size_t ddla_data_file_peek(uint8_t *out, size_t bytes, const char *path);

bool ddla_data_is_file(const char *path);
bool ddla_data_is_directory(const char *path);

/* Writes a path; INVALID if it does not fit DDLA_DATA_PATH_BYTES. */
ddla_status ddla_data_path(char *out, const char *format, ...) DDLA_PRINTF(2, 3);

/* The directory that a path is in; slashes at its end do not count. Errors: as ddla_data_path. */
ddla_status ddla_data_parent(char *out, const char *path);

#endif
