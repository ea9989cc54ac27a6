/* The networks on which the schedule is replayed. Plain values. */
#ifndef DDLA_BENCH_SIM_CLUSTER_NETWORK_H
#define DDLA_BENCH_SIM_CLUSTER_NETWORK_H

#include <stdbool.h>
#include <stdio.h>

/* Hosts on a switch that is never short of anything; or, with leaf > 0, on switches of `leaf` hosts
 * each, which have `uplinks` links to as many switches above. All links are alike and carry both
 * directions at once. A message to a host h of another leaf takes uplink h mod uplinks. */
typedef struct network {
  const char *name;
  double bandwidth, latency; /* of a link: bytes/s and seconds */
  int leaf, uplinks;
} network;

/* By name: flat (1 Gbit/s, 50 us from host to host), tree (the same links, 16 hosts and 8 uplinks
 * to a leaf), distant (100 Mbit/s, 20 ms). Null: no such name. */
const network *network_find(const char *name);

/* Seconds from host to host; and the most that it is between any two. */
double network_latency(const network *net, int from, int to);
double network_latency_most(const network *net, int hosts);

/* As a platform of SimGrid. hosts is a multiple of `leaf`. False: the file's error. */
bool network_write(FILE *file, const network *net, int hosts);

#endif
