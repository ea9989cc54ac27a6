/* Messages between the hosts of the simulated cluster: a transport for bridges without threads.
 *
 * As transport mpi does, a receiver tells the sender of a receive that it posts (32 bytes), and the
 * message starts when the sender has both. These words, and messages of at most
 * LINK_SMALL_BYTES, take their latency and load no link: hosts x hosts of them say nothing that
 * counts, and would be most of what is simulated. */
#ifndef DDLA_BENCH_SIM_CLUSTER_LINK_H
#define DDLA_BENCH_SIM_CLUSTER_LINK_H

#include "network.h"
#include "transport/transport.h"

enum { LINK_SMALL_BYTES = 256 };

typedef struct link_pair {
  ddla_request *sends, *recvs; /* posted and not matched, oldest first */
} link_pair;

/* What a host has sent and received, small messages too. */
typedef struct link_count {
  int64_t sent_bytes, received_bytes, messages;
} link_count;

typedef struct link_net {
  int hosts;
  const network *net;     /* for what loads no link; borrowed */
  bool carries;           /* messages carry their bytes; else only their time */
  struct link_host *host; /* [hosts] owned */
  link_pair *pair;        /* [receiver][sender] owned */
} link_net;

typedef struct link_host {
  ddla_transport base;
  link_net *net;
  link_count count;
  bool woken; /* something of its requests is over */
} link_host;

/* Errors: NO_MEMORY. */
ddla_status link_net_make(link_net *out, int hosts, const network *net, bool carries);
void link_net_fini(link_net *net);

/* For wire_calls.arrived. */
void link_arrived(void *message);

#endif
