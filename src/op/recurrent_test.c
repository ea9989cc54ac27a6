/* lstm and gru against values that PyTorch 2.15 gives (torch.nn.LSTM and GRU, one layer, batch
 * first): forward, and gradients of everything. Agreement of backward with forward, and of kernels
 * with these loops: tests/conformance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "op/op.h"
#include "op/recurrent.h"

enum { STEPS = 3, WIDTH = 2, ROWS_MAX = 8, INPUTS = 7 };

/* One sample of three steps, two inputs and two units; weights and biases count on through
 * (7 k + 3) mod 11 - 5 eighths. */
typedef struct recorded {
  float x[STEPS * WIDTH], w[2][ROWS_MAX * WIDTH], b[2][ROWS_MAX], h[WIDTH], c[WIDTH];
  float y[STEPS * WIDTH], dy[STEPS * WIDTH], gradient[INPUTS][ROWS_MAX * WIDTH];
  float saved[256];
  double scratch[256];
  ddla_op_call call;
} recorded;

static const float x_values[] = {1, -2, 0.5F, 0.25F, -1.5F, 3};
static const float dy_values[] = {1, 0.5F, -1, 2, 0.25F, -0.5F};

static void count_on(float *to, int count, int *k) {
  for (int i = 0; i < count; i++, (*k)++) to[i] = (float)((*k * 7 + 3) % 11 - 5) / 8;
}

static void set(recorded *r, int input, ddla_shape shape, float *data) {
  r->call.input[input] = (ddla_tensor){.dtype = DDLA_F32, .shape = shape, .data = data};
  r->call.present[input] = true;
  r->call.input_count = input + 1;
}

static void start(recorded *r, const char *op, int gates) {
  int k = 0;
  *r = (recorded){.h = {0.5F, -0.25F}, .c = {-0.75F, 1}};
  r->call.op = ddla_op_find(op);
  r->call.training = true;
  memcpy(r->x, x_values, sizeof r->x);
  memcpy(r->dy, dy_values, sizeof r->dy);
  for (int i = 0; i < 2; i++) count_on(r->w[i], gates * WIDTH * WIDTH, &k);
  for (int i = 0; i < 2; i++) count_on(r->b[i], gates * WIDTH, &k);
  set(r, DDLA_RECURRENT_X, DDLA_SHAPE(1, STEPS, WIDTH), r->x);
  set(r, DDLA_RECURRENT_W_INPUT, DDLA_SHAPE(gates * WIDTH, WIDTH), r->w[0]);
  set(r, DDLA_RECURRENT_W_HIDDEN, DDLA_SHAPE(gates * WIDTH, WIDTH), r->w[1]);
  set(r, DDLA_RECURRENT_B_INPUT, DDLA_SHAPE(gates * WIDTH), r->b[0]);
  set(r, DDLA_RECURRENT_B_HIDDEN, DDLA_SHAPE(gates * WIDTH), r->b[1]);
  set(r, DDLA_RECURRENT_HIDDEN, DDLA_SHAPE(1, WIDTH), r->h);
  if (gates == 4) set(r, DDLA_RECURRENT_CELL, DDLA_SHAPE(1, WIDTH), r->c);
}

static void run(recorded *r) {
  assert_int_equal(ddla_op_infer(&r->call), DDLA_OK);
  assert_true(r->call.saved_bytes <= sizeof r->saved);
  assert_true(r->call.scratch_bytes <= sizeof r->scratch);
  r->call.saved = r->saved;
  r->call.scratch = r->scratch;
  r->call.output[0].data = r->y;
  r->call.output_grad[0].data = r->dy;
  for (int i = 0; i < r->call.input_count; i++) r->call.input_grad[i].data = r->gradient[i];
  assert_int_equal(r->call.op->forward(&r->call), DDLA_OK);
  assert_int_equal(r->call.op->backward(&r->call), DDLA_OK);
}

static void expect(const char *what, const float *found, const double *wanted, int count) {
  for (int i = 0; i < count; i++)
    if (fabs((double)found[i] - wanted[i]) > 2e-7)
      fail_msg("%s, element %d is %.9g, not %.9g", what, i, (double)found[i], wanted[i]);
}

static void lstm_as_recorded(void **state) {
  (void)state;
  static const double y[] = {-0.113437235, 0.073947787,  -0.33451128,
                             0.186478972,  -0.367910653, 0.472317547};
  static const double dx[] = {-0.073499478, -0.004994003, -0.020766445,
                              0.279515177,  -0.012090672, -0.036690004};
  static const double dh[] = {0.052481722, -0.066325977}, dc[] = {0.107242003, 0.017070604};
  static const double dw[] = {0.063260965, -0.039268509, 0.017032417, -0.0128478,
                              -0.01875609, 0.065582648,  0.043272942, -0.062473267};
  static const double dv[] = {0.005422878,  -0.001547599, 0.004210017, -0.001726388,
                              -0.019678259, 0.010127082,  0.008914939, -0.004390427};
  static const double db[] = {0.093115926,  0.036726855,  -0.020396668, 0.018470107,
                              -0.095392898, -0.016169978, 0.022255301,  0.240070045};
  recorded r;
  start(&r, "lstm", 4);
  run(&r);
  expect("y", r.y, y, 6);
  expect("dx", r.gradient[DDLA_RECURRENT_X], dx, 6);
  expect("dh", r.gradient[DDLA_RECURRENT_HIDDEN], dh, 2);
  expect("dc", r.gradient[DDLA_RECURRENT_CELL], dc, 2);
  expect("dw_input", r.gradient[DDLA_RECURRENT_W_INPUT], dw, 8);
  expect("dw_hidden", r.gradient[DDLA_RECURRENT_W_HIDDEN], dv, 8);
  expect("db_input", r.gradient[DDLA_RECURRENT_B_INPUT], db, 8);
  expect("db_hidden", r.gradient[DDLA_RECURRENT_B_HIDDEN], db, 8);
}

static void gru_as_recorded(void **state) {
  (void)state;
  static const double y[] = {0.518737018, 0.561679602,  0.210097075,
                             0.520122349, -0.430088818, 0.336440384};
  static const double dx[] = {0.209721655,  -0.217136651, 0.102204852,
                              -0.036409304, 0.057439782,  -0.027695797};
  static const double dh[] = {0.187864184, 0.424479216};
  static const double dw[] = {-0.01229762,  -0.008335026, 0.011344749,  0.036243662,
                              -0.206902325, 0.172737837,  -0.111164957, 0.257098645};
  static const double dv[] = {-0.012318037, -0.014878012, 0.01649159,   0.029258616,
                              -0.088382296, -0.070591405, -0.121943526, 0.03573063};
  static const double db[] = {-0.023099033, 0.030098706,  -0.129139036,
                              -0.289519191, -0.176921278, 1.030095816};
  static const double dq[] = {-0.023099033, 0.030098706,  -0.129139036,
                              -0.289519191, -0.120123245, 0.342850089};
  recorded r;
  start(&r, "gru", 3);
  run(&r);
  expect("y", r.y, y, 6);
  expect("dx", r.gradient[DDLA_RECURRENT_X], dx, 6);
  expect("dh", r.gradient[DDLA_RECURRENT_HIDDEN], dh, 2);
  expect("dw_input", r.gradient[DDLA_RECURRENT_W_INPUT], dw, 8);
  expect("dw_hidden", r.gradient[DDLA_RECURRENT_W_HIDDEN], dv, 8);
  expect("db_input", r.gradient[DDLA_RECURRENT_B_INPUT], db, 6);
  expect("db_hidden", r.gradient[DDLA_RECURRENT_B_HIDDEN], dq, 6);
}

/* Backwards through a sequence is forwards through the sequence turned round. */
static void reverse_turns_the_sequence(void **state) {
  (void)state;
  static const char *const ops[] = {"lstm", "gru"};
  for (int i = 0; i < 2; i++) {
    recorded a, b;
    start(&a, ops[i], 4 - i);
    start(&b, ops[i], 4 - i);
    ddla_attrs_set_int(&b.call.attrs, "reverse", 1);
    for (int t = 0; t < STEPS; t++)
      for (int k = 0; k < WIDTH; k++) {
        b.x[t * WIDTH + k] = a.x[(STEPS - 1 - t) * WIDTH + k];
        b.dy[t * WIDTH + k] = a.dy[(STEPS - 1 - t) * WIDTH + k];
      }
    run(&a);
    run(&b);
    for (int t = 0; t < STEPS; t++) {
      size_t bytes = WIDTH * sizeof(float);
      assert_memory_equal(&a.y[t * WIDTH], &b.y[(STEPS - 1 - t) * WIDTH], bytes);
      assert_memory_equal(&a.gradient[0][t * WIDTH], &b.gradient[0][(STEPS - 1 - t) * WIDTH],
                          bytes);
    }
    for (int g = 1; g < a.call.input_count; g++)
      assert_memory_equal(a.gradient[g], b.gradient[g], sizeof a.gradient[g]);
  }
}

static void refuses(recorded *r, const char *words) {
  assert_int_equal(ddla_op_infer(&r->call), DDLA_INVALID);
  if (!strstr(ddla_status_message(DDLA_INVALID), words))
    fail_msg("\"%s\" lacks \"%s\"", ddla_status_message(DDLA_INVALID), words);
}

static void refuses_what_does_not_fit(void **state) {
  (void)state;
  recorded r;
  start(&r, "lstm", 4);
  r.call.input[DDLA_RECURRENT_W_INPUT].shape = DDLA_SHAPE(8, 3);
  refuses(&r, "wants 3 features");
  start(&r, "lstm", 3);
  refuses(&r, "4 gates");
  start(&r, "gru", 3);
  r.call.input[DDLA_RECURRENT_HIDDEN].shape = DDLA_SHAPE(2, 2);
  refuses(&r, "1 samples of 2 units");
  start(&r, "gru", 3);
  ddla_attrs_set_int(&r.call.attrs, "reverse", 2);
  refuses(&r, "reverse is 2");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lstm_as_recorded), cmocka_unit_test(gru_as_recorded),
      cmocka_unit_test(reverse_turns_the_sequence), cmocka_unit_test(refuses_what_does_not_fit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
