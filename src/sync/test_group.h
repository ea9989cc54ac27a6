/* For tests of strategies: a group of workers that train the model of test_model.h over a
 * transport: what an agent holds, and a worker's steps. */
#ifndef DDLA_SYNC_TEST_GROUP_H
#define DDLA_SYNC_TEST_GROUP_H

#include "sync/test_model.h"
#include "sync/update.h"

typedef struct group_agent {
  const group_case *c;
  ddla_cluster cluster;
  ddla_transport *link; /* between hosts of one agent each; null: one host has all agents */
  ddla_transport *transport;
  ddla_state *state;
  void *control;
  ddla_sync *sync;
  int lists[2], sums[2], row_norms;
  int theta, moment[DDLA_MOMENTS_MAX], gradients, reduced, block_norms, factors, section_sums,
      average;
  bool computing; /* a worker still computes gradients of the step (groups of one lane) */
} group_agent;

static inline ddla_status group_add_layered_rows(group_agent *a) {
  const ddla_optimizer *optimizer = ddla_optimizer_find(a->c->optimizer);
  ddla_state_row row = {.versions = 2, .copies = 1};
  a->factors = a->section_sums = a->average = -1;
  row.name = "factors";
  row.count = ddla_updates_factor_count(a->state, optimizer);
  if (row.count > 0) DDLA_TRY(ddla_state_add(&a->factors, a->state, &row));
  row.name = "average";
  row.parameter_shaped = true;
  if (a->c->average_first > 0) DDLA_TRY(ddla_state_add(&a->average, a->state, &row));
  row = (ddla_state_row){.name = "section sums", .dtype = DDLA_F64, .versions = 1, .copies = 1};
  row.count = ddla_updates_sum_count(a->state, optimizer);
  return row.count > 0 ? ddla_state_add(&a->section_sums, a->state, &row) : DDLA_OK;
}

static inline ddla_status group_add_lists(group_agent *a, int copies) {
  const int64_t numbers = ddla_state_list_numbers(a->state),
                values = ddla_state_list_values(a->state);
  const int workers = a->c->agents * a->c->lanes;
  ddla_state_row rows[] = {
      {.name = "rows", .dtype = DDLA_I64, .count = numbers, .versions = 1, .copies = copies},
      {.name = "values", .count = values, .versions = 1, .copies = copies},
      {.name = "sums", .dtype = DDLA_I64, .count = numbers, .versions = 2, .copies = workers},
      {.name = "sum values", .count = values, .versions = 1, .copies = workers},
      {.name = "row norms", .dtype = DDLA_F64, .count = numbers, .versions = 1, .copies = workers}};
  int *into[] = {&a->lists[0], &a->lists[1], &a->sums[0], &a->sums[1], &a->row_norms};
  for (int i = 0; i < 5; i++) {
    *into[i] = -1;
    if (numbers > 0) DDLA_TRY(ddla_state_add(into[i], a->state, &rows[i]));
  }
  return DDLA_OK;
}

/* The summed gradient is stored where something of all of it is needed. */
static inline bool group_stores(const group_agent *a) {
  return a->c->clip_norm > 0 || a->factors >= 0;
}

static inline ddla_status group_add_rows(group_agent *a) {
  ddla_optimizer_options options = group_optimizer_options();
  const ddla_strategy *strategy = ddla_strategy_find("synchronous", "allreduce");
  int moments = ddla_optimizer_moments(ddla_optimizer_find(a->c->optimizer), &options);
  int copies =
      ddla_sync_operand_copies(strategy, &a->cluster, a->c->lanes, a->c->shards, a->c->direct);
  ddla_state_row row = {.name = "theta", .parameter_shaped = true, .versions = 2, .copies = 1};
  DDLA_TRY(ddla_state_add(&a->theta, a->state, &row));
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) {
    row.name = (const char *const[]){"first", "second", "third"}[m];
    a->moment[m] = -1;
    if (m < moments) DDLA_TRY(ddla_state_add(&a->moment[m], a->state, &row));
  }
  row = (ddla_state_row){
      .name = "gradients", .count = ddla_state_dense(a->state), .versions = 1, .copies = copies};
  DDLA_TRY(ddla_state_add(&a->gradients, a->state, &row));
  row = (ddla_state_row){.name = "reduced", .parameter_shaped = true, .versions = 1, .copies = 1};
  DDLA_TRY(ddla_state_add(&a->reduced, a->state, &row));
  row = (ddla_state_row){
      .name = "norms", .dtype = DDLA_F64, .versions = 1, .copies = 1, .count = GROUP_BLOCKS};
  DDLA_TRY(ddla_state_add(&a->block_norms, a->state, &row));
  DDLA_TRY(group_add_lists(a, copies));
  return group_add_layered_rows(a);
}

static inline ddla_status group_make_state(group_agent *a) {
  ddla_state_range ranges[GROUP_RANGES + 1] = {{{0}}};
  for (int i = 0; i < GROUP_RANGES; i++)
    ranges[i] =
        (ddla_state_range){.name = {(char)('a' + i)},
                           .shape = ddla_shape_make(group_ranges[i].rank, group_ranges[i].dim),
                           .offset = group_ranges[i].offset,
                           .count = group_ranges[i].count,
                           .decays = group_ranges[i].decays};
  ranges[GROUP_RANGES] = (ddla_state_range){.name = "table",
                                            .shape = DDLA_SHAPE(GROUP_ROWS, GROUP_WIDTH),
                                            .offset = GROUP_TABLE,
                                            .count = GROUP_ROWS * GROUP_WIDTH,
                                            .touched_max = GROUP_ROWS};
  DDLA_TRY(ddla_state_create(&a->state, GROUP_SPACE - 100, ranges,
                             GROUP_RANGES + (a->c->sparse ? 1 : 0)));
  return group_add_rows(a);
}

/* Bytes of common memory for the group. */
static inline ddla_status group_bytes(size_t *out, const group_case *c,
                                      const ddla_cluster *cluster) {
  group_agent a = {.c = c, .cluster = *cluster};
  ddla_status status = group_make_state(&a);
  size_t control = ddla_sync_control_bytes(ddla_strategy_find("synchronous", "allreduce"),
                                           ddla_cluster_here(cluster) * c->lanes, c->shards);
  if (status == DDLA_OK) *out = (ddla_state_bytes(a.state) + 63) / 64 * 64 + control;
  ddla_state_destroy(a.state);
  return status;
}

/* Both versions of the table are alike. */
static inline void group_equal_tables(const group_agent *a) {
  const int rows[] = {a->theta, a->moment[0], a->moment[1], a->moment[2]};
  for (int i = 0; i < 1 + DDLA_MOMENTS_MAX && rows[i] >= 0; i++)
    memcpy((float *)ddla_state_array(a->state, rows[i], a->c->start_step + 1, 0) + GROUP_TABLE,
           (const float *)ddla_state_array(a->state, rows[i], a->c->start_step, 0) + GROUP_TABLE,
           (GROUP_SPACE - GROUP_TABLE) * sizeof(float));
}

/* Agent 0 writes what the group begins with; the others see it when they have opened: see
 * group_open. */
static inline void group_begin(group_agent *a) {
  const group_case *c = a->c;
  float *theta = ddla_state_array(a->state, a->theta, c->start_step, 0);
  if (!c->start[0]) group_initialise(theta, c->sparse);
  if (c->start[0]) memcpy(theta, c->start[0], GROUP_SPACE * sizeof *theta);
  for (int m = 0; m < DDLA_MOMENTS_MAX && a->moment[m] >= 0; m++) {
    float *moment = ddla_state_array(a->state, a->moment[m], c->start_step, 0);
    if (c->start[1 + m]) memcpy(moment, c->start[1 + m], GROUP_SPACE * sizeof *moment);
  }
  if (c->sparse) group_equal_tables(a);
}

/* One agent for each host. */
static inline ddla_cluster group_hosts(const group_case *c, const ddla_transport *link) {
  ddla_cluster made = {.hosts = c->agents, .host = ddla_transport_rank(link)};
  for (int h = 0; h <= c->agents; h++) made.first[h] = h;
  return made;
}

/* Takes memory, begins, opens the strategy. The agents of a host meet on a word behind everything
 * else. link: null, or between hosts that have one agent each. */
static inline ddla_status group_open_on(group_agent *a, const group_case *c,
                                        ddla_transport *transport, ddla_transport *link) {
  size_t bytes = 0;
  void *memory = NULL;
  *a = (group_agent){.c = c, .transport = transport, .link = link};
  a->cluster = link ? group_hosts(c, link) : ddla_cluster_single(c->agents);
  DDLA_TRY(group_bytes(&bytes, c, &a->cluster));
  DDLA_TRY(group_make_state(a));
  DDLA_TRY(ddla_transport_alloc(transport, &memory, bytes + sizeof(ddla_word), DDLA_MEMORY_ONE));
  ddla_state_bind(a->state, memory);
  a->control = (char *)memory + (ddla_state_bytes(a->state) + 63) / 64 * 64;
  ddla_word *ready = (ddla_word *)(void *)((char *)memory + bytes);
  if (ddla_transport_rank(transport) == 0) {
    group_begin(a);
    ddla_transport_word_publish(transport, ready, 1);
  }
  DDLA_TRY(ddla_transport_word_wait(transport, ready, 1, -1));
  const ddla_sync_options options = {.transport = transport,
                                     .link = link,
                                     .threadless = true,
                                     .cluster = &a->cluster,
                                     .lanes = c->lanes,
                                     .agent = ddla_transport_rank(link ? link : transport),
                                     .shards = c->shards,
                                     .direct = c->direct,
                                     .start_step = c->start_step,
                                     .total_steps = GROUP_TOTAL_STEPS,
                                     .state = a->state,
                                     .theta = a->theta,
                                     .moment = {a->moment[0], a->moment[1], a->moment[2]},
                                     .gradients = a->gradients,
                                     .lists = {a->lists[0], a->lists[1]},
                                     .sums = {a->sums[0], a->sums[1]},
                                     .row_norms = c->clip_norm > 0 ? a->row_norms : -1,
                                     .reduced = group_stores(a) || link ? a->reduced : -1,
                                     .block_norms = c->clip_norm > 0 ? a->block_norms : -1,
                                     .factors = a->factors,
                                     .section_sums = a->section_sums,
                                     .average = a->average,
                                     .average_decay = GROUP_AVERAGE_DECAY,
                                     .average_first = c->average_first,
                                     .optimizer = ddla_optimizer_find(c->optimizer),
                                     .optimizer_options = group_optimizer_options(),
                                     .schedule = group_schedule(),
                                     .weight_decay = 0.01,
                                     .clip_norm = c->clip_norm,
                                     .control = a->control};
  return ddla_sync_open(&a->sync, ddla_strategy_find("synchronous", "allreduce"), &options);
}

static inline ddla_status group_open(group_agent *a, const group_case *c,
                                     ddla_transport *transport) {
  return group_open_on(a, c, transport, NULL);
}

static inline void group_close(group_agent *a) {
  ddla_sync_close(a->sync);
  ddla_state_destroy(a->state);
}

/* The version of the state that is committed now. */
static inline const float *group_array(const group_agent *a, int row, uint64_t step) {
  return ddla_state_array(a->state, row, step, 0);
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
  int first = 0, end = 0;
  if (a->c->lanes == 1) a->computing = true;
  ddla_sync_begin(a->sync, worker, a->c->samples[step % GROUP_STEPS_MAX]);
  ddla_sync_shards(a->sync, worker, &first, &end);
  for (int shard = first; shard < end; shard++) {
    int64_t count = group_samples(a->c, step, shard);
    if (count > 0) DDLA_TRY(group_shard(a, worker, shard, step, count));
  }
  if (a->computing) a->computing = false;
  ddla_sync_final(a->sync, worker, 0);
  return ddla_sync_finish(out, bad_shard, a->sync, worker);
}

/* True where a's committed version `step` is the model, bit for bit. */
static inline bool group_equals(const group_agent *a, uint64_t step, const group_model *model) {
  bool equal = memcmp(group_array(a, a->theta, step), model->theta, sizeof model->theta) == 0;
  for (int m = 0; m < DDLA_MOMENTS_MAX && a->moment[m] >= 0; m++)
    equal &=
        memcmp(group_array(a, a->moment[m], step), model->moment[m], sizeof model->moment[m]) == 0;
  if (a->factors >= 0)
    equal &= memcmp(group_array(a, a->factors, step), model->factors,
                    (size_t)ddla_state_row_at(a->state, a->factors)->count * sizeof(float)) == 0;
  if (a->average >= 0 && step > 0)
    equal &= memcmp(group_array(a, a->average, step), model->average, sizeof model->average) == 0;
  return equal;
}

/* NaN equals NaN. */
static inline bool group_same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static inline bool group_results_equal(const ddla_sync_result *a, const ddla_sync_result *b) {
  return a->step == b->step && group_same(a->loss, b->loss) && a->count == b->count &&
         a->learning_rate == b->learning_rate && group_same(a->gradient_norm, b->gradient_norm) &&
         a->correct == b->correct && a->samples == b->samples;
}

#endif
