#include "op/op.h"

#include <string.h>

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

ddla_status ddla_op_infer(ddla_op_call *call) {
  call->alias = -1;
  call->saved_bytes = call->scratch_bytes = 0;
  memset(call->backward_reads_input, 0, sizeof call->backward_reads_input);
  memset(call->backward_reads_output, 0, sizeof call->backward_reads_output);
  ddla_status status = call->op->infer(call);
  return status == DDLA_OK ? status : ddla_status_prefix(status, "%s: ", call->op->name);
}
