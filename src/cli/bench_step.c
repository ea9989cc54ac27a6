/* ddla bench step: the loop of `ddla train` without files, evaluation and checkpoints. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/launch.h"
#include "backend/kernel.h"
#include "backend/peak.h"
#include "base/alloc.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "data/batch.h"
#include "train/run/recording.h"
#include "train/trainer.h"

enum { WARM_STEPS = 5, STEPS_MAX = 100000, PROFILE_MAX = 512, PEAK_BURSTS = 60 };

/* An op of the plan in one direction, summed over the timed steps of the first worker. */
typedef struct profile_row {
  char text[96];
  int64_t ns;
} profile_row;

/* One worker's share. */
typedef struct worker_times {
  int64_t compute_ns, data_ns, waiting_ns, exchange_ns;
  double peak_gflops;
} worker_times;

/* Shared by the agents; the first worker writes what is not per worker. */
typedef struct step_times {
  int64_t steps, profile_count;
  double plan_flops; /* of one shard, or of one micro-batch */
  int64_t plan_batch;
  profile_row profile[PROFILE_MAX];
  double *seconds;       /* [steps] */
  double *busy_seconds;  /* [steps] in the first worker's thread, without what others took */
  worker_times *workers; /* [workers] */
} step_times;

typedef struct step_call {
  ddla_training *training;
  ddla_trainer_options options;
  step_times *times;
  size_t times_bytes;
} step_call;

/* What is printed. */
typedef struct step_result {
  double median, least, most; /* seconds */
  double busy;                /* median, seconds in the first worker's thread */
  double samples_per_second, gflops, peak_gflops;
  double compute, exchange, waiting, data; /* shares of the workers' time */
} step_result;

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

/* All workers at once, so that the peak is that of busy processors. */
static double measure_peak(void) {
  double best = 0;
  for (int i = 0; i < PEAK_BURSTS; i++) {
    double found = ddla_peak_burst();
    if (found > best) best = found;
  }
  return best;
}

static worker_times times_of(const ddla_worker *worker) {
  ddla_sync_time time = ddla_sync_time_of(worker->sync, worker->worker);
  return (worker_times){.compute_ns = worker->compute_ns,
                        .data_ns = worker->data_ns,
                        .waiting_ns = time.waiting_ns,
                        .exchange_ns = time.exchange_ns};
}

static ddla_status start_profile(step_times *times, ddla_worker *worker) {
  ddla_plan *plan = NULL;
  int64_t samples = ddla_dataset_count(worker->training->train);
  int64_t batch = worker->training->batch < samples ? worker->training->batch : samples;
  int64_t shard = ddla_batch_shard_bound(batch, worker->training->shards);
  times->plan_batch = shard < worker->training->micro_batch ? shard : worker->training->micro_batch;
  DDLA_TRY(ddla_lane_plan_for(&plan, &worker->compute, times->plan_batch, true));
  times->plan_flops = ddla_plan_flops(plan);
  DDLA_TRY(DDLA_NEW(worker->profile_ns, ddla_plan_step_count(plan)));
  worker->profiled = plan;
  return DDLA_OK;
}

static void end_profile(step_times *times, ddla_worker *worker) {
  int count = ddla_plan_step_count(worker->profiled);
  for (int i = 0; i < count && times->profile_count < PROFILE_MAX; i++) {
    profile_row *row = &times->profile[times->profile_count];
    if (worker->profile_ns[i] == 0) continue;
    ddla_plan_step_text(worker->profiled, i, row->text, sizeof row->text);
    row->ns = worker->profile_ns[i];
    times->profile_count++;
  }
  ddla_free(worker->profile_ns);
  worker->profiled = NULL;
  worker->profile_ns = NULL;
}

static ddla_status time_steps(step_times *times, ddla_worker *worker) {
  for (int64_t i = 0; i < times->steps; i++) {
    const int64_t start_ns = now_ns();
    const double start_us = ddla_peak_time_us();
    DDLA_TRY(ddla_worker_step(worker));
    if (worker->worker != 0) continue;
    times->seconds[i] = (double)(now_ns() - start_ns) * 1e-9;
    times->busy_seconds[i] = (ddla_peak_time_us() - start_us) * 1e-6;
  }
  return DDLA_OK;
}

static ddla_status work(ddla_worker *worker, void *argument) {
  step_times *times = argument;
  worker_times *mine = &times->workers[worker->worker];
  bool first = worker->worker == 0;
  double peak = measure_peak();
  for (int i = 0; i < WARM_STEPS; i++) DDLA_TRY(ddla_worker_step(worker));
  if (first) DDLA_TRY(start_profile(times, worker));
  worker_times before = times_of(worker);
  ddla_status status = time_steps(times, worker);
  worker_times after = times_of(worker);
  if (first) end_profile(times, worker);
  *mine = (worker_times){.compute_ns = after.compute_ns - before.compute_ns,
                         .data_ns = after.data_ns - before.data_ns,
                         .waiting_ns = after.waiting_ns - before.waiting_ns,
                         .exchange_ns = after.exchange_ns - before.exchange_ns,
                         .peak_gflops = peak};
  return status;
}

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const step_call *call = argument;
  return ddla_trainer_run(call->training, transport, &call->options);
}

/* One block for all agents: the struct, then its arrays. */
static ddla_status make_times(step_call *call, int64_t steps) {
  int workers = call->training->agents * call->training->lanes;
  size_t seconds_bytes = (size_t)steps * sizeof(double);
  call->times_bytes =
      sizeof(step_times) + 2 * seconds_bytes + (size_t)workers * sizeof(worker_times);
  void *block =
      mmap(NULL, call->times_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no memory for the times of the steps");
  call->times = block;
  call->times->steps = steps;
  call->times->seconds = (double *)(call->times + 1);
  call->times->busy_seconds = call->times->seconds + steps;
  call->times->workers = (worker_times *)(call->times->busy_seconds + steps);
  return DDLA_OK;
}

static step_result sum_up(const step_call *call) {
  const ddla_training *training = call->training;
  const step_times *times = call->times;
  step_result made = {0};
  int64_t samples = ddla_dataset_count(training->train);
  if (samples > training->batch) samples = training->batch;
  double all_ns = 0;
  for (int64_t i = 0; i < times->steps; i++) all_ns += 1e9 * times->seconds[i];
  made.median = ddla_bench_median(times->seconds, times->steps); /* sorts */
  made.busy = ddla_bench_median(times->busy_seconds, times->steps);
  made.least = times->seconds[0];
  made.most = times->seconds[times->steps - 1];
  made.samples_per_second = (double)samples / made.median;
  made.gflops = 1e-9 * made.samples_per_second * times->plan_flops / (double)times->plan_batch;
  int workers = training->agents * training->lanes;
  for (int w = 0; w < workers; w++) {
    const worker_times *worker = &times->workers[w];
    double share = 1 / (all_ns * workers);
    made.peak_gflops += worker->peak_gflops;
    made.compute += (double)worker->compute_ns * share;
    made.exchange += (double)worker->exchange_ns * share;
    made.waiting += (double)worker->waiting_ns * share;
    made.data += (double)worker->data_ns * share;
  }
  return made;
}

static json_t *profile_json(const step_times *times) {
  json_t *rows = json_array();
  for (int64_t i = 0; i < times->profile_count; i++)
    json_array_append_new(rows,
                          json_pack("{s:s, s:f}", "op", times->profile[i].text, "us_per_step",
                                    1e-3 * (double)times->profile[i].ns / (double)times->steps));
  return rows;
}

static json_t *result_json(const step_call *call, const step_result *result, bool profile) {
  const ddla_training *training = call->training;
  json_t *made = json_pack(
      "{s:s, s:s, s:I, s:i, s:i, s:i, s:I, s:I, s:{s:f, s:f, s:f}, s:f, s:f, s:f, s:f,"
      " s:{s:f, s:f, s:f, s:f}, s:s, s:s, s:s}",
      "bench", "step", "model", training->job->model.kind, "parameters",
      (json_int_t)ddla_graph_parameter_total(training->graph.graph), "agents", training->agents,
      "lanes", training->lanes, "shards", training->shards, "batch", (json_int_t)training->batch,
      "steps", (json_int_t)call->times->steps, "seconds", "median", result->median, "least",
      result->least, "most", result->most, "processor_seconds", result->busy, "samples_per_second",
      result->samples_per_second, "gflops", result->gflops, "peak_gflops", result->peak_gflops,
      "time", "compute", result->compute, "exchange", result->exchange, "waiting", result->waiting,
      "data", result->data, "library", ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}),
      "binding", training->binding->words, "loader", training->ahead.words);
  if (made && profile) json_object_set_new(made, "profile", profile_json(call->times));
  return made;
}

static void print_profile(const step_times *times) {
  double all = 0;
  for (int64_t i = 0; i < times->profile_count; i++) all += (double)times->profile[i].ns;
  printf("\nops of the first lane, in their order\n%10s %7s  op\n", "us/step", "share");
  for (int64_t i = 0; i < times->profile_count; i++)
    printf("%10.1f %6.1f%%  %s\n", 1e-3 * (double)times->profile[i].ns / (double)times->steps,
           100 * (double)times->profile[i].ns / all, times->profile[i].text);
}

static void print_result(const step_call *call, const step_result *result, bool profile) {
  const ddla_training *training = call->training;
  printf("%s, %" PRId64 " parameters, batch %" PRId64 " in %d shards; %d agent%s with %d lane%s\n",
         training->job->model.kind, ddla_graph_parameter_total(training->graph.graph),
         training->batch, training->shards, training->agents, training->agents == 1 ? "" : "s",
         training->lanes, training->lanes == 1 ? "" : "s");
  printf("step             %.3f ms median of %" PRId64 " (%.3f to %.3f), %.3f of them computing\n",
         1e3 * result->median, call->times->steps, 1e3 * result->least, 1e3 * result->most,
         1e3 * result->busy);
  printf(
      "speed            %.0f samples/s, %.1f GFLOP/s, %.0f %% of the multiply-add peak of %.0f\n",
      result->samples_per_second, result->gflops, 100 * result->gflops / result->peak_gflops,
      result->peak_gflops);
  printf("where it went    compute %.1f %%, exchange %.1f %%, waiting %.1f %%, data %.1f %%\n",
         100 * result->compute, 100 * result->exchange, 100 * result->waiting, 100 * result->data);
  printf("binding          %s%s\n", training->binding->bound ? "" : "none, ",
         training->binding->words);
  printf("loader           %s\n", training->ahead.words);
  if (profile) print_profile(call->times);
}

static ddla_status run(step_call *call, int64_t steps, bool json, bool profile) {
  ddla_training_memory memory = {0};
  DDLA_TRY(ddla_training_estimate(&memory, call->training));
  DDLA_TRY(make_times(call, steps));
  call->options = (ddla_trainer_options){.work = work, .work_argument = call->times};
  ddla_failure no_files = {0}; /* nothing is written, so nothing fails */
  DDLA_TRY(ddla_recording_create(&call->options.watch, &no_files, call->training, NULL, -1));
  const ddla_launch_options launch = {
      .agents = call->training->agents,
      .shared_bytes = memory.region_bytes,
      .watch = call->options.watch,
      .threads = strcmp(call->training->job->parallel.agents_as, "threads") == 0};
  ddla_status status = ddla_launch(&launch, agent_main, call);
  if (status == DDLA_OK) {
    step_result result = sum_up(call);
    if (json) status = ddla_json_print(result_json(call, &result, profile));
    else print_result(call, &result, profile);
  }
  munmap(call->times, call->times_bytes);
  ddla_watch_destroy(call->options.watch);
  return status;
}

/* KEY=VALUE where value is given. */
static ddla_status set(ddla_job *job, const char *key, const char *value) {
  char assignment[512];
  if (!value) return DDLA_OK;
  snprintf(assignment, sizeof assignment, "%s=%s", key, value);
  return ddla_job_set(job, assignment);
}

ddla_status ddla_bench_step(int argc, char **argv) {
  ddla_words words = {0};
  const char *agents = NULL, *lanes = NULL, *batch = NULL, *steps = NULL;
  bool json = false, profile = false;
  const ddla_words_option known[] = {
      {"--agents", "-n", &agents, NULL},   {"--lanes", NULL, &lanes, NULL},
      {"--batch", NULL, &batch, NULL},     {"--steps", NULL, &steps, NULL},
      {"--profile", NULL, NULL, &profile}, {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 1)
    return DDLA_FAIL(INVALID, "ddla bench step takes one job file, not %d", words.other_count);
  int64_t count = 0;
  DDLA_TRY(ddla_bench_number(&count, "--steps", steps, 50, STEPS_MAX));
  char total[32];
  snprintf(total, sizeof total, "%" PRId64, count + WARM_STEPS);
  ddla_job *job = NULL;
  step_call call = {0};
  ddla_status status = DDLA_OK;
  const char *path = words.other_count ? words.other[0] : NULL;
  DDLA_TRY(ddla_words_job(&job, &words, path));
  if (!path && !ddla_job_is_given(job, "data.train"))
    DDLA_TRY_CLEAN(status, set(job, "data.train", "synthetic:28x28x1:10:12800"));
  DDLA_TRY_CLEAN(status, set(job, "parallel.agents", agents));
  DDLA_TRY_CLEAN(status, set(job, "parallel.lanes", lanes));
  DDLA_TRY_CLEAN(status, set(job, "train.batch", batch));
  DDLA_TRY_CLEAN(status, set(job, "train.steps", total));
  DDLA_TRY_CLEAN(status, ddla_training_prepare(&call.training, job, NULL, NULL, now_ns()));
  if (call.training->cluster.hosts > 1)
    DDLA_TRY_CLEAN(status,
                   ddla_job_refuse(job, "parallel.hosts",
                                   "is %d, and ddla bench step measures one host; ddla bench "
                                   "exchange measures between hosts",
                                   call.training->cluster.hosts));
  DDLA_TRY_CLEAN(status, run(&call, count, json, profile));
cleanup:
  ddla_training_destroy(call.training);
  ddla_job_destroy(job);
  return status;
}
