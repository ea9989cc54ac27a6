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

typedef struct ddla_hosts_options {
  const ddla_cluster *cluster; /* who is where */
  int starts; /* how often hosts begin with a state, each time with new collectives over links */
  /* What a host does; runs in a process of its own. */
  ddla_status (*main)(int host, const ddla_host_links *links, void *argument);
  /* Says where the work is, in words for messages, for example "step 7"; may be null. */
  void (*where)(void *argument, char *text, size_t bytes);
  void *argument; /* of both */
} ddla_hosts_options;

/* Runs main on every host and returns when all have ended. When one fails or is killed, the others'
 * links are told. SIGINT and SIGTERM are passed on. Errors: a host's failure, first of all one that
 * is not about somebody who was lost, else that of the host which lost somebody; PEER_LOST naming
 * the agent whose process was killed, or the host of several; NO_MEMORY. */
ddla_status ddla_hosts_play(const ddla_hosts_options *options);

#endif
