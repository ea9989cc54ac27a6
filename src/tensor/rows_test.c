/* Lists of rows against a dense table: sums by row, unions, every place of a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "tensor/rows.h"

enum { ROWS = 5000, WIDTH = 3, MOST = 400 };

/* A list with its memory. */
typedef struct store {
  int64_t count, row[MOST];
  float value[MOST * WIDTH];
} store;

static ddla_rows list_of(store *s) {
  return (ddla_rows){
      .width = WIDTH, .capacity = MOST, .count = &s->count, .row = s->row, .value = s->value};
}

/* What a list says, as a dense table: row by row whether it is there, and its values. */
typedef struct dense {
  bool there[ROWS];
  float value[ROWS * WIDTH];
} dense;

static void add_dense(dense *d, int64_t row, const float *value) {
  for (int c = 0; c < WIDTH; c++) {
    float *to = &d->value[row * WIDTH + c];
    *to = d->there[row] ? *to + value[c] : value[c];
  }
  d->there[row] = true;
}

static void expect(const store *s, const dense *d) {
  int64_t place = 0;
  for (int64_t row = 0; row < ROWS; row++) {
    if (!d->there[row]) continue;
    assert_true(place < s->count);
    assert_int_equal(s->row[place], row);
    assert_memory_equal(&s->value[place++ * WIDTH], &d->value[row * WIDTH], WIDTH * sizeof(float));
  }
  assert_int_equal(place, s->count);
}

/* count draws among `rows` rows, summed into s and, one by one, into d. */
static void draw(store *s, dense *d, uint64_t seed, int64_t rows, int64_t count, bool wide) {
  static float value[MOST * WIDTH];
  static uint64_t scratch[2 * MOST];
  int64_t long_index[MOST] = {0};
  int32_t index[MOST] = {0};
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 0, 0));
  const ddla_rows list = list_of(s);
  memset(d, 0, sizeof *d);
  for (int64_t i = 0; i < count; i++) {
    long_index[i] = ROWS - rows + (int64_t)ddla_rng_below(&rng, (uint64_t)rows);
    index[i] = (int32_t)long_index[i];
    for (int c = 0; c < WIDTH; c++) value[i * WIDTH + c] = (float)ddla_rng_normal(&rng);
    add_dense(d, long_index[i], &value[i * WIDTH]);
  }
  const ddla_rows_source source = {.count = count,
                                   .index = wide ? (const void *)long_index : index,
                                   .wide = wide,
                                   .value = value,
                                   .scratch = scratch};
  ddla_rows_sum(&list, &source);
}

static void values_are_summed_by_row(void **state) {
  (void)state;
  static store s;
  static dense d;
  static const int64_t rows[] = {1, 2, 7, 300, ROWS}, counts[] = {0, 1, 2, 50, MOST};
  for (int r = 0; r < 5; r++)
    for (int n = 0; n < 5; n++) {
      draw(&s, &d, (uint64_t)(r * 5 + n), rows[r], counts[n], n % 2 == 0);
      expect(&s, &d);
    }
}

static void lists_are_merged(void **state) {
  (void)state;
  static store a, b;
  static dense d, e;
  static const int64_t rows[] = {1, 9, 200, ROWS}, counts[] = {0, 1, 60, 180};
  for (int r = 0; r < 4; r++)
    for (int n = 0; n < 4; n++)
      for (int m = 0; m < 4; m++) {
        const ddla_rows to = list_of(&a), from = list_of(&b);
        draw(&b, &e, 1000 + (uint64_t)m, rows[(r + m) % 4], counts[m], true);
        draw(&a, &d, (uint64_t)(r * 4 + n), rows[r], counts[n], false);
        for (int64_t row = 0; row < ROWS; row++)
          if (e.there[row]) add_dense(&d, row, &e.value[row * WIDTH]);
        ddla_rows_merge(&to, &from);
        expect(&a, &d);
        expect(&b, &e);
        ddla_rows_copy(&to, &from);
        expect(&a, &e);
      }
}

static void rows_are_found(void **state) {
  (void)state;
  static store s = {.count = 4, .row = {2, 3, 8, 4999}};
  const ddla_rows list = list_of(&s);
  static const int64_t wanted[] = {0, 2, 3, 4, 8, 9, 4999, 5000}, at[] = {0, 0, 1, 2, 2, 3, 3, 4};
  for (int i = 0; i < 8; i++) assert_int_equal(ddla_rows_find(&list, wanted[i]), at[i]);
  s.count = 0;
  assert_int_equal(ddla_rows_find(&list, 7), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_summed_by_row),
                                     cmocka_unit_test(lists_are_merged),
                                     cmocka_unit_test(rows_are_found)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
