/* The IDX format of MNIST and its followers (http://yann.lecun.com/exdb/mnist/, "file format"): two
 * zero bytes, a type, a number of dimensions, the dimensions as big-endian 32-bit numbers, the
 * values. */
#ifndef DDLA_DATA_FORMAT_IDX_H
#define DDLA_DATA_FORMAT_IDX_H

#include "data/data.h"

enum { DDLA_IDX_DIMENSIONS_MAX = 4 };

/* Plain value. */
typedef struct ddla_idx_header {
  int dimensions;
  int64_t size[DDLA_IDX_DIMENSIONS_MAX];
  size_t values_offset, values_count;
} ddla_idx_header;

/* Reads the header of a file of bytes with least to most dimensions and checks that exactly its
 * values follow; path is for messages. Errors: CORRUPT for a wrong magic number, a file that is cut
 * short or goes on after its end; INVALID for values that are not bytes. */
ddla_status ddla_idx_parse(ddla_idx_header *out, const uint8_t *bytes, size_t length, int least,
                           int most, const char *path);

#endif
