/* Evaluation: fixed batches of the set, dealt out to all workers; counts are integers and losses
 * are summed in a fixed order, so the result does not depend on who computed what. Shares follow
 * what a batch took each worker in the evaluations before. Of a set whose samples lie on hosts of
 * their own (data/united.h) each host's workers compute what lies there. */
#include <string.h>

#include "data/batch.h"
#include "data/united.h"
#include "sync/sum/balance.h"
#include "task/metrics.h"
#include "train/worker.h"

enum { SHARE_MAX = 2 }; /* times an even share: what shared memory has room for */

/* Batches [first, end), and the workers of all hosts that compute them. */
typedef struct batch_piece {
  int64_t first, end;
  int place, workers; /* the first one's place among all */
} batch_piece;

static int piece_count(const ddla_dataset *set) {
  const int pieces = ddla_dataset_pieces(set);
  return pieces > 0 ? pieces : 1;
}

static batch_piece piece_at(const ddla_training *training, const ddla_dataset *set, int index) {
  const ddla_cluster *cluster = &training->cluster;
  const int lanes = training->lanes;
  if (ddla_dataset_pieces(set) == 0)
    return (batch_piece){.end = ddla_forward_batches(&training->graph, set),
                         .workers = training->agents * lanes};
  batch_piece made = {.place = cluster->first[index] * lanes,
                      .workers = (cluster->first[index + 1] - cluster->first[index]) * lanes};
  ddla_forward_piece(&made.first, &made.end, &training->graph, set, index);
  return made;
}

static int64_t room_of(const batch_piece *piece) {
  const int64_t batches = piece->end - piece->first;
  const int64_t room = SHARE_MAX * ((batches + piece->workers - 1) / piece->workers);
  return room < batches ? room : batches;
}

/* Records of each worker: pieces differ in size, but what hosts share has as many items for each
 * (ddla_sync_share). */
static int64_t room_of_each(const ddla_training *training, const ddla_dataset *set) {
  int64_t most = 0;
  for (int i = 0; i < piece_count(set); i++) {
    const batch_piece piece = piece_at(training, set, i);
    const int64_t room = room_of(&piece);
    if (room > most) most = room;
  }
  return most;
}

int64_t ddla_evaluation_records(const ddla_training *training, const ddla_dataset *set) {
  return set ? room_of_each(training, set) * training->agents * training->lanes : 0;
}

/* Worker w of a piece has batches [cut[w], cut[w + 1]). */
static void cut_piece(int64_t *cut, const batch_piece *piece, const int64_t *pace_ns) {
  ddla_balance_pieces(cut, piece->end - piece->first, pace_ns + piece->place, piece->workers);
  ddla_balance_limit(cut, room_of(piece), piece->workers);
  for (int w = 0; w <= piece->workers; w++) cut[w] += piece->first;
}

/* What is known of a worker's pace after `batches` more. Who got none is forgiven little by little:
 * it may have been late but once. */
static int64_t learnt_ns(int64_t before_ns, int64_t took_ns, int64_t batches) {
  if (batches == 0) return before_ns - before_ns / 4;
  const int64_t each_ns = took_ns / batches + 1;
  return before_ns > 0 ? (before_ns + each_ns + 1) / 2 : each_ns;
}

/* Computes the batches of this worker's share, and notes what one took. */
static ddla_status evaluate_share(ddla_worker *worker, const ddla_dataset *set,
                                  ddla_model_values values, int64_t each) {
  const ddla_training *training = worker->training;
  ddla_shared *shared = worker->shared;
  int64_t *counts = shared->metrics + worker->place * shared->metric_count;
  const ddla_forward forward = {.lane = &worker->compute,
                                .graph = &training->graph,
                                .values = values,
                                .version = (uint64_t)1 << 62 | (uint64_t)worker->evaluation_version,
                                .mean = training->mean,
                                .deviation = training->deviation,
                                .indices = worker->indices,
                                .tiered = worker->tiered,
                                .pen = &worker->pen,
                                .worker = worker->worker};
  memset(counts, 0, (size_t)shared->metric_count * sizeof *counts);
  const batch_piece piece =
      piece_at(training, set, ddla_dataset_pieces(set) > 0 ? worker->replica : 0);
  const int64_t *share = worker->cut + (worker->place - piece.place);
  cut_piece(worker->cut, &piece, worker->pace_ns);
  double *record = shared->losses + worker->place * each * ddla_forward_columns(training->task);
  const int64_t start_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  for (int64_t batch = share[0]; batch < share[1]; batch++) {
    ddla_watch_mark(&worker->pen, DDLA_PHASE_EVALUATE, (uint64_t)batch);
    DDLA_TRY(ddla_forward_evaluate(counts, record, &forward, set, batch));
    record += ddla_forward_columns(training->task);
  }
  shared->paces[worker->place] =
      learnt_ns(worker->pace_ns[worker->place],
                ddla_clock_now_ns(ddla_clock_monotonic()) - start_ns, share[1] - share[0]);
  return DDLA_OK;
}

/* The records in the order of batches. */
static const double *order_records(ddla_worker *worker, const ddla_dataset *set, int64_t each) {
  const int64_t columns = ddla_forward_columns(worker->training->task);
  for (int i = 0; i < piece_count(set); i++) {
    const batch_piece piece = piece_at(worker->training, set, i);
    cut_piece(worker->cut, &piece, worker->pace_ns);
    for (int w = 0; w < piece.workers; w++)
      memcpy(worker->records + worker->cut[w] * columns,
             worker->shared->losses + (piece.place + w) * each * columns,
             (size_t)((worker->cut[w + 1] - worker->cut[w]) * columns) * sizeof(double));
  }
  return worker->records;
}

ddla_status ddla_worker_evaluate(ddla_evaluation *out, ddla_worker *worker, const ddla_dataset *set,
                                 ddla_model_values values) {
  ddla_shared *shared = worker->shared;
  const ddla_training *training = worker->training;
  const ddla_task_graph *graph = &training->graph;
  const int64_t classes = graph->classes, columns = ddla_forward_columns(graph->task);
  const int64_t each = room_of_each(training, set);
  worker->evaluation_version++;
  DDLA_TRY(evaluate_share(worker, set, values, each));
  const ddla_sync_part parts[] = {
      {shared->metrics, (size_t)shared->metric_count * sizeof *shared->metrics, worker->places},
      {shared->losses, (size_t)(each * columns) * sizeof *shared->losses, worker->places},
      {shared->paces, sizeof *shared->paces, worker->places}};
  DDLA_TRY(ddla_sync_share(worker->sync, worker->worker, parts, 3));
  memset(worker->counts, 0, (size_t)shared->metric_count * sizeof *worker->counts);
  for (int w = 0; w < worker->places; w++)
    ddla_metrics_merge(worker->counts, shared->metrics + w * shared->metric_count, classes);
  ddla_forward_conclude(out, graph, set, order_records(worker, set, each), worker->counts);
  memcpy(worker->pace_ns, shared->paces, (size_t)worker->places * sizeof *worker->pace_ns);
  return ddla_sync_barrier(worker->sync, worker->worker); /* the arrays may be written again */
}
