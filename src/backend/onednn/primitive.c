#include "backend/onednn/primitive.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

ddla_status ddla_onednn_check(dnnl_status_t status, const char *what) {
  if (status == dnnl_success) return DDLA_OK;
  if (status == dnnl_out_of_memory) return DDLA_FAIL(NO_MEMORY, "oneDNN: no memory for %s", what);
  return DDLA_FAIL(INTERNAL, "oneDNN: %s failed with status %d", what, (int)status);
}

/* One engine for the process; it lives until the end. */
static struct {
  pthread_once_t once;
  dnnl_engine_t engine;
  dnnl_stream_t stream; /* of a CPU engine: in order, holds nothing between runs */
  dnnl_status_t status;
  void (*set_threads)(int);
  _Atomic int limit; /* what it has started with: one more than the level, 0: no limit; -1: it has
                        not started */
} library = {.once = PTHREAD_ONCE_INIT, .limit = -1};

static int limit_now(void) { return ddla_cpu_limited() ? (int)ddla_cpu() + 1 : 0; }

/* oneDNN takes no other set once it has been asked for anything. It has names for more than our
 * levels (AMX, which no level has); its least is SSE4.1. */
static dnnl_status_t library_limit(int limit) {
  static const dnnl_cpu_isa_t sets[DDLA_CPU_LEVELS] = {dnnl_cpu_isa_sse41, dnnl_cpu_isa_avx2,
                                                       dnnl_cpu_isa_avx512_core,
                                                       dnnl_cpu_isa_avx512_core_bf16};
  atomic_store(&library.limit, limit);
  return limit > 0 ? dnnl_set_max_cpu_isa(sets[limit - 1]) : dnnl_success;
}

static void library_start(void) {
  /* oneDNN's OpenMP is whatever its build linked (libgomp, libiomp5, none): asked for by name at
   * run time. */
  void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
  memcpy(&library.set_threads, &symbol, sizeof symbol);
  library.status = library_limit(limit_now());
  if (library.status != dnnl_success) return;
  library.status = dnnl_engine_create(&library.engine, dnnl_cpu, 0);
  if (library.status != dnnl_success) return;
  library.status = dnnl_stream_create(&library.stream, library.engine, dnnl_stream_default_flags);
}

/* The number of OpenMP threads is a property of the calling thread, and a new thread starts with
 * the process's default: every thread that comes here sets its own. */
static void thread_start(void) {
  static _Thread_local bool ready;
  if (ready) return;
  pthread_once(&library.once, library_start);
  if (library.set_threads) library.set_threads(1);
  ready = true;
}

ddla_status ddla_onednn_engine(dnnl_engine_t *out) {
  thread_start();
  DDLA_TRY(ddla_onednn_check(library.status, "the engine"));
  *out = library.engine;
  return DDLA_OK;
}

ddla_status ddla_onednn_desc_of(dnnl_memory_desc_t *out, dnnl_data_type_t type, int rank,
                                const int64_t *dims, const int64_t *strides) {
  dnnl_dims_t size = {0}, step = {0};
  for (int i = 0; i < rank; i++) size[i] = dims[i], step[i] = strides ? strides[i] : 0;
  dnnl_status_t status =
      strides ? dnnl_memory_desc_create_with_strides(out, rank, size, type, step)
              : dnnl_memory_desc_create_with_tag(out, rank, size, type, dnnl_format_tag_any);
  return ddla_onednn_check(status, "a memory descriptor");
}

ddla_status ddla_onednn_desc(dnnl_memory_desc_t *out, int rank, const int64_t *dims,
                             const int64_t *strides) {
  return ddla_onednn_desc_of(out, dnnl_f32, rank, dims, strides);
}

ddla_status ddla_onednn_desc_dense(dnnl_memory_desc_t *out, const ddla_shape *shape) {
  int64_t strides[DDLA_RANK_MAX] = {0};
  for (int i = 0; i < shape->rank; i++) strides[i] = ddla_shape_span(shape, i + 1, shape->rank);
  return ddla_onednn_desc(out, shape->rank, shape->dim, strides);
}

ddla_status ddla_onednn_desc_image(dnnl_memory_desc_t *out, dnnl_data_type_t type,
                                   const ddla_shape *shape) {
  const int64_t *d = shape->dim;
  int64_t dims[] = {d[0], d[3], d[1], d[2]};
  int64_t strides[] = {d[1] * d[2] * d[3], 1, d[2] * d[3], d[3]};
  return ddla_onednn_desc_of(out, type, 4, dims, strides);
}

ddla_status ddla_onednn_attr(dnnl_primitive_attr_t *out) {
  dnnl_primitive_attr_t attr = NULL;
  DDLA_TRY(ddla_onednn_check(dnnl_primitive_attr_create(&attr), "attributes"));
  dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
  if (status != dnnl_success) {
    dnnl_primitive_attr_destroy(attr);
    return ddla_onednn_check(status, "attributes");
  }
  *out = attr;
  return DDLA_OK;
}

ddla_status ddla_onednn_step_open(ddla_onednn_step *step, dnnl_primitive_desc_t desc) {
  *step = (ddla_onednn_step){.desc = desc};
  DDLA_TRY(ddla_onednn_check(dnnl_primitive_create(&step->primitive, desc), "a primitive"));
  const_dnnl_memory_desc_t pad = dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
  step->scratchpad_bytes = pad ? dnnl_memory_desc_get_size(pad) : 0;
  return step->scratchpad_bytes ? ddla_onednn_step_bind(step, DNNL_ARG_SCRATCHPAD, pad) : DDLA_OK;
}

ddla_status ddla_onednn_step_bind(ddla_onednn_step *step, int arg, const_dnnl_memory_desc_t desc) {
  DDLA_ASSERT(step->arg_count < DDLA_ONEDNN_ARGS_MAX);
  dnnl_exec_arg_t *slot = &step->arg[step->arg_count];
  DDLA_TRY(
      ddla_onednn_check(dnnl_memory_create(&slot->memory, desc, library.engine, DNNL_MEMORY_NONE),
                        "a memory object"));
  slot->arg = arg;
  step->arg_count++;
  return DDLA_OK;
}

ddla_status ddla_onednn_step_bind_query(ddla_onednn_step *step, int arg, dnnl_query_t what) {
  return ddla_onednn_step_bind(step, arg, dnnl_primitive_desc_query_md(step->desc, what, 0));
}

ddla_status ddla_onednn_step_point(ddla_onednn_step *step, int arg, const void *data) {
  int i = 0;
  while (i < step->arg_count && step->arg[i].arg != arg) i++;
  DDLA_ASSERT(i < step->arg_count && data);
  void *place = NULL;
  memcpy(&place, &data, sizeof place); /* oneDNN has no pointer to constant data */
  if (step->data[i] == place) return DDLA_OK;
  step->data[i] = place;
  return ddla_onednn_check(dnnl_memory_set_data_handle(step->arg[i].memory, place),
                           "a data handle");
}

ddla_status ddla_onednn_step_run(ddla_onednn_step *step, void *scratchpad) {
  thread_start();
  if (step->scratchpad_bytes)
    DDLA_TRY(ddla_onednn_step_point(step, DNNL_ARG_SCRATCHPAD, scratchpad));
  return ddla_onednn_check(
      dnnl_primitive_execute(step->primitive, library.stream, step->arg_count, step->arg),
      "running a primitive");
}

void ddla_onednn_step_close(ddla_onednn_step *step) {
  for (int i = 0; i < step->arg_count; i++) dnnl_memory_destroy(step->arg[i].memory);
  if (step->primitive) dnnl_primitive_destroy(step->primitive);
  if (step->desc) dnnl_primitive_desc_destroy(step->desc);
  *step = (ddla_onednn_step){0};
}

/* Words that tell two blocked layouts apart: padded dimensions, strides, inner blocks. */
static void layout_text(char *text, size_t bytes, const_dnnl_memory_desc_t desc) {
  int rank = 0, blocks = 0;
  dnnl_data_type_t type = dnnl_data_type_undef;
  const dnnl_dims_t *padded = NULL, *strides = NULL, *block = NULL, *index = NULL;
  dnnl_memory_desc_query(desc, dnnl_query_data_type, &type);
  dnnl_memory_desc_query(desc, dnnl_query_ndims_s32, &rank);
  dnnl_memory_desc_query(desc, dnnl_query_padded_dims, &padded);
  dnnl_memory_desc_query(desc, dnnl_query_strides, &strides);
  dnnl_memory_desc_query(desc, dnnl_query_inner_nblks_s32, &blocks);
  dnnl_memory_desc_query(desc, dnnl_query_inner_blks, &block);
  dnnl_memory_desc_query(desc, dnnl_query_inner_idxs, &index);
  DDLA_ASSERT(rank > 0 && padded && strides);
  size_t used = (size_t)snprintf(text, bytes, "onednn%s", type == dnnl_bf16 ? " bf16" : "");
  for (int i = 0; i < rank && used < bytes; i++)
    used += (size_t)snprintf(text + used, bytes - used, " %" PRId64 ":%" PRId64, (*padded)[i],
                             (*strides)[i]);
  for (int i = 0; i < blocks && used < bytes; i++)
    used += (size_t)snprintf(text + used, bytes - used, " %" PRId64 "x%" PRId64, (*index)[i],
                             (*block)[i]);
  DDLA_ASSERT(used < bytes);
}

static ddla_status open_reorder(ddla_onednn_weight *weight, const_dnnl_memory_desc_t plain,
                                const_dnnl_memory_desc_t wanted) {
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t desc = NULL;
  DDLA_TRY(ddla_onednn_attr(&attr));
  dnnl_status_t made = dnnl_reorder_primitive_desc_create(&desc, plain, library.engine, wanted,
                                                          library.engine, attr);
  dnnl_primitive_attr_destroy(attr);
  DDLA_TRY(ddla_onednn_check(made, "a weight reorder"));
  DDLA_TRY(ddla_onednn_step_open(&weight->reorder, desc));
  DDLA_TRY(ddla_onednn_step_bind(&weight->reorder, DNNL_ARG_FROM, plain));
  return ddla_onednn_step_bind(&weight->reorder, DNNL_ARG_TO, wanted);
}

ddla_status ddla_onednn_weight_open(ddla_onednn_weight *weight, const ddla_op_call *call, int index,
                                    const_dnnl_memory_desc_t plain,
                                    const_dnnl_memory_desc_t wanted) {
  *weight = (ddla_onednn_weight){.index = index};
  if (dnnl_memory_desc_equal(plain, wanted)) return DDLA_OK;
  weight->bytes = dnnl_memory_desc_get_size(wanted);
  DDLA_TRY(open_reorder(weight, plain, wanted));
  if (!call->packs || call->parameter_id[index] < 0) return DDLA_OK;
  char text[512];
  layout_text(text, sizeof text, wanted);
  size_t used = strlen(text); /* the same matrix transposed may be padded to the same sizes */
  layout_text(text + used, sizeof text - used, plain);
  return ddla_pack_reserve(&weight->slot, call->packs, call->parameter_id[index], text,
                           weight->bytes);
}

size_t ddla_onednn_weight_bytes(const ddla_onednn_weight *weight) {
  return weight->slot ? 0 : ddla_onednn_round(weight->bytes);
}

static ddla_status fill(void *to, const void *from, void *argument) {
  ddla_onednn_weight *weight = argument;
  DDLA_TRY(ddla_onednn_step_point(&weight->reorder, DNNL_ARG_FROM, from));
  DDLA_TRY(ddla_onednn_step_point(&weight->reorder, DNNL_ARG_TO, to));
  return ddla_onednn_step_run(&weight->reorder, weight->scratchpad);
}

ddla_status ddla_onednn_weight_use(const void **out, ddla_onednn_weight *weight,
                                   const ddla_op_call *call, void *memory, void *scratchpad) {
  const void *plain = call->input[weight->index].data;
  weight->scratchpad = scratchpad;
  if (!weight->reorder.primitive) {
    *out = plain;
    return DDLA_OK;
  }
  if (weight->slot)
    return ddla_pack_use(out, weight->slot, call->parameter_version, plain, fill, weight);
  DDLA_TRY(fill(memory, plain, weight));
  *out = memory;
  return DDLA_OK;
}

void ddla_onednn_weight_close(ddla_onednn_weight *weight) {
  ddla_onednn_step_close(&weight->reorder);
  *weight = (ddla_onednn_weight){0};
}

ddla_status ddla_backend_limit(ddla_cpu_level level) {
  const int started = atomic_load(&library.limit);
  ddla_cpu_limit(level);
  if (started < 0 || started == limit_now()) return DDLA_OK;
  ddla_cpu_limit(started > 0 ? (ddla_cpu_level)(started - 1) : DDLA_CPU_LEVELS);
  return DDLA_FAIL(UNSUPPORTED,
                   "this process has computed with %s before, and oneDNN does not change its "
                   "instruction set any more; use another process for another parallel.isa",
                   started > 0 ? ddla_cpu_name((ddla_cpu_level)(started - 1)) : "no limit");
}

ddla_status ddla_backend_start(void) {
  dnnl_engine_t engine = NULL;
  return ddla_onednn_engine(&engine);
}

const char *ddla_backend_version(char text[DDLA_BACKEND_TEXT_BYTES]) {
  const dnnl_version_t *version = dnnl_version();
  snprintf(text, DDLA_BACKEND_TEXT_BYTES, "oneDNN %d.%d.%d", version->major, version->minor,
           version->patch);
  return text;
}
