/* The streams of a prepared part in memory: mapped where they lie, or decompressed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/crew.h"
#include "data/prepared/prepared.h"

/* A part file that is mapped only while its blocks are decompressed. */
typedef struct mapping {
  void *at;
  size_t bytes;
} mapping;

typedef struct load {
  const ddla_prepared_index *index;
  const char *directory;
  const ddla_prepared_loading *how;
  ddla_prepared_content *content;
  const uint8_t **stored; /* [block_count]: a block's bytes as they lie in its file */
  mapping *mappings;      /* [mapping_count] */
  int64_t mapping_count;
} load;

static void unmap(void *block, size_t bytes, void *argument) {
  (void)argument;
  munmap(block, bytes);
}

void ddla_prepared_content_release(ddla_prepared_content *content) {
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) ddla_data_block_release(&content->stream[s]);
  ddla_free(content->damaged);
  *content = (ddla_prepared_content){0};
}

/* A part file must be as long as its blocks and its foot, and the foot must be that of this set. */
static ddla_status check_file(int file, uint64_t bytes, const uint8_t *foot, const char *path) {
  struct stat state = {0};
  uint8_t found[DDLA_PREPARED_FOOT_BYTES];
  if (fstat(file, &state) != 0) return ddla_file_fail(errno, "cannot read", path);
  if (!S_ISREG(state.st_mode)) return DDLA_FAIL(INVALID, "%s is not a regular file", path);
  if ((uint64_t)state.st_size != bytes + sizeof found)
    return DDLA_FAIL(CORRUPT,
                     "%s has %lld bytes, the set's index says %" PRIu64
                     ": copy the set again, or prepare it anew",
                     path, (long long)state.st_size, bytes + sizeof found);
  if (pread(file, found, sizeof found, (off_t)bytes) != (ssize_t)sizeof found)
    return ddla_file_fail(errno ? errno : EIO, "cannot read", path);
  if (memcmp(found, foot, sizeof found) != 0)
    return DDLA_FAIL(CORRUPT,
                     "%s: the last %d bytes (from offset %" PRIu64
                     ") are not what the set's index says: the file is damaged or of another set; "
                     "copy the set again, or prepare it anew",
                     path, DDLA_PREPARED_FOOT_BYTES, bytes);
  return DDLA_OK;
}

static ddla_status open_file(int *out, const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo must not hold us */
  if (file < 0 && errno == ENOENT)
    return DDLA_FAIL(
        CORRUPT, "%s is missing: the set is not whole; copy it again, or prepare it anew", path);
  if (file < 0) return ddla_file_fail(errno, "cannot read", path);
  *out = file;
  return DDLA_OK;
}

ddla_status ddla_prepared_file_open(int *out, const char *path, const ddla_prepared_index *index,
                                    ddla_prepared_stream stream, int64_t file) {
  uint8_t foot[DDLA_PREPARED_FOOT_BYTES];
  int opened = -1;
  DDLA_TRY(open_file(&opened, path));
  ddla_prepared_foot(foot, index, stream, file);
  ddla_status status =
      check_file(opened, ddla_prepared_file_at(index, stream, file).bytes, foot, path);
  if (status == DDLA_OK) *out = opened;
  else close(opened);
  return status;
}

static bool is_writable(const load *all, ddla_prepared_stream stream) {
  return stream == DDLA_PREPARED_LABELS || (stream == DDLA_PREPARED_FEATURES && all->how->writable);
}

/* Into its place in the stream's range. What may be changed is changed in this process alone, and
 * page by page. */
static ddla_status map_in_place(load *all, ddla_prepared_stream stream, ddla_prepared_file part,
                                int file, const char *path) {
  const bool writable = is_writable(all, stream);
  const uint64_t first = (uint64_t)(part.first - all->index->stream_first[stream]);
  uint8_t *at = all->content->stream[stream].data + first * all->index->block_bytes;
  void *mapped = mmap(at, part.bytes, PROT_READ | (writable ? PROT_WRITE : 0),
                      (writable ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED) | MAP_FIXED, file, 0);
  if (mapped == MAP_FAILED) return ddla_file_fail(errno, "cannot map", path);
  for (int64_t b = part.first; b < part.end; b++)
    all->stored[b] = at + (uint64_t)(b - part.first) * all->index->block_bytes;
  return DDLA_OK;
}

static ddla_status map_aside(load *all, ddla_prepared_file part, int file, const char *path) {
  void *mapped = mmap(NULL, part.bytes, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) return ddla_file_fail(errno, "cannot map", path);
  all->mappings[all->mapping_count++] = (mapping){mapped, part.bytes};
  const uint8_t *at = mapped;
  for (int64_t b = part.first; b < part.end; b++) {
    all->stored[b] = at;
    at += all->index->blocks[b].bytes;
  }
  return DDLA_OK;
}

static ddla_status map_file(load *all, ddla_prepared_stream stream, int64_t number) {
  char path[DDLA_DATA_PATH_BYTES];
  int file = -1;
  const ddla_prepared_file part = ddla_prepared_file_at(all->index, stream, number);
  DDLA_TRY(ddla_prepared_file_path(path, all->directory, all->index, stream, number));
  DDLA_TRY(ddla_prepared_file_open(&file, path, all->index, stream, number));
  ddla_status status = all->index->compressed ? map_aside(all, part, file, path)
                                              : map_in_place(all, stream, part, file, path);
  close(file);
  return status;
}

/* A range of addresses for files that lie one after the other in it. */
static ddla_status reserve(ddla_data_block *out, size_t bytes) {
  void *range = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no addresses for %zu bytes of data", bytes);
  *out = (ddla_data_block){.data = range, .bytes = bytes, .memory = {.release = unmap}};
  return DDLA_OK;
}

static ddla_status map_stream(load *all, ddla_prepared_stream stream) {
  const size_t bytes = all->index->stream_bytes[stream];
  ddla_data_block *block = &all->content->stream[stream];
  if (bytes == 0) return DDLA_OK;
  DDLA_TRY(all->index->compressed ? ddla_data_block_make(block, bytes, all->how->memory)
                                  : reserve(block, bytes));
  for (int64_t f = 0; f < ddla_prepared_files(all->index, stream); f++)
    DDLA_TRY(map_file(all, stream, f));
  return DDLA_OK;
}

static ddla_status check_block(const load *all, int64_t block) {
  char path[DDLA_DATA_PATH_BYTES];
  const ddla_prepared_index *index = all->index;
  int64_t file = 0;
  const ddla_prepared_stream stream = ddla_prepared_stream_of(&file, index, block);
  const uint64_t place = (uint64_t)(block - index->stream_first[stream]) * index->block_bytes;
  if (all->how->trusts_features && !index->compressed && stream == DDLA_PREPARED_FEATURES)
    return DDLA_OK;
  DDLA_TRY(ddla_prepared_file_path(path, all->directory, index, stream, file));
  return ddla_prepared_block_check(all->content->stream[stream].data + place, index, block,
                                   all->stored[block], path);
}

static ddla_status work_on_block(int64_t block, int thread, void *argument) {
  const load *all = argument;
  (void)thread;
  ddla_status status = check_block(all, block);
  if (status != DDLA_CORRUPT || !all->how->forgives_blocks) return status;
  all->content->damaged[block] = 1;
  return DDLA_OK;
}

static ddla_status load_all(load *all) {
  const ddla_prepared_index *index = all->index;
  int64_t files = 0;
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    files += ddla_prepared_files(index, (ddla_prepared_stream)s);
  DDLA_TRY(DDLA_NEW(all->content->damaged, index->block_count));
  DDLA_TRY(DDLA_NEW(all->stored, index->block_count));
  if (index->compressed) DDLA_TRY(DDLA_NEW(all->mappings, files));
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    DDLA_TRY(map_stream(all, (ddla_prepared_stream)s));
  DDLA_TRY(ddla_crew_run(index->block_count,
                         ddla_crew_threads(all->how->threads, index->block_count), work_on_block,
                         all));
  for (int64_t b = 0; b < index->block_count; b++)
    all->content->damaged_blocks += all->content->damaged[b];
  return DDLA_OK;
}

ddla_status ddla_prepared_load(ddla_prepared_content *out, const ddla_prepared_index *index,
                               const char *directory, const ddla_prepared_loading *loading) {
  ddla_prepared_content made = {0};
  load all = {.index = index, .directory = directory, .how = loading, .content = &made};
  ddla_status status = load_all(&all);
  for (int64_t i = 0; i < all.mapping_count; i++) munmap(all.mappings[i].at, all.mappings[i].bytes);
  ddla_free(all.mappings);
  ddla_free(all.stored);
  if (status == DDLA_OK) *out = made;
  else ddla_prepared_content_release(&made);
  return status;
}
