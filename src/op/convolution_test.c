/* Convolutions beside conv2d, against values of PyTorch 2.15. */
#include "op/test_bench.h"

static const float one_to_sixteen[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const float ones[] = {1, 1, 1, 1, 1, 1};

static bench make_conv1d(void) {
  static const float w[] = {1, -1, 0.5F, 2, 0, 1, -2, 1}, bias[] = {1, -1};
  bench b = make("conv1d");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 5, 2), one_to_sixteen);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2, 2), w);
  set_input(&b, 2, DDLA_F32, DDLA_SHAPE(2), bias);
  return b;
}

static void conv1d_slides_along_sequences(void **state) {
  (void)state;
  bench b = make_conv1d();
  ddla_attrs_set_int(&b.call.attrs, "stride", 2);
  ddla_attrs_set_int(&b.call.attrs, "padding", 1);
  forward(&b);
  EXPECT(&b, 4, 2, 13, 2, 23, 2);
  assert_true(ddla_shape_equal(&b.call.output[0].shape, &DDLA_SHAPE(1, 3, 2)));
  backward(&b, 0, ones);
  EXPECT_GRADIENT(&b, 0, 0, 3, 1, -1.5F, 0, 3, 1, -1.5F, 0, 3);
  backward(&b, 1, ones);
  EXPECT_GRADIENT(&b, 1, 10, 15, 12, 18, 10, 15, 12, 18);
}

static void conv1d_refuses_what_does_not_fit(void **state) {
  (void)state;
  bench b = make_conv1d();
  b.call.input[1].shape = DDLA_SHAPE(2, 3, 2);
  expect_refusal(&b, "conv1d: input has [1, 5, 2] but weight [2, 3, 2] wants 3 channels");
  b.call.input[1].shape = DDLA_SHAPE(2, 2, 6);
  expect_refusal(&b, "kernel covers 6 in width, more than the 5 there are");
  b = make_conv1d();
  ddla_attrs_set_ints(&b.call.attrs, "stride", (int64_t[]){1, 2}, 2);
  expect_refusal(&b, "stride takes one number, not 2");
}

static bench transposed(ddla_shape x, ddla_shape w) {
  bench b = make("conv_transpose2d");
  set_input(&b, 0, DDLA_F32, x, one_to_sixteen);
  set_input(&b, 1, DDLA_F32, w, one_to_sixteen);
  return b;
}

static void conv_transpose2d_enlarges(void **state) {
  (void)state;
  bench b = transposed(DDLA_SHAPE(1, 2, 2, 1), DDLA_SHAPE(1, 1, 3, 3));
  ddla_attrs_set_int(&b.call.attrs, "stride", 2);
  ddla_attrs_set_int(&b.call.attrs, "padding", 1);
  ddla_attrs_set_int(&b.call.attrs, "output_padding", 1);
  forward(&b);
  EXPECT(&b, 5, 14, 10, 12, 14, 36, 24, 30, 15, 34, 20, 24, 24, 55, 32, 36);
  backward(&b, 0, one_to_sixteen);
  EXPECT_GRADIENT(&b, 0, 111, 217, 363, 573);
  backward(&b, 1, one_to_sixteen);
  EXPECT_GRADIENT(&b, 1, 24, 43, 50, 44, 78, 88, 68, 118, 128);
  ddla_attrs_set_int(&b.call.attrs, "output_padding", 2);
  expect_refusal(&b, "output_padding is 2; it can be 0 to 1");
}

static void conv_transpose2d_keeps_groups_apart(void **state) {
  (void)state;
  bench b = transposed(DDLA_SHAPE(1, 1, 1, 4), DDLA_SHAPE(4, 1, 1, 2));
  set_input(&b, 2, DDLA_F32, DDLA_SHAPE(2), (float[]){100, 0});
  ddla_attrs_set_int(&b.call.attrs, "groups", 2);
  forward(&b);
  EXPECT(&b, 107, 43, 110, 50);
  backward(&b, 2, one_to_sixteen);
  EXPECT_GRADIENT(&b, 2, 1 + 3, 2 + 4);
}

static void conv_transpose2d_refuses_what_does_not_fit(void **state) {
  (void)state;
  bench b = transposed(DDLA_SHAPE(1, 2, 2, 3), DDLA_SHAPE(4, 1, 1, 2));
  expect_refusal(&b, "conv_transpose2d: input has [1, 2, 2, 3] but weight [4, 1, 1, 2] wants 4");
  b = transposed(DDLA_SHAPE(1, 1, 2, 4), DDLA_SHAPE(4, 1, 1, 2));
  ddla_attrs_set_int(&b.call.attrs, "padding", 1);
  expect_refusal(&b, "input has [1, 1, 2, 4], weight [4, 1, 1, 2] and padding is 1; no height");
  ddla_attrs_set_int(&b.call.attrs, "groups", 3);
  expect_refusal(&b, "groups is 3, but must divide the input's 4 channels");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv1d_slides_along_sequences),
      cmocka_unit_test(conv1d_refuses_what_does_not_fit),
      cmocka_unit_test(conv_transpose2d_enlarges),
      cmocka_unit_test(conv_transpose2d_keeps_groups_apart),
      cmocka_unit_test(conv_transpose2d_refuses_what_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
