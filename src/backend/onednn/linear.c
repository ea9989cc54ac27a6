/* y = x wᵀ + b for x [N, I], w [O, I], three matrix products: forward with the bias on weights in
 * the library's best layout, dx = dy w, dw = dyᵀ x. A fused relu is our own pass behind it, as the
 * library's turns NaN into 0; backward first masks dy with it. At bf16 the library gets x, dy and w
 * in 16 bits and gives fp32. */
#include "backend/cpu.h"
#include "backend/onednn/gemm.h"
#include "backend/vector.h"
#include "base/alloc.h"

struct ddla_kernel_state {
  ddla_onednn_step forward, backward_data, backward_weights;
  ddla_onednn_weight weight, weight_back; /* weight_back: at bf16, for backward data */
  bool relu, has_bias, bf16;
  int64_t rows, inputs, outputs;
  /* Scratch: [packed weights | masked dy | x, dy at bf16 | the primitives' scratchpad] */
  size_t packed_bytes, masked_bytes, x_bytes, dy_bytes;
};

static bool accepts(const ddla_op_call *call) {
  const ddla_shape *w = &call->input[1].shape;
  if (ddla_op_rounds(call) && ddla_cpu() < DDLA_CPU_AVX512_BF16) return false;
  return call->input[0].dtype == DDLA_F32 && w->rank == 2;
}

static ddla_status open_forward(ddla_kernel_state *s, const ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  dnnl_engine_t engine = NULL;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t made = NULL;
  dnnl_memory_desc_t desc[5] = {NULL, NULL, NULL, NULL, NULL}; /* x, w, w in any layout, bias, y */
  ddla_onednn_matrix x = {.rows = s->rows, .columns = s->inputs, .bf16 = s->bf16},
                     y = {.rows = s->rows, .columns = s->outputs};
  ddla_onednn_matrix w = {.rows = s->inputs, .columns = s->outputs, .transposed = true};
  ddla_onednn_matrix packed = w;
  packed.bf16 = s->bf16;
  ddla_onednn_matrix bias = {.rows = 1, .columns = s->outputs};
  DDLA_TRY_CLEAN(status, ddla_onednn_engine(&engine));
  DDLA_TRY_CLEAN(status, ddla_onednn_attr(&attr));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[0], &x, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[1], &w, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[2], &packed, true));
  if (s->has_bias) DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[3], &bias, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[4], &y, false));
  DDLA_TRY_CLEAN(
      status, ddla_onednn_check(dnnl_matmul_primitive_desc_create(&made, engine, desc[0], desc[2],
                                                                  desc[3], desc[4], attr),
                                "a linear layer"));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_open(&s->forward, made));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(&s->forward, DNNL_ARG_SRC, desc[0]));
  DDLA_TRY_CLEAN(status,
                 ddla_onednn_step_bind_query(&s->forward, DNNL_ARG_WEIGHTS, dnnl_query_weights_md));
  if (s->has_bias)
    DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(&s->forward, DNNL_ARG_BIAS, desc[3]));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(&s->forward, DNNL_ARG_DST, desc[4]));
  DDLA_TRY_CLEAN(status, ddla_onednn_weight_open(
                             &s->weight, call, 1, desc[1],
                             dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0)));
cleanup:
  for (int i = 0; i < 5; i++)
    if (desc[i]) dnnl_memory_desc_destroy(desc[i]);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status;
}

static ddla_status open_backward(ddla_kernel_state *s, const ddla_op_call *call) {
  ddla_onednn_matrix dy = {.rows = s->rows, .columns = s->outputs, .bf16 = s->bf16},
                     w = {.rows = s->outputs, .columns = s->inputs};
  ddla_onednn_matrix dy_t = {
      .rows = s->outputs, .columns = s->rows, .transposed = true, .bf16 = s->bf16};
  ddla_onednn_matrix x = {.rows = s->rows, .columns = s->inputs, .bf16 = s->bf16};
  if (ddla_op_wants(call, 0) && s->bf16)
    DDLA_TRY(ddla_onednn_gemm_open_packed(&s->backward_data, &s->weight_back, call, 1, &dy, &w));
  if (ddla_op_wants(call, 0) && !s->bf16)
    DDLA_TRY(ddla_onednn_gemm_open(&s->backward_data, &dy, &w));
  if (ddla_op_wants(call, 1)) DDLA_TRY(ddla_onednn_gemm_open(&s->backward_weights, &dy_t, &x));
  return DDLA_OK;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t narrow_bytes(int64_t count) {
  return ddla_onednn_round((size_t)count * sizeof(uint16_t));
}

static void plan_scratch(ddla_kernel_state *s, ddla_op_call *call) {
  size_t pad = larger(s->forward.scratchpad_bytes, s->weight.reorder.scratchpad_bytes);
  pad = larger(pad, s->weight_back.reorder.scratchpad_bytes);
  pad =
      larger(pad, larger(s->backward_data.scratchpad_bytes, s->backward_weights.scratchpad_bytes));
  s->packed_bytes =
      larger(ddla_onednn_weight_bytes(&s->weight), ddla_onednn_weight_bytes(&s->weight_back));
  if (s->relu && (ddla_op_wants(call, 0) || ddla_op_wants(call, 1) || ddla_op_wants(call, 2)))
    s->masked_bytes = ddla_onednn_round((size_t)(s->rows * s->outputs) * sizeof(float));
  call->saved_bytes = 0;
  if (s->bf16) s->x_bytes = narrow_bytes(s->rows * s->inputs);
  if (s->bf16 && call->training) s->dy_bytes = narrow_bytes(s->rows * s->outputs);
  call->scratch_bytes = s->packed_bytes + s->masked_bytes + s->x_bytes + s->dy_bytes + pad;
  call->backward_reads_input[0] = ddla_op_wants(call, 1);
  call->backward_reads_input[1] = ddla_op_wants(call, 0);
  call->backward_reads_output[0] = s->relu;
}

static void destroy(ddla_kernel_state *s) {
  if (!s) return;
  ddla_onednn_weight_close(&s->weight);
  ddla_onednn_weight_close(&s->weight_back);
  ddla_onednn_step_close(&s->backward_weights);
  ddla_onednn_step_close(&s->backward_data);
  ddla_onednn_step_close(&s->forward);
  ddla_free(s);
}

static ddla_status prepare(ddla_kernel_state **out, ddla_op_call *call) {
  ddla_status status = DDLA_OK;
  ddla_kernel_state *s = NULL;
  DDLA_TRY(DDLA_NEW(s, 1));
  s->bf16 = ddla_op_rounds(call);
  s->relu = ddla_attrs_int(&call->attrs, "activation", 0, 0) == 1;
  s->has_bias = call->input_count > 2 && call->present[2];
  s->outputs = call->input[1].shape.dim[0];
  s->inputs = call->input[1].shape.dim[1];
  s->rows = ddla_shape_count(&call->input[0].shape) / s->inputs;
  DDLA_TRY_CLEAN(status, open_forward(s, call));
  DDLA_TRY_CLEAN(status, open_backward(s, call));
  plan_scratch(s, call);
  *out = s;
cleanup:
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
  ddla_vector_narrow_bf16(x, call->input[0].data, s->rows * s->inputs);
  return x;
}

static const void *operand_dy(const ddla_kernel_state *s, const ddla_op_call *call,
                              const float *from) {
  if (!s->bf16) return from;
  uint16_t *dy = (uint16_t *)(narrow_of(s, call) + s->x_bytes);
  ddla_vector_narrow_bf16(dy, from, s->rows * s->outputs);
  return dy;
}

static ddla_status forward(ddla_kernel_state *s, const ddla_op_call *call) {
  const void *weights = NULL;
  char *pad = pad_of(s, call);
  DDLA_TRY(ddla_onednn_weight_use(&weights, &s->weight, call, call->scratch, pad));
  if (s->has_bias)
    DDLA_TRY(ddla_onednn_step_point(&s->forward, DNNL_ARG_BIAS, call->input[2].data));
  DDLA_TRY(
      ddla_onednn_gemm_run(&s->forward, call->output[0].data, operand_x(s, call), weights, pad));
  float *y = call->output[0].data;
  if (s->relu) ddla_vector_relu(y, y, s->rows * s->outputs);
  return DDLA_OK;
}

static ddla_status backward_data(ddla_kernel_state *s, const ddla_op_call *call, const void *dy) {
  const void *weights = call->input[1].data;
  char *pad = pad_of(s, call);
  if (s->bf16)
    DDLA_TRY(ddla_onednn_weight_use(&weights, &s->weight_back, call, call->scratch, pad));
  return ddla_onednn_gemm_run(&s->backward_data, call->input_grad[0].data, dy, weights, pad);
}

static ddla_status backward(ddla_kernel_state *s, const ddla_op_call *call) {
  const float *dy = call->output_grad[0].data;
  if (s->relu) {
    float *masked = (float *)((char *)call->scratch + s->packed_bytes);
    ddla_vector_mask(masked, dy, call->output[0].data, s->rows * s->outputs);
    dy = masked;
  }
  if (s->has_bias && call->input_grad[2].data)
    ddla_vector_sum_rows(call->input_grad[2].data, dy, s->rows, s->outputs);
  const void *operand = operand_dy(s, call, dy);
  if (call->input_grad[0].data) DDLA_TRY(backward_data(s, call, operand));
  if (!call->input_grad[1].data) return DDLA_OK;
  return ddla_onednn_gemm_run(&s->backward_weights, call->input_grad[1].data, operand,
                              operand_x(s, call), pad_of(s, call));
}

const ddla_kernel ddla_kernel_onednn_linear = {.name = "onednn_linear",
                                               .op = "linear",
                                               .bf16 = true,
                                               .accepts = accepts,
                                               .prepare = prepare,
                                               .forward = forward,
                                               .backward = backward,
                                               .destroy = destroy};
