/* Softmax over the last dimension. */
#include "backend/onednn/primitive.h"
#include "base/alloc.h"

struct ddla_kernel_state {
  ddla_onednn_step forward, backward;
};

static bool accepts(const ddla_op_call *call) { return call->input[0].dtype == DDLA_F32; }

static ddla_status open_forward(ddla_onednn_step *step, const_dnnl_memory_desc_t x,
                                dnnl_primitive_attr_t attr) {
  dnnl_primitive_desc_t made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(
      dnnl_softmax_forward_primitive_desc_create(&made, engine, dnnl_forward_training,
                                                 dnnl_softmax_accurate, x, x, 1, attr),
      "a softmax"));
  DDLA_TRY(ddla_onednn_step_open(step, made));
  DDLA_TRY(ddla_onednn_step_bind(step, DNNL_ARG_SRC, x));
  return ddla_onednn_step_bind(step, DNNL_ARG_DST, x);
}

static ddla_status open_backward(ddla_kernel_state *s, const_dnnl_memory_desc_t x,
                                 dnnl_primitive_attr_t attr) {
  dnnl_primitive_desc_t made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(
      dnnl_softmax_backward_primitive_desc_create(&made, engine, dnnl_softmax_accurate, x, x, x, 1,
                                                  s->forward.desc, attr),
      "a softmax gradient"));
  DDLA_TRY(ddla_onednn_step_open(&s->backward, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward, DNNL_ARG_DST, x));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_DST, x));
  return ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_SRC, x);
}

static void destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_step_close(&s->forward);
  ddla_onednn_step_close(&s->backward);
  ddla_free(s);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_memory_desc_t x = NULL;
  const ddla_shape *shape = &call->input[0].shape;
  const int64_t width = shape->dim[shape->rank - 1];
  const ddla_shape flat = DDLA_SHAPE(ddla_shape_count(shape) / width, width);
  DDLA_TRY(DDLA_NEW(s, 1));
  DDLA_TRY_CLEAN(status, ddla_onednn_attr(&attr));
  DDLA_TRY_CLEAN(status, ddla_onednn_desc_dense(&x, &flat));
  DDLA_TRY_CLEAN(status, open_forward(&s->forward, x, attr));
  if (ddla_op_wants(call, 0)) DDLA_TRY_CLEAN(status, open_backward(s, x, attr));
  call->saved_bytes = 0;
  call->scratch_bytes = s->forward.scratchpad_bytes > s->backward.scratchpad_bytes
                            ? s->forward.scratchpad_bytes
                            : s->backward.scratchpad_bytes;
  *out = s;
cleanup:
  if (x) dnnl_memory_desc_destroy(x);
  if (attr) dnnl_primitive_attr_destroy(attr);
  if (status != DDLA_OK) destroy(s);
  return status;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_SRC, call->input[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_DST, call->output[0].data));
  return ddla_onednn_step_run(&s->forward, call->scratch);
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  if (!call->input_grad[0].data) return DDLA_OK;
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DST, call->output[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_DST, call->output_grad[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_SRC, call->input_grad[0].data));
  return ddla_onednn_step_run(&s->backward, call->scratch);
}

const ddla_kernel ddla_kernel_onednn_softmax = {.name = "onednn_softmax",
                                                .op = "softmax",
                                                .accepts = accepts,
                                                .prepare = prepare,
                                                .forward = forward,
                                                .backward = backward,
                                                .destroy = destroy};
