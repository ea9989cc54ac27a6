#include "backend/kernel.h"

#include <string.h>

#include "base/assert.h"

#define DDLA_KERNEL(folder, op) extern const ddla_kernel ddla_kernel_##folder##_##op;
#include "backend/kernel_list.h"
#undef DDLA_KERNEL

static const ddla_kernel *const table[] = {
#define DDLA_KERNEL(folder, op) &ddla_kernel_##folder##_##op,
#include "backend/kernel_list.h"
#undef DDLA_KERNEL
};

const ddla_kernel *const *ddla_kernel_table(int *count) {
  *count = (int)(sizeof table / sizeof table[0]);
  return table;
}

bool ddla_kernel_accepts(const ddla_kernel *kernel, const ddla_op_call *call) {
  if (ddla_op_rounds(call) && !kernel->bf16) return false;
  if (kernel->op && strcmp(kernel->op, call->op->name) != 0) return false;
  return kernel->accepts(call);
}

const ddla_kernel *ddla_kernel_choose(const ddla_op_call *call, const char *only) {
  int count = 0;
  const ddla_kernel *const *rows = ddla_kernel_table(&count);
  for (int i = 0; i < count; i++) {
    if (only && i + 1 < count && strcmp(rows[i]->name, only) != 0) continue;
    if (ddla_kernel_accepts(rows[i], call)) return rows[i];
  }
  DDLA_ASSERT(!"the reference row accepts every call");
  return NULL;
}
