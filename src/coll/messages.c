#include "coll/messages.h"

size_t ddla_messages_partials_bytes(const ddla_coll_plan *plan) {
  size_t bytes = 0;
  for (int i = 0; i < plan->partial_count; i++)
    if (plan->partials[i].rank == plan->rank && plan->partials[i].operand_count > 1)
      bytes += (ddla_coll_bytes(plan) + 63) / 64 * 64;
  return bytes;
}

ddla_status ddla_messages_partials(const ddla_emit *e, const void **data, unsigned char **scratch) {
  const ddla_coll_plan *plan = e->plan;
  size_t bytes = ddla_coll_bytes(plan);
  for (int i = 0; i < plan->partial_count; i++) {
    const ddla_coll_partial *partial = &plan->partials[i];
    if (partial->rank != plan->rank) continue;
    data[i] = plan->operands[partial->operand].data;
    if (partial->operand_count == 1) continue;
    ddla_coll_span whole = {0, plan->call.count, 0, bytes};
    DDLA_TRY(ddla_emit_partial(e, partial, whole, *scratch));
    data[i] = *scratch;
    *scratch += (bytes + 63) / 64 * 64;
  }
  return DDLA_OK;
}

/* Sends every rank its slice of own partials; receives others' partials of the own slice; terms[i]
 * says where partial i of the own slice will be. */
static ddla_status exchange(const ddla_emit *e, const void *const *data, unsigned char *scratch,
                            const void **terms) {
  const ddla_coll_plan *plan = e->plan;
  ddla_coll_span own = ddla_coll_span_of(plan, plan->rank);
  ddla_step_range ready = ddla_emit_all(e);
  for (int k = 0; k < plan->ranks; k++) {
    int rank = (plan->rank + k) % plan->ranks;
    ddla_coll_span span = ddla_coll_span_of(plan, rank);
    for (int i = 0; i < plan->partial_count; i++) {
      ddla_emit_move move = {.peer = rank, .label = DDLA_LABEL_SUM + (uint32_t)i};
      if (plan->partials[i].rank == plan->rank && rank == plan->rank) {
        terms[i] = ddla_coll_at(data[i], own.offset);
      } else if (plan->partials[i].rank == plan->rank) {
        move.from = ddla_coll_at(data[i], span.offset);
        move.bytes = span.bytes;
        move.after = ready;
        DDLA_TRY(ddla_emit_send(e, &move));
      } else if (plan->partials[i].rank == rank) {
        terms[i] = move.to = scratch;
        move.bytes = own.bytes;
        scratch += (own.bytes + 63) / 64 * 64;
        DDLA_TRY(ddla_emit_recv(e, &move));
      }
    }
  }
  return DDLA_OK;
}

ddla_status ddla_messages_reduce_scatter(const ddla_emit *e, void *output) {
  const ddla_coll_plan *plan = e->plan;
  ddla_coll_span own = ddla_coll_span_of(plan, plan->rank);
  size_t received = (own.bytes + 63) / 64 * 64 * (size_t)plan->partial_count;
  DDLA_TRY(ddla_schedule_reserve(e->schedule, ddla_messages_partials_bytes(plan) + received + 64));
  unsigned char *scratch = e->schedule->scratch;
  const void *data[DDLA_TREE_OPERANDS_MAX] = {0}, *terms[DDLA_TREE_OPERANDS_MAX] = {0};
  DDLA_TRY(ddla_messages_partials(e, data, &scratch));
  DDLA_TRY(exchange(e, data, scratch, terms));
  void *to = ddla_coll_at(output, own.offset);
  ddla_emit_sum sum = {.io = {terms, &to, 1, plan->call.type},
                       .count = own.count,
                       .place = own.first,
                       .after = ddla_emit_all(e)};
  DDLA_TRY(ddla_emit_tree_partials(e, &sum.tree));
  return ddla_emit_reduce_apply(e, &sum);
}

ddla_status ddla_messages_spread(const ddla_emit *e, ddla_step_range after, ddla_step_range free) {
  const ddla_coll_plan *plan = e->plan;
  void *output = plan->call.output;
  ddla_coll_span own = ddla_coll_span_of(plan, plan->rank);
  for (int k = 1; k < plan->ranks; k++) {
    int to = (plan->rank + k) % plan->ranks, from = (plan->rank - k + plan->ranks) % plan->ranks;
    ddla_coll_span span = ddla_coll_span_of(plan, from);
    ddla_emit_move out = {.peer = to,
                          .label = DDLA_LABEL_SPREAD,
                          .bytes = own.bytes,
                          .after = after,
                          .from = ddla_coll_at(output, own.offset)};
    ddla_emit_move in = {.peer = from,
                         .label = DDLA_LABEL_SPREAD,
                         .bytes = span.bytes,
                         .after = free,
                         .to = ddla_coll_at(output, span.offset)};
    DDLA_TRY(ddla_emit_send(e, &out));
    DDLA_TRY(ddla_emit_recv(e, &in));
  }
  return DDLA_OK;
}
