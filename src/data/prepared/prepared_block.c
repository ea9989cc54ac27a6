/* A block of a prepared set as it lies in its file: is it whole, and what is in it? */
#include <inttypes.h>
#include <zstd.h>

#include "base/xxh3.h"
#include "data/prepared/prepared.h"

static ddla_status refuse(const ddla_prepared_index *index, int64_t block, const char *path,
                          const char *what) {
  const ddla_prepared_block *said = &index->blocks[block];
  int64_t file = 0;
  const ddla_prepared_stream stream = ddla_prepared_stream_of(&file, index, block);
  const int64_t first = index->stream_first[stream] + file * (int64_t)index->file_blocks;
  return DDLA_FAIL(CORRUPT,
                   "%s: block %" PRId64 " (from offset %" PRIu64 ", %" PRIu64
                   " bytes) is damaged: %s; copy the set again, or prepare it anew",
                   path, block - first, said->offset, said->bytes, what);
}

ddla_status ddla_prepared_block_check(uint8_t *out, const ddla_prepared_index *index, int64_t block,
                                      const uint8_t *stored, const char *path) {
  const ddla_prepared_block *said = &index->blocks[block];
  int64_t file = 0;
  if (ddla_xxh3_of(stored, said->bytes) != said->hash)
    return refuse(index, block, path, "its hash is another");
  if (!index->compressed) return DDLA_OK;
  const ddla_prepared_stream stream = ddla_prepared_stream_of(&file, index, block);
  const size_t bytes = ddla_prepared_block_bytes(index, stream, block);
  const size_t made = ZSTD_decompress(out, bytes, stored, said->bytes);
  if (made == bytes) return DDLA_OK;
  return refuse(index, block, path,
                ZSTD_isError(made) ? ZSTD_getErrorName(made) : "it holds too few bytes");
}
