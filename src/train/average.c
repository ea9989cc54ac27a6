#include "train/average.h"

#include "optim/average.h"

bool ddla_training_has_average(const ddla_training *training, uint64_t step) {
  const int64_t epoch = training->batches_per_epoch;
  switch (training->average) {
  case DDLA_AVERAGE_NONE: return false;
  case DDLA_AVERAGE_EMA: return (int64_t)step > (training->average_from - 1) * epoch;
  case DDLA_AVERAGE_SWA: return (int64_t)step >= training->average_from * epoch;
  }
  return false;
}

/* average[begin, end) takes up so much of values[begin, end). */
static void take_up(float *average, const float *values, int64_t begin, int64_t end,
                    double weight) {
  ddla_average_run(&(ddla_average){.count = end - begin,
                                   .theta = values + begin,
                                   .average = average + begin,
                                   .next = average + begin,
                                   .weight = weight});
}

ddla_status ddla_worker_average(ddla_worker *worker, int64_t epoch) {
  const ddla_training *training = worker->training;
  const ddla_shared *shared = worker->shared;
  const ddla_state *state = shared->state;
  if (training->average != DDLA_AVERAGE_SWA || epoch < training->average_from) return DDLA_OK;
  const uint64_t step = ddla_sync_committed(shared->sync_control);
  const double weight = ddla_average_equal(epoch - training->average_from + 1);
  int64_t begin = 0, end = 0;
  for (int part = 0; part < 2; part++) {
    if (part == 0) ddla_sync_piece(worker->sync, worker->worker, &begin, &end);
    else ddla_shared_tail(shared, worker->worker, worker->workers, &begin, &end);
    take_up(ddla_state_array(state, shared->average, step, 0),
            ddla_state_array(state, shared->theta, step, 0), begin, end, weight);
  }
  if (shared->average_buffers >= 0 && worker->worker == 0)
    take_up(ddla_state_array(state, shared->average_buffers, step, 0),
            ddla_shared_buffers(shared, step), 0,
            ddla_state_row_at(state, shared->average_buffers)->count, weight);
  return ddla_sync_barrier(worker->sync, worker->worker);
}

ddla_model_values ddla_worker_measured(const ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  uint64_t step = ddla_sync_committed(shared->sync_control);
  float *buffers = ddla_shared_buffers(shared, step);
  if (!ddla_training_has_average(worker->training, step)) return ddla_shared_model(shared, step);
  if (buffers) buffers = ddla_state_array(shared->state, shared->average_buffers, step, 0);
  return (ddla_model_values){ddla_state_array(shared->state, shared->average, step, 0), buffers};
}
