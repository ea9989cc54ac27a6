/* ddla bench: what this machine makes of ops, steps, all-reduces, codecs and samples. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/bench_kinds.h"
#include "cli/command.h"
#include "cli/words.h"

static const ddla_bench_kind kinds[] = {
    {"op", "time of ops under their kernels", ddla_bench_op},
    {"step", "time of training steps", ddla_bench_step},
    {"allreduce", "time of sums over agents", ddla_bench_allreduce},
    {"exchange", "time of exchanges between hosts", ddla_bench_exchange},
    {"codec", "time of codecs of updates", ddla_bench_codec},
    {"order", "time of the order of samples", ddla_bench_order},
    {"loader", "time of bringing samples to a model", ddla_bench_loader}};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double ddla_bench_median(double *values, int64_t count) {
  if (count < 1) return 0;
  qsort(values, (size_t)count, sizeof *values, by_size);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

ddla_status ddla_bench_number(int64_t *out, const char *option, const char *text, int64_t fallback,
                              int64_t most) {
  int64_t value = fallback;
  if (text && (!ddla_text_to_int(&value, text) || value < 1 || value > most))
    return DDLA_FAIL(INVALID, "%s %s: expected a whole number from 1 to %" PRId64, option,
                     ddla_text_quote(text).text, most);
  *out = value;
  return DDLA_OK;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  const char *near = NULL;
  (void)start_ns;
  if (argc < 2)
    return DDLA_FAIL(INVALID, "ddla bench needs to know what to measure: op, step, allreduce, "
                              "exchange, codec, order or loader");
  if (argv[1][0] == '-')
    return DDLA_FAIL(INVALID, "ddla bench needs op, step, allreduce, exchange, codec, order or "
                              "loader before its options");
  for (int i = 0; i < KIND_COUNT; i++) {
    if (strcmp(argv[1], kinds[i].name) == 0) return kinds[i].run(argc - 1, argv + 1);
    near = ddla_words_nearer(near, argv[1], kinds[i].name);
  }
  return DDLA_FAIL(INVALID,
                   "ddla bench cannot measure %s%s%s%s; it can measure op, step, "
                   "allreduce, exchange, codec, order and loader",
                   ddla_text_quote(argv[1]).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

const ddla_command ddla_command_bench = {
    .name = "bench",
    .arguments = "op|step|allreduce|exchange|codec|order|loader [OPTIONS]",
    .summary =
        "measures ops, training steps, all-reduces, exchanges between hosts, codecs, samples",
    .help = "ddla bench op [--op NAME] [--kernel NAME] [--precision P] [--samples] [--seconds S]\n"
            "              [--json]\n"
            "  time, speed and share of one core's multiply-add peak, forward and backward\n"
            "  --op NAME          only this op (ddla info ops)\n"
            "  --kernel NAME      only under this kernel (ddla info kernels)\n"
            "  --precision P      fp32 or bf16 [fp32]\n"
            "  --samples          also small cases\n"
            "  --seconds S        for one direction of one case [0.1]\n\n"
            "ddla bench step [JOB.yaml] [--steps N] [--profile] [--set KEY=VALUE]... [--json]\n"
            "  time of a training step; without a job file the initial job on made-up images\n"
            "  -n, --agents N     parallel.agents\n"
            "  --lanes N          parallel.lanes\n"
            "  --batch N          train.batch\n"
            "  --steps N          steps that are timed, after 5 that are not [50]\n"
            "  --profile          also the time of each op\n\n"
            "ddla bench allreduce [-n N] [--bytes N] [--rounds N] [--json]\n"
            "  time of the sum of one array per agent, every result checked\n"
            "  -n, --agents N     [2]\n"
            "  --bytes N          of the array, else a range of sizes\n"
            "  --rounds N         timed rounds of each size [30]\n\n"
            "ddla bench exchange [-n N] [--hosts N] [--bytes N] [--compute-ms N] [--late]\n"
            "                    [--busy N] [--json]\n"
            "  time of a step's exchange between hosts, every result checked; under mpirun\n"
            "  between its hosts, else between hosts played on this machine\n"
            "  -n, --agents N     [2]\n"
            "  --hosts N          that are played [as many as agents]\n"
            "  --bytes N          of gradient [67108864]\n"
            "  --compute-ms N     a backward pass of this length, slept, during which gradients\n"
            "                     become final from the last layer to the first [0]\n"
            "  --late             nothing is exchanged before that pass is over\n"
            "  --busy N           in that pass the first N agents compute, the others have none\n"
            "                     and wait for them: at what rate [0: all sleep]\n"
            "  --range-bytes N    sync.range_bytes\n"
            "  --rounds N         timed rounds [10]\n\n"
            "ddla bench codec [--codec NAME] [--count N] [--rounds N] [--json]\n"
            "  speed of the codecs of updates on one core, beside memcpy of the same array\n"
            "  --codec NAME       only this one\n"
            "  --count N          numbers in the array [16777216]\n"
            "  --rounds N         timed rounds of each [11]\n"
            "  --topk X           share of the numbers that sparse codecs send [0.01]\n"
            "  --block N          numbers with a common scale [256]\n\n"
            "ddla bench order [--count N] [--batch N] [--rounds N] [--json]\n"
            "  speed of the order of samples on one core\n"
            "  --count N          samples [1000000000]\n"
            "  --batch N          positions asked for at once, at most 4096 [1024]\n"
            "  --rounds N         epochs that are timed [21]\n\n"
            "ddla bench loader [JOB.yaml] [--read] [--rounds N] [--set KEY=VALUE]... [--json]\n"
            "  speed of one core that brings training samples to a model: order, augmentation,\n"
            "  standardising, whole epochs\n"
            "  --rounds N         that are timed, after one that is not [11]\n"
            "  --read             reading data.train into memory instead\n"
            "  --threads N        that read [1]\n",
    .run = run};
