#include "data/prepared/prepared_series.h"

uint64_t ddla_prepared_series_bytes(const ddla_prepared_index *index) {
  uint64_t bytes = 0;
  for (int64_t b = 0; b < index->block_count; b++) bytes += index->blocks[b].bytes;
  return bytes;
}

bool ddla_prepared_place_settle(ddla_prepared_place *place, const ddla_prepared_index *index) {
  while (place->stream < DDLA_PREPARED_STREAMS &&
         place->block == index->stream_first[place->stream] + index->stream_blocks[place->stream])
    *place = (ddla_prepared_place){.stream = place->stream + 1, .block = place->block};
  return place->stream < DDLA_PREPARED_STREAMS;
}

bool ddla_prepared_place_move(ddla_prepared_place *place, bool *file_over,
                              const ddla_prepared_index *index, uint64_t bytes) {
  place->filled += bytes;
  place->offset += bytes;
  place->stored += bytes;
  *file_over = false;
  if (place->filled < index->blocks[place->block].bytes) return false;
  const int64_t number = ++place->block - index->stream_first[place->stream];
  place->filled = 0;
  if (number < index->stream_blocks[place->stream] && number % (int64_t)index->file_blocks != 0)
    return true;
  *file_over = true;
  place->file++;
  place->offset = 0;
  return true;
}
