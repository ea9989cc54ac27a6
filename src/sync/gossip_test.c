/* Hosts with a model each, of which two average at a time. Who swaps with whom when is chance, and
 * so are the bits; what stays, whatever happens, is tested. The same swaps as a plain loop makes
 * them: tests/sim/swaps_test.c. */
#include "sync/turns/test_turns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "sync/turns/swaps.h"

#define CASE                                                                                       \
  {                                                                                                \
    .method = "gossip", .agents = TURNS_HOSTS, .lanes = 1, .shards = 4,                            \
    .steps = GROUP_TOTAL_STEPS, .rule = {.staleness = -1, .meet_every = {GROUP_TOTAL_STEPS, 0}},   \
    .direct = true, .optimizer = "sgd", .samples = {                                               \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16,                                                                                          \
      16                                                                                           \
    }                                                                                              \
  }

static void run_well(turns_run *r) {
  assert_true(turns_run_all(r));
  for (int h = 0; h < r->c->agents; h++)
    if (r->failure[h].code != DDLA_OK) fail_msg("host %d: %s", h, r->failure[h].text);
}

/* Tensors that no weight decay moves. */
static bool stays(int64_t k) {
  for (int i = 0; i < GROUP_RANGES; i++)
    if (k >= group_ranges[i].offset && k < group_ranges[i].offset + group_ranges[i].count)
      return !group_ranges[i].decays;
  return false;
}

static double mean_of(float (*theta)[GROUP_SPACE], int hosts, int64_t k) {
  double sum = 0;
  for (int h = 0; h < hosts; h++) sum += (double)theta[h][k];
  return sum / hosts;
}

/* Sum of squares of what lies between hosts and their mean. */
static double spread_of(float (*theta)[GROUP_SPACE], int hosts) {
  double sum = 0;
  for (int64_t k = 0; k < GROUP_SPACE; k++) {
    const double mean = mean_of(theta, hosts, k);
    for (int h = 0; h < hosts && stays(k); h++)
      sum += ((double)theta[h][k] - mean) * ((double)theta[h][k] - mean);
  }
  return sum;
}

/* Without gradients hosts come nearer to each other, and their mean stays where it was. */
static void swaps_conserve_the_mean(void **state) {
  (void)state;
  for (int hosts = 2; hosts <= TURNS_HOSTS; hosts++)
    for (int threadless = 0; threadless < 2; threadless++) {
      group_case c = CASE;
      c.agents = hosts;
      c.range_bytes = hosts == 3 ? 32 * 1024 : 0;
      turns_run *r = calloc(1, sizeof *r);
      assert_non_null(r);
      r->c = &c;
      r->differ = r->still = true;
      r->threadless = threadless == 1;
      run_well(r);
      for (int64_t k = 0; k < GROUP_SPACE; k++) {
        if (!stays(k)) continue;
        const double before = mean_of(r->began, hosts, k), after = mean_of(r->theta, hosts, k);
        if (fabs(before - after) > 1e-5)
          fail_msg("%d hosts: the mean of element %d was %g and is %g", hosts, (int)k, before,
                   after);
      }
      assert_true(spread_of(r->theta, hosts) < 0.8 * spread_of(r->began, hosts));
      free(r);
    }
}

/* What a host's turns are by plain training, each from the parameters that it was computed with and
 * with the host's own moments: what they add is added to sum. */
static void add_plain_steps(double *sum, const turns_run *r, int host) {
  group_model *model = calloc(1, sizeof *model);
  group_reference *plain = calloc(1, sizeof *plain);
  assert_true(model && plain);
  for (int i = 0; i < r->turns[host]; i++) {
    const turns_read *read = &r->read[host][i];
    memcpy(model->theta, read->theta, sizeof model->theta);
    assert_int_equal(reference_step(model, plain, r->c, read->step), DDLA_OK);
    for (int64_t k = 0; k < GROUP_SPACE; k++)
      sum[k] += (double)model->theta[k] - (double)read->theta[k];
  }
  for (int s = 0; s < GROUP_SHARDS_MAX; s++) ddla_free(plain->gradient[s]);
  free(plain);
  free(model);
}

/* Swaps take from one what they give to the other, so that all models together have gone as far as
 * all plain steps. */
static void steps_are_those_of_plain_training(void **state) {
  (void)state;
  for (int hosts = 2; hosts <= TURNS_HOSTS; hosts++) {
    group_case c = CASE;
    turns_run *r = calloc(1, sizeof *r);
    double *sum = calloc(GROUP_SPACE, sizeof *sum);
    assert_true(r && sum);
    c.agents = hosts;
    r->c = &c;
    r->differ = true;
    run_well(r);
    for (int h = 0; h < hosts; h++) add_plain_steps(sum, r, h);
    for (int64_t k = 0; k < GROUP_SPACE; k++) {
      const double moved = hosts * (mean_of(r->theta, hosts, k) - mean_of(r->began, hosts, k));
      if (fabs(moved - sum[k]) > 1e-5)
        fail_msg("%d hosts: element %d went by %g, in plain steps by %g", hosts, (int)k, moved,
                 sum[k]);
    }
    free(sum);
    free(r);
  }
}

/* The global model is the mean, with the same bits on all; the strategy's number says how far the
 * farthest host is. */
static void the_global_model_is_the_mean(void **state) {
  (void)state;
  group_case c = CASE;
  c.optimizer = "adamw";
  turns_run *r = calloc(1, sizeof *r);
  double farthest = 0;
  assert_non_null(r);
  r->c = &c;
  run_well(r);
  for (int h = 0; h < c.agents; h++) {
    double squares = 0;
    assert_memory_equal(r->global[h], r->global[0], sizeof r->global[0]);
    for (int64_t k = 0; k < GROUP_SPACE; k++) {
      const double d = (double)r->theta[h][k] - (double)r->global[0][k];
      squares += d * d;
      assert_true(fabs(mean_of(r->theta, c.agents, k) - (double)r->global[0][k]) < 1e-5);
    }
    farthest = fmax(farthest, sqrt(squares));
    assert_true(r->number[h] == r->number[0]);
  }
  assert_true(farthest > 0 && fabs(r->number[0] / farthest - 1) < 1e-5);
  free(r);
}

/* Every batch is computed once; a slow host has few of them, and nobody waits for it before the
 * end. */
static void a_slow_host_has_few_turns(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  int turns = 0;
  int64_t samples = 0;
  assert_non_null(r);
  r->c = &c;
  r->slow_host = 3;
  r->slow_ms = 1000;
  run_well(r);
  for (int h = 0; h < c.agents; h++) {
    turns += r->turns[h];
    samples += r->samples[h];
  }
  assert_int_equal(turns, GROUP_TOTAL_STEPS);
  assert_int_equal(samples, 16 * GROUP_TOTAL_STEPS);
  assert_in_range(r->turns[3], 0, 1);
  free(r);
}

/* With staleness 0 a fast host waits for the slow one again and again, which has more than the one
 * turn that it would have else. */
static void a_bound_holds_fast_hosts(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  c.rule.staleness = 0;
  c.agents = 2;
  r->c = &c;
  r->slow_host = 1;
  r->slow_ms = 100;
  run_well(r);
  assert_in_range(r->turns[1], 2, 5);
  free(r);
}

static void a_host_that_fails_ends_the_others(void **state) {
  (void)state;
  group_case c = CASE;
  turns_run *r = calloc(1, sizeof *r);
  assert_non_null(r);
  r->c = &c;
  r->bad_host = 2;
  c.rule.staleness = 0; /* nobody is through before it has its turn */
  assert_true(turns_run_all(r));
  assert_int_equal(r->failure[2].code, DDLA_INVALID);
  for (int h = 0; h < c.agents; h++) assert_int_not_equal(r->failure[h].code, DDLA_OK);
  free(r);
}

/* Whoever swaps with it, or the mean at the end, finds it before it is part of another model. */
static void what_is_no_number_names_its_host(void **state) {
  (void)state;
  for (int hosts = 2; hosts <= TURNS_HOSTS; hosts++)
    for (int threadless = 0; threadless < 2; threadless++) {
      group_case c = CASE;
      turns_run *r = calloc(1, sizeof *r);
      int named = 0;
      assert_non_null(r);
      r->c = &c;
      c.agents = hosts;
      c.rule.staleness = 0; /* nobody is through before it has its turn */
      r->threadless = threadless == 1;
      r->broken_host = hosts - 1;
      assert_true(turns_run_all(r));
      for (int h = 0; h < hosts; h++) {
        char words[64];
        snprintf(words, sizeof words, "the model that host %d gives behind step ", hosts - 1);
        assert_int_not_equal(r->failure[h].code, DDLA_OK);
        named += strstr(r->failure[h].text, words) &&
                 strstr(r->failure[h].text, "is not finite; the last checkpoint is kept");
      }
      if (named == 0) fail_msg("%d hosts: %s", hosts, r->failure[0].text);
      free(r);
    }
}

/* Any other host, each about as often; another one behind another step. */
static void peers_are_all_others(void **state) {
  (void)state;
  enum { DRAWS = 3000, HOSTS = 5 };
  for (int host = 0; host < HOSTS; host++) {
    int drawn[HOSTS] = {0};
    for (uint64_t step = 0; step < DRAWS; step++) {
      const int peer = ddla_swaps_peer(7, step, host, HOSTS);
      assert_in_range(peer, 0, HOSTS - 1);
      drawn[peer]++;
    }
    for (int h = 0; h < HOSTS; h++)
      assert_in_range(drawn[h], h == host ? 0 : DRAWS / 5, h == host ? 0 : DRAWS / 3);
  }
  assert_int_equal(ddla_swaps_peer(7, 3, 0, 2), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(swaps_conserve_the_mean),
                                     cmocka_unit_test(steps_are_those_of_plain_training),
                                     cmocka_unit_test(the_global_model_is_the_mean),
                                     cmocka_unit_test(a_slow_host_has_few_turns),
                                     cmocka_unit_test(a_bound_holds_fast_hosts),
                                     cmocka_unit_test(a_host_that_fails_ends_the_others),
                                     cmocka_unit_test(what_is_no_number_names_its_host),
                                     cmocka_unit_test(peers_are_all_others)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
