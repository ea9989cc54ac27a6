/* The index of a prepared part and the feet of its part files, as bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/xxh3.h"
#include "data/format.h"
#include "data/prepared/prepared.h"

enum {
  MAGIC_BYTES = 8,
  NUMBERS = 15, /* of 8 bytes, behind the magic */
  HEAD_BYTES = MAGIC_BYTES + 8 * NUMBERS,
  BLOCK_BYTES = 16,
  SUMS_BYTES = 16, /* of a channel */
  FIRST_VERSION = 1,
  FOOT_VERSION = 1,
  HASH_BYTES = 8,
  NAME_BYTES_MAX = 1 << 16
};

static const char index_magic[] = "ddlaprep", foot_magic[] = "ddlapart";

const char *ddla_prepared_part_name(ddla_data_part part) {
  static const char *const names[DDLA_PREPARED_PARTS] = {[DDLA_DATA_TRAIN] = "train",
                                                         [DDLA_DATA_VALIDATION] = "validation",
                                                         [DDLA_DATA_TEST] = "test"};
  return names[part];
}

const char *ddla_prepared_stream_name(ddla_prepared_stream stream) {
  static const char *const names[DDLA_PREPARED_STREAMS] = {"features", "labels", "targets"};
  return names[stream];
}

ddla_status ddla_prepared_index_path(char *out, const char *directory, ddla_data_part part) {
  return ddla_data_path(out, "%s/%s.index", directory, ddla_prepared_part_name(part));
}

ddla_status ddla_prepared_file_path(char *out, const char *directory,
                                    const ddla_prepared_index *index, ddla_prepared_stream stream,
                                    int64_t file) {
  return ddla_data_path(out, "%s/%s-%s-%05" PRId64 ".part", directory,
                        ddla_prepared_part_name(index->part), ddla_prepared_stream_name(stream),
                        file);
}

void ddla_prepared_index_fini(ddla_prepared_index *index) {
  ddla_free(index->blocks);
  ddla_free(index->sums);
  ddla_classes_fini(&index->classes);
  *index = (ddla_prepared_index){0};
}

static int64_t divide_up(uint64_t a, uint64_t b) { return (int64_t)(a / b + (a % b != 0)); }

static ddla_status plan_streams(ddla_prepared_index *index, const char *path) {
  int64_t count = 0;
  DDLA_TRY(ddla_data_records_measure(index->stream_bytes, &index->records, path));
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++) {
    index->stream_first[s] = count;
    index->stream_blocks[s] = divide_up(index->stream_bytes[s], index->block_bytes);
    count += index->stream_blocks[s];
    if (ddla_prepared_files(index, (ddla_prepared_stream)s) > DDLA_PREPARED_FILES_MAX)
      return DDLA_FAIL(INVALID, "%s: %" PRId64 " part files of %s; at most %d are possible", path,
                       ddla_prepared_files(index, (ddla_prepared_stream)s),
                       ddla_prepared_stream_name((ddla_prepared_stream)s), DDLA_PREPARED_FILES_MAX);
  }
  index->block_count = count;
  return DDLA_OK;
}

ddla_status ddla_prepared_index_plan(ddla_prepared_index *index, const char *path) {
  DDLA_TRY(plan_streams(index, path));
  return DDLA_NEW(index->blocks, index->block_count);
}

int64_t ddla_prepared_files(const ddla_prepared_index *index, ddla_prepared_stream stream) {
  return divide_up((uint64_t)index->stream_blocks[stream], index->file_blocks);
}

ddla_prepared_file ddla_prepared_file_at(const ddla_prepared_index *index,
                                         ddla_prepared_stream stream, int64_t file) {
  const int64_t blocks = index->stream_blocks[stream], begin = file * (int64_t)index->file_blocks;
  const int64_t rest = blocks - begin;
  ddla_prepared_file made = {.first = index->stream_first[stream] + begin};
  made.end = made.first + (rest < (int64_t)index->file_blocks ? rest : (int64_t)index->file_blocks);
  made.bytes = index->blocks[made.end - 1].offset + index->blocks[made.end - 1].bytes;
  return made;
}

ddla_prepared_stream ddla_prepared_stream_of(int64_t *file, const ddla_prepared_index *index,
                                             int64_t block) {
  int s = 0;
  while (block >= index->stream_first[s] + index->stream_blocks[s]) s++;
  *file = (block - index->stream_first[s]) / (int64_t)index->file_blocks;
  return (ddla_prepared_stream)s;
}

void ddla_prepared_block_place(ddla_prepared_index *index, ddla_prepared_stream stream,
                               int64_t block) {
  const ddla_prepared_block *before = &index->blocks[block - 1];
  const bool begins = (block - index->stream_first[stream]) % (int64_t)index->file_blocks == 0;
  index->blocks[block].offset = begins ? 0 : before->offset + before->bytes;
}

size_t ddla_prepared_block_bytes(const ddla_prepared_index *index, ddla_prepared_stream stream,
                                 int64_t block) {
  const uint64_t at = (uint64_t)(block - index->stream_first[stream]) * index->block_bytes;
  const uint64_t rest = index->stream_bytes[stream] - at;
  return (size_t)(rest < index->block_bytes ? rest : index->block_bytes);
}

static uint8_t *put(uint8_t *out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
  return out + bytes;
}

static uint64_t get(const uint8_t **in, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)(*in)[i] << 8 * i;
  *in += bytes;
  return value;
}

static size_t encoded_bytes(const ddla_prepared_index *index) {
  size_t bytes = HEAD_BYTES + (size_t)index->block_count * BLOCK_BYTES + HASH_BYTES;
  if (index->sums) bytes += (size_t)index->records.shape.channels * SUMS_BYTES;
  for (int i = 0; i < index->classes.count; i++) bytes += 4 + strlen(index->classes.names[i]);
  return bytes;
}

static uint8_t *put_head(uint8_t *at, const ddla_prepared_index *index, size_t bytes) {
  const ddla_data_records *r = &index->records;
  memcpy(at, index_magic, MAGIC_BYTES);
  at = put(at + MAGIC_BYTES, index->sums ? DDLA_PREPARED_VERSION : FIRST_VERSION, 4);
  at = put(at, index->part, 4);
  at = put(at, bytes, 8);
  at = put(at, r->type, 2);
  at = put(at, index->compressed, 2);
  at = put(at, r->labelled, 4);
  at = put(at, (uint64_t)r->shape.height, 8);
  at = put(at, (uint64_t)r->shape.width, 8);
  at = put(at, (uint64_t)r->shape.channels, 8);
  at = put(at, (uint64_t)r->count, 8);
  at = put(at, (uint64_t)r->length, 8);
  at = put(at, (uint64_t)r->targets, 8);
  at = put(at, index->features_hash, 8);
  at = put(at, index->fingerprint.low, 8);
  at = put(at, index->fingerprint.high, 8);
  at = put(at, index->block_bytes, 8);
  at = put(at, index->file_blocks, 8);
  return put(at, (uint64_t)index->classes.count, 8);
}

static uint64_t bits_of(double value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static uint8_t *put_sums(uint8_t *at, const ddla_prepared_index *index) {
  const bool whole = index->records.type == DDLA_DATA_UINT8;
  for (int64_t c = 0; c < index->records.shape.channels; c++) {
    const ddla_channel_sums *sums = &index->sums[c];
    at = put(at, whole ? sums->sum : bits_of(sums->average), 8);
    at = put(at, whole ? sums->squares : bits_of(sums->spread), 8);
  }
  return at;
}

ddla_status ddla_prepared_index_encode(uint8_t **out, size_t *bytes,
                                       const ddla_prepared_index *index) {
  const size_t room = encoded_bytes(index);
  uint8_t *made = NULL;
  if (room > DDLA_PREPARED_INDEX_BYTES_MAX)
    return DDLA_FAIL(INVALID, "an index of %zu bytes; choose larger blocks", room);
  DDLA_TRY(DDLA_NEW(made, room));
  uint8_t *at = put_head(made, index, room);
  for (int64_t b = 0; b < index->block_count; b++) {
    at = put(at, index->blocks[b].bytes, 8);
    at = put(at, index->blocks[b].hash, 8);
  }
  if (index->sums) at = put_sums(at, index);
  for (int i = 0; i < index->classes.count; i++) {
    const size_t length = strlen(index->classes.names[i]);
    at = put(at, length, 4);
    memcpy(at, index->classes.names[i], length);
    at += length;
  }
  at = put(at, ddla_xxh3_of(made, room - HASH_BYTES), HASH_BYTES);
  DDLA_ASSERT(at == made + room);
  *out = made;
  *bytes = room;
  return DDLA_OK;
}

/* Magic, length and hash are where they are in all versions, so a newer version is told from
 * damage. */
static ddla_status check_frame(const uint8_t *bytes, size_t length, const char *path) {
  if (length < MAGIC_BYTES || memcmp(bytes, index_magic, MAGIC_BYTES) != 0)
    return DDLA_FAIL(CORRUPT, "%s does not begin with \"%s\": it is no index of a prepared set",
                     path, index_magic);
  if (length < HEAD_BYTES + HASH_BYTES)
    return DDLA_FAIL(CORRUPT, "%s is cut short: %zu bytes, an index has at least %d", path, length,
                     HEAD_BYTES + HASH_BYTES);
  const uint8_t *at = bytes + MAGIC_BYTES, *size = at + 8, *end = bytes + length - HASH_BYTES;
  const uint64_t version = get(&at, 4), promised = get(&size, 8);
  if (promised != length || get(&end, 8) != ddla_xxh3_of(bytes, length - HASH_BYTES))
    return DDLA_FAIL(CORRUPT,
                     "%s is damaged (%zu bytes that say %" PRIu64
                     ", and their hash is another): copy the set again, or prepare it anew",
                     path, length, promised);
  if (version < FIRST_VERSION || version > DDLA_PREPARED_VERSION)
    return DDLA_FAIL(UNSUPPORTED,
                     "%s has version %" PRIu64
                     ", this program reads up to %d; prepare the set anew, or "
                     "use a newer ddla",
                     path, version, DDLA_PREPARED_VERSION);
  return DDLA_OK;
}

static bool take(int64_t *out, const uint8_t **at) {
  const uint64_t value = get(at, 8);
  *out = (int64_t)value;
  return value <= INT64_MAX;
}

/* Numbers of the head, as far as they can be judged alone. */
static ddla_status read_head(ddla_prepared_index *index, int64_t *classes, const uint8_t *at,
                             const char *path) {
  ddla_data_records *r = &index->records;
  at += MAGIC_BYTES + 4;
  const uint64_t part = get(&at, 4);
  at += 8;
  const uint64_t type = get(&at, 2), compressed = get(&at, 2), labelled = get(&at, 4);
  bool whole = take(&r->shape.height, &at) && take(&r->shape.width, &at) &&
               take(&r->shape.channels, &at) && take(&r->count, &at) && take(&r->length, &at) &&
               take(&r->targets, &at);
  index->features_hash = get(&at, 8);
  index->fingerprint.low = get(&at, 8);
  index->fingerprint.high = get(&at, 8);
  index->block_bytes = get(&at, 8);
  index->file_blocks = get(&at, 8);
  whole = whole && take(classes, &at);
  if (!whole || part >= DDLA_PREPARED_PARTS || type > DDLA_DATA_TOKENS || compressed > 1 ||
      labelled > 1 || *classes > DDLA_CLASSES_LIMIT)
    return DDLA_FAIL(CORRUPT, "%s has a number in its head that cannot be", path);
  if (index->block_bytes < DDLA_PREPARED_STEP || index->block_bytes % DDLA_PREPARED_STEP != 0 ||
      index->block_bytes > DDLA_PREPARED_BLOCK_MAX || index->file_blocks < 1 ||
      index->file_blocks > INT32_MAX)
    return DDLA_FAIL(CORRUPT,
                     "%s has blocks of %" PRIu64 " bytes, %" PRIu64 " in a file: neither "
                     "fits this format",
                     path, index->block_bytes, index->file_blocks);
  index->part = (ddla_data_part)part;
  r->type = (ddla_data_type)type;
  r->labelled = labelled == 1;
  index->compressed = compressed == 1;
  return DDLA_OK;
}

/* What the records say must fit together before memory is taken for it. */
static ddla_status check_records(const ddla_prepared_index *index, int64_t classes,
                                 const char *path) {
  const ddla_data_records *r = &index->records;
  const bool text = r->type == DDLA_DATA_TOKENS;
  if (text && (r->shape.height != 1 || r->count != 1))
    return DDLA_FAIL(CORRUPT, "%s: a text has one record, of shape [1, 1, 1]", path);
  if (!text && r->length != 0) return DDLA_FAIL(CORRUPT, "%s: only a text has a length", path);
  if ((text || r->labelled) != (classes > 0))
    return DDLA_FAIL(CORRUPT, "%s: %" PRId64 " classes of %s", path, classes,
                     text || r->labelled ? "labels or tokens" : "samples without labels");
  return DDLA_OK;
}

static ddla_status read_blocks(ddla_prepared_index *index, const uint8_t **at, const char *path) {
  for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
    for (int64_t i = 0; i < index->stream_blocks[s]; i++) {
      const int64_t b = index->stream_first[s] + i;
      const size_t content = ddla_prepared_block_bytes(index, (ddla_prepared_stream)s, b);
      ddla_prepared_block *block = &index->blocks[b];
      block->bytes = get(at, 8);
      block->hash = get(at, 8);
      ddla_prepared_block_place(index, (ddla_prepared_stream)s, b);
      if (index->compressed ? block->bytes < 1 || block->bytes > 2 * index->block_bytes
                            : block->bytes != content)
        return DDLA_FAIL(
            CORRUPT, "%s: block %" PRId64 " of the %s has %" PRIu64 " bytes, which cannot hold %zu",
            path, i, ddla_prepared_stream_name((ddla_prepared_stream)s), block->bytes, content);
    }
  return DDLA_OK;
}

static double real_of(uint64_t bits) {
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static ddla_status read_sums(ddla_prepared_index *index, const uint8_t **at, const uint8_t *end,
                             const char *path) {
  const ddla_data_records *r = &index->records;
  if (r->type == DDLA_DATA_TOKENS || r->shape.channels > (end - *at) / SUMS_BYTES)
    return DDLA_FAIL(CORRUPT, "%s has no room for sums of %" PRId64 " channels", path,
                     r->shape.channels);
  DDLA_TRY(DDLA_NEW(index->sums, r->shape.channels));
  for (int64_t c = 0; c < r->shape.channels; c++) {
    const uint64_t first = get(at, 8), second = get(at, 8);
    ddla_channel_sums *sums = &index->sums[c];
    sums->values = (double)(r->shape.height * r->shape.width) * (double)r->count;
    if (r->type == DDLA_DATA_UINT8) sums->sum = first, sums->squares = second;
    else sums->average = real_of(first), sums->spread = real_of(second);
  }
  return DDLA_OK;
}

static ddla_status read_names(ddla_classes *classes, int64_t count, const uint8_t *at,
                              const uint8_t *end, const char *path) {
  for (int64_t i = 0; i < count; i++) {
    int32_t number = 0;
    const uint64_t length = end - at < 4 ? NAME_BYTES_MAX : get(&at, 4);
    if (length < 1 || length >= NAME_BYTES_MAX || length > (uint64_t)(end - at) ||
        memchr(at, 0, (size_t)length))
      return DDLA_FAIL(CORRUPT,
                       "%s: the name of class %" PRId64 " is none, or reaches beyond the "
                       "index",
                       path, i);
    DDLA_TRY(ddla_classes_add(&number, classes, (const char *)at, (size_t)length));
    if (number != i)
      return DDLA_FAIL(CORRUPT, "%s: classes %d and %" PRId64 " have one name", path, (int)number,
                       i);
    at += length;
  }
  if (at != end)
    return DDLA_FAIL(CORRUPT, "%s: %td bytes are left behind the last name", path, end - at);
  return DDLA_OK;
}

static ddla_status parse(ddla_prepared_index *index, const uint8_t *bytes, size_t length,
                         const char *path) {
  const uint8_t *at = bytes + HEAD_BYTES, *end = bytes + length - HASH_BYTES;
  const uint8_t *version = bytes + MAGIC_BYTES;
  int64_t classes = 0;
  DDLA_TRY(read_head(index, &classes, bytes, path));
  DDLA_TRY(check_records(index, classes, path));
  DDLA_TRY(plan_streams(index, path));
  if (index->block_count > (end - at) / BLOCK_BYTES)
    return DDLA_FAIL(CORRUPT,
                     "%s: the records take %" PRId64 " blocks; the index has no room for "
                     "so many",
                     path, index->block_count);
  DDLA_TRY(DDLA_NEW(index->blocks, index->block_count));
  DDLA_TRY(read_blocks(index, &at, path));
  if (get(&version, 4) > FIRST_VERSION) DDLA_TRY(read_sums(index, &at, end, path));
  return read_names(&index->classes, classes, at, end, path);
}

ddla_status ddla_prepared_index_parse(ddla_prepared_index *out, const uint8_t *bytes, size_t length,
                                      const char *path) {
  ddla_prepared_index made = {0};
  DDLA_TRY(check_frame(bytes, length, path));
  ddla_status status = parse(&made, bytes, length, path);
  if (status == DDLA_OK) *out = made;
  else ddla_prepared_index_fini(&made);
  return status;
}

ddla_status ddla_prepared_index_read(ddla_prepared_index *out, const char *directory,
                                     ddla_data_part part) {
  char path[DDLA_DATA_PATH_BYTES], *bytes = NULL;
  size_t length = 0;
  ddla_prepared_index made = {0};
  DDLA_TRY(ddla_prepared_index_path(path, directory, part));
  DDLA_TRY(ddla_file_read(&bytes, &length, path, DDLA_PREPARED_INDEX_BYTES_MAX));
  ddla_status status = ddla_prepared_index_parse(&made, (const uint8_t *)bytes, length, path);
  ddla_free(bytes);
  DDLA_TRY(status);
  if (made.part != part) {
    status = DDLA_FAIL(CORRUPT, "%s is the index of the part %s: files were renamed", path,
                       ddla_prepared_part_name(made.part));
    ddla_prepared_index_fini(&made);
    return status;
  }
  *out = made;
  return DDLA_OK;
}

void ddla_prepared_foot(uint8_t out[DDLA_PREPARED_FOOT_BYTES], const ddla_prepared_index *index,
                        ddla_prepared_stream stream, int64_t file) {
  uint8_t *at = out;
  memcpy(at, foot_magic, MAGIC_BYTES);
  at = put(at + MAGIC_BYTES, FOOT_VERSION, 4);
  at = put(at, index->part, 4);
  at = put(at, stream, 4);
  at = put(at, (uint64_t)file, 4);
  at = put(at, ddla_prepared_file_at(index, stream, file).bytes, 8);
  at = put(at, index->features_hash, 8);
  at = put(at, index->fingerprint.low, 8);
  at = put(at, index->fingerprint.high, 8);
  at = put(at, ddla_xxh3_of(out, (size_t)(at - out)), 8);
  DDLA_ASSERT(at == out + DDLA_PREPARED_FOOT_BYTES);
}
