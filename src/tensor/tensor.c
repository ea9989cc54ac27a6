#include <inttypes.h>
#include <stdio.h>

#include <ddla/tensor.h>

#include "base/assert.h"

ddla_shape ddla_shape_make(int rank, const int64_t *dim) {
  DDLA_ASSERT(rank >= 0 && rank <= DDLA_RANK_MAX);
  ddla_shape shape = {.rank = rank};
  for (int i = 0; i < rank; i++) shape.dim[i] = dim[i];
  return shape;
}

int64_t ddla_shape_span(const ddla_shape *shape, int begin, int end) {
  int64_t product = 1;
  for (int i = begin; i < end; i++) product *= shape->dim[i];
  return product;
}

int64_t ddla_shape_count(const ddla_shape *shape) { return ddla_shape_span(shape, 0, shape->rank); }

bool ddla_shape_equal(const ddla_shape *a, const ddla_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

const char *ddla_shape_text(char *text, size_t bytes, const ddla_shape *shape) {
  size_t used = 0;
  for (int i = 0; i < shape->rank && used < bytes; i++)
    used +=
        (size_t)snprintf(text + used, bytes - used, "%s%" PRId64, i ? ", " : "[", shape->dim[i]);
  if (used < bytes) snprintf(text + used, bytes - used, "%s", shape->rank ? "]" : "[]");
  return text;
}

static const struct dtype_row {
  const char *name;
  size_t bytes;
} dtype_rows[] = {
#define ROW(name, bytes, type) {#name, bytes},
    DDLA_DTYPE_LIST(ROW)
#undef ROW
};

size_t ddla_dtype_bytes(ddla_dtype dtype) { return dtype_rows[dtype].bytes; }
const char *ddla_dtype_name(ddla_dtype dtype) { return dtype_rows[dtype].name; }
