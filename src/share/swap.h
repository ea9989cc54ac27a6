/* Who holds what when hosts exchange a part of their samples at every epoch's end (share.mode
 * exchange; Nguyen et al. 2022, "Why globally re-shuffle? Revisiting data shuffling in large scale
 * deep learning", IPDPS). A part keeps its size: it is so many places, and an exchange changes what
 * lies in some of them. Threads: pure functions of their arguments, the same on every host.
 *
 * Each part gives round(fraction * count) of its samples, chosen by the key of (seed, epoch,
 * part), and none gets one of its own back: given samples are written in a row, part by part in a
 * drawn order, and moved on by as many as the part gives that gives most; then pairs are drawn,
 * four times as many, that swap where they go. A part that would give more than all others together
 * gives as many as they do. Differs from the paper, where workers draw partners in turns, in that
 * parts may be of unequal size. */
#ifndef DDLA_SHARE_SWAP_H
#define DDLA_SHARE_SWAP_H

#include "base/status.h"
#include "data/partition.h"

typedef struct ddla_swap {
  int parts;
  int64_t count[DDLA_PARTS_MAX]; /* samples of each; they follow each other */
  double fraction;               /* from 0 to 1 */
  uint64_t seed;
} ddla_swap;

/* How many samples each part gives, and gets. gives: [parts] */
void ddla_swap_gives(int64_t gives[DDLA_PARTS_MAX], const ddla_swap *swap);

/* held: [all parts' samples] what lies in each place in epoch `epoch`; afterwards, in the next one.
 * Errors: NO_MEMORY. */
ddla_status ddla_swap_step(int64_t *held, const ddla_swap *swap, int64_t epoch);

/* held: as it is in epoch `epoch`; in epoch 0 place i holds sample i. Errors: NO_MEMORY. */
ddla_status ddla_swap_at(int64_t *held, const ddla_swap *swap, int64_t epoch);

int64_t ddla_swap_first(const ddla_swap *swap, int part);

#endif
