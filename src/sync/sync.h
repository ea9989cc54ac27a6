/* Strategies: how agents keep one model. A strategy is a row of sync_list.h and one file; the job's
 * keys sync.mode and sync.method choose it. It is handed the state table and the transport; it
 * starts no threads and keeps no globals.
 *
 * The agents of one host share the state; on several hosts each has a copy of it, or, with
 * strategies that are `replicated`, a model of its own: a replica. A host's compute
 * threads are numbered 0 … workers-1: worker = (agent - the host's first agent) * lanes + lane.
 * For every step each worker calls begin, then claims a shard after another and calls leaf_place,
 * put_record and leaf_done for each that it gets, and finish. A step reads version t of the state
 * and writes version t+1; it is committed when the last worker of a host to finish publishes the
 * host's step word. Threads: open and close by one thread of an agent; the other calls by every
 * worker's own thread. */
#ifndef DDLA_SYNC_SYNC_H
#define DDLA_SYNC_SYNC_H

#include "codec/codec.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "state/state.h"
#include "state/statistic.h"
#include "sync/cluster.h"
#include "sync/heterogeneity.h"
#include "sync/rule.h"
#include "sync/step.h"
#include "tensor/rows.h"
#include "transport/transport.h"
#include "watch/recorder.h"

enum { DDLA_SYNC_PARTS_MAX = 4 };

/* An array that the workers of all hosts fill together, worker by worker: of `items` items the
 * worker in place p of all has [items * p / workers, items * (p + 1) / workers). */
typedef struct ddla_sync_part {
  void *base; /* in memory that the host's agents share */
  size_t bytes;
  int64_t items;
} ddla_sync_part;

typedef struct ddla_sync_options {
  ddla_transport *transport; /* of this host's agents */
  ddla_transport *link;      /* between hosts; null on one host, and but on a host's first agent */
  const ddla_cluster *cluster;
  int lanes, agent;    /* of an agent; this agent's number among all */
  int64_t range_bytes; /* of what hosts exchange at a time; 0: chosen */
  bool fast;           /* hosts' sums by the link itself, in an order of its own */
  bool threadless;     /* the host's first worker exchanges while it waits, no thread of its own */
  int shards;          /* that this host's workers and those it sums with compute in a step */
  bool direct;  /* a shard is one micro-batch, so its gradient may be added to its sibling's at once
                 */
  bool dynamic; /* shards go to whoever is free; shares of hosts follow their speed */
  const ddla_clock *clock; /* by which shards are timed, with dynamic; null: the monotonic one */
  uint64_t seed;           /* of what the strategy draws by itself */
  uint64_t start_step;     /* committed steps so far */
  int64_t total_steps;     /* for the schedule */
  int64_t end_step;        /* there is one model behind it; 0: total_steps */
  ddla_state *state;
  int theta, moment[DDLA_MOMENTS_MAX]; /* rows of the state table; -1: none */
  int gradients;                       /* row: one copy for each operand of each worker */
  int lists[2]; /* rows: numbers and values of the lists of tables whose gradients are kept by row,
                   ddla_sync_list_copies; -1: there are no such tables */
  int sums[2];  /* rows: numbers (two versions) and values of each worker's summed lists; else -1 */
  int row_norms; /* row: one double for each number of a summed list, with clip_norm; else -1 */
  int reduced;   /* row: the summed gradient, where something of all of it must be known before the
                    update (a norm, factors) and on several hosts; else -1.
                    ddla_sync_reduced_versions */
  int block_norms;       /* row: one double for each block, with clip_norm; else -1 */
  int factors;           /* row: ddla_updates_factor_count floats; -1: the optimizer has none */
  int section_sums;      /* row: ddla_updates_sum_count doubles; -1: it is not layered */
  int checks;            /* row: ddla_checks_count numbers, ddla_sync_check_copies; -1: off */
  int64_t check_every;   /* with checks: steps from one to the next */
  int average;           /* row: running mean of theta; -1: none is kept */
  double average_decay;  /* of that mean */
  int64_t average_first; /* the mean begins at this step, from 1 */
  int buffers;           /* row: state that is not trained, two versions; -1: none */
  int average_buffers;   /* row: running mean of the buffers, beside average; -1: none */
  int statistics;        /* row: the records of each shard, one copy for each; -1: none */
  const ddla_statistic *statistic; /* [statistic_count] borrowed: how the buffers move */
  int statistic_count;
  const ddla_optimizer *optimizer;
  ddla_optimizer_options optimizer_options;
  ddla_rate_schedule schedule;
  double weight_decay, clip_norm; /* clip_norm 0: off */
  ddla_watch_lane *const *watch;  /* [lanes] where this agent's lanes record; null: nowhere */
  /* Replicated strategies: */
  const ddla_heterogeneity *heterogeneity; /* null: none */
  int arrays[DDLA_STRATEGY_ARRAYS_MAX];    /* rows: the strategy's arrays, then its arrays */
  int global_buffers;      /* row: what replicas have made of their buffers; -1: there are none */
  int given_buffers;       /* row: the buffers of each host, one behind another; -1 */
  int numbers;             /* row (double): as many as the strategy's; -1: it has none */
  int measures;            /* row (double): two for each block, and one for each host; -1 */
  const ddla_codec *codec; /* how replicas' arrays travel; null: as they are */
  ddla_codec_options codec_options;
  int residual, answer_residual; /* rows: what messages left out, of what this host gave, and of
                                    means that it made; -1: not kept */
  int velocity;                  /* row: momentum of what this host gives, with served ranges and
                                    codec_options.momentum; else -1 */
  ddla_sync_rule rule;
  /* Of a replica's inner strategy: */
  const ddla_sync_pull *pull; /* null: none */
  const int64_t *rate_step;   /* the rate is that of the update behind so many steps, which does not
                                 change in a step; null: behind the committed ones */
  const uint64_t *turn;       /* whose parity is the version of `reduced` that a step's sum goes to,
                                 which does not change in a step; null: there is one */
  void *control;              /* ddla_sync_control_bytes of zeroed memory that all agents share */
} ddla_sync_options;

/* Where a worker's time went, nanoseconds since open. */
typedef struct ddla_sync_time {
  int64_t waiting_ns, exchange_ns;
} ddla_sync_time;

/* What went between hosts since open, of this host. */
typedef struct ddla_sync_traffic {
  int64_t sent_bytes;
  int64_t exchange_ns, exposed_ns; /* all of it; what no computing hid */
} ddla_sync_traffic;

/* What the memory that a strategy needs depends on. */
typedef struct ddla_sync_split {
  const ddla_cluster *cluster;
  int lanes, shards;
  bool direct, dynamic; /* as in the options */
} ddla_sync_split;

struct ddla_strategy;

/* What every strategy's own struct begins with. */
typedef struct ddla_sync {
  const struct ddla_strategy *strategy;
} ddla_sync;

/* Where the gradient of a shard goes. */
typedef struct ddla_sync_leaf {
  float *gradients;
  const ddla_rows *rows; /* by range of the state: where its gradient is kept by row; null: nowhere.
                            Valid until the worker's next leaf_place */
  bool accumulate;       /* add to what is there */
  bool last;             /* the worker's last shard: report final ranges while it is computed */
} ddla_sync_leaf;

/* One row. The slots are the functions below without the prefix; what each does stands there. */
typedef struct ddla_strategy {
  const char *mode, *method; /* keys sync.mode and sync.method */
  const char *help;
  const char *trials; /* keys with which `ddla compare` tries it unasked, "interval=32", several
                         sets  with commas between, "": with none; null: it does not */
  bool divides;       /* among hosts, the moments: see ddla_sync_divides */
  /* Every host trains a model of its own, on its part of each batch or on what it claims. arrays[0]
   * is the global model, equal on all hosts: what the run is measured by and leaves. */
  bool replicated;
  bool apart; /* replicas differ behind an exchange too: theta is each one's own, arrays[0] saved */
  bool streams;     /* fragments are exchanged while workers compute */
  bool accumulates; /* a step is `interval` batches */
  bool claims;      /* hosts compute whatever is next of any batch: work_of says what */
  bool overlaps;    /* on several hosts a sum may still be on its way while the next one is made */
  const ddla_strategy_array *arrays;
  int array_count;
  const char *const *numbers; /* names of numbers that it keeps, equal on all hosts: saved, shown */
  int number_count;
  void (*initial)(double *numbers, const ddla_sync_rule *rule); /* their values; null: 0 */
  bool sums; /* it works with sums over its arrays: row `measures` */
  size_t (*control_bytes)(const ddla_sync_split *split);
  int (*operand_copies)(const ddla_sync_split *split);
  int (*list_copies)(const ddla_sync_split *split);
  ddla_status (*open)(ddla_sync **out, const ddla_sync_options *options);
  void (*close)(ddla_sync *sync);
  ddla_status (*work_of)(ddla_sync *sync, int worker, ddla_sync_work *work); /* only with claims */
  void (*begin)(ddla_sync *sync, int worker, int64_t samples);
  bool (*claim)(ddla_sync *sync, int worker, int *shard);
  ddla_sync_leaf (*leaf_place)(ddla_sync *sync, int worker, int shard);
  void (*put_record)(ddla_sync *sync, int worker, int shard, const ddla_sync_record *record);
  void (*final)(ddla_sync *sync, int worker, int64_t from);
  void (*leaf_done)(ddla_sync *sync, int worker, int shard);
  ddla_status (*finish)(ddla_sync_result *out, int *bad_shard, ddla_sync *sync, int worker);
  const ddla_sync_record *(*records)(const ddla_sync *sync, uint64_t step);
  ddla_status (*share)(ddla_sync *sync, int worker, const ddla_sync_part *parts, int count);
  ddla_status (*bring)(ddla_sync *sync, int worker, void *data, size_t bytes, int from);
  void (*ask_stop)(ddla_sync *sync);
  void (*piece)(const ddla_sync *sync, int worker, int64_t *begin, int64_t *end);
  /* With divides: whose each range of the parameters is now (sync/bridge/bridge_layout.h); null:
   * that does not change. Of agents that are at a checkpoint. */
  const int16_t *(*owners)(const ddla_sync *sync);
  ddla_sync_time (*time_of)(const ddla_sync *sync, int worker);
  ddla_sync_traffic (*traffic)(const ddla_sync *sync);
  bool (*settled)(const ddla_sync *sync, int worker); /* null: always */
  ddla_status (*settle)(ddla_sync *sync, int worker); /* null: nothing to do */
} ddla_strategy;

/* Array `index` of those that a strategy keeps, and behind these what is done about replicas'
 * data (may be null); null behind the last. */
const ddla_strategy_array *ddla_sync_array_at(const ddla_strategy *strategy,
                                              const ddla_heterogeneity *heterogeneity, int index);

/* The table; count in *count. Borrowed for ever. */
const ddla_strategy *const *ddla_strategy_table(int *count);

/* Row of this mode and method, or null. */
const ddla_strategy *ddla_strategy_find(const char *mode, const char *method);

/* Shards [*first, *end) of `shards`: the part of every batch that this host and those it sums with
 * compute. All of them but for replicated strategies that do not claim. */
void ddla_sync_part_of(int *first, int *end, const ddla_strategy *strategy,
                       const ddla_cluster *cluster, int shards);

/* Bytes of a host's shared control memory, and operands (gradient copies) that its row `gradients`
 * must have (negative: no memory to find out). */
size_t ddla_sync_control_bytes(const ddla_strategy *strategy, const ddla_sync_split *split);
int ddla_sync_operand_copies(const ddla_strategy *strategy, const ddla_sync_split *split);

/* The same of its rows `lists`, where gradients are kept by row. */
int ddla_sync_list_copies(const ddla_strategy *strategy, const ddla_sync_split *split);

/* Whether each of several hosts has the moments of its part of the parameter space alone; the pages
 * of other parts in the rows of moments, and in `reduced`, are never touched. The part is that of
 * ddla_bridge_layout_make. */
bool ddla_sync_divides(const ddla_strategy *strategy, const ddla_cluster *cluster);

/* Versions that the row `reduced` must have. */
int ddla_sync_reduced_versions(const ddla_strategy *strategy, const ddla_cluster *cluster);

/* Where the sum of the step under way goes in the row `reduced`, which there is. */
float *ddla_sync_reduced(const ddla_sync_options *options);

/* Copies that the row `checks` must have. */
int ddla_sync_check_copies(const ddla_strategy *strategy, const ddla_cluster *cluster, int lanes);

/* Errors: NO_MEMORY. */
ddla_status ddla_sync_open(ddla_sync **out, const ddla_strategy *strategy,
                           const ddla_sync_options *options);
void ddla_sync_close(ddla_sync *sync);

/* What this worker computes next, the same for all of a host's; may wait. For strategies that
 * claim; with others it is the host's part (ddla_sync_part_of) of the batch behind the committed
 * step. Errors: PEER_LOST, CANCELLED. */
ddla_status ddla_sync_work_of(ddla_sync *sync, int worker, ddla_sync_work *work);

/* Starts a step of `samples` samples on this worker; the records of its shards in the row
 * `statistics` are cleared, and filled by the caller before it reports anything final. */
void ddla_sync_begin(ddla_sync *sync, int worker, int64_t samples);

/* The worker's next shard of the step, one with samples, which it computes before it claims again;
 * false: there are no more for it. */
bool ddla_sync_claim(ddla_sync *sync, int worker, int *shard);

/* The place of a shard's gradient, before it is computed. */
ddla_sync_leaf ddla_sync_leaf_place(ddla_sync *sync, int worker, int shard);

/* Stores what the shard contributed; before the first final call of the worker's last shard. */
void ddla_sync_put_record(ddla_sync *sync, int worker, int shard, const ddla_sync_record *record);

/* Elements from `from` on are final in all of this worker's operands. */
void ddla_sync_final(ddla_sync *sync, int worker, int64_t from);

/* Combines a shard's operand with finished ones where places run short. After the shard's gradient
 * is complete. */
void ddla_sync_leaf_done(ddla_sync *sync, int worker, int shard);

/* Reduces and updates this worker's ranges, then waits for the commit. Errors: NON_FINITE (no
 * version t+1 is committed; `bad_shard` names the first shard, -1: the norm of the gradient is not
 * finite), PEER_LOST, CANCELLED. */
ddla_status ddla_sync_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *sync, int worker);

/* Records of the step before last commit: [shards]. Borrowed until the step after next. */
const ddla_sync_record *ddla_sync_records(const ddla_sync *sync, uint64_t step);

/* Waits until all workers of all hosts are here. Errors: PEER_LOST, CANCELLED. */
ddla_status ddla_sync_barrier(ddla_sync *sync, int worker);

/* The same, and then every host has all items of these arrays: at most DDLA_SYNC_PARTS_MAX, the
 * same for all workers. */
ddla_status ddla_sync_share(ddla_sync *sync, int worker, const ddla_sync_part *parts, int count);

/* The same, and then the first host has what lies at `data` on host `from`, at `data`; on the other
 * hosts nothing changes. data: in memory that the host's agents share; it and bytes count on these
 * two hosts alone. How state that hosts do not have in common comes to the one that writes files.
 */
ddla_status ddla_sync_bring(ddla_sync *sync, int worker, void *data, size_t bytes, int from);

/* Whether the committed step can be saved: with replicas, one at whose end they have exchanged. */
bool ddla_sync_settled(const ddla_sync *sync, int worker);

/* Makes it such a one; by all workers of all hosts. Errors: PEER_LOST, CANCELLED. */
ddla_status ddla_sync_settle(ddla_sync *sync, int worker);

/* Asks the group to stop after the step that is under way, or, with replicas, after the next
 * exchange. Any thread, also a signal handler. */
void ddla_sync_ask_stop(ddla_sync *sync);

/* This worker's piece of its host's parameter space without tables kept by row: whole blocks. */
void ddla_sync_piece(const ddla_sync *sync, int worker, int64_t *begin, int64_t *end);

ddla_sync_time ddla_sync_time_of(const ddla_sync *sync, int worker);

ddla_sync_traffic ddla_sync_traffic_of(const ddla_sync *sync);

/* Committed steps: the first word of every strategy's control memory. Any thread of any agent. */
uint64_t ddla_sync_committed(const void *control);

#endif
