#include "sync/sum/update.h"

#include <string.h>

#include "base/alloc.h"
#include "optim/average.h"

/* A stretch of the parameter space with or without weight decay. */
typedef struct segment {
  int64_t begin, end;
  bool decays;
} segment;

/* What a tensor and a block have in common. */
typedef struct section {
  int64_t begin, end; /* of the space */
  int tensor;
} section;

/* A tensor's sections, and the place of its factors. */
typedef struct place {
  int64_t first_section, section_count, factor;
} place;

struct ddla_updates {
  const ddla_sync_options *options;
  segment *segment; /* not layered */
  int segment_count, tensor_count;
  section *section; /* layered */
  int64_t section_count;
  place *place; /* [tensor_count] */
};

static bool is_layered(const ddla_optimizer *optimizer) { return !optimizer->update; }

/* Cuts the whole space into stretches of equal decay; the gaps behind tensors belong to the stretch
 * before. */
static ddla_status make_segments(ddla_updates *updates) {
  const ddla_state *state = updates->options->state;
  int ranges = ddla_state_range_count(state);
  DDLA_TRY(DDLA_NEW(updates->segment, ranges + 1));
  for (int i = 0; i < ranges; i++) {
    const ddla_state_range *range = ddla_state_range_at(state, i);
    int last = updates->segment_count - 1;
    if (range->touched_max > 0) continue;
    if (last >= 0 && updates->segment[last].decays == range->decays) continue;
    if (last >= 0) updates->segment[last].end = range->offset;
    updates->segment[updates->segment_count++] = (segment){range->offset, 0, range->decays};
  }
  if (updates->segment_count == 0) updates->segment[updates->segment_count++] = (segment){0};
  updates->segment[updates->segment_count - 1].end = ddla_state_dense(state);
  return DDLA_OK;
}

static int64_t sections_of(const ddla_state_range *range) {
  if (range->count == 0) return 0;
  return (range->offset + range->count - 1) / DDLA_STATE_BLOCK - range->offset / DDLA_STATE_BLOCK +
         1;
}

static int64_t count_sections(const ddla_state *state) {
  int64_t count = 0;
  for (int i = 0; i < ddla_state_range_count(state); i++)
    count += sections_of(ddla_state_range_at(state, i));
  return count;
}

static int64_t columns_of(const ddla_state_range *range) {
  return range->shape.rank < 2 || range->count == 0 ? 0 : range->count / range->shape.dim[0];
}

static int64_t rows_of(const ddla_state_range *range) {
  return columns_of(range) > 0 ? range->shape.dim[0] : range->count;
}

static int64_t factors_of(const ddla_state_range *range, const ddla_optimizer *optimizer) {
  return optimizer->factor_count ? optimizer->factor_count(rows_of(range), columns_of(range)) : 0;
}

int64_t ddla_updates_factor_count(const ddla_state *state, const ddla_optimizer *optimizer) {
  int64_t count = 0;
  for (int i = 0; i < ddla_state_range_count(state); i++)
    count += factors_of(ddla_state_range_at(state, i), optimizer);
  return count;
}

int64_t ddla_updates_sum_count(const ddla_state *state, const ddla_optimizer *optimizer) {
  return is_layered(optimizer) ? DDLA_SUMS_MAX * count_sections(state) : 0;
}

static ddla_status make_sections(ddla_updates *updates) {
  const ddla_state *state = updates->options->state;
  int64_t factor = 0;
  updates->tensor_count = ddla_state_range_count(state);
  DDLA_TRY(DDLA_NEW(updates->place, updates->tensor_count));
  DDLA_TRY(DDLA_NEW(updates->section, count_sections(state)));
  for (int i = 0; i < updates->tensor_count; i++) {
    const ddla_state_range *range = ddla_state_range_at(state, i);
    int64_t end = range->offset + range->count;
    updates->place[i] = (place){updates->section_count, sections_of(range), factor};
    factor += factors_of(range, updates->options->optimizer);
    for (int64_t at = range->offset, stop = 0; at < end; at = stop) {
      stop = (at / DDLA_STATE_BLOCK + 1) * DDLA_STATE_BLOCK;
      if (stop > end) stop = end;
      updates->section[updates->section_count++] = (section){at, stop, i};
    }
  }
  return DDLA_OK;
}

ddla_status ddla_updates_create(ddla_updates **out, const ddla_sync_options *options) {
  ddla_updates *updates = NULL;
  DDLA_TRY(DDLA_NEW(updates, 1));
  updates->options = options;
  ddla_status status =
      is_layered(options->optimizer) ? make_sections(updates) : make_segments(updates);
  if (status == DDLA_OK) *out = updates;
  else ddla_updates_destroy(updates);
  return status;
}

void ddla_updates_destroy(ddla_updates *updates) {
  if (!updates) return;
  ddla_free(updates->segment);
  ddla_free(updates->section);
  ddla_free(updates->place);
  ddla_free(updates);
}

/* The update of elements [begin, end); gradient (may be null) holds these elements. */
static ddla_update span(const ddla_updates *updates, const float *gradient, int64_t begin,
                        int64_t end, const ddla_update_step *step) {
  const ddla_sync_options *options = updates->options;
  const uint64_t now = step->step;
  const float *theta = ddla_state_array(options->state, options->theta, now, 0);
  float *theta_next = ddla_state_array(options->state, options->theta, now + 1, 0);
  ddla_update update = {.count = end - begin,
                        .gradient = gradient,
                        .theta = theta + begin,
                        .theta_next = theta_next + begin,
                        .gradient_scale = step->gradient_scale,
                        .learning_rate = step->learning_rate,
                        .step = (int64_t)now + 1,
                        .options = &options->optimizer_options};
  for (int m = 0; m < DDLA_MOMENTS_MAX && options->moment[m] >= 0; m++) {
    const float *moment = ddla_state_array(options->state, options->moment[m], now, 0);
    float *moment_next = ddla_state_array(options->state, options->moment[m], now + 1, 0);
    update.moment[m] = moment + begin;
    update.moment_next[m] = moment_next + begin;
  }
  return update;
}

/* Elements [begin, end) of the row `mean` take up those of the row `of`. */
static void take_up(const ddla_sync_options *options, int mean, int of, int64_t begin, int64_t end,
                    uint64_t now) {
  const float *values = ddla_state_array(options->state, of, now + 1, 0);
  const float *average = ddla_state_array(options->state, mean, now, 0);
  float *next = ddla_state_array(options->state, mean, now + 1, 0);
  ddla_average_run(
      &(ddla_average){.count = end - begin,
                      .theta = values + begin,
                      .average = average + begin,
                      .next = next + begin,
                      .weight = ddla_average_running(options->average_decay, (int64_t)now + 1,
                                                     options->average_first)});
}

void ddla_updates_follow(const ddla_updates *updates, int64_t begin, int64_t end,
                         const ddla_update_step *step) {
  const ddla_sync_options *options = updates->options;
  if (options->average < 0) return;
  take_up(options, options->average, options->theta, begin, end, step->step);
}

void ddla_updates_average_buffers(const ddla_updates *updates, const ddla_statistic *statistic,
                                  const ddla_update_step *step) {
  const ddla_sync_options *options = updates->options;
  const int64_t places[] = {statistic->mean, statistic->variance};
  if (options->average_buffers < 0) return;
  for (int i = 0; i < 2; i++)
    take_up(options, options->average_buffers, options->buffers, places[i],
            places[i] + statistic->channels, step->step);
}

static void run_segments(const ddla_updates *updates, const float *gradient, int64_t begin,
                         int64_t end, const ddla_update_step *step) {
  for (int i = 0; i < updates->segment_count; i++) {
    const segment *part = &updates->segment[i];
    int64_t from = part->begin > begin ? part->begin : begin;
    int64_t to = part->end < end ? part->end : end;
    if (from >= to) continue;
    ddla_update update = span(updates, gradient + (from - begin), from, to, step);
    update.weight_decay = part->decays ? updates->options->weight_decay : 0;
    updates->options->optimizer->update(&update);
  }
}

void ddla_updates_run_row(const ddla_updates *updates, int range, int64_t row,
                          const float *gradient, const ddla_update_step *step) {
  const ddla_state_range *table = ddla_state_range_at(updates->options->state, range);
  const int64_t width = columns_of(table), begin = table->offset + row * width;
  const ddla_update update = span(updates, gradient, begin, begin + width, step);
  updates->options->optimizer->update(&update);
}

void ddla_updates_keep_row(const ddla_updates *updates, int range, int64_t row,
                           const ddla_update_step *step) {
  const ddla_state_range *table = ddla_state_range_at(updates->options->state, range);
  const int64_t width = columns_of(table), begin = table->offset + row * width;
  const ddla_update update = span(updates, NULL, begin, begin + width, step);
  const size_t bytes = (size_t)width * sizeof(float);
  memcpy(update.theta_next, update.theta, bytes);
  for (int m = 0; m < DDLA_MOMENTS_MAX && update.moment[m]; m++)
    memcpy(update.moment_next[m], update.moment[m], bytes);
}

/* What is known of a tensor before its sections have been summed. */
static ddla_update_tensor tensor_of(const ddla_updates *updates, int index,
                                    const ddla_update_step *step) {
  const ddla_sync_options *options = updates->options;
  const ddla_state_range *range = ddla_state_range_at(options->state, index);
  ddla_update_tensor tensor = {
      .count = range->count, .rows = rows_of(range), .columns = columns_of(range)};
  if (options->factors < 0) return tensor;
  const float *factors = ddla_state_array(options->state, options->factors, step->step, 0);
  float *factors_next = ddla_state_array(options->state, options->factors, step->step + 1, 0);
  tensor.factors = factors + updates->place[index].factor;
  tensor.factors_next = factors_next + updates->place[index].factor;
  return tensor;
}

/* Mean of count floats, from left to right. */
static double mean_of(const float *values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += (double)values[i];
  return sum / (double)count;
}

static double *sums_at(const ddla_updates *updates, int64_t index) {
  const ddla_sync_options *options = updates->options;
  double *sums = ddla_state_array(options->state, options->section_sums, 0, 0);
  return sums + index * DDLA_SUMS_MAX;
}

/* Sum number `which` over sections [first, first + count), in the fixed tree. */
static double tree_sum(const ddla_updates *updates, int64_t first, int64_t count, int which) {
  if (count == 1) return sums_at(updates, first)[which];
  int64_t half = 1;
  while (2 * half < count) half *= 2;
  return tree_sum(updates, first, half, which) +
         tree_sum(updates, first + half, count - half, which);
}

static void complete(ddla_update_tensor *tensor, const ddla_updates *updates, int index,
                     bool applies) {
  const place *at = &updates->place[index];
  if (!applies && tensor->factors_next && tensor->columns > 0)
    tensor->row_mean = mean_of(tensor->factors_next, tensor->rows);
  for (int i = 0; applies && i < DDLA_SUMS_MAX; i++)
    tensor->sums[i] = tree_sum(updates, at->first_section, at->section_count, i);
}

/* First section that begins at or behind an element. */
static int64_t section_from(const ddla_updates *updates, int64_t element) {
  int64_t low = 0, high = updates->section_count;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (updates->section[middle].begin < element) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Directions, or updates, of all sections in [begin, end). gradient: of these elements, or null. */
static void run_sections(const ddla_updates *updates, const float *gradient, int64_t begin,
                         int64_t end, const ddla_update_step *step) {
  const ddla_optimizer *optimizer = updates->options->optimizer;
  ddla_update_tensor tensor = {0};
  int known = -1;
  for (int64_t i = section_from(updates, begin); i < updates->section_count; i++) {
    const section *part = &updates->section[i];
    if (part->begin >= end) break;
    const ddla_state_range *range = ddla_state_range_at(updates->options->state, part->tensor);
    if (known != part->tensor) {
      tensor = tensor_of(updates, part->tensor, step);
      complete(&tensor, updates, part->tensor, !gradient);
      known = part->tensor;
    }
    ddla_update update = span(updates, gradient ? gradient + (part->begin - begin) : NULL,
                              part->begin, part->end, step);
    update.weight_decay = range->decays ? updates->options->weight_decay : 0;
    update.tensor = &tensor;
    update.at = part->begin - range->offset;
    update.sums = sums_at(updates, i);
    if (gradient) optimizer->direction(&update);
    else optimizer->apply(&update);
  }
}

void ddla_updates_sections(int64_t *first, int64_t *end, const ddla_updates *updates, int64_t from,
                           int64_t to) {
  *first = section_from(updates, from);
  *end = section_from(updates, to);
}

void ddla_updates_run(ddla_updates *updates, const float *gradient, int64_t begin, int64_t end,
                      const ddla_update_step *step) {
  if (is_layered(updates->options->optimizer)) {
    run_sections(updates, gradient, begin, end, step);
    return;
  }
  run_segments(updates, gradient, begin, end, step);
}

void ddla_updates_apply(ddla_updates *updates, int64_t begin, int64_t end,
                        const ddla_update_step *step) {
  if (!is_layered(updates->options->optimizer)) return;
  run_sections(updates, NULL, begin, end, step);
}

/* Items [first, end) of `count` that a worker takes. */
static void share(int64_t *first, int64_t *end, int64_t count, int worker, int workers) {
  *first = count * worker / workers;
  *end = count * (worker + 1) / workers;
}

void ddla_updates_factor(ddla_updates *updates, int worker, const float *gradient,
                         const ddla_update_step *step) {
  const ddla_sync_options *options = updates->options;
  const int workers = ddla_cluster_here(options->cluster) * options->lanes;
  for (int i = 0; i < updates->tensor_count; i++) {
    const ddla_state_range *range = ddla_state_range_at(options->state, i);
    const ddla_update_tensor tensor = tensor_of(updates, i, step);
    ddla_update update =
        span(updates, gradient + range->offset, range->offset, range->offset + range->count, step);
    int64_t first = 0, end = 0;
    update.tensor = &tensor;
    share(&first, &end, tensor.rows, worker, workers);
    if (first < end) options->optimizer->factor(&update, first, end);
    share(&first, &end, tensor.columns, worker, workers);
    if (first < end) options->optimizer->factor(&update, tensor.rows + first, tensor.rows + end);
  }
}
