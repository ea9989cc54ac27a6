/* Collectives on simulated ranks from random seeds, with crashes at random points: every rank ends
 * with the right result or a named error, and nobody hangs. coll_sim [--seeds N] [--first SEED] */
#include "coll/coll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coll_case.h"
#include "transport/sim.h"

static uint64_t seed_count = 300, seed_first = 1;

enum { CASES = 6, COUNT_MAX = 700 };

typedef struct story {
  uint64_t seed;
  ddla_failure failures[DDLA_TRANSPORT_RANKS_MAX];
} story;

/* The i-th operation of a seed: the same on all ranks. */
static coll_case draw_case(uint64_t seed, int i) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 11, (uint64_t)i));
  coll_case c = {.kind = (ddla_coll_kind)ddla_rng_below(&rng, 6)};
  bool sum = c.kind >= DDLA_COLL_REDUCE_SCATTER;
  c.type = (ddla_coll_type)ddla_rng_below(&rng, sum ? 3 : 4);
  c.count = (int64_t)ddla_rng_below(&rng, ddla_rng_below(&rng, 3) ? 60 : COUNT_MAX);
  c.align = (int64_t)ddla_rng_below(&rng, 3) * 8;
  c.leaves = sum && ddla_rng_below(&rng, 2) ? 8 : 0;
  c.placement = ddla_rng_below(&rng, 6);
  c.seed = ddla_rng_u64(&rng);
  c.memory = (case_memory)ddla_rng_below(&rng, 4);
  c.apply = c.kind == DDLA_COLL_REDUCE_SCATTER && ddla_rng_below(&rng, 2);
  c.use_prepared = ddla_rng_below(&rng, 2);
  return c;
}

static ddla_status run_cases(ddla_transport *transport, story *s) {
  ddla_coll *coll = NULL;
  case_buffers buffers = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, ddla_coll_create(&coll, transport));
  DDLA_TRY_CLEAN(status, case_buffers_init(&buffers, transport, coll, COUNT_MAX));
  for (int i = 0; i < CASES; i++) {
    coll_case c = draw_case(s->seed, i);
    const char *row = NULL;
    status = coll_case_run(&buffers, &c, &row);
    if (status == DDLA_INTERNAL) {
      char words[256];
      coll_case_describe(&c, words, sizeof words);
      DDLA_TRY_CLEAN(status, ddla_status_prefix(status, "%s: ", words));
    }
    DDLA_TRY_CLEAN(status, status);
  }
cleanup:
  if (status != DDLA_OK) ddla_status_take(&s->failures[ddla_transport_rank(transport)], status);
  ddla_coll_destroy(coll);
  case_buffers_fini(&buffers);
  return status;
}

static ddla_status rank_main(ddla_transport *transport, void *argument) {
  return run_cases(transport, argument);
}

static ddla_sim_options draw_options(uint64_t seed) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 12, 0));
  ddla_sim_options o = {.seed = seed, .ranks = 1 + (int)ddla_rng_below(&rng, 7)};
  o.shared = ddla_rng_below(&rng, 2);
  o.crashes = ddla_rng_below(&rng, 2) ? 1 + (int)ddla_rng_below(&rng, 2) : 0;
  o.crash_before = 20 << ddla_rng_below(&rng, 9);
  o.delay_ns_max = 1 + (int64_t)1000 * (1 << ddla_rng_below(&rng, 12));
  o.detect_ns_max = 1 + (int64_t)1000 * (1 << ddla_rng_below(&rng, 15));
  return o;
}

/* What a run may end with: all well, or a crash that the others name. */
static bool well_ended(uint64_t seed, const ddla_sim_options *o, const ddla_sim_result *result,
                       const story *s) {
  bool crashed = false, well = true;
  for (int i = 0; i < o->ranks; i++) crashed = crashed || result->crashed[i];
  for (int i = 0; i < o->ranks; i++) {
    ddla_status expected = result->crashed[i] ? DDLA_CANCELLED : DDLA_PEER_LOST;
    if (result->statuses[i] == DDLA_OK || (crashed && result->statuses[i] == expected)) continue;
    print_error("seed %llu: rank %d of %d: %s: %s\n", (unsigned long long)seed, i, o->ranks,
                ddla_status_name(result->statuses[i]), s->failures[i].text);
    well = false;
  }
  return well;
}

static bool run_seed(uint64_t seed, ddla_sim_result *result, bool *crashed) {
  story s = {.seed = seed};
  ddla_sim_options options = draw_options(seed);
  ddla_status status = ddla_sim_run(&options, result, rank_main, &s);
  for (int i = 0; i < options.ranks; i++) *crashed = *crashed || result->crashed[i];
  if (status == DDLA_OK) return well_ended(seed, &options, result, &s);
  print_error("seed %llu: %s\n", (unsigned long long)seed, ddla_status_message(status));
  return false;
}

static void every_rank_ends(void **state) {
  (void)state;
  int bad = 0, runs_with_crash = 0;
  for (uint64_t seed = seed_first; seed < seed_first + seed_count && bad < 5; seed++) {
    ddla_sim_result result = {0};
    bool crashed = false;
    bad += !run_seed(seed, &result, &crashed);
    runs_with_crash += crashed;
  }
  assert_int_equal(bad, 0);
  assert_true(seed_count < 100 ||
              runs_with_crash > (int)(seed_count / 5)); /* else the faults test nothing */
}

static void seeds_replay(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 10; seed++) {
    ddla_sim_result first = {0}, second = {0};
    bool crashed = false;
    assert_true(run_seed(seed, &first, &crashed));
    assert_true(run_seed(seed, &second, &crashed));
    assert_true(first.virtual_ns == second.virtual_ns && first.switches == second.switches);
  }
}

/* Rank 1 never takes part: a simulated deadlock says who waits for what. */
static ddla_status hang(ddla_transport *transport, void *argument) {
  (void)argument;
  ddla_coll *coll = NULL;
  DDLA_TRY(ddla_coll_create(&coll, transport));
  ddla_status status = ddla_transport_rank(transport) == 1 ? DDLA_OK : ddla_coll_barrier(coll);
  ddla_coll_destroy(coll);
  return status;
}

static void a_deadlock_is_named(void **state) {
  (void)state;
  for (int shared = 0; shared < 2; shared++) {
    ddla_sim_options options = {.ranks = 3, .seed = 5, .shared = shared};
    assert_int_equal(ddla_sim_run(&options, NULL, hang, NULL), DDLA_INTERNAL);
    const char *text = ddla_status_message(DDLA_INTERNAL);
    assert_non_null(strstr(text, "no agent can run"));
    assert_non_null(strstr(text, "agent 0: barrier/"));
    assert_non_null(strstr(text, "agent 1: has ended"));
  }
}

int main(int argc, char **argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--seeds") == 0) seed_count = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--first") == 0) seed_first = strtoull(argv[i + 1], NULL, 10);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rank_ends),
      cmocka_unit_test(seeds_replay),
      cmocka_unit_test(a_deadlock_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
