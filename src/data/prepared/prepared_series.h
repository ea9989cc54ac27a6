/* A part of a prepared set as a series of bytes: the blocks of its streams one after the other, as
 * they lie in part files, without feet. A source gives the series of a set that is open or of one
 * that lies on disk; a writer makes the files again from bytes that come in their order. Neither
 * holds more of it in memory than a block's hash. docs/formats/prepared.md says what is in files.
 * Threads: one thread per source and writer. */
#ifndef DDLA_DATA_PREPARED_PREPARED_SERIES_H
#define DDLA_DATA_PREPARED_PREPARED_SERIES_H

#include "data/prepared/prepared.h"

/* Bytes of the series. */
uint64_t ddla_prepared_series_bytes(const ddla_prepared_index *index);

typedef struct ddla_prepared_source ddla_prepared_source;

/* The series of an open set, which is no view and is borrowed, as `part` of a set that is not
 * compressed. The caller owns *out. Errors: INVALID for sets that cannot be prepared; NO_MEMORY. */
ddla_status ddla_prepared_source_of_set(ddla_prepared_source **out, const ddla_dataset *set,
                                        ddla_data_part part);

/* The series of a part of a prepared set on disk, compressed or not. Errors: those of reading its
 * index; NO_MEMORY. */
ddla_status ddla_prepared_source_of_files(ddla_prepared_source **out, const char *directory,
                                          ddla_data_part part);

/* What the index says of it; hashes of blocks are those of what has been read, and 0 for the others
 * where they are not known before. Borrowed. */
const ddla_prepared_index *ddla_prepared_source_index(const ddla_prepared_source *source);

/* The next bytes, which must be there. Errors: CORRUPT naming file, block and offset where files
 * are not what their index says; those of reading files. */
ddla_status ddla_prepared_source_read(ddla_prepared_source *source, uint8_t *out, size_t bytes);

/* Null is allowed. */
void ddla_prepared_source_destroy(ddla_prepared_source *source);

typedef struct ddla_prepared_writer ddla_prepared_writer;

/* Writes into a directory that is there. index: planned, with the bytes of all blocks; it is
 * borrowed, and gets the hashes of blocks as they are written. Of those that are not 0 it is
 * expected that they come out. The caller owns *out. Errors: NO_MEMORY. */
ddla_status ddla_prepared_writer_create(ddla_prepared_writer **out, const char *directory,
                                        ddla_prepared_index *index);

/* The next bytes, not more than the series has. Errors: CORRUPT for a block with another hash than
 * the index gives; DISK_FULL and others of files. */
ddla_status ddla_prepared_writer_append(ddla_prepared_writer *writer, const uint8_t *data,
                                        size_t bytes);

/* When all bytes are there: feet, and the index as it is now; all is durable then. Errors: those of
 * files; INTERNAL where bytes are missing. */
ddla_status ddla_prepared_writer_finish(ddla_prepared_writer *writer);

/* Null is allowed. Files stay: the directory is somebody else's. */
void ddla_prepared_writer_destroy(ddla_prepared_writer *writer);

/* ---- where in a series ---- */

/* A place in a series; zero is the beginning. */
typedef struct ddla_prepared_place {
  int stream;
  int64_t file;    /* of the stream */
  int64_t block;   /* within index->blocks */
  uint64_t filled; /* bytes of that block that lie before */
  uint64_t offset; /* in the file */
  uint64_t stored; /* in the stream as it is stored */
} ddla_prepared_place;

/* Brings a place that is at the end of a stream to the beginning of the next one that is there.
 * False: the series ends. */
bool ddla_prepared_place_settle(ddla_prepared_place *place, const ddla_prepared_index *index);

/* Moves on by bytes that lie in one block. True: that block is over, and *file_over says whether
 * its file is. */
bool ddla_prepared_place_move(ddla_prepared_place *place, bool *file_over,
                              const ddla_prepared_index *index, uint64_t bytes);

#endif
