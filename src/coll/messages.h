/* Phrases of collectives over messages that several rows share. */
#ifndef DDLA_COLL_MESSAGES_H
#define DDLA_COLL_MESSAGES_H

#include "coll/plan.h"

enum { DDLA_LABEL_SUM = 0, DDLA_LABEL_SPREAD = 1 << 16 };

/* Makes this rank's partial sums over all elements ready to be sent: data[i] is where partial i is
 * (own ones: the operand itself, or scratch from *scratch on, which advances). Others' are left
 * alone. */
ddla_status ddla_messages_partials(const ddla_emit *e, const void **data, unsigned char **scratch);

/* Bytes of scratch that it takes. */
size_t ddla_messages_partials_bytes(const ddla_coll_plan *plan);

/* Reduce-scatter: everybody sends to each rank its slice of every partial; the slices are summed
 * into this rank's slice of `output`, by steps that come last. Reserves and uses the schedule's
 * scratch. */
ddla_status ddla_messages_reduce_scatter(const ddla_emit *e, void *output);

/* Sends this rank's slice of the output to all after `after` (it is ready), and receives theirs
 * after `free` (their places may be written). */
ddla_status ddla_messages_spread(const ddla_emit *e, ddla_step_range after, ddla_step_range free);

#endif
