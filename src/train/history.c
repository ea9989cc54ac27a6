#include "train/history.h"

#include "base/alloc.h"
#include "train/segments.h"

static ddla_status make(ddla_worker *worker) {
  ddla_run *run = worker->run;
  ddla_history *made = NULL;
  ddla_status status = DDLA_OK;
  if (run->history) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, 1));
  made->first = worker->training->segment;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->sent_bytes, ddla_segments_count(worker->training)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made->report, worker->places));
  run->history = made;
  return DDLA_OK;
cleanup:
  ddla_history_destroy(made);
  return status;
}

void ddla_history_destroy(ddla_history *history) {
  if (!history) return;
  ddla_free(history->sent_bytes);
  ddla_free(history->report);
  ddla_free(history);
}

static void add_report(ddla_worker_report *sum, const ddla_worker_report *report) {
  sum->compute_ns += report->compute_ns;
  sum->data_ns += report->data_ns;
  sum->waiting_ns += report->waiting_ns;
  sum->exchange_ns += report->exchange_ns;
  sum->samples += report->samples;
  sum->shards += report->shards;
  sum->sent_bytes += report->sent_bytes;
  sum->hosts_ns += report->hosts_ns;
  sum->exposed_ns += report->exposed_ns;
  if (report->peak_bytes > sum->peak_bytes) sum->peak_bytes = report->peak_bytes;
  sum->process = report->process;
}

static void add_epoch(ddla_epoch_sums *sum, const ddla_epoch_sums *epoch) {
  sum->loss += epoch->loss;
  sum->count += epoch->count;
  sum->correct += epoch->correct;
  sum->samples += epoch->samples;
}

/* The segment's share of all that is reported. */
static void add_reports(const ddla_worker *worker) {
  ddla_history *history = worker->run->history;
  for (int w = 0; w < worker->places; w++) {
    const ddla_worker_report *report = &worker->shared->report[w];
    history->sent_bytes[worker->training->segment] += report->sent_bytes;
    add_report(&history->report[w], report);
  }
}

ddla_status ddla_history_leave(ddla_worker *worker) {
  DDLA_TRY(make(worker));
  add_reports(worker);
  add_epoch(&worker->run->history->epoch, &worker->epoch);
  worker->run->history->epoch_non_finite += worker->epoch_non_finite;
  return DDLA_OK;
}

void ddla_history_join_epoch(ddla_worker *worker) {
  ddla_history *history = worker->run->history;
  if (!history) return;
  add_epoch(&worker->epoch, &history->epoch);
  worker->epoch_non_finite += history->epoch_non_finite;
  history->epoch = (ddla_epoch_sums){0};
  history->epoch_non_finite = 0;
}

ddla_status ddla_history_join(ddla_worker *worker) {
  DDLA_TRY(make(worker));
  add_reports(worker);
  for (int w = 0; w < worker->places; w++)
    worker->shared->report[w] = worker->run->history->report[w];
  return DDLA_OK;
}
