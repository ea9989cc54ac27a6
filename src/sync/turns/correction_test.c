/* Momentum correction (Lin et al. 2018, arXiv:1712.01887, sections 3.1 and 3.3) through the methods
 * that serve ranges. Every host's velocity and residual, and with a staleness of 0 every model, are
 * those of the algorithm written plainly. Who computes what is chance, so that it is taken down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/turns/test_turns.h"

enum { HOSTS = 3, TURNS_MAX = 128, SHARDS = 8, SAMPLES = 24 };

/* What a host has computed, and what of it goes to the servers. */
typedef struct turn {
  uint64_t step;
  int first, end;
  float parameters[GROUP_SPACE], sent[GROUP_SPACE];
} turn;

typedef struct host_log {
  turn *turn[TURNS_MAX];
  int turns;
  float residual[GROUP_SPACE], velocity[GROUP_SPACE]; /* as they were found at the end */
} host_log;

typedef struct logs {
  host_log host[HOSTS];
} logs;

/* Rows are not zero at first, as those of a run that is resumed. */
static float first_residual(int host, int64_t k) {
  return group_in_tensor(k) ? group_noise(501, host, k) : 0;
}

static float first_velocity(int host, int64_t k) {
  return group_in_tensor(k) ? group_noise(502, host, k) : 0;
}

static void take_down(void *argument, const group_agent *a, turns_moment moment,
                      const ddla_sync_work *work) {
  host_log *log = &((logs *)argument)->host[a->cluster.host];
  float *residual = ddla_state_array(a->state, a->residual, 0, 0);
  float *velocity = ddla_state_array(a->state, a->velocity, 0, 0);
  for (int64_t k = 0; moment == TURNS_BEGIN && k < GROUP_SPACE; k++) {
    residual[k] = first_residual(a->cluster.host, k);
    velocity[k] = first_velocity(a->cluster.host, k);
  }
  if (moment == TURNS_END) {
    memcpy(log->residual, residual, sizeof log->residual);
    memcpy(log->velocity, velocity, sizeof log->velocity);
  }
  if (moment != TURNS_TURN) return;
  turn *t = calloc(1, sizeof *t);
  if (!t || log->turns == TURNS_MAX) abort();
  t->step = work->step, t->first = work->first, t->end = work->end;
  memcpy(t->parameters, work->parameters, sizeof t->parameters);
  log->turn[log->turns++] = t;
}

/* ---- the algorithm, plainly ---- */

static float gradient_of(const group_case *c, const turn *t, int first, int end, int64_t k) {
  if (!group_in_tensor(k)) return 0;
  if (end - first == 1)
    return group_gradient(c, t->parameters, t->step, first, group_samples(c, t->step, first), k);
  const int half = first + (int)ddla_tree_left(end - first);
  return gradient_of(c, t, first, half, k) + gradient_of(c, t, half, end, k);
}

/* What clipping makes of a contribution. */
static float factor_of(const group_case *c, const turn *t, const float *gradient) {
  double sums[GROUP_BLOCKS], samples = 0;
  if (c->clip_norm <= 0) return 1;
  for (int s = t->first; s < t->end; s++) samples += (double)group_samples(c, t->step, s);
  ddla_norm_block_sums(sums, gradient, GROUP_SPACE, DDLA_ISA_BEST);
  const double norm = ddla_norm_value(ddla_norm_tree(sums, GROUP_BLOCKS), 1 / samples);
  return (float)ddla_norm_clip(norm, c->clip_norm);
}

typedef struct place {
  float magnitude;
  int64_t k;
} place;

static int by_magnitude(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->magnitude != y->magnitude) return x->magnitude > y->magnitude ? -1 : 1;
  return x->k < y->k ? -1 : 1;
}

/* u = m u + g, v = decay v + u; the largest v of a range leave, and there u and v become 0. */
static void choose(turn *t, float *u, float *v, int64_t begin, int64_t count) {
  static place places[GROUP_SPACE];
  const int64_t chosen = (int64_t)(group_codec_options().topk * (double)count + 0.5);
  for (int64_t i = 0; i < count; i++) {
    places[i].k = begin + i;
    places[i].magnitude = fabsf(v[begin + i]);
  }
  qsort(places, (size_t)count, sizeof *places, by_magnitude);
  for (int64_t i = 0; i < chosen; i++) {
    const int64_t k = places[i].k;
    t->sent[k] = v[k];
    u[k] = v[k] = 0;
  }
}

static void correct(const group_case *c, const ddla_bridge_layout *layout, turn *t, float *u,
                    float *v) {
  static float gradient[GROUP_SPACE];
  const float momentum = (float)c->momentum_correction, decay = (float)group_codec_options().decay;
  for (int64_t k = 0; k < GROUP_SPACE; k++) gradient[k] = gradient_of(c, t, t->first, t->end, k);
  const float factor = factor_of(c, t, gradient);
  for (int64_t k = 0; k < GROUP_SPACE; k++) {
    u[k] = momentum * u[k] + factor * gradient[k];
    v[k] = decay * v[k] + u[k];
  }
  for (int r = 0; r < layout->ranges; r++) {
    int64_t begin = 0, count = 0;
    ddla_bridge_range(layout, r, &begin, &count);
    choose(t, u, v, begin, count);
  }
}

static ddla_bridge_layout layout_of(const group_case *c) {
  ddla_bridge_layout layout;
  ddla_cluster cluster = {.hosts = HOSTS};
  for (int h = 0; h <= HOSTS; h++) cluster.first[h] = h;
  const ddla_sync_split split = group_split(c, &cluster);
  assert_int_equal(ddla_bridge_layout_of(&layout, &split, GROUP_SPACE, c->range_bytes), DDLA_OK);
  assert_true(layout.ranges > HOSTS);
  return layout;
}

/* All hosts' turns once more, and what is kept behind the last of each. */
static void expect_rows(const group_case *c, logs *all) {
  static float residual[GROUP_SPACE], velocity[GROUP_SPACE];
  const ddla_bridge_layout layout = layout_of(c);
  for (int h = 0; h < HOSTS; h++) {
    host_log *log = &all->host[h];
    for (int64_t k = 0; k < GROUP_SPACE; k++) {
      residual[k] = first_residual(h, k);
      velocity[k] = first_velocity(h, k);
    }
    for (int i = 0; i < log->turns; i++) correct(c, &layout, log->turn[i], velocity, residual);
    assert_memory_equal(log->velocity, velocity, sizeof velocity);
    assert_memory_equal(log->residual, residual, sizeof residual);
  }
}

/* ---- the model, where steps are made of what all hosts have sent ---- */

static const turn *turn_of(const logs *all, uint64_t step, int first, int end) {
  for (int h = 0; h < HOSTS; h++)
    for (int i = 0; i < all->host[h].turns; i++) {
      const turn *t = all->host[h].turn[i];
      if (t->step == step && t->first == first && t->end == end) return t;
    }
  return NULL;
}

/* In the fixed tree over shards, in which a turn is a subtree. */
static void add_up(float *sum, const logs *all, uint64_t step, int first, int end) {
  const turn *t = turn_of(all, step, first, end);
  if (t) {
    memcpy(sum, t->sent, sizeof t->sent);
    return;
  }
  assert_true(end - first > 1);
  float *right = calloc(GROUP_SPACE, sizeof *right);
  assert_non_null(right);
  const int half = first + (int)ddla_tree_left(end - first);
  add_up(sum, all, step, first, half);
  add_up(right, all, step, half, end);
  for (int64_t k = 0; k < GROUP_SPACE; k++) sum[k] = sum[k] + right[k];
  free(right);
}

static void update(group_model *model, const group_case *c, const float *sum, int64_t step) {
  const ddla_optimizer_options options = group_optimizer_options();
  const ddla_rate_schedule schedule = group_schedule();
  for (int i = 0; i < GROUP_RANGES; i++) {
    const struct group_range *range = &group_ranges[i];
    float *theta = model->theta + range->offset, *moment = model->moment[0] + range->offset;
    const ddla_update one = {.count = range->count,
                             .gradient = sum + range->offset,
                             .theta = theta,
                             .theta_next = theta,
                             .moment = {moment},
                             .moment_next = {moment},
                             .gradient_scale = 1 / (double)c->samples[step],
                             .learning_rate =
                                 ddla_rate_schedule_at(&schedule, step + 1, GROUP_TOTAL_STEPS),
                             .weight_decay = range->decays ? 0.01 : 0,
                             .step = step + 1,
                             .options = &options};
    ddla_optimizer_find(c->optimizer)->update(&one);
  }
}

static void expect_models(const group_case *c, const turns_run *r, const logs *all) {
  static float sum[GROUP_SPACE];
  group_model *model = calloc(1, sizeof *model);
  assert_non_null(model);
  memcpy(model->theta, r->began[0], sizeof model->theta);
  for (uint64_t step = 0; step < GROUP_TOTAL_STEPS; step++) {
    for (int h = 0; h < HOSTS; h++)
      for (int i = 0; i < all->host[h].turns; i++)
        if (all->host[h].turn[i]->step == step)
          assert_memory_equal(all->host[h].turn[i]->parameters, model->theta, sizeof model->theta);
    add_up(sum, all, step, 0, SHARDS);
    update(model, c, sum, (int64_t)step);
  }
  for (int h = 0; h < HOSTS; h++)
    assert_memory_equal(r->theta[h], model->theta, sizeof model->theta);
  free(model);
}

/* ---- runs ---- */

static group_case case_of(const char *method) {
  group_case c = {.method = method,
                  .codec = "topk",
                  .momentum_correction = 0.875,
                  .agents = HOSTS,
                  .lanes = 1,
                  .shards = SHARDS,
                  .steps = GROUP_TOTAL_STEPS,
                  .range_bytes = 16384,
                  .rule = {.meet_every = {3, 0}},
                  .direct = true,
                  .optimizer = "sgd"};
  for (int i = 0; i < GROUP_STEPS_MAX; i++) c.samples[i] = SAMPLES + i;
  return c;
}

static void check(const group_case *c, bool threadless, bool models) {
  turns_run *r = calloc(1, sizeof *r);
  logs *all = calloc(1, sizeof *all);
  int turns = 0;
  assert_true(r && all);
  *r = (turns_run){.c = c, .threadless = threadless, .told = take_down, .argument = all};
  assert_true(turns_run_all(r));
  for (int h = 0; h < HOSTS; h++) {
    if (r->failure[h].code != DDLA_OK)
      fail_msg("%s: host %d: %s", c->method, h, r->failure[h].text);
    turns += all->host[h].turns;
  }
  assert_true(turns >= GROUP_TOTAL_STEPS);
  expect_rows(c, all);
  if (models) expect_models(c, r, all);
  for (int h = 0; h < HOSTS; h++)
    for (int i = 0; i < all->host[h].turns; i++) free(all->host[h].turn[i]);
  free(all);
  free(r);
}

static void steps_of_all_are_the_plain_algorithm(void **state) {
  (void)state;
  const group_case c = case_of("bounded");
  for (int threadless = 0; threadless < 2; threadless++) check(&c, threadless == 1, true);
}

static void stale_hosts_keep_the_plain_velocity(void **state) {
  (void)state;
  group_case c = case_of("bounded");
  c.rule.staleness = 2;
  check(&c, false, false);
}

static void single_contributions_keep_the_plain_velocity(void **state) {
  (void)state;
  group_case c = case_of("push");
  c.rule.staleness = 1;
  check(&c, false, false);
}

/* What is clipped is the gradient: what is kept of earlier ones has been. */
static void gradients_are_clipped_before(void **state) {
  (void)state;
  group_case c = case_of("push");
  c.rule.staleness = 1;
  c.clip_norm = 0.5;
  check(&c, false, false);
}

/* Shards that come too late were sent all the same. */
static void backup_keeps_the_plain_velocity(void **state) {
  (void)state;
  group_case c = case_of("backup");
  c.rule.backup = 2;
  check(&c, false, false);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(steps_of_all_are_the_plain_algorithm),
                                     cmocka_unit_test(stale_hosts_keep_the_plain_velocity),
                                     cmocka_unit_test(single_contributions_keep_the_plain_velocity),
                                     cmocka_unit_test(gradients_are_clipped_before),
                                     cmocka_unit_test(backup_keeps_the_plain_velocity)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
