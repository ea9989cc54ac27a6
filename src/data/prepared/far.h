/* Prepared sets whose features stay where they are: elsewhere, and too slow or too many to be read
 * at the start. The index, labels and targets are read and checked as in any other prepared set;
 * features are fetched block by block, by whoever trains (share/tiers/tiers.h), and each block is
 * checked when it comes. Texts have no samples of their own and are refused. Threads: as of
 * data/data.h; `read` and `size` may be called by several. */
#ifndef DDLA_DATA_PREPARED_FAR_H
#define DDLA_DATA_PREPARED_FAR_H

#include "data/prepared/prepared.h"

/* The files of a set, wherever they are. */
typedef struct ddla_far_files {
  const char *where; /* a directory or an address, for messages */
  /* Reads bytes [offset, offset + bytes) of a file. Errors: INVALID where there is no such file;
   * CORRUPT where it ends before; IO; INTERRUPTED. */
  ddla_status (*read)(void *argument, void *out, const char *name, uint64_t offset, size_t bytes);
  /* Length of a file; false: there is none. Errors: IO, INTERRUPTED. */
  ddla_status (*size)(void *argument, bool *there, uint64_t *bytes, const char *name);
  void *argument;
} ddla_far_files;

/* Opens a part of a set; source says which, and where its path is files->where. A set that has only
 * a training part is that part, whichever is asked for. Errors: those of prepared sets. */
ddla_status ddla_dataset_open_far(ddla_dataset **out, const ddla_data_source *source,
                                  const ddla_far_files *files) DDLA_MUST_USE;

/* Whether the files are those of a prepared set that has this part. Errors: IO, INTERRUPTED. */
ddla_status ddla_far_has(bool *out, const ddla_far_files *files, ddla_data_part part);

/* Where the features of a set, or of the one that it is a view of, lie; null: in memory. */
const ddla_prepared_index *ddla_dataset_far(const ddla_dataset *set);

/* Reads a block of index->blocks, checks it, and unpacks it where it is compressed. out:
 * [block_bytes]; scratch: as much as the block has in its file, only where it is compressed, else
 * null. Errors: CORRUPT naming file, block and offset; those of read. */
ddla_status ddla_far_block(void *out, void *scratch, const ddla_prepared_index *index,
                           int64_t block, const ddla_far_files *files);

/* Reads bytes of a block as they are, unchecked; only of what is not compressed. */
ddla_status ddla_far_bytes(void *out, const ddla_prepared_index *index, int64_t block,
                           size_t offset, size_t bytes, const ddla_far_files *files);

#endif
