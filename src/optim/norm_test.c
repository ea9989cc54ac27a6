#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "optim/norm.h"

enum { COUNT = 5 * DDLA_NORM_BLOCK + 1234, BLOCKS = 6 };
static float values[COUNT];

static int fill(void **state) {
  (void)state;
  ddla_rng rng = ddla_rng_make(ddla_rng_key(3, DDLA_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < COUNT; i++) values[i] = ddla_rng_normal(&rng) * (i % 7 ? 1e-3f : 50);
  return 0;
}

/* What norm.h promises, one lane at a time. */
static double plain_block(const float *x, int64_t count) {
  double lane[16] = {0};
  for (int64_t i = 0; i < count; i++) lane[i % 16] += (double)x[i] * (double)x[i];
  for (int half = 8; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return lane[0];
}

static void blocks_on_every_isa(void **state) {
  (void)state;
  static const int64_t counts[] = {0, 1, 15, 16, 17, 4095, 4096, 4097, COUNT};
  for (int isa = DDLA_ISA_BEST; isa < DDLA_ISA_END; isa++) {
    if (!ddla_isa_present((ddla_isa)isa)) continue;
    for (int c = 0; c < 9; c++) {
      double sums[BLOCKS + 1] = {0};
      int64_t blocks = ddla_norm_blocks(counts[c]);
      ddla_norm_block_sums(sums, values, counts[c], (ddla_isa)isa);
      for (int64_t b = 0; b < blocks; b++) {
        int64_t left = counts[c] - b * DDLA_NORM_BLOCK;
        double expected = plain_block(values + b * DDLA_NORM_BLOCK,
                                      left < DDLA_NORM_BLOCK ? left : DDLA_NORM_BLOCK);
        assert_memory_equal(&sums[b], &expected, sizeof expected);
      }
      assert_true(sums[blocks] == 0);
    }
  }
}

/* Two owners of ranges give the bits of one. */
static void cut_at_block_borders(void **state) {
  (void)state;
  double all[BLOCKS], parts[BLOCKS];
  ddla_norm_block_sums(all, values, COUNT, DDLA_ISA_BEST);
  for (int cut = 1; cut < BLOCKS; cut++) {
    int64_t border = (int64_t)cut * DDLA_NORM_BLOCK;
    ddla_norm_block_sums(parts, values, border, DDLA_ISA_BEST);
    ddla_norm_block_sums(parts + cut, values + border, COUNT - border, DDLA_ISA_BEST);
    assert_memory_equal(all, parts, sizeof all);
  }
}

/* The order of additions shows where one is lost: 1 + 2^-53 + 2^-53 depends on it. */
static void the_tree(void **state) {
  (void)state;
  const double tiny = 0x1p-53;
  const double v[7] = {1, tiny, tiny, tiny, tiny, tiny, tiny};
  double left = (1 + tiny) + (tiny + tiny), right = (tiny + tiny) + tiny;
  assert_true(ddla_norm_tree(v, 7) == left + right);
  assert_true(ddla_norm_tree(v, 3) == 1 + tiny + tiny && ddla_norm_tree(v, 3) == 1);
  assert_true(ddla_norm_tree(v, 4) == 1 + 2 * tiny && ddla_norm_tree(v, 4) > 1);
  assert_true(ddla_norm_tree(v, 1) == 1 && ddla_norm_tree(v, 0) == 0);
  const double whole[6] = {1, 2, 3, 4, 5, 6};
  assert_true(ddla_norm_tree(whole, 6) == 21);
}

static void norm_and_clip(void **state) {
  (void)state;
  double sums[BLOCKS], square = 0;
  ddla_norm_block_sums(sums, values, COUNT, DDLA_ISA_BEST);
  for (int i = 0; i < COUNT; i++) square += (double)values[i] * (double)values[i];
  double norm = ddla_norm_value(ddla_norm_tree(sums, BLOCKS), 0.125);
  assert_true(fabs(norm / (sqrt(square) / 8) - 1) < 1e-13);
  assert_true(ddla_norm_clip(norm, 0) == 1);
  assert_true(ddla_norm_clip(norm, 2 * norm) == 1);
  assert_true(ddla_norm_clip(norm, norm / 4) == norm / 4 / (norm + 1e-6));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_on_every_isa),
      cmocka_unit_test(cut_at_block_borders),
      cmocka_unit_test(the_tree),
      cmocka_unit_test(norm_and_clip),
  };
  return cmocka_run_group_tests(tests, fill, NULL);
}
