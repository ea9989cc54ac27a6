/* All-reduce between two ranks over shared memory where the arrays fit their second-level caches:
 * each reads both operands whole, where they lie, and writes its own output only. A line that
 * another core has just written costs six times as much as one of the shared cache, and to write
 * into the other's output costs more than to read its operand: every rank meets count foreign lines
 * here as in all_reduce/direct, but all of them are reads. Not in place: the other still reads the
 * operand. Steps: 2 waits. Bytes per rank: reads 2 * count, writes count. */
#include "coll/plan.h"

/* Beyond this, lines have gone to the shared cache, and reading everything twice costs more. */
enum { BYTES_MAX = 256 * 1024 };

/* All ranks give the same places: what overlaps on one rank does on both. */
static bool overlaps(const ddla_coll_plan *plan) {
  uintptr_t output = (uintptr_t)plan->call.output, bytes = ddla_coll_bytes(plan);
  for (int i = 0; i < plan->operand_count; i++) {
    uintptr_t operand = (uintptr_t)plan->operands[i].data;
    if (operand < output + bytes && output < operand + bytes) return true;
  }
  return false;
}

static bool accepts(const ddla_coll_plan *plan) {
  return plan->stage && plan->operands_shared && plan->output_shared && !plan->output_one &&
         plan->ranks == 2 && plan->operand_count == 2 && ddla_coll_bytes(plan) <= BYTES_MAX &&
         !overlaps(plan);
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = true;
  const void *operands[DDLA_TREE_OPERANDS_MAX] = {0};
  void *output = plan->call.output;
  ddla_emit_sum sum = {.io = {operands, &output, 1, plan->call.type}, .count = plan->call.count};
  DDLA_TRY(ddla_emit_addresses(&e, operands));
  DDLA_TRY(ddla_emit_tree_operands(&e, &sum.tree));
  DDLA_TRY(ddla_emit_meet(&e, 1));
  DDLA_TRY(ddla_emit_reduce(&e, &sum));
  return ddla_emit_meet(&e, 2);
}

extern const ddla_coll_row ddla_coll_row_all_reduce_whole;
const ddla_coll_row ddla_coll_row_all_reduce_whole = {"all_reduce/whole", DDLA_COLL_ALL_REDUCE,
                                                      accepts, emit};
