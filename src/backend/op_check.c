#include "backend/op_check.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "backend/op_run.h"
#include "base/alloc.h"

enum { PROBES_MAX = 48 };
static const double step =
    1.0 / 128; /* exact in fp32; half the distance to any kink that fill leaves */

/* Outputs of a case copied as doubles. */
static double *copy_output(const ddla_tensor *y) {
  int64_t count = ddla_shape_count(&y->shape);
  double *copy = ddla_alloc_array((size_t)count, sizeof *copy);
  for (int64_t i = 0; copy && i < count; i++)
    copy[i] =
        y->dtype == DDLA_F64 ? ((const double *)y->data)[i] : (double)((const float *)y->data)[i];
  return copy;
}

/* Slope of sum_i weight[i] output[i] between two sets of outputs at distance `distance`, and how
 * far rounding of the outputs to fp32 may have moved it. */
typedef struct slope {
  double value, noise;
} slope;

static slope slope_between(const ddla_op_call *call, const double *low, const double *high,
                           double distance) {
  const ddla_tensor *weight = &call->output_grad[0];
  slope made = {0};
  for (int64_t i = 0; i < ddla_shape_count(&weight->shape); i++) {
    double w = weight->dtype == DDLA_F64 ? ((const double *)weight->data)[i]
                                         : (double)((const float *)weight->data)[i];
    made.value += w * (high[i] - low[i]);
    if (high[i] != low[i] && weight->dtype == DDLA_F32)
      made.noise += fabs(w) * (fabs(high[i]) + fabs(low[i])) * 6e-8;
  }
  made.value /= distance;
  made.noise /= distance;
  return made;
}

static ddla_status probe_slope(slope *out, ddla_op_run *run, float *x) {
  const float at = *x;
  double *side[2] = {0};
  volatile float place[2] = {at - (float)step, at + (float)step};
  ddla_status status = DDLA_OK;
  for (int i = 0; i < 2; i++) {
    *x = place[i];
    DDLA_TRY_CLEAN(status, ddla_op_run_forward(run));
    side[i] = copy_output(&run->op_case.call.output[0]);
    DDLA_TRY_CLEAN(status, ddla_alloc_check(side[i], 1, 1));
  }
  *out = slope_between(&run->op_case.call, side[0], side[1], (double)place[1] - (double)place[0]);
cleanup:
  *x = at;
  ddla_free(side[0]);
  ddla_free(side[1]);
  return status;
}

static double root_mean_square(const float *x, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum / (double)count);
}

static ddla_status probe_input(ddla_op_run *run, int input, int probes, ddla_rng *rng) {
  const ddla_tensor *x = &run->op_case.call.input[input];
  const float *grad = run->op_case.call.input_grad[input].data;
  const int64_t count = ddla_shape_count(&x->shape);
  const double scale = root_mean_square(grad, count);
  for (int64_t probe = 0; probe < probes && probe < count; probe++) {
    int64_t i = count <= probes ? probe : (int64_t)ddla_rng_below(rng, (uint64_t)count);
    slope found = {0};
    DDLA_TRY(probe_slope(&found, run, (float *)x->data + i));
    double wanted = (double)grad[i];
    if (fabs(found.value - wanted) > 2e-3 * fabs(wanted) + 1e-3 * scale + found.noise + 1e-7)
      return DDLA_FAIL(INTERNAL,
                       "gradient of input %d, element %" PRId64 " is %.7g, finite difference %.7g "
                       "(root mean square %.3g)",
                       input, i, wanted, found.value, scale);
  }
  return DDLA_OK;
}

ddla_status ddla_op_check_gradient(const ddla_op *op, int index) {
  const double cost = ddla_op_run_cost(op, index);
  if (!op->backward || cost > 1e8) return DDLA_OK;
  const int probes = cost < 1e6 ? PROBES_MAX : cost < 1e7 ? 6 : 2;
  ddla_rng rng = ddla_rng_make(ddla_rng_key(1, DDLA_PURPOSE_TEST, (uint64_t)index, 0));
  ddla_op_run run = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_op_run_open(&run, op, index, NULL, ddla_op_run_reference()));
  DDLA_TRY_CLEAN(status, ddla_op_run_forward(&run));
  DDLA_TRY_CLEAN(status, ddla_op_run_backward(&run));
  for (int i = 0; i < run.op_case.call.input_count; i++)
    if (run.op_case.call.wants_grad[i]) DDLA_TRY_CLEAN(status, probe_input(&run, i, probes, &rng));
cleanup:
  ddla_op_run_close(&run);
  return status;
}

static void set_gradients(ddla_op_call *call, float value) {
  for (int i = 0; i < call->input_count; i++)
    for (int64_t k = 0; call->wants_grad[i] && k < ddla_shape_count(&call->input[i].shape); k++)
      ((float *)call->input_grad[i].data)[k] = value;
}

/* After a reference backward over gradients that held 1: each is larger by 1 than in `zero`. */
static ddla_status check_added(const ddla_op_run *zero, const ddla_op_run *one) {
  const ddla_op_call *a = &zero->op_case.call, *b = &one->op_case.call;
  for (int i = 0; i < a->input_count; i++)
    for (int64_t k = 0; a->wants_grad[i] && k < ddla_shape_count(&a->input[i].shape); k++) {
      float wanted = ((const float *)a->input_grad[i].data)[k] + 1;
      float found = ((const float *)b->input_grad[i].data)[k];
      if (fabsf(found - wanted) > 1e-5F * (2 + fabsf(wanted)))
        return DDLA_FAIL(INTERNAL, "backward over 1 gives %g, wanted %g: it does not add",
                         (double)found, (double)wanted);
    }
  return DDLA_OK;
}

ddla_status ddla_op_check_adding(const ddla_op *op, int index) {
  if (!op->backward || ddla_op_run_cost(op, index) > 1e8) return DDLA_OK;
  ddla_op_run run[2] = {0};
  ddla_status status = DDLA_OK;
  for (int i = 0; i < 2; i++) {
    DDLA_TRY_CLEAN(status, ddla_op_run_open(&run[i], op, index, NULL, ddla_op_run_reference()));
    DDLA_TRY_CLEAN(status, ddla_op_run_forward(&run[i]));
    set_gradients(&run[i].op_case.call, (float)i);
    DDLA_TRY_CLEAN(status, op->backward(&run[i].op_case.call));
  }
  status = check_added(&run[0], &run[1]);
cleanup:
  ddla_op_run_close(&run[0]);
  ddla_op_run_close(&run[1]);
  return status;
}

ddla_status ddla_op_check_alone(const ddla_op *op, int index) {
  if (!op->backward || ddla_op_run_cost(op, index) > 1e8) return DDLA_OK;
  ddla_op_run all = {0}, one = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_op_run_open(&all, op, index, NULL, ddla_op_run_reference()));
  DDLA_TRY_CLEAN(status, ddla_op_run_forward(&all));
  DDLA_TRY_CLEAN(status, ddla_op_run_backward(&all));
  for (int i = 0; i < all.op_case.call.input_count; i++) {
    const ddla_op_case_options options = {.unwanted = ~(1U << i)};
    DDLA_TRY_CLEAN(status, ddla_op_run_open(&one, op, index, &options, ddla_op_run_reference()));
    DDLA_TRY_CLEAN(status, ddla_op_run_forward(&one));
    if (one.op_case.call.wants_grad[i]) DDLA_TRY_CLEAN(status, ddla_op_run_backward(&one));
    DDLA_TRY_CLEAN(status, ddla_op_run_same_bits(&all, &one));
    ddla_op_run_close(&one);
  }
cleanup:
  ddla_op_run_close(&all);
  ddla_op_run_close(&one);
  return status;
}

/* A run elsewhere, over other leftovers, gives the same bits. */
ddla_status ddla_op_check_elsewhere(const ddla_op *op, int index) {
  static const ddla_op_case_options moved = {.offset_bytes = 16};
  if (ddla_op_run_cost(op, index) > 1e8) return DDLA_OK;
  const ddla_op_case_options *const options[2] = {NULL, &moved};
  ddla_op_run run[2] = {0};
  ddla_status status = DDLA_OK;
  for (int i = 0; i < 2; i++) {
    DDLA_TRY_CLEAN(status,
                   ddla_op_run_open(&run[i], op, index, options[i], ddla_op_run_reference()));
    DDLA_TRY_CLEAN(status, ddla_op_run_forward(&run[i]));
    if (op->backward) DDLA_TRY_CLEAN(status, ddla_op_run_backward(&run[i]));
  }
  status = ddla_op_run_same_bits(&run[0], &run[1]);
cleanup:
  ddla_op_run_close(&run[0]);
  ddla_op_run_close(&run[1]);
  return status;
}

static ddla_status check_case(const ddla_op *op, int index) {
  DDLA_TRY(ddla_op_check_elsewhere(op, index));
  if (!op->backward) return DDLA_OK;
  DDLA_TRY(ddla_op_check_gradient(op, index));
  DDLA_TRY(ddla_op_check_adding(op, index));
  return ddla_op_check_alone(op, index);
}

ddla_status ddla_op_check(int *cases, const ddla_op *op) {
  DDLA_TRY(ddla_op_check_row(op));
  if (!op->sample) return DDLA_FAIL(INVALID, "op %s has no sample cases", op->name);
  const int count = ddla_op_case_count(op);
  if (count == 0) return DDLA_FAIL(INVALID, "op %s has no sample cases", op->name);
  for (int i = 0; i < count; i++) {
    ddla_status status = check_case(op, i);
    if (status != DDLA_OK) return ddla_status_prefix(status, "op %s, case %d: ", op->name, i);
  }
  if (cases) *cases = count;
  return DDLA_OK;
}
