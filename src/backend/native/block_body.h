/* The inner block of a matrix product, for each kind of number. No include guard: a file includes
 * it once, with
 *   BLOCK_RUN                      name of the function (block.h)
 *   BLOCK_TARGET                   its attribute for the instruction set
 *   BLOCK_MULTIPLY(x, w, sum)      sum + x w, for 16 columns */
typedef void (*block_function)(const ddla_block *block);

/* From this depth on c is asked for while the sums are made: in a large product it comes from the
 * third cache. */
enum { LONG = 96 };

/* The sums are variables with names, not an array: compilers keep arrays of this size in memory.
 * R_n and V_n repeat for n rows, and for n vectors of row r. clang-format cannot read this.
 * clang-format off */
#define R_1(X, V) X(0, V)
#define R_2(X, V) R_1(X, V) X(1, V)
#define R_3(X, V) R_2(X, V) X(2, V)
#define R_4(X, V) R_3(X, V) X(3, V)
#define R_5(X, V) R_4(X, V) X(4, V)
#define R_6(X, V) R_5(X, V) X(5, V)
#define R_12(X, V)                                                                                 \
  R_6(X, V) X(6, V) X(7, V) X(8, V) X(9, V) X(10, V) X(11, V)
#define V_1(X, r) X(r, 0)
#define V_2(X, r) V_1(X, r) X(r, 1)
#define V_3(X, r) V_2(X, r) X(r, 2)
#define V_4(X, r) V_3(X, r) X(r, 3)

#define ZERO(r, v) __m512 sum##r##v = _mm512_setzero_ps();
#define FETCH(r, v) __builtin_prefetch(c + (r)*c_row + 16 * (v), 1);
#define ADD_OLD(r, v)                                                                              \
  sum##r##v = _mm512_add_ps(sum##r##v, _mm512_loadu_ps(c + (r)*c_row + 16 * (v)));
#define WEIGHT(r, v) const __m512 w##v = _mm512_loadu_ps(b + 16 * (v));
#define MULTIPLY(r, v) sum##r##v = BLOCK_MULTIPLY(x, w##v, sum##r##v);
#define STORE(r, v) _mm512_storeu_ps(c + (r)*c_row + 16 * (v), sum##r##v);

#define ZERO_ROW(r, V) V_##V(ZERO, r)
#define FETCH_ROW(r, V) V_##V(FETCH, r)
#define ADD_OLD_ROW(r, V) V_##V(ADD_OLD, r)
#define NO_ROW(r, V)
#define STORE_ROW(r, V) V_##V(STORE, r)
#define MULTIPLY_ROW(r, V)                                                                         \
  {                                                                                                \
    const __m512 x = _mm512_set1_ps(a[(r)*a_row]);                                                 \
    V_##V(MULTIPLY, r)                                                                             \
  }

#define BODY(rows, vectors, FINISH)                                                                \
  const int64_t a_row = block->a_row, a_step = block->a_step;                                      \
  const int64_t b_row = block->b_row, c_row = block->c_row;                                        \
  (void)a_row, (void)c_row;                                                                        \
  for (int64_t n = 0; n <= block->more; n++) {                                                     \
    const float *a = block->a + n * block->a_next, *b = block->b + n * block->b_next;              \
    float *const c = block->c + n * block->c_next;                                                 \
    if (block->depth >= LONG) {                                                                    \
      R_##rows(FETCH_ROW, vectors)                                                                 \
    }                                                                                              \
    R_##rows(ZERO_ROW, vectors) for (int64_t k = block->depth; k > 0; k--) {                       \
      V_##vectors(WEIGHT, 0) R_##rows(MULTIPLY_ROW, vectors)                                       \
      a += a_step, b += b_row;                                                                     \
    }                                                                                              \
    R_##rows(FINISH, vectors) R_##rows(STORE_ROW, vectors)                                         \
  }

#define BLOCK(rows, vectors)                                                                       \
  BLOCK_TARGET static void set_##rows##_##vectors(const ddla_block *block){                        \
      BODY(rows, vectors,                                                                          \
           NO_ROW)} BLOCK_TARGET static void add_##rows##_##vectors(const ddla_block *block) {     \
    BODY(rows, vectors, ADD_OLD_ROW)                                                               \
  }
#define ROWS(X, vectors)                                                                           \
  X(1, vectors) X(2, vectors) X(3, vectors) X(4, vectors) X(5, vectors) X(6, vectors)
ROWS(BLOCK, 1)
ROWS(BLOCK, 2)
ROWS(BLOCK, 3)
ROWS(BLOCK, 4)
BLOCK(12, 2)

#define SET(rows, vectors) set_##rows##_##vectors,
#define ADD(rows, vectors) add_##rows##_##vectors,
static const block_function functions[2][DDLA_BLOCK_VECTORS][DDLA_BLOCK_ROWS] = {
    {{ROWS(SET, 1)}, {ROWS(SET, 2)}, {ROWS(SET, 3)}, {ROWS(SET, 4)}},
    {{ROWS(ADD, 1)}, {ROWS(ADD, 2)}, {ROWS(ADD, 3)}, {ROWS(ADD, 4)}}};

/* Blocks of two vectors take twice the rows where there are so many: as many sums are on their way
 * as with four. (Of one vector, measured: it gains nothing.) */
enum { TALL_ROWS = 2 * DDLA_BLOCK_ROWS, TALL_VECTORS = 2 };

/* clang-format on */

void BLOCK_RUN(const ddla_block *block, int64_t rows, int columns) {
  const int vectors = columns / 16;
  const block_function *by_rows = functions[block->add][vectors - 1];
  ddla_block part = *block;
  while (rows > 0) {
    int64_t now = rows < DDLA_BLOCK_ROWS ? rows : DDLA_BLOCK_ROWS;
    if (vectors == TALL_VECTORS && rows >= TALL_ROWS) {
      now = TALL_ROWS;
      (block->add ? add_12_2 : set_12_2)(&part);
    } else {
      by_rows[now - 1](&part);
    }
    part.a += now * part.a_row;
    part.c += now * part.c_row;
    rows -= now;
  }
}
