#include "backend/trial.h"

#include <string.h>

#include "base/alloc.h"

static size_t tensor_bytes(const ddla_tensor *tensor) {
  return (size_t)ddla_shape_count(&tensor->shape) * ddla_dtype_bytes(tensor->dtype);
}

/* Gives every tensor its place, or (memory null) only counts. */
static size_t place(ddla_op_call *call, char *memory, size_t shift) {
  size_t at = 0;
  ddla_tensor *list[2 * (DDLA_OP_INPUTS_MAX + DDLA_OP_OUTPUTS_MAX)];
  int count = 0;
  for (int i = 0; i < call->input_count; i++) {
    if (call->present[i]) list[count++] = &call->input[i];
    if (call->wants_grad[i]) list[count++] = &call->input_grad[i];
  }
  for (int i = 0; i < call->output_count; i++) {
    list[count++] = &call->output[i];
    if (i == 0 && call->training) list[count++] = &call->output_grad[i];
  }
  for (int i = 0; i < count; i++) {
    size_t moved = list[i]->dtype == DDLA_F64 || list[i]->dtype == DDLA_I64 ? 0 : shift;
    if (memory) list[i]->data = memory + at + moved;
    at += (tensor_bytes(list[i]) + moved + 127) &
          ~(size_t)63; /* and a gap, for tests that look at it */
  }
  if (memory) call->saved = memory + at;
  at += (call->saved_bytes + 127) & ~(size_t)63;
  if (memory) call->scratch = memory + at;
  return at + ((call->scratch_bytes + 127) & ~(size_t)63);
}

static void fill_normal(ddla_tensor *tensor, ddla_rng *rng) {
  if (tensor->dtype != DDLA_F32) return;
  float *data = tensor->data;
  int64_t count = ddla_shape_count(&tensor->shape);
  for (int64_t i = 0; i < count; i++) data[i] = ddla_rng_normal(rng);
}

static void fill(ddla_op_call *call, uint64_t seed) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 0, 0));
  for (int i = 0; i < call->input_count; i++) {
    if (!call->present[i]) continue;
    if (call->op->fill) call->op->fill(call, i, &rng);
    else fill_normal(&call->input[i], &rng);
  }
  if (!call->training) return;
  fill_normal(&call->output_grad[0], &rng);
  if (call->output_grad[0].dtype == DDLA_F64) *(double *)call->output_grad[0].data = 1;
}

static void set_call(ddla_op_call *call, const ddla_op_call *sample,
                     const ddla_trial_options *options) {
  *call = *sample;
  call->training = !options->inference;
  call->precision = options->precision;
  for (int i = 0; i < call->input_count; i++) {
    call->wants_grad[i] = call->training && call->present[i] && call->input[i].dtype == DDLA_F32 &&
                          call->op->backward && !(options->first && i == 0);
    call->parameter_id[i] = i;
  }
  call->parameter_version = 1;
  call->packs = options->packs;
}

ddla_status ddla_trial_open(ddla_trial *out, const ddla_op_call *sample,
                            const ddla_trial_options *options) {
  ddla_status status = DDLA_OK;
  ddla_trial trial = {0};
  set_call(&trial.call, sample, options);
  DDLA_TRY(ddla_op_infer(&trial.call));
  trial.kernel = ddla_kernel_choose(&trial.call, options->kernel);
  DDLA_TRY(trial.kernel->prepare(&trial.state, &trial.call));
  DDLA_TRY_CLEAN(status, DDLA_NEW(trial.memory, place(&trial.call, NULL, options->shift_bytes)));
  place(&trial.call, trial.memory, options->shift_bytes);
  fill(&trial.call, options->seed);
  *out = trial;
cleanup:
  if (status != DDLA_OK) ddla_trial_close(&trial);
  return status;
}

ddla_status ddla_trial_forward(ddla_trial *trial) {
  return trial->kernel->forward(trial->state, &trial->call);
}

ddla_status ddla_trial_backward(ddla_trial *trial) {
  return trial->kernel->backward(trial->state, &trial->call);
}

void ddla_trial_spoil(ddla_trial *trial, int byte) {
  ddla_op_call *call = &trial->call;
  for (int i = 0; i < call->output_count; i++)
    memset(call->output[i].data, byte, tensor_bytes(&call->output[i]));
  for (int i = 0; i < call->input_count; i++)
    if (call->wants_grad[i])
      memset(call->input_grad[i].data, byte, tensor_bytes(&call->input_grad[i]));
  memset(call->saved, byte, call->saved_bytes);
  memset(call->scratch, byte, call->scratch_bytes);
}

void ddla_trial_close(ddla_trial *trial) {
  if (trial->kernel) trial->kernel->destroy(trial->state);
  ddla_free(trial->memory);
  *trial = (ddla_trial){0};
}
