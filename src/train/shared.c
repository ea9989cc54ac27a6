#include "train/shared.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/coll.h"
#include "data/batch.h"
#include "sync/sum/checks.h"
#include "sync/sum/update.h"
#include "task/metrics.h"
#include "train/save/divided.h"

/* Rows of a parameter by row that one step can touch. */
static ddla_status touched_most(int64_t *out, const ddla_training *training, int parameter) {
  const ddla_graph *graph = training->graph.graph;
  const int64_t rows = graph->parameter[parameter].shape.dim[0];
  int64_t touched = 0;
  *out = 0;
  if (!graph->parameter[parameter].by_row) return DDLA_OK;
  DDLA_TRY(ddla_graph_touched(&touched, graph, parameter));
  *out = touched > rows / training->batch ? rows : touched * training->batch;
  return DDLA_OK;
}

static ddla_status make_ranges(ddla_state_range *range, const ddla_training *training) {
  const ddla_graph *graph = training->graph.graph;
  for (int i = 0; i < graph->parameter_count; i++) {
    const ddla_graph_parameter_row *row = &graph->parameter[i];
    range[i] = (ddla_state_range){.shape = row->shape,
                                  .offset = row->offset,
                                  .count = row->count,
                                  .decays = row->shape.rank >= 2 && !row->by_row};
    snprintf(range[i].name, sizeof range[i].name, "%s", row->name);
    DDLA_TRY(touched_most(&range[i].touched_max, training, i));
  }
  return DDLA_OK;
}

/* Of rows that belong to the model: with replicas each has its own. */
static ddla_scope owned(const ddla_training *training) {
  return training->strategy->replicated ? DDLA_SCOPE_PER_HOST : DDLA_SCOPE_OWNED;
}

static ddla_status add_moments(ddla_shared *shared, const ddla_training *training) {
  int count = ddla_optimizer_moments(training->optimizer, &training->optimizer_options);
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) {
    shared->moment[m] = -1;
    if (m >= count) continue;
    DDLA_TRY(ddla_state_add(&shared->moment[m], shared->state,
                            &(ddla_state_row){.name = training->optimizer->moment_names[m],
                                              .dtype = DDLA_F32,
                                              .scope = owned(training),
                                              .parameter_shaped = true,
                                              .saved = true,
                                              .versions = 2,
                                              .copies = 1}));
  }
  return DDLA_OK;
}

/* What a layered optimizer keeps beside its moments, and works with inside a step. */
static ddla_status add_layered(ddla_shared *shared, const ddla_training *training) {
  int64_t factors = ddla_updates_factor_count(shared->state, training->optimizer);
  int64_t sums = ddla_updates_sum_count(shared->state, training->optimizer);
  shared->factors = shared->section_sums = -1;
  if (factors > 0)
    DDLA_TRY(ddla_state_add(&shared->factors, shared->state,
                            &(ddla_state_row){.name = "factors",
                                              .dtype = DDLA_F32,
                                              .scope = owned(training),
                                              .saved = true,
                                              .versions = 2,
                                              .copies = 1,
                                              .count = factors}));
  if (sums == 0) return DDLA_OK;
  return ddla_state_add(&shared->section_sums, shared->state,
                        &(ddla_state_row){.name = "section_sums",
                                          .dtype = DDLA_F64,
                                          .scope = DDLA_SCOPE_OWNED,
                                          .versions = 1,
                                          .copies = 1,
                                          .count = sums});
}

/* Lists of touched rows: of each gradient, and each worker's sums, whose rows' numbers are needed
 * once more in the step after. */
static ddla_status add_lists(ddla_shared *shared, const ddla_training *training) {
  ddla_state *state = shared->state;
  const ddla_sync_split split = ddla_training_split(training);
  const int copies = ddla_sync_list_copies(training->strategy, &split);
  const int64_t numbers = ddla_state_list_numbers(state), values = ddla_state_list_values(state);
  const int workers = ddla_cluster_here(&training->cluster) * training->lanes;
  const struct {
    int *row;
    ddla_state_row what;
  } rows[] = {
      {&shared->lists[0], {.name = "rows", .dtype = DDLA_I64, .count = numbers, .copies = copies}},
      {&shared->lists[1],
       {.name = "row_gradients", .dtype = DDLA_F32, .count = values, .copies = copies}},
      {&shared->sums[0],
       {.name = "summed_rows", .dtype = DDLA_I64, .count = numbers, .copies = workers}},
      {&shared->sums[1],
       {.name = "summed_row_gradients", .dtype = DDLA_F32, .count = values, .copies = workers}},
      {&shared->row_norms,
       {.name = "row_norms", .dtype = DDLA_F64, .count = numbers, .copies = workers}}};
  const int count = training->job->train.clip_norm > 0 ? 5 : 4;
  if (copies < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  for (int i = 0; i < 5; i++) *rows[i].row = -1;
  for (int i = 0; numbers > 0 && i < count; i++) {
    ddla_state_row row = rows[i].what;
    row.scope = DDLA_SCOPE_PER_LANE;
    row.versions = rows[i].row == &shared->sums[0] ? 2 : 1;
    DDLA_TRY(ddla_state_add(rows[i].row, state, &row));
  }
  return DDLA_OK;
}

static ddla_status add_gradients(ddla_shared *shared, const ddla_training *training) {
  ddla_state *state = shared->state;
  const ddla_sync_split split = ddla_training_split(training);
  int copies = ddla_sync_operand_copies(training->strategy, &split);
  if (copies < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  DDLA_TRY(ddla_state_add(&shared->gradients, state,
                          &(ddla_state_row){.name = "gradients",
                                            .dtype = DDLA_F32,
                                            .scope = DDLA_SCOPE_PER_LANE,
                                            .count = ddla_state_dense(state),
                                            .versions = 1,
                                            .copies = copies}));
  DDLA_TRY(add_lists(shared, training));
  shared->reduced = shared->block_norms = -1;
  const bool clips = training->job->train.clip_norm > 0;
  const bool bridged = training->cluster.hosts > 1 && !training->strategy->replicated;
  if (!clips && !training->optimizer->factor && !bridged) return DDLA_OK;
  DDLA_TRY(ddla_state_add(&shared->reduced, state,
                          &(ddla_state_row){.name = "gradient",
                                            .dtype = DDLA_F32,
                                            .scope = DDLA_SCOPE_OWNED,
                                            .count = ddla_state_dense(state),
                                            .versions = ddla_sync_reduced_versions(
                                                training->strategy, &training->cluster),
                                            .copies = 1}));
  if (!clips) return DDLA_OK;
  return ddla_state_add(&shared->block_norms, state,
                        &(ddla_state_row){.name = "block_norms",
                                          .dtype = DDLA_F64,
                                          .scope = DDLA_SCOPE_OWNED,
                                          .versions = 1,
                                          .copies = 1,
                                          .count = ddla_state_dense(state) / DDLA_STATE_BLOCK});
}

/* The running mean is part of every step and has two versions; the equal mean changes only between
 * steps, at ends of epochs. */
static int average_versions(const ddla_training *training) {
  return training->average == DDLA_AVERAGE_EMA ? 2 : 1;
}

static ddla_status add_average(ddla_shared *shared, const ddla_training *training) {
  shared->average = -1;
  if (training->average == DDLA_AVERAGE_NONE) return DDLA_OK;
  return ddla_state_add(&shared->average, shared->state,
                        &(ddla_state_row){.name = "average",
                                          .dtype = DDLA_F32,
                                          .scope = DDLA_SCOPE_OWNED,
                                          .parameter_shaped = true,
                                          .saved = true,
                                          .versions = average_versions(training),
                                          .copies = 1});
}

/* State that is not trained, and what each shard observes for it. A shard's records are written
 * while a step is computed and read before it is committed, so one version of them is enough. */
static ddla_status add_buffers(ddla_shared *shared, const ddla_training *training) {
  const ddla_graph *graph = training->graph.graph;
  ddla_state *state = shared->state;
  ddla_state_row row = {.name = "buffers",
                        .dtype = DDLA_F32,
                        .scope = DDLA_SCOPE_REPLICATED,
                        .saved = true,
                        .versions = 2,
                        .copies = 1,
                        .count = ddla_graph_buffer_space(graph)};
  shared->buffers = shared->statistics = shared->best_buffers = shared->average_buffers = -1;
  if (row.count == 0) return DDLA_OK;
  DDLA_TRY(ddla_state_add(&shared->buffers, state, &row));
  if (training->job->train.keep_best) {
    row.name = "best_buffers";
    row.versions = 1;
    DDLA_TRY(ddla_state_add(&shared->best_buffers, state, &row));
  }
  if (training->average != DDLA_AVERAGE_NONE) {
    row.name = "average_buffers";
    row.scope = DDLA_SCOPE_OWNED;
    row.versions = average_versions(training);
    DDLA_TRY(ddla_state_add(&shared->average_buffers, state, &row));
  }
  if (graph->statistic_count == 0) return DDLA_OK;
  return ddla_state_add(&shared->statistics, state,
                        &(ddla_state_row){.name = "statistics",
                                          .dtype = DDLA_F64,
                                          .scope = DDLA_SCOPE_PER_LANE,
                                          .versions = 1,
                                          .copies = ddla_training_split(training).shards,
                                          .count = graph->record_space});
}

/* Numbers that the strategy keeps, and room for its sums. */
static ddla_status add_numbers(ddla_shared *shared, const ddla_training *training) {
  const ddla_strategy *strategy = training->strategy;
  const int64_t blocks = ddla_state_dense(shared->state) / DDLA_STATE_BLOCK;
  ddla_state_row row = {.name = "sync_numbers",
                        .dtype = DDLA_F64,
                        .scope = DDLA_SCOPE_REPLICATED,
                        .saved = true,
                        .versions = 1,
                        .copies = 1,
                        .count = strategy->number_count};
  shared->numbers = shared->measures = -1;
  if (row.count > 0) DDLA_TRY(ddla_state_add(&shared->numbers, shared->state, &row));
  if (!strategy->sums) return DDLA_OK;
  row.name = "sync_sums";
  row.saved = false;
  row.count = 2 * blocks + training->cluster.hosts;
  return ddla_state_add(&shared->measures, shared->state, &row);
}

/* What messages leave out, where anything is kept of it, and momentum before they are made. */
static ddla_status add_residuals(ddla_shared *shared, const ddla_training *training) {
  ddla_state_row row = {.name = ddla_codec_state_name(DDLA_CODEC_RESIDUAL),
                        .dtype = DDLA_F32,
                        .scope = DDLA_SCOPE_PER_HOST,
                        .parameter_shaped = true,
                        .saved = true,
                        .versions = 1,
                        .copies = 1};
  const ddla_codec *codec = training->codec;
  shared->residual = shared->velocity = shared->answer_residual = -1;
  if (!codec || !ddla_codec_keeps(codec, &training->codec_options, DDLA_CODEC_RESIDUAL))
    return DDLA_OK;
  DDLA_TRY(ddla_state_add(&shared->residual, shared->state, &row));
  row.name = ddla_codec_state_name(DDLA_CODEC_VELOCITY);
  if (ddla_codec_keeps(codec, &training->codec_options, DDLA_CODEC_VELOCITY))
    DDLA_TRY(ddla_state_add(&shared->velocity, shared->state, &row));
  if (training->strategy->claims) return DDLA_OK; /* servers answer with parameters as they are */
  row.name = "answer_residual";
  return ddla_state_add(&shared->answer_residual, shared->state, &row);
}

/* What the strategy keeps; with replicas, the global model's buffers, and room for those of all
 * hosts. */
static ddla_status add_arrays(ddla_shared *shared, const ddla_training *training) {
  const ddla_strategy *strategy = training->strategy;
  const int64_t buffers = ddla_graph_buffer_space(training->graph.graph);
  const ddla_strategy_array *array = NULL;
  for (int i = 0; (array = ddla_sync_array_at(strategy, training->heterogeneity, i)); i++) {
    DDLA_ASSERT(i < DDLA_STRATEGY_ARRAYS_MAX);
    DDLA_TRY(ddla_state_add(
        &shared->arrays[i], shared->state,
        &(ddla_state_row){.name = array->name,
                          .dtype = DDLA_F32,
                          .scope = array->own ? DDLA_SCOPE_PER_HOST : DDLA_SCOPE_REPLICATED,
                          .parameter_shaped = true,
                          .saved = array->saved,
                          .versions = 1,
                          .copies = 1}));
  }
  DDLA_TRY(add_numbers(shared, training));
  DDLA_TRY(add_residuals(shared, training));
  shared->global = strategy->replicated ? shared->arrays[0] : -1;
  shared->global_buffers = shared->given_buffers = -1;
  if (!strategy->replicated || buffers == 0) return DDLA_OK;
  ddla_state_row row = {
      .name = "global_buffers", .dtype = DDLA_F32, .versions = 1, .copies = 1, .count = buffers};
  DDLA_TRY(ddla_state_add(&shared->global_buffers, shared->state, &row));
  row.name = "given_buffers";
  row.count = buffers * training->cluster.hosts;
  return ddla_state_add(&shared->given_buffers, shared->state, &row);
}

static ddla_status add_checks(ddla_shared *shared, const ddla_training *training) {
  shared->checks = -1;
  if (training->job->train.check_every == 0) return DDLA_OK;
  return ddla_state_add(
      &shared->checks, shared->state,
      &(ddla_state_row){
          .name = "checks",
          .dtype = DDLA_I64,
          .scope = DDLA_SCOPE_PER_LANE,
          .versions = 1,
          .copies = ddla_sync_check_copies(training->strategy, &training->cluster, training->lanes),
          .count = ddla_checks_count(shared->state)});
}

static ddla_status make_state(ddla_shared *shared, const ddla_training *training) {
  const ddla_graph *graph = training->graph.graph;
  ddla_state_range *range = NULL;
  shared->divided = ddla_sync_divides(training->strategy, &training->cluster);
  DDLA_TRY(DDLA_NEW(range, graph->parameter_count));
  ddla_status status = make_ranges(range, training);
  if (status == DDLA_OK)
    status =
        ddla_state_create(&shared->state, ddla_graph_space(graph), range, graph->parameter_count);
  ddla_free(range);
  DDLA_TRY(status);
  DDLA_TRY(
      ddla_state_add(&shared->theta, shared->state,
                     &(ddla_state_row){.name = "theta",
                                       .dtype = DDLA_F32,
                                       .scope = training->strategy->apart ? DDLA_SCOPE_PER_HOST
                                                                          : DDLA_SCOPE_REPLICATED,
                                       .parameter_shaped = true,
                                       .trainable = true,
                                       .saved = true,
                                       .versions = 2,
                                       .copies = 1}));
  DDLA_TRY(add_moments(shared, training));
  DDLA_TRY(add_layered(shared, training));
  DDLA_TRY(add_gradients(shared, training));
  DDLA_TRY(add_checks(shared, training));
  DDLA_TRY(add_average(shared, training));
  DDLA_TRY(add_buffers(shared, training));
  DDLA_TRY(add_arrays(shared, training));
  shared->best = -1;
  if (!training->job->train.keep_best) return DDLA_OK;
  return ddla_state_add(&shared->best, shared->state,
                        &(ddla_state_row){.name = "best",
                                          .dtype = DDLA_F32,
                                          .scope = DDLA_SCOPE_REPLICATED,
                                          .parameter_shaped = true,
                                          .saved = true,
                                          .versions = 1,
                                          .copies = 1});
}

static void size_metrics(ddla_shared *shared, const ddla_training *training) {
  const int64_t test = ddla_evaluation_records(training, training->test),
                validation = ddla_evaluation_records(training, training->validation);
  shared->loss_count =
      (test > validation ? test : validation) * ddla_forward_columns(training->task);
  shared->metric_count = ddla_metrics_count(training->graph.classes);
}

static size_t rounded(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

/* Sizes of the blocks after the state: control, start, reports, metrics, losses, epochs' sums,
 * paces. */
enum { BLOCKS = 7 };

static void block_sizes(size_t sizes[BLOCKS], const ddla_shared *shared,
                        const ddla_training *training) {
  size_t workers = (size_t)training->agents * (size_t)training->lanes;
  const ddla_sync_split split = ddla_training_split(training);
  sizes[0] = rounded(ddla_sync_control_bytes(training->strategy, &split));
  sizes[1] = rounded(sizeof(ddla_training_start));
  sizes[2] = rounded(workers * sizeof(ddla_worker_report));
  sizes[3] = rounded(workers * (size_t)shared->metric_count * sizeof(int64_t));
  sizes[4] = rounded((size_t)shared->loss_count * sizeof(double) + 8);
  sizes[5] = rounded(workers * sizeof(ddla_epoch_sums));
  sizes[6] = rounded(workers * sizeof(int64_t));
}

static size_t total(const size_t sizes[BLOCKS]) {
  size_t sum = 0;
  for (int i = 0; i < BLOCKS; i++) sum += sizes[i];
  return sum;
}

/* Of moments, and of the sum of gradients, each host has its ranges: at most this part, but where
 * ranges go to those who get more done. */
static size_t untouched(const ddla_shared *shared, const ddla_training *training) {
  if (training->strategy->owners) return 0;
  const size_t hosts = (size_t)training->cluster.hosts;
  size_t bytes = 0;
  for (int i = 0; shared->divided && i < ddla_state_row_count(shared->state); i++) {
    const ddla_state_row *row = ddla_state_row_at(shared->state, i);
    if (i != shared->reduced && !ddla_divided_has(shared, i)) continue;
    bytes += (size_t)row->versions * (row->stride - row->stride / hosts);
  }
  return bytes;
}

static ddla_status host_bytes(size_t *out, size_t *touched, const ddla_training *training) {
  ddla_shared shared = {0};
  size_t sizes[BLOCKS] = {0};
  ddla_status status = make_state(&shared, training);
  if (status == DDLA_OK) {
    size_metrics(&shared, training);
    block_sizes(sizes, &shared, training);
    *out = rounded(ddla_state_bytes(shared.state)) + total(sizes);
    *touched = *out - untouched(&shared, training);
  }
  ddla_state_destroy(shared.state);
  return status;
}

/* Hosts that this machine plays may differ by an agent and by a shard. */
ddla_status ddla_shared_bytes(size_t *out, size_t *touched, const ddla_training *training) {
  ddla_training other = *training;
  size_t most = 0, most_touched = 0;
  for (int h = 0; h < training->cluster.hosts; h++) {
    size_t bytes = 0, touches = 0;
    other.cluster.host = h;
    DDLA_TRY(host_bytes(&bytes, &touches, &other));
    if (bytes > most) most = bytes;
    if (touches > most_touched) most_touched = touches;
  }
  *out = most;
  *touched = most_touched;
  return DDLA_OK;
}

ddla_status ddla_shared_bytes_here(size_t *out, const ddla_training *training) {
  size_t touched = 0;
  return host_bytes(out, &touched, training);
}

ddla_status ddla_shared_open(ddla_shared *out, const ddla_training *training, void *memory) {
  ddla_shared shared = {0};
  ddla_status status = DDLA_OK;
  size_t sizes[BLOCKS] = {0};
  DDLA_TRY_CLEAN(status, make_state(&shared, training));
  size_metrics(&shared, training);
  block_sizes(sizes, &shared, training);
  size_t state_bytes = rounded(ddla_state_bytes(shared.state));
  ddla_state_bind(shared.state, memory);
  char *at = (char *)memory + state_bytes;
  shared.sync_control = at;
  shared.start = (ddla_training_start *)(void *)(at += sizes[0]);
  shared.report = (ddla_worker_report *)(void *)(at += sizes[1]);
  shared.metrics = (int64_t *)(void *)(at += sizes[2]);
  shared.losses = (double *)(void *)(at += sizes[3]);
  shared.sums_of = (ddla_epoch_sums *)(void *)(at += sizes[4]);
  shared.paces = (int64_t *)(void *)(at + sizes[5]);
  *out = shared;
  return DDLA_OK;
cleanup:
  ddla_state_destroy(shared.state);
  return status;
}

void ddla_shared_tail(const ddla_shared *shared, int worker, int workers, int64_t *begin,
                      int64_t *end) {
  const int64_t dense = ddla_state_dense(shared->state);
  const int64_t count = ddla_state_space(shared->state) - dense;
  *begin = dense + count * worker / workers;
  *end = dense + count * (worker + 1) / workers;
}

static ddla_status spread(ddla_coll *coll, void *data, size_t bytes) {
  const ddla_coll_call call = {.type = DDLA_COLL_BYTE, .count = (int64_t)bytes, .output = data};
  return bytes > 0 ? ddla_coll_broadcast(coll, &call) : DDLA_OK;
}

/* Whether the first host gives a row to all: what each has of its own comes otherwise. */
static bool is_spread(const ddla_shared *shared, int i) {
  const ddla_state_row *row = ddla_state_row_at(shared->state, i);
  const bool own = row->scope == DDLA_SCOPE_PER_HOST;
  if (!row->saved || ddla_divided_has(shared, i)) return false;
  return !own || (shared->start->step == 0 && i == shared->theta);
}

static void *spread_at(const ddla_shared *shared, int i, size_t *bytes) {
  const ddla_state_row *row = ddla_state_row_at(shared->state, i);
  *bytes = (size_t)row->count * ddla_dtype_bytes(row->dtype);
  return ddla_state_array(shared->state, i, shared->start->step, 0);
}

static bool is_zero(const char *data, size_t bytes) {
  return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

/* Rows that are all zeros, as memory is: at the start all but the model. */
static uint64_t find_zeros(const ddla_shared *shared) {
  uint64_t zeros = 0;
  for (int i = 0; i < ddla_state_row_count(shared->state) && i < 64; i++) {
    size_t bytes = 0;
    if (!is_spread(shared, i)) continue;
    const void *data = spread_at(shared, i, &bytes);
    if (is_zero(data, bytes)) zeros |= UINT64_C(1) << i;
  }
  return zeros;
}

static ddla_status spread_all(ddla_shared *shared, ddla_coll *coll, bool first) {
  ddla_training_start *start = shared->start;
  size_t bytes = 0;
  DDLA_TRY(spread(coll, &start->step, sizeof start->step));
  DDLA_TRY(spread(coll, &start->progress, sizeof start->progress));
  uint64_t zeros = first ? find_zeros(shared) : 0;
  DDLA_TRY(spread(coll, &zeros, sizeof zeros));
  for (int i = 0; i < ddla_state_row_count(shared->state); i++) {
    if (!is_spread(shared, i) || (i < 64 && zeros >> i & 1)) continue;
    void *data = spread_at(shared, i, &bytes);
    DDLA_TRY(spread(coll, data, bytes));
  }
  return DDLA_OK;
}

ddla_status ddla_shared_spread(ddla_shared *shared, ddla_transport *link) {
  ddla_coll *coll = NULL;
  DDLA_TRY(ddla_coll_create(&coll, link));
  ddla_status status = spread_all(shared, coll, ddla_transport_rank(link) == 0);
  ddla_coll_destroy(coll);
  return status;
}

ddla_model_values ddla_shared_model(const ddla_shared *shared, uint64_t step) {
  const ddla_state *state = shared->state;
  float *buffers = ddla_shared_buffers(shared, step);
  if (shared->global < 0)
    return (ddla_model_values){ddla_state_array(state, shared->theta, step, 0), buffers};
  if (buffers) buffers = ddla_state_array(state, shared->global_buffers, step, 0);
  return (ddla_model_values){ddla_state_array(state, shared->global, step, 0), buffers};
}

/* Whether theta differs between replicas when they have exchanged. */
static bool is_apart(const ddla_shared *shared) {
  return ddla_state_row_at(shared->state, shared->theta)->scope == DDLA_SCOPE_PER_HOST;
}

bool ddla_shared_is_model(const ddla_shared *shared, int row) {
  if (row == shared->theta) return !is_apart(shared);
  return row == shared->buffers || (row >= 0 && row == shared->global);
}

ddla_model_values ddla_shared_loaded(const ddla_shared *shared, uint64_t step) {
  const int row = is_apart(shared) ? shared->global : shared->theta;
  return (ddla_model_values){ddla_state_array(shared->state, row, step, 0),
                             ddla_shared_buffers(shared, step)};
}

ddla_handing ddla_shared_handing(const ddla_shared *shared, const ddla_training *training,
                                 int row) {
  const ddla_strategy_array *array = NULL;
  if (row == shared->residual || row == shared->velocity) /* it will be a part of a sum, or mean */
    return training->strategy->claims ? DDLA_HANDED_SHARED : DDLA_HANDED_MEAN;
  if (row == shared->answer_residual) return DDLA_HANDED_SUM; /* each host has that of its ranges */
  for (int i = 0; (array = ddla_sync_array_at(training->strategy, training->heterogeneity, i)); i++)
    if (row == shared->arrays[i] && array->merges) return DDLA_HANDED_MEAN;
  return DDLA_HANDED_ON;
}

void ddla_shared_begin_replica(const ddla_shared *shared, const ddla_training *training,
                               uint64_t step) {
  const ddla_state *state = shared->state;
  const ddla_sync_rule rule = ddla_training_rule(training);
  if (step == 0 && training->strategy->initial)
    training->strategy->initial(ddla_state_array(state, shared->numbers, 0, 0), &rule);
  if (shared->global < 0) return;
  if (step == 0 || !is_apart(shared))
    memcpy(ddla_state_array(state, shared->global, step, 0),
           ddla_state_array(state, shared->theta, step, 0),
           (size_t)ddla_state_space(state) * sizeof(float));
  if (shared->global_buffers < 0) return;
  memcpy(ddla_state_array(state, shared->global_buffers, step, 0),
         ddla_shared_buffers(shared, step),
         (size_t)ddla_state_row_at(state, shared->buffers)->count * sizeof(float));
}

float *ddla_shared_buffers(const ddla_shared *shared, uint64_t step) {
  return shared->buffers < 0 ? NULL : ddla_state_array(shared->state, shared->buffers, step, 0);
}

bool ddla_shared_is_buffers(const ddla_shared *shared, int row) {
  return row >= 0 &&
         (row == shared->buffers || row == shared->best_buffers || row == shared->average_buffers);
}

void ddla_shared_close(ddla_shared *shared) {
  ddla_state_destroy(shared->state);
  *shared = (ddla_shared){0};
}

bool ddla_progress_is_enough(const ddla_progress *progress, const ddla_training *training) {
  int64_t patience = training->job->train.patience;
  return patience > 0 && progress->epochs_without_better >= patience;
}
