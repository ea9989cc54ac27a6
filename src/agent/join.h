/* Agents that an MPI launcher started: each process is one of them. They find each other, see
 * whether they are about to do the same, share memory with those of their host, and exchange
 * between hosts through the first agent of each. Agents are numbered host by host.
 *
 * Threads: all by one thread, but that the link is used by another one while main runs. */
#ifndef DDLA_AGENT_JOIN_H
#define DDLA_AGENT_JOIN_H

#include "agent/launch.h"
#include "sync/cluster.h"

typedef struct ddla_join ddla_join;

/* True where an MPI launcher started this process. Errors: INVALID where that cannot be told, or
 * where Slurm started several that cannot find each other. */
ddla_status ddla_join_wanted(bool *out);

/* Starts MPI and waits for all processes. apart: each counts as a host of its own. timeout_ms: of
 * silence, from here to the end. The caller owns *out. Errors: UNSUPPORTED (no plug-in; too few
 * threads), INVALID (the launcher is another library's; more processes than there may be), TIMEOUT
 * naming who is missing, IO, NO_MEMORY. */
ddla_status ddla_join_start(ddla_join **out, bool apart, int64_t timeout_ms);

/* Who is where, and this agent's number. Borrowed. */
const ddla_cluster *ddla_join_cluster(const ddla_join *join);
int ddla_join_agent(const ddla_join *join);

/* "Open MPI v4.1.4", for people. Borrowed. */
const char *ddla_join_library(const ddla_join *join);

/* False: MPI may be called by the thread alone that started it, so the first lane exchanges. */
bool ddla_join_has_threads(const ddla_join *join);

/* Name of the host of an agent. Borrowed. */
const char *ddla_join_host_name(const ddla_join *join, int agent);

enum { DDLA_JOIN_FACTS = 256, DDLA_JOIN_FACT_BYTES = 64 };

/* What all agents must have alike: name and value of each; a null name ends them. Programs of
 * one version, which the first one tells, have the same names in the same order. */
typedef struct ddla_join_fact {
  const char *name;   /* "train.batch" */
  const char *advice; /* what to do about a difference; null: start all with the same */
  char value[DDLA_JOIN_FACT_BYTES];
} ddla_join_fact;

/* Collective: how everybody's preparation ended, and with what. Errors: the failure of the first
 * agent that has one, naming it; INVALID naming who differs in what; as start. */
ddla_status ddla_join_agree(ddla_join *join, ddla_status prepared, const ddla_join_fact *facts);

/* Collective: `all` gets every agent's bytes, by agent. `what` says in messages what is being done.
 * Errors: as agree. */
ddla_status ddla_join_gather(ddla_join *join, void *all, const void *mine, size_t bytes,
                             const char *what);

/* Collective: agent 0's bytes become everybody's. Errors: as agree. */
ddla_status ddla_join_tell(ddla_join *join, void *data, size_t bytes);

/* From here on: the time of silence after which another host is given up. */
void ddla_join_limit(ddla_join *join, int64_t timeout_ms);

/* From here on: the time that others may take to come to agree, gather, tell and end. */
void ddla_join_patience(ddla_join *join, int64_t timeout_ms);

/* Collective: runs main in this process, with the transport of this host's agents. shared_bytes: as
 * for ddla_launch, of this host. Errors: main's; those of shared memory. */
ddla_status ddla_join_run(ddla_join *join, size_t shared_bytes, ddla_agent_main main,
                          void *argument);

/* Opens the link between hosts; for the first agent of each, while main runs. argument: the join.
 * Errors: as the transport's. */
ddla_status ddla_join_open_link(ddla_transport **link, ddla_cluster *cluster, void *argument);

/* Opens another link beside it, on which samples travel; for the same agents, after the first.
 * Errors: as the transport's. */
ddla_status ddla_join_open_share(ddla_transport **link, void *argument);

/* Ends MPI where all went well. After a failure the process must end without more calls of MPI: see
 * ddla_join_leave. Errors: TIMEOUT, IO. */
ddla_status ddla_join_end(ddla_join *join);

/* True for the agent that speaks for all: the first one, or, where its host was lost, the first one
 * of the next host, as neither its words nor its end may reach the launcher. */
bool ddla_join_speaks(const ddla_join *join);

/* Ends the process after a failure, without MPI's own end, which would wait for all. The agent that
 * speaks is let go first: a launcher that sees one end may end the others before what they said has
 * been passed on. Where a host was lost it takes the others with it, as far as the library can. */
_Noreturn void ddla_join_leave(const ddla_join *join, ddla_status status);

#endif
