/* The 3.x shape of oneDNN's C interface on 2.x libraries (Debian 12 has 2.6.3), as far as this
 * folder uses it. The code beside this header is written for 3.x and includes oneDNN only from
 * here. Differences bridged:
 * - 3.x memory descriptors are opaque pointers that are created and destroyed; 2.x has plain
 * structs.
 * - 3.x makes primitive descriptors in one call; 2.x fills an op descriptor first.
 * Sources: oneDNN's "Transition from v2.x to v3.x" page; include/oneapi/dnnl/dnnl.h of both. */
#ifndef DDLA_BACKEND_ONEDNN_COMPAT_H
#define DDLA_BACKEND_ONEDNN_COMPAT_H

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR < 3

#include "base/alloc.h"

typedef dnnl_memory_desc_t ddla_onednn_desc2;
#define dnnl_memory_desc_t ddla_onednn_desc2 *
#define const_dnnl_memory_desc_t const ddla_onednn_desc2 *

static inline dnnl_status_t dnnl_memory_desc_create_with_strides(dnnl_memory_desc_t *out, int rank,
                                                                 const int64_t *dims,
                                                                 dnnl_data_type_t type,
                                                                 const int64_t *strides) {
  ddla_onednn_desc2 *desc = ddla_alloc_array(1, sizeof *desc);
  if (!desc) return dnnl_out_of_memory;
  dnnl_status_t status = dnnl_memory_desc_init_by_strides(desc, rank, dims, type, strides);
  if (status == dnnl_success) *out = desc;
  else ddla_free(desc);
  return status;
}

static inline dnnl_status_t dnnl_memory_desc_create_with_tag(dnnl_memory_desc_t *out, int rank,
                                                             const int64_t *dims,
                                                             dnnl_data_type_t type,
                                                             dnnl_format_tag_t tag) {
  ddla_onednn_desc2 *desc = ddla_alloc_array(1, sizeof *desc);
  if (!desc) return dnnl_out_of_memory;
  dnnl_status_t status = dnnl_memory_desc_init_by_tag(desc, rank, dims, type, tag);
  if (status == dnnl_success) *out = desc;
  else ddla_free(desc);
  return status;
}

enum {
  dnnl_query_data_type = 1,
  dnnl_query_ndims_s32,
  dnnl_query_padded_dims,
  dnnl_query_strides,
  dnnl_query_inner_nblks_s32,
  dnnl_query_inner_blks,
  dnnl_query_inner_idxs
};

/* The queries this folder makes: result is dnnl_data_type_t *, int * for the two numbers, else
 * const dnnl_dims_t **. */
static inline dnnl_status_t dnnl_memory_desc_query(const_dnnl_memory_desc_t desc, int what,
                                                   void *result) {
  const dnnl_blocking_desc_t *form = &desc->format_desc.blocking;
  if (desc->format_kind != dnnl_blocked) return dnnl_invalid_arguments;
  switch (what) {
  case dnnl_query_data_type: *(dnnl_data_type_t *)result = desc->data_type; break;
  case dnnl_query_ndims_s32: *(int *)result = desc->ndims; break;
  case dnnl_query_padded_dims: *(const dnnl_dims_t **)result = &desc->padded_dims; break;
  case dnnl_query_strides: *(const dnnl_dims_t **)result = &form->strides; break;
  case dnnl_query_inner_nblks_s32: *(int *)result = form->inner_nblks; break;
  case dnnl_query_inner_blks: *(const dnnl_dims_t **)result = &form->inner_blks; break;
  case dnnl_query_inner_idxs: *(const dnnl_dims_t **)result = &form->inner_idxs; break;
  default: return dnnl_invalid_arguments;
  }
  return dnnl_success;
}

static inline dnnl_status_t dnnl_memory_desc_destroy(ddla_onednn_desc2 *desc) {
  ddla_free(desc);
  return dnnl_success;
}

static inline dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights,
    const_dnnl_memory_desc_t bias, const_dnnl_memory_desc_t dst, const int64_t *strides,
    const int64_t *dilates, const int64_t *left, const int64_t *right,
    const_dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
      &desc, kind, algorithm, src, weights, bias, dst, strides, dilates, left, right);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t weights,
    const_dnnl_memory_desc_t diff_dst, const int64_t *strides, const int64_t *dilates,
    const int64_t *left, const int64_t *right, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(
      &desc, algorithm, diff_src, weights, diff_dst, strides, dilates, left, right);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

static inline dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t diff_weights,
    const_dnnl_memory_desc_t diff_bias, const_dnnl_memory_desc_t diff_dst, const int64_t *strides,
    const int64_t *dilates, const int64_t *left, const int64_t *right,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
      &desc, algorithm, src, diff_weights, diff_bias, diff_dst, strides, dilates, left, right);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

static inline dnnl_status_t dnnl_pooling_forward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t dst,
    const int64_t *strides, const int64_t *kernel, const int64_t *dilation, const int64_t *left,
    const int64_t *right, const_dnnl_primitive_attr_t attr) {
  dnnl_pooling_v2_desc_t desc;
  dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(&desc, kind, algorithm, src, dst,
                                                           strides, kernel, dilation, left, right);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_pooling_backward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t diff_dst, const int64_t *strides,
    const int64_t *kernel, const int64_t *dilation, const int64_t *left, const int64_t *right,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attr) {
  dnnl_pooling_v2_desc_t desc;
  dnnl_status_t status = dnnl_pooling_v2_backward_desc_init(&desc, algorithm, diff_src, diff_dst,
                                                            strides, kernel, dilation, left, right);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

/* 2.x has one descriptor for source and destination: equal here in every use. */
static inline dnnl_status_t dnnl_eltwise_forward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t dst,
    float alpha, float beta, const_dnnl_primitive_attr_t attr) {
  (void)dst;
  dnnl_eltwise_desc_t desc;
  dnnl_status_t status = dnnl_eltwise_forward_desc_init(&desc, kind, algorithm, src, alpha, beta);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_eltwise_backward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t diff_dst,
    const_dnnl_memory_desc_t data, float alpha, float beta, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  (void)diff_dst;
  dnnl_eltwise_desc_t desc;
  dnnl_status_t status =
      dnnl_eltwise_backward_desc_init(&desc, algorithm, diff_src, data, alpha, beta);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

static inline dnnl_status_t dnnl_softmax_forward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_prop_kind_t kind,
    dnnl_alg_kind_t algorithm, const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t dst, int axis,
    const_dnnl_primitive_attr_t attr) {
  dnnl_softmax_v2_desc_t desc;
  dnnl_status_t status = dnnl_softmax_v2_forward_desc_init(&desc, kind, algorithm, src, dst, axis);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

static inline dnnl_status_t dnnl_softmax_backward_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, dnnl_alg_kind_t algorithm,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t diff_dst,
    const_dnnl_memory_desc_t dst, int axis, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  dnnl_softmax_v2_desc_t desc;
  dnnl_status_t status =
      dnnl_softmax_v2_backward_desc_init(&desc, algorithm, diff_src, diff_dst, dst, axis);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

static inline dnnl_status_t dnnl_matmul_primitive_desc_create(
    dnnl_primitive_desc_t *out, dnnl_engine_t engine, const_dnnl_memory_desc_t src,
    const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias, const_dnnl_memory_desc_t dst,
    const_dnnl_primitive_attr_t attr) {
  dnnl_matmul_desc_t desc;
  dnnl_status_t status = dnnl_matmul_desc_init(&desc, src, weights, bias, dst);
  return status != dnnl_success ? status
                                : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}

#endif
#endif
