/* Ops against numbers worked out by hand, and what their messages say. Gradients and kernels:
 * tests/conformance. */
#include "op/test_bench.h"

static void linear_multiplies_by_the_transpose(void **state) {
  (void)state;
  bench b = make("linear");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2), (float[]){1, 2});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(3, 2), (float[]){3, 4, 5, 6, 0, 1});
  forward(&b);
  EXPECT(&b, 11, 17, 2);
  set_input(&b, 2, DDLA_F32, DDLA_SHAPE(3), (float[]){0.5F, -20, 0});
  forward(&b);
  EXPECT(&b, 11.5F, -3, 2);
  ddla_attrs_set_int(&b.call.attrs, "activation", 1);
  forward(&b);
  EXPECT(&b, 11.5F, 0, 2);
}

static const float one_to_nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static bench make_conv(void) {
  bench b = make("conv2d");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 3, 3, 1), one_to_nine);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(1, 1, 2, 2), one_to_nine);
  return b;
}

static void conv2d_slides_pads_strides_and_dilates(void **state) {
  (void)state;
  bench b = make_conv();
  forward(&b);
  EXPECT(&b, 37, 47, 67, 77);
  ddla_attrs_set_int(&b.call.attrs, "padding", 1);
  ddla_attrs_set_int(&b.call.attrs, "stride", 2);
  forward(&b);
  EXPECT(&b, 4, 18, 36, 77);
  b = make_conv();
  ddla_attrs_set_int(&b.call.attrs, "dilation", 2);
  forward(&b);
  EXPECT(&b, 1 + 6 + 21 + 36);
  b = make_conv();
  ddla_attrs_set_ints(&b.call.attrs, "stride", (int64_t[]){1, 2}, 2); /* height, width */
  forward(&b);
  EXPECT(&b, 37, 67);
}

static void conv2d_groups_read_their_own_channels(void **state) {
  (void)state;
  bench b = make("conv2d");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 1, 1, 4), (float[]){1, 10, 100, 1000});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2, 1, 1), (float[]){1, 2, 3, 4});
  ddla_attrs_set_int(&b.call.attrs, "groups", 2);
  forward(&b);
  EXPECT(&b, 21, 4300);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 4, 1, 1), one_to_nine);
  expect_refusal(&b, "input has [1, 1, 1, 4] but weight [2, 4, 1, 1] wants 8 channels");
}

static void matmul_transposes(void **state) {
  (void)state;
  static const float wanted[] = {58, 64, 139, 154}; /* [1 2 3; 4 5 6] [7 8; 9 10; 11 12] */
  static const float a[2][6] = {{1, 2, 3, 4, 5, 6}, {1, 4, 2, 5, 3, 6}};
  static const float c[2][6] = {{7, 8, 9, 10, 11, 12}, {7, 9, 11, 8, 10, 12}};
  for (int form = 0; form < 4; form++) {
    int ta = form & 1, tb = form >> 1;
    bench b = make("matmul");
    set_input(&b, 0, DDLA_F32, ta ? DDLA_SHAPE(3, 2) : DDLA_SHAPE(2, 3), a[ta]);
    set_input(&b, 1, DDLA_F32, tb ? DDLA_SHAPE(2, 3) : DDLA_SHAPE(3, 2), c[tb]);
    ddla_attrs_set_int(&b.call.attrs, "transpose_a", ta);
    ddla_attrs_set_int(&b.call.attrs, "transpose_b", tb);
    forward(&b);
    expect(b.y, wanted, 4, 0);
  }
}

static void activations_have_their_values(void **state) {
  (void)state;
  static const struct row {
    const char *op;
    float wanted[4];
  } rows[] = {{"relu", {0, 0, 1, 3}},
              {"sigmoid", {0.11920292F, 0.5F, 0.73105858F, 0.95257413F}},
              {"tanh", {-0.96402758F, 0, 0.76159416F, 0.99505475F}},
              {"gelu", {-0.04550026F, 0, 0.84134475F, 2.99595031F}},
              {"scale", {-2, 0, 1, 3}},
              {"softmax", {0.0056533F, 0.0417725F, 0.1135496F, 0.8390246F}}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    bench b = make(rows[i].op);
    set_input(&b, 0, DDLA_F32, DDLA_SHAPE(4), (float[]){-2, 0, 1, 3});
    forward(&b);
    expect(b.y, rows[i].wanted, 4, 1e-6F);
  }
  bench b = make("gelu");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2), (float[]){1, -2});
  ddla_attrs_set_int(&b.call.attrs, "tanh", 1);
  forward(&b);
  EXPECT(&b, 0.84119199F, -0.04540231F);
}

static void softmax_of_large_numbers_does_not_overflow(void **state) {
  (void)state;
  bench b = make("softmax");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){1e30F, 1e30F, -1e4F, 1e4F});
  forward(&b);
  EXPECT(&b, 0.5F, 0.5F, 0, 1);
}

static void max_pool_gives_ties_to_the_first(void **state) {
  (void)state;
  bench b = make("max_pool");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 4, 1), (float[]){5, 5, -1, -2, 5, 1, -1, -1});
  ddla_attrs_set_int(&b.call.attrs, "kernel", 2);
  forward(&b);
  EXPECT(&b, 5, -1);
  b.call.output_grad[0].data = (float[]){10, 20};
  b.call.input_grad[0].data = b.dx;
  assert_int_equal(b.call.op->backward(&b.call), DDLA_OK);
  expect(b.dx, (float[]){10, 0, 20, 0, 0, 0, 0, 0}, 8, 0);
}

static void not_a_number_stays_visible(void **state) {
  (void)state;
  static const char *const ops[] = {"relu", "max_pool"};
  for (int i = 0; i < 2; i++) {
    bench b = make(ops[i]);
    set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 1, 2, 1), (float[]){NAN, 1});
    if (i == 1) ddla_attrs_set_ints(&b.call.attrs, "kernel", (int64_t[]){1, 2}, 2);
    forward(&b);
    assert_true(isnan(b.y[0]));
  }
}

static void average_pool_counts_padding(void **state) {
  (void)state;
  bench b = make("average_pool");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 2, 1), (float[]){4, 4, 4, 4});
  ddla_attrs_set_int(&b.call.attrs, "kernel", 2);
  ddla_attrs_set_int(&b.call.attrs, "stride", 1);
  ddla_attrs_set_int(&b.call.attrs, "padding", 1);
  forward(&b);
  EXPECT(&b, 1, 2, 1, 2, 4, 2, 1, 2, 1);
}

static void pooling_refuses_what_cannot_be(void **state) {
  (void)state;
  bench b = make("max_pool");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 3, 1), one_to_nine);
  expect_refusal(&b, "max_pool: wants the attribute \"kernel\"");
  ddla_attrs_set_int(&b.call.attrs, "kernel", 3);
  expect_refusal(&b, "input has [1, 2, 3, 1] but the kernel covers 3 in height");
  ddla_attrs_set_int(&b.call.attrs, "padding", 2);
  expect_refusal(&b, "padding is 2; it can be at most half the kernel's 3");
}

static void global_average_pool_keeps_channels_apart(void **state) {
  (void)state;
  bench b = make("global_average_pool");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 2, 2), (float[]){1, 10, 2, 20, 3, 30, 6, 60});
  forward(&b);
  EXPECT(&b, 3, 30);
}

static void moving_ops_move(void **state) {
  (void)state;
  bench b = make("permute");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 3), one_to_nine);
  ddla_attrs_set_ints(&b.call.attrs, "order", (int64_t[]){2, 0, 1}, 3);
  forward(&b);
  EXPECT(&b, 1, 4, 2, 5, 3, 6);
  assert_int_equal(b.call.output[0].shape.dim[0], 3);
  b = make("slice");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3, 3), one_to_nine);
  ddla_attrs_set_int(&b.call.attrs, "axis", -1);
  ddla_attrs_set_int(&b.call.attrs, "begin", 1);
  ddla_attrs_set_int(&b.call.attrs, "end", 3);
  forward(&b);
  EXPECT(&b, 2, 3, 5, 6, 8, 9);
  b = make("concat");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 1), (float[]){10, 20});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2), one_to_nine);
  ddla_attrs_set_int(&b.call.attrs, "axis", 1);
  forward(&b);
  EXPECT(&b, 10, 1, 2, 20, 3, 4);
}

static void reshape_keeps_and_computes_dimensions(void **state) {
  (void)state;
  bench b = make("reshape");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(4, 3, 5), b.y);
  ddla_attrs_set_ints(&b.call.attrs, "shape", (int64_t[]){0, -1}, 2);
  infer(&b);
  assert_int_equal(b.call.alias, 0);
  assert_int_equal(b.call.output[0].shape.rank, 2);
  assert_int_equal(b.call.output[0].shape.dim[0], 4);
  assert_int_equal(b.call.output[0].shape.dim[1], 15);
  ddla_attrs_set_ints(&b.call.attrs, "shape", (int64_t[]){0, 7}, 2);
  expect_refusal(&b, "input has [4, 3, 5], whose elements do not fill the shape [0, 7]");
  ddla_attrs_set_ints(&b.call.attrs, "shape", (int64_t[]){-1, -1}, 2);
  expect_refusal(&b, "only one dimension");
}

static bench make_cross_entropy(const int32_t labels[2]) {
  static const float logits[] = {1, 2, 3, 0, 0, 0};
  bench b = make("cross_entropy");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 3), logits);
  set_input(&b, 1, DDLA_I32, DDLA_SHAPE(2), labels);
  return b;
}

static void cross_entropy_smooths_and_ignores(void **state) {
  (void)state;
  const int32_t both[] = {2, 0}, one[] = {2, -100}, wrong[] = {0, 3};
  bench b = make_cross_entropy(both);
  forward(&b);
  assert_float_equal(b.loss, 0.40760596 + 1.09861229, 1e-7);
  assert_float_equal(b.count, 2, 0);
  b = make_cross_entropy(one);
  ddla_attrs_set_real(&b.call.attrs, "label_smoothing", 0.1);
  forward(&b);
  assert_float_equal(b.loss, 0.9 * 0.40760596 + 0.1 * 1.40760596, 1e-7);
  assert_float_equal(b.count, 1, 0);
  b.dloss = 2;
  b.call.output_grad[0].data = &b.dloss;
  b.call.input_grad[0].data = b.dx;
  assert_int_equal(b.call.op->backward(&b.call), DDLA_OK);
  expect(b.dx,
         (float[]){2 * (0.09003057F - 0.03333333F), 2 * (0.24472847F - 0.03333333F),
                   2 * (0.66524096F - 0.93333333F), 0, 0, 0},
         6, 1e-6F);
  b = make_cross_entropy(wrong);
  infer(&b);
  assert_int_equal(b.call.op->forward(&b.call), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "label of sample 1 is 3; 0 to 2"));
}

static void other_losses_average_within_samples(void **state) {
  (void)state;
  bench b = make("mean_squared_error");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){1, 2, 3, 4});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){0, 2, 0, 0});
  forward(&b);
  assert_float_equal(b.loss, 0.5 + 12.5, 1e-12);
  assert_float_equal(b.count, 2, 0);
  b = make("binary_cross_entropy");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3, 1), (float[]){0, 1000, -1000});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(3, 1), (float[]){0.3F, 1, 1});
  forward(&b);
  assert_float_equal(b.loss, 0.69314718 + 0 + 1000, 1e-7);
  assert_float_equal(b.count, 3, 0);
}

enum { SAMPLES = 3, ELEMENTS = 7 * 33 };

static bench make_dropout(const int64_t *keys, const float *x) {
  bench b = make("dropout");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(SAMPLES, 7, 33), x);
  set_input(&b, 1, DDLA_I64, DDLA_SHAPE(SAMPLES), keys);
  ddla_attrs_set_real(&b.call.attrs, "p", 0.25);
  ddla_attrs_set_int(&b.call.attrs, "stream", 5);
  return b;
}

static void dropout_is_a_function_of_key_stream_and_element(void **state) {
  (void)state;
  const int64_t keys[] = {1234567890123456789, -1, 7};
  float x[SAMPLES * ELEMENTS];
  for (size_t i = 0; i < COUNT(x); i++) x[i] = 3;
  bench b = make_dropout(keys, x);
  forward(&b);
  for (int n = 0; n < SAMPLES; n++)
    for (int e = 0; e < ELEMENTS; e++) {
      uint32_t words[4];
      ddla_rng_philox(words, (uint64_t)keys[n], (uint64_t)(e / 128 * 32 + e % 32), 5);
      float wanted = words[e / 32 % 4] >= 0x40000000U ? 4 : 0;
      assert_float_equal(b.y[n * ELEMENTS + e], wanted, 0);
    }
}

static void dropout_without_training_is_the_identity(void **state) {
  (void)state;
  const int64_t keys[SAMPLES] = {0};
  float x[SAMPLES * ELEMENTS] = {0};
  bench b = make_dropout(keys, x);
  infer(&b);
  assert_int_equal(b.call.alias, -1);
  b.call.training = false;
  infer(&b);
  assert_int_equal(b.call.alias, 0);
  b.call.training = true;
  ddla_attrs_set_real(&b.call.attrs, "p", 1);
  expect_refusal(&b, "p is 1");
}

static void infer_prepares_for_all_gradients_where_none_is_named(void **state) {
  (void)state;
  bench b = make("mul");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2), one_to_nine);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2), one_to_nine);
  infer(&b);
  assert_true(b.call.backward_reads_input[0] && b.call.backward_reads_input[1]);
  b.call.wants_grad[0] = true; /* d a reads b */
  infer(&b);
  assert_false(b.call.backward_reads_input[0]);
  assert_true(b.call.backward_reads_input[1]);
  b.call.training = false;
  infer(&b);
  assert_false(b.call.backward_reads_input[1]);
}

static void attributes_are_checked_by_name_and_kind(void **state) {
  (void)state;
  bench b = make_conv();
  ddla_attrs_set_int(&b.call.attrs, "strides", 2);
  expect_refusal(&b, "conv2d: has no attribute \"strides\"; it takes: stride=1 padding=0");
  b = make_conv();
  ddla_attrs_set_real(&b.call.attrs, "stride", 2.5);
  expect_refusal(&b, "attribute \"stride\" is 2.5, but wants whole numbers");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear_multiplies_by_the_transpose),
      cmocka_unit_test(conv2d_slides_pads_strides_and_dilates),
      cmocka_unit_test(conv2d_groups_read_their_own_channels),
      cmocka_unit_test(matmul_transposes),
      cmocka_unit_test(activations_have_their_values),
      cmocka_unit_test(softmax_of_large_numbers_does_not_overflow),
      cmocka_unit_test(max_pool_gives_ties_to_the_first),
      cmocka_unit_test(not_a_number_stays_visible),
      cmocka_unit_test(average_pool_counts_padding),
      cmocka_unit_test(pooling_refuses_what_cannot_be),
      cmocka_unit_test(global_average_pool_keeps_channels_apart),
      cmocka_unit_test(moving_ops_move),
      cmocka_unit_test(reshape_keeps_and_computes_dimensions),
      cmocka_unit_test(cross_entropy_smooths_and_ignores),
      cmocka_unit_test(other_losses_average_within_samples),
      cmocka_unit_test(dropout_is_a_function_of_key_stream_and_element),
      cmocka_unit_test(dropout_without_training_is_the_identity),
      cmocka_unit_test(infer_prepares_for_all_gradients_where_none_is_named),
      cmocka_unit_test(attributes_are_checked_by_name_and_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
