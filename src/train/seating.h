/* Where the agents of this machine run: parallel.bind with what the machine is (base/binding.h).
 * Threads: as the training. */
#ifndef DDLA_TRAIN_SEATING_H
#define DDLA_TRAIN_SEATING_H

#include "base/binding.h"
#include "train/training.h"

/* What an agent tells the others of itself, so that those of one machine can share it out. Plain
 * value without pointers; zero is nobody. */
typedef struct ddla_seat_card {
  char machine[64]; /* the same on agents of one machine, whatever hosts they play */
  ddla_binding_seat seat;
  int others; /* threads beside it that compute, agents of this run included */
} ddla_seat_card;

/* Of this process. exchanges: it is the first agent of one of several hosts. */
void ddla_seat_card_of(ddla_seat_card *out, bool exchanges);

/* All agents are started by this process. Errors: INVALID naming parallel.bind; NO_MEMORY. */
ddla_status ddla_seating_here(ddla_training *training);

/* The agents of all hosts, whose first card is agent 0's, and this one. Errors: the same. */
ddla_status ddla_seating_among(ddla_training *training, const ddla_seat_card *all, int agent);

/* The processors of an agent's lane, and of the thread it exchanges with; null where nobody is
 * bound. Borrowed. */
const cpu_set_t *ddla_seating_lane(const ddla_training *training, int agent, int lane);
const cpu_set_t *ddla_seating_exchange(const ddla_training *training, int agent);

#endif
