#include "sync/replica/replica.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "optim/norm.h"
#include "sync/replica/buffer_means.h"
#include "sync/replica/outer.h"

enum { LINE_BYTES = 64 };

/* Shared by the agents of a replica, zeroed at the start; behind the inner strategy's. */
typedef struct control_block {
  _Alignas(LINE_BYTES) _Atomic uint32_t stop_asked;
  ddla_outer_board board;
} control_block;

typedef struct worker_state {
  uint64_t orders;    /* given by this replica */
  uint64_t exchanged; /* the step of the last exchange */
  uint64_t flying;    /* the order of a fragment that is not merged yet; 0: none */
  int fragment;       /* that one */
  int64_t waiting_ns, exchange_ns;
  int64_t exposed_ns; /* of the former, for means */
  char gap[LINE_BYTES];
} worker_state;

typedef struct replica {
  ddla_sync base;
  const ddla_replica_method *method;
  ddla_sync_options options;
  ddla_cluster cluster, alone; /* all replicas; this one as its inner strategy knows it */
  ddla_sync *inner;
  control_block *control;
  ddla_sync_pull pull;
  bool pulls;        /* there is one */
  ddla_outer *outer; /* null but on the first agent of one of several hosts */
  worker_state *worker;
} replica;

static replica *of(ddla_sync *base) { return (replica *)base; }

static const replica *of_const(const ddla_sync *base) { return (const replica *)base; }

static const ddla_strategy *inner_strategy(void) {
  return ddla_strategy_find("synchronous", "allreduce");
}

/* What the inner strategy's memory depends on, of a replica's split: a cluster of this host alone,
 * which goes to *alone, and the replica's shards, which are the split's already. */
static ddla_sync_split inner_split(ddla_cluster *alone, const ddla_sync_split *split) {
  ddla_sync_split inner = *split;
  *alone = ddla_cluster_single(ddla_cluster_here(split->cluster));
  inner.cluster = alone;
  return inner;
}

static size_t inner_bytes(const ddla_sync_split *split) {
  ddla_cluster alone;
  const ddla_sync_split inner = inner_split(&alone, split);
  const size_t bytes = ddla_sync_control_bytes(inner_strategy(), &inner);
  return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

size_t ddla_replica_control_bytes(const ddla_sync_split *split) {
  return inner_bytes(split) + sizeof(control_block);
}

int ddla_replica_operand_copies(const ddla_sync_split *split) {
  ddla_cluster alone;
  const ddla_sync_split inner = inner_split(&alone, split);
  return ddla_sync_operand_copies(inner_strategy(), &inner);
}

int ddla_replica_list_copies(const ddla_sync_split *split) {
  ddla_cluster alone;
  const ddla_sync_split inner = inner_split(&alone, split);
  return ddla_sync_list_copies(inner_strategy(), &inner);
}

/* ---- opening ---- */

static float *array_of(const replica *r, int place) {
  return ddla_state_array(r->options.state, r->options.arrays[place], 0, 0);
}

static double *numbers_of(const replica *r) {
  return r->options.numbers < 0 ? NULL
                                : ddla_state_array(r->options.state, r->options.numbers, 0, 0);
}

/* What a row about replicas' data works with. */
static ddla_heterogeneity_view heterogeneity_view(const replica *r) {
  const int first = r->base.strategy->array_count;
  ddla_heterogeneity_view view = {.global = array_of(r, DDLA_REPLICA_GLOBAL),
                                  .given = array_of(r, DDLA_REPLICA_GIVEN),
                                  .mean = array_of(r, DDLA_REPLICA_MEAN),
                                  .rule = &r->options.rule};
  for (int i = 0; i < r->options.heterogeneity->array_count; i++)
    view.own[i] = array_of(r, first + i);
  return view;
}

/* Terms of local steps: the method's, or of what is done about replicas' data. */
static void make_pull(replica *r) {
  const ddla_heterogeneity *heterogeneity = r->options.heterogeneity;
  if (r->method->pulls)
    r->pull = (ddla_sync_pull){.target = array_of(r, DDLA_REPLICA_GLOBAL),
                               .offset = array_of(r, DDLA_REPLICA_OWN + r->method->pull_offset),
                               .weight = numbers_of(r) + r->method->pull_weight};
  else if (heterogeneity && heterogeneity->pull) {
    const ddla_heterogeneity_view view = heterogeneity_view(r);
    r->pull = heterogeneity->pull(&view);
  }
  r->pulls = r->method->pulls || (heterogeneity && heterogeneity->pull);
}

static ddla_status open_inner(replica *r) {
  ddla_sync_options options = r->options;
  options.link = NULL;
  options.fast = false;
  options.cluster = &r->alone;
  make_pull(r);
  if (r->pulls) options.pull = &r->pull;
  return ddla_sync_open(&r->inner, inner_strategy(), &options);
}

static float *row_of(const replica *r, int row) {
  return row < 0 ? NULL : ddla_state_array(r->options.state, row, 0, 0);
}

static int64_t block_count(const replica *r) {
  return ddla_state_dense(r->options.state) / DDLA_STATE_BLOCK;
}

/* Fragments: whole blocks, of equal size but for rounding. */
static int fragment_count(const replica *r) {
  return r->method->streams ? (int)r->options.rule.fragments : 1;
}

static void fragment_span(const replica *r, int fragment, int64_t *begin, int64_t *end) {
  const int64_t blocks = block_count(r), count = fragment_count(r);
  *begin = blocks * fragment / count * DDLA_STATE_BLOCK;
  *end = blocks * (fragment + 1) / count * DDLA_STATE_BLOCK;
}

/* What others own of the means is nothing to this host: it may come from a checkpoint of other
 * replicas. */
static void clear_residual(const replica *r, const ddla_outer_options *options) {
  int64_t begin = 0, end = 0;
  for (int f = 0; options->answer_residual && f < fragment_count(r); f++) {
    fragment_span(r, f, &begin, &end);
    for (int64_t at = begin; at < end; at += DDLA_STATE_BLOCK)
      if (!ddla_outer_owns(options, begin, end, at))
        memset(options->answer_residual + at, 0, DDLA_STATE_BLOCK * sizeof(float));
  }
}

static ddla_status open_outer(replica *r) {
  if (!r->options.link) return DDLA_OK;
  const ddla_outer_options options = {.local = r->options.transport,
                                      .link = r->options.link,
                                      .cluster = &r->cluster,
                                      .lanes = r->options.lanes,
                                      .threadless = r->options.threadless,
                                      .beside = r->method->streams,
                                      .board = &r->control->board,
                                      .sent = array_of(r, DDLA_REPLICA_GIVEN),
                                      .mean = array_of(r, DDLA_REPLICA_MEAN),
                                      .codec = r->options.codec,
                                      .codec_options = r->options.codec_options,
                                      .residual = row_of(r, r->options.residual),
                                      .answer_residual = row_of(r, r->options.answer_residual),
                                      .state = r->options.state,
                                      .range_bytes = r->options.range_bytes};
  clear_residual(r, &options);
  return ddla_outer_create(&r->outer, &options);
}

static control_block *control_of(const ddla_sync_options *options) {
  const ddla_sync_split split = {.cluster = options->cluster,
                                 .lanes = options->lanes,
                                 .shards = options->shards,
                                 .direct = options->direct,
                                 .dynamic = options->dynamic};
  return (control_block *)(void *)((char *)options->control + inner_bytes(&split));
}

ddla_status ddla_replica_open(ddla_sync **out, const ddla_strategy *strategy,
                              const ddla_replica_method *method, const ddla_sync_options *options) {
  replica *r = NULL;
  ddla_status status = DDLA_OK;
  const int workers = ddla_cluster_here(options->cluster) * options->lanes;
  DDLA_TRY(DDLA_NEW(r, 1));
  r->base.strategy = strategy;
  r->method = method;
  r->options = *options;
  if (r->options.end_step == 0) r->options.end_step = options->total_steps;
  r->cluster = *options->cluster;
  r->options.cluster = &r->cluster;
  r->alone = ddla_cluster_single(ddla_cluster_here(options->cluster));
  r->control = control_of(options);
  DDLA_TRY_CLEAN(status, DDLA_NEW(r->worker, workers));
  for (int w = 0; w < workers; w++) r->worker[w].exchanged = options->start_step;
  DDLA_TRY_CLEAN(status, open_inner(r));
  DDLA_TRY_CLEAN(status, open_outer(r));
  *out = &r->base;
  return DDLA_OK;
cleanup:
  ddla_replica_close(&r->base);
  return status;
}

void ddla_replica_close(ddla_sync *base) {
  if (!base) return;
  replica *r = of(base);
  ddla_outer_destroy(r->outer);
  ddla_sync_close(r->inner);
  ddla_free(r->worker);
  ddla_free(r);
}

/* ---- what the inner strategy does ---- */

void ddla_replica_begin(ddla_sync *base, int worker, int64_t samples) {
  ddla_sync_begin(of(base)->inner, worker, samples);
}

bool ddla_replica_claim(ddla_sync *base, int worker, int *shard) {
  return ddla_sync_claim(of(base)->inner, worker, shard);
}

ddla_sync_leaf ddla_replica_leaf_place(ddla_sync *base, int worker, int shard) {
  return ddla_sync_leaf_place(of(base)->inner, worker, shard);
}

void ddla_replica_put_record(ddla_sync *base, int worker, int shard,
                             const ddla_sync_record *record) {
  ddla_sync_put_record(of(base)->inner, worker, shard, record);
}

/* Where there is no thread, what is under way goes on here. What fails fails again where the worker
 * waits. */
void ddla_replica_final(ddla_sync *base, int worker, int64_t from) {
  replica *r = of(base);
  ddla_sync_final(r->inner, worker, from);
  if (worker > 0 || !r->outer || !r->options.threadless || !r->worker[worker].flying) return;
  const int depth = ddla_alloc_begin_other(); /* room for messages is made when it is known */
  (void)ddla_outer_serve(r->outer, 0);
  ddla_alloc_end_other(depth);
}

void ddla_replica_leaf_done(ddla_sync *base, int worker, int shard) {
  ddla_sync_leaf_done(of(base)->inner, worker, shard);
}

const ddla_sync_record *ddla_replica_records(const ddla_sync *base, uint64_t step) {
  return ddla_sync_records(of_const(base)->inner, step);
}

void ddla_replica_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end) {
  ddla_sync_piece(of_const(base)->inner, worker, begin, end);
}

/* ---- exchanging ---- */

static uint64_t committed(const replica *r) { return ddla_sync_committed(r->options.control); }

static ddla_watch_lane *pen_of(const replica *r, int worker) {
  return r->options.watch ? r->options.watch[worker % r->options.lanes] : NULL;
}

static bool is_due(const replica *r, uint64_t step) {
  const ddla_sync_rule *rule = &r->options.rule;
  return (int64_t)step <= rule->after || (int64_t)step % rule->interval == 0 ||
         (int64_t)step == r->options.end_step;
}

/* Of what this replica gives. */
static float weight_of(const replica *r) {
  const ddla_heterogeneity *heterogeneity = r->options.heterogeneity;
  return heterogeneity && heterogeneity->weighs ? (float)r->options.rule.weight : 1;
}

static ddla_replica_view view_of(const replica *r) {
  const ddla_sync_options *options = &r->options;
  ddla_replica_view view = {.theta =
                                ddla_state_array(options->state, options->theta, committed(r), 0),
                            .global = array_of(r, DDLA_REPLICA_GLOBAL),
                            .given = array_of(r, DDLA_REPLICA_GIVEN),
                            .mean = array_of(r, DDLA_REPLICA_MEAN),
                            .numbers = numbers_of(r),
                            .replicas = r->cluster.hosts,
                            .weight = weight_of(r),
                            .rule = &options->rule};
  for (int i = DDLA_REPLICA_OWN; i < r->base.strategy->array_count; i++)
    view.own[i - DDLA_REPLICA_OWN] = array_of(r, i);
  if (options->measures < 0) return view;
  view.block_sums[0] = ddla_state_array(options->state, options->measures, 0, 0);
  view.block_sums[1] = view.block_sums[0] + block_count(r);
  return view;
}

static void mark_update(const replica *r, int worker, int64_t begin, int64_t end) {
  ddla_watch_mark(pen_of(r, worker), DDLA_PHASE_UPDATE,
                  (uint64_t)(begin / DDLA_STATE_BLOCK) | (uint64_t)(end / DDLA_STATE_BLOCK) << 32);
}

/* Waits until an order is done. */
static ddla_status wait_order(replica *r, int worker, uint64_t number) {
  const ddla_word *progress = &r->control->board.progress;
  if (atomic_load_explicit(progress, memory_order_acquire) >= number) return DDLA_OK;
  const ddla_clock *clock = ddla_clock_monotonic();
  const int64_t start_ns = ddla_clock_now_ns(clock);
  ddla_watch_mark_at(pen_of(r, worker), DDLA_PHASE_WAIT,
                     ddla_watch_wait_pack(DDLA_WAIT_HOSTS, DDLA_WATCH_ALL, number), start_ns);
  const bool serves = r->options.threadless && r->outer && worker == 0;
  ddla_status status = serves
                           ? ddla_outer_serve(r->outer, number)
                           : ddla_transport_word_wait(r->options.transport, progress, number, -1);
  r->worker[worker].waiting_ns += ddla_clock_now_ns(clock) - start_ns;
  return status;
}

static bool is_alone(const replica *r) { return r->cluster.hosts == 1; }

/* Gives an order when all workers of the replica are here: one for all. Its number into *number. */
static ddla_status give_order(replica *r, int worker, const ddla_outer_order *order,
                              uint64_t *number) {
  ddla_outer_board *board = &r->control->board;
  *number = ++r->worker[worker].orders;
  if (worker == 0 && is_alone(r))
    atomic_store(&board->word[*number % DDLA_OUTER_ORDERS], order->agenda.word);
  DDLA_TRY(ddla_sync_barrier(r->inner, worker));
  if (worker == 0 && !is_alone(r)) ddla_outer_post(r->options.transport, board, *number, order);
  return DDLA_OK;
}

/* Waits until it is done; the words of all, ORed, into *word. */
static ddla_status end_order(replica *r, int worker, uint64_t number, uint64_t *word) {
  if (!is_alone(r)) DDLA_TRY(wait_order(r, worker, number));
  *word = atomic_load(&r->control->board.word[number % DDLA_OUTER_ORDERS]);
  return DDLA_OK;
}

static ddla_status run_order(replica *r, int worker, const ddla_outer_order *order,
                             uint64_t *word) {
  uint64_t number = 0;
  DDLA_TRY(give_order(r, worker, order, &number));
  return end_order(r, worker, number, word);
}

ddla_status ddla_replica_share(ddla_sync *base, int worker, const ddla_sync_part *parts,
                               int count) {
  ddla_outer_order order = {.meets = true, .agenda = {.part_count = count}};
  uint64_t word = 0;
  for (int i = 0; i < count; i++) order.agenda.part[i] = parts[i];
  return run_order(of(base), worker, &order, &word);
}

ddla_status ddla_replica_bring(ddla_sync *base, int worker, void *data, size_t bytes, int from) {
  const ddla_outer_order order = {
      .meets = true, .agenda = {.brings = true, .from = from, .part = {{data, bytes, 1}}}};
  uint64_t word = 0;
  return run_order(of(base), worker, &order, &word);
}

/* What of a fragment is in a worker's piece: maybe nothing. */
static void fragment_piece(const replica *r, int fragment, int worker, int64_t *begin,
                           int64_t *end) {
  int64_t first = 0, stop = 0;
  fragment_span(r, fragment, &first, &stop);
  ddla_sync_piece(r->inner, worker, begin, end);
  if (*begin < first) *begin = first;
  if (*end > stop) *end = stop;
  if (*end < *begin) *end = *begin;
}

/* Running values go with the last fragment. */
static bool carries_buffers(const replica *r, int fragment) {
  return fragment + 1 == fragment_count(r);
}

static ddla_outer_order make_order(const replica *r, int fragment) {
  ddla_outer_order order = {
      .step = (int64_t)committed(r),
      .meets = true,
      .agenda = {.by_host = true, .word = atomic_load(&r->control->stop_asked)}};
  fragment_span(r, fragment, &order.begin, &order.end);
  if (carries_buffers(r, fragment)) ddla_buffer_means_add(&order.agenda, &r->options);
  return order;
}

/* Sums over all replicas, and what the method makes of them. */
static ddla_status conclude(replica *r, int worker, const ddla_replica_view *view, int64_t begin,
                            int64_t end) {
  enum { NUMBERS_MAX = 8 };
  const int64_t blocks = block_count(r);
  double *of_host = view->block_sums[1] + blocks, numbers[NUMBERS_MAX], total[2];
  const ddla_outer_order order = {
      .meets = true,
      .agenda = {.by_host = true,
                 .part_count = 1,
                 .part = {{of_host, sizeof *of_host, r->cluster.hosts}}}};
  uint64_t word = 0;
  DDLA_ASSERT(r->base.strategy->number_count <= NUMBERS_MAX);
  r->method->sums(view, begin, end);
  DDLA_TRY(ddla_sync_barrier(r->inner, worker));
  if (worker == 0) of_host[r->cluster.host] = ddla_norm_tree(view->block_sums[0], blocks);
  DDLA_TRY(run_order(r, worker, &order, &word));
  total[0] = ddla_norm_tree(of_host, r->cluster.hosts);
  total[1] = r->cluster.hosts * ddla_norm_tree(view->block_sums[1], blocks);
  r->method->numbers(numbers, view, total);
  if (r->method->conclude) r->method->conclude(view, numbers, begin, end);
  DDLA_TRY(ddla_sync_barrier(r->inner, worker)); /* nobody reads the old ones any more */
  if (worker == 0)
    memcpy(numbers_of(r), numbers, (size_t)r->base.strategy->number_count * sizeof *numbers);
  return DDLA_OK;
}

/* Gives what this replica contributes of a fragment. Workers may go on with what follows. */
static ddla_status post_fragment(replica *r, int worker, int fragment) {
  const ddla_replica_view view = view_of(r);
  worker_state *state = &r->worker[worker];
  int64_t begin = 0, end = 0;
  fragment_piece(r, fragment, worker, &begin, &end);
  mark_update(r, worker, begin, end);
  r->method->give(&view, begin, end);
  for (int64_t k = begin; view.weight != 1 && k < end; k++) view.given[k] *= view.weight;
  if (worker == 0 && carries_buffers(r, fragment))
    ddla_buffer_means_give(&r->options, committed(r), view.weight);
  const ddla_outer_order order = make_order(r, fragment);
  state->fragment = fragment;
  return give_order(r, worker, &order, &state->flying);
}

/* Elements [begin, end) of the mean where there are no others. */
static void take_alone(float *mean, const float *given, int64_t begin, int64_t end) {
  memcpy(mean + begin, given + begin, (size_t)(end - begin) * sizeof *mean);
}

/* Takes the mean of the fragment that is under way. goes_on: the replica keeps something of its
 * own. *stop: somebody asked for it before. */
static ddla_status merge_fragment(replica *r, int worker, bool goes_on, bool *stop) {
  ddla_replica_view view = view_of(r);
  worker_state *state = &r->worker[worker];
  int64_t begin = 0, end = 0;
  uint64_t word = 0;
  if (goes_on) view.mixing = (float)view.rule->mixing, view.carry = (float)view.rule->carry;
  fragment_piece(r, state->fragment, worker, &begin, &end);
  const int64_t waited_ns = state->waiting_ns;
  DDLA_TRY(end_order(r, worker, state->flying, &word));
  state->exposed_ns += state->waiting_ns - waited_ns;
  mark_update(r, worker, begin, end);
  if (is_alone(r)) take_alone(view.mean, view.given, begin, end);
  r->method->take(&view, begin, end);
  if (worker == 0 && carries_buffers(r, state->fragment))
    DDLA_TRY(ddla_buffer_means_take(&r->options, committed(r), (int64_t)committed(r)));
  if (r->method->sums) DDLA_TRY(conclude(r, worker, &view, begin, end));
  state->exchanged = committed(r);
  state->flying = 0;
  *stop = word != 0;
  return ddla_sync_barrier(r->inner, worker);
}

/* The mean of its own that a row about replicas' data takes, behind the model's. steps: local ones
 * since the last exchange. */
static ddla_status exchange_more(replica *r, int worker, int64_t steps) {
  const ddla_heterogeneity *heterogeneity = r->options.heterogeneity;
  const ddla_outer_order order = {.end = ddla_state_dense(r->options.state),
                                  .step = (int64_t)committed(r)};
  int64_t begin = 0, end = 0;
  uint64_t number = 0, word = 0;
  if (!heterogeneity || !heterogeneity->give) return DDLA_OK;
  ddla_heterogeneity_view view = heterogeneity_view(r);
  view.steps = steps;
  ddla_sync_piece(r->inner, worker, &begin, &end);
  mark_update(r, worker, begin, end);
  heterogeneity->give(&view, begin, end);
  DDLA_TRY(give_order(r, worker, &order, &number));
  const int64_t waited_ns = r->worker[worker].waiting_ns;
  DDLA_TRY(end_order(r, worker, number, &word));
  r->worker[worker].exposed_ns += r->worker[worker].waiting_ns - waited_ns;
  mark_update(r, worker, begin, end);
  if (is_alone(r)) take_alone(view.mean, view.given, begin, end);
  heterogeneity->take(&view, begin, end);
  return ddla_sync_barrier(r->inner, worker);
}

/* All of the model, behind a committed step. What is under way is merged as ever: what the replica
 * has done since goes into what it gives now. */
static ddla_status exchange(replica *r, int worker, bool *stop) {
  const int64_t steps = (int64_t)(committed(r) - r->worker[worker].exchanged);
  bool asked = false;
  if (r->worker[worker].flying) DDLA_TRY(merge_fragment(r, worker, true, &asked));
  for (int f = 0; f < fragment_count(r); f++) {
    *stop |= asked;
    DDLA_TRY(post_fragment(r, worker, f));
    DDLA_TRY(merge_fragment(r, worker, false, &asked));
  }
  *stop |= asked;
  return exchange_more(r, worker, steps);
}

/* The fragment that leaves behind a step; -1: none. Fragment f does at a place of its own in every
 * interval, the last one at its end. */
static int fragment_due(const replica *r, uint64_t step) {
  const int64_t interval = r->options.rule.interval, count = fragment_count(r);
  const int64_t place = ((int64_t)step + interval - 1) % interval + 1;
  for (int64_t f = 0; f < count; f++)
    if (place == interval * (f + 1) / count) return (int)f;
  return -1;
}

/* What is due behind a step where fragments are exchanged while workers compute. */
static ddla_status stream(replica *r, int worker, uint64_t step, bool *stop) {
  const ddla_sync_rule *rule = &r->options.rule;
  if ((int64_t)step == r->options.end_step) return exchange(r, worker, stop);
  const int due = fragment_due(r, step);
  if (due >= 0) DDLA_TRY(post_fragment(r, worker, due));
  if (!r->worker[worker].flying || fragment_due(r, step - (uint64_t)rule->delay) < 0)
    return DDLA_OK;
  return merge_fragment(r, worker, true, stop);
}

static ddla_status run_due(replica *r, int worker, uint64_t step, bool *stop) {
  if (r->method->streams) return stream(r, worker, step, stop);
  return is_due(r, step) ? exchange(r, worker, stop) : DDLA_OK;
}

/* Who has found what ends all says so. */
static ddla_status told(const replica *r, ddla_status status) {
  return r->outer ? ddla_outer_told(r->outer, status) : status;
}

static ddla_status finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base, int worker) {
  replica *r = of(base);
  worker_state *state = &r->worker[worker];
  const ddla_clock *clock = ddla_clock_monotonic();
  ddla_sync_result result;
  DDLA_TRY(ddla_sync_finish(&result, bad_shard, r->inner, worker));
  const int64_t start_ns = ddla_clock_now_ns(clock);
  const int64_t waited_ns = ddla_replica_time_of(base, worker).waiting_ns;
  DDLA_TRY(run_due(r, worker, result.step, &result.stop));
  const int64_t waiting_ns = ddla_replica_time_of(base, worker).waiting_ns - waited_ns;
  state->exchange_ns += ddla_clock_now_ns(clock) - start_ns - waiting_ns;
  *out = result;
  return DDLA_OK;
}

ddla_status ddla_replica_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base,
                                int worker) {
  return told(of(base), finish(out, bad_shard, base, worker));
}

bool ddla_replica_settled(const ddla_sync *base, int worker) {
  const replica *r = of_const(base);
  return r->worker[worker].exchanged == committed(r);
}

ddla_status ddla_replica_settle(ddla_sync *base, int worker) {
  bool stop = false;
  if (ddla_replica_settled(base, worker)) return DDLA_OK;
  return told(of(base), exchange(of(base), worker, &stop));
}

void ddla_replica_ask_stop(ddla_sync *base) { atomic_store(&of(base)->control->stop_asked, 1); }

ddla_sync_time ddla_replica_time_of(const ddla_sync *base, int worker) {
  const replica *r = of_const(base);
  ddla_sync_time time = ddla_sync_time_of(r->inner, worker);
  time.waiting_ns += r->worker[worker].waiting_ns;
  time.exchange_ns += r->worker[worker].exchange_ns;
  return time;
}

ddla_sync_traffic ddla_replica_traffic(const ddla_sync *base) {
  const replica *r = of_const(base);
  const ddla_outer_board *board = &r->control->board;
  const int64_t exchange_ns = atomic_load(&board->exchange_ns);
  const int64_t exposed_ns = r->worker[0].exposed_ns;
  return (ddla_sync_traffic){.sent_bytes = atomic_load(&board->sent_bytes),
                             .exchange_ns = exchange_ns,
                             .exposed_ns = exposed_ns < exchange_ns ? exposed_ns : exchange_ns};
}
