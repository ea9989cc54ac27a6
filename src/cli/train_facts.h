/* What the agents of a training must have alike, in words that can be compared. */
#ifndef DDLA_CLI_TRAIN_FACTS_H
#define DDLA_CLI_TRAIN_FACTS_H

#include "agent/join.h"
#include "train/training.h"

/* training may be null where preparing it failed; facts: [DDLA_JOIN_FACTS]. Errors: NO_MEMORY. */
ddla_status ddla_train_facts(ddla_join_fact *facts, const ddla_training *training);

/* Those of the job alone, before its data are there. Errors: NO_MEMORY. */
ddla_status ddla_train_job_facts(ddla_join_fact *facts, const ddla_job *job);

enum { DDLA_TRAIN_ISA_BYTES = 192 };

/* Which instruction set the agents are held to, with parallel.isa for people; "" where each has its
 * own best, which the others have too. Collective under MPI: with parallel.isa common the agents
 * take the best set that all have. join: null where agents are started here. Errors: as
 * ddla_join_gather. */
ddla_status ddla_train_agree_isa(char words[DDLA_TRAIN_ISA_BYTES], ddla_training *training,
                                 ddla_join *join);

#endif
