/* Functions of one number and of two, against values of PyTorch 2.15 where nothing else is said. */
#include "op/test_bench.h"

static const float ones[] = {1, 1, 1, 1, 1, 1};

/* An op of one input without attributes, its values and slopes at some places. */
typedef struct row {
  const char *op;
  float value[5], slope[5];
} row;

static void check(bench *b, const float *x, const row *wanted, int count) {
  set_input(b, 0, DDLA_F32, DDLA_SHAPE(count), x);
  forward(b);
  expect(b->y, wanted->value, (size_t)count, 2e-6F);
  backward(b, 0, ones);
  expect(b->dx, wanted->slope, (size_t)count, 2e-6F);
}

static void functions_have_their_values_and_slopes(void **state) {
  (void)state;
  static const float x[] = {-2, -0.5F, 0, 1, 3}, positive[] = {0.25F, 1, 9};
  static const row anywhere[] = {
      {"silu",
       {-0.238405839F, -0.188770339F, 0, 0.731058598F, 2.85772252F},
       {-0.0907842517F, 0.260038823F, 0.5F, 0.927670538F, 1.08810413F}},
      {"leaky_relu", {-0.02F, -0.005F, 0, 1, 3}, {0.01F, 0.01F, 0.01F, 1, 1}},
      {"exp",
       {0.135335281F, 0.606530666F, 1, 2.71828175F, 20.085537F},
       {0.135335281F, 0.606530666F, 1, 2.71828175F, 20.085537F}},
      {"abs", {2, 0.5F, 0, 1, 3}, {-1, -1, 0, 1, 1}},
      {"neg", {2, 0.5F, 0, -1, -3}, {-1, -1, -1, -1, -1}}};
  static const row above_zero[] = {{"log", {-1.38629436F, 0, 2.19722462F}, {4, 1, 0.111111112F}},
                                   {"sqrt", {0.5F, 1, 3}, {1, 0.5F, 0.166666672F}}};
  for (size_t i = 0; i < COUNT(anywhere); i++) {
    bench b = make(anywhere[i].op);
    check(&b, x, &anywhere[i], 5);
  }
  for (size_t i = 0; i < COUNT(above_zero); i++) {
    bench b = make(above_zero[i].op);
    check(&b, positive, &above_zero[i], 3);
  }
}

static void attributes_bend_and_bound(void **state) {
  (void)state;
  static const float x[] = {-2, -0.5F, 0, 1, 3};
  bench b = make("leaky_relu");
  ddla_attrs_set_real(&b.call.attrs, "slope", 0.25);
  check(&b, x, &(row){"", {-0.5F, -0.125F, 0, 1, 3}, {0.25F, 0.25F, 0.25F, 1, 1}}, 5);
  b = make("clamp");
  ddla_attrs_set_real(&b.call.attrs, "min", -0.5);
  check(&b, x, &(row){"", {-0.5F, -0.5F, 0, 1, 1}, {0, 0, 1, 0, 0}}, 5);
  ddla_attrs_set_real(&b.call.attrs, "max", -0.75);
  expect_refusal(&b, "clamp: min is -0.5 and max is -0.75");
}

static void edges_are_those_of_the_numbers(void **state) {
  (void)state;
  static const float x[] = {0, -1, NAN};
  static const char *const ops[] = {"silu", "leaky_relu", "exp", "log", "sqrt", "abs", "clamp"};
  for (size_t i = 0; i < COUNT(ops); i++) {
    bench b = make(ops[i]);
    set_input(&b, 0, DDLA_F32, DDLA_SHAPE(3), x);
    forward(&b);
    if (!isnan(b.y[2])) fail_msg("%s hides NaN", ops[i]);
    if (strcmp(ops[i], "log") == 0) assert_true(isinf(b.y[0]) && isnan(b.y[1]));
    if (strcmp(ops[i], "sqrt") == 0) assert_true(isnan(b.y[1]));
  }
}

static bench pair(const char *op, ddla_shape a_shape, ddla_shape b_shape) {
  static const float a[] = {1, 2, 3, 4, 5, 6}, c[] = {10, 20, 40};
  bench b = make(op);
  set_input(&b, 0, DDLA_F32, a_shape, a);
  set_input(&b, 1, DDLA_F32, b_shape, c);
  return b;
}

static void tensors_of_unlike_shapes_pair_as_in_numpy(void **state) {
  (void)state;
  bench b = pair("add", DDLA_SHAPE(2, 3), DDLA_SHAPE(3));
  forward(&b);
  EXPECT(&b, 11, 22, 43, 14, 25, 46);
  backward(&b, 1, (float[]){1, 2, 3, 4, 5, 6});
  EXPECT_GRADIENT(&b, 1, 5, 7, 9);
  b = pair("sub", DDLA_SHAPE(2, 3), DDLA_SHAPE(2, 1));
  forward(&b);
  EXPECT(&b, -9, -8, -7, -16, -15, -14);
  backward(&b, 1, (float[]){1, 2, 3, 4, 5, 6});
  EXPECT_GRADIENT(&b, 1, -6, -15);
  b = pair("mul", DDLA_SHAPE(3, 1), DDLA_SHAPE(2));
  forward(&b);
  EXPECT(&b, 10, 20, 20, 40, 30, 60);
  backward(&b, 0, (float[]){1, 2, 3, 4, 5, 6});
  EXPECT_GRADIENT(&b, 0, 50, 110, 170);
  b = pair("div", DDLA_SHAPE(2, 3), (ddla_shape){.rank = 0});
  forward(&b);
  EXPECT(&b, 0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F);
  backward(&b, 1, ones);
  EXPECT_GRADIENT(&b, 1, -0.21F);
}

static void tensors_that_do_not_pair_are_refused(void **state) {
  (void)state;
  bench b = pair("add", DDLA_SHAPE(2, 3), DDLA_SHAPE(2));
  expect_refusal(&b, "add: input 0 has [2, 3] and input 1 has [2]");
  b = pair("mul", DDLA_SHAPE(2, 3, 1), DDLA_SHAPE(2, 4));
  expect_refusal(&b, "mul: input 0 has [2, 3, 1] and input 1 has [2, 4]");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_have_their_values_and_slopes),
      cmocka_unit_test(attributes_bend_and_bound),
      cmocka_unit_test(edges_are_those_of_the_numbers),
      cmocka_unit_test(tensors_of_unlike_shapes_pair_as_in_numpy),
      cmocka_unit_test(tensors_that_do_not_pair_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
