/* What synchronous methods have in common: one update per step from the sum over all shards.
 * `allreduce` (allreduce.c) updates everything on every host; `sharded` (sharded.c) divides the
 * update among hosts. They differ in what happens between a worker's last shard and the commit. */
#ifndef DDLA_SYNC_SUM_ALLREDUCE_PARTS_H
#define DDLA_SYNC_SUM_ALLREDUCE_PARTS_H

#include <stdatomic.h>

#include "sync/bridge/bridge.h"
#include "sync/sum/balance.h"
#include "sync/sum/operands.h"
#include "sync/sum/update.h"

enum { DDLA_ALLREDUCE_LINE_BYTES = 64, DDLA_ALLREDUCE_RECORDS = 2 /* versions */ };

/* One cache line for the words that one worker writes and others read. */
typedef struct ddla_allreduce_line {
  _Atomic uint64_t
      final_word; /* steps since open * (blocks + 1) + final blocks of this step, from the top */
  _Atomic uint64_t made_word; /* sharded: steps since open * (stages + 1) + stages of this step, of
                                 own ranges, that the worker has made its share of */
  char gap[DDLA_ALLREDUCE_LINE_BYTES - 2 * sizeof(uint64_t)];
} ddla_allreduce_line;

/* Shared by the agents of a host, zeroed at the start. Counters only grow. */
typedef struct ddla_allreduce_control {
  _Atomic uint64_t step_word; /* committed steps */
  char gap0[DDLA_ALLREDUCE_LINE_BYTES - sizeof(uint64_t)];
  _Atomic uint64_t arrived; /* workers that finished steps, all together */
  char gap1[DDLA_ALLREDUCE_LINE_BYTES - sizeof(uint64_t)];
  _Atomic uint64_t normed, normed_word;
  char gap2[DDLA_ALLREDUCE_LINE_BYTES - 2 * sizeof(uint64_t)];
  _Atomic uint64_t met, met_word; /* barrier */
  char gap3[DDLA_ALLREDUCE_LINE_BYTES - 2 * sizeof(uint64_t)];
  _Atomic uint32_t stop_asked, stop_committed;
  char gap4[DDLA_ALLREDUCE_LINE_BYTES - 2 * sizeof(uint32_t)];
} ddla_allreduce_control;

typedef struct ddla_allreduce_worker {
  uint64_t barriers, meetings, orders; /* orders: given to the bridge by this host */
  int64_t waiting_ns, exchange_ns;
  char gap[DDLA_ALLREDUCE_LINE_BYTES];
} ddla_allreduce_worker;

/* With dynamic balance, behind the board: hosts' shares of shards, and the pieces of this host's
 * workers (in blocks), in steps of even and odd number. The last worker of a step writes those of
 * the next one; nothing is written for the first. */
typedef struct ddla_allreduce_shares {
  ddla_balance_shares shares[2];
  int64_t piece[2][DDLA_CLAIMS_WORKERS_MAX + 1];
  _Alignas(DDLA_ALLREDUCE_LINE_BYTES) char operands[]; /* ddla_operands_bytes */
} ddla_allreduce_shares;

typedef struct ddla_allreduce {
  ddla_sync base;
  ddla_sync_options options;
  ddla_allreduce_control *control;
  ddla_allreduce_line *line;
  ddla_sync_record *record; /* [2][shards] */
  ddla_allreduce_worker *worker;
  ddla_operands *operands;
  ddla_updates *updates;
  float *chunk; /* [workers][CHUNK_BLOCKS * block] summed gradient of what is being updated */
  int workers;  /* of this host */
  int64_t blocks;
  bool bridged; /* there are other hosts */
  ddla_bridge_layout layout;
  ddla_bridge_board *board;
  ddla_bridge *bridge;           /* null but on the host's first agent */
  ddla_allreduce_shares *shares; /* null with static balance */
  ddla_balance *balance;         /* null on one host */
  /* The step between a worker's last shard and the commit, where hosts divide it; else null. */
  ddla_status (*divided)(ddla_sync_result *result, int *bad_shard, struct ddla_allreduce *sync,
                         int worker);
  ddla_bridge_division division;
  ddla_bridge_span span[DDLA_BRIDGE_ARRAYS_MAX][DDLA_BRIDGE_RANGES_MAX];
} ddla_allreduce;

/* Opens without a bridge; then the bridge, as `division` says. Errors: as ddla_sync_open. */
ddla_status ddla_allreduce_open(ddla_allreduce **out, const ddla_strategy *strategy,
                                const ddla_sync_options *options);
ddla_status ddla_allreduce_open_bridge(ddla_allreduce *sync);

/* The committed step; steps since open. */
uint64_t ddla_allreduce_committed(const ddla_allreduce *sync);
uint64_t ddla_allreduce_steps(const ddla_allreduce *sync);

/* The hosts' shares of the step that follows `step` committed ones. */
ddla_balance_shares ddla_allreduce_shares_after(const ddla_allreduce *sync, uint64_t step);

/* For who makes the update elsewhere: the step's records are added up, and its whole gradient is in
 * the row `reduced`; *factor is what clipping scales it by. Instead of `divided`, on one host.
 * Errors: NON_FINITE. */
ddla_status ddla_allreduce_store(ddla_sync_result *result, int *bad_shard, double *factor,
                                 ddla_allreduce *sync, int worker);

/* Waits until the bridge has come so far. */
ddla_status ddla_allreduce_wait_bridge(ddla_allreduce *sync, int worker, uint64_t target);

/* Adds up the records of the step under way. Errors: NON_FINITE, and *bad_shard. */
ddla_status ddla_allreduce_sum_records(ddla_sync_result *result, int *bad_shard,
                                       const ddla_allreduce *sync);

/* From the blocks' norms to the clip factor; false: the norm is not finite, equal on all workers.
 */
bool ddla_allreduce_clip(double *factor, ddla_sync_result *result, const ddla_allreduce *sync);
ddla_status ddla_allreduce_fail_norm(const ddla_sync_result *result);

/* What the update of the step under way is made with; `factor`: of clipping. */
ddla_update_step ddla_allreduce_update_step(ddla_sync_result *result, const ddla_allreduce *sync,
                                            double factor);

/* Writes version t + 1 of the buffers that follow statistics; a worker takes every workers-th. */
void ddla_allreduce_update_buffers(const ddla_allreduce *sync, int worker,
                                   const ddla_update_step *step);

/* Says to those who watch that the worker works on elements [begin, end). */
void ddla_allreduce_mark_update(const ddla_allreduce *sync, int worker, int64_t begin, int64_t end);

/* Slots of every row. */
size_t ddla_allreduce_control_bytes(const ddla_sync_split *split);
void ddla_allreduce_close(ddla_sync *base);
bool ddla_allreduce_claim(ddla_sync *base, int worker, int *shard);
void ddla_allreduce_begin(ddla_sync *base, int worker, int64_t samples);
ddla_sync_leaf ddla_allreduce_leaf_place(ddla_sync *base, int worker, int shard);
void ddla_allreduce_put_record(ddla_sync *base, int worker, int shard,
                               const ddla_sync_record *record);
void ddla_allreduce_final(ddla_sync *base, int worker, int64_t from);
void ddla_allreduce_leaf_done(ddla_sync *base, int worker, int shard);
ddla_status ddla_allreduce_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base,
                                  int worker);
const ddla_sync_record *ddla_allreduce_records(const ddla_sync *base, uint64_t step);
ddla_status ddla_allreduce_share(ddla_sync *base, int worker, const ddla_sync_part *parts,
                                 int count);
ddla_status ddla_allreduce_bring(ddla_sync *base, int worker, void *data, size_t bytes, int from);
void ddla_allreduce_ask_stop(ddla_sync *base);
void ddla_allreduce_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end);
ddla_sync_time ddla_allreduce_time_of(const ddla_sync *base, int worker);
ddla_sync_traffic ddla_allreduce_traffic(const ddla_sync *base);

#endif
