/* Matrix products through oneDNN's matmul, for linear and matmul. */
#ifndef DDLA_BACKEND_ONEDNN_GEMM_H
#define DDLA_BACKEND_ONEDNN_GEMM_H

#include "backend/onednn/primitive.h"

/* rows x columns, dense row-major; transposed: stored as columns x rows. batch 0: one matrix, else
 * that many. */
typedef struct ddla_onednn_matrix {
  int64_t batch, rows, columns;
  bool transposed;
  bool bf16; /* 16 bits a number; as an operand: results are fp32 */
} ddla_onednn_matrix;

/* c = a b, row-major c. Arguments to point: DNNL_ARG_SRC (a), DNNL_ARG_WEIGHTS (b), DNNL_ARG_DST
 * (c). */
ddla_status ddla_onednn_gemm_open(ddla_onednn_step *step, const ddla_onednn_matrix *a,
                                  const ddla_onednn_matrix *b);

/* c = a w, where w is input `index` of the call: packed once for each version of the parameter, see
 * ddla_onednn_weight_use. The weight is what is pointed at as DNNL_ARG_WEIGHTS, at bf16 where a is.
 */
ddla_status ddla_onednn_gemm_open_packed(ddla_onednn_step *step, ddla_onednn_weight *weight,
                                         const ddla_op_call *call, int index,
                                         const ddla_onednn_matrix *a, const ddla_onednn_matrix *w);

/* Descriptor of a matrix, or (any) of one in the layout the primitive likes best. */
ddla_status ddla_onednn_gemm_desc(dnnl_memory_desc_t *out, const ddla_onednn_matrix *matrix,
                                  bool any);

/* Points the three arguments and runs. */
ddla_status ddla_onednn_gemm_run(ddla_onednn_step *step, float *c, const void *a, const void *b,
                                 void *scratchpad);

#endif
