/* Mean over a sliding window, padded places counting as zeros. */
#include "backend/onednn/primitive.h"
#include "base/alloc.h"
#include "op/window.h"

struct ddla_kernel_state {
  ddla_onednn_step forward, backward;
};

/* What the descriptors are made from. */
typedef struct form {
  dnnl_dims_t stride, kernel, dilate, padding;
  dnnl_memory_desc_t x;
  dnnl_memory_desc_t y;
  dnnl_primitive_attr_t attr;
} form;

static bool accepts(const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  return window.dilation[0] == 1 && window.dilation[1] == 1;
}

static ddla_status form_open(form *f, const ddla_op_call *call) {
  const ddla_window window = ddla_window_of_pool(call);
  for (int i = 0; i < 2; i++) {
    f->stride[i] = window.stride[i];
    f->kernel[i] = window.kernel[i];
    f->padding[i] = window.padding[i];
  }
  DDLA_TRY(ddla_onednn_desc_image(&f->x, dnnl_f32, &call->input[0].shape));
  DDLA_TRY(ddla_onednn_desc_image(&f->y, dnnl_f32, &call->output[0].shape));
  return ddla_onednn_attr(&f->attr);
}

static void form_close(form *f) {
  if (f->x) dnnl_memory_desc_destroy(f->x);
  if (f->y) dnnl_memory_desc_destroy(f->y);
  if (f->attr) dnnl_primitive_attr_destroy(f->attr);
}

static ddla_status open_forward(ddla_kernel_state *s, const form *f) {
  dnnl_primitive_desc_t made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(dnnl_pooling_forward_primitive_desc_create(
                                 &made, engine, dnnl_forward_training,
                                 dnnl_pooling_avg_include_padding, f->x, f->y, f->stride, f->kernel,
                                 f->dilate, f->padding, f->padding, f->attr),
                             "an average pool"));
  DDLA_TRY(ddla_onednn_step_open(&s->forward, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->forward, DNNL_ARG_SRC, f->x));
  return ddla_onednn_step_bind(&s->forward, DNNL_ARG_DST, f->y);
}

static ddla_status open_backward(ddla_kernel_state *s, const form *f) {
  dnnl_primitive_desc_t made = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(
      dnnl_pooling_backward_primitive_desc_create(&made, engine, dnnl_pooling_avg_include_padding,
                                                  f->x, f->y, f->stride, f->kernel, f->dilate,
                                                  f->padding, f->padding, s->forward.desc, f->attr),
      "an average pool's gradient"));
  DDLA_TRY(ddla_onednn_step_open(&s->backward, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_SRC, f->x));
  return ddla_onednn_step_bind(&s->backward, DNNL_ARG_DIFF_DST, f->y);
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
  form f = {.x = NULL};
  DDLA_TRY(DDLA_NEW(s, 1));
  DDLA_TRY_CLEAN(status, form_open(&f, call));
  DDLA_TRY_CLEAN(status, open_forward(s, &f));
  if (ddla_op_wants(call, 0)) DDLA_TRY_CLEAN(status, open_backward(s, &f));
  call->saved_bytes = 0;
  call->scratch_bytes = s->forward.scratchpad_bytes > s->backward.scratchpad_bytes
                            ? s->forward.scratchpad_bytes
                            : s->backward.scratchpad_bytes;
  *out = s;
cleanup:
  form_close(&f);
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
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_SRC, call->input_grad[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward, DNNL_ARG_DIFF_DST, call->output_grad[0].data));
  return ddla_onednn_step_run(&s->backward, call->scratch);
}

const ddla_kernel ddla_kernel_onednn_average_pool = {.name = "onednn_average_pool",
                                                     .op = "average_pool",
                                                     .accepts = accepts,
                                                     .prepare = prepare,
                                                     .forward = forward,
                                                     .backward = backward,
                                                     .destroy = destroy};
