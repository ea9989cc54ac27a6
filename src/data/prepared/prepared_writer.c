/* Makes the files of a part from its series: see prepared_series.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "data/prepared/prepared_series.h"

/* What is written goes to the disk as it comes, and whoever writes waits for what lies so far
 * behind: else a slow disk would show only at the end, and memory fill until then. */
enum { PUSH_BYTES = 8 << 20, BEHIND_BYTES = 64 << 20 };

struct ddla_prepared_writer {
  ddla_prepared_index *index;
  char directory[DDLA_DATA_PATH_BYTES], path[DDLA_DATA_PATH_BYTES];
  int file;        /* of path; -1: none is open */
  uint64_t pushed; /* bytes of the file that are on their way to the disk */
  ddla_prepared_place at;
  XXH3_state_t *hash; /* of the block */
};

ddla_status ddla_prepared_writer_create(ddla_prepared_writer **out, const char *directory,
                                        ddla_prepared_index *index) {
  ddla_prepared_writer *made = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->index = index;
  made->file = -1;
  made->hash = XXH3_createState();
  if (!made->hash) status = DDLA_FAIL(NO_MEMORY, "no memory for a hash");
  DDLA_TRY_CLEAN(status, status);
  XXH3_64bits_reset(made->hash);
  DDLA_TRY_CLEAN(status, ddla_data_path(made->directory, "%s", directory));
  *out = made;
  made = NULL;
cleanup:
  ddla_prepared_writer_destroy(made);
  return status;
}

void ddla_prepared_writer_destroy(ddla_prepared_writer *writer) {
  if (!writer) return;
  if (writer->file >= 0) close(writer->file);
  XXH3_freeState(writer->hash);
  ddla_free(writer);
}

static ddla_status open_file(ddla_prepared_writer *writer, int flags, int64_t number) {
  DDLA_TRY(ddla_prepared_file_path(writer->path, writer->directory, writer->index,
                                   (ddla_prepared_stream)writer->at.stream, number));
  writer->file = open(writer->path, flags | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (writer->file < 0) return ddla_file_fail(errno, "cannot write", writer->path);
  writer->pushed = 0;
  return DDLA_OK;
}

static ddla_status close_file(ddla_prepared_writer *writer) {
  const int file = writer->file;
  writer->file = -1;
  if (close(file) != 0) return ddla_file_fail(errno, "cannot write", writer->path);
  return DDLA_OK;
}

static ddla_status write_all(const ddla_prepared_writer *writer, const uint8_t *data, size_t bytes,
                             uint64_t offset) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t put = pwrite(writer->file, data + done, bytes - done, (off_t)(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return ddla_file_fail(put < 0 ? errno : EIO, "cannot write", writer->path);
    done += (size_t)put;
  }
  return DDLA_OK;
}

/* Where the system does not know how, it writes when it likes; what fails is told by fsync. */
static void push(ddla_prepared_writer *writer, uint64_t end) {
  if (end - writer->pushed < PUSH_BYTES) return;
  (void)sync_file_range(writer->file, (off_t)writer->pushed, (off_t)(end - writer->pushed),
                        SYNC_FILE_RANGE_WRITE);
  writer->pushed = end;
  if (end <= BEHIND_BYTES) return;
  (void)sync_file_range(writer->file, (off_t)(end - BEHIND_BYTES - PUSH_BYTES), 2 * PUSH_BYTES,
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER);
}

static ddla_status end_block(ddla_prepared_writer *writer, int64_t block) {
  ddla_prepared_block *said = &writer->index->blocks[block];
  const uint64_t hash = XXH3_64bits_digest(writer->hash);
  XXH3_64bits_reset(writer->hash);
  if (said->hash == 0) said->hash = hash;
  if (said->hash == hash) return DDLA_OK;
  return DDLA_FAIL(CORRUPT, "%s: block %" PRId64 " of the part came with another hash",
                   writer->path, block);
}

/* Bytes that lie in one block. */
static ddla_status append_some(ddla_prepared_writer *writer, const uint8_t *data, size_t bytes) {
  const ddla_prepared_place was = writer->at;
  bool file_over = false;
  if (writer->file < 0) DDLA_TRY(open_file(writer, O_CREAT | O_EXCL, was.file));
  DDLA_TRY(write_all(writer, data, bytes, was.offset));
  push(writer, was.offset + bytes);
  XXH3_64bits_update(writer->hash, data, bytes);
  if (ddla_prepared_place_move(&writer->at, &file_over, writer->index, bytes))
    DDLA_TRY(end_block(writer, was.block));
  return file_over ? close_file(writer) : DDLA_OK;
}

ddla_status ddla_prepared_writer_append(ddla_prepared_writer *writer, const uint8_t *data,
                                        size_t bytes) {
  while (bytes > 0) {
    const bool more = ddla_prepared_place_settle(&writer->at, writer->index);
    DDLA_ASSERT(more);
    const uint64_t left = writer->index->blocks[writer->at.block].bytes - writer->at.filled;
    const size_t some = left < bytes ? (size_t)left : bytes;
    DDLA_TRY(append_some(writer, data, some));
    data += some;
    bytes -= some;
  }
  return DDLA_OK;
}

/* The foot may depend on what is known at the end alone. */
static ddla_status end_file(ddla_prepared_writer *writer, int64_t number) {
  uint8_t foot[DDLA_PREPARED_FOOT_BYTES];
  const ddla_prepared_stream stream = (ddla_prepared_stream)writer->at.stream;
  ddla_prepared_foot(foot, writer->index, stream, number);
  DDLA_TRY(open_file(writer, 0, number));
  DDLA_TRY(write_all(writer, foot, sizeof foot,
                     ddla_prepared_file_at(writer->index, stream, number).bytes));
  if (fsync(writer->file) != 0) return ddla_file_fail(errno, "cannot write", writer->path);
  return close_file(writer);
}

ddla_status ddla_prepared_writer_finish(ddla_prepared_writer *writer) {
  if (ddla_prepared_place_settle(&writer->at, writer->index))
    return DDLA_FAIL(INTERNAL, "%s: bytes of the part are missing", writer->directory);
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) {
    writer->at = (ddla_prepared_place){.stream = s};
    const int64_t files = ddla_prepared_files(writer->index, (ddla_prepared_stream)s);
    for (int64_t f = 0; f < files; f++) DDLA_TRY(end_file(writer, f));
  }
  if (!writer->index->sums && !writer->index->compressed)
    DDLA_TRY(ddla_prepared_sum_files(writer->index, writer->directory));
  return ddla_prepared_index_store(writer->directory, writer->index);
}
