#include "op/op.h"

#include <string.h>

#include "base/text.h"
#include "op/check.h"

#define DDLA_OP(name) extern const ddla_op ddla_op_##name;
#include "op/op_list.h"
#undef DDLA_OP

static const ddla_op *const table[] = {
#define DDLA_OP(name) &ddla_op_##name,
#include "op/op_list.h"
#undef DDLA_OP
};

const ddla_op *const *ddla_op_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

const ddla_op *ddla_op_find(const char *name) {
  int count = 0;
  const ddla_op *const *rows = ddla_op_table(&count);
  for (int i = 0; i < count; i++)
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  return NULL;
}

bool ddla_op_rounds(const ddla_op_call *call) {
  return call->precision == DDLA_PRECISION_BF16 && call->op->operands;
}

ddla_precision ddla_precision_of(const char *word) {
  return strcmp(word, "bf16") == 0 ? DDLA_PRECISION_BF16 : DDLA_PRECISION_FP32;
}

const char *ddla_precision_name(ddla_precision precision) {
  return precision == DDLA_PRECISION_BF16 ? "bf16" : "fp32";
}

bool ddla_op_wants(const ddla_op_call *call, int input) {
  bool known = false;
  for (int i = 0; i < call->input_count; i++) known |= call->wants_grad[i];
  return call->training && (known ? call->wants_grad[input] : call->present[input]);
}

static ddla_status check_name(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  enum { NAME_MAX_BYTES = 40 };
  if (!name || !name[0]) return DDLA_FAIL(INVALID, "an op has no name");
  if (strspn(name, letters) != strlen(name) || strlen(name) > NAME_MAX_BYTES)
    return DDLA_FAIL(INVALID, "an op is named %s; expected at most %d letters, digits and '_'",
                     ddla_text_quote(name).text, NAME_MAX_BYTES);
  if (ddla_op_find(name))
    return DDLA_FAIL(INVALID, "an op is named %s, as one of ddla's own is; choose another name",
                     name);
  return DDLA_OK;
}

ddla_status ddla_op_check_row(const ddla_op *op) {
  DDLA_TRY(check_name(op->name));
  if (!op->infer || !op->forward)
    return DDLA_FAIL(INVALID, "op %s has no %s", op->name, op->infer ? "forward" : "infer");
  if (!op->inputs || !op->math)
    return DDLA_FAIL(INVALID, "op %s does not say its %s in words", op->name,
                     op->math ? "inputs" : "formula (math)");
  if (op->input_min < 0 || op->input_max < 1 || op->input_max < op->input_min ||
      op->input_max > DDLA_OP_INPUTS_MAX)
    return DDLA_FAIL(INVALID, "op %s takes %d to %d inputs; 1 to %d are possible", op->name,
                     op->input_min, op->input_max, DDLA_OP_INPUTS_MAX);
  return DDLA_OK;
}

double ddla_op_backward_flops(const ddla_op_call *call) {
  if (!call->op->flops) return 0;
  const double once = call->op->flops(call);
  if (call->op->backward_cost > 0) return call->op->backward_cost * once;
  double products = 0;
  for (int i = 0; i < call->input_count; i++)
    products += call->wants_grad[i] && call->input[i].shape.rank >= 2 ? 1 : 0;
  return products * once;
}

static void set_defaults(ddla_op_call *call) {
  call->alias = -1;
  call->saved_bytes = call->scratch_bytes = 0;
  call->output_count = 1;
  memset(call->backward_reads_input, 0, sizeof call->backward_reads_input);
  memset(call->backward_reads_output, 0, sizeof call->backward_reads_output);
}

static void set_gradients(ddla_op_call *call) {
  for (int i = 0; i < call->input_count; i++) {
    call->input_grad[i].dtype = call->input[i].dtype;
    call->input_grad[i].shape = call->input[i].shape;
  }
  for (int i = 0; i < call->output_count; i++) {
    call->output_grad[i].dtype = call->output[i].dtype;
    call->output_grad[i].shape = call->output[i].shape;
  }
}

static ddla_status infer(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_call(call));
  set_defaults(call);
  DDLA_TRY(call->op->infer(call));
  DDLA_TRY(ddla_op_check_results(call));
  set_gradients(call);
  if (call->training) return DDLA_OK;
  call->saved_bytes = 0;
  memset(call->backward_reads_input, 0, sizeof call->backward_reads_input);
  memset(call->backward_reads_output, 0, sizeof call->backward_reads_output);
  return DDLA_OK;
}

ddla_status ddla_op_infer(ddla_op_call *call) {
  ddla_status status = infer(call);
  return status == DDLA_OK ? status : ddla_status_prefix(status, "%s: ", call->op->name);
}
