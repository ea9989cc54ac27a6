/* Every kernel against its op's plain reference on all sample cases: results, the same bits at
 * other addresses and in a second run, nothing written past a tensor's end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/trial.h"

static size_t bytes_of(const ddla_tensor *tensor) {
  return (size_t)ddla_shape_count(&tensor->shape) * ddla_dtype_bytes(tensor->dtype);
}

static double value_at(const ddla_tensor *tensor, int64_t i) {
  if (tensor->dtype == DDLA_I32) return (double)((const int32_t *)tensor->data)[i];
  return tensor->dtype == DDLA_F64 ? ((const double *)tensor->data)[i]
                                   : (double)((const float *)tensor->data)[i];
}

/* Largest difference in units of the reference's largest value. */
static double difference(const ddla_tensor *a, const ddla_tensor *b) {
  double largest = 1e-30, off = 0;
  int64_t count = ddla_shape_count(&a->shape);
  for (int64_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs(value_at(b, i)));
    double d = fabs(value_at(a, i) - value_at(b, i));
    off = d <= off ? off : d; /* keeps NaN */
  }
  return off / largest;
}

static void run(ddla_trial *trial) {
  ddla_trial_spoil(trial, 0xff); /* NaN */
  assert_int_equal(ddla_trial_forward(trial), DDLA_OK);
  if (trial->call.op->backward) assert_int_equal(ddla_trial_backward(trial), DDLA_OK);
}

typedef double (*measure)(const ddla_tensor *a, const ddla_tensor *b);

static double unequal_bits(const ddla_tensor *a, const ddla_tensor *b) {
  return memcmp(a->data, b->data, bytes_of(a)) != 0;
}

static void compare(const ddla_trial *a, const ddla_trial *b, measure off, double bound) {
  char text[96];
  for (int i = 0; i < a->call.output_count; i++) {
    double d = off(&a->call.output[i], &b->call.output[i]);
    if (d <= bound) continue;
    fail_msg("%s: output %d %s differs by %g", a->kernel->name, i,
             ddla_shape_text(text, sizeof text, &a->call.output[i].shape), d);
  }
  for (int i = 0; i < a->call.input_count; i++) {
    if (!a->call.wants_grad[i]) continue;
    double d = off(&a->call.input_grad[i], &b->call.input_grad[i]);
    if (d <= bound) continue;
    fail_msg("%s: gradient %d %s differs by %g", a->kernel->name, i,
             ddla_shape_text(text, sizeof text, &a->call.input[i].shape), d);
  }
}

/* At bf16 our own kernels round what they make of the operands: off by 0.02 of the root mean square
 * in the mean (tests/conformance/op_run.c), at most by a few times that. */
static double bound_of(const char *kernel, ddla_precision precision) {
  return precision == DDLA_PRECISION_BF16 && strncmp(kernel, "native_", 7) == 0 ? 0.03 : 2e-5;
}

static void check_against(const ddla_op_call *sample, const char *kernel, const char *other,
                          bool first, ddla_precision precision) {
  ddla_trial trial = {0}, again = {0}, plain = {0};
  ddla_trial_options options = {
      .kernel = kernel, .seed = 7, .first = first, .precision = precision};
  assert_int_equal(ddla_trial_open(&trial, sample, &options), DDLA_OK);
  if (strcmp(trial.kernel->name, kernel) != 0) { /* it does not accept this call */
    ddla_trial_close(&trial);
    return;
  }
  options.shift_bytes = 20;
  assert_int_equal(ddla_trial_open(&again, sample, &options), DDLA_OK);
  options.kernel = other;
  options.shift_bytes = 0;
  assert_int_equal(ddla_trial_open(&plain, sample, &options), DDLA_OK);
  run(&plain);
  for (int round = 0; round < 2; round++) {
    run(&trial);
    compare(&trial, &plain, difference, bound_of(kernel, precision));
    run(&again);
    compare(&again, &trial, unequal_bits, 0);
  }
  ddla_trial_close(&trial);
  ddla_trial_close(&again);
  ddla_trial_close(&plain);
}

/* With the gradient of input 0 and, as in the first layer of a model, without. */
static void check(const ddla_op_call *sample, const char *kernel) {
  check_against(sample, kernel, "reference", false, DDLA_PRECISION_FP32);
  if (strcmp(sample->op->name, "conv2d") == 0 || strcmp(sample->op->name, "linear") == 0)
    check_against(sample, kernel, "reference", true, DDLA_PRECISION_FP32);
}

static void check_op(const ddla_op *op, const char *kernel) {
  ddla_rng rng = ddla_rng_make(1);
  for (int i = 0;; i++) {
    ddla_op_call sample = {.op = op};
    if (!op->sample || !op->sample(i, &rng, &sample)) return;
    check(&sample, kernel);
  }
}

static void kernels_agree_with_the_reference(void **state) {
  (void)state;
  int count = 0;
  const ddla_kernel *const *rows = ddla_kernel_table(&count);
  for (int i = 0; i < count; i++) {
    if (!rows[i]->op) continue; /* takes every op */
    const ddla_op *op = ddla_op_find(rows[i]->op);
    assert_non_null(op);
    check_op(op, rows[i]->name);
  }
}

static ddla_op_call conv_call(int64_t batch, int64_t edge, int64_t in, int64_t out, int64_t relu) {
  ddla_op_call call = {
      .op = ddla_op_find("conv2d"), .input_count = 3, .present = {true, true, true}};
  call.input[0].shape = DDLA_SHAPE(batch, edge, edge, in);
  call.input[1].shape = DDLA_SHAPE(out, in, 3, 3);
  call.input[2].shape = DDLA_SHAPE(out);
  ddla_attrs_set_int(&call.attrs, "padding", 1);
  ddla_attrs_set_int(&call.attrs, "activation", relu);
  return call;
}

static ddla_op_call strided_call(int64_t batch, int64_t in, int64_t out) {
  ddla_op_call call = {.op = ddla_op_find("conv2d"), .input_count = 2, .present = {true, true}};
  call.input[0].shape = DDLA_SHAPE(batch, 23, 19, in);
  call.input[1].shape = DDLA_SHAPE(out, in, 5, 4);
  ddla_attrs_set_ints(&call.attrs, "stride", (int64_t[]){2, 3}, 2);
  ddla_attrs_set_ints(&call.attrs, "padding", (int64_t[]){2, 1}, 2);
  ddla_attrs_set_ints(&call.attrs, "dilation", (int64_t[]){2, 1}, 2);
  ddla_attrs_set_int(&call.attrs, "activation", 1);
  return call;
}

static ddla_op_call pool_call(int64_t batch, int64_t edge, int64_t channels) {
  ddla_op_call call = {.op = ddla_op_find("max_pool"), .input_count = 1, .present = {true}};
  call.input[0].shape = DDLA_SHAPE(batch, edge, edge, channels);
  ddla_attrs_set_int(&call.attrs, "kernel", 2);
  return call;
}

static ddla_op_call linear_call(int64_t batch, int64_t in, int64_t out) {
  ddla_op_call call = {
      .op = ddla_op_find("linear"), .input_count = 3, .present = {true, true, true}};
  call.input[0].shape = DDLA_SHAPE(batch, in);
  call.input[1].shape = DDLA_SHAPE(out, in);
  call.input[2].shape = DDLA_SHAPE(out);
  return call;
}

/* keys 0: one tensor holds queries, keys and values. */
static ddla_op_call attention_call(int64_t queries, int64_t keys, int64_t size, int64_t causal) {
  ddla_op_call call = {.op = ddla_op_find("attention"),
                       .input_count = keys ? 3 : 1,
                       .present = {true, keys > 0, keys > 0}};
  call.input[0].shape = DDLA_SHAPE(1, queries, keys ? size : 3 * size);
  for (int i = 1; i < 3 && keys; i++) call.input[i].shape = DDLA_SHAPE(1, keys, size);
  ddla_attrs_set_int(&call.attrs, "heads", 1);
  ddla_attrs_set_int(&call.attrs, "causal", causal);
  return call;
}

static ddla_op_call matmul_call(ddla_shape a, ddla_shape b, int64_t transpose_a,
                                int64_t transpose_b) {
  ddla_op_call call = {.op = ddla_op_find("matmul"), .input_count = 2, .present = {true, true}};
  call.input[0].shape = a;
  call.input[1].shape = b;
  ddla_attrs_set_int(&call.attrs, "transpose_a", transpose_a);
  ddla_attrs_set_int(&call.attrs, "transpose_b", transpose_b);
  return call;
}

/* Shapes of real models, odd batches and channel counts, for every kernel of the op. */
static void realistic_shapes_agree_with_the_reference(void **state) {
  (void)state;
  const ddla_op_call calls[] = {
      conv_call(3, 28, 1, 32, 0),
      conv_call(3, 14, 32, 64, 0),
      conv_call(2, 14, 32, 64, 1),
      conv_call(1, 7, 64, 64, 0),
      conv_call(2, 9, 33, 17, 1),
      conv_call(1, 9, 80, 144, 0),
      conv_call(5, 6, 16, 48, 0),
      strided_call(3, 3, 80),
      strided_call(2, 1, 16),
      conv_call(2, 30, 2, 48, 1),
      pool_call(16, 28, 32),
      pool_call(3, 14, 64),
      pool_call(2, 7, 19),
      linear_call(16, 3136, 128),
      linear_call(16, 128, 10),
      linear_call(7, 100, 33),
      linear_call(1, 3136, 128),
      linear_call(64, 784, 96),
      attention_call(600, 0, 16, 1),
      attention_call(7, 777, 32, 0),
      attention_call(513, 0, 48, 0),
      attention_call(321, 321, 144, 1),
  };
  int count = 0;
  const ddla_kernel *const *rows = ddla_kernel_table(&count);
  for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
    for (int i = 0; i < count; i++)
      if (rows[i]->op && strcmp(rows[i]->op, calls[c].op->name) == 0)
        check(&calls[c], rows[i]->name);
}

/* More columns than are taken side by side, few and many rows, dimensions of 1 between the axes. */
static void reductions_of_every_form_agree(void **state) {
  (void)state;
  static const char *const ops[] = {"reduce_sum", "reduce_mean", "reduce_max"};
  static const struct form {
    ddla_shape x;
    int64_t axes[3];
    int count;
  } forms[] = {
      {{.rank = 3, .dim = {3, 5, 1300}}, {1}, 1},       {{.rank = 2, .dim = {203, 3}}, {0}, 1},
      {{.rank = 2, .dim = {9, 77}}, {-1}, 1},           {{.rank = 2, .dim = {1, 516}}, {0}, 1},
      {{.rank = 4, .dim = {2, 3, 1, 40}}, {1, 3}, 2},   {{.rank = 4, .dim = {2, 3, 1, 40}}, {2}, 1},
      {{.rank = 4, .dim = {6, 2, 3, 18}}, {2, 0, 1}, 3}};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
      char kernel[32];
      ddla_op_call call = {.op = ddla_op_find(ops[i]), .input_count = 1, .present = {true}};
      call.input[0].shape = forms[f].x;
      ddla_attrs_set_ints(&call.attrs, "axes", forms[f].axes, forms[f].count);
      snprintf(kernel, sizeof kernel, "native_%s", ops[i]);
      check(&call, kernel);
    }
}

/* Values of a maximum along rows or columns, and the place that has won by its gradient. */
static void check_winner(const float *values, int count, bool columns, int winner) {
  ddla_trial trial = {0};
  ddla_op_call call = {.op = ddla_op_find("reduce_max"), .input_count = 1, .present = {true}};
  call.input[0].shape = columns ? DDLA_SHAPE(count, 1, 19) : DDLA_SHAPE(1, 1, count);
  ddla_attrs_set_int(&call.attrs, "axes", columns ? 0 : -1);
  assert_int_equal(ddla_trial_open(&trial, &call, &(ddla_trial_options){.seed = 3}), DDLA_OK);
  const int step = columns ? 19 : 1, at = columns ? 17 : 0;
  for (int i = 0; i < count; i++) ((float *)trial.call.input[0].data)[i * step + at] = values[i];
  run(&trial);
  assert_memory_equal((const float *)trial.call.output[0].data + at, &values[winner], 4);
  for (int i = 0; i < count; i++)
    if ((((const float *)trial.call.input_grad[0].data)[i * step + at] != 0) != (i == winner))
      fail_msg("%s: place %d, not %d, has won or lost", trial.kernel->name, i, winner);
  ddla_trial_close(&trial);
}

static void the_first_of_equal_values_wins(void **state) {
  (void)state;
  float values[40];
  for (int columns = 0; columns < 2; columns++) {
    for (int i = 0; i < 40; i++) values[i] = -1 - (float)(i % 7);
    values[21] = values[37] = 0;
    values[30] = -0.0f;
    check_winner(values, 40, columns, 21);
    values[3] = -0.0f; /* equal, and before */
    check_winner(values, 40, columns, 3);
    values[39] = values[38] = NAN;
    check_winner(values, 40, columns, 38);
    for (int i = 0; i < 40; i++) values[i] = -INFINITY;
    check_winner(values, 40, columns, 0);
  }
}

/* Rising, falling and equal numbers, NaN among them, in rows with a rest behind whole vectors. */
static void the_largest_are_found_in_any_order(void **state) {
  (void)state;
  enum { ROWS = 6, WIDTH = 77 };
  for (int64_t k = 1; k <= 9; k += 4) {
    ddla_trial trial[2] = {{.kernel = NULL}};
    ddla_op_call call = {.op = ddla_op_find("top_k"), .input_count = 1, .present = {true}};
    call.input[0].shape = DDLA_SHAPE(ROWS, WIDTH);
    ddla_attrs_set_int(&call.attrs, "k", k);
    for (int t = 0; t < 2; t++) {
      const ddla_trial_options options = {.kernel = t ? "reference" : "native_top_k", .seed = 5};
      assert_int_equal(ddla_trial_open(&trial[t], &call, &options), DDLA_OK);
      float *x = trial[t].call.input[0].data;
      for (int i = 0; i < ROWS * WIDTH; i++) {
        const int row = i / WIDTH, at = i % WIDTH;
        if (row == 0) x[i] = (float)at;
        if (row == 1) x[i] = (float)-at;
        if (row == 2) x[i] = (float)(at % 5);
        if (row == 3) x[i] = at % 19 == 18 ? NAN : (float)(at % 7);
        if (row == 4) x[i] = at < 70 ? -INFINITY : NAN;
      }
      run(&trial[t]);
    }
    for (int o = 0; o < 2; o++)
      assert_memory_equal(trial[0].call.output[o].data, trial[1].call.output[o].data,
                          bytes_of(&trial[1].call.output[o]));
    assert_memory_equal(trial[0].call.input_grad[0].data, trial[1].call.input_grad[0].data,
                        bytes_of(&trial[1].call.input[0]));
    for (int t = 0; t < 2; t++) ddla_trial_close(&trial[t]);
  }
}

/* Operands rounded to bf16: tiles that stick out on every side, blocks that are not full, several
 * panels of outputs. Without a relu, whose gate would open for other numbers. */
static void rounded_products_agree(void **state) {
  (void)state;
  const ddla_op_call calls[] = {
      conv_call(3, 14, 32, 64, 0), conv_call(1, 7, 64, 64, 0),  conv_call(5, 6, 16, 48, 0),
      conv_call(2, 13, 16, 16, 0), conv_call(1, 9, 80, 144, 0), conv_call(2, 9, 33, 17, 0),
      strided_call(3, 3, 80),      conv_call(3, 28, 1, 32, 0),  linear_call(16, 3136, 128),
      linear_call(7, 100, 33),     linear_call(64, 784, 96),    conv_call(1, 5, 16, 16, 0),
  };
  int count = 0;
  const ddla_kernel *const *rows = ddla_kernel_table(&count);
  for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
    for (int i = 0; i < count; i++)
      for (int first = 0; first < 2; first++)
        if (rows[i]->op && strcmp(rows[i]->op, calls[c].op->name) == 0)
          check_against(&calls[c], rows[i]->name, "reference", first, DDLA_PRECISION_BF16);
}

/* Products so large that the reference would take long: against oneDNN's. */
static void large_products_agree(void **state) {
  (void)state;
  for (int64_t ta = 0; ta < 2; ta++)
    for (int64_t tb = 0; tb < 2; tb++) {
      const ddla_shape a = ta ? DDLA_SHAPE(2, 775, 785) : DDLA_SHAPE(2, 785, 775);
      const ddla_shape b = tb ? DDLA_SHAPE(2, 803, 775) : DDLA_SHAPE(2, 775, 803);
      const ddla_op_call call = matmul_call(a, b, ta, tb);
      check_against(&call, "native_matmul", "onednn_matmul", false, DDLA_PRECISION_FP32);
    }
}

/* Classes that the target leaves out add nothing and get no gradient; a negative one is refused. */
static void targets_of_zero_add_nothing(void **state) {
  (void)state;
  ddla_trial trial[2] = {{.kernel = NULL}};
  ddla_op_call call = {
      .op = ddla_op_find("kl_divergence"), .input_count = 2, .present = {true, true}};
  call.input[0].shape = call.input[1].shape = DDLA_SHAPE(3, 37);
  for (int k = 0; k < 2; k++) {
    const ddla_trial_options options = {.kernel = k ? "reference" : "native_kl_divergence",
                                        .seed = 5};
    assert_int_equal(ddla_trial_open(&trial[k], &call, &options), DDLA_OK);
    float *target = trial[k].call.input[1].data;
    for (int i = 0; i < 3 * 37; i++) target[i] = i % 5 && i != 36 ? (float)i * 0.01f : 0;
    run(&trial[k]);
  }
  compare(&trial[0], &trial[1], difference, 2e-5);
  ((float *)trial[0].call.input[1].data)[2 * 37 + 36] = -1e-20f;
  assert_int_equal(ddla_trial_forward(&trial[0]), DDLA_INVALID);
  for (int k = 0; k < 2; k++) ddla_trial_close(&trial[k]);
}

enum { SWEPT = 40003 };

/* The op's results for these numbers are those of the C library, but for roundings. */
static void check_function(const char *op, const float *x, double (*wanted)(double)) {
  ddla_trial trial = {0};
  ddla_op_call call = {.op = ddla_op_find(op), .input_count = 1, .present = {true}};
  call.input[0].shape = DDLA_SHAPE(SWEPT);
  assert_int_equal(ddla_trial_open(&trial, &call, &(ddla_trial_options){.seed = 3}), DDLA_OK);
  memcpy(trial.call.input[0].data, x, SWEPT * sizeof *x);
  assert_int_equal(ddla_trial_forward(&trial), DDLA_OK);
  const float *found = trial.call.output[0].data;
  for (int i = 0; i < SWEPT; i++) {
    const float right = (float)wanted((double)x[i]);
    if (found[i] == right || (isnan(found[i]) && isnan(right))) continue;
    const double off = fabs((double)found[i] - (double)right);
    if (!(off <= 2e-7 * fabs((double)right) + 1.5e-45)) /* the smallest number, too */
      fail_msg("%s of %a is %a, not %a", op, (double)x[i], (double)found[i], (double)right);
  }
  ddla_trial_close(&trial);
}

static void functions_are_right_over_their_whole_range(void **state) {
  (void)state;
  static float x[SWEPT];
  const float edges[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 1, -1e-30f, 0.99999994f, 1.0000001f};
  for (int i = 0; i < SWEPT; i++) x[i] = -112 + 204 * (float)i / SWEPT;
  memcpy(x + SWEPT - 9, edges, sizeof edges);
  check_function("exp", x, exp);
  for (int i = 0; i < SWEPT; i++) { /* every exponent, numbers without a leading one too */
    const uint32_t bits = (uint32_t)i * (0x7f800000u / SWEPT);
    memcpy(&x[i], &bits, sizeof bits);
  }
  for (int i = 0; i < 2000; i++) x[SWEPT / 2 + i] = 0.9f + 0.0001f * (float)i;
  memcpy(x + SWEPT - 9, edges, sizeof edges);
  check_function("log", x, log);
}

static void not_a_number_stays_visible(void **state) {
  (void)state;
  static const char *const ops[] = {"relu",       "gelu",  "tanh", "sigmoid", "silu",
                                    "leaky_relu", "clamp", "add",  "sub",     "mul",
                                    "div",        "exp",   "log"};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
    ddla_trial trial = {0};
    ddla_op_call call = {.op = ddla_op_find(ops[i]), .present = {true, true}};
    call.input_count = call.op->input_min;
    for (int k = 0; k < call.input_count; k++) call.input[k].shape = DDLA_SHAPE(37);
    assert_int_equal(ddla_trial_open(&trial, &call, &(ddla_trial_options){.seed = 3}), DDLA_OK);
    assert_string_not_equal(trial.kernel->name, "reference");
    for (int k = 0; k < 2; k++) { /* in a whole vector, and in what is left after it */
      const int at = k ? 36 : 5;
      ((float *)trial.call.input[0].data)[at] = NAN;
      assert_int_equal(ddla_trial_forward(&trial), DDLA_OK);
      if (!isnan(((const float *)trial.call.output[0].data)[at]))
        fail_msg("%s hides NaN at %d", trial.kernel->name, at);
    }
    ddla_trial_close(&trial);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_agree_with_the_reference),
      cmocka_unit_test(realistic_shapes_agree_with_the_reference),
      cmocka_unit_test(reductions_of_every_form_agree),
      cmocka_unit_test(the_first_of_equal_values_wins),
      cmocka_unit_test(the_largest_are_found_in_any_order),
      cmocka_unit_test(rounded_products_agree),
      cmocka_unit_test(large_products_agree),
      cmocka_unit_test(targets_of_zero_add_nothing),
      cmocka_unit_test(functions_are_right_over_their_whole_range),
      cmocka_unit_test(not_a_number_stays_visible),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
