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

ddla_status ddla_worker_average(ddla_worker *worker, int64_t epoch) {
  const ddla_training *training = worker->training;
  const ddla_shared *shared = worker->shared;
  if (training->average != DDLA_AVERAGE_SWA || epoch < training->average_from) return DDLA_OK;
  uint64_t step = ddla_sync_committed(shared->sync_control);
  int64_t begin = 0, end = 0;
  const float *theta = ddla_state_array(shared->state, shared->theta, step, 0);
  float *average = ddla_state_array(shared->state, shared->average, step, 0);
  for (int part = 0; part < 2; part++) {
    if (part == 0) ddla_sync_piece(worker->sync, worker->worker, &begin, &end);
    else ddla_shared_tail(shared, worker->worker, worker->workers, &begin, &end);
    ddla_average_run(
        &(ddla_average){.count = end - begin,
                        .theta = theta + begin,
                        .average = average + begin,
                        .next = average + begin,
                        .weight = ddla_average_equal(epoch - training->average_from + 1)});
  }
  return ddla_sync_barrier(worker->sync, worker->worker);
}

ddla_model_values ddla_worker_measured(const ddla_worker *worker) {
  const ddla_shared *shared = worker->shared;
  uint64_t step = ddla_sync_committed(shared->sync_control);
  bool averaged = ddla_training_has_average(worker->training, step);
  return (ddla_model_values){
      ddla_state_array(shared->state, averaged ? shared->average : shared->theta, step, 0),
      ddla_shared_buffers(shared, step)};
}
