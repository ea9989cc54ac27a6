/* For tests of strategies: what an agent of a group holds that trains the model of test_case.h: the
 * rows of its state, and what of them a step leaves. */
#ifndef DDLA_SYNC_TEST_STATE_H
#define DDLA_SYNC_TEST_STATE_H

#include "sync/bridge/bridge_layout.h"
#include "sync/sum/checks.h"
#include "sync/sum/update.h"
#include "sync/test_case.h"

typedef struct group_agent {
  const group_case *c;
  ddla_cluster cluster;
  ddla_transport *link; /* between hosts of one agent each; null: one host has all agents */
  ddla_transport *transport;
  ddla_state *state;
  void *control;
  ddla_sync *sync;
  int lists[2], sums[2], row_norms, checks;
  int theta, moment[DDLA_MOMENTS_MAX], gradients, reduced, block_norms, factors, section_sums,
      average, average_buffers, buffers, statistics;
  int arrays[DDLA_STRATEGY_ARRAYS_MAX], global_buffers, given_buffers, numbers, measures, residual,
      velocity, answer_residual;
  bool threaded;  /* the link is served by a thread */
  bool computing; /* a worker still computes gradients of the step (groups of one lane) */
} group_agent;

static inline const ddla_strategy *group_strategy(const group_case *c) {
  const char *method = c->method ? c->method : "allreduce";
  static const char *const modes[] = {"synchronous", "accumulated", "asynchronous"};
  const ddla_strategy *found = NULL;
  for (int i = 0; i < 3 && !found; i++) found = ddla_strategy_find(modes[i], method);
  return found;
}

static inline ddla_sync_split group_split(const group_case *c, const ddla_cluster *cluster) {
  return (ddla_sync_split){.cluster = cluster,
                           .lanes = c->lanes,
                           .shards = c->shards,
                           .direct = c->direct,
                           .dynamic = c->dynamic};
}

static inline ddla_status group_add_layered_rows(group_agent *a) {
  const ddla_optimizer *optimizer = ddla_optimizer_find(a->c->optimizer);
  ddla_state_row row = {.versions = 2, .copies = 1};
  a->factors = a->section_sums = -1;
  row.name = "factors";
  row.count = ddla_updates_factor_count(a->state, optimizer);
  if (row.count > 0) DDLA_TRY(ddla_state_add(&a->factors, a->state, &row));
  row = (ddla_state_row){.name = "section sums", .dtype = DDLA_F64, .versions = 1, .copies = 1};
  row.count = ddla_updates_sum_count(a->state, optimizer);
  return row.count > 0 ? ddla_state_add(&a->section_sums, a->state, &row) : DDLA_OK;
}

static inline ddla_status group_add_lists(group_agent *a) {
  const ddla_sync_split split = group_split(a->c, &a->cluster);
  const int copies = ddla_sync_list_copies(group_strategy(a->c), &split);
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

/* The running mean has two versions, the equal mean one. */
static inline ddla_status group_add_buffers(group_agent *a) {
  const bool equal = a->c->average_every > 0;
  ddla_state_row row = {.name = "buffers", .versions = 2, .copies = 1, .count = GROUP_BUFFERS};
  a->average = a->average_buffers = -1;
  DDLA_TRY(ddla_state_add(&a->buffers, a->state, &row));
  row = (ddla_state_row){.name = "statistics",
                         .dtype = DDLA_F64,
                         .versions = 1,
                         .copies = a->c->shards,
                         .count = GROUP_RECORDS};
  DDLA_TRY(ddla_state_add(&a->statistics, a->state, &row));
  if (a->c->average_first == 0 && !equal) return DDLA_OK;
  row = (ddla_state_row){
      .name = "average_buffers", .versions = equal ? 1 : 2, .copies = 1, .count = GROUP_BUFFERS};
  DDLA_TRY(ddla_state_add(&a->average_buffers, a->state, &row));
  row.name = "average";
  row.parameter_shaped = true;
  return ddla_state_add(&a->average, a->state, &row);
}

/* Of a strategy with replicas. */
static inline ddla_status group_add_arrays(group_agent *a) {
  const ddla_strategy *strategy = group_strategy(a->c);
  ddla_state_row row = {.parameter_shaped = true, .versions = 1, .copies = 1};
  for (int i = 0; ddla_sync_array_at(strategy, group_heterogeneity(a->c), i); i++) {
    row.name = ddla_sync_array_at(strategy, group_heterogeneity(a->c), i)->name;
    DDLA_TRY(ddla_state_add(&a->arrays[i], a->state, &row));
  }
  a->residual = a->velocity = a->answer_residual = -1;
  row.name = "residual";
  if (a->c->codec) DDLA_TRY(ddla_state_add(&a->residual, a->state, &row));
  row.name = "velocity";
  if (a->c->momentum_correction > 0) DDLA_TRY(ddla_state_add(&a->velocity, a->state, &row));
  row.name = "answer residual";
  if (a->c->codec) DDLA_TRY(ddla_state_add(&a->answer_residual, a->state, &row));
  a->global_buffers = a->given_buffers = a->numbers = a->measures = -1;
  row = (ddla_state_row){.name = "numbers",
                         .dtype = DDLA_F64,
                         .versions = 1,
                         .copies = 1,
                         .count = strategy->number_count};
  if (row.count > 0) DDLA_TRY(ddla_state_add(&a->numbers, a->state, &row));
  row.name = "measures", row.count = 2 * GROUP_BLOCKS + a->cluster.hosts;
  if (strategy->sums) DDLA_TRY(ddla_state_add(&a->measures, a->state, &row));
  if (!strategy->replicated) return DDLA_OK;
  row = (ddla_state_row){
      .name = "global_buffers", .versions = 1, .copies = 1, .count = GROUP_BUFFERS};
  DDLA_TRY(ddla_state_add(&a->global_buffers, a->state, &row));
  row.name = "given_buffers", row.count *= a->cluster.hosts;
  return ddla_state_add(&a->given_buffers, a->state, &row);
}

/* The summed gradient is stored where something of all of it is needed. */
static inline bool group_stores(const group_agent *a) {
  return a->c->clip_norm > 0 || a->factors >= 0;
}

static inline ddla_status group_add_rows(group_agent *a) {
  ddla_optimizer_options options = group_optimizer_options();
  const ddla_strategy *strategy = group_strategy(a->c);
  int moments = ddla_optimizer_moments(ddla_optimizer_find(a->c->optimizer), &options);
  const ddla_sync_split split = group_split(a->c, &a->cluster);
  int copies = ddla_sync_operand_copies(strategy, &split);
  ddla_state_row row = {.name = "theta", .parameter_shaped = true, .versions = 2, .copies = 1};
  DDLA_TRY(ddla_state_add(&a->theta, a->state, &row));
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) {
    row.name = (const char *const[]){"first", "second", "third"}[m];
    a->moment[m] = -1;
    if (m < moments) DDLA_TRY(ddla_state_add(&a->moment[m], a->state, &row));
  }
  row.name = "reduced", row.versions = ddla_sync_reduced_versions(strategy, &a->cluster);
  DDLA_TRY(ddla_state_add(&a->reduced, a->state, &row));
  row = (ddla_state_row){
      .name = "gradients", .count = ddla_state_dense(a->state), .versions = 1, .copies = copies};
  DDLA_TRY(ddla_state_add(&a->gradients, a->state, &row));
  row = (ddla_state_row){
      .name = "norms", .dtype = DDLA_F64, .versions = 1, .copies = 1, .count = GROUP_BLOCKS};
  DDLA_TRY(ddla_state_add(&a->block_norms, a->state, &row));
  DDLA_TRY(group_add_lists(a));
  a->checks = -1;
  row = (ddla_state_row){.name = "checks",
                         .dtype = DDLA_I64,
                         .versions = 1,
                         .copies = ddla_sync_check_copies(strategy, &a->cluster, a->c->lanes),
                         .count = ddla_checks_count(a->state)};
  if (a->c->check_every > 0) DDLA_TRY(ddla_state_add(&a->checks, a->state, &row));
  DDLA_TRY(group_add_layered_rows(a));
  DDLA_TRY(group_add_arrays(a));
  return group_add_buffers(a);
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
  const ddla_sync_split split = group_split(c, cluster);
  size_t control = ddla_sync_control_bytes(group_strategy(c), &split);
  if (status == DDLA_OK) *out = (ddla_state_bytes(a.state) + 63) / 64 * 64 + control;
  ddla_state_destroy(a.state);
  return status;
}

/* An array of the state and its place in the model that a step leaves. */
typedef struct group_part {
  int row; /* -1: not kept */
  size_t place, bytes;
} group_part;

enum { GROUP_PARTS = 5 + DDLA_MOMENTS_MAX };

/* All that is kept. */
static inline void group_list(group_part parts[GROUP_PARTS], const group_agent *a) {
  const int rows[GROUP_PARTS] = {a->theta,     a->buffers,   a->factors,   a->average_buffers,
                                 a->moment[0], a->moment[1], a->moment[2], a->average};
  const size_t places[GROUP_PARTS] = {
      offsetof(group_model, theta),     offsetof(group_model, buffers),
      offsetof(group_model, factors),   offsetof(group_model, average_buffers),
      offsetof(group_model, moment[0]), offsetof(group_model, moment[1]),
      offsetof(group_model, moment[2]), offsetof(group_model, average)};
  for (int i = 0; i < GROUP_PARTS; i++) {
    parts[i] = (group_part){.row = rows[i], .place = places[i]};
    if (rows[i] >= 0)
      parts[i].bytes = (size_t)ddla_state_row_at(a->state, rows[i])->count * sizeof(float);
  }
}

/* What a committed step has left, into a model. */
static inline void group_take(group_model *model, const group_agent *a, uint64_t step) {
  group_part parts[GROUP_PARTS];
  group_list(parts, a);
  for (int i = 0; i < GROUP_PARTS; i++)
    if (parts[i].row >= 0)
      memcpy((char *)model + parts[i].place, ddla_state_array(a->state, parts[i].row, step, 0),
             parts[i].bytes);
}

static inline void group_put(group_agent *a, const group_model *model, uint64_t step) {
  group_part parts[GROUP_PARTS];
  group_list(parts, a);
  for (int i = 0; i < GROUP_PARTS; i++)
    if (parts[i].row >= 0)
      memcpy(ddla_state_array(a->state, parts[i].row, step, 0),
             (const char *)model + parts[i].place, parts[i].bytes);
}

/* The version of the state that is committed now. */
static inline const float *group_array(const group_agent *a, int row, uint64_t step) {
  return ddla_state_array(a->state, row, step, 0);
}

/* A host that has the moments of its ranges alone: they are the model's, and no others were ever
 * written. */
static inline bool group_moments_equal(const group_agent *a, const float *moments,
                                       const float *expected) {
  ddla_bridge_layout layout;
  const ddla_sync_split split = group_split(a->c, &a->cluster);
  bool equal = ddla_bridge_layout_of(&layout, &split, ddla_state_dense(a->state),
                                     a->c->range_bytes) == DDLA_OK;
  for (int r = 0; equal && r < layout.ranges; r++) {
    int64_t begin = 0, count = 0;
    const bool own = ddla_bridge_owner(&layout, r) == a->cluster.host;
    ddla_bridge_range(&layout, r, &begin, &count);
    for (int64_t k = begin; k < begin + count; k++) equal &= moments[k] == (own ? expected[k] : 0);
  }
  return equal;
}

static inline bool group_part_equals(const group_agent *a, const group_part *part, uint64_t step,
                                     const group_model *model) {
  const float *values = group_array(a, part->row, step);
  const float *expected = (const float *)(const void *)((const char *)model + part->place);
  bool moment = false;
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) moment |= part->row == a->moment[m];
  if (moment && ddla_sync_divides(group_strategy(a->c), &a->cluster))
    return group_moments_equal(a, values, expected);
  return memcmp(values, expected, part->bytes) == 0;
}

/* True where the parts of so many versions are the model's, bit for bit. */
static inline bool group_parts_equal(const group_agent *a, uint64_t step, const group_model *model,
                                     int versions) {
  group_part parts[GROUP_PARTS];
  bool equal = true;
  group_list(parts, a);
  for (int i = 0; i < GROUP_PARTS; i++) {
    if (parts[i].row < 0 || ddla_state_row_at(a->state, parts[i].row)->versions != versions)
      continue;
    equal &= group_part_equals(a, &parts[i], step, model);
  }
  return equal;
}

/* True where a's committed version `step` is the model; not looked at: an equal mean, which changes
 * between steps. */
static inline bool group_equals(const group_agent *a, uint64_t step, const group_model *model) {
  return group_parts_equal(a, step, model, 2);
}

/* The same of the equal mean, while nobody writes it. */
static inline bool group_mean_equals(const group_agent *a, const group_model *model) {
  return group_parts_equal(a, 0, model, 1);
}

#endif
