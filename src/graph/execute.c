/* Running a plan: pointers are set once for the arena, per run for parameters and gradients. */
#include <stdio.h>
#include <string.h>

#include "backend/vector.h"
#include "base/assert.h"
#include "graph/plan_parts.h"

static void *arena_at(const ddla_plan *plan, int buffer) {
  if (buffer < 0) return NULL;
  return plan->buffer[buffer].lent ? plan->buffer[buffer].lent
                                   : plan->arena + plan->buffer[buffer].offset;
}

static void bind_place(const ddla_plan *plan, ddla_tensor *tensor, const plan_place *place) {
  if (place->kind == PLACE_ARENA) tensor->data = arena_at(plan, place->buffer);
}

void ddla_plan_bind(ddla_plan *plan, void *arena) {
  plan->arena = arena;
  for (int i = 0; i < plan->use_count; i++) {
    plan_op *op = &plan->op[i];
    for (int k = 0; k < op->call.input_count; k++) {
      bind_place(plan, &op->call.input[k], &op->input[k]);
      bind_place(plan, &op->call.input_grad[k], &op->input_grad[k]);
    }
    for (int k = 0; k < op->call.output_count; k++) {
      bind_place(plan, &op->call.output[k], &op->output[k]);
      bind_place(plan, &op->call.output_grad[k], &op->output_grad[k]);
    }
    op->call.saved = arena_at(plan, op->saved);
  }
}

/* Ops read an input as it is or by another shape, which has the same buffer. */
void ddla_plan_lend(ddla_plan *plan, ddla_value input, void *data) {
  const plan_place *place = &plan->place[input];
  DDLA_ASSERT(plan->arena && place->kind == PLACE_ARENA && ddla_graph_is_input(plan->graph, input));
  plan->buffer[place->buffer].lent = data;
  for (int i = 0; i < plan->use_count; i++) {
    plan_op *op = &plan->op[i];
    for (int k = 0; k < op->call.input_count; k++)
      if (op->input[k].buffer == place->buffer) bind_place(plan, &op->call.input[k], &op->input[k]);
  }
}

ddla_tensor ddla_plan_value(const ddla_plan *plan, ddla_value value) {
  DDLA_ASSERT(plan->arena && plan->place[value].kind == PLACE_ARENA);
  return (ddla_tensor){arena_at(plan, plan->place[value].buffer), plan->graph->value[value].dtype,
                       plan->shape[value]};
}

static ddla_status run_forward(ddla_plan *plan, plan_op *op, const ddla_plan_run *run) {
  ddla_op_call *call = &op->call;
  for (int k = 0; k < call->input_count; k++)
    if (op->input[k].kind == PLACE_PARAMETER || op->input[k].kind == PLACE_BUFFER) {
      const float *space = op->input[k].kind == PLACE_PARAMETER ? run->parameters : run->buffers;
      const float *data = space + op->input[k].offset;
      memcpy(&call->input[k].data, &data, sizeof data); /* kernels only read inputs */
    }
  ddla_watch_op(plan->options.watch, op->name[0]);
  call->parameter_version = run->parameter_version;
  call->scratch = arena_at(plan, op->scratch[0]);
  return op->kernel->forward(op->state, call);
}

static ddla_status run_backward(ddla_plan *plan, plan_op *op, const ddla_plan_run *run) {
  ddla_op_call *call = &op->call;
  for (int k = 0; k < call->input_count; k++)
    if (op->input_grad[k].kind == PLACE_GRADIENT)
      call->input_grad[k].data = run->accumulate
                                     ? arena_at(plan, op->input_grad[k].buffer)
                                     : (void *)(run->gradients + op->input_grad[k].offset);
  ddla_watch_op(plan->options.watch, op->name[1]);
  call->scratch = arena_at(plan, op->scratch[1]);
  DDLA_TRY(op->kernel->backward(op->state, call));
  if (!run->accumulate) return DDLA_OK;
  for (int k = 0; k < call->input_count; k++)
    if (op->input_grad[k].kind == PLACE_GRADIENT)
      ddla_vector_add(run->gradients + op->input_grad[k].offset, call->input_grad[k].data,
                      ddla_shape_count(&call->input_grad[k].shape));
  return DDLA_OK;
}

static void seed(const ddla_plan *plan, int buffer) {
  if (plan->graph->value[plan->options.loss].dtype == DDLA_F64)
    *(double *)arena_at(plan, buffer) = 1.0;
  else *(float *)arena_at(plan, buffer) = 1.0F;
}

static void store(const ddla_plan *plan, const plan_step *step, const ddla_plan_run *run) {
  float *to = run->gradients + step->offset;
  const float *from = arena_at(plan, step->from);
  if (run->accumulate) ddla_vector_add(to, from, step->count);
  else memcpy(to, from, (size_t)step->count * sizeof *to);
}

/* Scratch of a table's gradient: two arrays of sort keys, and a list for what is added to another.
 */
size_t ddla_plan_rows_bytes(int64_t count, int64_t width) {
  return (size_t)count * (3 * sizeof(uint64_t) + (size_t)width * sizeof(float)) + sizeof(uint64_t);
}

static ddla_rows scratch_list(uint64_t *scratch, int64_t count, int64_t width) {
  int64_t *numbers = (int64_t *)(scratch + 2 * count);
  return (ddla_rows){.width = width,
                     .capacity = count,
                     .count = numbers,
                     .row = numbers + 1,
                     .value = (float *)(numbers + 1 + count)};
}

static void run_rows(const ddla_plan *plan, const plan_step *step, const ddla_plan_run *run) {
  const ddla_op_call *call = &plan->op[step->op].call;
  const ddla_rows *to = &run->rows[plan->op[step->op].rows];
  const int64_t count = ddla_shape_count(&call->input[0].shape);
  uint64_t *scratch = arena_at(plan, step->from);
  const ddla_rows_source source = {.count = count,
                                   .index = call->input[0].data,
                                   .wide = call->input[0].dtype == DDLA_I64,
                                   .value = call->output_grad[0].data,
                                   .scratch = scratch};
  if (!run->accumulate && !step->to) {
    ddla_rows_sum(to, &source);
    return;
  }
  const ddla_rows made = scratch_list(scratch, count, to->width);
  ddla_rows_sum(&made, &source);
  ddla_rows_merge(to, &made);
}

static ddla_status run_step(ddla_plan *plan, const plan_step *step, const ddla_plan_run *run) {
  size_t bytes = (size_t)step->count * sizeof(float);
  switch (step->kind) {
  case STEP_FORWARD: return run_forward(plan, &plan->op[step->op], run);
  case STEP_BACKWARD: return run_backward(plan, &plan->op[step->op], run);
  case STEP_SEED: seed(plan, step->to); break;
  case STEP_COPY: memcpy(arena_at(plan, step->to), arena_at(plan, step->from), bytes); break;
  case STEP_ADD:
    ddla_vector_add(arena_at(plan, step->to), arena_at(plan, step->from), step->count);
    break;
  case STEP_STORE: store(plan, step, run); break;
  case STEP_ZERO:
    if (!run->accumulate) memset(run->gradients + step->offset, 0, bytes);
    break;
  case STEP_ROWS: run_rows(plan, step, run); break;
  case STEP_NO_ROWS:
    if (!run->accumulate) *run->rows[step->to].count = 0;
    break;
  case STEP_FINAL:
    if (run->final) run->final(run->final_argument, step->offset);
    break;
  }
  return DDLA_OK;
}

ddla_status ddla_plan_execute(ddla_plan *plan, const ddla_plan_run *run) {
  DDLA_ASSERT(plan->arena && (!plan->options.training || run->gradients));
  DDLA_ASSERT(run->buffers || plan->graph->buffer_count == 0);
  const ddla_clock *clock = ddla_clock_monotonic();
  for (int i = 0; i < plan->step_count; i++) {
    int64_t start_ns = run->profile_ns ? ddla_clock_now_ns(clock) : 0;
    DDLA_TRY(run_step(plan, &plan->step[i], run));
    if (run->profile_ns) run->profile_ns[i] += ddla_clock_now_ns(clock) - start_ns;
  }
  return DDLA_OK;
}

size_t ddla_plan_arena_bytes(const ddla_plan *plan) { return plan->arena_bytes; }

double ddla_plan_flops(const ddla_plan *plan) {
  double total = 0;
  for (int i = 0; i < plan->use_count; i++) {
    const ddla_op_call *call = &plan->op[i].call;
    if (!call->op->flops || call->alias >= 0) continue;
    total += call->op->flops(call);
    bool wanted = false;
    for (int k = 0; k < call->input_count; k++) wanted |= call->wants_grad[k];
    if (wanted) total += ddla_op_backward_flops(call);
  }
  return total;
}

int ddla_plan_step_count(const ddla_plan *plan) { return plan->step_count; }

const char *ddla_plan_step_text(const ddla_plan *plan, int step, char *text, size_t bytes) {
  static const char *const words[] = {"forward",       "backward",       "seed",  "copy gradient",
                                      "add gradients", "store gradient", "clear", "gradient by row",
                                      "clear rows",    "final"};
  const plan_step *row = &plan->step[step];
  if (row->kind > STEP_BACKWARD) {
    snprintf(text, bytes, "%s", words[row->kind]);
    return text;
  }
  const plan_op *op = &plan->op[row->op];
  snprintf(text, bytes, "%s %s (%s)", op->call.op->name, words[row->kind], op->kernel->name);
  return text;
}
