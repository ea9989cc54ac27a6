/* How many shards each host gets: pure functions of how long a shard takes whom, so that all hosts,
 * which know the same numbers, come to the same shares. A host's shards are contiguous, and it has
 * at least one: who has none cannot be measured.
 *
 * Threads: one at a time. */
#ifndef DDLA_SYNC_SUM_BALANCE_H
#define DDLA_SYNC_SUM_BALANCE_H

#include "sync/sync.h"

enum {
  DDLA_BALANCE_PERIOD = 4,      /* shares stay for so many steps at least */
  DDLA_BALANCE_GAIN = 10,       /* percent of time that new shares must save */
  DDLA_BALANCE_SLACK = 5,       /* percent of time that fewer partial sums may cost */
  DDLA_BALANCE_BORDERS = 256,   /* the most places where shares may be cut */
  DDLA_BALANCE_WORKERS_MAX = 64 /* of a host */
};

/* How long a shard takes the workers of all hosts, host by host. */
typedef struct ddla_balance_paces {
  int hosts;
  int first[DDLA_HOSTS_MAX + 1]; /* workers of host h: [first[h], first[h + 1]) of shard_ns */
  const int64_t *shard_ns;       /* more than 0 */
} ddla_balance_paces;

/* Host h has shards [first[h], first[h + 1]). */
typedef struct ddla_balance_shares {
  int first[DDLA_HOSTS_MAX + 1];
  int steps; /* that these shares have been in force */
} ddla_balance_shares;

/* Nanoseconds that a host takes for so many shards, each given to the worker that is through with
 * it first; and all hosts for their shares. */
int64_t ddla_balance_time(const ddla_balance_paces *paces, int host, int shards);
int64_t ddla_balance_time_all(const ddla_balance_paces *paces, const int *first);

/* By the number of agents. */
void ddla_balance_even(ddla_balance_shares *out, const ddla_cluster *cluster, int shards);

/* Cuts `items` into pieces in proportion to speed: worker w has [first[w], first[w + 1]). Even
 * where a worker's shard_ns is 0, not known. */
void ddla_balance_pieces(int64_t *first, int64_t items, const int64_t *shard_ns, int workers);

/* Moves the borders of such pieces so that none has more than `most` items; workers * most is at
 * least all of them. */
void ddla_balance_limit(int64_t *first, int64_t most, int workers);

/* Memory to work with. */
typedef struct ddla_balance ddla_balance;

/* Errors: NO_MEMORY. */
ddla_status ddla_balance_create(ddla_balance **out, int hosts, int shards);

/* Null is allowed. */
void ddla_balance_destroy(ddla_balance *balance);

/* Of all shares that take at most DDLA_BALANCE_SLACK percent longer than the fastest ones, those
 * with the fewest partial sums, and of these the fastest. False, and out is not written, where all
 * have more partial sums than the tree takes in one pass. */
bool ddla_balance_best(ddla_balance_shares *out, ddla_balance *balance,
                       const ddla_balance_paces *paces);

/* The shares of the step after the one that made these records ([shards]) with shares `now`.
 * workers: of each host, [hosts]. */
void ddla_balance_next(ddla_balance_shares *out, ddla_balance *balance,
                       const ddla_balance_shares *now, const int *workers,
                       const ddla_sync_record *record);

#endif
