#include "coll/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "coll/tree_kernel.h"

enum { OPERANDS = 64, COUNT = 1537, ROOM = COUNT + 16 };

/* The definition, one element at a time. */
static float plain_f32(float **leaves, int64_t first, int64_t count, int64_t at, bool *present) {
  if (count == 1) {
    *present = leaves[first] != NULL;
    return *present ? leaves[first][at] : 0;
  }
  int64_t half = 1;
  while (half * 2 < count) half *= 2;
  bool left = false, right = false;
  float a = plain_f32(leaves, first, half, at, &left);
  float b = plain_f32(leaves, first + half, count - half, at, &right);
  *present = left || right;
  return left && right ? a + b : left ? a : b;
}

static void fill(float *values, int64_t count, uint64_t seed) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < count; i++) {
    float scale = (float)(1u << ddla_rng_below(&rng, 24));
    values[i] = (ddla_rng_uniform(&rng) - 0.5f) * scale; /* so that brackets show in the bits */
  }
}

static float *leaf_data[OPERANDS];

static int make_leaves(void **state) {
  (void)state;
  for (int i = 0; i < OPERANDS; i++) {
    leaf_data[i] = ddla_alloc_array(ROOM, sizeof(float));
    fill(leaf_data[i], ROOM, (uint64_t)i);
  }
  return 0;
}

static int free_leaves(void **state) {
  (void)state;
  for (int i = 0; i < OPERANDS; i++) ddla_free(leaf_data[i]);
  return 0;
}

static void check_sum(int leaves, float **data, int64_t shift, int64_t count, int outputs) {
  ddla_tree_part parts[OPERANDS];
  const void *operands[OPERANDS];
  float *shifted[OPERANDS];
  for (int i = 0; i < leaves; i++) {
    parts[i] = (ddla_tree_part){i, 1};
    operands[i] = shifted[i] = data[i] ? data[i] + shift : NULL;
  }
  void *results[3];
  for (int i = 0; i < outputs; i++) results[i] = ddla_alloc_array(ROOM, sizeof(float));
  ddla_tree_io io = {operands, results, outputs, DDLA_COLL_F32};
  assert_int_equal(ddla_tree_reduce(&io, leaves, parts, leaves, count), DDLA_OK);
  for (int i = 0; i < outputs; i++) {
    for (int64_t k = 0; k < count; k++) {
      bool present = false;
      float expected = plain_f32(shifted, 0, leaves, k, &present);
      assert_memory_equal(&expected, (float *)results[i] + k, sizeof expected);
    }
    ddla_free(results[i]);
  }
}

static void sums_have_the_trees_bits(void **state) {
  (void)state;
  for (int leaves = 1; leaves <= OPERANDS; leaves++)
    check_sum(leaves, leaf_data, 0, leaves < 20 ? COUNT : 67, 1);
  check_sum(8, leaf_data, 3, 1000, 3);
  check_sum(7, leaf_data, 1, 513, 2);
}

static void absent_leaves_add_nothing(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 60; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 1, 0));
    float *data[OPERANDS];
    int leaves = 1 + (int)ddla_rng_below(&rng, OPERANDS);
    for (int i = 0; i < leaves; i++) data[i] = ddla_rng_below(&rng, 3) ? leaf_data[i] : NULL;
    check_sum(leaves, data, 0, 37, 1);
  }
}

static void random_cuts_give_the_same_bits(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 40; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 2, 0));
    int leaves = 1 + (int)ddla_rng_below(&rng, 16), count = 0;
    ddla_tree_part parts[OPERANDS];
    for (int first = 0; first < leaves;) {
      int take = 1 + (int)ddla_rng_below(&rng, (uint64_t)(leaves - first));
      int got =
          ddla_tree_cut(parts + count, OPERANDS - count, leaves, (ddla_tree_part){first, take});
      assert_true(got > 0);
      count += got;
      first += take;
    }
    static float partial[OPERANDS][COUNT];
    const void *operands[OPERANDS];
    for (int i = 0; i < count; i++) {
      for (int64_t k = 0; k < 100; k++) {
        bool present = false;
        partial[i][k] = plain_f32(leaf_data + parts[i].first, 0, parts[i].count, k, &present);
      }
      operands[i] = partial[i];
    }
    float sum[100];
    void *output = sum;
    ddla_tree_io io = {operands, &output, 1, DDLA_COLL_F32};
    assert_int_equal(ddla_tree_reduce(&io, leaves, parts, count, 100), DDLA_OK);
    for (int64_t k = 0; k < 100; k++) {
      bool present = false;
      float expected = plain_f32(leaf_data, 0, leaves, k, &present);
      assert_memory_equal(&expected, &sum[k], sizeof expected);
    }
  }
}

static void cuts_are_the_fewest_subtrees(void **state) {
  (void)state;
  ddla_tree_part parts[16];
  assert_int_equal(ddla_tree_cut(parts, 16, 8, (ddla_tree_part){0, 8}), 1);
  assert_int_equal(ddla_tree_cut(parts, 16, 8, (ddla_tree_part){0, 3}), 2);
  assert_int_equal(parts[0].count, 2);
  assert_int_equal(parts[1].first, 2);
  assert_int_equal(ddla_tree_cut(parts, 16, 8, (ddla_tree_part){3, 3}), 2);
  assert_int_equal(ddla_tree_cut(parts, 16, 6, (ddla_tree_part){4, 2}), 1);
  assert_int_equal(ddla_tree_cut(parts, 16, 8, (ddla_tree_part){1, 6}), 4);
  assert_int_equal(ddla_tree_cut(parts, 3, 8, (ddla_tree_part){1, 6}), -1);
  assert_true(ddla_tree_is_subtree(6, (ddla_tree_part){4, 2}));
  assert_false(ddla_tree_is_subtree(6, (ddla_tree_part){2, 3}));
  assert_false(ddla_tree_is_subtree(5, (ddla_tree_part){3, 2}));
}

static void bad_operands_are_refused(void **state) {
  (void)state;
  ddla_tree_plan plan;
  ddla_tree_part crossing[] = {{1, 2}}, twice[] = {{0, 2}, {1, 1}}, backwards[] = {{1, 1}, {0, 1}};
  assert_int_equal(ddla_tree_plan_make(&plan, 4, crossing, NULL, 1), DDLA_INVALID);
  assert_int_equal(ddla_tree_plan_make(&plan, 4, twice, NULL, 2), DDLA_INVALID);
  assert_int_equal(ddla_tree_plan_make(&plan, 4, backwards, NULL, 2), DDLA_INVALID);
  assert_int_equal(ddla_tree_plan_make(&plan, 4, twice, NULL, 65), DDLA_UNSUPPORTED);
}

static void an_output_may_be_an_operand(void **state) {
  (void)state;
  float *data[3], *copies[3];
  const void *operands[3];
  void *outputs[2];
  ddla_tree_part parts[] = {{0, 1}, {1, 1}, {2, 1}};
  for (int i = 0; i < 3; i++) {
    data[i] = ddla_alloc_array(ROOM, sizeof(float));
    copies[i] = leaf_data[i];
    memcpy(data[i], leaf_data[i], ROOM * sizeof(float));
    operands[i] = data[i];
  }
  outputs[0] = data[0];
  outputs[1] = data[2];
  ddla_tree_plan plan;
  assert_int_equal(ddla_tree_plan_make(&plan, 3, parts, NULL, 3), DDLA_OK);
  ddla_tree_io io = {operands, outputs, 2, DDLA_COLL_F32};
  ddla_tree_run(&plan, &io, 5, 1400, true);
  for (int64_t k = 0; k < ROOM; k++) {
    bool present = false, inside = k >= 5 && k < 1405;
    float sum = plain_f32(copies, 0, 3, k, &present);
    assert_memory_equal(inside ? &sum : &copies[0][k], &data[0][k], sizeof sum);
    assert_memory_equal(inside ? &sum : &copies[2][k], &data[2][k], sizeof sum);
  }
  for (int i = 0; i < 3; i++) ddla_free(data[i]);
}

/* Every instruction set, format, width and store against the plain kernel. */
static void kernels_agree(void **state) {
  (void)state;
  enum { BYTES = 4096 };
  static _Alignas(64) unsigned char in[8][BYTES], out[2][3][BYTES];
  for (int type = DDLA_COLL_F32; type <= DDLA_COLL_I64; type++) {
    int64_t count = BYTES / (int64_t)ddla_coll_type_bytes((ddla_coll_type)type) - 3;
    for (int i = 0; i < 8; i++)
      for (int64_t k = 0; k < count; k++) {
        float value = leaf_data[i][k % ROOM];
        double wide = (double)value * 1.0000001;
        int64_t whole = (int64_t)((double)value * 1e12);
        if (type == DDLA_COLL_F32) memcpy(in[i] + k * 4, &value, 4);
        if (type == DDLA_COLL_F64) memcpy(in[i] + k * 8, &wide, 8);
        if (type == DDLA_COLL_I64) memcpy(in[i] + k * 8, &whole, 8);
      }
    for (int index = 0; ddla_tree_kernel_at((ddla_coll_type)type, index); index++)
      for (int form = 0; form < 4 * 3 * 2; form++) {
        ddla_tree_pass pass = {
            .width = 1 << form % 4, .output_count = 1 + form / 4 % 3, .stream = form >= 12};
        for (int i = 0; i < 8; i++) pass.inputs[i] = in[i];
        memset(out, 0, sizeof out);
        for (int i = 0; i < 3; i++) pass.outputs[i] = out[0][i];
        ddla_tree_kernel_at((ddla_coll_type)type, 0)(&pass, count);
        for (int i = 0; i < 3; i++) pass.outputs[i] = out[1][i];
        ddla_tree_kernel_at((ddla_coll_type)type, index)(&pass, count);
        assert_memory_equal(out[0], out[1], sizeof out[0]);
      }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_have_the_trees_bits),
      cmocka_unit_test(absent_leaves_add_nothing),
      cmocka_unit_test(random_cuts_give_the_same_bits),
      cmocka_unit_test(cuts_are_the_fewest_subtrees),
      cmocka_unit_test(bad_operands_are_refused),
      cmocka_unit_test(an_output_may_be_an_operand),
      cmocka_unit_test(kernels_agree),
  };
  return cmocka_run_group_tests(tests, make_leaves, free_leaves);
}
