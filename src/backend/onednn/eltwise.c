#include "backend/onednn/eltwise.h"

#include "base/alloc.h"

enum { ALPHA = 1 }; /* the factor in swish's sigmoid(alpha x); the others take no notice */

struct ddla_kernel_state {
  ddla_onednn_step forward, backward;
  bool from_output;
};

bool ddla_onednn_eltwise_accepts(const ddla_op_call *call) {
  return call->input[0].dtype == DDLA_F32;
}

static ddla_status open_forward(ddla_kernel_state *s, dnnl_alg_kind_t algorithm,
                                const_dnnl_memory_desc_t x, const_dnnl_primitive_attr_t attr) {
  dnnl_primitive_desc_t made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(
      ddla_onednn_check(dnnl_eltwise_forward_primitive_desc_create(
                            &made, engine, dnnl_forward_training, algorithm, x, x, ALPHA, 0, attr),
                        "an elementwise function"));
  DDLA_TRY(ddla_onednn_step_open(&s->forward, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->forward, DNNL_ARG_SRC, x));
  return ddla_onednn_step_bind(&s->forward, DNNL_ARG_DST, x);
}

/* The hint is a forward descriptor of the backward's own form. */
static ddla_status open_backward(ddla_kernel_state *s, dnnl_alg_kind_t algorithm,
                                 const_dnnl_memory_desc_t x, const_dnnl_primitive_attr_t attr) {
  dnnl_primitive_desc_t hint = NULL, made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(
      ddla_onednn_check(dnnl_eltwise_forward_primitive_desc_create(
                            &hint, engine, dnnl_forward_training, algorithm, x, x, ALPHA, 0, attr),
                        "an elementwise function"));
  dnnl_status_t status = dnnl_eltwise_backward_primitive_desc_create(&made, engine, algorithm, x, x,
                                                                     x, ALPHA, 0, hint, attr);
  dnnl_primitive_desc_destroy(hint);
  DDLA_TRY(ddla_onednn_check(status, "an elementwise gradient"));
  DDLA_TRY(ddla_onednn_step_open(&s->backward, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward, s->from_output ? DNNL_ARG_DST : DNNL_ARG_SRC, x));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_DST, x));
  return ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_SRC, x);
}

static ddla_status open_steps(ddla_kernel_state *s, const ddla_op_call *call,
                              dnnl_alg_kind_t forward, dnnl_alg_kind_t backward) {
  ddla_status status = DDLA_OK;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_memory_desc_t x = NULL;
  const ddla_shape flat = DDLA_SHAPE(ddla_shape_count(&call->input[0].shape));
  DDLA_TRY_CLEAN(status, ddla_onednn_attr(&attr));
  DDLA_TRY_CLEAN(status, ddla_onednn_desc_dense(&x, &flat));
  DDLA_TRY_CLEAN(status, open_forward(s, forward, x, attr));
  if (ddla_op_wants(call, 0)) DDLA_TRY_CLEAN(status, open_backward(s, backward, x, attr));
cleanup:
  if (x) dnnl_memory_desc_destroy(x);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status;
}

ddla_status ddla_onednn_eltwise_prepare(ddla_kernel_state **out, ddla_op_call *call,
                                        dnnl_alg_kind_t forward, dnnl_alg_kind_t backward,
                                        bool from_output) {
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->from_output = from_output;
  ddla_status status = open_steps(s, call, forward, backward);
  if (status != DDLA_OK) {
    ddla_onednn_eltwise_destroy(s);
    return status;
  }
  size_t a = s->forward.scratchpad_bytes, b = s->backward.scratchpad_bytes;
  call->saved_bytes = 0;
  call->scratch_bytes = a > b ? a : b;
  call->backward_reads_input[0] = ddla_op_wants(call, 0) && !from_output;
  call->backward_reads_output[0] = ddla_op_wants(call, 0) && from_output;
  *out = s;
  return DDLA_OK;
}

ddla_status ddla_onednn_eltwise_forward(ddla_kernel_state *s, const ddla_op_call *call) {
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_SRC, call->input[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_DST, call->output[0].data));
  return ddla_onednn_step_run(&s->forward, call->scratch);
}

ddla_status ddla_onednn_eltwise_backward(ddla_kernel_state *s, const ddla_op_call *call) {
  if (!call->input_grad[0].data) return DDLA_OK;
  if (s->from_output)
    DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DST, call->output[0].data));
  else DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_SRC, call->input[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_DST, call->output_grad[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_SRC, call->input_grad[0].data));
  return ddla_onednn_step_run(&s->backward, call->scratch);
}

void ddla_onednn_eltwise_destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_step_close(&s->forward);
  ddla_onednn_step_close(&s->backward);
  ddla_free(s);
}
