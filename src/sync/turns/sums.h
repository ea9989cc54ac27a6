/* Sums of what shards contribute beside their gradients, as letters have them. Pure. */
#ifndef DDLA_SYNC_TURNS_SUMS_H
#define DDLA_SYNC_TURNS_SUMS_H

#include "coll/tree.h"
#include "sync/turns/mail.h"

static inline void ddla_sums_add(ddla_letter_sums *to, const ddla_letter_sums *from) {
  to->loss += from->loss;
  to->count += from->count;
  to->correct += from->correct;
  to->samples += from->samples;
}

/* Of subtrees of the fixed tree over `leaves`, by rising leaves; some may be missing. */
ddla_letter_sums ddla_sums_tree(const ddla_letter_sums *sums, const ddla_tree_part *part, int count,
                                int64_t leaves);

#endif
