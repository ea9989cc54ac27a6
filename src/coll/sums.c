#include "coll/sums.h"

int64_t ddla_sums_width(const ddla_coll_plan *plan, size_t slot_bytes) {
  int64_t line = 64 / (int64_t)plan->size;
  int partials = plan->partials_per_rank_max > 0 ? plan->partials_per_rank_max : 1;
  return (int64_t)(slot_bytes / plan->size) / partials / line * line;
}

ddla_coll_span ddla_sums_span(const ddla_coll_plan *plan, int64_t first, int64_t count) {
  return (ddla_coll_span){first, count, (size_t)first * plan->size, (size_t)count * plan->size};
}

ddla_status ddla_sums_fill(const ddla_emit *e, unsigned char *slot, int64_t width,
                           ddla_coll_span span) {
  const ddla_coll_plan *plan = e->plan;
  for (int i = 0; i < plan->partial_count; i++) {
    if (plan->partials[i].rank != plan->rank) continue;
    DDLA_TRY(ddla_emit_partial(e, &plan->partials[i], span, slot));
    slot += (size_t)width * plan->size;
  }
  return DDLA_OK;
}

/* Where a partial of a part lies: an own single operand in place (it may still be in a cache),
 * others in slots. */
static const void *term_of(const ddla_coll_plan *plan, const ddla_sums_piece *piece, int index) {
  const ddla_coll_partial *partial = &plan->partials[index];
  if (partial->rank == plan->rank && partial->operand_count == 1)
    return ddla_coll_at(plan->operands[partial->operand].data, piece->span.offset);
  int before = 0;
  for (int i = 0; i < index; i++) before += plan->partials[i].rank == partial->rank;
  const void *slot = ddla_transport_peer(plan->transport, piece->slot, partial->rank);
  int64_t element = before * piece->width + piece->span.first - piece->piece_first;
  return ddla_coll_at(slot, (size_t)element * plan->size);
}

ddla_status ddla_sums_drain(const ddla_emit *e, int tree, const ddla_sums_piece *piece,
                            bool stream) {
  const ddla_coll_plan *plan = e->plan;
  const void *terms[DDLA_TREE_OPERANDS_MAX] = {0};
  for (int i = 0; i < plan->partial_count; i++) terms[i] = term_of(plan, piece, i);
  void *output = ddla_coll_at(plan->call.output, piece->span.offset);
  ddla_emit_sum sum = {.io = {terms, &output, 1, plan->call.type},
                       .tree = tree,
                       .count = piece->span.count,
                       .place = piece->span.first,
                       .stream = stream};
  return ddla_emit_reduce_apply(e, &sum);
}
