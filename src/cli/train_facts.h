/* What the agents of a training must have alike, in words that can be compared. */
#ifndef DDLA_CLI_TRAIN_FACTS_H
#define DDLA_CLI_TRAIN_FACTS_H

#include "agent/join.h"
#include "train/training.h"

/* training may be null where preparing it failed; facts: [DDLA_JOIN_FACTS]. Errors: NO_MEMORY. */
ddla_status ddla_train_facts(ddla_join_fact *facts, const ddla_training *training);

#endif
