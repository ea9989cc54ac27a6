/* Reduce-scatter between private buffers on one machine, through everybody's staging slots
 * (coll/staged.h): every rank puts all its partial sums there, and sums the part of each piece that
 * lies in its own slice. Steps: pieces + 1 waits; pieces = ceil(q * bytes / 256 KiB), q as in
 * reduce_scatter/linear.c. Bytes per rank: copies q * count into slots, reads (sum over ranks of q)
 * * count / N, writes count / N. */
#include "coll/sums.h"

typedef struct staged_sum {
  int64_t width;
  int tree;
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

static ddla_status drain(const ddla_emit *e, void *argument, int piece, unsigned char *slot) {
  const staged_sum *s = argument;
  ddla_coll_span own = ddla_coll_span_of(e->plan, e->plan->rank), all = span_of(e->plan, s, piece);
  int64_t first = own.first > all.first ? own.first : all.first;
  int64_t end =
      own.first + own.count < all.first + all.count ? own.first + own.count : all.first + all.count;
  if (first >= end) return DDLA_OK;
  ddla_sums_piece part = {slot, s->width, all.first, ddla_sums_span(e->plan, first, end - first)};
  return ddla_sums_drain(e, s->tree, &part, false);
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  ddla_emit e = {plan, schedule};
  int64_t align = plan->call.align > 0 ? plan->call.align : 1;
  staged_sum s = {.width = ddla_sums_width(plan, DDLA_COLL_SLOT_BYTES)};
  if (plan->call.apply && s.width >= align)
    s.width = s.width / align * align; /* parts begin at multiples */
  if (plan->call.apply && s.width < align)
    return DDLA_FAIL(UNSUPPORTED,
                     "slices of %lld elements are too long to be applied through staging memory",
                     (long long)align);
  DDLA_TRY(ddla_emit_tree_partials(&e, &s.tree));
  ddla_staged staged = {(int)((plan->call.count + s.width - 1) / s.width), &s, fill, drain};
  return ddla_staged_emit(&e, &staged);
}

extern const ddla_coll_row ddla_coll_row_reduce_scatter_staged;
const ddla_coll_row ddla_coll_row_reduce_scatter_staged = {"reduce_scatter/staged",
                                                           DDLA_COLL_REDUCE_SCATTER, accepts, emit};
