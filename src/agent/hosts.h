/* Several hosts played on one machine: a process for each, which starts its own agents, and a link
 * of messages between their first agents. What a cluster does is so done without one, for trying
 * and testing. */
#ifndef DDLA_AGENT_HOSTS_H
#define DDLA_AGENT_HOSTS_H

#include "sync/cluster.h"
#include "transport/local.h"

/* Of messages between hosts, for two threads of each. */
typedef struct ddla_host_links {
  ddla_local_region *exchange, *share;
} ddla_host_links;

/* What a host does; runs in a process of its own. */
typedef ddla_status (*ddla_host_main)(int host, const ddla_host_links *links, void *argument);

/* Runs main on every host and returns when all have ended. starts: how often hosts begin with a
 * state, each time with new collectives over their links. When one fails or is killed, the others'
 * links are told. SIGINT and SIGTERM are passed on. Errors: a host's failure, first of all one that
 * is not about another host's; PEER_LOST naming a host that was killed; NO_MEMORY. */
ddla_status ddla_hosts_play(int hosts, int starts, ddla_host_main main, void *argument);

#endif
