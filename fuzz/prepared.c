/* Prepared sets: two bytes (little-endian) with the length of an index, that index, the bytes of
 * the part files. Hashes and feet are put right first: what is explored is a set that somebody
 * made, not one that a disk damaged. */
#include <stdio.h>
#include <string.h>

#include "base/xxh3.h"
#include "data/prepared/prepared.h"
#include "dataset.h"

enum { INDEX_BYTES_MAX = 1 << 12, FILE_BYTES_MAX = 1 << 17, BLOCKS_AT = 128, HASH_BYTES = 8 };

static void put(uint8_t *out, uint64_t value) {
  for (int i = 0; i < 8; i++) out[i] = (uint8_t)(value >> 8 * i);
}

static void seal(uint8_t *index, size_t bytes) {
  if (bytes < BLOCKS_AT + HASH_BYTES) return;
  put(index + 16, bytes);
  put(index + bytes - HASH_BYTES, ddla_xxh3_of(index, bytes - HASH_BYTES));
}

/* The first part file of a stream: the input over and over, with the hashes that blocks then have
 * in the index. */
static void write_stream(uint8_t *bytes, ddla_prepared_index *index, ddla_prepared_stream stream,
                         const uint8_t *data, size_t length) {
  static uint8_t file[FILE_BYTES_MAX + DDLA_PREPARED_FOOT_BYTES];
  char name[64];
  if (index->stream_blocks[stream] == 0) return;
  const ddla_prepared_file part = ddla_prepared_file_at(index, stream, 0);
  if (part.bytes > FILE_BYTES_MAX) return;
  for (size_t i = 0; i < part.bytes; i++) file[i] = length ? data[i % length] : 0;
  const uint8_t *at = file;
  for (int64_t b = part.first; b < part.end; b++) {
    put(bytes + BLOCKS_AT + 16 * b + 8, ddla_xxh3_of(at, index->blocks[b].bytes));
    at += index->blocks[b].bytes;
  }
  ddla_prepared_foot(file + part.bytes, index, stream, 0);
  snprintf(name, sizeof name, "set/train-%s-00000.part", ddla_prepared_stream_name(stream));
  fuzz_file(name, file, part.bytes + DDLA_PREPARED_FOOT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static uint8_t copy[INDEX_BYTES_MAX];
  ddla_prepared_index index = {0};
  char path[512];
  if (bytes < 2) return 0;
  size_t length = data[0] | (size_t)data[1] << 8;
  data += 2;
  bytes -= 2;
  if (length > bytes) length = bytes;
  if (length > INDEX_BYTES_MAX) return 0;
  memcpy(copy, data, length);
  seal(copy, length);
  if (ddla_prepared_index_parse(&index, copy, length, "index") == DDLA_OK) {
    for (int s = 0; s < DDLA_PREPARED_STREAMS; s++)
      write_stream(copy, &index, (ddla_prepared_stream)s, data + length, bytes - length);
    ddla_prepared_index_fini(&index);
    seal(copy, length);
  }
  snprintf(path, sizeof path, "%s", fuzz_file("set/train.index", copy, length));
  *strrchr(path, '/') = '\0';
  fuzz_open(&(ddla_data_source){
      .format = "prepared", .path = path, .threads = 1, .window = 3, .skips_damaged = bytes % 2});
  return 0;
}
