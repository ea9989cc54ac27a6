/* The report at the end of a run: report.json for programs, report.txt for people. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "backend/kernel.h"
#include "base/file.h"
#include "base/machine.h"
#include "task/metrics.h"
#include "train/run/holdings.h"
#include "train/run/past.h"
#include "train/run/run.h"
#include "train/run/tiered_report.h"
#include "train/run/waited.h"
#include "train/segments.h"

/* Everything that both forms tell, worked out once. */
typedef struct summary {
  double seconds, samples_per_second, first_step_seconds;
  double compute, exchange, waiting, data, other; /* shares of the workers' time */
  int64_t steps, samples;
  char machine[128];
  int processors;
} summary;

/* What went between hosts. */
typedef struct crossing {
  int64_t sent_bytes;           /* by all hosts: parameters, and what they agree on */
  int64_t sample_bytes;         /* by all hosts */
  double exchange_s, exposed_s; /* mean over hosts */
} crossing;

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

static void machine_text(char *text, size_t bytes) {
  struct utsname system;
  size_t used = strlen(ddla_machine_name(text, bytes));
  if (uname(&system) == 0)
    snprintf(text + used, bytes - used, ", %s %s", system.sysname, system.machine);
}

static summary summarise(const ddla_run *run, const ddla_worker *worker) {
  summary made = {0};
  double time = 0, compute = 0, exchange = 0, waiting = 0, data = 0;
  made.seconds = (double)(run->train_end_ns - run->train_start_ns) * 1e-9;
  for (int w = 0; w < worker->places; w++) {
    const ddla_worker_report *report = &worker->shared->report[w];
    time += (double)(run->train_end_ns - run->train_start_ns);
    compute += (double)report->compute_ns;
    exchange += (double)report->exchange_ns;
    waiting += (double)report->waiting_ns;
    data += (double)report->data_ns;
    made.samples += report->samples;
  }
  made.compute = ratio(compute, time);
  made.exchange = ratio(exchange, time);
  made.waiting = ratio(waiting, time);
  made.data = ratio(data, time);
  made.other = fmax(0, 1 - made.compute - made.exchange - made.waiting - made.data);
  made.steps = (int64_t)worker->last.step;
  made.samples_per_second = ratio((double)made.samples, made.seconds);
  made.first_step_seconds = (double)atomic_load(&run->training->board->first_step_ns) * 1e-9;
  made.processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
  machine_text(made.machine, sizeof made.machine);
  return made;
}

static crossing cross(const ddla_run *run, const ddla_worker *worker) {
  crossing made = {0};
  const double hosts = run->training->cluster.hosts;
  for (int w = 0; w < worker->places; w++) {
    const ddla_worker_report *report = &worker->shared->report[w];
    made.sent_bytes += report->sent_bytes;
    made.sample_bytes += report->sample_bytes;
    made.exchange_s += 1e-9 * (double)report->hosts_ns / hosts;
    made.exposed_s += 1e-9 * (double)report->exposed_ns / hosts;
  }
  return made;
}

static json_t *hosts_json(const ddla_run *run, const ddla_worker *worker) {
  const crossing sum = cross(run, worker);
  const ddla_training_start *start = worker->shared->start;
  return json_pack("{s:i, s:I, s:I, s:f, s:f, s:I, s:f}", "count", run->training->cluster.hosts,
                   "bytes_sent", (json_int_t)sum.sent_bytes, "sample_bytes_sent",
                   (json_int_t)sum.sample_bytes, "exchange_seconds", sum.exchange_s,
                   "exposed_seconds", sum.exposed_s, "range_bytes", (json_int_t)start->range_bytes,
                   "link_bytes_per_second", start->pace.bytes_per_s);
}

/* The segments that this run had steps of: [*first, *end). */
static void segments_seen(int *first, int *end, const ddla_run *run) {
  *first = run->past ? run->past->first : run->training->segment;
  *end = run->training->segment + 1;
}

static json_t *segments_json(const ddla_run *run) {
  json_t *list = json_array();
  int first = 0, end = 0;
  segments_seen(&first, &end, run);
  for (int i = first; i < end; i++) {
    const ddla_segment *segment = ddla_segments_get(run->training, i);
    json_t *made = json_pack("{s:I, s:s, s:s, s:I}", "from", (json_int_t)segment->from, "mode",
                             segment->strategy->mode, "method", segment->strategy->method,
                             "bytes_sent", (json_int_t)run->past->sent_bytes[i]);
    if (segment->strategy->replicated)
      json_object_set_new(made, "interval", json_integer(segment->job->sync.interval));
    if (segment->codec) json_object_set_new(made, "codec", json_string(segment->codec->name));
    json_array_append_new(list, made);
  }
  return list;
}

/* How agents kept one model, or models; of several segments, at the end. */
static json_t *sync_json(const ddla_run *run, const ddla_worker *worker) {
  const ddla_strategy *strategy = run->training->strategy;
  const ddla_shared *shared = worker->shared;
  json_t *made = json_pack("{s:s, s:s}", "mode", strategy->mode, "method", strategy->method);
  if ((strategy->replicated && !strategy->claims) || strategy->accumulates)
    json_object_set_new(made, "interval", json_integer(run->training->job->sync.interval));
  if (strategy->replicated)
    json_object_set_new(made, "replicas", json_integer(run->training->cluster.hosts));
  if (run->training->codec)
    json_object_set_new(made, "codec", json_string(run->training->codec->name));
  if (strategy->replicated && !strategy->claims)
    json_object_set_new(made, "heterogeneity", json_string(run->training->heterogeneity->name));
  for (int i = 0; i < strategy->number_count; i++) {
    const double *numbers = ddla_state_array(shared->state, shared->numbers, 0, 0);
    json_object_set_new(made, strategy->numbers[i], json_real(numbers[i]));
  }
  if (ddla_segments_count(run->training) > 1)
    json_object_set_new(made, "segments", segments_json(run));
  return made;
}

static json_t *agents_json(const ddla_run *run, const ddla_worker *worker) {
  json_t *agents = json_array();
  int lanes = run->training->lanes;
  for (int a = 0; a < run->training->agents; a++) {
    int64_t shards = 0, samples = 0, peak = 0, sent = 0, sample_bytes = 0;
    for (int lane = 0; lane < lanes; lane++) {
      const ddla_worker_report *report = &worker->shared->report[a * lanes + lane];
      shards += report->shards;
      samples += report->samples;
      sent += report->sent_bytes;
      sample_bytes += report->sample_bytes;
      if (report->peak_bytes > peak) peak = report->peak_bytes;
    }
    json_array_append_new(agents,
                          json_pack("{s:i, s:I, s:I, s:I, s:I, s:I}", "agent", a, "shards",
                                    (json_int_t)shards, "samples", (json_int_t)samples,
                                    "peak_bytes", (json_int_t)peak, "bytes_sent", (json_int_t)sent,
                                    "sample_bytes_sent", (json_int_t)sample_bytes));
  }
  return agents;
}

/* Which of the run's models was tested. */
static const char *measured_name(const ddla_run *run) {
  if (run->best_kept) return "best";
  if (run->averaged) return "average";
  return run->training->strategy->replicated ? "global" : "last";
}

static ddla_task_report report_of(const ddla_run *run, const ddla_evaluation *found) {
  return (ddla_task_report){.part = "test",
                            .model = measured_name(run),
                            .found = found,
                            .classes = run->training->graph.classes,
                            .names = run->training->class_names};
}

static json_t *evaluation_json(const ddla_run *run, const ddla_evaluation *found) {
  json_t *made = NULL;
  const ddla_task_report report = report_of(run, found);
  if (ddla_task_json(&made, run->training->task, &report) != DDLA_OK) return NULL;
  if (!run->training->task->add) json_object_set_new(made, "accuracy", json_real(found->accuracy));
  json_object_set_new(made, "of", json_string(measured_name(run)));
  return made;
}

static json_t *report_json(const ddla_run *run, const ddla_worker *worker, const summary *sum) {
  const ddla_training *training = run->training;
  char best[64];
  json_t *report = json_pack(
      "{s:i, s:s, s:b, s:{s:f, s:f, s:I, s:I, s:i, s:f, s:f, s:f, s:s},"
      " s:{s:s, s:I, s:s}, s:{s:f, s:f, s:f, s:f, s:f}, s:{s:i, s:i, s:i, s:s, s:b, s:s}, s:{s:s, "
      "s:s}, "
      "s:{s:s, "
      "s:i}}",
      "format", 1, "status", run->interrupted ? "interrupted" : "done", "resumed",
      run->start_step > 0, "train", "seconds", sum->seconds, "samples_per_second",
      sum->samples_per_second, "steps", (json_int_t)sum->steps, "samples", (json_int_t)sum->samples,
      "epochs", (int)training->epochs, "loss", run->train_loss, "accuracy", run->train_accuracy,
      "first_step_seconds", sum->first_step_seconds, "precision",
      ddla_precision_name(training->precision), "model", "sha256", run->model_sha256, "parameters",
      (json_int_t)ddla_graph_parameter_total(training->graph.graph), "kind",
      training->job->model.kind, "time", "compute", sum->compute, "exchange", sum->exchange,
      "waiting", sum->waiting, "data", sum->data, "other", sum->other, "parallel", "agents",
      training->agents, "lanes", training->lanes, "shards", training->shards, "isa",
      ddla_cpu_name(ddla_cpu()), "bound", training->binding && training->binding->bound, "binding",
      training->binding ? training->binding->words : "", "versions", "ddla", DDLA_VERSION,
      "kernels", ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}), "machine", "processor",
      sum->machine, "processors", sum->processors);
  if (!report) return NULL;
  if (training->fast)
    json_object_set_new(json_object_get(report, "train"), "reduction", json_string("fast"));
  if (training->task->add) json_object_del(json_object_get(report, "train"), "accuracy");
  json_object_set_new(json_object_get(report, "parallel"), "balance",
                      json_string(training->job->parallel.balance));
  json_object_set_new(report, "agents", agents_json(run, worker));
  json_object_set_new(report, "hosts", hosts_json(run, worker));
  json_object_set_new(report, "sync", sync_json(run, worker));
  json_object_set_new(report, "data", ddla_waited_json(worker, sum->seconds));
  json_t *share = ddla_tiered_json(worker);
  if (share) json_object_set_new(report, "share", share);
  if (training->parts) json_object_set_new(report, "partition", ddla_holdings_json(training));
  if (run->tested) json_object_set_new(report, "test", evaluation_json(run, &run->test));
  if (training->job->train.check_every > 0)
    json_object_set_new(report, "checks",
                        json_pack("{s:I, s:I, s:I}", "done", (json_int_t)run->checks, "bad",
                                  (json_int_t)run->bad_checks, "non_finite",
                                  (json_int_t)run->non_finite));
  if (run->averaged)
    json_object_set_new(report, "average",
                        json_pack("{s:s, s:s}", "kind", training->job->train.average, "sha256",
                                  run->average_sha256));
  if (worker->progress.best_epoch > 0) {
    snprintf(best, sizeof best, "validation_%s", training->task->metric);
    json_object_set_new(report, "best",
                        json_pack("{s:f, s:I}", best, worker->progress.best_metric, "epoch",
                                  (json_int_t)worker->progress.best_epoch));
  }
  return report;
}

static void write_head(FILE *file, const ddla_run *run, const ddla_worker *worker,
                       const summary *sum) {
  const ddla_training *training = run->training;
  fprintf(
      file, "%s%s on %d agent%s with %d lane%s: %" PRId64 " steps, %" PRId64 " parameters%s\n\n",
      training->job->model.kind, training->precision == DDLA_PRECISION_BF16 ? " at bf16" : "",
      training->agents, training->agents == 1 ? "" : "s", training->lanes,
      training->lanes == 1 ? "" : "s", sum->steps,
      ddla_graph_parameter_total(training->graph.graph), run->interrupted ? ", interrupted" : "");
  if (training->fast)
    fprintf(file, "sums of hosts    in the MPI library's order: another run may have other bits\n");
  if (ddla_training_varies(training))
    fprintf(file, "order of work    as agents come to it: another run may have other bits\n");
  if (run->tested) {
    const ddla_task_report report = report_of(run, &run->test);
    training->task->print(file, &report);
    fputc('\n', file);
  }
  if (worker->progress.best_epoch > 0)
    fprintf(file, "best validation  %.4f  in epoch %" PRId64 "\n", worker->progress.best_metric,
            worker->progress.best_epoch);
}

/* What replicas have sent, and what the method says of how far they agree. */
static void write_replicas(FILE *file, const ddla_run *run, const ddla_worker *worker) {
  const ddla_strategy *strategy = run->training->strategy;
  const ddla_shared *shared = worker->shared;
  if (!strategy->replicated) return;
  fprintf(file, "replicas         %d, %s", run->training->cluster.hosts, strategy->method);
  if (!strategy->claims)
    fprintf(file, " every %" PRId64 " steps", run->training->job->sync.interval);
  if (run->training->codec) fprintf(file, ", by codec %s", run->training->codec->name);
  if (run->training->heterogeneity != ddla_heterogeneity_at(0))
    fprintf(file, ", %s", run->training->heterogeneity->name);
  for (int i = 0; i < strategy->number_count; i++) {
    const double *numbers = ddla_state_array(shared->state, shared->numbers, 0, 0);
    char name[64];
    snprintf(name, sizeof name, "%s", strategy->numbers[i]);
    for (char *c = name; *c; c++) *c = *c == '_' ? ' ' : *c;
    fprintf(file, ", %s %.4g", name, numbers[i]);
  }
  fputc('\n', file);
}

/* Of a run with sync.schedule: what it did from which step on. */
static void write_segments(FILE *file, const ddla_run *run) {
  int first = 0, end = 0;
  segments_seen(&first, &end, run);
  for (int i = first; ddla_segments_count(run->training) > 1 && i < end; i++) {
    const ddla_segment *segment = ddla_segments_get(run->training, i);
    fprintf(file, "from step %-6" PRId64 " %s, %s", segment->from, segment->strategy->mode,
            segment->strategy->method);
    if (segment->strategy->replicated && !segment->strategy->claims)
      fprintf(file, " every %" PRId64 " steps", segment->job->sync.interval);
    if (segment->codec) fprintf(file, ", by codec %s", segment->codec->name);
    if (run->training->cluster.hosts > 1)
      fprintf(file, ", %.2f MiB sent by each host",
              (double)run->past->sent_bytes[i] / 1048576.0 / run->training->cluster.hosts);
    fputc('\n', file);
  }
}

/* What has left each host, where somebody minds: owned data. */
static void write_left(FILE *file, const ddla_run *run, const ddla_worker *worker) {
  const ddla_training *training = run->training;
  const ddla_cluster *cluster = &training->cluster;
  if (cluster->hosts == 1 || (!training->owned && !training->job->data.private)) return;
  for (int h = 0; h < cluster->hosts; h++) {
    const ddla_worker_report *report = &worker->shared->report[cluster->first[h] * training->lanes];
    fprintf(file,
            "left host %-6d %" PRId64 " bytes of parameters, %" PRId64 " bytes of samples%s\n", h,
            report->sent_bytes, report->sample_bytes,
            training->job->data.private ? " (data.private)" : "");
  }
}

static void write_time(FILE *file, const ddla_run *run, const ddla_worker *worker,
                       const summary *sum) {
  fprintf(file, "training time    %.2f s, %.0f %s/s, first step after %.3f s\n", sum->seconds,
          sum->samples_per_second * (double)run->training->graph.rows, run->training->task->unit,
          sum->first_step_seconds);
  fprintf(file,
          "where it went    compute %.1f %%, exchange %.1f %%, waiting %.1f %%, data %.1f %%, "
          "other %.1f %%\n",
          100 * sum->compute, 100 * sum->exchange, 100 * sum->waiting, 100 * sum->data,
          100 * sum->other);
  ddla_waited_print(file, worker, sum->seconds);
  const crossing sum_of_hosts = cross(run, worker);
  const int hosts = run->training->cluster.hosts;
  const double steps = fmax(1, (double)(sum->steps - run->start_step));
  if (hosts > 1)
    fprintf(file,
            "between hosts    %.2f MiB sent by each of %d a step; exchange %.2f ms a step, %.2f of "
            "it not hidden\n",
            (double)sum_of_hosts.sent_bytes / 1048576.0 / hosts / steps, hosts,
            1e3 * sum_of_hosts.exchange_s / steps, 1e3 * sum_of_hosts.exposed_s / steps);
  write_replicas(file, run, worker);
  write_segments(file, run);
  ddla_holdings_print(file, run->training);
  write_left(file, run, worker);
  ddla_tiered_print(file, worker);
  int lanes = run->training->lanes;
  for (int a = 0; a < run->training->agents; a++) {
    int64_t shards = 0;
    for (int lane = 0; lane < lanes; lane++)
      shards += worker->shared->report[a * lanes + lane].shards;
    fprintf(file, "agent %-2d         %" PRId64 " shards computed, peak memory %.1f MiB\n", a,
            shards, (double)worker->shared->report[a * lanes].peak_bytes / 1048576.0);
  }
  if (run->bad_checks > 0)
    fprintf(file, "not finite       %" PRId64 " numbers in %" PRId64 " of %" PRId64 " checks\n",
            run->non_finite, run->bad_checks, run->checks);
  if (run->training->binding)
    fprintf(file, "binding          %s%s\n", run->training->binding->bound ? "" : "none, ",
            run->training->binding->words);
  fprintf(file, "machine          %s, %d processors; ddla %s, %s\n", sum->machine, sum->processors,
          DDLA_VERSION, ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}));
  fprintf(file, "model            %s/model.safetensors\nsha256           %s\n", run->directory,
          run->model_sha256);
  if (run->averaged)
    fprintf(file, "average          %s/average.safetensors (%s)\nsha256           %s\n",
            run->directory, run->training->job->train.average, run->average_sha256);
}

static ddla_status write_text(const ddla_run *run, const ddla_worker *worker, const summary *sum) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for the report");
  write_head(file, run, worker, sum);
  write_time(file, run, worker, sum);
  ddla_status status =
      fclose(file) == 0 ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory for the report");
  if (status == DDLA_OK)
    status = ddla_file_write(ddla_run_path(path, run->directory, "report.txt"), text, bytes);
  free(text); /* made by open_memstream */
  return status;
}

ddla_status ddla_run_report(ddla_run *run, const ddla_worker *worker) {
  char path[DDLA_PATH_BYTES];
  summary sum = summarise(run, worker);
  json_t *report = report_json(run, worker, &sum);
  char *text = report ? json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(report);
  if (!text) return DDLA_FAIL(NO_MEMORY, "no memory for the report");
  if (run->show == DDLA_SHOW_BAR) fputs("\r\033[K", run->terminal);
  if (run->terminal) fflush(run->terminal);
  ddla_status status = write_text(run, worker, &sum);
  if (status == DDLA_OK) /* last: it tells that the run is finished */
    status =
        ddla_file_write(ddla_run_path(path, run->directory, "report.json"), text, strlen(text));
  free(text); /* made by jansson */
  return status;
}
