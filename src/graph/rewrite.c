#include "graph/rewrite.h"

#include <string.h>

static bool is_op(const ddla_graph_op_use *use, const char *name) {
  return strcmp(use->op->name, name) == 0;
}

static bool is_output(const ddla_graph *graph, ddla_value value) {
  for (int i = 0; i < graph->output_count; i++)
    if (graph->output[i].value == value) return true;
  return false;
}

/* The one use that reads value, or -1 where none or several do or the value can be seen from
 * outside. */
static int only_reader(const ddla_graph *graph, const ddla_graph_op_use *uses, int count,
                       ddla_value value) {
  if (is_output(graph, value)) return -1;
  int found = -1;
  for (int u = 0; u < count; u++) {
    for (int i = 0; i < uses[u].input_count; i++) {
      if (uses[u].input[i] != value) continue;
      if (found >= 0) return -1;
      found = u;
    }
  }
  return found;
}

static void remove_use(ddla_graph_op_use *uses, int *count, int index) {
  memmove(&uses[index], &uses[index + 1], (size_t)(*count - index - 1) * sizeof *uses);
  (*count)--;
}

/* x -relu-> r -max_pool-> p becomes x -max_pool-> r -relu-> p. The maximum of clipped values is the
 * clipped maximum, and the gradient reaches the same first maximum where the result is positive,
 * else nothing. The value r takes the pooled shape; shapes are inferred anew from the rewritten
 * uses. */
static bool move_relu(const ddla_graph *graph, ddla_graph_op_use *uses, int count, int index) {
  if (!is_op(&uses[index], "relu")) return false;
  int reader = only_reader(graph, uses, count, uses[index].output[0]);
  if (reader < 0 || !is_op(&uses[reader], "max_pool")) return false;
  ddla_graph_op_use relu = uses[index], pool = uses[reader];
  pool.input[0] = relu.input[0];
  pool.output[0] = relu.output[0];
  relu.input[0] = pool.output[0];
  relu.output[0] = uses[reader].output[0];
  uses[index] = pool;
  uses[reader] = relu;
  return true;
}

enum { RESIDUAL = 5 }; /* input of batch_norm */

/* x -batch_norm-> n, n + r -> s becomes x, r -batch_norm-> s. The result stands where the sum
 * stood: r may be computed between the two. */
static bool fuse_add(const ddla_graph *graph, ddla_graph_op_use *uses, int *count, int index) {
  ddla_graph_op_use norm = uses[index];
  if (!is_op(&norm, "batch_norm") || norm.input_count > RESIDUAL) return false;
  if (ddla_attrs_int(&norm.attrs, "activation", 0, 0) != 0) return false;
  int reader = only_reader(graph, uses, *count, norm.output[0]);
  if (reader < 0 || !is_op(&uses[reader], "add")) return false;
  const ddla_value *sum = uses[reader].input;
  if (!ddla_shape_equal(&graph->value[sum[0]].shape, &graph->value[sum[1]].shape)) return false;
  norm.input[RESIDUAL] = sum[0] == norm.output[0] ? sum[1] : sum[0];
  norm.input_count = RESIDUAL + 1;
  norm.output[0] = uses[reader].output[0];
  uses[reader] = norm;
  remove_use(uses, count, index);
  return true;
}

static bool takes_relu(const ddla_graph_op_use *use) {
  return is_op(use, "linear") || is_op(use, "conv2d") || is_op(use, "conv1d") ||
         is_op(use, "batch_norm");
}

static bool fuse_relu(const ddla_graph *graph, ddla_graph_op_use *uses, int *count, int index) {
  if (!takes_relu(&uses[index])) return false;
  if (ddla_attrs_int(&uses[index].attrs, "activation", 0, 0) != 0) return false;
  int reader = only_reader(graph, uses, *count, uses[index].output[0]);
  if (reader < 0 || !is_op(&uses[reader], "relu")) return false;
  ddla_attrs_set_int(&uses[index].attrs, "activation", 1);
  uses[index].output[0] = uses[reader].output[0];
  remove_use(uses, count, reader);
  return true;
}

void ddla_graph_rewrite(const ddla_graph *graph, ddla_graph_op_use *uses, int *count) {
  for (int i = 0; i < *count; i++)
    while (move_relu(graph, uses, *count, i)) continue;
  for (int i = *count - 1; i >= 0; i--) fuse_add(graph, uses, count, i);
  for (int i = 0; i < *count; i++)
    while (fuse_relu(graph, uses, count, i)) continue;
}
