/* What the suites that run the strategy from seeds share: which seeds, what plain training gives
 * for each case, a loop over seeds that counts what happened, and the replay of some of them. */
#ifndef DDLA_TESTS_SIM_SEEDS_H
#define DDLA_TESTS_SIM_SEEDS_H

#include "base/rng.h"
#include "sync/test_group.h"
#include "transport/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* --seeds N, --first SEED */
typedef struct seeds {
  uint64_t count, first;
} seeds;

static inline seeds seeds_read(int argc, char **argv) {
  seeds given = {.count = 200, .first = 1};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--seeds") == 0) given.count = strtoull(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--first") == 0) given.first = strtoull(argv[i + 1], NULL, 10);
  }
  return given;
}

/* What happened in runs: those with crashes, those of them after step 1, those in which shares of
 * shards changed, switches between ranks. */
typedef struct tally {
  int crashes, later, moved, switches;
} tally;

/* One seed's run; false, with words on the terminal, where it ended badly. */
typedef bool seeds_run(uint64_t seed, tally *t);

/* Runs until five have ended badly; fails if any has. */
static inline tally seeds_run_all(const seeds *given, seeds_run *run) {
  tally t = {0};
  int bad = 0;
  for (uint64_t seed = given->first; seed < given->first + given->count && bad < 5; seed++)
    bad += !run(seed, &t);
  print_message("%d of %d runs had crashes, %d of them after step 1\n", t.crashes,
                (int)given->count, t.later);
  assert_int_equal(bad, 0);
  return t;
}

/* Of a third of the runs of several ranks one crashes. `purpose`: the suite's own draws. */
static inline ddla_sim_options seeds_draw_crash(uint64_t seed, int ranks, uint64_t purpose) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, purpose, 0));
  ddla_sim_options o = {.seed = seed, .ranks = ranks};
  o.crashes = ranks > 1 && ddla_rng_below(&rng, 3) == 0 ? 1 : 0;
  o.crash_before = 20 << ddla_rng_below(&rng, 7);
  o.detect_ns_max = 1 + (int64_t)1000 * (1 << ddla_rng_below(&rng, 12));
  return o;
}

static inline bool seeds_crashed(const ddla_sim_result *result, int ranks) {
  bool crashed = false;
  for (int i = 0; i < ranks; i++) crashed = crashed || result->crashed[i];
  return crashed;
}

/* Ranks end well, or, where one crashed, with word of it; what did not is printed. noun: "host". */
static inline bool seeds_well_ended(const ddla_sim_result *result, uint64_t seed, int ranks,
                                    const char *noun, const ddla_failure *failure) {
  const bool crashed = seeds_crashed(result, ranks);
  bool well = true;
  for (int i = 0; i < ranks; i++) {
    ddla_status wanted = result->crashed[i] ? DDLA_CANCELLED : DDLA_PEER_LOST;
    if (result->statuses[i] == DDLA_OK || (crashed && result->statuses[i] == wanted)) continue;
    print_error("seed %llu: %s %d of %d: %s: %s\n", (unsigned long long)seed, noun, i, ranks,
                ddla_status_name(result->statuses[i]), failure[i].text);
    well = false;
  }
  return well;
}

static inline void seeds_replay_some(seeds_run *run) {
  for (uint64_t seed = 1; seed <= 5; seed++) {
    tally first = {0}, second = {0};
    assert_true(run(seed, &first));
    assert_true(run(seed, &second));
    assert_int_equal(first.switches, second.switches);
  }
}

/* expected[i]: [steps + 1] models of plain training of case i, owned by the caller. Not 0: failed.
 */
static inline int seeds_expect(group_model **expected, const group_case *cases, int count) {
  for (int i = 0; i < count; i++) {
    group_case c = cases[i];
    c.agents = c.lanes = 1;
    expected[i] = calloc((size_t)c.steps + 1, sizeof *expected[i]);
    if (!expected[i] || reference_train(expected[i], &c) != DDLA_OK) return -1;
  }
  return 0;
}

static inline ddla_ready seeds_never(void *argument) {
  (void)argument;
  return DDLA_READY_NOTHING;
}

/* Time passes on a host. */
static inline ddla_status seeds_pass_time(ddla_transport *link, int64_t ns) {
  const ddla_waiting waiting = {.ready = seeds_never};
  if (ns < 1000000) return ddla_transport_check(link);
  const ddla_status status = ddla_transport_wait(link, &waiting, ns / 1000000);
  return status == DDLA_TIMEOUT ? DDLA_OK : status;
}

/* Of the bits of a block of the parameter space. */
static inline uint64_t seeds_hash(const float *values) {
  uint64_t hash = 1;
  uint32_t word = 0;
  for (int k = 0; k < DDLA_STATE_BLOCK; k++) {
    memcpy(&word, &values[k], sizeof word);
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15) + (hash >> 29);
  }
  return hash;
}

#endif
