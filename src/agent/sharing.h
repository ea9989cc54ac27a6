/* Samples go between hosts before agents train: what the first agent of each host does over a link
 * of its own, while the others wait. Threads: one thread. */
#ifndef DDLA_AGENT_SHARING_H
#define DDLA_AGENT_SHARING_H

#include "agent/join.h"
#include "share/wire.h"

/* What is done over the link; a failure that not all hosts have has been told to the link. */
typedef ddla_status ddla_sharing_work(ddla_transport *link, ddla_wire *wire, void *argument);

/* Collective over all agents. join: null where this process is alone; then the link has one rank
 * and carries nothing. prepared: how the preparation of this agent ended; work is only begun where
 * it was well for all, and facts are alike (null: none). A host that is silent for longer than
 * ddla_join_limit says is given up. Errors: the first failure of any, the same
 * for all where they could still talk. */
ddla_status ddla_sharing_run(ddla_join *join, ddla_status prepared, const ddla_join_fact *facts,
                             bool private_data, ddla_sharing_work *work, void *argument);

/* Name of this agent's host; "this machine" where it is alone. Borrowed. */
const char *ddla_sharing_host(const ddla_join *join);

#endif
