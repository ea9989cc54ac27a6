/* The k largest, against sorting everything: numbers at random, equal ones, patterns that mislead
 * the guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "codec/select.h"

enum { MOST = 100000, KINDS = 11 };

static float v[MOST], residual[MOST], velocity[MOST], mixed[MOST];
static uint32_t order[MOST];

static int by_magnitude(const void *a, const void *b) {
  const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
  const int32_t x = ddla_codec_magnitude(mixed[i]), y = ddla_codec_magnitude(mixed[j]);
  if (x != y) return x < y ? 1 : -1;
  return i < j ? -1 : 1;
}

static int by_place(const void *a, const void *b) {
  const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
  return i < j ? -1 : 1;
}

static void fill(float *to, int64_t count, int kind) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key((uint64_t)kind, DDLA_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < count; i++) {
    const float x = ddla_rng_normal(&rng);
    switch (kind) {
    case 0: to[i] = x; break;
    case 1: to[i] = 1; break;                                        /* all equal */
    case 2: to[i] = i % 2 ? -0.0F : 0.0F; break;                     /* all zero */
    case 3: to[i] = ddla_rng_below(&rng, 50) ? 0 : x; break;         /* most zero */
    case 4: to[i] = (float)(int)(4 * x); break;                      /* many equal */
    case 5: to[i] = i % (count / 65536 + 1) ? x : 1e-20F; break;     /* samples see small ones */
    case 6: to[i] = i % (count / 65536 + 1) ? 1e-20F * x : x; break; /* samples see large ones */
    case 7: to[i] = 1e-42F * x; break;                               /* below the full numbers */
    case 8: to[i] = ddla_rng_below(&rng, 1000) ? 0 : x; break;       /* few not zero */
    case 9: to[i] = i < count / 2 || i % 999 ? 0 : x; break;         /* and those at the end */
    default: to[i] = (float)(i - count / 2); break;                  /* sorted */
    }
  }
}

static void check_one(int64_t count, int64_t k, bool keeps, const ddla_codec_loops *loops) {
  const ddla_codec_options options = {.decay = 0.5, .momentum = 0.25};
  const ddla_codec_source source = {.values = v,
                                    .count = count,
                                    .options = &options,
                                    .residual = keeps ? residual : NULL,
                                    .velocity = keeps ? velocity : NULL,
                                    .scratch = ddla_alloc_array(1, ddla_select_scratch(count, k)),
                                    .loops = loops};
  ddla_codec_picks picks;
  assert_non_null(source.scratch);
  if (keeps) {
    fill(residual, count, 0);
    fill(velocity, count, 3);
  }
  for (int64_t i = 0; i < count; i++) {
    mixed[i] = ddla_codec_mixed(&source, i);
    order[i] = (uint32_t)i;
  }
  qsort(order, (size_t)count, sizeof *order, by_magnitude);
  qsort(order, (size_t)k, sizeof *order, by_place);
  ddla_select(&picks, &source, k);
  assert_int_equal(picks.count, k);
  for (int64_t i = 0; i < k; i++) {
    assert_int_equal(picks.index[i], order[i]);
    assert_int_equal(ddla_codec_bits(picks.value[i]), ddla_codec_bits(mixed[order[i]]));
  }
  if (keeps) assert_memory_equal(residual, mixed, (size_t)count * sizeof *mixed);
  ddla_free(source.scratch);
}

static void check_kind(int kind) {
  static const int64_t sizes[][2] = {{1, 1},       {5, 2},       {4096, 41},      {5000, 0},
                                     {5000, 5000}, {MOST, 1},    {MOST, 3000},    {MOST, 20000},
                                     {0, 0},       {90001, 777}, {MOST, MOST - 1}};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    fill(v, sizes[s][0], kind);
    check_one(sizes[s][0], sizes[s][1], false, ddla_codec_loops_best());
  }
  fill(v, MOST, kind);
  check_one(MOST, 3000, true, ddla_codec_loops_best());
  check_one(20000, 200, true, ddla_codec_loops_best());
}

static void the_largest_are_chosen(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) check_kind(kind);
}

static void on_every_processor(void **state) {
  (void)state;
  for (int i = 0; ddla_codec_loops_at(i); i++) {
    if (!ddla_codec_loops_at(i)->present()) continue;
    for (int kind = 0; kind < KINDS; kind += 4) {
      fill(v, MOST, kind);
      check_one(MOST, 2000, kind == 0, ddla_codec_loops_at(i));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_largest_are_chosen),
      cmocka_unit_test(on_every_processor),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
