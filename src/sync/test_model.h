/* For tests of strategies: the training of test_case.h computed plainly by one thread, with an
 * array for each shard and sums by recursion. All sums depend on their order. */
#ifndef DDLA_SYNC_TEST_MODEL_H
#define DDLA_SYNC_TEST_MODEL_H

#include "base/alloc.h"
#include "coll/tree.h"
#include "optim/norm.h"
#include "sync/test_case.h"

/* Terms beside the gradient: weight * (theta - target + offset), target null: none, offset null: 0;
 * and plus - minus, null: none. The gradient before them is added to sum. */
typedef struct reference_pull {
  const float *target, *offset;
  float weight;
  const float *plus, *minus;
  float *sum;
} reference_pull;

typedef struct group_reference {
  reference_pull pull;
  float *gradient[GROUP_SHARDS_MAX];
  float sum[GROUP_SPACE], direction[GROUP_SPACE];
  double norms[GROUP_BLOCKS], row_norms[GROUP_ROWS], records[GROUP_SHARDS_MAX][GROUP_RECORDS];
  const group_case *c;
  uint64_t step;
} group_reference;

/* Sum over the tree of [first, end); false if all of them are empty. */
static inline bool reference_sum(float *out, const group_reference *r, int first, int end,
                                 int64_t k) {
  float left = 0, right = 0;
  if (end - first == 1) {
    if (!r->gradient[first]) return false;
    if (r->c->sparse && group_in_table(k) &&
        !group_touches(r->c, r->step, first, (k - GROUP_TABLE) / GROUP_WIDTH))
      return false;
    *out = r->gradient[first][k];
    return true;
  }
  int half = (int)ddla_tree_left(end - first);
  bool has_left = reference_sum(&left, r, first, first + half, k);
  bool has_right = reference_sum(&right, r, first + half, end, k);
  *out = has_left && has_right ? left + right : has_left ? left : right;
  return has_left || has_right;
}

static inline double reference_tree(const double *value, int first, int end) {
  if (end - first == 1) return value[first];
  int half = (int)ddla_tree_left(end - first);
  return reference_tree(value, first, first + half) + reference_tree(value, first + half, end);
}

static inline ddla_status reference_gradients(group_reference *r, const group_case *c,
                                              const float *theta, uint64_t step) {
  for (int s = 0; s < c->shards; s++) {
    int64_t count = group_samples(c, step, s);
    ddla_free(r->gradient[s]);
    r->gradient[s] = NULL;
    if (count == 0) continue;
    DDLA_TRY(DDLA_NEW(r->gradient[s], GROUP_SPACE));
    for (int64_t k = 0; k < GROUP_SPACE; k++)
      if (group_in_tensor(k) || (c->sparse && group_in_table(k)))
        r->gradient[s][k] = group_gradient(c, theta, step, s, count, k);
  }
  r->c = c;
  r->step = step;
  for (int64_t k = 0; k < GROUP_SPACE; k++)
    if (!reference_sum(&r->sum[k], r, 0, c->shards, k)) r->sum[k] = 0;
  return DDLA_OK;
}

static inline void reference_records(ddla_sync_result *out, const group_case *c, uint64_t step) {
  double loss[GROUP_SHARDS_MAX] = {0}, count[GROUP_SHARDS_MAX] = {0};
  *out = (ddla_sync_result){.step = step + 1, .gradient_norm = NAN};
  for (int s = 0; s < c->shards; s++) {
    int64_t samples = group_samples(c, step, s);
    if (samples == 0) continue;
    loss[s] = group_loss(c, step, s);
    count[s] = (double)samples;
    out->samples += samples;
    out->correct += samples / 2;
  }
  out->loss = reference_tree(loss, 0, c->shards);
  out->count = reference_tree(count, 0, c->shards);
}

/* A layered optimizer on one tensor: all its rows and columns, its sections one after another, the
 * tree over them. Returns the tensor's number of factors. */
static inline int64_t reference_layered(group_reference *r, const ddla_optimizer *optimizer,
                                        ddla_update whole, const struct group_range *range,
                                        float *factors) {
  float *theta = whole.theta_next;
  double sums[GROUP_BLOCKS + 1][DDLA_SUMS_MAX], column[GROUP_BLOCKS + 1];
  ddla_update_tensor tensor = {.count = range->count, .rows = range->count};
  if (range->rank > 1) {
    tensor.rows = range->dim[0];
    tensor.columns = range->count / range->dim[0];
  }
  tensor.factors = tensor.factors_next = factors;
  whole.tensor = &tensor;
  if (optimizer->factor) optimizer->factor(&whole, 0, tensor.rows + tensor.columns);
  for (int64_t i = 0; i < tensor.rows; i++) tensor.row_mean += (double)factors[i];
  tensor.row_mean /= (double)tensor.rows;
  for (int part = 0; part < 2; part++) {
    int sections = 0;
    for (int64_t at = 0, end = 0; at < range->count; at = end, sections++) {
      end = ((range->offset + at) / DDLA_STATE_BLOCK + 1) * DDLA_STATE_BLOCK - range->offset;
      if (end > range->count) end = range->count;
      ddla_update section = whole;
      section.count = end - at;
      section.at = at;
      section.gradient = whole.gradient + at;
      section.theta = theta + at;
      section.theta_next = r->direction + at;
      section.sums = sums[sections];
      for (int m = 0; m < DDLA_MOMENTS_MAX; m++)
        section.moment[m] = section.moment_next[m] = whole.moment_next[m] + at;
      if (part == 0) optimizer->direction(&section);
      else optimizer->apply(&section);
    }
    for (int s = 0; part == 0 && s < DDLA_SUMS_MAX; s++) {
      for (int i = 0; i < sections; i++) column[i] = sums[i][s];
      tensor.sums[s] = reference_tree(column, 0, sections);
    }
  }
  memcpy(theta, r->direction, (size_t)range->count * sizeof *theta);
  return optimizer->factor_count ? optimizer->factor_count(tensor.rows, tensor.columns) : 0;
}

static inline void reference_buffers(group_model *model, group_reference *r, const group_case *c,
                                     uint64_t step) {
  float now[GROUP_BUFFERS];
  memcpy(now, model->buffers, sizeof now);
  memset(r->records, 0, sizeof r->records);
  for (int s = 0; s < c->shards; s++) {
    const int64_t count = group_samples(c, step, s);
    if (count > 0) group_observe(r->records[s], step, c->first_shard + s, count);
  }
  for (int i = 0; i < GROUP_STATISTICS; i++)
    ddla_statistic_apply(model->buffers, now, &group_statistics[i], r->records[0], GROUP_RECORDS,
                         c->shards);
}

/* average[count] takes up what it is an average of. */
static inline void reference_take_up(float *average, const float *values, int64_t count,
                                     double weight) {
  for (int64_t k = 0; k < count; k++)
    average[k] = weight < 1 ? average[k] + (float)weight * (values[k] - average[k]) : values[k];
}

static inline void reference_average(group_model *model, const group_case *c, uint64_t step) {
  const int64_t next = (int64_t)step + 1;
  double weight = next > c->average_first ? 1 - GROUP_AVERAGE_DECAY : 1;
  if (c->average_every > 0) {
    if (next % c->average_every != 0) return;
    weight = 1.0 / (double)(next / c->average_every);
  }
  reference_take_up(model->average, model->theta, GROUP_SPACE, weight);
  reference_take_up(model->average_buffers, model->buffers, GROUP_BUFFERS, weight);
}

static inline bool reference_touches(const group_case *c, uint64_t step, int64_t row) {
  for (int s = 0; s < c->shards; s++)
    if (group_touches(c, step, s, row)) return true;
  return false;
}

/* Squares of the gradient's elements: of the other tensors by block, of touched rows one after
 * another. */
static inline double reference_squares(group_reference *r, const group_case *c, uint64_t step) {
  const int blocks = c->sparse ? GROUP_DENSE_BLOCKS : GROUP_BLOCKS;
  int count = 0;
  ddla_norm_block_sums(r->norms, r->sum, (int64_t)blocks * DDLA_STATE_BLOCK, DDLA_ISA_BEST);
  const double others = ddla_norm_tree(r->norms, blocks);
  if (!c->sparse) return others;
  for (int64_t row = 0; row < GROUP_ROWS; row++) {
    if (!reference_touches(c, step, row)) continue;
    double sum = 0;
    for (int64_t k = GROUP_TABLE + row * GROUP_WIDTH; k < GROUP_TABLE + (row + 1) * GROUP_WIDTH;
         k++)
      sum += (double)r->sum[k] * (double)r->sum[k];
    r->row_norms[count++] = sum;
  }
  return others + (count > 0 ? reference_tree(r->row_norms, 0, count) : 0);
}

/* Row by row, those that a shard touches; no weight decay. */
static inline void reference_table(group_model *model, const group_reference *r,
                                   const group_case *c, ddla_update update) {
  update.count = GROUP_WIDTH;
  update.weight_decay = 0;
  for (int64_t row = 0; c->sparse && row < GROUP_ROWS; row++) {
    const int64_t at = GROUP_TABLE + row * GROUP_WIDTH;
    if (!reference_touches(c, (uint64_t)update.step - 1, row)) continue;
    update.gradient = r->sum + at;
    update.theta = update.theta_next = model->theta + at;
    for (int m = 0; m < DDLA_MOMENTS_MAX; m++)
      update.moment[m] = update.moment_next[m] = model->moment[m] + at;
    ddla_optimizer_find(c->optimizer)->update(&update);
  }
}

static inline void reference_add_pull(group_reference *r, const float *theta, float scale) {
  const reference_pull *pull = &r->pull;
  for (int64_t k = 0; k < GROUP_SPACE; k++) {
    float gradient = r->sum[k] * scale;
    if (pull->sum) pull->sum[k] = pull->sum[k] + gradient;
    if (pull->target && pull->offset)
      gradient = gradient + pull->weight * (theta[k] - pull->target[k] + pull->offset[k]);
    else if (pull->target) gradient = gradient + pull->weight * (theta[k] - pull->target[k]);
    if (pull->plus) gradient = gradient + (pull->plus[k] - pull->minus[k]);
    r->sum[k] = gradient;
  }
}

/* model becomes version step + 1. */
static inline ddla_status reference_step(group_model *model, group_reference *r,
                                         const group_case *c, uint64_t step) {
  ddla_sync_result *result = &model->result;
  ddla_optimizer_options options = group_optimizer_options();
  ddla_rate_schedule schedule = group_schedule();
  DDLA_TRY(reference_gradients(r, c, model->theta, step));
  reference_records(result, c, step);
  result->learning_rate = ddla_rate_schedule_at(&schedule, (int64_t)step + 1, GROUP_TOTAL_STEPS);
  double factor = 1;
  if (c->clip_norm > 0) {
    result->gradient_norm =
        ddla_norm_value(reference_squares(r, c, step), result->count > 0 ? 1 / result->count : 0);
    factor = ddla_norm_clip(result->gradient_norm, c->clip_norm);
  }
  double scale = result->count > 0 ? factor / result->count : 0;
  if (r->pull.target || r->pull.plus) {
    reference_add_pull(r, model->theta, (float)scale);
    scale = 1;
  }
  float *factors = model->factors;
  for (int i = 0; i < GROUP_RANGES; i++) {
    const struct group_range *range = &group_ranges[i];
    ddla_update update = {.count = range->count,
                          .gradient = r->sum + range->offset,
                          .theta = model->theta + range->offset,
                          .theta_next = model->theta + range->offset,
                          .gradient_scale = scale,
                          .learning_rate = result->learning_rate,
                          .weight_decay = range->decays ? 0.01 : 0,
                          .step = (int64_t)step + 1,
                          .options = &options};
    for (int m = 0; m < DDLA_MOMENTS_MAX; m++)
      update.moment[m] = update.moment_next[m] = model->moment[m] + range->offset;
    const ddla_optimizer *optimizer = ddla_optimizer_find(c->optimizer);
    if (optimizer->update) optimizer->update(&update);
    if (i == 0) reference_table(model, r, c, update);
    if (!optimizer->update) factors += reference_layered(r, optimizer, update, range, factors);
  }
  reference_buffers(model, r, c, step);
  reference_average(model, c, step);
  return DDLA_OK;
}

/* models[t]: after t steps; [steps + 1], the first is the beginning. */
static inline ddla_status reference_train(group_model *models, const group_case *c) {
  group_reference *r = NULL;
  ddla_status status = DDLA_NEW(r, 1);
  group_initialise(models[0].theta, models[0].buffers, c->sparse);
  memcpy(models[0].average_buffers, models[0].buffers, sizeof models[0].buffers);
  for (int t = 0; t < c->steps && status == DDLA_OK; t++) {
    models[t + 1] = models[t];
    status = reference_step(&models[t + 1], r, c, (uint64_t)t);
  }
  for (int s = 0; r && s < GROUP_SHARDS_MAX; s++) ddla_free(r->gradient[s]);
  ddla_free(r);
  return status;
}

/* NaN equals NaN. */
static inline bool group_same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static inline bool group_results_equal(const ddla_sync_result *a, const ddla_sync_result *b) {
  return a->step == b->step && group_same(a->loss, b->loss) && a->count == b->count &&
         a->learning_rate == b->learning_rate && group_same(a->gradient_norm, b->gradient_norm) &&
         a->correct == b->correct && a->samples == b->samples;
}

#endif
