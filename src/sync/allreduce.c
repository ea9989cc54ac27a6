/* Synchronous data parallelism with one update per step (the plain form of Das et al. 2016,
 * arXiv:1602.06709). The agents of a host share one copy of the state: each worker sums its own
 * piece of the parameter space over all operands, in the fixed tree over the shards, and writes its
 * piece of version t+1; within a host nothing is sent and nothing is gathered. The last worker to
 * finish publishes the step word, which commits the step. Buffers (state that is not trained) are
 * written beside it, by statistic.
 *
 * On several hosts the sums come from the bridge (sync/bridge/bridge.h), which adds up what all
 * hosts computed in the same tree and gives it to all; every host then makes the whole of version
 * t+1 for itself. A host commits when its workers are through: that nobody else is behind by more
 * than this step follows from the sums, which need what everybody computed.
 *
 * Waiting: a piece is summed when every worker has reported it final. With clipping by global norm
 * the sum is stored first, block norms are taken, all workers meet, and then the update follows. A
 * layered optimizer (optim/optimizer.h) has one or two more such meetings. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "coll/tree.h"
#include "optim/norm.h"
#include "sync/sum/allreduce_parts.h"
#include "sync/sum/checks.h"
#include "sync/sum/records.h"
#include "sync/sum/row_sums.h"

enum { CHUNK_BLOCKS = 4, RECORD_VERSIONS = DDLA_ALLREDUCE_RECORDS };

_Static_assert((int)DDLA_STATE_BLOCK == (int)DDLA_NORM_BLOCK,
               "norms are taken over the state's blocks");

extern const ddla_strategy ddla_strategy_allreduce;

typedef ddla_allreduce allreduce;

static allreduce *of(ddla_sync *base) { return (allreduce *)base; }

static const allreduce *of_const(const ddla_sync *base) { return (const allreduce *)base; }

static size_t lines_bytes(int workers) { return (size_t)workers * sizeof(ddla_allreduce_line); }

static size_t records_bytes(int shards) {
  return RECORD_VERSIONS * (size_t)shards * sizeof(ddla_sync_record);
}

static size_t board_offset(int workers, int shards) {
  size_t bytes = sizeof(ddla_allreduce_control) + lines_bytes(workers) + records_bytes(shards);
  return (bytes + DDLA_ALLREDUCE_LINE_BYTES - 1) / DDLA_ALLREDUCE_LINE_BYTES *
         DDLA_ALLREDUCE_LINE_BYTES;
}

static size_t shares_offset(int workers, int shards) {
  size_t bytes = board_offset(workers, shards) + sizeof(ddla_bridge_board);
  return (bytes + DDLA_ALLREDUCE_LINE_BYTES - 1) / DDLA_ALLREDUCE_LINE_BYTES *
         DDLA_ALLREDUCE_LINE_BYTES;
}

size_t ddla_allreduce_control_bytes(const ddla_sync_split *split) {
  const int workers = ddla_cluster_here(split->cluster) * split->lanes;
  const size_t bytes = shares_offset(workers, split->shards);
  return split->dynamic ? bytes + sizeof(ddla_allreduce_shares) + ddla_operands_bytes(split)
                        : bytes;
}

static ddla_status open_operands(allreduce *sync) {
  const ddla_sync_options *options = &sync->options;
  if (!options->dynamic) return ddla_operands_create(&sync->operands, options, NULL);
  sync->shares = (ddla_allreduce_shares *)(void *)((char *)options->control +
                                                   shares_offset(sync->workers, options->shards));
  if (sync->bridged)
    DDLA_TRY(ddla_balance_create(&sync->balance, options->cluster->hosts, options->shards));
  return ddla_operands_create(&sync->operands, options, sync->shares->operands);
}

ddla_status ddla_allreduce_open(ddla_allreduce **out, const ddla_strategy *strategy,
                                const ddla_sync_options *options) {
  allreduce *sync = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(sync, 1));
  sync->base.strategy = strategy;
  sync->options = *options;
  sync->workers = ddla_cluster_here(options->cluster) * options->lanes;
  sync->bridged = options->cluster->hosts > 1;
  sync->blocks = ddla_state_dense(options->state) / DDLA_STATE_BLOCK;
  sync->control = options->control;
  sync->line = (ddla_allreduce_line *)(sync->control + 1);
  sync->record = (ddla_sync_record *)(sync->line + sync->workers);
  sync->board = (ddla_bridge_board *)(void *)((char *)options->control +
                                              board_offset(sync->workers, options->shards));
  atomic_store(&sync->control->step_word, options->start_step);
  DDLA_TRY_CLEAN(status, ddla_updates_create(&sync->updates, &sync->options));
  DDLA_TRY_CLEAN(status, open_operands(sync));
  DDLA_TRY_CLEAN(status, DDLA_NEW(sync->worker, sync->workers));
  DDLA_TRY_CLEAN(status,
                 DDLA_NEW(sync->chunk, (int64_t)sync->workers * CHUNK_BLOCKS * DDLA_STATE_BLOCK));
  const ddla_sync_split split = {.cluster = options->cluster,
                                 .lanes = options->lanes,
                                 .shards = options->shards,
                                 .dynamic = options->dynamic};
  if (sync->bridged)
    DDLA_TRY_CLEAN(status,
                   ddla_bridge_layout_of(&sync->layout, &split, ddla_state_dense(options->state),
                                         options->range_bytes));
  *out = sync;
  return DDLA_OK;
cleanup:
  ddla_allreduce_close(&sync->base);
  return status;
}

void ddla_allreduce_close(ddla_sync *base) {
  if (!base) return;
  allreduce *sync = of(base);
  ddla_bridge_destroy(sync->bridge);
  ddla_operands_destroy(sync->operands);
  ddla_balance_destroy(sync->balance);
  ddla_free(sync->worker);
  ddla_updates_destroy(sync->updates);
  ddla_free(sync->chunk);
  ddla_free(sync);
}

uint64_t ddla_allreduce_committed(const ddla_allreduce *sync) {
  return atomic_load_explicit(&sync->control->step_word, memory_order_acquire);
}

uint64_t ddla_allreduce_steps(const ddla_allreduce *sync) {
  return ddla_allreduce_committed(sync) - sync->options.start_step;
}

static uint64_t committed(const allreduce *sync) { return ddla_allreduce_committed(sync); }

static uint64_t steps_since_open(const allreduce *sync) { return ddla_allreduce_steps(sync); }

static void publish_final(allreduce *sync, int worker, int64_t final_blocks) {
  uint64_t word = steps_since_open(sync) * (uint64_t)(sync->blocks + 1) + (uint64_t)final_blocks;
  ddla_transport_word_publish(sync->options.transport, &sync->line[worker].final_word, word);
}

const ddla_sync_record *ddla_allreduce_records(const ddla_sync *base, uint64_t step) {
  const allreduce *sync = of_const(base);
  return sync->record + step % RECORD_VERSIONS * (uint64_t)sync->options.shards;
}

/* Of this host, among those of all: with replicas, more than the cluster that it sums with. */
static int first_worker(const allreduce *sync) {
  return (sync->options.agent - ddla_transport_rank(sync->options.transport)) * sync->options.lanes;
}

void ddla_allreduce_put_record(ddla_sync *base, int worker, int shard,
                               const ddla_sync_record *record) {
  allreduce *sync = of(base);
  uint64_t version = (committed(sync) + 1) % RECORD_VERSIONS;
  ddla_sync_record *kept =
      &sync->record[version * (uint64_t)sync->options.shards + (uint64_t)shard];
  *kept = *record;
  kept->worker = first_worker(sync) + worker;
  kept->shard_ns = record->samples > 0 ? ddla_operands_long_ns(sync->operands, worker) : 0;
}

/* Nobody reads them any more: the step before is committed. */
static void clear_statistics(const allreduce *sync, int shard) {
  const ddla_sync_options *options = &sync->options;
  if (options->statistic_count == 0) return;
  size_t bytes =
      (size_t)ddla_state_row_at(options->state, options->statistics)->count * sizeof(double);
  memset(ddla_state_array(options->state, options->statistics, 0, shard), 0, bytes);
}

/* The hosts' shares of the step that follows `step` committed ones. */
ddla_balance_shares ddla_allreduce_shares_after(const ddla_allreduce *sync, uint64_t step) {
  ddla_balance_shares shares = {.steps = 0};
  if (sync->shares) shares = sync->shares->shares[step % 2];
  if (shares.first[sync->options.cluster->hosts] == 0)
    ddla_balance_even(&shares, sync->options.cluster, sync->options.shards);
  return shares;
}

/* The last worker of a step: its records are there. */
static void deal_shares(allreduce *sync, uint64_t step) {
  const ddla_cluster *cluster = sync->options.cluster;
  const ddla_balance_shares now = ddla_allreduce_shares_after(sync, step);
  int64_t shard_ns[DDLA_CLAIMS_WORKERS_MAX];
  int workers[DDLA_HOSTS_MAX];
  if (!sync->shares) return;
  for (int w = 0; w < sync->workers; w++) shard_ns[w] = ddla_operands_shard_ns(sync->operands, w);
  ddla_balance_pieces(sync->shares->piece[(step + 1) % 2], sync->blocks, shard_ns, sync->workers);
  if (!sync->balance) return;
  for (int h = 0; h < cluster->hosts; h++)
    workers[h] = (cluster->first[h + 1] - cluster->first[h]) * sync->options.lanes;
  ddla_balance_next(&sync->shares->shares[(step + 1) % 2], sync->balance, &now, workers,
                    ddla_allreduce_records(&sync->base, step + 1));
}

/* The host's first worker tells the bridge. */
static void order_step(allreduce *sync, int worker, int64_t samples) {
  uint64_t number = ++sync->worker[worker].orders;
  const ddla_bridge_order order = {.step = committed(sync) + 1, .samples = samples};
  if (worker == 0 && sync->bridged)
    ddla_bridge_post(sync->options.transport, sync->board, number, &order);
}

void ddla_allreduce_begin(ddla_sync *base, int worker, int64_t samples) {
  allreduce *sync = of(base);
  const int host = sync->options.cluster->host;
  const ddla_balance_shares shares = ddla_allreduce_shares_after(sync, committed(sync));
  const ddla_claims_step step = {.step = committed(sync),
                                 .samples = samples,
                                 .first = shares.first[host],
                                 .end = shares.first[host + 1]};
  int first = 0, end = 0;
  order_step(sync, worker, samples);
  ddla_operands_begin(sync->operands, worker, &step);
  ddla_operands_shards(sync->operands, worker, &first, &end);
  for (int s = first; s < end; s++) {
    if (!ddla_operands_empty(sync->operands, samples, s)) continue;
    clear_statistics(sync, s);
    ddla_allreduce_put_record(base, worker, s, &(ddla_sync_record){.agent = sync->options.agent});
  }
}

bool ddla_allreduce_claim(ddla_sync *base, int worker, int *shard) {
  const allreduce *sync = of(base);
  if (!ddla_operands_claim(sync->operands, worker, shard)) return false;
  clear_statistics(sync, *shard);
  return true;
}

ddla_sync_leaf ddla_allreduce_leaf_place(ddla_sync *base, int worker, int shard) {
  return ddla_operands_place(of(base)->operands, worker, shard);
}

void ddla_allreduce_leaf_done(ddla_sync *base, int worker, int shard) {
  ddla_operands_done(of(base)->operands, worker, shard);
}

/* This worker does what a thread of the bridge would. */
static bool serves_bridge(const allreduce *sync, int worker) {
  return sync->options.threadless && sync->bridge && worker == 0;
}

void ddla_allreduce_final(ddla_sync *base, int worker, int64_t from) {
  allreduce *sync = of(base);
  int64_t first_final_block = (from + DDLA_STATE_BLOCK - 1) / DDLA_STATE_BLOCK;
  if (first_final_block > sync->blocks) first_final_block = sync->blocks;
  publish_final(sync, worker, sync->blocks - first_final_block);
  if (!serves_bridge(sync, worker)) return;
  const int depth = ddla_alloc_begin_other(); /* the bridge's memory grows where it must */
  (void)ddla_bridge_serve(sync->bridge, 0);   /* what fails here fails again where it waits */
  ddla_alloc_end_other(depth);
}

void ddla_allreduce_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end) {
  const allreduce *sync = of_const(base);
  *begin = sync->blocks * worker / sync->workers * DDLA_STATE_BLOCK;
  *end = sync->blocks * (worker + 1) / sync->workers * DDLA_STATE_BLOCK;
  if (!sync->shares) return;
  const int64_t *piece = sync->shares->piece[committed(sync) % 2];
  if (piece[sync->workers] == 0) return; /* the first step */
  *begin = piece[worker] * DDLA_STATE_BLOCK;
  *end = piece[worker + 1] * DDLA_STATE_BLOCK;
}

static ddla_watch_lane *pen_of(const allreduce *sync, int worker) {
  return sync->options.watch ? sync->options.watch[worker % sync->options.lanes] : NULL;
}

static void mark(const allreduce *sync, int worker, ddla_phase phase, uint64_t detail) {
  ddla_watch_mark(pen_of(sync, worker), phase, detail);
}

void ddla_allreduce_mark_update(const ddla_allreduce *sync, int worker, int64_t begin,
                                int64_t end) {
  mark(sync, worker, DDLA_PHASE_UPDATE,
       (uint64_t)(begin / DDLA_STATE_BLOCK) | (uint64_t)(end / DDLA_STATE_BLOCK) << 32);
}

/* The worker works on its piece. */
static void mark_update(const allreduce *sync, int worker) {
  int64_t begin = 0, end = 0;
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  ddla_allreduce_mark_update(sync, worker, begin, end);
}

/* detail: what is recorded of the wait, by ddla_watch_wait_pack. */
static ddla_status wait_word(allreduce *sync, int worker, _Atomic uint64_t *word, uint64_t value,
                             uint64_t detail) {
  if (atomic_load_explicit(word, memory_order_acquire) >= value) return DDLA_OK;
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t start_ns = ddla_clock_now_ns(clock);
  ddla_watch_mark_at(pen_of(sync, worker), DDLA_PHASE_WAIT, detail, start_ns);
  ddla_status status = ddla_transport_word_wait(sync->options.transport, word, value, -1);
  sync->worker[worker].waiting_ns += ddla_clock_now_ns(clock) - start_ns;
  return status;
}

/* Waits until the bridge has come so far. */
ddla_status ddla_allreduce_wait_bridge(ddla_allreduce *sync, int worker, uint64_t target) {
  if (serves_bridge(sync, worker)) return ddla_bridge_serve(sync->bridge, target);
  return wait_word(sync, worker, &sync->board->progress, target,
                   ddla_watch_wait_pack(DDLA_WAIT_HOSTS, DDLA_WATCH_ALL, target));
}

/* Waits until all workers' operands are final from element `begin` on; on several hosts, until the
 * sums are there from `begin` on. */
static ddla_status wait_final(allreduce *sync, int worker, int64_t begin) {
  uint64_t blocks = (uint64_t)(sync->blocks - begin / DDLA_STATE_BLOCK);
  uint64_t wanted = steps_since_open(sync) * (uint64_t)(sync->blocks + 1) + blocks;
  if (sync->bridged)
    return ddla_allreduce_wait_bridge(
        sync, worker,
        ddla_bridge_target_down_to(&sync->layout, sync->worker[worker].orders, begin));
  for (int i = 0; i < sync->workers; i++)
    DDLA_TRY(wait_word(sync, worker, &sync->line[i].final_word, wanted,
                       ddla_watch_wait_pack(DDLA_WAIT_FINAL, first_worker(sync) + i, blocks)));
  return DDLA_OK;
}

/* All workers' operands (of all hosts, where they exchange lists) of one step in the order of their
 * shards, and the additions for those that hold something. */
typedef struct reduction {
  ddla_tree_plan plan;
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX];
  const void *data[DDLA_TREE_OPERANDS_MAX];
  int copy[DDLA_TREE_OPERANDS_MAX];
  bool absent[DDLA_TREE_OPERANDS_MAX];
  int count;
} reduction;

static ddla_status plan_reduction(reduction *out, allreduce *sync, int64_t samples) {
  ddla_operand operand[DDLA_TREE_OPERANDS_MAX];
  out->count = ddla_operands_list_all(operand, sync->operands, committed(sync), samples);
  for (int i = 0; i < out->count; i++) {
    out->part[i] = operand[i].part;
    out->data[i] = operand[i].data;
    out->copy[i] = operand[i].copy;
    out->absent[i] = operand[i].absent;
  }
  return ddla_tree_plan_make(&out->plan, sync->options.shards, out->part, out->absent, out->count);
}

/* to[0 … count) = sum of elements [from, from + count). */
static void reduce(const reduction *sum, float *to, int64_t from, int64_t count) {
  const void *data[DDLA_TREE_OPERANDS_MAX];
  void *outputs[1] = {to};
  for (int i = 0; i < sum->count; i++) data[i] = (const float *)sum->data[i] + from;
  const ddla_tree_io io = {
      .operands = data, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&sum->plan, &io, 0, count, false);
}

/* Last to arrive at a counter: publishes the word. All others wait for it. */
static ddla_status meet(allreduce *sync, int worker, _Atomic uint64_t *counter,
                        _Atomic uint64_t *word, uint64_t round) {
  bool barrier = word == &sync->control->met_word;
  uint64_t before = atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel);
  if (before + 1 == round * (uint64_t)sync->workers) {
    ddla_transport_word_publish(sync->options.transport, word, round);
    return DDLA_OK;
  }
  return wait_word(
      sync, worker, word, round,
      ddla_watch_wait_pack(barrier ? DDLA_WAIT_MET : DDLA_WAIT_NORMED, DDLA_WATCH_ALL, round));
}

/* The hosts meet when the workers of each have. */
static ddla_status meet_hosts(allreduce *sync, int worker, const ddla_bridge_order *order) {
  uint64_t round = ++sync->worker[worker].barriers;
  DDLA_TRY(meet(sync, worker, &sync->control->met, &sync->control->met_word, round));
  if (sync->bridged) {
    uint64_t number = ++sync->worker[worker].orders;
    if (worker == 0) ddla_bridge_post(sync->options.transport, sync->board, number, order);
    DDLA_TRY(
        ddla_allreduce_wait_bridge(sync, worker, ddla_bridge_target_done(&sync->layout, number)));
  }
  mark(sync, worker, DDLA_PHASE_COMMITTED, committed(sync));
  return DDLA_OK;
}

ddla_status ddla_allreduce_share(ddla_sync *base, int worker, const ddla_sync_part *parts,
                                 int count) {
  ddla_bridge_order order = {.part_count = count};
  for (int i = 0; i < count; i++) order.part[i] = parts[i];
  return meet_hosts(of(base), worker, &order);
}

ddla_status ddla_allreduce_bring(ddla_sync *base, int worker, void *data, size_t bytes, int from) {
  const ddla_bridge_order order = {.part = {{data, bytes, 1}}, .brings = true, .from = from};
  return meet_hosts(of(base), worker, &order);
}

/* Workers meet inside a step: what they wrote before is there for all. */
static ddla_status meet_within(allreduce *sync, int worker) {
  uint64_t round = ++sync->worker[worker].meetings;
  return meet(sync, worker, &sync->control->normed, &sync->control->normed_word, round);
}

static ddla_row_operands row_operands(const allreduce *sync, const reduction *sum) {
  return (ddla_row_operands){.part = sum->part,
                             .absent = sum->absent,
                             .copy = sum->copy,
                             .count = sum->count,
                             .shards = sync->options.shards};
}

/* Sums this worker's rows of tables that are kept by row; their lists are whole when all workers
 * have reported everything final. */
static ddla_status sum_rows(allreduce *sync, int worker, const reduction *sum) {
  const ddla_row_operands operands = row_operands(sync, sum);
  if (!ddla_operands_by_row(sync->operands)) return DDLA_OK;
  if (sync->bridged)
    DDLA_TRY(ddla_allreduce_wait_bridge(
        sync, worker, ddla_bridge_target_lists(&sync->layout, sync->worker[worker].orders)));
  else DDLA_TRY(wait_final(sync, worker, 0));
  mark_update(sync, worker);
  return ddla_row_sums_make(&sync->options, worker, committed(sync), &operands);
}

/* Stores this worker's piece of the summed gradient (which the bridge has done already), and its
 * blocks' norms. */
static ddla_status store_gradient(allreduce *sync, int worker, const reduction *sum) {
  const ddla_sync_options *options = &sync->options;
  int64_t begin = 0, end = 0;
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  float *reduced = ddla_sync_reduced(options);
  double *norms = options->block_norms < 0
                      ? NULL
                      : ddla_state_array(options->state, options->block_norms, 0, 0);
  for (int64_t at = begin; at < end; at += DDLA_STATE_BLOCK) {
    if (!sync->bridged) reduce(sum, reduced + at, at, DDLA_STATE_BLOCK);
    if (norms)
      ddla_norm_block_sums(&norms[at / DDLA_STATE_BLOCK], reduced + at, DDLA_STATE_BLOCK,
                           DDLA_ISA_BEST);
  }
  DDLA_TRY(sum_rows(sync, worker, sum));
  DDLA_TRY(meet_within(sync, worker));
  mark_update(sync, worker);
  return DDLA_OK;
}

bool ddla_allreduce_clip(double *factor, ddla_sync_result *result, const ddla_allreduce *sync) {
  const ddla_sync_options *options = &sync->options;
  const double *norms = ddla_state_array(options->state, options->block_norms, 0, 0);
  double squares = ddla_norm_tree(norms, sync->blocks);
  if (ddla_row_sums_needed(options->state))
    squares += ddla_row_sums_squares(options, committed(sync));
  result->gradient_norm = ddla_norm_value(squares, result->count > 0 ? 1 / result->count : 0);
  if (!isfinite(result->gradient_norm)) return false;
  *factor = ddla_norm_clip(result->gradient_norm, options->clip_norm);
  return true;
}

ddla_status ddla_allreduce_fail_norm(const ddla_sync_result *result) {
  return DDLA_FAIL(NON_FINITE,
                   "the gradient's norm is %g at step %" PRIu64 "; the last checkpoint is kept. "
                   "Lower train.learning_rate",
                   result->gradient_norm, result->step);
}

static ddla_status clip_factor(double *factor, ddla_sync_result *result, const allreduce *sync,
                               int worker) {
  const ddla_sync_options *options = &sync->options;
  if (ddla_allreduce_clip(factor, result, sync)) return DDLA_OK;
  if (options->checks >= 0) return ddla_checks_explain(options, worker, result->step);
  return ddla_allreduce_fail_norm(result);
}

/* Elements [begin, end) of the updates; running means take them up while they are in the cache. */
static void run_span(const allreduce *sync, const float *gradient, int64_t begin, int64_t end,
                     const ddla_update_step *step) {
  ddla_updates_run(sync->updates, gradient, begin, end, step);
  if (!sync->options.optimizer->apply) ddla_updates_follow(sync->updates, begin, end, step);
}

/* Whether something of all of the gradient must be known before the update. */
static bool needs_whole(const allreduce *sync) {
  const ddla_sync_options *options = &sync->options;
  return options->clip_norm > 0 || options->optimizer->factor ||
         (options->reduced >= 0 && !sync->bridged);
}

/* Whether sums are taken up range by range, as the bridge brings them. */
static bool arrives(const allreduce *sync) { return sync->bridged && !needs_whole(sync); }

/* On several hosts, where nothing of all of the gradient is needed first: each range of the piece
 * as its sum arrives, from the top down, so that updating and exchanging go on together. */
static ddla_status run_arriving(allreduce *sync, int worker, const ddla_update_step *step) {
  const ddla_sync_options *options = &sync->options;
  const bool due = ddla_checks_due(options, step->step);
  const float *reduced = ddla_sync_reduced(options);
  int64_t begin = 0, end = 0, from = 0, count = 0;
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  for (; end > begin; end = from) {
    ddla_bridge_range(&sync->layout, ddla_bridge_range_down_to(&sync->layout, end - 1), &from,
                      &count);
    if (from < begin) from = begin;
    DDLA_TRY(wait_final(sync, worker, from));
    mark_update(sync, worker);
    if (due) ddla_checks_span(options, worker, DDLA_CHECKED_GRADIENT, reduced + from, from, end);
    run_span(sync, reduced + from, from, end, step);
  }
  return DDLA_OK;
}

/* weight * (theta - target + offset), added to gradient[0 … end - begin). */
static void add_draw(float *gradient, const float *theta, const ddla_sync_pull *pull, int64_t begin,
                     int64_t end) {
  const float *target = pull->target, *offset = pull->offset, weight = (float)*pull->weight;
  for (int64_t k = begin; offset && k < end; k++)
    gradient[k - begin] = gradient[k - begin] + weight * (theta[k] - target[k] + offset[k]);
  for (int64_t k = begin; !offset && k < end; k++)
    gradient[k - begin] = gradient[k - begin] + weight * (theta[k] - target[k]);
}

/* A replica's terms: gradient holds elements [begin, end), and is scaled behind this. */
static void add_pull(const allreduce *sync, float *gradient, int64_t begin, int64_t end,
                     const ddla_update_step *step) {
  const ddla_sync_options *options = &sync->options;
  const ddla_sync_pull *pull = options->pull;
  const float *theta = ddla_state_array(options->state, options->theta, step->step, 0);
  const float scale = (float)step->gradient_scale;
  for (int64_t k = begin; k < end; k++) gradient[k - begin] = gradient[k - begin] * scale;
  for (int64_t k = begin; pull->sum && k < end; k++) pull->sum[k] += gradient[k - begin];
  if (pull->target) add_draw(gradient, theta, pull, begin, end);
  for (int64_t k = begin; pull->plus && k < end; k++)
    gradient[k - begin] += pull->plus[k] - pull->minus[k];
}

/* The same in this worker's piece of the stored gradient. */
static void pull_stored(const allreduce *sync, int worker, const ddla_update_step *step) {
  float *reduced = ddla_sync_reduced(&sync->options);
  int64_t begin = 0, end = 0;
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  add_pull(sync, reduced + begin, begin, end, step);
}

/* Elements [begin, end) from the stored gradient, or summed chunk by chunk. A stored one is scaled
 * where there is a pull. */
static ddla_status run_piece(allreduce *sync, int worker, const reduction *sum,
                             const ddla_update_step *step) {
  const ddla_sync_options *options = &sync->options;
  const bool due = ddla_checks_due(options, step->step);
  int64_t begin = 0, end = 0, chunk = CHUNK_BLOCKS * DDLA_STATE_BLOCK;
  if (arrives(sync)) return run_arriving(sync, worker, step);
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  if (options->reduced >= 0) {
    const float *reduced = ddla_sync_reduced(options);
    if (due) ddla_checks_span(options, worker, DDLA_CHECKED_GRADIENT, reduced + begin, begin, end);
    run_span(sync, reduced + begin, begin, end, step);
    return DDLA_OK;
  }
  float *gradient = sync->chunk + worker * chunk;
  for (int64_t at = begin; at < end; at += chunk) {
    int64_t stop = at + chunk < end ? at + chunk : end;
    ddla_update_step scaled = *step;
    reduce(sum, gradient, at, stop - at);
    if (due) ddla_checks_span(options, worker, DDLA_CHECKED_GRADIENT, gradient, at, stop);
    if (options->pull) add_pull(sync, gradient, at, stop, step), scaled.gradient_scale = 1;
    run_span(sync, gradient, at, stop, &scaled);
  }
  return DDLA_OK;
}

/* Writes version t+1 of the buffers that follow statistics, and of their mean; a worker takes every
 * workers-th. All shards' records are there: wait_final has seen something final of every worker.
 */
void ddla_allreduce_update_buffers(const ddla_allreduce *sync, int worker,
                                   const ddla_update_step *step) {
  const ddla_sync_options *options = &sync->options;
  const uint64_t now = step->step;
  for (int i = worker; i < options->statistic_count; i += sync->workers) {
    const double *records = ddla_state_array(options->state, options->statistics, 0, 0);
    int64_t stride =
        (int64_t)(ddla_state_row_at(options->state, options->statistics)->stride / sizeof *records);
    ddla_statistic_apply(ddla_state_array(options->state, options->buffers, now + 1, 0),
                         ddla_state_array(options->state, options->buffers, now, 0),
                         &options->statistic[i], records, stride, options->shards);
    ddla_updates_average_buffers(sync->updates, &options->statistic[i], step);
  }
}

static ddla_status update(allreduce *sync, int worker, const reduction *sum,
                          const ddla_update_step *given) {
  const ddla_sync_options *options = &sync->options;
  ddla_update_step scaled = *given;
  if (options->pull && options->reduced >= 0) {
    pull_stored(sync, worker, given);
    scaled.gradient_scale = 1;
    if (options->optimizer->factor) DDLA_TRY(meet_within(sync, worker));
  }
  const ddla_update_step *step = &scaled;
  const ddla_row_operands operands = row_operands(sync, sum);
  int64_t begin = 0, end = 0;
  if (options->optimizer->factor) {
    const float *reduced = ddla_sync_reduced(options);
    ddla_updates_factor(sync->updates, worker, reduced, step);
    DDLA_TRY(meet_within(sync, worker));
  }
  DDLA_TRY(run_piece(sync, worker, sum, step));
  if (!needs_whole(sync)) DDLA_TRY(sum_rows(sync, worker, sum));
  if (ddla_operands_by_row(sync->operands))
    ddla_row_sums_apply(options, sync->updates, worker, &operands, step);
  if (!options->optimizer->apply) return DDLA_OK;
  DDLA_TRY(meet_within(sync, worker));
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  ddla_updates_apply(sync->updates, begin, end, step);
  ddla_updates_follow(sync->updates, begin, end, step);
  return DDLA_OK;
}

/* Arrives; the last worker decides about stopping and commits. */
static ddla_status commit(allreduce *sync, int worker, ddla_sync_result *result) {
  ddla_allreduce_control *control = sync->control;
  uint64_t next = result->step, round = next - sync->options.start_step;
  mark(sync, worker, DDLA_PHASE_ARRIVED, next);
  uint64_t before = atomic_fetch_add_explicit(&control->arrived, 1, memory_order_acq_rel);
  if (before + 1 == round * (uint64_t)sync->workers) {
    atomic_store(&control->stop_committed,
                 atomic_load(sync->bridged ? &sync->board->stop : &control->stop_asked));
    deal_shares(sync, next - 1);
    ddla_transport_word_publish(sync->options.transport, &control->step_word, next);
  } else {
    DDLA_TRY(wait_word(sync, worker, &control->step_word, next,
                       ddla_watch_wait_pack(DDLA_WAIT_STEP, DDLA_WATCH_ALL, next)));
  }
  mark(sync, worker, DDLA_PHASE_COMMITTED, next);
  result->stop = atomic_load(&control->stop_committed) != 0;
  return DDLA_OK;
}

/* What the update has made; and the gradient's rows, which are there until the next step. */
static void check_parameters(const allreduce *sync, int worker) {
  const ddla_sync_options *options = &sync->options;
  const uint64_t now = committed(sync);
  int64_t begin = 0, end = 0;
  if (!ddla_checks_due(options, now)) return;
  const float *theta = ddla_state_array(options->state, options->theta, now + 1, 0);
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  ddla_checks_span(options, worker, DDLA_CHECKED_PARAMETER, theta + begin, begin, end);
  if (!ddla_operands_by_row(sync->operands)) return;
  ddla_checks_rows(options, worker, worker, now, DDLA_CHECKED_GRADIENT);
  ddla_checks_rows(options, worker, worker, now, DDLA_CHECKED_PARAMETER);
}

ddla_status ddla_allreduce_sum_records(ddla_sync_result *result, int *bad_shard,
                                       const ddla_allreduce *sync) {
  return ddla_records_sum(result, bad_shard,
                          ddla_allreduce_records(&sync->base, committed(sync) + 1),
                          sync->options.shards);
}

ddla_update_step ddla_allreduce_update_step(ddla_sync_result *result, const ddla_allreduce *sync,
                                            double factor) {
  const ddla_sync_options *options = &sync->options;
  const int64_t steps = options->rate_step ? *options->rate_step : (int64_t)committed(sync);
  result->learning_rate =
      ddla_rate_schedule_at(&options->schedule, steps + 1, options->total_steps);
  return (ddla_update_step){.step = committed(sync),
                            .gradient_scale = result->count > 0 ? factor / result->count : 0,
                            .learning_rate = result->learning_rate};
}

static ddla_status exchange(ddla_sync_result *result, int *bad_shard, allreduce *sync, int worker) {
  const ddla_sync_options *options = &sync->options;
  int64_t begin = 0, end = 0;
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  if (arrives(sync) && end > begin) begin = end - DDLA_STATE_BLOCK; /* and the records */
  DDLA_TRY(wait_final(sync, worker, begin));
  mark_update(sync, worker);
  DDLA_TRY(ddla_allreduce_sum_records(result, bad_shard, sync));
  double factor = 1;
  reduction sum;
  result->checked = ddla_checks_due(options, committed(sync));
  if (result->checked) ddla_checks_begin(options, worker);
  if (!sync->bridged || ddla_operands_by_row(sync->operands))
    DDLA_TRY(plan_reduction(&sum, sync, result->samples));
  if (needs_whole(sync)) DDLA_TRY(store_gradient(sync, worker, &sum));
  if (options->clip_norm > 0) DDLA_TRY(clip_factor(&factor, result, sync, worker));
  const ddla_update_step step = ddla_allreduce_update_step(result, sync, factor);
  ddla_allreduce_update_buffers(sync, worker, &step);
  DDLA_TRY(update(sync, worker, &sum, &step));
  check_parameters(sync, worker);
  return DDLA_OK;
}

ddla_status ddla_allreduce_store(ddla_sync_result *result, int *bad_shard, double *factor,
                                 ddla_allreduce *sync, int worker) {
  reduction sum;
  *factor = 1;
  DDLA_TRY(wait_final(sync, worker, 0));
  mark_update(sync, worker);
  DDLA_TRY(ddla_allreduce_sum_records(result, bad_shard, sync));
  DDLA_TRY(plan_reduction(&sum, sync, result->samples));
  DDLA_TRY(store_gradient(sync, worker, &sum));
  return sync->options.clip_norm > 0 ? clip_factor(factor, result, sync, worker) : DDLA_OK;
}

ddla_status ddla_allreduce_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base,
                                  int worker) {
  allreduce *sync = of(base);
  const ddla_clock *clock = ddla_clock_monotonic();
  ddla_allreduce_worker *state = &sync->worker[worker];
  int64_t start_ns = ddla_clock_now_ns(clock), waited_ns = state->waiting_ns;
  ddla_sync_result result = {.step = committed(sync) + 1, .gradient_norm = NAN};
  DDLA_TRY((sync->divided ? sync->divided : exchange)(&result, bad_shard, sync, worker));
  DDLA_TRY(commit(sync, worker, &result));
  if (result.checked) result.non_finite = ddla_checks_total(&sync->options);
  state->exchange_ns += ddla_clock_now_ns(clock) - start_ns - (state->waiting_ns - waited_ns);
  *out = result;
  return DDLA_OK;
}

void ddla_allreduce_ask_stop(ddla_sync *base) {
  allreduce *sync = of(base);
  atomic_store(&sync->control->stop_asked, 1);
}

ddla_sync_time ddla_allreduce_time_of(const ddla_sync *base, int worker) {
  const allreduce *sync = of_const(base);
  return (ddla_sync_time){sync->worker[worker].waiting_ns, sync->worker[worker].exchange_ns};
}

ddla_sync_traffic ddla_allreduce_traffic(const ddla_sync *base) {
  const ddla_bridge_board *board = of_const(base)->board;
  return (ddla_sync_traffic){.sent_bytes = atomic_load(&board->sent_bytes),
                             .exchange_ns = atomic_load(&board->exchange_ns),
                             .exposed_ns = atomic_load(&board->exposed_ns)};
}

static ddla_status allreduce_open(ddla_sync **out, const ddla_sync_options *options) {
  ddla_allreduce *sync = NULL;
  DDLA_TRY(ddla_allreduce_open(&sync, &ddla_strategy_allreduce, options));
  const ddla_status status = sync->bridged ? ddla_allreduce_open_bridge(sync) : DDLA_OK;
  if (status == DDLA_OK) *out = &sync->base;
  else ddla_allreduce_close(&sync->base);
  return status;
}

const ddla_strategy ddla_strategy_allreduce = {
    .mode = "synchronous",
    .method = "allreduce",
    .help = "all agents wait for each other in every step; same bits for any number of agents",
    .trials = "",
    .control_bytes = ddla_allreduce_control_bytes,
    .operand_copies = ddla_operands_copies,
    .list_copies = ddla_operands_list_copies,
    .open = allreduce_open,
    .close = ddla_allreduce_close,
    .begin = ddla_allreduce_begin,
    .claim = ddla_allreduce_claim,
    .leaf_place = ddla_allreduce_leaf_place,
    .put_record = ddla_allreduce_put_record,
    .records = ddla_allreduce_records,
    .final = ddla_allreduce_final,
    .leaf_done = ddla_allreduce_leaf_done,
    .piece = ddla_allreduce_piece,
    .share = ddla_allreduce_share,
    .bring = ddla_allreduce_bring,
    .finish = ddla_allreduce_finish,
    .ask_stop = ddla_allreduce_ask_stop,
    .time_of = ddla_allreduce_time_of,
    .traffic = ddla_allreduce_traffic};
