/* Losses against values of PyTorch 2.15 (reduction "sum" or "none"; mean_squared_error and
 * cross_entropy: op_test.c). */
#include "op/test_bench.h"

static void huber_loss_goes_on_straight(void **state) {
  (void)state;
  bench b = make("huber_loss");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){0, 2, 3, -4});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){0.5F, 0, 3, 1});
  ddla_attrs_set_real(&b.call.attrs, "delta", 1.5);
  forward(&b);
  assert_float_equal(b.loss, 4.1875, 1e-12);
  assert_float_equal(b.count, 2, 0);
  b.dloss = 2;
  backward(&b, 0, NULL);
  EXPECT_GRADIENT(&b, 0, -0.5F, 1.5F, 0, -1.5F);
  ddla_attrs_set_real(&b.call.attrs, "delta", 0);
  expect_refusal(&b, "huber_loss: delta is 0");
}

static bench divergence(const float *targets) {
  static const float z[] = {1, 2, 3, 0, 0, 0};
  bench b = make("kl_divergence");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 3), z);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 3), targets);
  return b;
}

static void kl_divergence_takes_zeros(void **state) {
  (void)state;
  bench b = divergence((float[]){0.2F, 0, 0.8F, 0.5F, 0.25F, 0.25F});
  forward(&b);
  assert_float_equal(b.loss, 0.366095066, 1e-7);
  assert_float_equal(b.count, 2, 0);
  b.dloss = 1;
  backward(&b, 0, NULL);
  EXPECT_GRADIENT(&b, 0, -0.109969422F, 0.244728491F, -0.134759009F, -0.166666687F, 0.0833333135F,
                  0.0833333135F);
  backward(&b, 1, NULL); /* where the target is 0, PyTorch gives NaN */
  EXPECT_GRADIENT(&b, 1, 1.79816794F, 0, 1.18446243F, 1.40546513F, 0.712317944F, 0.712317944F);
  b = divergence((float[]){0.2F, 0, 0.8F, 0.5F, -0.25F, 0.25F});
  infer(&b);
  assert_int_equal(b.call.op->forward(&b.call), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "class 1 of sample 1 is -0.25"));
}

enum { SAMPLES = 3, FRAMES = 4, CLASSES = 3 };

/* The second target, 1 1, needs three frames and gets three; the third gets two. */
static const float logits[SAMPLES * FRAMES * CLASSES] = {
    0.5F, 1, -1, 0, 2, 1, 1, 0, 0, -1, 0.5F, 1.5F, 1, 0, 0, 0, 1, 0,
    0,    0, 1,  2, 2, 2, 0, 1, 0, 0,  0,    2,    0, 0, 0, 0, 0, 0};

static bench ctc(const int32_t *target, const int32_t *frames, const int32_t *labels) {
  bench b = make("ctc_loss");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(SAMPLES, FRAMES, CLASSES), logits);
  set_input(&b, 1, DDLA_I32, DDLA_SHAPE(SAMPLES, 2), target);
  set_input(&b, 2, DDLA_I32, DDLA_SHAPE(SAMPLES), frames);
  set_input(&b, 3, DDLA_I32, DDLA_SHAPE(SAMPLES), labels);
  return b;
}

static const int32_t target[] = {1, 2, 1, 1, 1, 1}, frames[] = {4, 3, 2}, labels[] = {2, 2, 2};

static void ctc_loss_sums_over_the_ways(void **state) {
  (void)state;
  static const float wanted[SAMPLES * FRAMES * CLASSES] = {
      0.00757454941F, -0.0852701291F, 0.0776955858F, 0.0221682303F, -0.212261468F, 0.190093234F,
      0.0280183721F,  0.0198025107F,  -0.047820881F, 0.0275665745F, 0.253716171F,  -0.281282753F,
      0.57611692F,    -0.788058519F,  0.21194157F,   -0.788058162F, 0.576116681F,  0.211941481F,
      0.211941496F,   -0.788058281F,  0.576116741F};
  bench b = ctc(target, frames, labels);
  ddla_attrs_set_int(&b.call.attrs, "zero_infinity", 1);
  forward(&b);
  assert_float_equal(b.loss, 0.712101936 + 4.65433407, 2e-6);
  assert_float_equal(b.count, 3, 0);
  b.dloss = 1;
  backward(&b, 0, NULL);
  expect(b.dx, wanted, COUNT(wanted), 1e-6F);
  b.call.training = false; /* alpha lies in scratch */
  forward(&b);
  assert_float_equal(b.loss, 0.712101936 + 4.65433407, 2e-6);
}

static void a_target_that_does_not_fit_is_infinite(void **state) {
  (void)state;
  bench b = ctc(target, frames, labels);
  forward(&b);
  assert_true(isinf(b.loss) && b.loss > 0);
  b.dloss = 1;
  backward(&b, 0, NULL);
  assert_false(isnan(b.dx[0]));
  assert_true(isnan(b.dx[2 * FRAMES * CLASSES])); /* the third sample's first frames */
  assert_true(b.dx[2 * FRAMES * CLASSES + 2 * CLASSES] == 0);
  b = ctc(target, (int32_t[]){4, 3, 0}, (int32_t[]){2, 2, 0}); /* nothing spells nothing */
  forward(&b);
  assert_float_equal(b.loss, 0.712101936 + 4.65433407, 2e-6);
}

/* Two frames of equal chances, the target 1: of the nine ways, 1 1, 1 blank and blank 1 spell it.
 */
static void ctc_loss_of_even_chances(void **state) {
  (void)state;
  static const float even[6] = {0};
  bench b = make("ctc_loss");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 3), even);
  set_input(&b, 1, DDLA_I32, DDLA_SHAPE(1, 1), (int32_t[]){1});
  set_input(&b, 2, DDLA_I32, DDLA_SHAPE(1), (int32_t[]){2});
  set_input(&b, 3, DDLA_I32, DDLA_SHAPE(1), (int32_t[]){1});
  forward(&b);
  assert_float_equal(b.loss, log(3), 1e-12);
  ddla_attrs_set_int(&b.call.attrs, "blank", 2);
  forward(&b);
  assert_float_equal(b.loss, log(3), 1e-12);
}

static void ctc_loss_names_what_is_wrong(void **state) {
  (void)state;
  static const struct row {
    int32_t target[6], frames[3], labels[3];
    const char *words;
  } rows[] = {{{1, 2, 0, 1, 1, 1}, {4, 3, 2}, {2, 2, 2}, "label 0 of sample 1 is 0; 0 to 2 but"},
              {{1, 2, 1, 1, 1, 1}, {4, 5, 2}, {2, 2, 2}, "input length of sample 1 is 5; 0 to 4"},
              {{1, 2, 1, 1, 1, 1}, {4, 4, 2}, {2, 2, 3}, "target length of sample 2 is 3; 0 to 2"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    bench b = ctc(rows[i].target, rows[i].frames, rows[i].labels);
    infer(&b);
    assert_int_equal(b.call.op->forward(&b.call), DDLA_INVALID);
    if (!strstr(ddla_status_message(DDLA_INVALID), rows[i].words))
      fail_msg("message \"%s\" lacks \"%s\"", ddla_status_message(DDLA_INVALID), rows[i].words);
  }
  bench b = ctc(target, frames, labels);
  b.call.input[3].shape = DDLA_SHAPE(2);
  expect_refusal(&b, "ctc_loss: logits have [3, 4, 3] but input 3 has [2]");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(huber_loss_goes_on_straight),
      cmocka_unit_test(kl_divergence_takes_zeros),
      cmocka_unit_test(ctc_loss_sums_over_the_ways),
      cmocka_unit_test(a_target_that_does_not_fit_is_infinite),
      cmocka_unit_test(ctc_loss_of_even_chances),
      cmocka_unit_test(ctc_loss_names_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
