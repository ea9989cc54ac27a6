/* Replicas: what the methods of sync.mode accumulated have in common. A replica is a host, agents
 * that share one state. It trains on its part of every batch by an inner strategy (allreduce, of
 * this host alone), and every `interval` steps, after the inner commit, replicas exchange: each
 * gives an array, and all get the mean (sync/replica/outer.h). What is given and what follows from
 * the mean is the method's.
 *
 * A method is a file with two loops and a row of sync_list.h, made by DDLA_REPLICA_STRATEGY.
 * Version t of theta is changed in place by the exchange behind step t: no worker of the replica
 * computes meanwhile. */
#ifndef DDLA_SYNC_REPLICA_REPLICA_H
#define DDLA_SYNC_REPLICA_REPLICA_H

#include "sync/sync.h"

/* Places of the arrays that all methods have; a method's own come behind. */
enum {
  DDLA_REPLICA_GLOBAL, /* the global model: what the last exchange made */
  DDLA_REPLICA_GIVEN,  /* what this replica gives */
  DDLA_REPLICA_MEAN,   /* the mean of what all gave */
  DDLA_REPLICA_OWN
};
/* Their rows of the state; apart: replicas differ from the global model when they have exchanged,
 * so that it has to be saved too. */
#define DDLA_REPLICA_ARRAYS                                                                        \
  {"global", false, false}, {"given", false, true}, { "given_mean", false, false }

#define DDLA_REPLICA_ARRAYS_APART                                                                  \
  {"global", true, false}, {"given", false, true}, { "given_mean", false, false }

/* The arrays at an exchange; elements of the parameter space. */
typedef struct ddla_replica_view {
  float *theta; /* this replica's parameters, of the committed step */
  float *global, *given, *mean;
  float *own[DDLA_STRATEGY_ARRAYS_MAX - DDLA_REPLICA_OWN];
  const double *numbers; /* the strategy's */
  double *block_sums[2]; /* [blocks] of two arrays; only with `sums` */
  int replicas;
  float weight; /* what this replica gives is multiplied by it: 1 unless replicas are weighted */
  /* Part of this replica's own parameters that stays, and of what it did since it gave them that is
   * added to the global model: only with `streams` above 0. */
  float mixing, carry;
  const ddla_sync_rule *rule;
} ddla_replica_view;

/* All work on elements [begin, end), whole blocks; every worker of a replica has its own. Slots
 * behind take may be null. */
typedef struct ddla_replica_method {
  /* Writes `given`. */
  void (*give)(const ddla_replica_view *view, int64_t begin, int64_t end);
  /* Makes the global model, the same on all replicas, and theta of the mean. May change `given` and
   * `mean` for sums. */
  void (*take)(const ddla_replica_view *view, int64_t begin, int64_t end);
  /* Writes the block sums: of something that every replica has of its own, and of something that
   * all have alike. */
  void (*sums)(const ddla_replica_view *view, int64_t begin, int64_t end);
  /* The strategy's numbers, anew, from the sums of both over all blocks and replicas. */
  void (*numbers)(double *numbers, const ddla_replica_view *view, const double total[2]);
  /* What follows from new numbers; the view has the old ones. */
  void (*conclude)(const ddla_replica_view *view, const double *numbers, int64_t begin,
                   int64_t end);
  /* The model is exchanged in rule->fragments, one after another, while workers compute; each is
   * merged rule->delay steps later. */
  bool streams;
  /* Local steps are drawn to the global model by the term of ddla_sync_pull: */
  bool pulls;
  int pull_offset, pull_weight; /* an own array; one of the numbers */
} ddla_replica_method;

/* The slots of strategies; `open` of a method is its own and calls this one. */
ddla_status ddla_replica_open(ddla_sync **out, const ddla_strategy *strategy,
                              const ddla_replica_method *method, const ddla_sync_options *options);
size_t ddla_replica_control_bytes(const ddla_sync_split *split);
int ddla_replica_list_copies(const ddla_sync_split *split);
int ddla_replica_operand_copies(const ddla_sync_split *split);
void ddla_replica_close(ddla_sync *base);
void ddla_replica_begin(ddla_sync *base, int worker, int64_t samples);
bool ddla_replica_claim(ddla_sync *base, int worker, int *shard);
ddla_sync_leaf ddla_replica_leaf_place(ddla_sync *base, int worker, int shard);
void ddla_replica_put_record(ddla_sync *base, int worker, int shard,
                             const ddla_sync_record *record);
void ddla_replica_final(ddla_sync *base, int worker, int64_t from);
void ddla_replica_leaf_done(ddla_sync *base, int worker, int shard);
ddla_status ddla_replica_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base, int worker);
const ddla_sync_record *ddla_replica_records(const ddla_sync *base, uint64_t step);
ddla_status ddla_replica_share(ddla_sync *base, int worker, const ddla_sync_part *parts, int count);
ddla_status ddla_replica_bring(ddla_sync *base, int worker, void *data, size_t bytes, int from);
void ddla_replica_ask_stop(ddla_sync *base);
void ddla_replica_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end);
ddla_sync_time ddla_replica_time_of(const ddla_sync *base, int worker);
ddla_sync_traffic ddla_replica_traffic(const ddla_sync *base);
bool ddla_replica_settled(const ddla_sync *base, int worker);
ddla_status ddla_replica_settle(ddla_sync *base, int worker);

#define DDLA_REPLICA_SLOTS                                                                         \
  .replicated = true, .control_bytes = ddla_replica_control_bytes,                                 \
  .operand_copies = ddla_replica_operand_copies, .list_copies = ddla_replica_list_copies,          \
  .close = ddla_replica_close, .begin = ddla_replica_begin, .claim = ddla_replica_claim,           \
  .leaf_place = ddla_replica_leaf_place, .put_record = ddla_replica_put_record,                    \
  .final = ddla_replica_final, .leaf_done = ddla_replica_leaf_done, .finish = ddla_replica_finish, \
  .records = ddla_replica_records, .share = ddla_replica_share, .bring = ddla_replica_bring,       \
  .ask_stop = ddla_replica_ask_stop, .piece = ddla_replica_piece, .time_of = ddla_replica_time_of, \
  .traffic = ddla_replica_traffic, .settled = ddla_replica_settled, .settle = ddla_replica_settle

#endif
