/* Shapes, number formats and views of tensors. A tensor is a view: dense, row-major (the last
 * dimension is contiguous), it owns nothing. Images are channels last: [batch, height, width,
 * channels]. */
#ifndef DDLA_TENSOR_H
#define DDLA_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ddla/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DDLA_RANK_MAX = 6 };

/* name, bytes per element, C type */
#define DDLA_DTYPE_LIST(X)                                                                         \
  X(F32, 4, float) X(F64, 8, double) X(I32, 4, int32_t) X(I64, 8, int64_t) X(U8, 1, uint8_t)

/* Number formats. */
typedef enum ddla_dtype {
#define DDLA_DTYPE_ENUM(name, bytes, type) DDLA_##name,
  DDLA_DTYPE_LIST(DDLA_DTYPE_ENUM)
#undef DDLA_DTYPE_ENUM
} ddla_dtype;

/* Dimensions, the slowest first. Plain value. */
typedef struct ddla_shape {
  int rank;                   /* 0 (one element) to DDLA_RANK_MAX */
  int64_t dim[DDLA_RANK_MAX]; /* entries past rank are zero */
} ddla_shape;

/* A view of numbers that lie somewhere. Plain value. */
typedef struct ddla_tensor {
  void *data; /* borrowed, 64-byte aligned where the library made it; null: not there */
  ddla_dtype dtype;
  ddla_shape shape;
} ddla_tensor;

/* DDLA_SHAPE(16, 28, 28, 1): a shape of these dimensions (C; in C++ use ddla_shape_make). */
#define DDLA_SHAPE(...)                                                                            \
  ((ddla_shape){.rank = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                 \
                .dim = {__VA_ARGS__}})

/* Shape from rank (at most DDLA_RANK_MAX) and dimensions. */
DDLA_API ddla_shape ddla_shape_make(int rank, const int64_t *dim);

/* Number of elements: the product of the dimensions, 1 for rank 0. */
DDLA_API int64_t ddla_shape_count(const ddla_shape *shape);

/* Product of dim[begin] to dim[end - 1]; 1 where empty. */
DDLA_API int64_t ddla_shape_span(const ddla_shape *shape, int begin, int end);

/* Whether ranks and all dimensions are equal. */
DDLA_API bool ddla_shape_equal(const ddla_shape *a, const ddla_shape *b);

/* "[16, 28, 28, 1]" into text (cut to bytes); returns text. 96 bytes hold every shape. */
DDLA_API const char *ddla_shape_text(char *text, size_t bytes, const ddla_shape *shape);

/* Bytes of one element; "F32", "I64", … borrowed for ever. */
DDLA_API size_t ddla_dtype_bytes(ddla_dtype dtype);
DDLA_API const char *ddla_dtype_name(ddla_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
