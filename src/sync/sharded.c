/* Synchronous data parallelism whose update is divided among hosts (ZeRO's first stage between
 * hosts: Rajbhandari et al. 2020, arXiv:1910.02054). A range of the parameter space belongs to a
 * host: there its sum is completed, there alone are its moments, and there the host's workers make
 * its part of version t + 1, which goes to all hosts straight into its place. The bits are those of
 * `allreduce`, as sums, norms and updates are over the same blocks in the same order.
 *
 * A worker takes its share of each own range, whole blocks, from the top down as sums arrive. Where
 * something of all of the gradient must be known - the norm, by which it is clipped; sums over
 * tensors - every host makes what belongs to its ranges, and has the rest from the others before it
 * goes on: stages, one for each such array and the last for the parameters. A word of each worker
 * tells the bridge how far it is.
 *
 * Running means are made by every host of the parameters that have come. On one host nothing is
 * divided, and everything is as with `allreduce`. */
#include "sync/sum/allreduce_parts.h"

#include "optim/norm.h"
#include "sync/sum/checks.h"

extern const ddla_strategy ddla_strategy_sharded;

/* A worker in the midst of a step. */
typedef struct sharing {
  ddla_allreduce *sync;
  int worker, place; /* place: among the workers of all hosts */
  uint64_t order;
  bool counts; /* what is not finite */
} sharing;

static int own_ranges(const ddla_allreduce *sync) { return ddla_bridge_own_ranges(&sync->layout); }

/* Stages of a step, and the number of the one that makes parameters. */
static int last_stage(const ddla_allreduce *sync) { return sync->division.array_count; }

/* A worker's word when it has made its share of a stage of the k-th own range. */
static uint64_t made_word(const ddla_allreduce *sync, uint64_t steps, int stage, int k) {
  const uint64_t own = (uint64_t)own_ranges(sync);
  return steps * (own * (uint64_t)(last_stage(sync) + 1) + 1) + (uint64_t)stage * own +
         (uint64_t)k + 1;
}

/* What the bridge waits for: the first worker that has not made its share. */
static bool waits_for_made(ddla_service_word *out, void *argument, uint64_t step, int stage,
                           int k) {
  ddla_allreduce *sync = argument;
  const uint64_t wanted = made_word(sync, step - 1 - sync->options.start_step, stage, k);
  for (int i = 0; i < sync->workers; i++) {
    *out = (ddla_service_word){&sync->line[i].made_word, wanted};
    if (atomic_load_explicit(out->word, memory_order_acquire) < wanted) return true;
  }
  return false;
}

static float *parameters_of(void *argument, uint64_t step) {
  const ddla_sync_options *options = &((const ddla_allreduce *)argument)->options;
  return ddla_state_array(options->state, options->theta, step, 0);
}

/* This worker's share of the k-th own range: whole blocks. */
static void share_of(const sharing *s, int k, int64_t *begin, int64_t *end) {
  const ddla_bridge_layout *layout = &s->sync->layout;
  int64_t first = 0, count = 0;
  ddla_bridge_range(layout, ddla_bridge_own(layout, k), &first, &count);
  const int64_t blocks = count / DDLA_STATE_BLOCK, workers = s->sync->workers;
  *begin = first + blocks * s->worker / workers * DDLA_STATE_BLOCK;
  *end = first + blocks * (s->worker + 1) / workers * DDLA_STATE_BLOCK;
}

typedef void make_share(const sharing *s, const ddla_update_step *step, int64_t begin, int64_t end);

/* Makes this worker's share of a stage, of each own range; `make` of what: begins when the range's
 * sum is there. */
static ddla_status run_stage(const sharing *s, int stage, make_share *make,
                             const ddla_update_step *step) {
  ddla_allreduce *sync = s->sync;
  for (int k = 0; k < own_ranges(sync); k++) {
    int64_t begin = 0, end = 0;
    share_of(s, k, &begin, &end);
    DDLA_TRY(ddla_allreduce_wait_bridge(sync, s->worker,
                                        ddla_bridge_target_own(&sync->layout, s->order, k)));
    ddla_allreduce_mark_update(sync, s->worker, begin, end);
    if (begin < end) make(s, step, begin, end);
    ddla_transport_word_publish(sync->options.transport, &sync->line[s->worker].made_word,
                                made_word(sync, ddla_allreduce_steps(sync), stage, k));
  }
  return DDLA_OK;
}

static ddla_status wait_array(const sharing *s, int array) {
  return ddla_allreduce_wait_bridge(s->sync, s->worker,
                                    ddla_bridge_target_array(&s->sync->layout, s->order, array));
}

static float *sums_of(const sharing *s) {
  const ddla_sync_options *options = &s->sync->options;
  return ddla_sync_reduced(options);
}

static void make_norms(const sharing *s, const ddla_update_step *step, int64_t begin, int64_t end) {
  const ddla_sync_options *options = &s->sync->options;
  double *norms = ddla_state_array(options->state, options->block_norms, 0, 0);
  (void)step;
  ddla_norm_block_sums(norms + begin / DDLA_STATE_BLOCK, sums_of(s) + begin, end - begin,
                       DDLA_ISA_BEST);
}

/* Counts while they are in the cache. */
static void count_gradient(const sharing *s, int64_t begin, int64_t end) {
  if (s->counts)
    ddla_checks_span(&s->sync->options, s->place, DDLA_CHECKED_GRADIENT, sums_of(s) + begin, begin,
                     end);
}

static void count_parameters(const sharing *s, int64_t begin, int64_t end) {
  const float *made = parameters_of(s->sync, ddla_allreduce_committed(s->sync) + 1);
  if (s->counts)
    ddla_checks_span(&s->sync->options, s->place, DDLA_CHECKED_PARAMETER, made + begin, begin, end);
}

static void make_directions(const sharing *s, const ddla_update_step *step, int64_t begin,
                            int64_t end) {
  count_gradient(s, begin, end);
  ddla_updates_run(s->sync->updates, sums_of(s) + begin, begin, end, step);
}

static void make_applied(const sharing *s, const ddla_update_step *step, int64_t begin,
                         int64_t end) {
  ddla_updates_apply(s->sync->updates, begin, end, step);
  count_parameters(s, begin, end);
}

static void make_updated(const sharing *s, const ddla_update_step *step, int64_t begin,
                         int64_t end) {
  make_directions(s, step, begin, end);
  count_parameters(s, begin, end);
}

static ddla_status update(const sharing *s, const ddla_update_step *step) {
  const int last = last_stage(s->sync);
  if (!s->sync->options.optimizer->apply) return run_stage(s, last, make_updated, step);
  DDLA_TRY(run_stage(s, last - 1, make_directions, step));
  DDLA_TRY(wait_array(s, last - 1));
  return run_stage(s, last, make_applied, step);
}

/* All hosts have what each counted. */
static ddla_status share_counts(const sharing *s) {
  const ddla_sync_options *options = &s->sync->options;
  const ddla_state_row *row = ddla_state_row_at(options->state, options->checks);
  const ddla_sync_part part = {ddla_state_array(options->state, options->checks, 0, 0), row->stride,
                               row->copies};
  return ddla_allreduce_share(&s->sync->base, s->worker, &part, 1);
}

static void begin_counts(sharing *s, ddla_sync_result *result, bool finite) {
  const ddla_sync_options *options = &s->sync->options;
  result->checked = ddla_checks_due(options, ddla_allreduce_committed(s->sync));
  s->counts = result->checked || (options->checks >= 0 && !finite);
  if (s->counts) ddla_checks_begin(options, s->place);
}

/* After a norm that is not finite the step goes on to its end all the same, so that hosts part in
 * order and all know what is wrong; it is not committed. */
static ddla_status fail_norm(const sharing *s, const ddla_sync_result *result) {
  const ddla_sync_options *options = &s->sync->options;
  if (options->checks < 0) return ddla_allreduce_fail_norm(result);
  return ddla_checks_fail(options->state, options->checks, 0,
                          ddla_state_row_at(options->state, options->checks)->copies, result->step);
}

static ddla_status divided(ddla_sync_result *result, int *bad_shard, ddla_allreduce *sync,
                           int worker) {
  const ddla_sync_options *options = &sync->options;
  const ddla_bridge_layout *layout = &sync->layout;
  sharing s = {.sync = sync, .worker = worker, .order = sync->worker[worker].orders};
  double factor = 1;
  bool finite = true;
  int64_t begin = 0, end = 0;
  s.place = layout->cluster.first[layout->cluster.host] * options->lanes + worker;
  DDLA_TRY(ddla_allreduce_wait_bridge(sync, worker, ddla_bridge_target_records(layout, s.order)));
  DDLA_TRY(ddla_allreduce_sum_records(result, bad_shard, sync));
  if (options->clip_norm > 0) {
    DDLA_TRY(run_stage(&s, 0, make_norms, NULL));
    DDLA_TRY(wait_array(&s, 0));
    finite = ddla_allreduce_clip(&factor, result, sync);
  }
  const ddla_update_step step = ddla_allreduce_update_step(result, sync, factor);
  begin_counts(&s, result, finite);
  ddla_allreduce_update_buffers(sync, worker, &step);
  DDLA_TRY(update(&s, &step));
  DDLA_TRY(ddla_allreduce_wait_bridge(sync, worker, ddla_bridge_target_done(layout, s.order)));
  if (s.counts) DDLA_TRY(share_counts(&s));
  if (!finite) return fail_norm(&s, result);
  ddla_allreduce_piece(&sync->base, worker, &begin, &end);
  ddla_updates_follow(sync->updates, begin, end, &step);
  return DDLA_OK;
}

/* Of each range: its blocks' norms, or its sections' sums. */
static void add_array(ddla_allreduce *sync, int row, bool sections) {
  const ddla_sync_options *options = &sync->options;
  const int number = sync->division.array_count++;
  ddla_bridge_span *span = sync->span[number];
  for (int r = 0; r < sync->layout.ranges; r++) {
    int64_t begin = 0, count = 0;
    ddla_bridge_range(&sync->layout, r, &begin, &count);
    span[r] = (ddla_bridge_span){begin / DDLA_STATE_BLOCK, (begin + count) / DDLA_STATE_BLOCK};
    if (sections)
      ddla_updates_sections(&span[r].first, &span[r].end, sync->updates, begin, begin + count);
  }
  sync->division.array[number] =
      (ddla_bridge_array){.base = ddla_state_array(options->state, row, 0, 0),
                          .bytes = (sections ? DDLA_SUMS_MAX : 1) * sizeof(double),
                          .span = span};
}

static ddla_status open_divided(ddla_allreduce *sync) {
  const ddla_sync_options *options = &sync->options;
  if (options->optimizer->factor)
    return DDLA_FAIL(INVALID, "sync.method sharded cannot divide %s among hosts",
                     options->optimizer->name);
  if (ddla_operands_by_row(sync->operands))
    return DDLA_FAIL(INVALID, "sync.method sharded cannot divide tables that are kept by row");
  if (options->fast)
    return DDLA_FAIL(INVALID, "sync.method sharded has no sums of the link's to divide");
  sync->divided = divided;
  sync->division.waits = waits_for_made;
  sync->division.parameters = parameters_of;
  if (options->clip_norm > 0) add_array(sync, options->block_norms, false);
  if (options->optimizer->apply) add_array(sync, options->section_sums, true);
  return ddla_allreduce_open_bridge(sync);
}

static ddla_status sharded_open(ddla_sync **out, const ddla_sync_options *options) {
  ddla_allreduce *sync = NULL;
  DDLA_TRY(ddla_allreduce_open(&sync, &ddla_strategy_sharded, options));
  const ddla_status status = sync->bridged ? open_divided(sync) : DDLA_OK;
  if (status == DDLA_OK) *out = &sync->base;
  else ddla_allreduce_close(&sync->base);
  return status;
}

const ddla_strategy ddla_strategy_sharded = {
    .mode = "synchronous",
    .method = "sharded",
    .help = "as allreduce, with the same bits; each host keeps moments for its part of the "
            "parameters, updates it and gives it to all: less memory",
    .divides = true,
    .control_bytes = ddla_allreduce_control_bytes,
    .operand_copies = ddla_operands_copies,
    .list_copies = ddla_operands_list_copies,
    .open = sharded_open,
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
