/* How agents that MPI has started tell each other of the data that lie on their hosts alone
 * (data.partition: files). Threads: the one that joined. */
#ifndef DDLA_AGENT_MEETING_H
#define DDLA_AGENT_MEETING_H

#include "agent/join.h"
#include "train/training.h"

/* Collective, of all that have joined: whether they meet. read: how it went to read the job. *out
 * is for ddla_training_prepare, where *meets; it borrows the join. Errors: the first failure of
 * any; INVALID naming who has another data.partition. */
ddla_status ddla_join_meeting(ddla_training_meeting *out, bool *meets, ddla_join *join,
                              ddla_status read, const ddla_job *job);

#endif
