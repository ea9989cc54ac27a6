/* Attention on AVX-512, for heads of a multiple of 16 columns; see attention_parts.h. Forward keeps
 * one number for each query and head; memory grows with the length of the sequence. */
#include "backend/kernel.h"
#include "backend/native/attention_parts.h"
#include "base/alloc.h"

#if DDLA_HAS_AVX512

enum { SIZE_MAX_OF_HEAD = 512 };

static bool accepts(const ddla_op_call *call) {
  const ddla_attention a = ddla_attention_of(call);
  return ddla_cpu() >= DDLA_CPU_AVX512 && a.size % 16 == 0 && a.size <= SIZE_MAX_OF_HEAD;
}

static bool is_wanted(const ddla_op_call *call) {
  return ddla_op_wants(call, 0) || ddla_op_wants(call, 1) || ddla_op_wants(call, 2);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  const ddla_attention a = ddla_attention_of(call);
  const bool kept = is_wanted(call);
  int64_t floats = ddla_attention_forward_floats(&a);
  if (kept && ddla_attention_backward_floats(&a) > floats)
    floats = ddla_attention_backward_floats(&a);
  call->scratch_bytes = (size_t)floats * sizeof(float);
  call->saved_bytes = kept ? (size_t)(a.samples * a.heads * a.queries) * sizeof(float) : 0;
  for (int i = 0; i < call->input_count; i++)
    call->backward_reads_input[i] = kept && call->present[i];
  call->backward_reads_output[0] = kept;
  *out = NULL;
  return DDLA_OK;
}

static void destroy(ddla_kernel_state *state) { (void)state; }

static ddla_status forward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_attention a = ddla_attention_of(call);
  float *log_sum = call->saved_bytes ? call->saved : NULL;
  DDLA_TRY(ddla_attention_check(&a));
  for (int64_t n = 0; n < a.samples; n++)
    for (int64_t h = 0; h < a.heads; h++) {
      ddla_attention_forward(&a, n, h, log_sum, call->scratch);
      if (log_sum) log_sum += a.queries;
    }
  return DDLA_OK;
}

static ddla_status backward(ddla_kernel_state *state, const ddla_op_call *call) {
  (void)state;
  const ddla_attention a = ddla_attention_of(call);
  const float *log_sum = call->saved;
  for (int64_t n = 0; n < a.samples; n++)
    for (int64_t h = 0; h < a.heads; h++, log_sum += a.queries)
      ddla_attention_backward(&a, n, h, log_sum, call->scratch);
  return DDLA_OK;
}

#else

static bool accepts(const ddla_op_call *call) {
  (void)call;
  return false;
}

#endif

const ddla_kernel ddla_kernel_native_attention = {.name = "native_attention",
                                                  .op = "attention",
                                                  .accepts = accepts,
#if DDLA_HAS_AVX512
                                                  .prepare = prepare,
                                                  .forward = forward,
                                                  .backward = backward,
                                                  .destroy = destroy
#endif
};
