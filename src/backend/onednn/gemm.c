#include "backend/onednn/gemm.h"

ddla_status ddla_onednn_gemm_desc(dnnl_memory_desc_t *out, const ddla_onednn_matrix *m, bool any) {
  int64_t dims[] = {m->batch, m->rows, m->columns};
  int64_t strides[] = {m->rows * m->columns, m->transposed ? 1 : m->columns,
                       m->transposed ? m->rows : 1};
  int skip = m->batch == 0;
  return ddla_onednn_desc_of(out, m->bf16 ? dnnl_bf16 : dnnl_f32, 3 - skip, dims + skip,
                             any ? NULL : strides + skip);
}

ddla_status ddla_onednn_gemm_open(ddla_onednn_step *step, const ddla_onednn_matrix *a,
                                  const ddla_onednn_matrix *b) {
  ddla_status status = DDLA_OK;
  dnnl_engine_t engine = NULL;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t made = NULL;
  dnnl_memory_desc_t desc[3] = {NULL, NULL, NULL};
  ddla_onednn_matrix c = {.batch = a->batch, .rows = a->rows, .columns = b->columns};
  DDLA_TRY_CLEAN(status, ddla_onednn_engine(&engine));
  DDLA_TRY_CLEAN(status, ddla_onednn_attr(&attr));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[0], a, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[1], b, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[2], &c, false));
  DDLA_TRY_CLEAN(status,
                 ddla_onednn_check(dnnl_matmul_primitive_desc_create(&made, engine, desc[0],
                                                                     desc[1], NULL, desc[2], attr),
                                   "a matrix product"));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_open(step, made));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(step, DNNL_ARG_SRC, desc[0]));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(step, DNNL_ARG_WEIGHTS, desc[1]));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(step, DNNL_ARG_DST, desc[2]));
cleanup:
  for (int i = 0; i < 3; i++)
    if (desc[i]) dnnl_memory_desc_destroy(desc[i]);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status;
}

ddla_status ddla_onednn_gemm_open_packed(ddla_onednn_step *step, ddla_onednn_weight *weight,
                                         const ddla_op_call *call, int index,
                                         const ddla_onednn_matrix *a, const ddla_onednn_matrix *w) {
  ddla_status status = DDLA_OK;
  dnnl_engine_t engine = NULL;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t made = NULL;
  dnnl_memory_desc_t desc[4] = {NULL, NULL, NULL, NULL}; /* a, w, w in any layout, c */
  const ddla_onednn_matrix c = {.batch = a->batch, .rows = a->rows, .columns = w->columns};
  ddla_onednn_matrix wanted = *w, plain = *w;
  wanted.bf16 = a->bf16;
  plain.bf16 = false;
  DDLA_TRY_CLEAN(status, ddla_onednn_engine(&engine));
  DDLA_TRY_CLEAN(status, ddla_onednn_attr(&attr));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[0], a, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[1], &plain, false));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[2], &wanted, true));
  DDLA_TRY_CLEAN(status, ddla_onednn_gemm_desc(&desc[3], &c, false));
  DDLA_TRY_CLEAN(status,
                 ddla_onednn_check(dnnl_matmul_primitive_desc_create(&made, engine, desc[0],
                                                                     desc[2], NULL, desc[3], attr),
                                   "a matrix product"));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_open(step, made));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(step, DNNL_ARG_SRC, desc[0]));
  DDLA_TRY_CLEAN(status,
                 ddla_onednn_step_bind_query(step, DNNL_ARG_WEIGHTS, dnnl_query_weights_md));
  DDLA_TRY_CLEAN(status, ddla_onednn_step_bind(step, DNNL_ARG_DST, desc[3]));
  DDLA_TRY_CLEAN(status, ddla_onednn_weight_open(
                             weight, call, index, desc[1],
                             dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0)));
cleanup:
  for (int i = 0; i < 4; i++)
    if (desc[i]) dnnl_memory_desc_destroy(desc[i]);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status;
}

ddla_status ddla_onednn_gemm_run(ddla_onednn_step *step, float *c, const void *a, const void *b,
                                 void *scratchpad) {
  DDLA_TRY(ddla_onednn_step_point(step, DNNL_ARG_SRC, a));
  DDLA_TRY(ddla_onednn_step_point(step, DNNL_ARG_WEIGHTS, b));
  DDLA_TRY(ddla_onednn_step_point(step, DNNL_ARG_DST, c));
  return ddla_onednn_step_run(step, scratchpad);
}
