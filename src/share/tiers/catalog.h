/* The blocks of features of the prepared sets that a run fetches, numbered through: what tiers keep
 * and hosts ask each other for. A sample is one piece of a block, or where it lies across a border
 * several. Every block has a home, the host that alone reads it from the origin. Threads: made by
 * one, then only read. */
#ifndef DDLA_SHARE_TIERS_CATALOG_H
#define DDLA_SHARE_TIERS_CATALOG_H

#include "data/prepared/far.h"

enum { DDLA_CATALOG_SETS = 3 };

typedef struct ddla_catalog_set {
  const ddla_prepared_index *index; /* borrowed */
  ddla_far_files files;
  size_t sample_bytes;
  int64_t first; /* of its blocks among those of all sets */
} ddla_catalog_set;

/* Plain value; zero is empty. */
typedef struct ddla_catalog {
  ddla_catalog_set set[DDLA_CATALOG_SETS];
  int sets;
  int64_t blocks;
  size_t block_bytes;  /* of the largest */
  size_t stored_bytes; /* room that a compressed block needs before it is unpacked; 0: none is */
  uint64_t bytes;      /* of all features */
} ddla_catalog;

/* Bytes [offset, offset + bytes) of a block. Also how a piece is named in a message. */
typedef struct ddla_piece {
  int64_t block;
  uint32_t offset, bytes;
} ddla_piece;

/* Adds a set's features; its number. At most DDLA_CATALOG_SETS. */
int ddla_catalog_add(ddla_catalog *catalog, const ddla_prepared_index *index,
                     const ddla_far_files *files);

/* The piece that begins with byte `from` of a sample: as much as is in one block. */
ddla_piece ddla_catalog_piece(const ddla_catalog *catalog, int set, int64_t row, size_t from);

/* Whether a piece, which may come from elsewhere, is one. */
bool ddla_catalog_has(const ddla_catalog *catalog, const ddla_piece *piece);

/* Bytes of a block. */
size_t ddla_catalog_block_bytes(const ddla_catalog *catalog, int64_t block);

/* Reads a block and checks it; scratch: [stored_bytes], or null. Errors: as of ddla_far_block. */
ddla_status ddla_catalog_read(void *out, void *scratch, const ddla_catalog *catalog, int64_t block);

/* Reads a piece alone, whose hash nobody can check. Only where nothing is compressed. */
ddla_status ddla_catalog_read_piece(void *out, const ddla_catalog *catalog,
                                    const ddla_piece *piece);

#endif
