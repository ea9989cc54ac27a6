/* Ops that pick, place and combine elements, worked out by hand. */
#include "op/test_bench.h"

static const float one_to_twelve[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static bench reduction(const char *op, ddla_shape shape, const int64_t *axes, int count) {
  bench b = make(op);
  set_input(&b, 0, DDLA_F32, shape, one_to_twelve);
  ddla_attrs_set_ints(&b.call.attrs, "axes", axes, count);
  return b;
}

static void sums_and_means_run_along_their_axes(void **state) {
  (void)state;
  bench b = reduction("reduce_sum", DDLA_SHAPE(2, 3, 2), (int64_t[]){0, -1}, 2);
  forward(&b);
  EXPECT(&b, 1 + 2 + 7 + 8, 3 + 4 + 9 + 10, 5 + 6 + 11 + 12);
  assert_int_equal(b.call.output[0].shape.rank, 1);
  backward(&b, 0, (float[]){1, 10, 100});
  EXPECT_GRADIENT(&b, 0, 1, 1, 10, 10, 100, 100, 1, 1, 10, 10, 100, 100);
  b = reduction("reduce_mean", DDLA_SHAPE(2, 3, 2), (int64_t[]){1}, 1);
  ddla_attrs_set_int(&b.call.attrs, "keep", 1);
  forward(&b);
  EXPECT(&b, 3, 4, 9, 10);
  assert_true(ddla_shape_equal(&b.call.output[0].shape, &DDLA_SHAPE(2, 1, 2)));
  backward(&b, 0, (float[]){3, 6, 9, 12});
  EXPECT_GRADIENT(&b, 0, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4);
  b = make("reduce_sum"); /* initially the last axis */
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3, 2), one_to_twelve);
  forward(&b);
  EXPECT(&b, 3, 7, 11);
}

static void axes_that_cannot_be_are_refused(void **state) {
  (void)state;
  bench b = reduction("reduce_sum", DDLA_SHAPE(2, 3), (int64_t[]){0, 2}, 2);
  expect_refusal(&b, "reduce_sum: input has [2, 3]; number 1 of axes is 2, which it does not have");
  b = reduction("reduce_max", DDLA_SHAPE(2, 3), (int64_t[]){1, -1}, 2);
  expect_refusal(&b, "number 1 of axes is -1, named twice");
}

static void reduce_max_gives_ties_to_the_first(void **state) {
  (void)state;
  bench b = make("reduce_max");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3, 3), (float[]){5, 5, 1, -2, -1, -1, 3, NAN, 7});
  forward(&b);
  assert_true(b.y[0] == 5 && b.y[1] == -1 && isnan(b.y[2]));
  backward(&b, 0, (float[]){10, 20, 30});
  EXPECT_GRADIENT(&b, 0, 10, 0, 0, 0, 20, 0, 0, 30, 0);
}

static bench pick(const char *op, ddla_shape x, ddla_shape index_shape, const int32_t *index) {
  bench b = make(op);
  set_input(&b, 0, DDLA_F32, x, one_to_twelve);
  set_input(&b, 1, DDLA_I32, index_shape, index);
  return b;
}

static void gather_picks_rows(void **state) {
  (void)state;
  static const int32_t index[] = {2, 0, 2, 1};
  bench b = pick("gather", DDLA_SHAPE(3, 2), DDLA_SHAPE(4), index);
  forward(&b);
  EXPECT(&b, 5, 6, 1, 2, 5, 6, 3, 4);
  backward(&b, 0, one_to_twelve);
  EXPECT_GRADIENT(&b, 0, 3, 4, 7, 8, 1 + 5, 2 + 6);
  b = pick("gather", DDLA_SHAPE(2, 3, 2), DDLA_SHAPE(2, 2), index);
  ddla_attrs_set_int(&b.call.attrs, "batch", 1);
  forward(&b);
  EXPECT(&b, 5, 6, 1, 2, 11, 12, 9, 10);
  b = pick("gather", DDLA_SHAPE(3, 2), DDLA_SHAPE(4), (int32_t[]){0, 1, 3, 0});
  infer(&b);
  assert_int_equal(b.call.op->forward(&b.call), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "element 2 of index is 3; 0 to 2"));
  b = pick("gather", DDLA_SHAPE(3, 2), DDLA_SHAPE(4), index);
  ddla_attrs_set_int(&b.call.attrs, "batch", 1);
  expect_refusal(&b, "gather: input has [3, 2] and index has [4]");
}

static void scatter_add_adds_in_order(void **state) {
  (void)state;
  bench b = pick("scatter_add", DDLA_SHAPE(4, 2), DDLA_SHAPE(4), (int32_t[]){2, 0, 2, 0});
  ddla_attrs_set_int(&b.call.attrs, "rows", 3);
  forward(&b);
  EXPECT(&b, 3 + 7, 4 + 8, 0, 0, 1 + 5, 2 + 6);
  backward(&b, 0, one_to_twelve);
  EXPECT_GRADIENT(&b, 0, 5, 6, 1, 2, 5, 6, 1, 2);
  /* 1e8 + 1 is 1e8 in fp32: another order would leave 1 */
  b = pick("scatter_add", DDLA_SHAPE(3), DDLA_SHAPE(3), (int32_t[]){0, 0, 0});
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3), (float[]){1e8F, 1, -1e8F});
  ddla_attrs_set_int(&b.call.attrs, "rows", 1);
  forward(&b);
  EXPECT(&b, 0);
  b = pick("scatter_add", DDLA_SHAPE(4, 2), DDLA_SHAPE(3), (int32_t[]){0, 0, 0});
  ddla_attrs_set_int(&b.call.attrs, "rows", 1);
  expect_refusal(&b, "scatter_add: input has [4, 2] and index has [3]");
}

static void one_hot_names_its_range(void **state) {
  (void)state;
  bench b = make("one_hot");
  set_input(&b, 0, DDLA_I32, DDLA_SHAPE(2), (int32_t[]){2, 0});
  ddla_attrs_set_int(&b.call.attrs, "classes", 3);
  forward(&b);
  EXPECT(&b, 0, 0, 1, 1, 0, 0);
  set_input(&b, 0, DDLA_I32, DDLA_SHAPE(2), (int32_t[]){2, -1});
  infer(&b);
  assert_int_equal(b.call.op->forward(&b.call), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "element 1 is -1; 0 to 2"));
}

static void top_k_is_ordered_and_stable(void **state) {
  (void)state;
  int32_t places[6];
  bench b = make("top_k");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 4), (float[]){1, 5, 5, -2, NAN, 3, 7, 3});
  ddla_attrs_set_int(&b.call.attrs, "k", 3);
  infer(&b);
  b.call.output[1].data = places;
  assert_int_equal(b.call.op->forward(&b.call), DDLA_OK);
  expect(b.y, (float[]){5, 5, 1}, 3, 0);
  assert_true(isnan(b.y[3]) && b.y[4] == 7 && b.y[5] == 3);
  assert_memory_equal(places, ((int32_t[]){1, 2, 0, 0, 2, 1}), sizeof places);
  backward(&b, 0, one_to_twelve);
  EXPECT_GRADIENT(&b, 0, 3, 1, 2, 0, 4, 6, 5, 0);
  ddla_attrs_set_int(&b.call.attrs, "k", 5);
  expect_refusal(&b, "top_k: input has [2, 4], so k can be 1 to 4, but is 5");
}

static void pad_surrounds(void **state) {
  (void)state;
  bench b = make("pad");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 2), one_to_twelve);
  ddla_attrs_set_ints(&b.call.attrs, "before", (int64_t[]){0, 1}, 2);
  ddla_attrs_set_ints(&b.call.attrs, "after", (int64_t[]){1, 0}, 2);
  ddla_attrs_set_real(&b.call.attrs, "value", 9);
  forward(&b);
  EXPECT(&b, 9, 1, 2, 9, 3, 4, 9, 9, 9);
  backward(&b, 0, one_to_twelve);
  EXPECT_GRADIENT(&b, 0, 2, 3, 5, 6);
  ddla_attrs_set_ints(&b.call.attrs, "after", (int64_t[]){1, 0, 0}, 3);
  expect_refusal(&b, "pad: input has [2, 2]; after must be 2 numbers");
}

/* concat and slice along the middle of three axes. */
static void any_axis_can_be_joined_and_cut(void **state) {
  (void)state;
  bench b = make("concat");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 1, 2), one_to_twelve);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2, 2), one_to_twelve);
  ddla_attrs_set_int(&b.call.attrs, "axis", -2);
  forward(&b);
  EXPECT(&b, 1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8);
  b = make("slice");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 3, 2), one_to_twelve);
  ddla_attrs_set_int(&b.call.attrs, "axis", 1);
  ddla_attrs_set_int(&b.call.attrs, "begin", 1);
  ddla_attrs_set_int(&b.call.attrs, "end", 3);
  forward(&b);
  EXPECT(&b, 3, 4, 5, 6, 9, 10, 11, 12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_and_means_run_along_their_axes),
      cmocka_unit_test(axes_that_cannot_be_are_refused),
      cmocka_unit_test(reduce_max_gives_ties_to_the_first),
      cmocka_unit_test(gather_picks_rows),
      cmocka_unit_test(scatter_add_adds_in_order),
      cmocka_unit_test(one_hot_names_its_range),
      cmocka_unit_test(top_k_is_ordered_and_stable),
      cmocka_unit_test(pad_surrounds),
      cmocka_unit_test(any_axis_can_be_joined_and_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
