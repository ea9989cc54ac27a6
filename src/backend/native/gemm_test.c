/* Products of all forms against sums in double precision, at the edges of tiles, panels and
 * stretches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/native/gemm.h"
#include "base/alloc.h"
#include "base/rng.h"

#if DDLA_HAS_AVX512

/* The arrays of one product, each with an unaligned start and a guard behind it. */
typedef struct arrays {
  float *a, *b, *c, *again, *bias, *packed, *scratch;
} arrays;

enum { GUARD = 16, MOVED = 3 };

static const float guard_value = 12345;

static float *make(int64_t count) {
  float *block = NULL;
  assert_int_equal(DDLA_NEW(block, count + MOVED + GUARD), DDLA_OK);
  for (int i = 0; i < GUARD; i++) block[MOVED + count + i] = guard_value;
  return block + MOVED;
}

static float *make_normal(int64_t count, ddla_rng *rng) {
  float *array = make(count);
  for (int64_t i = 0; i < count; i++) array[i] = ddla_rng_normal(rng);
  return array;
}

static float *make_aligned(int64_t count) {
  float *block = NULL;
  assert_int_equal(DDLA_NEW(block, count + GUARD), DDLA_OK);
  memset(block, 0xff, (size_t)count * sizeof *block); /* NaN */
  for (int i = 0; i < GUARD; i++) block[count + i] = guard_value;
  return block;
}

static void check_guard(const float *array, int64_t count) {
  for (int i = 0; i < GUARD; i++) assert_true(array[count + i] == guard_value);
}

static double product_at(const ddla_gemm *g, const arrays *m, int64_t r, int64_t j) {
  double sum = m->bias ? m->bias[j] : 0;
  for (int64_t k = 0; k < g->depth; k++) {
    const float a = m->a[g->a_transposed ? k * g->rows + r : r * g->depth + k];
    const float b = m->b[g->b_transposed ? j * g->depth + k : k * g->columns + j];
    sum += (double)a * b;
  }
  return sum;
}

static void check_result(const ddla_gemm *g, const arrays *m) {
  const double bound = 2e-6 * sqrt((double)g->depth) * 8;
  for (int64_t r = 0; r < g->rows; r++)
    for (int64_t j = 0; j < g->columns; j++) {
      const double off = fabs(m->c[r * g->columns + j] - product_at(g, m, r, j));
      if (!(off <= bound)) fail_msg("row %d column %d is off by %g", (int)r, (int)j, off);
    }
}

/* Packed by the run, and packed before: the same bits. */
static void check_runs(const ddla_gemm *g, const arrays *m) {
  const int64_t count = g->rows * g->columns;
  ddla_gemm_run run = {.c = m->c, .a = m->a, .b = m->b, .bias = m->bias, .scratch = m->scratch};
  ddla_gemm_multiply(g, &run);
  check_result(g, m);
  ddla_gemm_pack(m->packed, m->b, g);
  run.c = m->again, run.b = NULL, run.packed = m->packed;
  ddla_gemm_multiply(g, &run);
  assert_memory_equal(m->c, m->again, (size_t)count * sizeof(float));
  check_guard(m->c, count);
  check_guard(m->again, count);
  check_guard(m->packed, ddla_gemm_packed_count(g));
  check_guard(m->scratch, ddla_gemm_scratch_count(g));
}

static void check(const ddla_gemm *g, bool has_bias) {
  ddla_rng rng = ddla_rng_make(5);
  arrays m = {.a = make_normal(g->rows * g->depth, &rng),
              .b = make_normal(g->depth * g->columns, &rng),
              .c = make(g->rows * g->columns),
              .again = make(g->rows * g->columns),
              .bias = has_bias ? make_normal(g->columns, &rng) : NULL,
              .packed = make_aligned(ddla_gemm_packed_count(g)),
              .scratch = make_aligned(ddla_gemm_scratch_count(g))};
  check_runs(g, &m);
  float *const moved[] = {m.a, m.b, m.c, m.again, m.bias};
  for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++)
    if (moved[i]) ddla_free(moved[i] - MOVED);
  ddla_free(m.packed);
  ddla_free(m.scratch);
}

static void products_of_all_forms_are_right(void **state) {
  (void)state;
  static const int64_t size[][3] = {/* rows, depth, columns */
                                    {1, 1, 1},      {6, 16, 64},    {7, 17, 65},
                                    {5, 64, 63},    {12, 96, 80},   {13, 1024, 64},
                                    {19, 1025, 66}, {6, 2100, 145}, {26, 33, 200}};
  if (ddla_cpu() < DDLA_CPU_AVX512) skip();
  for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
    for (int form = 0; form < 4; form++)
      for (int bias = 0; bias < 2; bias++)
        check(&(ddla_gemm){size[i][0], size[i][1], size[i][2], form & 1, form >> 1}, bias);
}

static void not_a_number_stays(void **state) {
  (void)state;
  if (ddla_cpu() < DDLA_CPU_AVX512) skip();
  const ddla_gemm g = {.rows = 8, .depth = 20, .columns = 70};
  ddla_rng rng = ddla_rng_make(5);
  float *a = make_normal(8 * 20, &rng), *b = make_normal(20 * 70, &rng), *c = make(8 * 70);
  float *scratch = make_aligned(ddla_gemm_scratch_count(&g));
  a[7 * 20 + 19] = NAN;
  ddla_gemm_multiply(&g, &(ddla_gemm_run){.c = c, .a = a, .b = b, .scratch = scratch});
  for (int r = 0; r < 8; r++)
    for (int j = 0; j < 70; j++) assert_int_equal(isnan(c[r * 70 + j]) != 0, r == 7);
  ddla_free(a - MOVED);
  ddla_free(b - MOVED);
  ddla_free(c - MOVED);
  ddla_free(scratch);
}

#else

static void products_of_all_forms_are_right(void **state) {
  (void)state;
  skip();
}

static void not_a_number_stays(void **state) {
  (void)state;
  skip();
}

#endif

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products_of_all_forms_are_right),
      cmocka_unit_test(not_a_number_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
