/* The k largest of the last dimension, largest first, and their places. Of equal values the one
 * that stands first wins; NaN counts as larger than every number, as in PyTorch. The gradient goes
 * to the chosen. */
#include <inttypes.h>
#include <math.h>

#include "op/check.h"
#include "op/sample.h"

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 1, DDLA_RANK_MAX));
  ddla_shape y = call->input[0].shape;
  const int64_t k = ddla_attrs_int(&call->attrs, "k", 0, 0);
  if (k < 1 || k > y.dim[y.rank - 1] || y.dim[y.rank - 1] > INT32_MAX) {
    char text[96];
    return DDLA_FAIL(INVALID, "input has %s, so k can be 1 to %" PRId64 ", but is %" PRId64,
                     ddla_shape_text(text, sizeof text, &y), y.dim[y.rank - 1], k);
  }
  y.dim[y.rank - 1] = k;
  ddla_op_set_output(call, 0, DDLA_F32, &y);
  ddla_op_set_output(call, 1, DDLA_I32, &y);
  call->backward_reads_output[1] = true;
  return DDLA_OK;
}

static bool is_larger(float a, float b) { return a > b || (isnan(a) && !isnan(b)); }

/* Insertion into the k best so far: right for small k, and stable. */
static void choose(float *best, int32_t *place, int64_t k, const float *x, int64_t count) {
  int64_t held = 0;
  for (int64_t i = 0; i < count; i++) {
    if (held == k && !is_larger(x[i], best[k - 1])) continue;
    int64_t at = held < k ? held++ : k - 1;
    for (; at > 0 && is_larger(x[i], best[at - 1]); at--) {
      best[at] = best[at - 1];
      place[at] = place[at - 1];
    }
    best[at] = x[i];
    place[at] = (int32_t)i;
  }
}

static ddla_status forward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int64_t width = x->dim[x->rank - 1], rows = ddla_shape_count(x) / width;
  const int64_t k = ddla_attrs_int(&call->attrs, "k", 0, 0);
  for (int64_t r = 0; r < rows; r++)
    choose((float *)call->output[0].data + r * k, (int32_t *)call->output[1].data + r * k, k,
           (const float *)call->input[0].data + r * width, width);
  return DDLA_OK;
}

static ddla_status backward(const ddla_op_call *call) {
  const ddla_shape *x = &call->input[0].shape;
  const int32_t *place = call->output[1].data;
  const float *dy = call->output_grad[0].data;
  float *dx = call->input_grad[0].data;
  const int64_t width = x->dim[x->rank - 1], k = ddla_attrs_int(&call->attrs, "k", 0, 0);
  const int64_t count = ddla_shape_count(&call->output[0].shape);
  for (int64_t i = 0; i < count; i++) dx[i / k * width + place[i]] += dy[i];
  return DDLA_OK;
}

static bool sample(int index, ddla_rng *rng, ddla_op_call *call) {
  (void)rng;
  static const int64_t shapes[][4] = {{1}, {3, 7}, {5, 4}, {2, 3, 17}, {128, 1000}};
  static const int64_t k[] = {1, 3, 4, 5, 5};
  if (index >= (int)(sizeof shapes / sizeof shapes[0])) return false;
  ddla_op_sample_start(call, 1);
  ddla_op_sample_input(call, 0, DDLA_F32, shapes[index]);
  ddla_attrs_set_int(&call->attrs, "k", k[index]);
  return true;
}

const ddla_op ddla_op_top_k = {
    .name = "top_k",
    .math = "values[..., i] = the i-th largest of x[..., :]; places[..., i] = where it stands, i32",
    .inputs = "x [...,C]",
    .attrs = "k=",
    .input_min = 1,
    .input_max = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .sample = sample,
    .fill = ddla_op_fill_inputs_apart};
