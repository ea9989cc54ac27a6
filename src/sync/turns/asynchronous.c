#include "sync/turns/asynchronous.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sync/sum/allreduce_parts.h"
#include "sync/turns/serving.h"
#include "sync/turns/swaps.h"

/* With one model: the parameters that the host computes with. */
const ddla_strategy_array ddla_asynchronous_arrays[DDLA_ASYNCHRONOUS_ARRAYS] = {
    {.name = "read", .own = true}, {.name = "read_next", .own = true}};

/* Of all contributions: mean and largest staleness; how many had which. */
const char *const ddla_asynchronous_numbers[DDLA_ASYNCHRONOUS_NUMBERS] = {
    "staleness", "stalest",   "stale_0",    "stale_1",       "stale_2",
    "stale_3_4", "stale_5_8", "stale_9_16", "stale_above_16"};

enum { SIZES_MAX = 8 };

/* Shards of a turn: least << i, i < count. */
typedef struct turn_sizes {
  int least, count;
} turn_sizes;

typedef struct worker_state {
  uint64_t orders, turns, contributions; /* of this host: given, begun, made */
  bool working, idle;    /* a turn is granted; there is none before the next fence */
  ddla_letter_sums sums; /* of what it has told of */
  bool near;             /* it has said so, in this turn */
  int64_t waiting_ns;
  char gap[64];
} worker_state;

typedef struct asynchronous {
  ddla_sync base;
  const ddla_asynchronous_method *method;
  ddla_sync_options options;
  ddla_cluster cluster, alone; /* all hosts; this one as its inner strategy knows it */
  ddla_bridge_layout layout;
  ddla_turn_board *board;
  ddla_turn_rule rule;
  turn_sizes sizes;
  ddla_allreduce *inner[SIZES_MAX]; /* by size of a turn */
  ddla_turns *turns;                /* null but on the host's first agent */
  /* With one model: */
  float *copy[2];
  double before[DDLA_ASYNCHRONOUS_NUMBERS]; /* numbers, when opened */
  worker_state *worker;
} asynchronous;

static asynchronous *of(ddla_sync *base) { return (asynchronous *)base; }

static const asynchronous *of_const(const ddla_sync *base) { return (const asynchronous *)base; }

static const ddla_strategy *inner_strategy(void) {
  return ddla_strategy_find("synchronous", "allreduce");
}

/* ---- sizes ---- */

static int workers_of_smallest(const ddla_sync_split *split) {
  const ddla_cluster *cluster = split->cluster;
  int workers = ddla_cluster_agents(cluster) * split->lanes;
  for (int h = 0; h < cluster->hosts; h++) {
    const int here = (cluster->first[h + 1] - cluster->first[h]) * split->lanes;
    if (here < workers) workers = here;
  }
  return workers;
}

/* Twice as many shards divide all, and are no more than a number. */
static bool may_double(const ddla_sync_split *split, int shards, int most) {
  return 2 * shards <= most && split->shards % (2 * shards) == 0;
}

/* Powers of two that divide all: at least one shard for each worker of the smallest host, and at
 * most a host's fair share. Where late shards are not waited for, none is late for being among
 * many. */
static turn_sizes sizes_of(const ddla_asynchronous_method *method, const ddla_sync_split *split) {
  turn_sizes sizes = {.least = 1, .count = 1};
  if (method->whole || split->cluster->hosts == 1) return (turn_sizes){split->shards, 1};
  while (may_double(split, sizes.least, workers_of_smallest(split))) sizes.least *= 2;
  int most = sizes.least;
  for (; !method->backup && may_double(split, most, split->shards / split->cluster->hosts) &&
         sizes.count < SIZES_MAX;
       most *= 2)
    sizes.count++;
  return sizes;
}

/* The split of a turn of the i-th size, within the host; its cluster goes to *alone. */
static ddla_sync_split inner_split(ddla_cluster *alone, const turn_sizes *sizes, int i,
                                   const ddla_sync_split *split) {
  ddla_sync_split inner = *split;
  *alone = ddla_cluster_single(ddla_cluster_here(split->cluster));
  inner.shards = sizes->least << i;
  inner.cluster = alone;
  return inner;
}

/* Of the inner strategy for the i-th size, in whole lines. */
static size_t inner_bytes(const turn_sizes *sizes, int i, const ddla_sync_split *split) {
  ddla_cluster alone;
  const ddla_sync_split inner = inner_split(&alone, sizes, i, split);
  const size_t bytes = ddla_sync_control_bytes(inner_strategy(), &inner);
  return (bytes + DDLA_ALLREDUCE_LINE_BYTES - 1) / DDLA_ALLREDUCE_LINE_BYTES *
         DDLA_ALLREDUCE_LINE_BYTES;
}

size_t ddla_asynchronous_control_bytes(const ddla_asynchronous_method *method,
                                       const ddla_sync_split *split) {
  const turn_sizes sizes = sizes_of(method, split);
  size_t bytes = sizeof(ddla_turn_board);
  for (int i = 0; i < sizes.count; i++) bytes += inner_bytes(&sizes, i, split);
  return bytes;
}

int ddla_asynchronous_operand_copies(const ddla_asynchronous_method *method,
                                     const ddla_sync_split *split) {
  const turn_sizes sizes = sizes_of(method, split);
  ddla_cluster alone;
  int most = 0;
  for (int i = 0; i < sizes.count; i++) {
    const ddla_sync_split inner = inner_split(&alone, &sizes, i, split);
    const int copies = ddla_sync_operand_copies(inner_strategy(), &inner);
    if (copies > most) most = copies;
  }
  return most;
}

/* There are no tables that are kept by row. */
int ddla_asynchronous_list_copies(const ddla_sync_split *split) {
  return ddla_sync_list_copies(inner_strategy(), split);
}

/* ---- opening ---- */

/* With one model, within the host a turn ends with the sum. */
static ddla_status store(ddla_sync_result *result, int *bad_shard, ddla_allreduce *inner,
                         int worker) {
  double factor = 1;
  DDLA_TRY(ddla_allreduce_store(result, bad_shard, &factor, inner, worker));
  result->learning_rate = factor;
  return DDLA_OK;
}

static ddla_sync_split split_of(const ddla_sync_options *options) {
  return (ddla_sync_split){.cluster = options->cluster,
                           .lanes = options->lanes,
                           .shards = options->shards,
                           .direct = options->direct,
                           .dynamic = options->dynamic};
}

/* A host with a model of its own counts its updates, as some optimizers have to. Resumed, it counts
 * on from what all hosts have made on average. */
static uint64_t first_version(const asynchronous *a) {
  return a->method->apart ? a->options.start_step / (uint64_t)a->cluster.hosts : 0;
}

/* One for each size that a turn may have; they take turns with the same gradients. */
static ddla_status open_inner(asynchronous *a, int i, void *control) {
  const ddla_sync_split whole = split_of(&a->options),
                        split = inner_split(&a->alone, &a->sizes, i, &whole);
  ddla_sync_options options = a->options;
  options.link = NULL;
  options.fast = false;
  options.cluster = &a->alone;
  options.shards = split.shards;
  options.start_step = first_version(a);
  options.control = control;
  if (a->method->apart) options.rate_step = &a->board->grant.step;
  else options.turn = &a->board->turn;
  DDLA_TRY(ddla_allreduce_open(&a->inner[i], inner_strategy(), &options));
  if (!a->method->apart) a->inner[i]->divided = store;
  return DDLA_OK;
}

static ddla_status open_all_inner(asynchronous *a) {
  const ddla_sync_split whole = split_of(&a->options);
  char *control = (char *)(a->board + 1);
  a->sizes = sizes_of(a->method, &whole);
  for (int i = 0; i < a->sizes.count; i++) {
    DDLA_TRY(open_inner(a, i, control));
    control += inner_bytes(&a->sizes, i, &whole);
  }
  return DDLA_OK;
}

static int64_t staleness_of(const asynchronous *a) {
  return a->method->backup ? 0 : a->options.rule.staleness;
}

/* Batches that may be under way beside the oldest one: so many of every host. */
static int64_t window_of(const asynchronous *a) {
  const int64_t staleness = staleness_of(a);
  if (!a->method->whole || staleness < 0) return staleness;
  return (staleness + 1) * a->cluster.hosts - 1;
}

static ddla_turn_rule rule_of(const asynchronous *a) {
  const ddla_sync_rule *rule = &a->options.rule;
  return (ddla_turn_rule){.window = window_of(a),
                          .grain = a->sizes.least,
                          .most = a->sizes.least << (a->sizes.count - 1),
                          .early = !a->method->whole && staleness_of(a) > 0,
                          .every = {rule->meet_every[0], rule->meet_every[1], rule->meet_every[2]},
                          .on_arrival = a->method->on_arrival,
                          .lag = a->method->on_arrival ? -1 : staleness_of(a),
                          .ahead = staleness_of(a) == 0 ? 0 : 1,
                          .missing = a->method->backup ? (int)rule->backup : 0};
}

static ddla_status open_turns(asynchronous *a) {
  const ddla_sync_options *options = &a->options;
  if (!options->link) return DDLA_OK;
  ddla_turns_options turns = {.sync = options,
                              .layout = &a->layout,
                              .method = a->method->apart ? &ddla_swaps : &ddla_serving,
                              .rule = a->rule,
                              .board = a->board,
                              .copy = {a->copy[0], a->copy[1]},
                              .version = first_version(a)};
  for (int i = 0; i < 2 && !a->method->apart; i++)
    turns.contribution[i] = ddla_state_array(options->state, options->reduced, (uint64_t)i, 0);
  return ddla_turns_create(&a->turns, &turns);
}

static float *array_of(const asynchronous *a, int place) {
  return ddla_state_array(a->options.state, a->options.arrays[place], 0, 0);
}

static double *numbers_of(const asynchronous *a) {
  return ddla_state_array(a->options.state, a->options.numbers, 0, 0);
}

/* The first agent of a host prepares what all of them read. */
static void begin_board(asynchronous *a) {
  const ddla_sync_options *options = &a->options;
  const size_t bytes = (size_t)ddla_state_dense(options->state) * sizeof(float);
  atomic_store(&a->board->step, options->start_step); /* no step is made before all have opened */
  if (ddla_transport_rank(options->transport) > 0) return;
  if (a->method->apart) ddla_swaps_align(options->state, options->start_step, first_version(a));
  else
    memcpy(a->copy[0], ddla_state_array(options->state, options->theta, options->start_step, 0),
           bytes);
}

static ddla_status make(asynchronous *a) {
  const ddla_sync_options *options = &a->options;
  const int workers = ddla_cluster_here(options->cluster) * options->lanes;
  DDLA_TRY(DDLA_NEW(a->worker, workers));
  const ddla_sync_split split = split_of(options);
  DDLA_TRY(ddla_bridge_layout_of(&a->layout, &split, ddla_state_dense(options->state),
                                 options->range_bytes));
  ddla_bridge_layout_own(&a->layout, (int)options->rule.servers);
  if (ddla_transport_rank(options->transport) == 0)
    memcpy(a->board->owner, a->layout.owner, sizeof a->board->owner);
  for (int i = 0; i < 2 && !a->method->apart; i++) a->copy[i] = array_of(a, i);
  if (!a->method->apart) memcpy(a->before, numbers_of(a), sizeof a->before);
  begin_board(a);
  DDLA_TRY(open_all_inner(a));
  a->rule = rule_of(a);
  return open_turns(a);
}

ddla_status ddla_asynchronous_open(ddla_sync **out, const ddla_strategy *strategy,
                                   const ddla_asynchronous_method *method,
                                   const ddla_sync_options *options) {
  asynchronous *a = NULL;
  if (options->cluster->hosts == 1) return ddla_sync_open(out, inner_strategy(), options);
  DDLA_TRY(DDLA_NEW(a, 1));
  a->base.strategy = strategy;
  a->method = method;
  a->options = *options;
  a->cluster = *options->cluster;
  a->options.cluster = &a->cluster;
  a->board = options->control;
  const ddla_status status = make(a);
  if (status == DDLA_OK) *out = &a->base;
  else ddla_asynchronous_close(&a->base);
  return status;
}

void ddla_asynchronous_close(ddla_sync *base) {
  if (!base) return;
  asynchronous *a = of(base);
  ddla_turns_destroy(a->turns);
  for (int i = 0; i < SIZES_MAX; i++)
    if (a->inner[i]) ddla_sync_close(&a->inner[i]->base);
  ddla_free(a->worker);
  ddla_free(a);
}

/* ---- orders ---- */

static ddla_watch_lane *pen_of(const asynchronous *a, int worker) {
  return a->options.watch ? a->options.watch[worker % a->options.lanes] : NULL;
}

static ddla_status wait_word(asynchronous *a, int worker, ddla_word *word, uint64_t value) {
  const ddla_clock *clock = ddla_clock_monotonic();
  if (atomic_load_explicit(word, memory_order_acquire) >= value) return DDLA_OK;
  const int64_t start_ns = ddla_clock_now_ns(clock);
  ddla_watch_mark_at(pen_of(a, worker), DDLA_PHASE_WAIT,
                     ddla_watch_wait_pack(DDLA_WAIT_HOSTS, DDLA_WATCH_ALL, value), start_ns);
  const bool serves = a->options.threadless && a->turns && worker == 0;
  const ddla_status status = serves
                                 ? ddla_turns_serve(a->turns, value)
                                 : ddla_transport_word_wait(a->options.transport, word, value, -1);
  a->worker[worker].waiting_ns += ddla_clock_now_ns(clock) - start_ns;
  return status;
}

/* One order for all workers of the host, who are here. */
static ddla_status run_order(asynchronous *a, int worker, const ddla_turn_order *order) {
  const uint64_t number = ++a->worker[worker].orders;
  if (worker == 0) ddla_turns_post(&a->options, a->board, number, order);
  return wait_word(a, worker, &a->board->progress, number);
}

static ddla_status meet(asynchronous *a, int worker, const ddla_agenda *agenda) {
  DDLA_TRY(ddla_sync_barrier(&a->inner[0]->base, worker));
  return run_order(a, worker, &(ddla_turn_order){.kind = DDLA_TURN_MEET, .agenda = *agenda});
}

ddla_status ddla_asynchronous_share(ddla_sync *base, int worker, const ddla_sync_part *parts,
                                    int count) {
  ddla_agenda agenda = {.part_count = count};
  for (int i = 0; i < count; i++) agenda.part[i] = parts[i];
  return meet(of(base), worker, &agenda);
}

ddla_status ddla_asynchronous_bring(ddla_sync *base, int worker, void *data, size_t bytes,
                                    int from) {
  return meet(of(base), worker,
              &(ddla_agenda){.brings = true, .from = from, .part = {{data, bytes, 1}}});
}

/* ---- turns ---- */

/* The strategy within the host of the turn under way. */
static ddla_allreduce *inner_of(const asynchronous *a) {
  const ddla_grant *grant = &a->board->grant;
  int i = 0;
  while (a->sizes.least << i < grant->end - grant->first) i++;
  return a->inner[i];
}

/* What the turn is computed with: it stays as it is. */
static const float *parameters_of(const asynchronous *a) {
  if (!a->method->apart) return a->copy[a->board->copy];
  return ddla_state_array(a->options.state, a->options.theta, ddla_allreduce_committed(a->inner[0]),
                          0);
}

/* Who has found what ends all says so. */
static ddla_status told(const asynchronous *a, ddla_status status) {
  return a->turns ? ddla_turns_told(a->turns, status) : status;
}

static ddla_status work_of(asynchronous *a, int worker, ddla_sync_work *work) {
  worker_state *state = &a->worker[worker];
  const ddla_turn_board *board = a->board;
  if (!state->working) {
    DDLA_TRY(ddla_sync_barrier(&a->inner[0]->base, worker)); /* all have left the fence */
    DDLA_TRY(run_order(a, worker, &(ddla_turn_order){.kind = DDLA_TURN_GO_ON}));
    state->working = !board->fence;
    state->idle = board->fence;
  }
  *work = (ddla_sync_work){.step = atomic_load(&board->step)};
  state->near = false;
  if (state->idle) return DDLA_OK;
  work->step = (uint64_t)board->grant.step;
  work->first = board->grant.first;
  work->end = board->grant.end;
  work->parameters = parameters_of(a);
  state->turns++; /* what is made of the parameters is good as long as they stay */
  work->version = a->method->apart ? state->turns : 1 + board->changes;
  return DDLA_OK;
}

ddla_status ddla_asynchronous_work_of(ddla_sync *base, int worker, ddla_sync_work *work) {
  return told(of(base), work_of(of(base), worker, work));
}

void ddla_asynchronous_begin(ddla_sync *base, int worker, int64_t samples) {
  ddla_sync_begin(&inner_of(of(base))->base, worker, samples);
}

bool ddla_asynchronous_claim(ddla_sync *base, int worker, int *shard) {
  return ddla_sync_claim(&inner_of(of(base))->base, worker, shard);
}

ddla_sync_leaf ddla_asynchronous_leaf_place(ddla_sync *base, int worker, int shard) {
  return ddla_sync_leaf_place(&inner_of(of(base))->base, worker, shard);
}

void ddla_asynchronous_put_record(ddla_sync *base, int worker, int shard,
                                  const ddla_sync_record *record) {
  ddla_sync_put_record(&inner_of(of(base))->base, worker, shard, record);
}

/* What serves it looks at the board again. */
static void wake_link(const asynchronous *a) {
  if (a->turns) ddla_transport_wake(a->options.link, ddla_transport_rank(a->options.link));
}

/* The first worker is in the backward pass of its last shard: what comes next can be asked for, and
 * is there when it is wanted. */
static void say_near(asynchronous *a, int worker) {
  worker_state *state = &a->worker[worker];
  if (worker > 0 || state->near) return;
  state->near = true;
  ddla_transport_word_publish(a->options.transport, &a->board->near, state->turns);
  wake_link(a);
}

void ddla_asynchronous_final(ddla_sync *base, int worker, int64_t from) {
  asynchronous *a = of(base);
  say_near(a, worker);
  ddla_sync_final(&inner_of(a)->base, worker, from);
  if (!a->options.threadless || !a->turns || worker > 0) return;
  const int depth = ddla_alloc_begin_other(); /* room for letters is made when they are known */
  (void)ddla_turns_serve(a->turns, 0);        /* what fails here fails again where it waits */
  ddla_alloc_end_other(depth);
}

void ddla_asynchronous_leaf_done(ddla_sync *base, int worker, int shard) {
  ddla_sync_leaf_done(&inner_of(of(base))->base, worker, shard);
}

const ddla_sync_record *ddla_asynchronous_records(const ddla_sync *base, uint64_t step) {
  const asynchronous *a = of_const(base);
  (void)step; /* of the turn under way */
  ddla_allreduce *inner = inner_of(a);
  return ddla_allreduce_records(&inner->base, ddla_allreduce_committed(inner) + 1);
}

/* What was counted at the fence, on top of what was there at the start. */
static void write_staleness(asynchronous *a) {
  const ddla_staleness *found = &a->board->staleness;
  const double *before = a->before;
  double *numbers = numbers_of(a), earlier = 0, all = (double)found->contributions;
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) {
    numbers[2 + i] = before[2 + i] + (double)found->count[i];
    earlier += before[2 + i];
  }
  all += earlier;
  numbers[0] = all > 0 ? (before[0] * earlier + (double)found->sum) / all : 0;
  numbers[1] = fmax(before[1], (double)found->most);
}

static void write_numbers(asynchronous *a) {
  if (a->method->apart) numbers_of(a)[0] = a->board->spread;
  else write_staleness(a);
}

/* With one model: what all hosts have done since this worker was told the last time. */
static void tell_of_all(ddla_sync_result *out, asynchronous *a, int worker) {
  worker_state *state = &a->worker[worker];
  const ddla_letter_sums now = a->board->sums;
  out->loss = now.loss - state->sums.loss;
  out->count = now.count - state->sums.count;
  out->correct = now.correct - state->sums.correct;
  out->samples = now.samples - state->sums.samples;
  out->learning_rate = a->board->learning_rate;
  out->gradient_norm = NAN;
  state->sums = now;
}

/* turn: what this host has done in the turn, if there was one. */
static void tell(ddla_sync_result *out, asynchronous *a, int worker, const ddla_sync_result *turn) {
  const ddla_turn_board *board = a->board;
  ddla_sync_result result = *turn;
  result.step = atomic_load(&board->step);
  result.stop = board->fence && board->stop;
  result.under_way = !board->fence;
  if (!a->method->apart) tell_of_all(&result, a, worker);
  else if (board->fence)
    result.learning_rate =
        ddla_rate_schedule_at(&a->options.schedule, (int64_t)result.step, a->options.total_steps);
  if (board->fence && worker == 0) write_numbers(a);
  *out = result;
}

static ddla_status contribute(ddla_sync_result *turn, asynchronous *a, int *bad_shard, int worker) {
  worker_state *state = &a->worker[worker];
  const bool frees = !a->options.threadless && !a->method->apart;
  if (frees && state->contributions > 0) /* the one before the last had this one's memory */
    DDLA_TRY(wait_word(a, worker, &a->board->sent, state->contributions - 1));
  DDLA_TRY(ddla_sync_finish(turn, bad_shard, &inner_of(a)->base, worker));
  state->contributions++;
  DDLA_TRY(
      run_order(a, worker,
                &(ddla_turn_order){.kind = DDLA_TURN_CONTRIBUTE,
                                   .sums = {turn->loss, turn->count, turn->correct, turn->samples},
                                   .factor = turn->learning_rate}));
  state->working = !a->board->fence;
  return DDLA_OK;
}

ddla_status ddla_asynchronous_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base,
                                     int worker) {
  asynchronous *a = of(base);
  ddla_sync_result turn = {.gradient_norm = NAN};
  *bad_shard = -1;
  if (!a->worker[worker].idle) DDLA_TRY(told(a, contribute(&turn, a, bad_shard, worker)));
  a->worker[worker].idle = false;
  tell(out, a, worker, &turn);
  ddla_watch_mark(pen_of(a, worker), DDLA_PHASE_COMMITTED, out->step);
  return DDLA_OK;
}

/* By another agent of the host it is seen a little later. */
void ddla_asynchronous_ask_stop(ddla_sync *base) {
  atomic_store(&of(base)->board->stop_asked, 1);
  wake_link(of(base));
}

const int16_t *ddla_asynchronous_owners(const ddla_sync *base) {
  return of_const(base)->board->owner;
}

void ddla_asynchronous_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end) {
  ddla_sync_piece(&of_const(base)->inner[0]->base, worker, begin, end);
}

ddla_sync_time ddla_asynchronous_time_of(const ddla_sync *base, int worker) {
  const asynchronous *a = of_const(base);
  ddla_sync_time all = {.waiting_ns = a->worker[worker].waiting_ns};
  for (int i = 0; i < a->sizes.count; i++) {
    const ddla_sync_time inner = ddla_sync_time_of(&a->inner[i]->base, worker);
    all.waiting_ns += inner.waiting_ns;
    all.exchange_ns += inner.exchange_ns;
  }
  return all;
}

ddla_sync_traffic ddla_asynchronous_traffic(const ddla_sync *base) {
  const asynchronous *a = of_const(base);
  return (ddla_sync_traffic){.sent_bytes = atomic_load(&a->board->sent_bytes),
                             .exchange_ns = atomic_load(&a->board->exchange_ns),
                             .exposed_ns = a->worker[0].waiting_ns};
}
