#include "model/summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/graph.h"

/* Whether an earlier use than number `use` reads this value. */
static bool read_before(const ddla_graph *graph, int use, ddla_value value) {
  for (int u = 0; u < use; u++)
    for (int i = 0; i < graph->use[u].input_count; i++)
      if (graph->use[u].input[i] == value) return true;
  return false;
}

static void count_parameters(ddla_summary_row *row, const ddla_graph *graph, int use) {
  for (int i = 0; i < graph->use[use].input_count; i++) {
    const ddla_value value = graph->use[use].input[i];
    if (value == DDLA_NO_VALUE || graph->value[value].kind != DDLA_VALUE_PARAMETER) continue;
    const ddla_graph_parameter_row *parameter = &graph->parameter[graph->value[value].parameter];
    const char *point = strrchr(parameter->name, '.');
    if (!row->name[0])
      memcpy(row->name, parameter->name,
             point ? (size_t)(point - parameter->name) : strlen(parameter->name));
    if (!read_before(graph, use, value)) row->parameters += parameter->count;
  }
}

static ddla_status fill(ddla_summary *summary, const ddla_graph *graph, const ddla_shape *shape) {
  for (int u = 0; u < graph->use_count; u++) {
    const ddla_graph_op_use *use = &graph->use[u];
    ddla_summary_row *row = &summary->rows[u];
    *row = (ddla_summary_row){.kind = use->op->name, .shape = shape[use->output[0]]};
    count_parameters(row, graph, u);
    ddla_op_call call = {0};
    DDLA_TRY(ddla_graph_call(&call, graph, use, shape));
    row->flops = use->op->flops ? use->op->flops(&call) : 0;
    summary->flops += row->flops;
  }
  summary->count = graph->use_count;
  summary->parameters = ddla_graph_parameter_total(graph);
  for (int i = 0; i < graph->buffer_count; i++) summary->buffers += graph->buffer[i].count;
  return DDLA_OK;
}

ddla_status ddla_summary_init(ddla_summary *out, const ddla_graph *graph) {
  ddla_status status = DDLA_OK;
  ddla_summary made = {0};
  ddla_shape *shape = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(shape, graph->value_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made.rows, graph->use_count));
  for (int i = 0; i < graph->value_count; i++) shape[i] = graph->value[i].shape;
  DDLA_TRY_CLEAN(status, fill(&made, graph, shape));
  *out = made;
cleanup:
  if (status != DDLA_OK) ddla_summary_fini(&made);
  ddla_free(shape);
  return status;
}

void ddla_summary_fini(ddla_summary *summary) {
  ddla_free(summary->rows);
  *summary = (ddla_summary){0};
}

typedef struct summary_text {
  char text[32];
} summary_text;

/* 421642 as "421,642". */
static summary_text with_commas(int64_t value) {
  char digits[24];
  summary_text out = {.text = ""};
  const int length = snprintf(digits, sizeof digits, "%" PRId64, value);
  for (int i = 0, to = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) out.text[to++] = ',';
    out.text[to++] = digits[i];
  }
  return out;
}

static summary_text flops_text(double flops) {
  summary_text out = {.text = ""};
  const char *unit = flops >= 1e9 ? "G" : flops >= 1e6 ? "M" : flops >= 1e3 ? "k" : "";
  const double scale = flops >= 1e9 ? 1e9 : flops >= 1e6 ? 1e6 : flops >= 1e3 ? 1e3 : 1;
  if (flops > 0)
    snprintf(out.text, sizeof out.text, "%.*f %s", scale > 1 ? 2 : 0, flops / scale, unit);
  return out;
}

void ddla_summary_print(const ddla_summary *summary, FILE *file) {
  static const char *const format = "%-22s %-20s %-24s %14s %10s\n";
  fprintf(file, format, "layer", "kind", "output of one sample", "parameters", "flops");
  for (int i = 0; i < summary->count; i++) {
    const ddla_summary_row *row = &summary->rows[i];
    char shape[96];
    fprintf(file, format, row->name[0] ? row->name : "-", row->kind,
            ddla_shape_text(shape, sizeof shape, &row->shape),
            row->parameters ? with_commas(row->parameters).text : "", flops_text(row->flops).text);
  }
  fprintf(file, format, "total", "", "", with_commas(summary->parameters).text,
          flops_text(summary->flops).text);
  if (summary->buffers)
    fprintf(file, format, "not trained", "", "", with_commas(summary->buffers).text, "");
}
