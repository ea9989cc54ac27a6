#include "train/trainer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "backend/kernel.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/pages.h"
#include "train/feed/loading.h"
#include "train/feed/swapping.h"
#include "train/feed/tiered.h"
#include "train/identity.h"
#include "train/save/divided.h"
#include "train/save/save.h"
#include "train/seating.h"
#include "train/segments.h"

/* Words at the head of a host's memory, by which its agents go from segment to segment. */
typedef struct segment_board {
  _Alignas(64) ddla_word left;  /* agents that have left a segment: all, of all segments */
  _Alignas(64) ddla_word ready; /* segments whose state is ready */
} segment_board;

/* One agent. What stands behind `round` is of the segment under way. */
typedef struct agent_trainer {
  const ddla_training *whole;    /* of all segments */
  const ddla_training *training; /* of the segment under way */
  ddla_training part;            /* that one */
  ddla_transport *transport;     /* of this host's agents */
  ddla_transport *link;       /* between hosts: of the first agent of each of several; else null */
  ddla_transport *share_link; /* the same for samples; null where none travel while it trains */
  ddla_wire *wire;            /* on it */
  ddla_exchange *exchange;    /* of samples; null: none */
  ddla_cluster cluster;
  const ddla_trainer_options *options;
  segment_board *board;
  char *memory;        /* behind the board; of the host's agents */
  size_t memory_bytes; /* as the largest segment needs */
  ddla_tiered *tiered; /* null: samples are in memory */
  ddla_run run;
  ddla_worker *worker;    /* [lanes] */
  ddla_watch_lane **pens; /* [lanes] the workers' */
  int round;              /* segments that this process has begun */
  ddla_shared shared;
  ddla_sync *sync;
  ddla_statistic *statistic; /* of the graph */
  ddla_pack_cache *packs;
  ddla_loading *loading; /* null: there is none */
  pthread_t *thread;
  ddla_failure *failure; /* [lanes]; code DDLA_OK: went well */
  ddla_loaded loaded;    /* by the first host's first agent */
  ddla_progress progress;
  uint64_t start_step;
  int first_shard, end_shard; /* of each batch, that this host computes */
} agent_trainer;

/* The state before the first step. */
static ddla_status begin_state(const ddla_training *training, const ddla_shared *shared) {
  const ddla_graph *graph = training->graph.graph;
  float *theta = ddla_state_array(shared->state, shared->theta, 0, 0);
  ddla_graph_initialise(graph, training->seed, theta);
  float *buffers = ddla_shared_buffers(shared, 0);
  if (buffers) ddla_graph_initialise_buffers(graph, training->seed, buffers);
  const char *path = training->job->model.weights;
  if (!path[0]) return DDLA_OK;
  ddla_status status = ddla_train_start_from((ddla_model_values){theta, buffers}, graph, path);
  if (status != DDLA_INVALID) return status;
  char words[DDLA_STATUS_TEXT_BYTES];
  snprintf(words, sizeof words, "%s", ddla_status_message(status));
  return ddla_job_refuse(training->job, "model.weights", "%s", words);
}

/* A buffer without a statistic never changes, and is its own average: all versions hold it from the
 * start. */
static void copy_buffers(const ddla_shared *shared, uint64_t step) {
  if (shared->buffers < 0) return;
  const ddla_state *state = shared->state;
  const size_t bytes = (size_t)ddla_state_row_at(state, shared->buffers)->count * sizeof(float);
  const float *buffers = ddla_shared_buffers(shared, step);
  memcpy(ddla_shared_buffers(shared, step + 1), buffers, bytes);
  if (shared->average_buffers < 0) return;
  float *average = ddla_state_array(state, shared->average_buffers, step, 0);
  float *other = ddla_state_array(state, shared->average_buffers, step + 1, 0);
  if (step == 0) memcpy(average, buffers, bytes);
  if (other != average) memcpy(other, average, bytes);
}

/* Steps write touched rows alone, so both versions begin alike. Moments of a new run are zero. */
static void copy_tables(const ddla_shared *shared, uint64_t step) {
  const int64_t dense = ddla_state_dense(shared->state);
  const size_t bytes = (size_t)(ddla_state_space(shared->state) - dense) * sizeof(float);
  const int rows[] = {shared->theta, shared->moment[0], shared->moment[1], shared->moment[2]};
  for (int i = 0; i < 1 + DDLA_MOMENTS_MAX && bytes > 0; i++) {
    if (rows[i] < 0 || (i > 0 && step == 0)) continue;
    memcpy((float *)ddla_state_array(shared->state, rows[i], step + 1, 0) + dense,
           (const float *)ddla_state_array(shared->state, rows[i], step, 0) + dense, bytes);
  }
}

/* The checkpoint that is loaded is the one that the segment was chosen by. */
static ddla_status check_step(const agent_trainer *trainer) {
  const ddla_training *whole = trainer->whole;
  const int64_t step = (int64_t)trainer->shared.start->step;
  const int64_t wanted = trainer->round > 1 ? trainer->training->from_step : whole->resume_step;
  if (ddla_segments_count(whole) == 1 || step == wanted) return DDLA_OK;
  return DDLA_FAIL(CORRUPT,
                   "the newest checkpoint in %s is of step %lld, the run goes on from step %lld",
                   trainer->options->directory, (long long)step, (long long)wanted);
}

/* The state as agent 0 makes or loads it. */
static ddla_status make_state(agent_trainer *trainer) {
  ddla_training_start *start = trainer->shared.start;
  start->progress.best_metric = -1;
  if (trainer->options->resume || trainer->round > 1) {
    ddla_loaded *loaded = &trainer->loaded;
    loaded->progress = start->progress;
    DDLA_TRY(ddla_train_load_checkpoint(loaded, trainer->training, &trainer->shared,
                                        trainer->options->directory));
    start->step = loaded->step;
    start->progress = loaded->progress;
    DDLA_TRY(check_step(trainer));
  }
  return start->step == 0 ? begin_state(trainer->training, &trainer->shared) : DDLA_OK;
}

size_t ddla_trainer_board_bytes(void) { return 4096; /* a page: what follows begins with one */ }

/* The number among all, known before the hosts have met. */
static int recorded_agent(const agent_trainer *trainer) {
  const ddla_cluster *cluster = &trainer->training->cluster;
  return cluster->first[cluster->host] + ddla_transport_rank(trainer->transport);
}

/* The job's word, else what suits the links; with a codec, whose messages are ranges, what the
 * model's size says, so that bits do not follow a measurement. */
static ddla_status choose_ranges(const agent_trainer *trainer) {
  ddla_training_start *start = trainer->shared.start;
  start->range_bytes = trainer->training->job->sync.range_bytes;
  if (!trainer->link || start->range_bytes > 0 || trainer->training->codec) return DDLA_OK;
  DDLA_TRY(ddla_pace_measure(&start->pace, trainer->link));
  start->range_bytes = ddla_pace_range_bytes(
      &start->pace, ddla_state_dense(trainer->shared.state) * (int64_t)sizeof(float),
      trainer->cluster.hosts);
  return DDLA_OK;
}

/* To the other hosts. A checkpoint has what is divided among them, or rows of each replica. */
static ddla_status spread(agent_trainer *trainer) {
  ddla_shared *shared = &trainer->shared;
  DDLA_TRY(ddla_shared_spread(shared, trainer->link));
  DDLA_TRY(ddla_divided_deal(shared, trainer->training, trainer->link, trainer->loaded.file));
  if (shared->start->step == 0) return DDLA_OK;
  ddla_status status =
      ddla_replica_rows_deal(&trainer->loaded.rows, shared, shared->start->step, trainer->link);
  ddla_replica_rows_destroy(&trainer->loaded.rows);
  return status;
}

/* The first agent of a host makes the state ready, the others wait for it. */
static ddla_status start_state(agent_trainer *trainer) {
  ddla_shared *shared = &trainer->shared;
  ddla_training_start *start = shared->start;
  const int first = recorded_agent(trainer) - ddla_transport_rank(trainer->transport);
  ddla_watch_mark(&trainer->worker[0].pen, DDLA_PHASE_LOAD, 0);
  if (ddla_transport_rank(trainer->transport) == 0) {
    start->cluster = trainer->cluster;
    if (trainer->cluster.host == 0) DDLA_TRY(make_state(trainer));
    DDLA_TRY(choose_ranges(trainer));
    if (trainer->link) DDLA_TRY(spread(trainer));
    ddla_checkpoint_close(trainer->loaded.file);
    trainer->loaded.file = NULL;
    copy_buffers(shared, start->step);
    copy_tables(shared, start->step);
    ddla_shared_begin_replica(shared, trainer->training, start->step);
    ddla_transport_word_publish(trainer->transport, &trainer->board->ready,
                                (uint64_t)trainer->round);
  }
  ddla_watch_mark(&trainer->worker[0].pen, DDLA_PHASE_WAIT,
                  ddla_watch_wait_pack(DDLA_WAIT_START, first * trainer->training->lanes, 1));
  DDLA_TRY(ddla_transport_word_wait(trainer->transport, &trainer->board->ready,
                                    (uint64_t)trainer->round, -1));
  trainer->cluster = start->cluster;
  trainer->start_step = start->step;
  trainer->progress = start->progress;
  return DDLA_OK;
}

/* This agent's number among those of all hosts. */
static int agent_of(const agent_trainer *trainer) {
  return trainer->cluster.first[trainer->cluster.host] + ddla_transport_rank(trainer->transport);
}

/* With what this replica's part of the data makes of it. */
static ddla_sync_rule rule_of(const agent_trainer *trainer) {
  const ddla_training *training = trainer->training;
  ddla_sync_rule rule = ddla_training_rule(training);
  double weight[DDLA_PARTS_MAX];
  if (!training->parts || !training->heterogeneity->weighs) return rule;
  ddla_parts_weights(weight, training->parts);
  rule.weight = weight[trainer->cluster.host];
  return rule;
}

static ddla_status open_sync(agent_trainer *trainer) {
  const ddla_training *training = trainer->training;
  const ddla_graph *graph = training->graph.graph;
  const ddla_shared *shared = &trainer->shared;
  DDLA_TRY(DDLA_NEW(trainer->statistic, graph->statistic_count + 1));
  for (int i = 0; i < graph->statistic_count; i++) trainer->statistic[i] = graph->statistic[i].rule;
  ddla_sync_part_of(&trainer->first_shard, &trainer->end_shard, training->strategy,
                    &trainer->cluster, training->shards);
  ddla_sync_options options = {
      .transport = trainer->transport,
      .link = trainer->link,
      .cluster = &trainer->cluster,
      .lanes = training->lanes,
      .agent = agent_of(trainer),
      .range_bytes = shared->start->range_bytes,
      .threadless = trainer->options->hosts.threadless,
      .fast = training->fast,
      .shards = trainer->end_shard - trainer->first_shard,
      .direct = training->direct,
      .dynamic = training->dynamic,
      .seed = training->seed,
      .start_step = trainer->start_step,
      .total_steps = training->total_steps,
      .end_step = training->end_step,
      .state = shared->state,
      .theta = shared->theta,
      .moment = {shared->moment[0], shared->moment[1], shared->moment[2]},
      .gradients = shared->gradients,
      .lists = {shared->lists[0], shared->lists[1]},
      .sums = {shared->sums[0], shared->sums[1]},
      .row_norms = shared->row_norms,
      .checks = shared->checks,
      .check_every = training->job->train.check_every,
      .reduced = shared->reduced,
      .block_norms = shared->block_norms,
      .factors = shared->factors,
      .section_sums = shared->section_sums,
      .buffers = shared->buffers,
      .average_buffers = training->average == DDLA_AVERAGE_EMA ? shared->average_buffers : -1,
      .statistics = shared->statistics,
      .statistic = trainer->statistic,
      .statistic_count = graph->statistic_count,
      .average = training->average == DDLA_AVERAGE_EMA ? shared->average : -1,
      .average_decay = training->job->train.average_decay,
      .average_first = (training->average_from - 1) * training->batches_per_epoch + 1,
      .optimizer = training->optimizer,
      .optimizer_options = training->optimizer_options,
      .schedule = training->schedule,
      .weight_decay = training->job->train.weight_decay,
      .clip_norm = training->job->train.clip_norm,
      .watch = trainer->pens,
      .global_buffers = shared->global_buffers,
      .given_buffers = shared->given_buffers,
      .numbers = shared->numbers,
      .measures = shared->measures,
      .codec = training->codec,
      .codec_options = training->codec_options,
      .residual = shared->residual,
      .velocity = shared->velocity,
      .answer_residual = shared->answer_residual,
      .rule = rule_of(trainer),
      .heterogeneity = training->heterogeneity,
      .control = shared->sync_control};
  memcpy(options.arrays, shared->arrays, sizeof options.arrays);
  return ddla_sync_open(&trainer->sync, training->strategy, &options);
}

static ddla_status make_workers(agent_trainer *trainer) {
  const ddla_training *training = trainer->training;
  const int rank = ddla_transport_rank(trainer->transport), agent = agent_of(trainer);
  DDLA_TRY(DDLA_NEW(trainer->thread, training->lanes));
  DDLA_TRY(DDLA_NEW(trainer->failure, training->lanes));
  for (int lane = 0; lane < training->lanes; lane++) {
    ddla_worker *worker = &trainer->worker[lane];
    *worker = (ddla_worker){
        .training = training,
        .transport = trainer->transport,
        .shared = &trainer->shared,
        .sync = trainer->sync,
        .wire = trainer->wire,
        .tiered = trainer->tiered,
        .stop = trainer->options->stop,
        .watch = trainer->options->watch,
        .pen = worker->pen,
        .agent = agent,
        .lane = lane,
        .worker = rank * training->lanes + lane,
        .workers = ddla_cluster_here(&trainer->cluster) * training->lanes,
        .place = agent * training->lanes + lane,
        .places = training->agents * training->lanes,
        .replica = trainer->cluster.host,
        .first_shard = trainer->first_shard,
        .end_shard = trainer->end_shard,
        .run = agent == 0 && lane == 0 && trainer->options->directory ? &trainer->run : NULL};
    worker->compute = (ddla_lane){.graph = training->graph.graph,
                                  .loss = training->graph.loss,
                                  .precision = training->precision,
                                  .packs = trainer->packs,
                                  .watch = &worker->pen};
    DDLA_TRY(ddla_worker_init(worker));
    if (training->job->output.audit && trainer->options->directory)
      DDLA_TRY(ddla_audit_open(&worker->audit, trainer->options->directory, agent));
    worker->progress = trainer->progress;
  }
  return DDLA_OK;
}

/* The calling thread is the lane's, and what it touches first lies in its domain. */
static void enter(const agent_trainer *trainer, int lane) {
  const int agent = recorded_agent(trainer);
  const cpu_set_t *set = ddla_seating_lane(trainer->training, agent, lane);
  char text[128];
  if (!set) return;
  ddla_binding_enter(set);
  ddla_log_line(DDLA_LOG_INFO, "lane %d of agent %d on processors %s", lane, agent,
                ddla_binding_text(text, sizeof text, set));
}

static void work(agent_trainer *trainer, int lane) {
  const ddla_trainer_options *options = trainer->options;
  ddla_worker *worker = &trainer->worker[lane];
  if (lane > 0) {
    enter(trainer, lane);
    if (trainer->round > 1) ddla_watch_lane_take(&worker->pen);
    else worker->pen = ddla_watch_lane_open(options->watch, worker->agent, lane);
  }
  ddla_status status =
      options->work ? options->work(worker, options->work_argument) : ddla_worker_train(worker);
  ddla_watch_mark(&worker->pen, worker->bordered ? DDLA_PHASE_LOAD : DDLA_PHASE_END, 0);
  if (status == DDLA_OK) return;
  ddla_status_take(&trainer->failure[lane], status);
  ddla_transport_fail(trainer->transport,
                      &trainer->failure[lane]); /* so that other lanes and agents end too */
}

typedef struct lane_start {
  agent_trainer *trainer;
  int lane;
} lane_start;

static void *lane_main(void *argument) {
  const lane_start *start = argument;
  work(start->trainer, start->lane);
  return NULL;
}

/* The failure that explains the others: one that is not about a lost peer, if there is any. */
static ddla_status first_failure(const agent_trainer *trainer) {
  const ddla_failure *found = NULL;
  for (int lane = 0; lane < trainer->training->lanes; lane++) {
    const ddla_failure *failure = &trainer->failure[lane];
    if (failure->code == DDLA_OK) continue;
    if (!found || found->code == DDLA_PEER_LOST) found = failure;
  }
  return found ? ddla_status_raise(found) : DDLA_OK;
}

static ddla_status run_lanes(agent_trainer *trainer) {
  int lanes = trainer->training->lanes, started = 1;
  ddla_status status = DDLA_OK;
  lane_start *start = NULL;
  DDLA_TRY(DDLA_NEW(start, lanes));
  for (int lane = 1; lane < lanes && status == DDLA_OK; lane++, started++) {
    start[lane] = (lane_start){trainer, lane};
    if (pthread_create(&trainer->thread[lane], NULL, lane_main, &start[lane]) == 0) continue;
    status = DDLA_FAIL(NO_MEMORY, "cannot start lane %d", lane);
    ddla_status_take(&trainer->failure[lane], status);
    ddla_transport_fail(trainer->transport, &trainer->failure[lane]);
    break;
  }
  if (status == DDLA_OK) work(trainer, 0);
  for (int lane = 1; lane < started; lane++) pthread_join(trainer->thread[lane], NULL);
  ddla_free(start);
  return first_failure(trainer);
}

/* Before anything is computed that must be the same everywhere: the agents of a host, then the
 * first ones of the hosts. */
static ddla_status check_identity(const agent_trainer *trainer) {
  ddla_identity mine;
  if (ddla_transport_ranks(trainer->transport) == 1 && !trainer->link) return DDLA_OK;
  DDLA_TRY(ddla_identity_of(&mine, trainer->training->precision, trainer->training->plugins));
  DDLA_TRY(ddla_identity_agree(trainer->transport, &mine));
  return trainer->link ? ddla_identity_agree(trainer->link, &mine) : DDLA_OK;
}

static ddla_status open_link(agent_trainer *trainer) {
  const ddla_trainer_hosts *hosts = &trainer->options->hosts;
  trainer->cluster = trainer->training->cluster;
  if (!hosts->open && trainer->cluster.hosts > 1)
    return DDLA_FAIL(INVALID,
                     "%d hosts or replicas are played by `ddla train` alone: set parallel.hosts to "
                     "1, or parallel.agents where each is a replica",
                     trainer->cluster.hosts);
  if (hosts->threadless && ddla_training_shares(trainer->training))
    return ddla_job_refuse(trainer->training->job, "share.mode",
                           "is %s, which needs a thread of its own, and this MPI library lets one "
                           "thread alone call it; use broadcast or none",
                           trainer->training->job->share.mode);
  if (!hosts->open || ddla_transport_rank(trainer->transport) > 0) return DDLA_OK;
  DDLA_TRY(hosts->open(&trainer->link, &trainer->cluster, hosts->argument));
  if (!ddla_training_shares(trainer->training)) return DDLA_OK;
  DDLA_TRY(hosts->open_share(&trainer->share_link, hosts->argument));
  return ddla_wire_create(&trainer->wire, trainer->share_link,
                          trainer->training->job->data.private);
}

/* Lanes record from the start on; the first one's pen is taken here, by its own thread. */
static ddla_status open_pens(agent_trainer *trainer) {
  int lanes = trainer->training->lanes, agent = recorded_agent(trainer);
  ddla_watch *watch = trainer->options->watch;
  DDLA_TRY(DDLA_NEW(trainer->worker, lanes));
  DDLA_TRY(DDLA_NEW(trainer->pens, lanes));
  for (int lane = 0; lane < lanes; lane++) trainer->pens[lane] = &trainer->worker[lane].pen;
  ddla_watch_begin_agent(watch, agent);
  trainer->worker[0].pen = ddla_watch_lane_open(watch, agent, 0);
  ddla_watch_mark(&trainer->worker[0].pen, DDLA_PHASE_START, 0);
  return DDLA_OK;
}

/* A thread starts on the processors of who starts it, and sync starts the one that exchanges. */
static ddla_status open_sync_bound(agent_trainer *trainer) {
  const int agent = recorded_agent(trainer);
  const cpu_set_t *exchange = ddla_seating_exchange(trainer->training, agent);
  if (exchange && trainer->link) ddla_binding_enter(exchange);
  ddla_status status = open_sync(trainer);
  enter(trainer, 0);
  return status;
}

/* All agents of the host alike. */
static ddla_status take_memory(agent_trainer *trainer) {
  const size_t board = ddla_trainer_board_bytes();
  void *memory = NULL;
  for (int i = 0; i < ddla_segments_count(trainer->whole); i++) {
    const ddla_training part = ddla_segments_training(trainer->whole, i);
    size_t bytes = 0;
    DDLA_TRY(ddla_shared_bytes_here(&bytes, &part));
    if (bytes > trainer->memory_bytes) trainer->memory_bytes = bytes;
  }
  DDLA_TRY(ddla_transport_alloc(trainer->transport, &memory, board + trainer->memory_bytes,
                                DDLA_MEMORY_ONE));
  trainer->board = memory;
  trainer->memory = (char *)memory + board;
  return DDLA_OK;
}

/* Before the first state is made, so that the first samples are on their way. */
static ddla_status open_tiered(agent_trainer *trainer) {
  const size_t bytes = ddla_tiered_region_bytes(trainer->whole);
  void *memory = NULL;
  if (bytes == 0) return DDLA_OK;
  DDLA_TRY(ddla_transport_alloc(trainer->transport, &memory, bytes, DDLA_MEMORY_ONE));
  const ddla_tiered_link link = {trainer->share_link, trainer->wire};
  return ddla_tiered_open(&trainer->tiered, trainer->training, trainer->transport, &link, memory);
}

static ddla_status open_run(agent_trainer *trainer) {
  const ddla_trainer_options *options = trainer->options;
  if (trainer->round == 1 && trainer->training->job->output.audit && options->directory)
    DDLA_TRY(ddla_audit_trim(options->directory, agent_of(trainer), trainer->training->agents,
                             (int64_t)trainer->start_step));
  if (trainer->round == 1 && agent_of(trainer) == 0 && options->directory)
    DDLA_TRY(ddla_run_open(&trainer->run, trainer->whole, options->directory, options->show,
                           (int64_t)trainer->start_step));
  trainer->run.training = trainer->training;
  trainer->run.terminal = options->terminal;
  trainer->run.on_step = options->on_step;
  trainer->run.on_step_argument = options->on_step_argument;
  return DDLA_OK;
}

/* Samples are where they are in the epoch in which the run begins, or goes on. */
static ddla_status start_exchange(const agent_trainer *trainer) {
  const int64_t step = (int64_t)trainer->start_step;
  if (!trainer->exchange || trainer->round > 1 || ddla_transport_rank(trainer->transport) > 0)
    return DDLA_OK;
  return ddla_exchange_start(trainer->exchange, step / trainer->whole->batches_per_epoch);
}

static ddla_status run_segment(agent_trainer *trainer, int segment) {
  trainer->round++;
  trainer->part = ddla_segments_training(trainer->whole, segment);
  if (segment > 0)
    ddla_log_line(DDLA_LOG_INFO, "from step %lld: sync.mode %s, sync.method %s",
                  (long long)trainer->part.from_step, trainer->part.strategy->mode,
                  trainer->part.strategy->method);
  trainer->part.exchange = trainer->exchange;
  trainer->training = &trainer->part;
  DDLA_TRY(ddla_shared_open(&trainer->shared, trainer->training, trainer->memory));
  DDLA_TRY(start_state(trainer));
  DDLA_TRY(start_exchange(trainer));
  DDLA_TRY(ddla_tiered_begin(trainer->tiered, trainer->training, (int64_t)trainer->start_step));
  DDLA_TRY(open_sync_bound(trainer));
  DDLA_TRY(ddla_pack_cache_create(&trainer->packs));
  DDLA_TRY(open_run(trainer));
  DDLA_TRY(make_workers(trainer));
  DDLA_TRY(ddla_loading_open(&trainer->loading, trainer->worker, trainer->start_step));
  return run_lanes(trainer);
}

/* What belongs to a segment. */
static void close_segment(agent_trainer *trainer) {
  ddla_loading_close(trainer->loading);
  ddla_tiered_end(trainer->tiered);
  for (int lane = 0; trainer->worker && lane < trainer->whole->lanes; lane++)
    ddla_worker_fini(&trainer->worker[lane]);
  ddla_checkpoint_close(trainer->loaded.file);
  ddla_pack_cache_destroy(trainer->packs);
  ddla_sync_close(trainer->sync);
  ddla_replica_rows_destroy(&trainer->loaded.rows);
  ddla_shared_close(&trainer->shared);
  ddla_free(trainer->statistic);
  ddla_free(trainer->thread);
  ddla_free(trainer->failure);
  trainer->loaded = (ddla_loaded){0};
  trainer->loading = NULL;
  trainer->packs = NULL;
  trainer->sync = NULL;
  trainer->statistic = NULL;
  trainer->thread = NULL;
  trainer->failure = NULL;
}

/* When all agents of the host have left the segment, its first one makes room for the next. */
static ddla_status leave_segment(agent_trainer *trainer) {
  ddla_transport *transport = trainer->transport;
  const uint64_t all = (uint64_t)ddla_transport_ranks(transport) * (uint64_t)trainer->round;
  close_segment(trainer);
  atomic_fetch_add(&trainer->board->left, 1);
  ddla_transport_word_wake(transport, &trainer->board->left);
  if (ddla_transport_rank(transport) > 0) return DDLA_OK;
  DDLA_TRY(ddla_transport_word_wait(transport, &trainer->board->left, all, -1));
  ddla_pages_clear(trainer->memory, trainer->memory_bytes);
  return DDLA_OK;
}

static ddla_status run_agent(agent_trainer *trainer) {
  const ddla_training *training = trainer->training;
  const cpu_set_t *first = ddla_seating_lane(training, recorded_agent(trainer), 0);
  if (first) ddla_binding_enter(first); /* before the state is made */
  DDLA_TRY(open_pens(trainer));
  DDLA_TRY(ddla_backend_limit(training->isa));
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(open_link(trainer));
  DDLA_TRY(check_identity(trainer));
  DDLA_TRY(take_memory(trainer));
  DDLA_TRY(ddla_swapping_open(&trainer->exchange, trainer->whole, trainer->transport,
                              trainer->share_link, trainer->wire));
  DDLA_TRY(open_tiered(trainer));
  int segment = ddla_segments_at(trainer->whole, trainer->whole->resume_step);
  DDLA_TRY(run_segment(trainer, segment));
  while (trainer->worker[0].bordered) {
    DDLA_TRY(leave_segment(trainer));
    DDLA_TRY(run_segment(trainer, ++segment));
  }
  return DDLA_OK;
}

static void write_result(ddla_train_result *out, const agent_trainer *trainer) {
  const ddla_run *run = &trainer->run;
  *out = (ddla_train_result){.steps = (int64_t)trainer->worker[0].last.step,
                             .stopped = run->interrupted,
                             .tested = run->tested,
                             .test_accuracy = run->test.accuracy,
                             .test_loss = run->test.loss,
                             .test_metric =
                                 run->tested ? trainer->training->task->measure(&run->test) : 0,
                             .seconds = (double)(run->train_end_ns - run->train_start_ns) * 1e-9};
  memcpy(out->model_sha256, run->model_sha256, sizeof out->model_sha256);
}

/* So that the other hosts end too, with these words. */
static void tell_hosts(const agent_trainer *trainer, ddla_status status) {
  ddla_failure failure = {0};
  if (!trainer->link) return;
  ddla_status_take(&failure, status);
  ddla_transport_fail(trainer->link, &failure);
  if (trainer->share_link) ddla_transport_fail(trainer->share_link, &failure);
}

ddla_status ddla_trainer_run(const ddla_training *training, ddla_transport *transport,
                             const ddla_trainer_options *options) {
  agent_trainer trainer = {
      .whole = training, .training = training, .transport = transport, .options = options};
  const bool bound = training->binding && training->binding->bound;
  cpu_set_t before; /* the thread may be a host program's */
  const bool restore = bound && sched_getaffinity(0, sizeof before, &before) == 0;
  ddla_status status = run_agent(&trainer);
  status = ddla_tiered_explain(trainer.tiered, status);
  if (restore) ddla_binding_enter(&before);
  ddla_watch_end_agent(options->watch, recorded_agent(&trainer),
                       status == DDLA_OK ? DDLA_WATCH_DONE : DDLA_WATCH_FAILED,
                       ddla_status_exit(status));
  if (status == DDLA_OK && options->result && agent_of(&trainer) == 0)
    write_result(options->result, &trainer);
  if (status != DDLA_OK) tell_hosts(&trainer, status);
  close_segment(&trainer);
  ddla_exchange_close(trainer.exchange);
  ddla_run_close(&trainer.run);
  ddla_tiered_close(trainer.tiered);
  ddla_wire_destroy(trainer.wire);
  ddla_transport_close(trainer.share_link);
  ddla_transport_close(trainer.link);
  ddla_free(trainer.worker);
  ddla_free(trainer.pens);
  return status;
}
