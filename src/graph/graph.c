#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "state/state.h"

ddla_status ddla_graph_create(ddla_graph **out) {
  ddla_graph *graph = NULL;
  DDLA_TRY(DDLA_NEW(graph, 1));
  *out = graph;
  return DDLA_OK;
}

void ddla_graph_destroy(ddla_graph *graph) {
  if (!graph) return;
  ddla_free(graph->value);
  ddla_free(graph->use);
  ddla_free(graph->parameter);
  ddla_free(graph->buffer);
  ddla_free(graph->statistic);
  ddla_free(graph->input);
  ddla_free(graph->output);
  ddla_free(graph);
}

/* Makes room for one more element of `size` bytes in *array. */
static ddla_status grow(void **array, int count, int *room, size_t size) {
  if (count < *room) return DDLA_OK;
  int wanted = *room ? 2 * *room : 16;
  void *larger = ddla_alloc_array((size_t)wanted, size);
  DDLA_TRY(ddla_alloc_check(larger, (size_t)wanted, size));
  if (count) memcpy(larger, *array, (size_t)count * size);
  ddla_free(*array);
  *array = larger;
  *room = wanted;
  return DDLA_OK;
}

#define GROW(graph, what)                                                                          \
  grow((void **)&(graph)->what, (graph)->what##_count, &(graph)->what##_room, sizeof *(graph)->what)

static ddla_status add_value(ddla_value *out, ddla_graph *graph, const ddla_graph_value *value) {
  DDLA_TRY(GROW(graph, value));
  graph->value[graph->value_count] = *value;
  *out = graph->value_count++;
  return DDLA_OK;
}

static ddla_status check_name(const char *name) {
  if (name && name[0] && strlen(name) < DDLA_NAME_BYTES) return DDLA_OK;
  return DDLA_FAIL(INVALID, "the name \"%.80s\" must have 1 to %d characters", name ? name : "",
                   DDLA_NAME_BYTES - 1);
}

static ddla_status check_shape(const char *name, const ddla_shape *shape) {
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] > 0) continue;
    char text[96];
    return DDLA_FAIL(INVALID, "%s has shape %s; every dimension must be at least 1", name,
                     ddla_shape_text(text, sizeof text, shape));
  }
  return DDLA_OK;
}

ddla_value ddla_graph_find(const ddla_graph *graph, const char *name) {
  for (int i = 0; i < graph->output_count; i++)
    if (strcmp(graph->output[i].name, name) == 0) return graph->output[i].value;
  for (int i = 0; i < graph->input_count; i++)
    if (strcmp(graph->input[i].name, name) == 0) return graph->input[i].value;
  return DDLA_NO_VALUE;
}

ddla_status ddla_graph_input(ddla_value *out, ddla_graph *graph, const char *name, ddla_dtype dtype,
                             const ddla_shape *shape) {
  DDLA_TRY(check_name(name));
  DDLA_TRY(check_shape(name, shape));
  if (shape->rank < 1 || shape->dim[0] != 1)
    return DDLA_FAIL(INVALID, "input %s: dimension 0 stands for the batch and must be 1", name);
  if (ddla_graph_find(graph, name) != DDLA_NO_VALUE)
    return DDLA_FAIL(INVALID, "the name %s is taken in this graph", name);
  DDLA_TRY(GROW(graph, input));
  ddla_value value = 0;
  DDLA_TRY(add_value(&value, graph, &(ddla_graph_value){DDLA_VALUE_INPUT, dtype, *shape, -1, -1}));
  ddla_graph_name *row = &graph->input[graph->input_count++];
  snprintf(row->name, sizeof row->name, "%s", name);
  row->value = value;
  *out = value;
  return DDLA_OK;
}

/* Parameters and buffers share one set of names: they lie in one file. */
static ddla_status check_free(const ddla_graph *graph, const char *name) {
  for (int i = 0; i < graph->parameter_count; i++)
    if (strcmp(graph->parameter[i].name, name) == 0)
      return DDLA_FAIL(INVALID, "this graph already has a parameter named %s", name);
  for (int i = 0; i < graph->buffer_count; i++)
    if (strcmp(graph->buffer[i].name, name) == 0)
      return DDLA_FAIL(INVALID, "this graph already has a buffer named %s", name);
  return DDLA_OK;
}

/* Takes a row's place in a flat space that has *space elements so far. */
static void place_row(ddla_graph_parameter_row *row, int64_t *space) {
  int64_t alignment = DDLA_PARAMETER_ALIGNMENT;
  row->offset = *space;
  *space += (row->count + alignment - 1) / alignment * alignment;
}

static void fill_row(ddla_graph_parameter_row *row, const char *name, const ddla_shape *shape,
                     const ddla_init *init) {
  snprintf(row->name, sizeof row->name, "%s", name);
  row->shape = *shape;
  row->init = *init;
  row->count = ddla_shape_count(shape);
}

/* Parameters in the order in which they were made; those by row behind the others, at a block's
 * border, so that norms and pieces of the others do not see them. */
static void place_parameters(ddla_graph *graph) {
  const int64_t block = DDLA_STATE_BLOCK;
  bool by_row = false;
  graph->space = 0;
  for (int p = 0; p < graph->parameter_count; p++) {
    by_row |= graph->parameter[p].by_row;
    if (!graph->parameter[p].by_row) place_row(&graph->parameter[p], &graph->space);
  }
  graph->dense = graph->space;
  if (!by_row) return;
  graph->space = graph->space > 0 ? (graph->space + block - 1) / block * block : block;
  graph->dense = graph->space;
  for (int p = 0; p < graph->parameter_count; p++)
    if (graph->parameter[p].by_row) place_row(&graph->parameter[p], &graph->space);
}

ddla_status ddla_graph_parameter(ddla_value *out, ddla_graph *graph, const char *name,
                                 const ddla_shape *shape, const ddla_init *init) {
  DDLA_TRY(check_name(name));
  DDLA_TRY(check_shape(name, shape));
  DDLA_TRY(check_free(graph, name));
  DDLA_TRY(GROW(graph, parameter));
  ddla_value value = 0;
  DDLA_TRY(add_value(
      &value, graph,
      &(ddla_graph_value){DDLA_VALUE_PARAMETER, DDLA_F32, *shape, graph->parameter_count, -1}));
  ddla_graph_parameter_row *row = &graph->parameter[graph->parameter_count++];
  fill_row(row, name, shape, init);
  row->value = value;
  place_parameters(graph);
  *out = value;
  return DDLA_OK;
}

ddla_status ddla_graph_buffer(ddla_value *out, ddla_graph *graph, const char *name,
                              const ddla_shape *shape, const ddla_init *init) {
  DDLA_TRY(check_name(name));
  DDLA_TRY(check_shape(name, shape));
  DDLA_TRY(check_free(graph, name));
  DDLA_TRY(GROW(graph, buffer));
  ddla_value value = 0;
  DDLA_TRY(
      add_value(&value, graph,
                &(ddla_graph_value){DDLA_VALUE_BUFFER, DDLA_F32, *shape, -1, graph->buffer_count}));
  ddla_graph_parameter_row *row = &graph->buffer[graph->buffer_count++];
  fill_row(row, name, shape, init);
  row->value = value;
  place_row(row, &graph->buffer_space);
  *out = value;
  return DDLA_OK;
}

ddla_status ddla_graph_sparse(ddla_graph *graph, ddla_value parameter) {
  if (parameter < 0 || parameter >= graph->value_count ||
      graph->value[parameter].kind != DDLA_VALUE_PARAMETER)
    return DDLA_FAIL(INVALID, "a sparse gradient is for parameters; value %d is none", parameter);
  ddla_graph_parameter_row *row = &graph->parameter[graph->value[parameter].parameter];
  if (row->shape.rank != 2 || row->shape.dim[0] > INT32_MAX)
    return DDLA_FAIL(INVALID,
                     "%s: a sparse gradient is for tables [rows, width] of at most 2^31 "
                     "rows",
                     row->name);
  row->by_row = true;
  place_parameters(graph);
  return DDLA_OK;
}

ddla_status ddla_graph_touched(int64_t *out, const ddla_graph *graph, int parameter) {
  const ddla_graph_parameter_row *row = &graph->parameter[parameter];
  int64_t touched = 0;
  for (int u = 0; u < graph->use_count; u++) {
    const ddla_graph_op_use *use = &graph->use[u];
    for (int i = 0; i < use->input_count; i++) {
      if (use->input[i] != row->value) continue;
      if (strcmp(use->op->name, "embedding") != 0 || i != 1)
        return DDLA_FAIL(INVALID,
                         "%s has a sparse gradient, but is also read by the op %s; only embeddings "
                         "may read such a table",
                         row->name, use->op->name);
      touched += ddla_shape_count(&graph->value[use->input[0]].shape);
    }
  }
  if (touched == 0)
    return DDLA_FAIL(INVALID, "%s has a sparse gradient, but no embedding reads it", row->name);
  *out = touched;
  return DDLA_OK;
}

/* The row of a buffer [channels] that no statistic moves yet. */
static ddla_status find_buffer(const ddla_graph_parameter_row **out, const ddla_graph *graph,
                               ddla_value value, int64_t channels) {
  if (value < 0 || value >= graph->value_count || graph->value[value].kind != DDLA_VALUE_BUFFER)
    return DDLA_FAIL(INVALID, "a statistic moves buffers; value %d is none", value);
  const ddla_graph_parameter_row *row = &graph->buffer[graph->value[value].buffer];
  if (row->count != channels)
    return DDLA_FAIL(INVALID, "buffer %s has %lld elements, but its statistic %lld channels",
                     row->name, (long long)row->count, (long long)channels);
  for (int i = 0; i < graph->statistic_count; i++)
    if (graph->statistic[i].rule.mean == row->offset ||
        graph->statistic[i].rule.variance == row->offset)
      return DDLA_FAIL(INVALID, "buffer %s has a statistic already", row->name);
  *out = row;
  return DDLA_OK;
}

ddla_status ddla_graph_statistic(ddla_graph *graph, ddla_value record, ddla_value mean,
                                 ddla_value variance, double momentum) {
  const ddla_graph_parameter_row *row[2] = {NULL, NULL};
  if (record < 0 || record >= graph->value_count ||
      graph->value[record].kind != DDLA_VALUE_RESULT || graph->value[record].dtype != DDLA_F64 ||
      ddla_shape_count(&graph->value[record].shape) % 2 != 1)
    return DDLA_FAIL(INVALID, "a statistic's record is an op's result f64 [1 + 2 C]");
  if (!(momentum >= 0 && momentum <= 1))
    return DDLA_FAIL(INVALID, "momentum is %g; it can be 0 to 1", momentum);
  const int64_t count = ddla_shape_count(&graph->value[record].shape), channels = (count - 1) / 2;
  DDLA_TRY(find_buffer(&row[0], graph, mean, channels));
  DDLA_TRY(find_buffer(&row[1], graph, variance, channels));
  DDLA_TRY(GROW(graph, statistic));
  graph->statistic[graph->statistic_count++] =
      (ddla_graph_statistic_row){.record = record,
                                 .rule = {.channels = channels,
                                          .record = graph->record_space,
                                          .mean = row[0]->offset,
                                          .variance = row[1]->offset,
                                          .momentum = momentum}};
  graph->record_space += count;
  return DDLA_OK;
}

ddla_status ddla_graph_call(ddla_op_call *call, const ddla_graph *graph,
                            const ddla_graph_op_use *use, const ddla_shape *shape) {
  *call = (ddla_op_call){.op = use->op, .attrs = use->attrs, .input_count = use->input_count};
  for (int i = 0; i < use->input_count; i++) {
    call->parameter_id[i] = -1;
    ddla_value value = use->input[i];
    if (value == DDLA_NO_VALUE) continue;
    call->present[i] = true;
    call->parameter_id[i] = graph->value[value].parameter;
    call->input[i].dtype = graph->value[value].dtype;
    call->input[i].shape = shape[value];
  }
  return ddla_op_infer(call);
}

static ddla_status infer_use(ddla_op_call *call, const ddla_graph *graph,
                             const ddla_graph_op_use *use) {
  ddla_shape *shape = NULL;
  DDLA_TRY(DDLA_NEW(shape, graph->value_count));
  for (int i = 0; i < graph->value_count; i++) shape[i] = graph->value[i].shape;
  ddla_status status = ddla_graph_call(call, graph, use, shape);
  ddla_free(shape);
  return status;
}

static ddla_status check_inputs(const ddla_graph *graph, const char *op, const ddla_value *inputs,
                                int count) {
  if (count < 1 || count > DDLA_OP_INPUTS_MAX)
    return DDLA_FAIL(INVALID, "%s: an op takes 1 to %d inputs, not %d", op, DDLA_OP_INPUTS_MAX,
                     count);
  for (int i = 0; i < count; i++)
    if (inputs[i] < DDLA_NO_VALUE || inputs[i] >= graph->value_count)
      return DDLA_FAIL(INVALID, "%s: input %d is not a value of this graph", op, i);
  return DDLA_OK;
}

void ddla_graph_set_plugins(ddla_graph *graph, const ddla_plugins *plugins) {
  graph->plugins = plugins;
}

const ddla_op *ddla_graph_find_op(const ddla_graph *graph, const char *name) {
  const ddla_op *found = ddla_op_find(name);
  return found ? found : ddla_plugins_op(graph->plugins, name);
}

bool ddla_graph_has(const ddla_graph *graph, ddla_value value) {
  return value >= 0 && value < graph->value_count;
}

bool ddla_graph_is_input(const ddla_graph *graph, ddla_value value) {
  return ddla_graph_has(graph, value) && graph->value[value].kind == DDLA_VALUE_INPUT;
}

/* Adds a use of an op that is known to be whole. */
static ddla_status add_use(ddla_value *out, ddla_graph *graph, const ddla_op *op,
                           const ddla_value *inputs, int input_count, const ddla_attrs *attrs) {
  ddla_graph_op_use use = {.op = op, .input_count = input_count};
  DDLA_TRY(check_inputs(graph, op->name, inputs, input_count));
  if (attrs) use.attrs = *attrs;
  for (int i = 0; i < input_count; i++) use.input[i] = inputs[i];
  ddla_op_call call = {0};
  DDLA_TRY(infer_use(&call, graph, &use));
  DDLA_TRY(GROW(graph, use));
  use.output_count = call.output_count;
  for (int i = 0; i < call.output_count; i++)
    DDLA_TRY(add_value(&use.output[i], graph,
                       &(ddla_graph_value){DDLA_VALUE_RESULT, call.output[i].dtype,
                                           call.output[i].shape, -1, -1}));
  graph->use[graph->use_count++] = use;
  for (int i = 0; i < use.output_count; i++) out[i] = use.output[i];
  return DDLA_OK;
}

ddla_status ddla_graph_op(ddla_value *out, ddla_graph *graph, const char *op,
                          const ddla_value *inputs, int input_count, const ddla_attrs *attrs) {
  const ddla_op *found = ddla_graph_find_op(graph, op);
  if (!found)
    return DDLA_FAIL(INVALID, "there is no op named \"%s\"; `ddla info ops` lists them", op);
  return add_use(out, graph, found, inputs, input_count, attrs);
}

ddla_status ddla_graph_use(ddla_value *out, ddla_graph *graph, const ddla_op *op,
                           const ddla_value *inputs, int input_count, const ddla_attrs *attrs) {
  DDLA_TRY(ddla_op_check_row(op));
  return add_use(out, graph, op, inputs, input_count, attrs);
}

ddla_status ddla_graph_output(ddla_graph *graph, const char *name, ddla_value value) {
  DDLA_TRY(check_name(name));
  if (value < 0 || value >= graph->value_count)
    return DDLA_FAIL(INVALID, "output %s: %d is not a value of this graph", name, value);
  if (ddla_graph_find(graph, name) != DDLA_NO_VALUE)
    return DDLA_FAIL(INVALID, "the name %s is taken in this graph", name);
  DDLA_TRY(GROW(graph, output));
  ddla_graph_name *row = &graph->output[graph->output_count++];
  snprintf(row->name, sizeof row->name, "%s", name);
  row->value = value;
  return DDLA_OK;
}

ddla_shape ddla_graph_shape(const ddla_graph *graph, ddla_value value) {
  DDLA_ASSERT(value >= 0 && value < graph->value_count);
  return graph->value[value].shape;
}

ddla_dtype ddla_graph_dtype(const ddla_graph *graph, ddla_value value) {
  DDLA_ASSERT(value >= 0 && value < graph->value_count);
  return graph->value[value].dtype;
}

int64_t ddla_graph_space(const ddla_graph *graph) { return graph->space; }

int64_t ddla_graph_buffer_space(const ddla_graph *graph) { return graph->buffer_space; }

int64_t ddla_graph_parameter_total(const ddla_graph *graph) {
  int64_t total = 0;
  for (int i = 0; i < graph->parameter_count; i++) total += graph->parameter[i].count;
  return total;
}

static float start_value(const ddla_init *init, ddla_rng *rng) {
  switch (init->kind) {
  case DDLA_INIT_ZEROS: return 0;
  case DDLA_INIT_ONES: return 1;
  case DDLA_INIT_UNIFORM: return (float)((2.0 * ddla_rng_uniform(rng) - 1.0) * init->scale);
  case DDLA_INIT_NORMAL: return (float)(ddla_rng_normal(rng) * init->scale);
  }
  return 0;
}

/* The last number of the key tells buffers from parameters. */
static void start_row(const ddla_graph_parameter_row *row, ddla_rng rng, float *space) {
  for (int64_t i = 0; i < row->count; i++) space[row->offset + i] = start_value(&row->init, &rng);
}

void ddla_graph_initialise(const ddla_graph *graph, uint64_t seed, float *theta) {
  memset(theta, 0, (size_t)graph->space * sizeof *theta);
  for (int p = 0; p < graph->parameter_count; p++)
    start_row(&graph->parameter[p],
              ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_INIT, (uint64_t)p, 0)), theta);
}

void ddla_graph_initialise_buffers(const ddla_graph *graph, uint64_t seed, float *buffers) {
  if (graph->buffer_space) memset(buffers, 0, (size_t)graph->buffer_space * sizeof *buffers);
  for (int b = 0; b < graph->buffer_count; b++)
    start_row(&graph->buffer[b],
              ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_INIT, (uint64_t)b, 1)), buffers);
}
