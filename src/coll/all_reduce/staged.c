/* All-reduce between private buffers on one machine, through everybody's staging slots
 * (coll/staged.h): every rank sums everything itself, so that results never leave their rank.
 * Steps: pieces + 1 waits; q partial sums per rank (see reduce_scatter/linear.c) share a slot:
 * pieces = ceil(q * bytes / 256 KiB). Bytes per rank: copies q * count into slots, reads (sum over
 * ranks of q) * count, writes count. Memory traffic is that of one read and one write of the array;
 * the slots stay in caches. */
#include "coll/sums.h"

typedef struct staged_sum {
  int64_t width;
  int tree;
  bool stream;
} staged_sum;

static bool accepts(const ddla_coll_plan *plan) { return plan->stage != NULL; }

static ddla_coll_span span_of(const ddla_coll_plan *plan, const staged_sum *s, int piece) {
  int64_t first = piece * s->width, left = plan->call.count - first;
  return ddla_sums_span(plan, first, left < s->width ? left : s->width);
}

static ddla_status fill(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  const staged_sum *s = argument;
  return ddla_sums_fill(e, slot, s->width, span_of(e->plan, s, piece));
}

/* What this rank writes: all of its own output, or its part of an output that is the same memory.
 */
static ddla_coll_span part_of(const ddla_coll_plan *plan, ddla_coll_span piece) {
  if (!plan->output_one) return piece;
  int64_t line = 64 / (int64_t)plan->size, lines = (piece.count + line - 1) / line;
  int64_t first = lines * plan->rank / plan->ranks * line;
  int64_t end = lines * (plan->rank + 1) / plan->ranks * line;
  if (end > piece.count) end = piece.count;
  return ddla_sums_span(plan, piece.first + first, end - first);
}

static ddla_status drain(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  const staged_sum *s = argument;
  ddla_coll_span part_span = part_of(e->plan, span_of(e->plan, s, piece));
  ddla_sums_piece part = {slot, s->width, piece * s->width, part_span};
  return ddla_sums_drain(e, s->tree, &part, s->stream);
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  staged_sum s = {.width = ddla_sums_width(plan, DDLA_COLL_SLOT_BYTES)};
  s.stream = ddla_emit_streams(ddla_coll_bytes(plan) * 2 * (size_t)plan->ranks);
  DDLA_TRY(ddla_emit_tree_partials(&e, &s.tree));
  ddla_staged staged = {(int)((plan->call.count + s.width - 1) / s.width), &s, fill, drain};
  return ddla_staged_emit(&e, &staged);
}

extern const ddla_coll_row ddla_coll_row_all_reduce_staged;
const ddla_coll_row ddla_coll_row_all_reduce_staged = {"all_reduce/staged", DDLA_COLL_ALL_REDUCE,
                                                       accepts, emit};
