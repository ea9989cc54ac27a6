/* ddla bench order: the order of samples, which is a function of the position and needs no list. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "data/order.h"

enum { ROUNDS_MAX = 1000, AT_ONCE = 4096, STRETCHES = 1024 };

typedef struct order_bench {
  int64_t count, rounds, batch;
  double first_us, fill_per_second, one_per_second; /* medians */
} order_bench;

/* Processor time, so that other programs matter less. */
static double now(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_thread()); }

/* Seconds until a new epoch's first index is known, somewhere in the epoch. */
static double time_first(const order_bench *bench, int64_t round, int64_t *sum) {
  const double start = now();
  const ddla_order order = ddla_order_epoch(bench->count, 1, round);
  *sum += ddla_order_at(&order, bench->count - 1);
  return now() - start;
}

/* Indices per second, by batches from position 0 on. */
static double time_fill(const order_bench *bench, int64_t round, int64_t *sum) {
  int64_t out[AT_ONCE], first = 0;
  const ddla_order order = ddla_order_epoch(bench->count, 1, round);
  const double start = now();
  for (int64_t i = 0; i < STRETCHES; i++) {
    if (bench->count - first < bench->batch) first = 0;
    ddla_order_fill(out, &order, first, bench->batch);
    *sum += out[0];
    first += bench->batch;
  }
  return (double)(STRETCHES * bench->batch) / (now() - start);
}

/* The same one by one. */
static double time_one_by_one(const order_bench *bench, int64_t round, int64_t *sum) {
  const int64_t most = bench->count < INT64_C(1) << 20 ? bench->count : INT64_C(1) << 20;
  const ddla_order order = ddla_order_epoch(bench->count, 1, round);
  const double start = now();
  for (int64_t i = 0; i < most; i++) *sum += ddla_order_at(&order, i);
  return (double)most / (now() - start);
}

static int64_t run(order_bench *bench) {
  double first[ROUNDS_MAX], fill[ROUNDS_MAX], one[ROUNDS_MAX];
  int64_t sum = 0;
  for (int64_t round = 0; round < bench->rounds; round++) {
    first[round] = 1e6 * time_first(bench, round, &sum);
    fill[round] = time_fill(bench, round, &sum);
    one[round] = time_one_by_one(bench, round, &sum);
  }
  bench->first_us = ddla_bench_median(first, bench->rounds);
  bench->fill_per_second = ddla_bench_median(fill, bench->rounds);
  bench->one_per_second = ddla_bench_median(one, bench->rounds);
  return sum; /* so that nothing is left out */
}

static ddla_status print(const order_bench *bench, int64_t sum, bool json) {
  if (json)
    return ddla_json_print(json_pack(
        "{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:I}", "bench", "order", "count",
        (json_int_t)bench->count, "rounds", (json_int_t)bench->rounds, "batch",
        (json_int_t)bench->batch, "first_us", bench->first_us, "per_second", bench->fill_per_second,
        "one_by_one_per_second", bench->one_per_second, "sum", (json_int_t)sum));
  printf("%" PRId64 " samples, one core, processor time, medians of %" PRId64 " epochs\n",
         bench->count, bench->rounds);
  printf("first index      %.3f us after the epoch began, at its last position\n", bench->first_us);
  printf("indices          %.1f million/s by batches of %" PRId64 ", %.1f million/s one by one\n",
         1e-6 * bench->fill_per_second, bench->batch, 1e-6 * bench->one_per_second);
  return DDLA_OK;
}

ddla_status ddla_bench_order(int argc, char **argv) {
  ddla_words words = {0};
  const char *count = NULL, *rounds = NULL, *batch = NULL;
  bool json = false;
  order_bench bench = {0};
  const ddla_words_option known[] = {{"--count", NULL, &count, NULL},
                                     {"--rounds", NULL, &rounds, NULL},
                                     {"--batch", NULL, &batch, NULL},
                                     {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID,
                     "ddla bench order takes neither files nor --set; --help lists its options");
  DDLA_TRY(ddla_bench_number(&bench.count, "--count", count, 1000000000, INT64_C(1) << 61));
  DDLA_TRY(ddla_bench_number(&bench.rounds, "--rounds", rounds, 21, ROUNDS_MAX));
  DDLA_TRY(ddla_bench_number(&bench.batch, "--batch", batch, 1024, AT_ONCE));
  if (bench.batch > bench.count) bench.batch = bench.count;
  const int64_t sum = run(&bench);
  return print(&bench, sum, json);
}
