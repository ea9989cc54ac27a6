/* What hosts exchange of one step: ranges of the gradient, top down. A host's partial sums of a
 * range go to the range's owner as soon as the host's workers have reported it final; the owner
 * completes the sum in the fixed tree and gives it to all; or, with a division, the parameters that
 * its host's workers make of it. For the thread that serves the link. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_STEP_H
#define DDLA_SYNC_BRIDGE_BRIDGE_STEP_H

#include "sync/bridge/bridge.h"

typedef struct ddla_bridge_step ddla_bridge_step;

/* options is borrowed until destroy; bytes that are sent are added to *sent_bytes. Errors:
 * NO_MEMORY. */
ddla_status ddla_bridge_step_create(ddla_bridge_step **out, const ddla_bridge_options *options,
                                    int64_t *sent_bytes);

/* What is under way is dropped. Null is allowed. */
void ddla_bridge_step_destroy(ddla_bridge_step *step);

/* Starts order `number`, a step; the one before is over. Errors: NO_MEMORY. */
ddla_status ddla_bridge_step_begin(ddla_bridge_step *step, uint64_t number,
                                   const ddla_bridge_order *order);

/* Does what can be done without waiting; *moved is set if that was anything. */
ddla_status ddla_bridge_step_advance(ddla_bridge_step *step, bool *moved);

/* Ranges from the top down whose sums are here, and then one for lists; with a division: own
 * ranges, and then arrays. */
int ddla_bridge_step_here(const ddla_bridge_step *step);

/* Nothing of it is to be sent or received any more. */
bool ddla_bridge_step_over(const ddla_bridge_step *step);

/* Messages are under way. */
bool ddla_bridge_step_under_way(const ddla_bridge_step *step);

/* What the host's workers have to do before there is anything to do; false: nothing. */
bool ddla_bridge_step_waits(ddla_service_word *out, const ddla_bridge_step *step);

/* What other hosts are waited for, as "the other hosts' gradients". */
const char *ddla_bridge_step_wants(const ddla_bridge_step *step);

/* When the first range left, and when the host's workers had computed everything; 0: not yet. */
void ddla_bridge_step_times(const ddla_bridge_step *step, int64_t *first_ns, int64_t *computed_ns);

#endif
