/* All-reduce of little data over shared memory, private buffers or not: every rank puts its partial
 * sums into a small stage, waits once for all, and sums everything itself. There is no second
 * meeting: the stages of alternate calls differ, and whoever has come to the next call has finished
 * with this one. Steps: 1 wait. Bytes per rank: copies q * count, reads (sum over ranks of q) *
 * count, writes count; q as in reduce_scatter/linear.c. */
#include "coll/sums.h"

/* Beyond this, all ranks reading everything costs more than a second meeting; far less where the
 * second meeting is all that operands and outputs that can be addressed cost. */
enum { READ_BYTES_MAX = 64 * 1024, READ_BYTES_MAX_SHARED = 4 * 1024 };

static bool accepts(const ddla_coll_plan *plan) {
  size_t bytes = ddla_coll_bytes(plan);
  bool in_place = plan->operands_shared && plan->output_shared;
  size_t limit = in_place ? READ_BYTES_MAX_SHARED : READ_BYTES_MAX;
  return plan->stage && plan->parity >= 0 && !plan->output_one &&
         ddla_sums_width(plan, DDLA_COLL_SMALL_BYTES) >= plan->call.count &&
         bytes * (size_t)plan->partial_count <= limit;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  schedule->in_order = schedule->by_parity = true;
  unsigned char *slot =
      plan->stage + DDLA_COLL_SLOTS * DDLA_COLL_SLOT_BYTES + plan->parity * DDLA_COLL_SMALL_BYTES;
  int64_t width = ddla_sums_width(plan, DDLA_COLL_SMALL_BYTES);
  ddla_coll_span whole = ddla_sums_span(plan, 0, plan->call.count);
  ddla_sums_piece piece = {slot, width, 0, whole};
  int tree = 0;
  DDLA_TRY(ddla_sums_fill(&e, slot, width, whole));
  DDLA_TRY(ddla_emit_meet(&e, 1));
  DDLA_TRY(ddla_emit_tree_partials(&e, &tree));
  return ddla_sums_drain(&e, tree, &piece, false);
}

extern const ddla_coll_row ddla_coll_row_all_reduce_small;
const ddla_coll_row ddla_coll_row_all_reduce_small = {"all_reduce/small", DDLA_COLL_ALL_REDUCE,
                                                      accepts, emit};
