#include "backend/native/block.h"

#if DDLA_HAS_AVX512

typedef void (*block_function)(const ddla_block *block);

#define BLOCK(rows, vectors)                                                                       \
  DDLA_AVX512 static void block_##rows##_##vectors(const ddla_block *block) {                      \
    ddla_block_body(block, rows, vectors);                                                         \
  }
#define ROWS(X, vectors) X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
ROWS(BLOCK, 1)
ROWS(BLOCK, 2)
ROWS(BLOCK, 3)
ROWS(BLOCK, 4)

#define NAME(rows, vectors) block_##rows##_##vectors,
static const block_function functions[DDLA_BLOCK_VECTORS][DDLA_BLOCK_ROWS] = {
    {ROWS(NAME, 1)}, {ROWS(NAME, 2)}, {ROWS(NAME, 3)}, {ROWS(NAME, 4)}};

void ddla_block_run(const ddla_block *block, int64_t rows, int columns) {
  const block_function *by_rows = functions[columns / 16 - 1];
  ddla_block part = *block;
  for (; rows > 0; rows -= DDLA_BLOCK_ROWS) {
    by_rows[(rows < DDLA_BLOCK_ROWS ? rows : DDLA_BLOCK_ROWS) - 1](&part);
    part.a += DDLA_BLOCK_ROWS * part.a_row;
    part.c += DDLA_BLOCK_ROWS * part.c_row;
  }
}

#endif
