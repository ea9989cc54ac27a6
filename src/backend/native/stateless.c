#include "backend/native/stateless.h"

bool ddla_stateless_accepts(const ddla_op_call *call) { return call->input[0].dtype == DDLA_F32; }

ddla_status ddla_stateless_prepare(ddla_kernel_state **out, ddla_op_call *call) {
  call->saved_bytes = call->scratch_bytes = 0;
  *out = NULL;
  return DDLA_OK;
}

void ddla_stateless_destroy(ddla_kernel_state *state) { (void)state; }
