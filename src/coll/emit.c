#include <string.h>

#include "coll/plan.h"

ddla_step_range ddla_emit_all(const ddla_emit *e) {
  return (ddla_step_range){0, e->schedule->step_count};
}

/* Steps of schedules that run in order need only the one before: that is implied. */
static ddla_status add(const ddla_emit *e, const ddla_step *step) {
  return ddla_schedule_add(e->schedule, NULL, step);
}

ddla_status ddla_emit_signal(const ddla_emit *e, uint32_t value, ddla_step_range after) {
  return add(e, &(ddla_step){.kind = DDLA_STEP_SIGNAL, .value = value, .after = {after}});
}

ddla_status ddla_emit_wait(const ddla_emit *e, uint32_t value) {
  for (int i = 1; i < e->plan->ranks; i++) {
    ddla_step step = {
        .kind = DDLA_STEP_WAIT, .value = value, .peer = (e->plan->rank + i) % e->plan->ranks};
    DDLA_TRY(add(e, &step));
  }
  return DDLA_OK;
}

ddla_status ddla_emit_meet(const ddla_emit *e, uint32_t value) {
  DDLA_TRY(ddla_emit_signal(e, value, ddla_emit_all(e)));
  return ddla_emit_wait(e, value);
}

static ddla_step step_of(const ddla_emit_move *move, ddla_step_kind kind) {
  return (ddla_step){.kind = kind,
                     .peer = move->peer,
                     .label = move->label,
                     .from = move->from,
                     .to = move->to,
                     .bytes = move->bytes,
                     .after = {move->after, move->after_too}};
}

ddla_status ddla_emit_copy(const ddla_emit *e, const ddla_emit_move *move) {
  if (move->bytes == 0 || move->from == move->to) return DDLA_OK;
  ddla_step step = step_of(move, DDLA_STEP_COPY);
  return add(e, &step);
}

ddla_status ddla_emit_send(const ddla_emit *e, const ddla_emit_move *move) {
  ddla_step step = step_of(move, DDLA_STEP_SEND);
  return add(e, &step);
}

ddla_status ddla_emit_recv(const ddla_emit *e, const ddla_emit_move *move) {
  ddla_step step = step_of(move, DDLA_STEP_RECV);
  return add(e, &step);
}

ddla_status ddla_emit_reduce(const ddla_emit *e, const ddla_emit_sum *sum) {
  if (sum->count == 0) return DDLA_OK;
  ddla_step step = {.kind = DDLA_STEP_REDUCE,
                    .first = sum->first,
                    .count = sum->count,
                    .stream = sum->stream,
                    .after = {sum->after, sum->after_too}};
  DDLA_TRY(ddla_schedule_add_reduction(e->schedule, &step.reduction, sum->tree, &sum->io));
  return add(e, &step);
}

/* A part is summed and then applied while it is in the second-level cache. */
enum { APPLY_BYTES = 128 * 1024 };

static int64_t apply_part(const ddla_coll_plan *plan) {
  int64_t align = plan->call.align > 0 ? plan->call.align : 64 / (int64_t)plan->size;
  int64_t part = APPLY_BYTES / (int64_t)plan->size / align * align;
  return part > 0 ? part : align;
}

ddla_status ddla_emit_reduce_apply(const ddla_emit *e, const ddla_emit_sum *sum) {
  const ddla_coll_plan *plan = e->plan;
  ddla_schedule *schedule = e->schedule;
  if (!plan->call.apply) return ddla_emit_reduce(e, sum);
  schedule->apply = plan->call.apply;
  schedule->apply_argument = plan->call.apply_argument;
  if (sum->count == 0) return DDLA_OK;
  ddla_step reduce = {.kind = DDLA_STEP_REDUCE, .after = {sum->after, sum->after_too}};
  DDLA_TRY(ddla_schedule_add_reduction(schedule, &reduce.reduction, sum->tree, &sum->io));
  int64_t part = apply_part(plan);
  for (int64_t done = 0; done < sum->count; done += part) {
    int index = 0;
    reduce.first = sum->first + done;
    reduce.count = sum->count - done < part ? sum->count - done : part;
    DDLA_TRY(ddla_schedule_add(schedule, &index, &reduce));
    ddla_step call = {.kind = DDLA_STEP_CALL,
                      .first = sum->place + done,
                      .count = reduce.count,
                      .after = {{index, index + 1}}};
    DDLA_TRY(ddla_schedule_add(schedule, &index, &call));
    reduce.after[1] = (ddla_step_range){index, index + 1}; /* one part after the other */
  }
  return DDLA_OK;
}

ddla_status ddla_emit_addresses(const ddla_emit *e, const void **operands) {
  const ddla_coll_plan *plan = e->plan;
  for (int i = 0; i < plan->operand_count; i++) {
    operands[i] =
        ddla_transport_peer(plan->transport, plan->operands[i].data, plan->operands[i].rank);
    if (!operands[i]) return DDLA_FAIL(INTERNAL, "operand %d cannot be addressed", i);
  }
  return DDLA_OK;
}

ddla_status ddla_emit_tree_operands(const ddla_emit *e, int *tree) {
  const ddla_coll_plan *p = e->plan;
  ddla_tree_part parts[DDLA_TREE_OPERANDS_MAX];
  for (int i = 0; i < p->operand_count; i++)
    parts[i] = (ddla_tree_part){p->operands[i].first, p->operands[i].count};
  ddla_tree_plan made;
  DDLA_TRY(ddla_tree_plan_make(&made, p->leaves, parts, NULL, p->operand_count));
  return ddla_schedule_add_plan(e->schedule, tree, &made);
}

ddla_status ddla_emit_tree_partials(const ddla_emit *e, int *tree) {
  const ddla_coll_plan *p = e->plan;
  ddla_tree_part parts[DDLA_TREE_OPERANDS_MAX];
  for (int i = 0; i < p->partial_count; i++) parts[i] = p->partials[i].part;
  ddla_tree_plan made;
  DDLA_TRY(ddla_tree_plan_make(&made, p->leaves, parts, NULL, p->partial_count));
  return ddla_schedule_add_plan(e->schedule, tree, &made);
}

ddla_status ddla_emit_tree_partial(const ddla_emit *e, const ddla_coll_partial *partial,
                                   int *tree) {
  const ddla_coll_plan *p = e->plan;
  ddla_tree_part parts[DDLA_TREE_OPERANDS_MAX];
  for (int i = 0; i < partial->operand_count; i++) {
    const ddla_coll_operand *operand = &p->operands[partial->operand + i];
    parts[i] = (ddla_tree_part){operand->first, operand->count};
  }
  ddla_tree_plan made;
  DDLA_TRY(ddla_tree_plan_make(&made, p->leaves, parts, NULL, partial->operand_count));
  return ddla_schedule_add_plan(e->schedule, tree, &made);
}

ddla_status ddla_emit_partial(const ddla_emit *e, const ddla_coll_partial *partial,
                              ddla_coll_span span, void *to) {
  const ddla_coll_plan *p = e->plan;
  if (partial->operand_count == 1) {
    ddla_emit_move move = {.from = ddla_coll_at(p->operands[partial->operand].data, span.offset),
                           .to = to,
                           .bytes = span.bytes};
    return ddla_emit_copy(e, &move);
  }
  const void *operands[DDLA_TREE_OPERANDS_MAX];
  for (int i = 0; i < partial->operand_count; i++)
    operands[i] = ddla_coll_at(p->operands[partial->operand + i].data, span.offset);
  ddla_emit_sum sum = {.io = {operands, &to, 1, p->call.type}, .count = span.count};
  DDLA_TRY(ddla_emit_tree_partial(e, partial, &sum.tree));
  return ddla_emit_reduce(e, &sum);
}

bool ddla_emit_streams(size_t bytes) { return bytes >= (size_t)20 << 20; }
