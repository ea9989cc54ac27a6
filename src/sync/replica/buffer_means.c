#include "sync/replica/buffer_means.h"

#include "coll/tree.h"
#include "optim/finite.h"
#include "sync/turns/given.h"

static bool has_buffers(const ddla_sync_options *options) {
  return options->global_buffers >= 0 && options->statistic_count > 0;
}

static int64_t buffer_count(const ddla_sync_options *options) {
  return ddla_state_row_at(options->state, options->buffers)->count;
}

static float *given_of(const ddla_sync_options *options) {
  return ddla_state_array(options->state, options->given_buffers, 0, 0);
}

void ddla_buffer_means_give(const ddla_sync_options *options, uint64_t step, float weight) {
  if (!has_buffers(options)) return;
  const int64_t count = buffer_count(options);
  float *given = given_of(options) + options->cluster->host * count;
  const float *buffers = ddla_state_array(options->state, options->buffers, step, 0);
  for (int64_t k = 0; k < count; k++) given[k] = buffers[k] * weight;
}

void ddla_buffer_means_add(ddla_agenda *agenda, const ddla_sync_options *options) {
  if (!has_buffers(options)) return;
  agenda->part[agenda->part_count++] = (ddla_sync_part){
      given_of(options), (size_t)buffer_count(options) * sizeof(float), options->cluster->hosts};
}

/* Elements [begin, begin + count) of the mean, which all hosts look at for themselves. */
static ddla_status check_mean(const ddla_sync_options *options, int64_t step, int64_t begin,
                              int64_t count) {
  const float *global = ddla_state_array(options->state, options->global_buffers, 0, 0);
  if (ddla_finite_bad(global + begin, count, DDLA_ISA_BEST) == 0) return DDLA_OK;
  for (int h = 0; h < options->cluster->hosts; h++) {
    const ddla_given given = {DDLA_GIVEN_MODEL, h, step};
    DDLA_TRY(
        ddla_given_check(&given, given_of(options) + h * buffer_count(options) + begin, count));
  }
  const ddla_given mean = {DDLA_GIVEN_MEAN, options->cluster->host, step};
  return ddla_given_check(&mean, global + begin, count);
}

/* Elements [begin, begin + count) become the mean. */
static ddla_status take_mean(const ddla_sync_options *options, uint64_t step, int64_t begin,
                             int64_t count) {
  const int hosts = options->cluster->hosts;
  float *global = ddla_state_array(options->state, options->global_buffers, 0, 0);
  float *buffers = ddla_state_array(options->state, options->buffers, step, 0);
  const void *operands[DDLA_HOSTS_MAX];
  ddla_tree_part part[DDLA_HOSTS_MAX];
  void *outputs[1] = {global + begin};
  for (int h = 0; h < hosts; h++) {
    operands[h] = given_of(options) + h * buffer_count(options) + begin;
    part[h] = (ddla_tree_part){h, 1};
  }
  const ddla_tree_io io = {
      .operands = operands, .outputs = outputs, .output_count = 1, .type = DDLA_COLL_F32};
  DDLA_TRY(ddla_tree_reduce(&io, hosts, part, hosts, count));
  for (int64_t k = begin; k < begin + count; k++) buffers[k] = global[k] = global[k] / (float)hosts;
  return DDLA_OK;
}

ddla_status ddla_buffer_means_take(const ddla_sync_options *options, uint64_t version,
                                   int64_t step) {
  if (!has_buffers(options)) return DDLA_OK;
  for (int i = 0; i < options->statistic_count; i++) {
    const ddla_statistic *statistic = &options->statistic[i];
    const int64_t begin[] = {statistic->mean, statistic->variance};
    for (int k = 0; k < 2; k++) {
      DDLA_TRY(take_mean(options, version, begin[k], statistic->channels));
      DDLA_TRY(check_mean(options, step, begin[k], statistic->channels));
    }
  }
  return DDLA_OK;
}
