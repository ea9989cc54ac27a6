/* In which steps blocks will be needed next, as far as has been looked ahead: the order of samples
 * is a function of seed, epoch and position, so that nothing has to be guessed. Memory is bounded
 * by `room`: what does not fit is not known yet. Threads: one. */
#ifndef DDLA_SHARE_TIERS_FORESIGHT_H
#define DDLA_SHARE_TIERS_FORESIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ddla_foresight ddla_foresight;

/* room: uses (a block in a step) that are known at once, at most 2^31 - 1. Errors: NO_MEMORY. */
ddla_status ddla_foresight_create(ddla_foresight **out, int64_t blocks, int64_t room);
void ddla_foresight_destroy(ddla_foresight *foresight); /* null is allowed */

/* Nothing is known. */
void ddla_foresight_clear(ddla_foresight *foresight);

/* A block is needed in a step, which is none before one that was added; steps below `from`, which
 * never falls, are over. False: there is no room. */
bool ddla_foresight_add(ddla_foresight *foresight, int64_t block, int64_t step, int64_t from);

/* The first step from `from` on, which never falls, in which a block is needed; INT64_MAX: none is
 * known. */
int64_t ddla_foresight_next(ddla_foresight *foresight, int64_t block, int64_t from);

#endif
