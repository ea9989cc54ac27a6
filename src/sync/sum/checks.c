#include "sync/sum/checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NAMED_MAX = 6, PART_BYTES = 192 };

/* Of one tensor. */
typedef struct tensor_check {
  ddla_finite found[DDLA_CHECKED_KINDS];
} tensor_check;

_Static_assert(sizeof(tensor_check) == 3 * DDLA_CHECKED_KINDS * sizeof(int64_t),
               "a row of whole numbers");

int64_t ddla_checks_count(const ddla_state *state) {
  return ddla_state_range_count(state) * (int64_t)(sizeof(tensor_check) / sizeof(int64_t));
}

bool ddla_checks_due(const ddla_sync_options *options, uint64_t step) {
  return options->checks >= 0 && (step + 1) % (uint64_t)options->check_every == 0;
}

static tensor_check *checks_of(const ddla_state *state, int checks, int worker) {
  return ddla_state_array(state, checks, 0, worker);
}

void ddla_checks_begin(const ddla_sync_options *options, int worker) {
  memset(checks_of(options->state, options->checks, worker), 0,
         (size_t)ddla_checks_count(options->state) * sizeof(int64_t));
}

/* found, in elements that begin at `at` of the tensor, joins what is known. */
static void join(ddla_finite *all, ddla_finite found, int64_t at) {
  if (found.first == 0) return;
  all->nan += found.nan;
  all->infinite += found.infinite;
  if (all->first == 0 || found.first + at < all->first) all->first = found.first + at;
}

void ddla_checks_span(const ddla_sync_options *options, int worker, ddla_checked kind,
                      const float *values, int64_t begin, int64_t end) {
  const ddla_state *state = options->state;
  if (ddla_finite_bad(values, end - begin, DDLA_ISA_BEST) == 0) return;
  tensor_check *check = checks_of(state, options->checks, worker);
  for (int i = 0; i < ddla_state_range_count(state); i++) {
    const ddla_state_range *range = ddla_state_range_at(state, i);
    const int64_t from = range->offset > begin ? range->offset : begin;
    const int64_t last = range->offset + range->count, to = last < end ? last : end;
    if (from >= to || range->touched_max > 0) continue;
    join(&check[i].found[kind], ddla_finite_look(values + (from - begin), to - from),
         from - range->offset);
  }
}

void ddla_checks_rows(const ddla_sync_options *options, int worker, int owner, uint64_t step,
                      ddla_checked kind) {
  const ddla_state *state = options->state;
  tensor_check *check = checks_of(state, options->checks, worker);
  const float *theta = ddla_state_array(state, options->theta, step + 1, 0);
  for (int i = 0; i < ddla_state_range_count(state); i++) {
    const ddla_state_range *range = ddla_state_range_at(state, i);
    if (range->touched_max == 0) continue;
    const ddla_rows sum = ddla_state_list(state, i, options->sums, step + 1, owner);
    for (int64_t k = 0; k < *sum.count; k++) {
      const int64_t at = sum.row[k] * sum.width;
      const float *values =
          kind == DDLA_CHECKED_GRADIENT ? sum.value + k * sum.width : theta + range->offset + at;
      join(&check[i].found[kind], ddla_finite_look(values, sum.width), at);
    }
  }
}

/* Over copies [first, end). */
static tensor_check merged(const ddla_state *state, int checks, int first, int end, int range) {
  tensor_check all = {0};
  for (int w = first; w < end; w++)
    for (int kind = 0; kind < DDLA_CHECKED_KINDS; kind++)
      join(&all.found[kind], checks_of(state, checks, w)[range].found[kind], 0);
  return all;
}

static int64_t bad_of(const ddla_finite *found) { return found->nan + found->infinite; }

int64_t ddla_checks_total(const ddla_sync_options *options) {
  int64_t total = 0;
  for (int w = 0; w < ddla_state_row_at(options->state, options->checks)->copies; w++) {
    const tensor_check *check = checks_of(options->state, options->checks, w);
    for (int i = 0; i < ddla_state_range_count(options->state); i++)
      for (int kind = 0; kind < DDLA_CHECKED_KINDS; kind++) total += bad_of(&check[i].found[kind]);
  }
  return total;
}

/* "gradient 3 NaN and 1 infinite of 4096 (first: element 17)" */
static void describe(char *text, size_t bytes, const char *what, const ddla_finite *found,
                     int64_t count) {
  char infinite[40] = "", nan[40] = "";
  if (found->nan > 0) snprintf(nan, sizeof nan, " %" PRId64 " NaN", found->nan);
  if (found->infinite > 0)
    snprintf(infinite, sizeof infinite, "%s %" PRId64 " infinite", found->nan > 0 ? " and" : "",
             found->infinite);
  snprintf(text, bytes, "%s%s%s of %" PRId64 " (first: element %" PRId64 ")", what, nan, infinite,
           count, found->first - 1);
}

void ddla_checks_words(char *text, size_t bytes, const ddla_state *state, int checks, int first,
                       int end) {
  static const char *const words[] = {"gradient", "parameters"};
  size_t used = 0;
  int named = 0, others = 0;
  text[0] = 0;
  for (int i = 0; i < ddla_state_range_count(state); i++) {
    const ddla_state_range *range = ddla_state_range_at(state, i);
    const tensor_check check = merged(state, checks, first, end, i);
    for (int kind = 0; kind < DDLA_CHECKED_KINDS; kind++) {
      char part[PART_BYTES];
      if (bad_of(&check.found[kind]) == 0) continue;
      if (named == NAMED_MAX || used + PART_BYTES > bytes) {
        others++;
        continue;
      }
      describe(part, sizeof part, words[kind], &check.found[kind], range->count);
      used += (size_t)snprintf(text + used, bytes - used, "%s%s: %s", named++ ? "; " : "",
                               range->name, part);
    }
  }
  if (others > 0 && used < bytes) snprintf(text + used, bytes - used, "; and %d more", others);
}

ddla_status ddla_checks_fail(const ddla_state *state, int checks, int first, int end,
                             uint64_t step) {
  char words[DDLA_STATUS_TEXT_BYTES - 256];
  ddla_checks_words(words, sizeof words, state, checks, first, end);
  return DDLA_FAIL(NON_FINITE,
                   "numbers are not finite at step %" PRIu64
                   ": %s. The last checkpoint is kept. Lower train.learning_rate, set "
                   "train.clip_norm, or look for very large numbers in the data",
                   step, words);
}

ddla_status ddla_checks_explain(const ddla_sync_options *options, int worker, uint64_t step) {
  const ddla_state *state = options->state;
  const int workers = ddla_cluster_here(options->cluster) * options->lanes;
  const float *reduced = ddla_sync_reduced(options);
  ddla_checks_begin(options, worker);
  ddla_checks_span(options, worker, DDLA_CHECKED_GRADIENT, reduced, 0, ddla_state_dense(state));
  for (int w = 0; ddla_state_list_numbers(state) > 0 && w < workers; w++)
    ddla_checks_rows(options, worker, w, step - 1, DDLA_CHECKED_GRADIENT);
  return ddla_checks_fail(state, options->checks, worker, worker + 1, step);
}
