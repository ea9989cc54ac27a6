#include "backend/bench.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/pack.h"
#include "backend/peak.h"
#include "backend/trial.h"
#include "base/alloc.h"

/* Shapes of real models: dimensions of inputs until the first zero, one attribute of two that
 * matter. */
static const struct shape_row {
  const char *op;
  int64_t input[3][4];
  struct {
    const char *name; /* null: no more */
    int64_t value;    /* 0: the real value 0.5 */
  } attr[2];
  bool first; /* layer of a model: no gradient of its input */
} shape_rows[] = {
    {"conv2d", {{16, 28, 28, 1}, {32, 1, 3, 3}, {32}}, {{"padding", 1}}, true},
    {"conv2d", {{16, 14, 14, 32}, {64, 32, 3, 3}, {64}}, {{"padding", 1}}, false},
    {"conv2d", {{16, 32, 32, 3}, {64, 3, 3, 3}, {64}}, {{"padding", 1}}, true},
    {"conv2d", {{16, 32, 32, 64}, {64, 64, 3, 3}, {64}}, {{"padding", 1}}, false},
    {"conv2d", {{8, 14, 14, 256}, {256, 256, 3, 3}}, {{"padding", 1}}, false},
    {"conv2d", {{8, 28, 28, 128}, {256, 128, 1, 1}}, {{NULL}}, false},
    {"conv1d", {{8, 512, 64}, {128, 64, 3}, {128}}, {{"padding", 1}}, false},
    {"conv_transpose2d", {{8, 14, 14, 128}, {128, 64, 2, 2}, {64}}, {{"stride", 2}}, false},
    {"rms_norm", {{512, 768}, {768}}, {{NULL}}, false},
    {"group_norm", {{8, 28, 28, 128}, {128}, {128}}, {{"groups", 32}}, false},
    {"max_pool", {{16, 28, 28, 32}}, {{"kernel", 2}}, false},
    {"max_pool", {{16, 14, 14, 64}}, {{"kernel", 2}}, false},
    {"average_pool", {{16, 28, 28, 32}}, {{"kernel", 2}}, false},
    {"global_average_pool", {{16, 7, 7, 512}}, {{NULL}}, false},
    {"relu", {{16, 14, 14, 32}}, {{NULL}}, false},
    {"relu", {{16, 7, 7, 64}}, {{NULL}}, false},
    {"linear", {{16, 3136}, {128, 3136}, {128}}, {{NULL}}, false},
    {"linear", {{16, 128}, {10, 128}, {10}}, {{NULL}}, false},
    {"linear", {{128, 784}, {256, 784}, {256}}, {{"activation", 1}}, false},
    {"linear", {{512, 768}, {3072, 768}, {3072}}, {{NULL}}, false},
    {"matmul", {{1024, 1024}, {1024, 1024}}, {{NULL}}, false},
    {"matmul", {{12, 128, 64}, {12, 128, 64}}, {{"transpose_b", 1}}, false},
    {"lstm", {{16, 28, 256}, {1024, 256}, {1024, 256}}, {{NULL}}, false},
    {"lstm", {{64, 64, 256}, {1024, 256}, {1024, 256}}, {{NULL}}, false},
    {"gru", {{16, 28, 256}, {768, 256}, {768, 256}}, {{NULL}}, false},
    {"dropout", {{16, 128}, {16}}, {{"p", 0}}, false},
    {"dropout", {{16, 9216}, {16}}, {{"p", 0}}, false},
    {"cross_entropy", {{16, 10}, {16}}, {{NULL}}, false},
    {"cross_entropy", {{128, 1000}, {128}}, {{NULL}}, false},
    {"kl_divergence", {{128, 1000}, {128, 1000}}, {{NULL}}, false},
    {"cross_entropy", {{1024, 65}, {1024}}, {{NULL}}, false},
    {"softmax", {{128, 1000}}, {{NULL}}, false},
    {"gelu", {{128, 3072}}, {{NULL}}, false},
    {"exp", {{128, 3072}}, {{NULL}}, false},
    {"log", {{128, 3072}}, {{NULL}}, false},
    {"silu", {{128, 3072}}, {{NULL}}, false},
    {"leaky_relu", {{128, 3072}}, {{NULL}}, false},
    {"clamp", {{128, 3072}}, {{NULL}}, false},
    {"tanh", {{128, 3072}}, {{NULL}}, false},
    {"sigmoid", {{128, 3072}}, {{NULL}}, false},
    {"add", {{128, 3072}, {128, 3072}}, {{NULL}}, false},
    {"sub", {{128, 3072}, {128, 3072}}, {{NULL}}, false},
    {"mul", {{128, 3072}, {128, 3072}}, {{NULL}}, false},
    {"mul", {{16, 28, 28, 128}, {16, 1, 1, 128}}, {{NULL}}, false},
    {"div", {{128, 3072}, {128, 3072}}, {{NULL}}, false},
    {"reduce_mean", {{16, 128, 768}}, {{"axes", 1}}, false},
    {"reduce_sum", {{128, 1000}}, {{NULL}}, false},
    {"reduce_max", {{16, 128, 768}}, {{"axes", 1}}, false},
    {"gather", {{30000, 256}, {16, 128}}, {{NULL}}, false},
    {"scatter_add", {{2048, 256}, {2048}}, {{"rows", 1000}}, false},
    {"top_k", {{128, 1000}}, {{"k", 5}}, false},
    {"scale", {{128, 3072}}, {{"alpha", 0}}, false},
    {"bias", {{128, 3072}, {3072}}, {{NULL}}, false},
    {"layer_norm", {{1024, 128}, {128}, {128}}, {{NULL}}, false},
    {"layer_norm", {{1024, 768}, {768}, {768}}, {{NULL}}, false},
    {"embedding", {{8, 128}, {65, 128}, {128, 128}}, {{NULL}}, false},
    {"attention", {{8, 128, 384}}, {{"heads", 4}, {"causal", 1}}, false},
    {"attention", {{1, 1024, 2304}}, {{"heads", 12}, {"causal", 1}}, false},
    {"attention", {{1, 1024, 2304}}, {{"heads", 12}}, false},
};

enum { SHAPE_COUNT = sizeof shape_rows / sizeof shape_rows[0] };

static void set_shapes(ddla_op_call *call, const struct shape_row *row) {
  ddla_op_call like = {.op = call->op}; /* number formats are those of the op's samples */
  ddla_rng rng = ddla_rng_make(1);
  call->op->sample(0, &rng, &like);
  for (int i = 0; i < 3 && row->input[i][0]; i++) {
    int rank = 0;
    while (rank < 4 && row->input[i][rank]) rank++;
    call->input[i].shape = ddla_shape_make(rank, row->input[i]);
    call->input[i].dtype = like.input[i].dtype;
    call->present[i] = true;
    call->input_count = i + 1;
  }
  for (int i = 0; i < 2 && row->attr[i].name; i++) {
    if (row->attr[i].value) ddla_attrs_set_int(&call->attrs, row->attr[i].name, row->attr[i].value);
    else ddla_attrs_set_real(&call->attrs, row->attr[i].name, 0.5);
  }
}

/* Rows in the making. */
typedef struct collection {
  ddla_bench_row *row;
  int count, room;
  double peak;
  const ddla_bench_options *options;
} collection;

static void add_text(char *text, const char *format, ...) DDLA_PRINTF(2, 3);

static void add_text(char *text, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, DDLA_BENCH_TEXT_BYTES - used, format, arguments);
  va_end(arguments);
}

static void describe(ddla_bench_row *row, const ddla_op_call *call) {
  char text[96];
  for (int i = 0; i < call->input_count; i++)
    add_text(row->shapes, "%s%s", i ? " " : "",
             call->present[i] ? ddla_shape_text(text, sizeof text, &call->input[i].shape) : "-");
  for (int i = 0; i < call->attrs.count; i++) {
    const ddla_attr *attr = &call->attrs.item[i];
    add_text(row->attrs, "%s%s=", i ? " " : "", attr->name);
    if (attr->count == 0) add_text(row->attrs, "%g", attr->real);
    for (int k = 0; k < attr->count; k++)
      add_text(row->attrs, "%s%" PRId64, k ? "," : "", attr->integer[k]);
  }
}

static int compare_doubles(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static double median(double *value, int count) {
  qsort(value, (size_t)count, sizeof *value, compare_doubles);
  return value[count / 2];
}

enum { RUNS_MAX = 20000, PEAKS_MAX = 512 };

typedef struct timing {
  double us, peak; /* medians of the runs and of the peaks between them */
} timing;

static double now_us(void) { return ddla_peak_time_us(); }

/* Runs one direction for `seconds`, a peak every 5 ms between the runs, so that both see the same
 * machine. */
static ddla_status time_runs(timing *out, ddla_trial *trial, ddla_status (*run)(ddla_trial *),
                             double seconds) {
  ddla_status status = DDLA_OK;
  double *us = NULL, peak[PEAKS_MAX];
  int runs = 0, peaks = 0;
  DDLA_TRY(DDLA_NEW(us, RUNS_MAX));
  DDLA_TRY_CLEAN(status, run(trial)); /* warms caches */
  double begin = now_us(), last_peak = 0, end = begin + 1e6 * seconds;
  while (runs < RUNS_MAX && (runs < 3 || now_us() < end)) {
    if (now_us() - last_peak > 5e3 && peaks < PEAKS_MAX) {
      peak[peaks++] = ddla_peak_burst();
      last_peak = now_us();
    }
    double start = now_us();
    DDLA_TRY_CLEAN(status, run(trial));
    us[runs++] = now_us() - start;
  }
  *out = (timing){.us = median(us, runs), .peak = median(peak, peaks)};
cleanup:
  ddla_free(us);
  return status;
}

static void set_rates(ddla_bench_row *row, const ddla_op_call *call, timing forward,
                      timing backward) {
  row->forward_us = forward.us;
  row->backward_us = backward.us;
  if (!call->op->flops) return;
  const double work = call->op->flops(call) * 1e-3; /* flop / us = 1e-3 gflops */
  row->forward_gflops = work / forward.us;
  row->forward_share = row->forward_gflops / forward.peak;
  if (backward.us <= 0) return;
  row->backward_gflops = ddla_op_backward_flops(call) * 1e-3 / backward.us;
  row->backward_share = row->backward_gflops / backward.peak;
}

static ddla_status time_call(collection *rows, const ddla_op_call *sample, bool first) {
  ddla_status status = DDLA_OK;
  ddla_trial trial = {0};
  timing forward = {0}, backward = {0};
  struct ddla_pack_cache *packs = NULL;
  double seconds = rows->options->seconds > 0 ? rows->options->seconds : 0.1;
  DDLA_TRY(ddla_pack_cache_create(&packs));
  ddla_trial_options options = {.kernel = rows->options->kernel,
                                .seed = 1,
                                .precision = rows->options->precision,
                                .packs = packs,
                                .first = first};
  DDLA_TRY_CLEAN(status, ddla_trial_open(&trial, sample, &options));
  DDLA_TRY_CLEAN(status, time_runs(&forward, &trial, ddla_trial_forward, seconds));
  if (trial.call.op->backward)
    DDLA_TRY_CLEAN(status, time_runs(&backward, &trial, ddla_trial_backward, seconds));
  ddla_bench_row *row = &rows->row[rows->count++];
  *row = (ddla_bench_row){.op = trial.call.op->name, .kernel = trial.kernel->name};
  describe(row, &trial.call);
  set_rates(row, &trial.call, forward, backward);
  if (forward.peak > rows->peak) rows->peak = forward.peak;
cleanup:
  ddla_trial_close(&trial);
  ddla_pack_cache_destroy(packs);
  return status;
}

static ddla_status time_op(collection *rows, const ddla_op *op) {
  ddla_rng rng = ddla_rng_make(1);
  for (int i = 0; i < SHAPE_COUNT; i++) {
    ddla_op_call call = {.op = op};
    if (strcmp(shape_rows[i].op, op->name) != 0) continue;
    set_shapes(&call, &shape_rows[i]);
    DDLA_TRY(time_call(rows, &call, shape_rows[i].first));
  }
  for (int i = 0; rows->options->samples && op->sample; i++) {
    ddla_op_call call = {.op = op};
    if (!op->sample(i, &rng, &call)) break;
    DDLA_TRY(time_call(rows, &call, false));
  }
  return DDLA_OK;
}

static int count_rows(const ddla_op *const *ops, int op_count) {
  ddla_rng rng = ddla_rng_make(1);
  int count = SHAPE_COUNT;
  for (int i = 0; i < op_count; i++) {
    ddla_op_call call = {.op = ops[i]};
    for (int k = 0; ops[i]->sample && ops[i]->sample(k, &rng, &call); k++)
      call = (ddla_op_call){.op = ops[i]}, count++;
  }
  return count;
}

static ddla_status check_options(const ddla_bench_options *options) {
  int count = 0;
  const ddla_kernel *const *kernels = ddla_kernel_table(&count);
  if (options->op && !ddla_op_find(options->op))
    return DDLA_FAIL(INVALID, "there is no op \"%s\"", options->op);
  if (!options->kernel) return DDLA_OK;
  for (int i = 0; i < count; i++)
    if (strcmp(kernels[i]->name, options->kernel) == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID, "there is no kernel \"%s\"", options->kernel);
}

ddla_status ddla_backend_bench(ddla_bench_row **out, int *count, double *peak_gflops,
                               const ddla_bench_options *options) {
  ddla_status status = DDLA_OK;
  int op_count = 0;
  const ddla_op *const *ops = ddla_op_table(&op_count);
  collection rows = {.options = options, .room = count_rows(ops, op_count)};
  DDLA_TRY(check_options(options));
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(DDLA_NEW(rows.row, rows.room));
  for (int i = 0; i < op_count && status == DDLA_OK; i++)
    if (!options->op || strcmp(options->op, ops[i]->name) == 0) status = time_op(&rows, ops[i]);
  if (status != DDLA_OK) {
    ddla_free(rows.row);
    return status;
  }
  *out = rows.row;
  *count = rows.count;
  *peak_gflops = rows.peak;
  return DDLA_OK;
}
