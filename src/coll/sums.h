/* Sums between private buffers on one machine through staging slots: what reduce-scatter and
 * all-reduce share. */
#ifndef DDLA_COLL_SUMS_H
#define DDLA_COLL_SUMS_H

#include "coll/staged.h"

/* Sums elements [span.first, ...) of one piece from everybody's slots into output. Slots hold, one
 * after the other, a rank's partial sums of `width` elements each; span is a part of the piece that
 * begins at piece_first. */
typedef struct ddla_sums_piece {
  const unsigned char *slot;
  int64_t width, piece_first;
  ddla_coll_span span;
} ddla_sums_piece;

/* Bytes of a piece's partial in a slot: whole cache lines, so that all partials of a rank fit. */
int64_t ddla_sums_width(const ddla_coll_plan *plan, size_t slot_bytes);

/* Appends steps that put this rank's partial sums of elements [first, first + count) into its slot.
 */
ddla_status ddla_sums_fill(const ddla_emit *e, unsigned char *slot, int64_t width,
                           ddla_coll_span span);

/* Appends steps that sum all partials of a part into output (and apply). */
ddla_status ddla_sums_drain(const ddla_emit *e, int tree, const ddla_sums_piece *piece,
                            bool stream);

/* Span of elements [first, first + count). */
ddla_coll_span ddla_sums_span(const ddla_coll_plan *plan, int64_t first, int64_t count);

#endif
