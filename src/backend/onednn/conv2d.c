/* Convolution, channels last, weights [O, I/groups, KH, KW]. The library works on activations as
 * they are and on weights in the layout it likes best. A fused relu is our own pass behind it, as
 * the library's turns NaN into 0; backward first masks dy with it. The bias's gradient is ours too:
 * the library takes three times as long. At bf16 the library gets x, dy and the weights in 16 bits
 * and gives fp32. */
#include <string.h>

#include "backend/cpu.h"
#include "backend/onednn/primitive.h"
#include "backend/vector.h"
#include "base/alloc.h"

struct ddla_kernel_state {
  ddla_onednn_step forward, backward_data, backward_weights, grad_reorder;
  ddla_onednn_weight weight, weight_transposed; /* for forward, for backward data */
  bool relu, has_bias, bf16;
  size_t packed_bytes; /* scratch in front: weights packed at each call, or the weight gradient */
  size_t masked_bytes; /* then: dy under the relu's mask */
  size_t x_bytes, dy_bytes; /* then: x and dy at bf16 */
};

/* What the descriptors of one convolution are made from. */
typedef struct form {
  dnnl_dims_t stride, dilate, padding;
  dnnl_memory_desc_t x; /* operands */
  dnnl_memory_desc_t dy;
  dnnl_memory_desc_t any;
  dnnl_memory_desc_t dx; /* results */
  dnnl_memory_desc_t y;
  dnnl_memory_desc_t plain;     /* weights and their gradient as the model keeps them */
  dnnl_memory_desc_t any_plain; /* their gradient */
  dnnl_memory_desc_t bias;
  dnnl_primitive_attr_t attr;
} form;

static bool accepts(const ddla_op_call *call) {
  return call->input[0].shape.rank == 4 && call->input[1].shape.rank == 4 &&
         call->input[0].dtype == DDLA_F32 &&
         (!ddla_op_rounds(call) || ddla_cpu() >= DDLA_CPU_AVX512_BF16);
}

static void form_close(form *f) {
  dnnl_memory_desc_t desc[] = {f->x, f->dy, f->any, f->dx, f->y, f->plain, f->any_plain, f->bias};
  for (size_t i = 0; i < sizeof desc / sizeof desc[0]; i++)
    if (desc[i]) dnnl_memory_desc_destroy(desc[i]);
  if (f->attr) dnnl_primitive_attr_destroy(f->attr);
}

/* Grouped weights are [G, O/G, I/G, KH, KW] for the library. */
static ddla_status form_weights(form *f, const ddla_op_call *call) {
  const int64_t *w = call->input[1].shape.dim;
  int64_t groups = ddla_attrs_int(&call->attrs, "groups", 0, 1);
  int64_t dims[] = {groups, w[0] / groups, w[1], w[2], w[3]};
  int64_t strides[] = {dims[1] * dims[2] * dims[3] * dims[4], dims[2] * dims[3] * dims[4],
                       dims[3] * dims[4], dims[4], 1};
  int skip = groups == 1;
  DDLA_TRY(ddla_onednn_desc(&f->plain, 5 - skip, dims + skip, strides + skip));
  DDLA_TRY(ddla_onednn_desc(&f->any_plain, 5 - skip, dims + skip, NULL));
  return ddla_onednn_desc_of(&f->any, ddla_onednn_operand(call), 5 - skip, dims + skip, NULL);
}

static ddla_status form_open(form *f, const ddla_op_call *call,
                             const struct ddla_kernel_state *state) {
  for (int i = 0; i < 2; i++) {
    f->stride[i] = ddla_attrs_int(&call->attrs, "stride", i, 1);
    f->dilate[i] = ddla_attrs_int(&call->attrs, "dilation", i, 1) - 1;
    f->padding[i] = ddla_attrs_int(&call->attrs, "padding", i, 0);
  }
  const dnnl_data_type_t operand = ddla_onednn_operand(call);
  DDLA_TRY(ddla_onednn_desc_image(&f->x, operand, &call->input[0].shape));
  DDLA_TRY(ddla_onednn_desc_image(&f->dy, operand, &call->output[0].shape));
  DDLA_TRY(ddla_onednn_desc_image(&f->dx, dnnl_f32, &call->input[0].shape));
  DDLA_TRY(ddla_onednn_desc_image(&f->y, dnnl_f32, &call->output[0].shape));
  DDLA_TRY(form_weights(f, call));
  if (state->has_bias) DDLA_TRY(ddla_onednn_desc_dense(&f->bias, &call->input[2].shape));
  return ddla_onednn_attr(&f->attr);
}

static ddla_status open_forward(ddla_kernel_state *s, const ddla_op_call *call, const form *f) {
  dnnl_primitive_desc_t desc = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(dnnl_convolution_forward_primitive_desc_create(
                                 &desc, engine, dnnl_forward_training, dnnl_convolution_direct,
                                 f->x, f->any, f->bias, f->y, f->stride, f->dilate, f->padding,
                                 f->padding, f->attr),
                             "a convolution"));
  DDLA_TRY(ddla_onednn_step_open(&s->forward, desc));
  DDLA_TRY(ddla_onednn_step_bind(&s->forward, DNNL_ARG_SRC, f->x));
  DDLA_TRY(ddla_onednn_step_bind_query(&s->forward, DNNL_ARG_WEIGHTS, dnnl_query_weights_md));
  if (s->has_bias) DDLA_TRY(ddla_onednn_step_bind(&s->forward, DNNL_ARG_BIAS, f->bias));
  DDLA_TRY(ddla_onednn_step_bind(&s->forward, DNNL_ARG_DST, f->y));
  return ddla_onednn_weight_open(&s->weight, call, 1, f->plain,
                                 dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
}

static ddla_status open_backward_data(ddla_kernel_state *s, const ddla_op_call *call,
                                      const form *f) {
  dnnl_primitive_desc_t desc = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(
      ddla_onednn_check(dnnl_convolution_backward_data_primitive_desc_create(
                            &desc, engine, dnnl_convolution_direct, f->dx, f->any, f->dy, f->stride,
                            f->dilate, f->padding, f->padding, s->forward.desc, f->attr),
                        "a convolution's data gradient"));
  DDLA_TRY(ddla_onednn_step_open(&s->backward_data, desc));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward_data, DNNL_ARG_DIFF_SRC, f->dx));
  DDLA_TRY(ddla_onednn_step_bind_query(&s->backward_data, DNNL_ARG_WEIGHTS, dnnl_query_weights_md));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward_data, DNNL_ARG_DIFF_DST, f->dy));
  return ddla_onednn_weight_open(&s->weight_transposed, call, 1, f->plain,
                                 dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0));
}

/* Weight gradients come out in the library's layout and are put back into the model's. */
static ddla_status open_grad_reorder(ddla_kernel_state *s, const form *f,
                                     const_dnnl_memory_desc_t made) {
  dnnl_primitive_desc_t desc = NULL;
  dnnl_engine_t engine = NULL;
  if (dnnl_memory_desc_equal(made, f->plain)) return DDLA_OK;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(ddla_onednn_check(
      dnnl_reorder_primitive_desc_create(&desc, made, engine, f->plain, engine, f->attr),
      "a gradient reorder"));
  DDLA_TRY(ddla_onednn_step_open(&s->grad_reorder, desc));
  DDLA_TRY(ddla_onednn_step_bind(&s->grad_reorder, DNNL_ARG_FROM, made));
  DDLA_TRY(ddla_onednn_step_bind(&s->grad_reorder, DNNL_ARG_TO, f->plain));
  s->packed_bytes = ddla_onednn_round(dnnl_memory_desc_get_size(made));
  return DDLA_OK;
}

static ddla_status open_backward_weights(ddla_kernel_state *s, const form *f) {
  dnnl_primitive_desc_t desc = NULL;
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(
      ddla_onednn_check(dnnl_convolution_backward_weights_primitive_desc_create(
                            &desc, engine, dnnl_convolution_direct, f->x, f->any_plain, NULL, f->dy,
                            f->stride, f->dilate, f->padding, f->padding, s->forward.desc, f->attr),
                        "a convolution's weight gradient"));
  DDLA_TRY(ddla_onednn_step_open(&s->backward_weights, desc));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward_weights, DNNL_ARG_SRC, f->x));
  DDLA_TRY(ddla_onednn_step_bind_query(&s->backward_weights, DNNL_ARG_DIFF_WEIGHTS,
                                       dnnl_query_diff_weights_md));
  DDLA_TRY(ddla_onednn_step_bind(&s->backward_weights, DNNL_ARG_DIFF_DST, f->dy));
  return open_grad_reorder(s, f, dnnl_primitive_desc_query_md(desc, dnnl_query_diff_weights_md, 0));
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t narrow_bytes(const ddla_tensor *tensor) {
  return ddla_onednn_round((size_t)ddla_shape_count(&tensor->shape) * sizeof(uint16_t));
}

/* Scratch: [packed weights or weight gradient | masked dy | x, dy at bf16 | the primitives'
 * scratchpad]. */
static void plan_scratch(ddla_kernel_state *s, ddla_op_call *call) {
  size_t pad = larger(s->forward.scratchpad_bytes, s->backward_data.scratchpad_bytes);
  pad = larger(pad, larger(s->backward_weights.scratchpad_bytes, s->grad_reorder.scratchpad_bytes));
  pad = larger(pad, larger(s->weight.reorder.scratchpad_bytes,
                           s->weight_transposed.reorder.scratchpad_bytes));
  s->packed_bytes =
      larger(s->packed_bytes, larger(ddla_onednn_weight_bytes(&s->weight),
                                     ddla_onednn_weight_bytes(&s->weight_transposed)));
  if (s->relu && call->training)
    s->masked_bytes =
        ddla_onednn_round((size_t)ddla_shape_count(&call->output[0].shape) * sizeof(float));
  if (s->bf16) s->x_bytes = narrow_bytes(&call->input[0]);
  if (s->bf16 && call->training) s->dy_bytes = narrow_bytes(&call->output[0]);
  call->saved_bytes = 0;
  call->scratch_bytes = s->packed_bytes + s->masked_bytes + s->x_bytes + s->dy_bytes + pad;
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->backward_reads_output[0] = s->relu;
}

static void destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_weight_close(&s->weight);
  ddla_onednn_weight_close(&s->weight_transposed);
  ddla_onednn_step_close(&s->grad_reorder);
  ddla_onednn_step_close(&s->backward_weights);
  ddla_onednn_step_close(&s->backward_data);
  ddla_onednn_step_close(&s->forward);
  ddla_free(s);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  form f = {0};
  dnnl_engine_t engine = NULL;
  DDLA_TRY(ddla_onednn_engine(&engine));
  DDLA_TRY(DDLA_NEW(s, 1));
  s->bf16 = ddla_op_rounds(call);
  s->relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  s->has_bias = call->input_count > 2 && call->present[2];
  DDLA_TRY_CLEAN(status, form_open(&f, call, s));
  DDLA_TRY_CLEAN(status, open_forward(s, call, &f));
  if (ddla_op_wants(call, 0)) DDLA_TRY_CLEAN(status, open_backward_data(s, call, &f));
  if (ddla_op_wants(call, 1)) DDLA_TRY_CLEAN(status, open_backward_weights(s, &f));
  plan_scratch(s, call);
  *out = s;
cleanup:
  form_close(&f);
  if (status != DDLA_OK) destroy(s);
  return status;
}

static char *narrow_of(const ddla_kernel_state *s, const ddla_op_call *call) {
  return (char *)call->scratch + s->packed_bytes + s->masked_bytes;
}

static char *pad_of(const ddla_kernel_state *s, const ddla_op_call *call) {
  return narrow_of(s, call) + s->x_bytes + s->dy_bytes;
}

/* x as the primitives take it. */
static const void *operand_x(const ddla_kernel_state *s, const ddla_op_call *call) {
  if (!s->bf16) return call->input[0].data;
  uint16_t *x = (uint16_t *)narrow_of(s, call);
  ddla_vector_narrow_bf16(x, call->input[0].data, ddla_shape_count(&call->input[0].shape));
  return x;
}

static const void *operand_dy(const ddla_kernel_state *s, const ddla_op_call *call,
                              const float *from) {
  if (!s->bf16) return from;
  uint16_t *dy = (uint16_t *)(narrow_of(s, call) + s->x_bytes);
  ddla_vector_narrow_bf16(dy, from, ddla_shape_count(&call->output[0].shape));
  return dy;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const void *weights = NULL;
  char *pad = pad_of(s, call);
  DDLA_TRY(ddla_onednn_weight_use(&weights, &s->weight, call, call->scratch, pad));
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_SRC, operand_x(s, call)));
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_WEIGHTS, weights));
  if (s->has_bias)
    DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_BIAS, call->input[2].data));
  DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_DST, call->output[0].data));
  DDLA_TRY(ddla_onednn_step_run(&s->forward, pad));
  float *y = call->output[0].data;
  if (s->relu) ddla_vector_relu(y, y, ddla_shape_count(&call->output[0].shape));
  return DDLA_OK;
}

static ddla_status run_backward_data(ddla_kernel_state *s, const ddla_op_call *call,
                                     const void *dy) {
  const void *weights = NULL;
  char *pad = pad_of(s, call);
  DDLA_TRY(ddla_onednn_weight_use(&weights, &s->weight_transposed, call, call->scratch, pad));
  DDLA_TRY(ddla_onednn_step_point(&s->backward_data, DNNL_ARG_DIFF_SRC, call->input_grad[0].data));
  DDLA_TRY(ddla_onednn_step_point(&s->backward_data, DNNL_ARG_WEIGHTS, weights));
  DDLA_TRY(ddla_onednn_step_point(&s->backward_data, DNNL_ARG_DIFF_DST, dy));
  return ddla_onednn_step_run(&s->backward_data, pad);
}

static ddla_status run_backward_weights(ddla_kernel_state *s, const ddla_op_call *call,
                                        const void *dy) {
  char *pad = pad_of(s, call);
  void *made = s->grad_reorder.primitive ? call->scratch : call->input_grad[1].data;
  DDLA_TRY(ddla_onednn_step_point(&s->backward_weights, DNNL_ARG_SRC, operand_x(s, call)));
  DDLA_TRY(ddla_onednn_step_point(&s->backward_weights, DNNL_ARG_DIFF_WEIGHTS, made));
  DDLA_TRY(ddla_onednn_step_point(&s->backward_weights, DNNL_ARG_DIFF_DST, dy));
  DDLA_TRY(ddla_onednn_step_run(&s->backward_weights, pad));
  if (!s->grad_reorder.primitive) return DDLA_OK;
  DDLA_TRY(ddla_onednn_step_point(&s->grad_reorder, DNNL_ARG_FROM, made));
  DDLA_TRY(ddla_onednn_step_point(&s->grad_reorder, DNNL_ARG_TO, call->input_grad[1].data));
  return ddla_onednn_step_run(&s->grad_reorder, pad);
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  if (s->relu) {
    float *masked = (float *)((char *)call->scratch + s->packed_bytes);
    ddla_vector_mask(masked, dy, call->output[0].data, ddla_shape_count(&call->output[0].shape));
    dy = masked;
  }
  const void *operand = operand_dy(s, call, dy);
  if (call->input_grad[0].data) DDLA_TRY(run_backward_data(s, call, operand));
  if (call->input_grad[1].data) DDLA_TRY(run_backward_weights(s, call, operand));
  if (s->has_bias && call->input_grad[2].data)
    ddla_vector_sum_rows(call->input_grad[2].data, dy,
                         ddla_shape_span(&call->output[0].shape, 0, 3),
                         call->output[0].shape.dim[3]);
  return DDLA_OK;
}

const ddla_kernel ddla_kernel_onednn_conv2d = {.name = "onednn_conv2d",
                                               .op = "conv2d",
                                               .bf16 = true,
                                               .accepts = accepts,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy};
