#include "share/tiers/catalog.h"

#include "base/assert.h"
#include "data/format.h"

int ddla_catalog_add(ddla_catalog *catalog, const ddla_prepared_index *index,
                     const ddla_far_files *files) {
  DDLA_ASSERT(catalog->sets < DDLA_CATALOG_SETS);
  const ddla_data_records *r = &index->records;
  ddla_catalog_set *set = &catalog->set[catalog->sets];
  *set = (ddla_catalog_set){.index = index,
                            .files = *files,
                            .sample_bytes = (size_t)ddla_data_shape_count(r->shape) *
                                            ddla_data_type_bytes(r->type),
                            .first = catalog->blocks};
  catalog->blocks += index->stream_blocks[DDLA_PREPARED_FEATURES];
  catalog->bytes += index->stream_bytes[DDLA_PREPARED_FEATURES];
  if (index->block_bytes > catalog->block_bytes) catalog->block_bytes = index->block_bytes;
  if (index->compressed && 2 * index->block_bytes > catalog->stored_bytes)
    catalog->stored_bytes = 2 * index->block_bytes; /* as the index's reader allows */
  return catalog->sets++;
}

ddla_piece ddla_catalog_piece(const ddla_catalog *catalog, int set, int64_t row, size_t from) {
  const ddla_catalog_set *s = &catalog->set[set];
  const uint64_t at = (uint64_t)row * s->sample_bytes + from, block = at / s->index->block_bytes;
  const uint64_t offset = at % s->index->block_bytes, room = s->index->block_bytes - offset;
  const uint64_t left = s->sample_bytes - from;
  return (ddla_piece){.block = s->first + (int64_t)block,
                      .offset = (uint32_t)offset,
                      .bytes = (uint32_t)(left < room ? left : room)};
}

/* The set that a block is of. */
static const ddla_catalog_set *set_of(const ddla_catalog *catalog, int64_t block) {
  int s = 0;
  while (s + 1 < catalog->sets && block >= catalog->set[s + 1].first) s++;
  return &catalog->set[s];
}

/* A block's number in the index of its set. */
static int64_t number_in(const ddla_catalog_set *set, int64_t block) {
  return set->index->stream_first[DDLA_PREPARED_FEATURES] + block - set->first;
}

size_t ddla_catalog_block_bytes(const ddla_catalog *catalog, int64_t block) {
  const ddla_catalog_set *set = set_of(catalog, block);
  return ddla_prepared_block_bytes(set->index, DDLA_PREPARED_FEATURES, number_in(set, block));
}

bool ddla_catalog_has(const ddla_catalog *catalog, const ddla_piece *piece) {
  if (piece->block < 0 || piece->block >= catalog->blocks || piece->bytes == 0) return false;
  const size_t bytes = ddla_catalog_block_bytes(catalog, piece->block);
  return piece->offset < bytes && piece->bytes <= bytes - piece->offset;
}

ddla_status ddla_catalog_read(void *out, void *scratch, const ddla_catalog *catalog,
                              int64_t block) {
  const ddla_catalog_set *set = set_of(catalog, block);
  return ddla_far_block(out, scratch, set->index, number_in(set, block), &set->files);
}

ddla_status ddla_catalog_read_piece(void *out, const ddla_catalog *catalog,
                                    const ddla_piece *piece) {
  const ddla_catalog_set *set = set_of(catalog, piece->block);
  return ddla_far_bytes(out, set->index, number_in(set, piece->block), piece->offset, piece->bytes,
                        &set->files);
}
