/* Who is where: agents are numbered through over hosts, and those of one host share its state.
 * Plain value without pointers; the same on all agents but for `host`. */
#ifndef DDLA_SYNC_CLUSTER_H
#define DDLA_SYNC_CLUSTER_H

enum { DDLA_HOSTS_MAX = 64 };

typedef struct ddla_cluster {
  int hosts, host;               /* how many, and this one */
  int beside;                    /* agents on this machine; 0: those of this host */
  int first[DDLA_HOSTS_MAX + 1]; /* host h has agents [first[h], first[h + 1]) */
} ddla_cluster;

/* Agents of all hosts, and of this one. */
static inline int ddla_cluster_agents(const ddla_cluster *cluster) {
  return cluster->first[cluster->hosts];
}
static inline int ddla_cluster_here(const ddla_cluster *cluster) {
  return cluster->first[cluster->host + 1] - cluster->first[cluster->host];
}

/* One host that has all agents. */
static inline ddla_cluster ddla_cluster_single(int agents) {
  return (ddla_cluster){.hosts = 1, .first = {0, agents}};
}

#endif
