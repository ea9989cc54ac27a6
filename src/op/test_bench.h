/* For tests of ops against numbers worked out by hand: a call with memory for what it writes.
 * Failures assert. */
#ifndef DDLA_OP_TEST_BENCH_H
#define DDLA_OP_TEST_BENCH_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka asks for these before it */
#include <cmocka.h>

#include "op/op.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A call whose outputs, saved and scratch bytes lie here. */
typedef struct bench {
  ddla_op_call call;
  float y[1024], dx[1024];
  double loss, count, dloss;
  uint64_t saved[1024], scratch[1024];
} bench;

static inline bench make(const char *op) {
  bench made = {.call = {.op = ddla_op_find(op), .training = true}};
  assert_non_null(made.call.op);
  return made;
}

static inline void set_input(bench *b, int input, ddla_dtype dtype, ddla_shape shape,
                             const void *data) {
  union {
    const void *from;
    void *to;
  } place = {.from = data}; /* ops do not write inputs */
  b->call.input[input] = (ddla_tensor){.dtype = dtype, .shape = shape, .data = place.to};
  b->call.present[input] = true;
  if (b->call.input_count <= input) b->call.input_count = input + 1;
}

static inline void infer(bench *b) {
  ddla_status status = ddla_op_infer(&b->call);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  b->call.output[0].data = b->call.output[0].dtype == DDLA_F64 ? (void *)&b->loss : (void *)b->y;
  b->call.output[1].data = &b->count;
  b->call.saved = b->saved;
  b->call.scratch = b->scratch;
  assert_true(b->call.saved_bytes <= sizeof b->saved && b->call.scratch_bytes <= sizeof b->scratch);
}

static inline void forward(bench *b) {
  infer(b);
  ddla_status status = b->call.op->forward(&b->call);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
}

static inline void expect(const float *found, const float *wanted, size_t count, float tolerance) {
  for (size_t i = 0; i < count; i++)
    if (!(fabsf(found[i] - wanted[i]) <= tolerance))
      fail_msg("element %zu is %.8g, wanted %.8g", i, (double)found[i], (double)wanted[i]);
}

#define EXPECT(b, ...)                                                                             \
  do {                                                                                             \
    const float expect_wanted[] = {__VA_ARGS__};                                                   \
    assert_int_equal(ddla_shape_count(&(b)->call.output[0].shape), COUNT(expect_wanted));          \
    expect((b)->y, expect_wanted, COUNT(expect_wanted), 1e-6F);                                    \
  } while (0)

static inline void expect_refusal(bench *b, const char *words) {
  ddla_status status = ddla_op_infer(&b->call);
  assert_int_equal(status, DDLA_INVALID);
  if (!strstr(ddla_status_message(status), words))
    fail_msg("message \"%s\" lacks \"%s\"", ddla_status_message(status), words);
}

/* Runs backward after forward with the gradient dy of output 0; that of this input is in dx. */
static inline void backward(bench *b, int input, const float *dy) {
  union {
    const void *from;
    void *to;
  } place = {.from = dy};
  memset(b->dx, 0, sizeof b->dx);
  for (int i = 0; i < b->call.input_count; i++) b->call.input_grad[i].data = NULL;
  b->call.input_grad[input].data = b->dx;
  b->call.output_grad[0].data = place.to;
  if (b->call.output[0].dtype == DDLA_F64) b->call.output_grad[0].data = &b->dloss;
  ddla_status status = b->call.op->backward(&b->call);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
}

#define EXPECT_GRADIENT(b, index, ...)                                                             \
  do {                                                                                             \
    const float expect_gradient[] = {__VA_ARGS__};                                                 \
    assert_int_equal(ddla_shape_count(&(b)->call.input[index].shape), COUNT(expect_gradient));     \
    expect((b)->dx, expect_gradient, COUNT(expect_gradient), 1e-6F);                               \
  } while (0)

#endif
