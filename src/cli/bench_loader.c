/* ddla bench loader: how fast one core brings samples to a model, by the code that trains: their
 * order, augmentation and standardising; or, with --read, a data set into memory. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "train/feed/feed.h"

enum { ROUNDS_MAX = 1000, THREADS_MAX = 8 };

typedef struct loader_bench {
  const ddla_job *job;
  ddla_training *training;
  int64_t rounds, threads; /* threads: of reading */
  bool read;
  int64_t samples;            /* of a round */
  double *seconds, *busy;     /* [rounds]: passed, and of this thread */
  double per_second, at_work; /* medians: samples per second, and per second of this thread */
} loader_bench;

static double passed(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_monotonic()); }
static double worked(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_thread()); }

/* A whole epoch, batch by batch. */
static ddla_status feed_epoch(const loader_bench *bench, const ddla_feed *to, int64_t epoch) {
  const ddla_training *training = bench->training;
  for (int64_t b = 0; b < training->batches_per_epoch; b++) {
    const ddla_sync_work work = {.step = (uint64_t)(epoch * training->batches_per_epoch + b),
                                 .end = training->shards};
    const ddla_supply supply = ddla_supply_of(training, &work, 0);
    DDLA_TRY(ddla_feed_samples(to, training, &supply, ddla_supply_span(training, &work)));
  }
  return DDLA_OK;
}

static ddla_status read_once(loader_bench *bench) {
  ddla_data_source source = ddla_training_source(bench->job, bench->training->plugins,
                                                 bench->job->data.train, DDLA_DATA_TRAIN);
  ddla_dataset *set = NULL;
  source.threads = (int)bench->threads;
  DDLA_TRY(ddla_dataset_open(&set, &source));
  bench->samples = ddla_dataset_count(set);
  ddla_dataset_close(set);
  return DDLA_OK;
}

/* Round 0 is not timed: it touches all memory. */
static ddla_status run_rounds(loader_bench *bench, const ddla_feed *to) {
  for (int64_t round = 0; round <= bench->rounds; round++) {
    const double start = passed(), start_busy = worked();
    if (bench->read) DDLA_TRY(read_once(bench));
    else DDLA_TRY(feed_epoch(bench, to, round));
    if (round == 0) continue;
    bench->seconds[round - 1] = passed() - start;
    bench->busy[round - 1] = worked() - start_busy;
  }
  bench->per_second = (double)bench->samples / ddla_bench_median(bench->seconds, bench->rounds);
  bench->at_work = (double)bench->samples / ddla_bench_median(bench->busy, bench->rounds);
  return DDLA_OK;
}

/* Numbers of the label of a sample: a class, targets, or a token for each place of a text. */
static int64_t label_numbers(const ddla_dataset *set) {
  if (ddla_dataset_type(set) == DDLA_DATA_TOKENS) return ddla_dataset_shape(set).height;
  return ddla_dataset_targets(set) > 0 ? ddla_dataset_targets(set) : 1;
}

static ddla_status run(loader_bench *bench) {
  const ddla_dataset *set = bench->training->train;
  const ddla_data_shape shape = ddla_dataset_shape(set);
  const int64_t batch = bench->training->batch;
  float *input = NULL;
  int32_t *label = NULL;
  int64_t *numbers = NULL;
  ddla_status status = DDLA_OK;
  bench->samples = ddla_dataset_count(set);
  DDLA_TRY_CLEAN(status, DDLA_NEW(bench->seconds, bench->rounds));
  DDLA_TRY_CLEAN(status, DDLA_NEW(bench->busy, bench->rounds));
  DDLA_TRY_CLEAN(status, DDLA_NEW(input, batch * shape.height * shape.width * shape.channels));
  DDLA_TRY_CLEAN(status, DDLA_NEW(label, batch * label_numbers(set)));
  DDLA_TRY_CLEAN(status, DDLA_NEW(numbers, 2 * batch));
  const bool keyed = bench->training->graph.key != DDLA_NO_VALUE;
  const ddla_feed to = {.input = input,
                        .label = label,
                        .input_bytes =
                            (size_t)(shape.height * shape.width * shape.channels) * sizeof *input,
                        .label_bytes = (size_t)label_numbers(set) * sizeof *label,
                        .key = keyed ? numbers + batch : NULL,
                        .indices = numbers};
  status = run_rounds(bench, &to);
cleanup:
  ddla_free(input);
  ddla_free(label);
  ddla_free(numbers);
  return status;
}

static ddla_status print(const loader_bench *bench, bool json) {
  const ddla_data_shape shape = ddla_dataset_shape(bench->training->train);
  const char *what = bench->read ? "read" : "feed";
  if (json)
    return ddla_json_print(json_pack(
        "{s:s, s:s, s:s, s:I, s:[I,I,I], s:I, s:I, s:f, s:f}", "bench", "loader", "what", what,
        "data", bench->job->data.train, "samples", (json_int_t)bench->samples, "shape",
        (json_int_t)shape.height, (json_int_t)shape.width, (json_int_t)shape.channels, "batch",
        (json_int_t)bench->training->batch, "rounds", (json_int_t)bench->rounds,
        "samples_per_second", bench->per_second, "samples_per_processor_second", bench->at_work));
  printf("%s, %" PRId64 " samples of %" PRId64 " x %" PRId64 " x %" PRId64 ", medians of %" PRId64
         " rounds\n",
         bench->job->data.train, bench->samples, shape.height, shape.width, shape.channels,
         bench->rounds);
  if (bench->read)
    printf("reading          %.0f samples/s with %" PRId64 " thread%s\n", bench->per_second,
           bench->threads, bench->threads == 1 ? "" : "s");
  else
    printf("feeding          %.0f samples/s on one core, %.0f per second of processor time\n",
           bench->per_second, bench->at_work);
  return DDLA_OK;
}

ddla_status ddla_bench_loader(int argc, char **argv) {
  ddla_words words = {0};
  const char *rounds = NULL, *threads = NULL;
  bool json = false;
  loader_bench bench = {0};
  ddla_job *job = NULL;
  const ddla_words_option known[] = {{"--rounds", NULL, &rounds, NULL},
                                     {"--threads", NULL, &threads, NULL},
                                     {"--read", NULL, NULL, &bench.read},
                                     {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 1)
    return DDLA_FAIL(INVALID, "ddla bench loader takes one job file, not %d", words.other_count);
  DDLA_TRY(ddla_bench_number(&bench.rounds, "--rounds", rounds, 11, ROUNDS_MAX));
  DDLA_TRY(ddla_bench_number(&bench.threads, "--threads", threads, 1, THREADS_MAX));
  DDLA_TRY(ddla_words_job(&job, &words, words.other_count ? words.other[0] : NULL));
  bench.job = job;
  ddla_status status = DDLA_OK;
  const int64_t start_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  DDLA_TRY_CLEAN(status, ddla_training_prepare(&bench.training, job, NULL, NULL, start_ns));
  DDLA_TRY_CLEAN(status, run(&bench));
  status = print(&bench, json);
cleanup:
  ddla_free(bench.seconds);
  ddla_free(bench.busy);
  ddla_training_destroy(bench.training);
  ddla_job_destroy(job);
  return status;
}
