/* ddla bench op. */
#include <stdio.h>
#include <string.h>

#include "backend/bench.h"
#include "base/alloc.h"
#include "base/text.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"

static json_t *row_json(const ddla_bench_row *row) {
  return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f}", "op", row->op, "kernel",
                   row->kernel, "shapes", row->shapes, "attributes", row->attrs, "forward_us",
                   row->forward_us, "backward_us", row->backward_us, "forward_gflops",
                   row->forward_gflops, "backward_gflops", row->backward_gflops, "forward_share",
                   row->forward_share, "backward_share", row->backward_share);
}

static ddla_status print_json(const ddla_bench_row *rows, int count, double peak) {
  json_t *list = json_array();
  for (int i = 0; i < count; i++) json_array_append_new(list, row_json(&rows[i]));
  return ddla_json_print(
      json_pack("{s:s, s:f, s:s, s:o}", "bench", "op", "peak_gflops", peak, "library",
                ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}), "rows", list));
}

static void print_direction(double us, double gflops, double share) {
  if (us <= 0) printf(" %10s %8s %6s", "-", "", "");
  else if (gflops <= 0) printf(" %10.1f %8s %6s", us, "", "");
  else printf(" %10.1f %8.1f %5.0f%%", us, gflops, 100 * share);
}

static void print_table(const ddla_bench_row *rows, int count, double peak) {
  printf("%s; multiply-add peak of one core %.0f GFLOP/s\n\n",
         ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}), peak);
  printf("%-22s %-18s %10s %8s %6s %10s %8s %6s  %s\n", "op", "kernel", "forward us", "GFLOP/s",
         "peak", "backward", "GFLOP/s", "peak", "inputs");
  for (int i = 0; i < count; i++) {
    const ddla_bench_row *row = &rows[i];
    printf("%-22s %-18s", row->op, row->kernel);
    print_direction(row->forward_us, row->forward_gflops, row->forward_share);
    print_direction(row->backward_us, row->backward_gflops, row->backward_share);
    printf("  %s%s%s\n", row->shapes, row->attrs[0] ? " " : "", row->attrs);
  }
}

ddla_status ddla_bench_op(int argc, char **argv) {
  ddla_words words = {0};
  const char *precision = NULL, *seconds = NULL;
  bool json = false;
  ddla_bench_options options = {0};
  const ddla_words_option known[] = {
      {"--op", NULL, &options.op, NULL},           {"--kernel", NULL, &options.kernel, NULL},
      {"--precision", NULL, &precision, NULL},     {"--seconds", NULL, &seconds, NULL},
      {"--samples", NULL, NULL, &options.samples}, {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID,
                     "ddla bench op takes neither files nor --set; --help lists its options");
  if (seconds && (!ddla_text_to_real(&options.seconds, seconds) || options.seconds <= 0 ||
                  options.seconds > 3600))
    return DDLA_FAIL(INVALID, "--seconds %s: expected a number above 0, at most 3600",
                     ddla_text_quote(seconds).text);
  if (precision && strcmp(precision, "fp32") != 0 && strcmp(precision, "bf16") != 0)
    return DDLA_FAIL(INVALID, "--precision %s: expected fp32 or bf16",
                     ddla_text_quote(precision).text);
  if (precision) options.precision = ddla_precision_of(precision);
  ddla_bench_row *rows = NULL;
  int count = 0;
  double peak = 0;
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(ddla_backend_bench(&rows, &count, &peak, &options));
  ddla_status status = DDLA_OK;
  if (json) status = print_json(rows, count, peak);
  else print_table(rows, count, peak);
  ddla_free(rows);
  return status;
}
