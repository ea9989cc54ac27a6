/* The compiler: forward steps in the graph's order, then the backward pass in reverse (Linnainmaa
 * 1970), with the places of all arrays and the steps between which they are alive. */
#include "graph/plan.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/plan_parts.h"
#include "graph/rewrite.h"

/* What only the compiler needs. */
typedef struct plan_draft {
  ddla_plan *plan;
  bool *needs;   /* by value: depends on a parameter, so its gradient can be wanted */
  bool *reached; /* by value: the loss depends on it */
  int *readers;  /* by value: uses (counted per input) through which gradient comes back to it */
  int *grad;     /* by value: buffer of its gradient, or -1 */
  int *missing;  /* by parameter: contributions still to come */
  bool *summed;  /* by parameter by row: a contribution is in its list */
} plan_draft;

static ddla_status add_step(ddla_plan *plan, plan_step step) {
  if (plan->step_count == plan->step_room) {
    int room = plan->step_room ? 2 * plan->step_room : 64;
    plan_step *larger = NULL;
    DDLA_TRY(DDLA_NEW(larger, room));
    if (plan->step_count) memcpy(larger, plan->step, (size_t)plan->step_count * sizeof step);
    ddla_free(plan->step);
    plan->step = larger;
    plan->step_room = room;
  }
  plan->step[plan->step_count++] = step;
  return DDLA_OK;
}

/* Index of the step that add_step will make next. */
static int now(const ddla_plan *plan) { return plan->step_count; }

static void touch(ddla_plan *plan, int buffer) {
  if (buffer < 0) return;
  plan_buffer *row = &plan->buffer[buffer];
  if (now(plan) < row->first) row->first = now(plan);
  if (now(plan) > row->last) row->last = now(plan);
}

static ddla_status add_buffer(int *out, ddla_plan *plan, size_t bytes) {
  if (plan->buffer_count == plan->buffer_room) {
    int room = plan->buffer_room ? 2 * plan->buffer_room : 64;
    plan_buffer *larger = NULL;
    DDLA_TRY(DDLA_NEW(larger, room));
    if (plan->buffer_count)
      memcpy(larger, plan->buffer, (size_t)plan->buffer_count * sizeof *larger);
    ddla_free(plan->buffer);
    plan->buffer = larger;
    plan->buffer_room = room;
  }
  plan->buffer[plan->buffer_count] =
      (plan_buffer){.bytes = bytes, .first = now(plan), .last = now(plan)};
  *out = plan->buffer_count++;
  return DDLA_OK;
}

static size_t value_bytes(const ddla_plan *plan, ddla_value value) {
  return (size_t)ddla_shape_count(&plan->shape[value]) *
         ddla_dtype_bytes(plan->graph->value[value].dtype);
}

/* Inputs and parameters get their places; inputs are written before the first step. */
static ddla_status place_sources(ddla_plan *plan) {
  const ddla_graph *graph = plan->graph;
  for (int v = 0; v < graph->value_count; v++) {
    plan->shape[v] = graph->value[v].shape;
    if (graph->value[v].kind == DDLA_VALUE_PARAMETER)
      plan->place[v] =
          (plan_place){PLACE_PARAMETER, -1, graph->parameter[graph->value[v].parameter].offset};
    if (graph->value[v].kind == DDLA_VALUE_BUFFER)
      plan->place[v] = (plan_place){PLACE_BUFFER, -1, graph->buffer[graph->value[v].buffer].offset};
    if (graph->value[v].kind != DDLA_VALUE_INPUT) continue;
    plan->shape[v].dim[0] = plan->options.batch;
    plan->place[v].kind = PLACE_ARENA;
    DDLA_TRY(add_buffer(&plan->place[v].buffer, plan, value_bytes(plan, v)));
  }
  return DDLA_OK;
}

/* Whole numbers (the places beside top_k's values) have none. */
static bool has_gradient(ddla_dtype dtype) { return dtype == DDLA_F32 || dtype == DDLA_F64; }

static void mark_needs(plan_draft *draft) {
  const ddla_graph *graph = draft->plan->graph;
  if (!draft->plan->options.training) return;
  for (int v = 0; v < graph->value_count; v++)
    draft->needs[v] = graph->value[v].kind == DDLA_VALUE_PARAMETER;
  for (int u = 0; u < draft->plan->use_count; u++) {
    const ddla_graph_op_use *use = &draft->plan->use[u];
    bool needs = false;
    for (int i = 0; i < use->input_count; i++)
      needs |= use->input[i] >= 0 && draft->needs[use->input[i]];
    for (int o = 0; o < use->output_count; o++)
      draft->needs[use->output[o]] =
          needs && use->op->backward && has_gradient(graph->value[use->output[o]].dtype);
  }
}

/* Which values the loss depends on, and how many gradients will arrive at each. */
static void mark_reached(plan_draft *draft) {
  ddla_plan *plan = draft->plan;
  if (!plan->options.training) return;
  draft->reached[plan->options.loss] = true;
  for (int u = plan->use_count - 1; u >= 0; u--) {
    const ddla_graph_op_use *use = &plan->use[u];
    bool reached = false;
    for (int o = 0; o < use->output_count; o++)
      reached |= draft->reached[use->output[o]] && draft->needs[use->output[o]];
    if (!reached) continue;
    for (int i = 0; i < use->input_count; i++) {
      ddla_value value = use->input[i];
      if (value < 0 || !draft->needs[value]) continue;
      draft->reached[value] = true;
      draft->readers[value]++;
      if (plan->graph->value[value].parameter >= 0)
        draft->missing[plan->graph->value[value].parameter]++;
    }
  }
}

static bool is_by_row(const ddla_plan *plan, ddla_value value) {
  const int parameter = plan->graph->value[value].parameter;
  return parameter >= 0 && plan->graph->parameter[parameter].by_row;
}

static ddla_status prepare_op(ddla_plan *plan, plan_draft *draft, plan_op *op) {
  DDLA_TRY(ddla_graph_call(&op->call, plan->graph, op->use, plan->shape));
  ddla_op_call *call = &op->call;
  call->training = plan->options.training;
  call->precision = plan->options.precision;
  call->packs = plan->options.packs;
  for (int i = 0; i < call->input_count; i++) {
    ddla_value value = op->use->input[i];
    if (value < 0) continue;
    op->input[i] = plan->place[value];
    call->wants_grad[i] = draft->needs[value] && draft->reached[value];
    if (call->wants_grad[i] && is_by_row(plan, value)) {
      op->rows = plan->graph->value[value].parameter;
      call->wants_grad[i] = false; /* the plan makes it, not the kernel */
    }
  }
  DDLA_TRY(ddla_op_infer(call)); /* again: training and wanted gradients may matter to it */
  op->kernel = ddla_kernel_choose(call, plan->options.kernel);
  DDLA_TRY(op->kernel->prepare(&op->state, call));
  op->prepared = true;
  return DDLA_OK;
}

static ddla_status place_outputs(ddla_plan *plan, plan_op *op) {
  for (int o = 0; o < op->call.output_count; o++) {
    ddla_value value = op->use->output[o];
    plan->shape[value] = op->call.output[o].shape;
    if (o == 0 && op->call.alias >= 0) {
      plan->place[value] = op->input[op->call.alias];
    } else {
      plan->place[value].kind = PLACE_ARENA;
      DDLA_TRY(add_buffer(&plan->place[value].buffer, plan, value_bytes(plan, value)));
    }
    op->output[o] = plan->place[value];
  }
  return DDLA_OK;
}

static void touch_place(ddla_plan *plan, const plan_place *place) {
  if (place->kind == PLACE_ARENA) touch(plan, place->buffer);
}

static ddla_status compile_forward(ddla_plan *plan, plan_draft *draft, int index) {
  plan_op *op = &plan->op[index];
  op->use = &plan->use[index];
  op->saved = op->scratch[0] = op->scratch[1] = op->rows = -1;
  DDLA_TRY(prepare_op(plan, draft, op));
  DDLA_TRY(place_outputs(plan, op));
  if (op->call.alias >= 0) return DDLA_OK;
  if (op->call.saved_bytes) DDLA_TRY(add_buffer(&op->saved, plan, op->call.saved_bytes));
  if (op->call.scratch_bytes) DDLA_TRY(add_buffer(&op->scratch[0], plan, op->call.scratch_bytes));
  for (int i = 0; i < op->call.input_count; i++) touch_place(plan, &op->input[i]);
  return add_step(plan, (plan_step){.kind = STEP_FORWARD, .op = index});
}

/* Gradient arrives at `value` in buffer `from`: the first one is taken over where nobody else sends
 * one or nobody else reads it (`is_own`; an alias's is read elsewhere too), else copied; others are
 * added. */
static ddla_status join_gradient(ddla_plan *plan, plan_draft *draft, ddla_value value, int from,
                                 bool is_own) {
  if (draft->grad[value] < 0 && (is_own || draft->readers[value] == 1)) {
    draft->grad[value] = from;
    return DDLA_OK;
  }
  plan_step_kind kind = STEP_ADD;
  if (draft->grad[value] < 0) {
    kind = STEP_COPY;
    DDLA_TRY(add_buffer(&draft->grad[value], plan, value_bytes(plan, value)));
  }
  touch(plan, from);
  touch(plan, draft->grad[value]);
  return add_step(plan, (plan_step){.kind = kind,
                                    .to = draft->grad[value],
                                    .from = from,
                                    .count = ddla_shape_count(&plan->shape[value])});
}

/* After a contribution to a parameter used several times: its sum goes to the flat gradients with
 * the last one. */
static ddla_status finish_parameter(ddla_plan *plan, plan_draft *draft, ddla_value value) {
  const ddla_graph_value *row = &plan->graph->value[value];
  if (--draft->missing[row->parameter] > 0 || draft->grad[value] < 0) return DDLA_OK;
  const ddla_graph_parameter_row *parameter = &plan->graph->parameter[row->parameter];
  touch(plan, draft->grad[value]);
  return add_step(plan, (plan_step){.kind = STEP_STORE,
                                    .from = draft->grad[value],
                                    .offset = parameter->offset,
                                    .count = parameter->count});
}

/* Where backward of op writes the gradient of its input i. */
static ddla_status place_input_grad(ddla_plan *plan, plan_draft *draft, plan_op *op, int i) {
  ddla_value value = op->use->input[i];
  plan_place *place = &op->input_grad[i];
  const ddla_graph_value *row = &plan->graph->value[value];
  op->call.input_grad[i] = op->call.input[i];
  op->call.input_grad[i].data = NULL;
  if (row->parameter >= 0 && draft->readers[value] == 1) {
    *place = (plan_place){PLACE_GRADIENT, -1, plan->graph->parameter[row->parameter].offset};
  } else {
    place->kind = PLACE_ARENA;
  }
  return add_buffer(&place->buffer, plan, value_bytes(plan, value));
}

static ddla_status join_input_grads(ddla_plan *plan, plan_draft *draft, const plan_op *op) {
  for (int i = 0; i < op->call.input_count; i++) {
    if (!op->call.wants_grad[i]) continue;
    ddla_value value = op->use->input[i];
    int buffer = op->input_grad[i].buffer;
    if (op->input_grad[i].kind == PLACE_ARENA)
      DDLA_TRY(join_gradient(plan, draft, value, buffer, true));
    if (plan->graph->value[value].parameter >= 0) DDLA_TRY(finish_parameter(plan, draft, value));
  }
  return DDLA_OK;
}

static bool sends_gradient(const plan_draft *draft, const plan_op *op) {
  for (int o = 0; o < op->call.output_count; o++)
    if (draft->grad[op->use->output[o]] >= 0) return true;
  return false;
}

static void touch_backward(ddla_plan *plan, plan_draft *draft, plan_op *op) {
  for (int o = 0; o < op->call.output_count; o++) {
    if (op->call.backward_reads_output[o]) touch_place(plan, &op->output[o]);
    int grad = draft->grad[op->use->output[o]];
    if (grad < 0) continue;
    op->output_grad[o] = (plan_place){PLACE_ARENA, grad, 0};
    op->call.output_grad[o] = op->call.output[o];
    op->call.output_grad[o].data = NULL;
    touch(plan, grad);
  }
  for (int i = 0; i < op->call.input_count; i++)
    if (op->call.backward_reads_input[i]) touch_place(plan, &op->input[i]);
  touch(plan, op->saved);
}

/* The gradient of an embedding's table by row, from its indices and the gradient of its output. */
static ddla_status compile_rows(ddla_plan *plan, plan_draft *draft, const plan_op *op, int index) {
  const int64_t count = ddla_shape_count(&op->call.input[0].shape);
  plan_step step = {.kind = STEP_ROWS, .op = index, .to = draft->summed[op->rows]};
  touch_place(plan, &op->input[0]);
  DDLA_TRY(
      add_buffer(&step.from, plan, ddla_plan_rows_bytes(count, op->call.input[1].shape.dim[1])));
  draft->summed[op->rows] = true;
  draft->missing[op->rows]--;
  return add_step(plan, step);
}

static bool wants_any(const ddla_op_call *call) {
  for (int i = 0; i < call->input_count; i++)
    if (call->wants_grad[i]) return true;
  return false;
}

static ddla_status compile_backward(ddla_plan *plan, plan_draft *draft, int index) {
  plan_op *op = &plan->op[index];
  if (!sends_gradient(draft, op)) return DDLA_OK;
  int alias = op->call.alias;
  if (alias >= 0) {
    if (!op->call.wants_grad[alias]) return DDLA_OK;
    ddla_value value = op->use->input[alias];
    DDLA_TRY(join_gradient(plan, draft, value, draft->grad[op->use->output[0]], false));
    return plan->graph->value[value].parameter >= 0 ? finish_parameter(plan, draft, value)
                                                    : DDLA_OK;
  }
  touch_backward(plan, draft, op);
  if (op->rows >= 0) DDLA_TRY(compile_rows(plan, draft, op, index));
  if (op->rows >= 0 && !wants_any(&op->call)) return DDLA_OK;
  touch_backward(plan, draft, op);
  if (op->call.scratch_bytes) DDLA_TRY(add_buffer(&op->scratch[1], plan, op->call.scratch_bytes));
  for (int i = 0; i < op->call.input_count; i++)
    if (op->call.wants_grad[i]) DDLA_TRY(place_input_grad(plan, draft, op, i));
  DDLA_TRY(add_step(plan, (plan_step){.kind = STEP_BACKWARD, .op = index}));
  return join_input_grads(plan, draft, op);
}

/* Elements at this place and above belong to parameters that have all their gradients. */
static int64_t final_from(const ddla_plan *plan, const plan_draft *draft) {
  int64_t from = 0;
  for (int p = 0; p < plan->graph->parameter_count; p++) {
    const ddla_graph_parameter_row *row = &plan->graph->parameter[p];
    if (draft->missing[p] == 0) continue;
    const int64_t end = row->by_row ? 1 : row->offset + row->count; /* lists come with the last */
    if (end > from) from = end;
  }
  return from;
}

static ddla_status clear_unreached(ddla_plan *plan, const plan_draft *draft) {
  for (int p = 0; p < plan->graph->parameter_count; p++) {
    const ddla_graph_parameter_row *row = &plan->graph->parameter[p];
    if (draft->missing[p] > 0) continue;
    plan_step step = {.kind = STEP_ZERO, .offset = row->offset, .count = row->count};
    if (row->by_row) step = (plan_step){.kind = STEP_NO_ROWS, .to = p};
    DDLA_TRY(add_step(plan, step));
  }
  return DDLA_OK;
}

static ddla_status check_loss(const ddla_plan *plan) {
  ddla_value loss = plan->options.loss;
  if (loss < 0 || loss >= plan->graph->value_count)
    return DDLA_FAIL(INVALID, "the loss of a training plan must be a value of the graph");
  ddla_dtype dtype = plan->graph->value[loss].dtype;
  if (ddla_shape_count(&plan->shape[loss]) == 1 && (dtype == DDLA_F64 || dtype == DDLA_F32))
    return DDLA_OK;
  char text[96];
  return DDLA_FAIL(INVALID, "the loss must be one number, but has shape %s",
                   ddla_shape_text(text, sizeof text, &plan->shape[loss]));
}

static ddla_status check_rows(const ddla_graph *graph) {
  int64_t touched = 0;
  for (int p = 0; p < graph->parameter_count; p++)
    if (graph->parameter[p].by_row) DDLA_TRY(ddla_graph_touched(&touched, graph, p));
  return DDLA_OK;
}

static ddla_status compile_training(ddla_plan *plan, plan_draft *draft) {
  DDLA_TRY(check_loss(plan));
  DDLA_TRY(check_rows(plan->graph));
  ddla_value loss = plan->options.loss;
  DDLA_TRY(clear_unreached(plan, draft));
  DDLA_TRY(add_buffer(&draft->grad[loss], plan, value_bytes(plan, loss)));
  DDLA_TRY(add_step(plan, (plan_step){.kind = STEP_SEED, .to = draft->grad[loss]}));
  int64_t final = plan->graph->space + 1;
  for (int u = plan->use_count - 1; u >= 0; u--) {
    DDLA_TRY(compile_backward(plan, draft, u));
    int64_t from = final_from(plan, draft);
    if (from >= final) continue;
    final = from;
    DDLA_TRY(add_step(plan, (plan_step){.kind = STEP_FINAL, .offset = from}));
  }
  if (final > 0) return add_step(plan, (plan_step){.kind = STEP_FINAL, .offset = 0});
  return DDLA_OK;
}

static ddla_status compile(ddla_plan *plan, plan_draft *draft) {
  DDLA_TRY(place_sources(plan));
  mark_needs(draft);
  mark_reached(draft);
  for (int u = 0; u < plan->use_count; u++) DDLA_TRY(compile_forward(plan, draft, u));
  if (plan->options.training) DDLA_TRY(compile_training(plan, draft));
  for (int i = 0; i < plan->graph->output_count; i++)
    touch_place(plan, &plan->place[plan->graph->output[i].value]);
  for (int i = 0; i < plan->graph->input_count; i++)
    touch_place(plan, &plan->place[plan->graph->input[i].value]);
  for (int i = 0; i < plan->graph->statistic_count; i++)
    touch_place(plan, &plan->place[plan->graph->statistic[i].record]);
  return ddla_plan_lay_out(plan);
}

static ddla_status draft_compile(ddla_plan *plan) {
  plan_draft draft = {.plan = plan};
  ddla_status status = DDLA_OK;
  int values = plan->graph->value_count, parameters = plan->graph->parameter_count;
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.needs, values));
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.reached, values));
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.readers, values));
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.grad, values));
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.missing, parameters));
  DDLA_TRY_CLEAN(status, DDLA_NEW(draft.summed, parameters));
  for (int v = 0; v < values; v++) draft.grad[v] = -1;
  DDLA_TRY_CLEAN(status, compile(plan, &draft));
cleanup:
  ddla_free(draft.needs);
  ddla_free(draft.reached);
  ddla_free(draft.readers);
  ddla_free(draft.grad);
  ddla_free(draft.missing);
  ddla_free(draft.summed);
  return status;
}

/* "conv2d forward conv2": an op with parameters bears the name of the first one's layer. */
static void name_op(plan_op *op, const ddla_plan *plan) {
  static const char *const passes[] = {"forward", "backward"};
  char layer[DDLA_NAME_BYTES] = "", text[DDLA_NAME_BYTES + 48];
  for (int i = 0; i < op->use->input_count && !layer[0]; i++) {
    int parameter = plan->graph->value[op->use->input[i]].parameter;
    if (parameter < 0) continue;
    const char *name = plan->graph->parameter[parameter].name, *dot = strrchr(name, '.');
    snprintf(layer, sizeof layer, " %.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
  }
  for (int pass = 0; pass < 2; pass++) {
    snprintf(text, sizeof text, "%s %s%s", op->use->op->name, passes[pass], layer);
    op->name[pass] = ddla_watch_name(plan->options.watch, text);
  }
}

ddla_status ddla_plan_create(ddla_plan **out, const ddla_graph *graph,
                             const ddla_plan_options *options) {
  ddla_plan *plan = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(plan, 1));
  plan->graph = graph;
  plan->options = *options;
  plan->use_count = graph->use_count;
  DDLA_TRY_CLEAN(status, DDLA_NEW(plan->use, graph->use_count));
  if (graph->use_count) memcpy(plan->use, graph->use, (size_t)graph->use_count * sizeof *plan->use);
  if (!options->plain) ddla_graph_rewrite(graph, plan->use, &plan->use_count);
  DDLA_TRY_CLEAN(status, DDLA_NEW(plan->op, plan->use_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(plan->place, graph->value_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(plan->shape, graph->value_count));
  DDLA_TRY_CLEAN(status, draft_compile(plan));
  for (int u = 0; plan->options.watch && u < plan->use_count; u++) name_op(&plan->op[u], plan);
  *out = plan;
  return DDLA_OK;
cleanup:
  ddla_plan_destroy(plan);
  return status;
}

void ddla_plan_destroy(ddla_plan *plan) {
  if (!plan) return;
  for (int i = 0; plan->op && i < plan->use_count; i++)
    if (plan->op[i].prepared) plan->op[i].kernel->destroy(plan->op[i].state);
  ddla_free(plan->use);
  ddla_free(plan->op);
  ddla_free(plan->step);
  ddla_free(plan->buffer);
  ddla_free(plan->place);
  ddla_free(plan->shape);
  ddla_free(plan);
}
