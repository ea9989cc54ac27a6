/* ddla bench codec: what codecs of updates cost on one core, beside memcpy of the same array. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "codec/codec.h"

enum { ROUNDS_MAX = 1000, ROWS_MAX = 32 };

/* What is timed of a codec, in the order of a round. */
typedef enum measure {
  MEASURE_COPY,
  MEASURE_ENCODE,   /* nothing is kept */
  MEASURE_FEEDBACK, /* with a residual */
  MEASURE_DECODE,   /* read, which looks at all of it, and decode */
  MEASURE_ADD,      /* read and add */
  MEASURES
} measure;

static const char *const measure_names[MEASURES] = {"memcpy", "encode", "feedback", "decode",
                                                    "add"};

typedef struct codec_row {
  const ddla_codec *codec;
  size_t bytes;             /* of a message */
  double seconds[MEASURES]; /* medians over rounds */
  double of_copy[MEASURES]; /* memcpy's time over this, in the same round: medians */
} codec_row;

/* One array and what is made of it. */
typedef struct codec_bench {
  int64_t count, rounds;
  ddla_codec_options options;
  float *values, *residual, *decoded;
  uint8_t *message;
  void *scratch;
  double *seconds; /* [MEASURES][rounds] */
} codec_bench;

/* Processor time, so that other programs matter less. */
static double now(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_thread()); }

/* Normal numbers, another deviation in every 4096, as the layers of a gradient have. */
static void fill(float *values, int64_t count) {
  enum { LAYER = 4096, DEVIATIONS = 7 };
  ddla_rng rng = ddla_rng_make(ddla_rng_key(1, DDLA_PURPOSE_TEST, 0, 0));
  for (int64_t i = 0; i < count; i++)
    values[i] = ddla_rng_normal(&rng) * (1 + (float)(i / LAYER % DEVIATIONS)) / DEVIATIONS;
}

static ddla_status encode(codec_row *row, const codec_bench *bench, float *residual) {
  const ddla_codec_source source = {.values = bench->values,
                                    .count = bench->count,
                                    .options = &bench->options,
                                    .residual = residual,
                                    .scratch = bench->scratch};
  return ddla_codec_encode(&row->bytes, bench->message, row->codec, &source);
}

static ddla_status add(const codec_row *row, const codec_bench *bench) {
  ddla_codec_message message = {0};
  DDLA_TRY(ddla_codec_read(&message, bench->message, row->bytes));
  ddla_codec_add(bench->decoded, &message, 0.5F);
  return DDLA_OK;
}

static ddla_status run_one(codec_row *row, const codec_bench *bench, measure what) {
  switch (what) {
  case MEASURE_COPY:
    memcpy(bench->decoded, bench->values, (size_t)bench->count * sizeof *bench->values);
    return DDLA_OK;
  case MEASURE_ENCODE: return encode(row, bench, NULL);
  case MEASURE_FEEDBACK: return encode(row, bench, row->codec->lossless ? NULL : bench->residual);
  case MEASURE_DECODE:
    return ddla_codec_decode_bytes(bench->decoded, bench->count, bench->message, row->bytes);
  default: return add(row, bench);
  }
}

/* Round 0 is not timed: it touches all memory. */
static ddla_status run_row(codec_row *row, codec_bench *bench) {
  memset(bench->residual, 0, (size_t)bench->count * sizeof *bench->residual);
  for (int64_t round = 0; round <= bench->rounds; round++)
    for (int what = 0; what < MEASURES; what++) {
      const double start = now();
      DDLA_TRY(run_one(row, bench, (measure)what));
      if (round > 0) bench->seconds[what * bench->rounds + round - 1] = now() - start;
    }
  for (int what = MEASURES - 1; what >= 0; what--) { /* memcpy last: all others look at its times */
    double *here = bench->seconds + what * bench->rounds,
           *ratios = bench->seconds + MEASURES * bench->rounds;
    for (int64_t round = 0; round < bench->rounds; round++)
      ratios[round] = bench->seconds[round] / here[round];
    row->of_copy[what] = ddla_bench_median(ratios, bench->rounds);
    row->seconds[what] = ddla_bench_median(here, bench->rounds);
  }
  return DDLA_OK;
}

static double speed(const codec_bench *bench, double seconds) {
  return 4e-9 * (double)bench->count / seconds;
}

static ddla_status print_json(const codec_bench *bench, const codec_row *rows, int row_count) {
  json_t *list = json_array();
  for (int i = 0; i < row_count; i++) {
    json_t *one = json_pack("{s:s, s:f}", "codec", rows[i].codec->name, "bytes_per_number",
                            (double)rows[i].bytes / (double)bench->count);
    for (int what = 0; what < MEASURES; what++)
      json_object_set_new(one, measure_names[what],
                          json_pack("{s:f, s:f}", "gbytes_per_second",
                                    speed(bench, rows[i].seconds[what]), "of_memcpy",
                                    rows[i].of_copy[what]));
    json_array_append_new(list, one);
  }
  return ddla_json_print(json_pack("{s:s, s:I, s:I, s:o}", "bench", "codec", "count",
                                   (json_int_t)bench->count, "rounds", (json_int_t)bench->rounds,
                                   "rows", list));
}

static void print_table(const codec_bench *bench, const codec_row *rows, int row_count) {
  printf("%" PRId64 " numbers of fp32, one core, processor time, medians of %" PRId64
         " rounds; GB/s of fp32, and the same over memcpy's\n\n%-8s %10s %8s",
         bench->count, bench->rounds, "codec", "bytes each", "memcpy");
  for (int what = MEASURE_ENCODE; what < MEASURES; what++) printf(" %16s", measure_names[what]);
  printf("\n");
  for (int i = 0; i < row_count; i++) {
    const codec_row *row = &rows[i];
    printf("%-8s %10.4f %8.2f", row->codec->name, (double)row->bytes / (double)bench->count,
           speed(bench, row->seconds[MEASURE_COPY]));
    for (int what = MEASURE_ENCODE; what < MEASURES; what++)
      printf(" %8.2f %7.2f", speed(bench, row->seconds[what]), row->of_copy[what]);
    printf("\n");
  }
}

/* Memory for the codec that needs most. */
static ddla_status take_memory(codec_bench *bench, const codec_row *rows, int row_count) {
  size_t message = 0, scratch = 0;
  for (int i = 0; i < row_count; i++) {
    const size_t bound = ddla_codec_bound(rows[i].codec, bench->count, &bench->options);
    const size_t needed = ddla_codec_scratch(rows[i].codec, bench->count, &bench->options);
    message = bound > message ? bound : message;
    scratch = needed > scratch ? needed : scratch;
  }
  DDLA_TRY(DDLA_NEW(bench->values, bench->count));
  DDLA_TRY(DDLA_NEW(bench->residual, bench->count));
  DDLA_TRY(DDLA_NEW(bench->decoded, bench->count));
  DDLA_TRY(DDLA_NEW(bench->message, message));
  DDLA_TRY(DDLA_NEW(bench->seconds, (MEASURES + 1) * bench->rounds));
  bench->scratch = ddla_alloc_array(1, scratch);
  return ddla_alloc_check(bench->scratch, 1, scratch);
}

static ddla_status run_rows(codec_bench *bench, codec_row *rows, int row_count, bool json) {
  DDLA_TRY(take_memory(bench, rows, row_count));
  fill(bench->values, bench->count);
  for (int i = 0; i < row_count; i++) DDLA_TRY(run_row(&rows[i], bench));
  if (json) return print_json(bench, rows, row_count);
  print_table(bench, rows, row_count);
  return DDLA_OK;
}

static ddla_status choose_rows(codec_row *rows, int *row_count, const char *name) {
  int count = 0;
  const char *near = NULL;
  const ddla_codec *const *table = ddla_codec_table(&count);
  *row_count = 0;
  for (int i = 0; i < count && i < ROWS_MAX; i++) {
    if (!name || strcmp(name, table[i]->name) == 0) rows[(*row_count)++].codec = table[i];
    else near = ddla_words_nearer(near, name, table[i]->name);
  }
  if (*row_count == 0)
    return DDLA_FAIL(INVALID, "--codec %s: there is no such codec%s%s%s",
                     ddla_text_quote(name).text, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
  return DDLA_OK;
}

static ddla_status read_options(codec_bench *bench, const char *topk, const char *block) {
  int count = 0;
  bench->options = ddla_codec_defaults();
  if (topk && !ddla_text_to_real(&bench->options.topk, topk))
    return DDLA_FAIL(INVALID, "--topk %s: expected a number", ddla_text_quote(topk).text);
  DDLA_TRY(ddla_bench_number(&bench->options.block, "--block", block, bench->options.block,
                             DDLA_CODEC_BLOCK_MAX));
  return ddla_codec_check(ddla_codec_table(&count)[0], &bench->options);
}

ddla_status ddla_bench_codec(int argc, char **argv) {
  ddla_words words = {0};
  const char *codec = NULL, *count = NULL, *rounds = NULL, *topk = NULL, *block = NULL;
  bool json = false;
  codec_bench bench = {0};
  codec_row rows[ROWS_MAX] = {{0}};
  int row_count = 0;
  const ddla_words_option known[] = {
      {"--codec", NULL, &codec, NULL},   {"--count", NULL, &count, NULL},
      {"--rounds", NULL, &rounds, NULL}, {"--topk", NULL, &topk, NULL},
      {"--block", NULL, &block, NULL},   {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID,
                     "ddla bench codec takes neither files nor --set; --help lists its options");
  DDLA_TRY(choose_rows(rows, &row_count, codec));
  DDLA_TRY(ddla_bench_number(&bench.count, "--count", count, INT64_C(1) << 24, INT64_C(1) << 30));
  DDLA_TRY(ddla_bench_number(&bench.rounds, "--rounds", rounds, 11, ROUNDS_MAX));
  DDLA_TRY(read_options(&bench, topk, block));
  ddla_status status = run_rows(&bench, rows, row_count, json);
  ddla_free(bench.values);
  ddla_free(bench.residual);
  ddla_free(bench.decoded);
  ddla_free(bench.message);
  ddla_free(bench.scratch);
  ddla_free(bench.seconds);
  return status;
}
