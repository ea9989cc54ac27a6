/* For tests of strategies: a group of workers that train the model of test_case.h over a transport:
 * its beginning, and a worker's steps. */
#ifndef DDLA_SYNC_TEST_GROUP_H
#define DDLA_SYNC_TEST_GROUP_H

#include "sync/test_model.h"
#include "sync/test_state.h"

/* Both versions of the table are alike. */
static inline void group_equal_tables(const group_agent *a) {
  const int rows[] = {a->theta, a->moment[0], a->moment[1], a->moment[2]};
  for (int i = 0; i < 1 + DDLA_MOMENTS_MAX && rows[i] >= 0; i++)
    memcpy((float *)ddla_state_array(a->state, rows[i], a->c->start_step + 1, 0) + GROUP_TABLE,
           (const float *)ddla_state_array(a->state, rows[i], a->c->start_step, 0) + GROUP_TABLE,
           (GROUP_SPACE - GROUP_TABLE) * sizeof(float));
}

/* Agent 0 writes what the group begins with; the others see it when they have opened: see
 * group_open. Buffers that never change are in both versions. */
static inline void group_begin(group_agent *a) {
  const uint64_t step = a->c->start_step;
  const size_t bytes = GROUP_BUFFERS * sizeof(float);
  float *buffers = ddla_state_array(a->state, a->buffers, step, 0);
  if (a->c->start) group_put(a, a->c->start, step);
  else group_initialise(ddla_state_array(a->state, a->theta, step, 0), buffers, a->c->sparse);
  if (a->c->sparse) group_equal_tables(a);
  memcpy(ddla_state_array(a->state, a->buffers, step + 1, 0), buffers, bytes);
  if (group_strategy(a->c)->initial)
    group_strategy(a->c)->initial(ddla_state_array(a->state, a->numbers, 0, 0), &a->c->rule);
  if (group_strategy(a->c)->replicated) {
    memcpy(ddla_state_array(a->state, a->global_buffers, 0, 0), buffers, bytes);
    memcpy(ddla_state_array(a->state, a->arrays[0], 0, 0),
           ddla_state_array(a->state, a->theta, step, 0), GROUP_SPACE * sizeof(float));
  }
  if (a->average < 0) return;
  float *average = ddla_state_array(a->state, a->average_buffers, step, 0);
  float *other = ddla_state_array(a->state, a->average_buffers, step + 1, 0);
  if (!a->c->start) memcpy(average, buffers, bytes);
  if (other != average) memcpy(other, average, bytes);
}

/* One agent for each host. */
static inline ddla_cluster group_hosts(const group_case *c, const ddla_transport *link) {
  ddla_cluster made = {.hosts = c->agents, .host = ddla_transport_rank(link)};
  for (int h = 0; h <= c->agents; h++) made.first[h] = h;
  return made;
}

/* Agent 0 begins; the agents of a host meet on a word behind everything else. */
static inline ddla_status group_take_memory(group_agent *a) {
  size_t bytes = 0;
  void *memory = NULL;
  DDLA_TRY(group_bytes(&bytes, a->c, &a->cluster));
  DDLA_TRY(group_make_state(a));
  DDLA_TRY(ddla_transport_alloc(a->transport, &memory, bytes + sizeof(ddla_word), DDLA_MEMORY_ONE));
  ddla_state_bind(a->state, memory);
  a->control = (char *)memory + (ddla_state_bytes(a->state) + 63) / 64 * 64;
  ddla_word *ready = (ddla_word *)(void *)((char *)memory + bytes);
  if (ddla_transport_rank(a->transport) == 0) {
    group_begin(a);
    ddla_transport_word_publish(a->transport, ready, 1);
  }
  return ddla_transport_word_wait(a->transport, ready, 1, -1);
}

/* Takes memory, begins, opens the strategy. link: null, or between hosts that have one agent each.
 */
static inline ddla_status group_open_on(group_agent *a, const group_case *c,
                                        ddla_transport *transport, ddla_transport *link) {
  *a = (group_agent){.c = c, .transport = transport, .link = link, .threaded = a->threaded};
  a->cluster = link ? group_hosts(c, link) : ddla_cluster_single(c->agents);
  DDLA_TRY(group_take_memory(a));
  ddla_sync_options options = {
      .transport = transport,
      .link = link,
      .threadless = !a->threaded,
      .cluster = &a->cluster,
      .lanes = c->lanes,
      .agent = ddla_transport_rank(link ? link : transport),
      .shards = c->shards,
      .range_bytes = c->range_bytes,
      .direct = c->direct,
      .dynamic = c->dynamic,
      .clock = c->clock,
      .start_step = c->start_step,
      .total_steps = GROUP_TOTAL_STEPS,
      .state = a->state,
      .theta = a->theta,
      .moment = {a->moment[0], a->moment[1], a->moment[2]},
      .gradients = a->gradients,
      .lists = {a->lists[0], a->lists[1]},
      .sums = {a->sums[0], a->sums[1]},
      .row_norms = c->clip_norm > 0 ? a->row_norms : -1,
      .reduced = group_stores(a) || (link && !group_strategy(c)->replicated) ? a->reduced : -1,
      .block_norms = c->clip_norm > 0 ? a->block_norms : -1,
      .factors = a->factors,
      .section_sums = a->section_sums,
      .checks = a->checks,
      .check_every = c->check_every,
      .buffers = a->buffers,
      .statistics = a->statistics,
      .statistic = group_statistics,
      .statistic_count = GROUP_STATISTICS,
      .average = c->average_every > 0 ? -1 : a->average,
      .average_buffers = c->average_every > 0 ? -1 : a->average_buffers,
      .average_decay = GROUP_AVERAGE_DECAY,
      .average_first = c->average_first,
      .optimizer = ddla_optimizer_find(c->optimizer),
      .optimizer_options = group_optimizer_options(),
      .schedule = group_schedule(),
      .weight_decay = 0.01,
      .clip_norm = c->clip_norm,
      .global_buffers = a->global_buffers,
      .given_buffers = a->given_buffers,
      .numbers = a->numbers,
      .measures = a->measures,
      .codec = c->codec ? ddla_codec_find(c->codec) : NULL,
      .codec_options = group_codec_options(),
      .residual = a->residual,
      .velocity = a->velocity,
      .answer_residual = a->answer_residual,
      .rule = c->rule,
      .heterogeneity = group_heterogeneity(c),
      .control = a->control};
  options.codec_options.momentum = c->momentum_correction;
  memcpy(options.arrays, a->arrays, sizeof options.arrays);
  return ddla_sync_open(&a->sync, group_strategy(c), &options);
}

static inline ddla_status group_open(group_agent *a, const group_case *c,
                                     ddla_transport *transport) {
  return group_open_on(a, c, transport, NULL);
}

static inline void group_close(group_agent *a) {
  ddla_sync_close(a->sync);
  ddla_state_destroy(a->state);
}

/* The touched rows of a shard, added to its list. */
static inline void group_touch(const group_agent *a, const ddla_sync_leaf *leaf, int shard,
                               uint64_t step, int64_t count) {
  int64_t rows = 0, row[GROUP_ROWS];
  float value[GROUP_ROWS * GROUP_WIDTH];
  const float *theta = group_array(a, a->theta, step);
  const ddla_rows made = {
      .width = GROUP_WIDTH, .capacity = GROUP_ROWS, .count = &rows, .row = row, .value = value};
  for (int64_t r = 0; r < GROUP_ROWS; r++) {
    if (!group_touches(a->c, step, shard, r)) continue;
    for (int64_t k = 0; k < GROUP_WIDTH; k++)
      value[rows * GROUP_WIDTH + k] =
          group_gradient(a->c, theta, step, shard, count, GROUP_TABLE + r * GROUP_WIDTH + k);
    row[rows++] = r;
  }
  if (leaf->accumulate) ddla_rows_merge(&leaf->rows[GROUP_RANGES], &made);
  else ddla_rows_copy(&leaf->rows[GROUP_RANGES], &made);
}

/* A shard's gradient from the space's end to its beginning, as a backward pass makes it. On the
 * simulator a rank may crash between its parts. */
static inline ddla_status group_shard(group_agent *a, int worker, int shard, uint64_t step,
                                      int64_t count) {
  static const int64_t border[] = {GROUP_SPACE, 21072, 9056, 9008, 0};
  const float *theta = group_array(a, a->theta, step);
  ddla_sync_leaf leaf = ddla_sync_leaf_place(a->sync, worker, shard);
  ddla_sync_record record = {.loss = group_loss(a->c, step, shard),
                             .count = (double)count,
                             .correct = count / 2,
                             .samples = count,
                             .agent = ddla_transport_rank(a->transport)};
  ddla_sync_put_record(a->sync, worker, shard, &record);
  group_observe(ddla_state_array(a->state, a->statistics, 0, shard), step,
                a->c->first_shard + shard, count);
  for (int i = 0; i + 1 < GROUP_RANGES + 1; i++) {
    for (int64_t k = border[i + 1]; k < border[i]; k++) {
      if (!group_in_tensor(k)) continue;
      float value = group_gradient(a->c, theta, step, shard, count, k);
      leaf.gradients[k] = leaf.accumulate ? leaf.gradients[k] + value : value;
    }
    if (border[i + 1] == 0 && a->c->sparse) group_touch(a, &leaf, shard, step, count);
    if (leaf.last) ddla_sync_final(a->sync, worker, border[i + 1]);
    DDLA_TRY(ddla_transport_check(a->link ? a->link : a->transport));
  }
  ddla_sync_leaf_done(a->sync, worker, shard);
  return DDLA_OK;
}

static inline ddla_status group_step(ddla_sync_result *out, int *bad_shard, group_agent *a,
                                     int worker) {
  uint64_t step = ddla_sync_committed(a->control);
  int shard = 0;
  if (a->c->lanes == 1) a->computing = true;
  ddla_sync_begin(a->sync, worker, a->c->samples[step % GROUP_STEPS_MAX]);
  while (ddla_sync_claim(a->sync, worker, &shard))
    DDLA_TRY(group_shard(a, worker, shard, step, group_samples(a->c, step, shard)));
  if (a->computing) a->computing = false;
  ddla_sync_final(a->sync, worker, 0);
  return ddla_sync_finish(out, bad_shard, a->sync, worker);
}

#endif
