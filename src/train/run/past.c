#include "train/run/past.h"

#include "base/alloc.h"
#include "train/segments.h"

static ddla_status make(ddla_worker *worker) {
  ddla_run *run = worker->run;
  ddla_past *made = NULL;
  ddla_status status = DDLA_OK;
  if (run->past) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->first = worker->training->segment;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->sent_bytes, ddla_segments_count(worker->training)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->report, worker->places));
  run->past = made;
  return DDLA_OK;
cleanup:
  ddla_past_destroy(made);
  return status;
}

void ddla_past_destroy(ddla_past *past) {
  if (!past) return;
  ddla_free(past->sent_bytes);
  ddla_free(past->report);
  ddla_free(past);
}

static void add_report(ddla_worker_report *sum, const ddla_worker_report *report) {
  sum->compute_ns += report->compute_ns;
  sum->data_ns += report->data_ns;
  sum->waiting_ns += report->waiting_ns;
  ddla_data_waits_add(&sum->waits, &report->waits);
  sum->exchange_ns += report->exchange_ns;
  sum->samples += report->samples;
  sum->shards += report->shards;
  sum->sent_bytes += report->sent_bytes;
  sum->hosts_ns += report->hosts_ns;
  sum->exposed_ns += report->exposed_ns;
  sum->sample_bytes = report->sample_bytes; /* counted through all segments */
  if (report->peak_bytes > sum->peak_bytes) sum->peak_bytes = report->peak_bytes;
  sum->process = report->process;
  sum->tiers = report->tiers; /* of the run up to here */
}

static void add_epoch(ddla_epoch_sums *sum, const ddla_epoch_sums *epoch) {
  sum->loss += epoch->loss;
  sum->count += epoch->count;
  sum->correct += epoch->correct;
  sum->samples += epoch->samples;
}

/* The segment's share of all that is reported. */
static void add_reports(const ddla_worker *worker) {
  ddla_past *past = worker->run->past;
  for (int w = 0; w < worker->places; w++) {
    const ddla_worker_report *report = &worker->shared->report[w];
    past->sent_bytes[worker->training->segment] += report->sent_bytes;
    add_report(&past->report[w], report);
  }
}

ddla_status ddla_past_leave(ddla_worker *worker) {
  DDLA_TRY(make(worker));
  add_reports(worker);
  add_epoch(&worker->run->past->epoch, &worker->epoch);
  worker->run->past->epoch_non_finite += worker->epoch_non_finite;
  return DDLA_OK;
}

void ddla_past_join_epoch(ddla_worker *worker) {
  ddla_past *past = worker->run->past;
  if (!past) return;
  add_epoch(&worker->epoch, &past->epoch);
  worker->epoch_non_finite += past->epoch_non_finite;
  past->epoch = (ddla_epoch_sums){0};
  past->epoch_non_finite = 0;
}

int64_t ddla_past_sent_bytes(const ddla_run *run) {
  return run->past ? run->past->report[0].sent_bytes : 0;
}

ddla_status ddla_past_join(ddla_worker *worker) {
  DDLA_TRY(make(worker));
  add_reports(worker);
  for (int w = 0; w < worker->places; w++) worker->shared->report[w] = worker->run->past->report[w];
  return DDLA_OK;
}
