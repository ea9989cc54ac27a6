#include "sync/sum/row_sums.h"

#include <string.h>

#include "base/assert.h"

/* How the operands that hold a row are added up; kept while the same ones do. */
typedef struct row_plan {
  uint64_t present; /* bit by operand */
  ddla_tree_plan plan;
} row_plan;

/* One table while a worker sums its rows. */
typedef struct row_merge {
  const ddla_row_operands *operands;
  ddla_rows list[DDLA_TREE_OPERANDS_MAX];
  int64_t at[DDLA_TREE_OPERANDS_MAX], end[DDLA_TREE_OPERANDS_MAX]; /* places in the lists */
  int worker;
  int64_t first, stop; /* the worker's range of the table */
  row_plan last;
} row_merge;

_Static_assert((int)DDLA_TREE_OPERANDS_MAX <= 64, "a bit for each operand");

static bool is_table(const ddla_state *state, int range) {
  return ddla_state_range_at(state, range)->touched_max > 0;
}

bool ddla_row_sums_needed(const ddla_state *state) { return ddla_state_list_numbers(state) > 0; }

static ddla_rows sum_list(const ddla_sync_options *options, int range, uint64_t step, int worker) {
  return ddla_state_list(options->state, range, options->sums, step, worker);
}

/* Rows of all lists together that are below `row`. */
static int64_t count_below(const row_merge *merge, int64_t row) {
  int64_t count = 0;
  for (int i = 0; i < merge->operands->count; i++)
    if (!merge->operands->absent[i]) count += ddla_rows_find(&merge->list[i], row);
  return count;
}

/* First row of a worker's range: ranges hold about equally many rows of the lists, so that rows
 * which are touched often do not lie with one worker. The same on all workers; rises with the
 * worker. */
static int64_t cut_at(const row_merge *merge, int64_t rows, int64_t worker, int64_t workers) {
  const int64_t wanted = count_below(merge, rows) * worker / workers;
  int64_t low = 0, high = rows;
  if (worker == 0 || worker == workers) return worker == 0 ? 0 : rows;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (count_below(merge, middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* The worker's range of a table, and its places in every operand's list. */
static void open_lists(row_merge *merge, const ddla_sync_options *options, int range, int worker) {
  const int64_t rows = ddla_state_range_at(options->state, range)->shape.dim[0];
  const int workers = ddla_cluster_here(options->cluster) * options->lanes;
  for (int i = 0; i < merge->operands->count; i++)
    if (!merge->operands->absent[i])
      merge->list[i] =
          ddla_state_list(options->state, range, options->lists, 0, merge->operands->copy[i]);
  merge->worker = worker;
  merge->first = cut_at(merge, rows, worker, workers);
  merge->stop = cut_at(merge, rows, worker + 1, workers);
  for (int i = 0; i < merge->operands->count; i++) {
    merge->at[i] = merge->end[i] = 0;
    if (merge->operands->absent[i]) continue;
    merge->at[i] = ddla_rows_find(&merge->list[i], merge->first);
    merge->end[i] = ddla_rows_find(&merge->list[i], merge->stop);
  }
}

/* The lowest row that is left, and who holds it; false where none is left. */
static bool next_row(int64_t *row, uint64_t *present, const row_merge *merge) {
  int64_t lowest = INT64_MAX;
  *present = 0;
  for (int i = 0; i < merge->operands->count; i++) {
    if (merge->at[i] == merge->end[i]) continue;
    const int64_t here = merge->list[i].row[merge->at[i]];
    if (here > lowest) continue;
    if (here < lowest) *present = 0;
    lowest = here;
    *present |= UINT64_C(1) << i;
  }
  *row = lowest;
  return *present != 0;
}

static ddla_status plan_row(row_merge *merge, uint64_t present) {
  const ddla_row_operands *operands = merge->operands;
  bool absent[DDLA_TREE_OPERANDS_MAX];
  if (merge->last.present == present) return DDLA_OK;
  for (int i = 0; i < operands->count; i++) absent[i] = !(present >> i & 1);
  DDLA_TRY(ddla_tree_plan_make(&merge->last.plan, operands->shards, operands->part, absent,
                               operands->count));
  merge->last.present = present;
  return DDLA_OK;
}

/* to [width] = the row's sum; the lists go on behind it. */
static ddla_status sum_row(float *to, row_merge *merge, uint64_t present, int64_t width) {
  const void *data[DDLA_TREE_OPERANDS_MAX] = {NULL};
  void *outputs[1] = {to};
  for (int i = 0; i < merge->operands->count; i++)
    if (present >> i & 1) data[i] = merge->list[i].value + merge->at[i]++ * width;
  DDLA_TRY(plan_row(merge, present));
  const ddla_tree_io io = {
      .operands = data, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  ddla_tree_run(&merge->last.plan, &io, 0, width, false);
  return DDLA_OK;
}

/* In double, from the first to the last. */
static double squares(const float *value, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (double)value[i] * (double)value[i];
  return sum;
}

/* Squares of the sums of a worker's rows of a table, by place in its list. */
static double *norms_of(const ddla_sync_options *options, int range, int worker) {
  double *norms = ddla_state_array(options->state, options->row_norms, 0, worker);
  return norms + ddla_state_list_place(options->state, range);
}

static ddla_status sum_table(const ddla_sync_options *options, row_merge *merge, int range,
                             uint64_t step, int worker) {
  const ddla_rows sum = sum_list(options, range, step + 1, worker);
  double *norms = options->row_norms < 0 ? NULL : norms_of(options, range, worker);
  int64_t count = 0, row = 0;
  uint64_t present = 0;
  open_lists(merge, options, range, worker);
  while (next_row(&row, &present, merge)) {
    float *value = sum.value + count * sum.width;
    DDLA_ASSERT(count < sum.capacity);
    DDLA_TRY(sum_row(value, merge, present, sum.width));
    if (norms) norms[count] = squares(value, sum.width);
    sum.row[count++] = row;
  }
  *sum.count = count;
  return DDLA_OK;
}

ddla_status ddla_row_sums_make(const ddla_sync_options *options, int worker, uint64_t step,
                               const ddla_row_operands *operands) {
  row_merge merge = {.operands = operands};
  for (int i = 0; i < ddla_state_range_count(options->state); i++)
    if (is_table(options->state, i)) DDLA_TRY(sum_table(options, &merge, i, step, worker));
  return DDLA_OK;
}

/* A sum of numbers that come one after another: sum[k] is that of 2^k of them, where bit k of count
 * is set. */
typedef struct running_tree {
  uint64_t count;
  double sum[64];
} running_tree;

static void tree_push(running_tree *tree, double value) {
  int k = 0;
  for (; tree->count >> k & 1; k++) value = tree->sum[k] + value;
  tree->sum[k] = value;
  tree->count++;
}

static double tree_value(const running_tree *tree) {
  double value = 0;
  for (int k = 0; k < 64; k++)
    if (tree->count >> k & 1) value = tree->sum[k] + value;
  return value;
}

double ddla_row_sums_squares(const ddla_sync_options *options, uint64_t step) {
  running_tree tree = {0};
  for (int i = 0; i < ddla_state_range_count(options->state); i++) {
    if (!is_table(options->state, i)) continue;
    for (int w = 0; w < ddla_cluster_here(options->cluster) * options->lanes; w++) {
      const ddla_rows sum = sum_list(options, i, step + 1, w);
      const double *norms = norms_of(options, i, w);
      for (int64_t k = 0; k < *sum.count; k++) tree_push(&tree, norms[k]);
    }
  }
  return tree_value(&tree);
}

/* Version t + 1 of rows [first, stop) that are in `old` and not in `now` is version t of them. */
static void keep_rows(const ddla_updates *updates, int range, const row_merge *bounds,
                      const ddla_rows lists[2], const ddla_update_step *step) {
  const ddla_rows *old = &lists[0], *now = &lists[1];
  const int64_t end = ddla_rows_find(old, bounds->stop);
  int64_t k = 0;
  for (int64_t i = ddla_rows_find(old, bounds->first); i < end; i++) {
    while (k < *now->count && now->row[k] < old->row[i]) k++;
    if (k < *now->count && now->row[k] == old->row[i]) continue;
    ddla_updates_keep_row(updates, range, old->row[i], step);
  }
}

/* The step before had other ranges, so what it touched in this one may stand in any worker's list.
 */
static void apply_table(const ddla_sync_options *options, const ddla_updates *updates, int range,
                        const row_merge *bounds, const ddla_update_step *step) {
  const ddla_rows now = sum_list(options, range, step->step + 1, bounds->worker);
  for (int w = 0; w < ddla_cluster_here(options->cluster) * options->lanes; w++)
    keep_rows(updates, range, bounds,
              (const ddla_rows[2]){sum_list(options, range, step->step, w), now}, step);
  for (int64_t k = 0; k < *now.count; k++)
    ddla_updates_run_row(updates, range, now.row[k], now.value + k * now.width, step);
}

void ddla_row_sums_apply(const ddla_sync_options *options, ddla_updates *updates, int worker,
                         const ddla_row_operands *operands, const ddla_update_step *step) {
  row_merge merge = {.operands = operands};
  for (int i = 0; i < ddla_state_range_count(options->state); i++) {
    if (!is_table(options->state, i)) continue;
    open_lists(&merge, options, i, worker);
    apply_table(options, updates, i, &merge, step);
  }
}
