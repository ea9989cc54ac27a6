/* Who claims which shard: workers of given speeds on a clock of the test's own. */
#include "sync/sum/claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sync/sum/leaves.h"

enum { WORKERS_MAX = 6, SHARDS_MAX = 100 };

static int64_t now_of(void *argument) { return *(const int64_t *)argument; }

/* A host whose workers take shard_ns for a shard. */
typedef struct host {
  ddla_claims *claims;
  void *memory;
  int64_t now_ns;
  ddla_clock clock;
  int workers, shards;
  int64_t shard_ns[WORKERS_MAX];
} host;

/* What a step came to. */
typedef struct outcome {
  int64_t took_ns;
  int count[SHARDS_MAX], of[WORKERS_MAX]; /* times that a shard was computed; shards of a worker */
  int said_last; /* workers that knew with a claim that it was their last */
} outcome;

static void host_init(host *h, int workers, int shards) {
  *h = (host){.workers = workers, .shards = shards, .now_ns = 1};
  h->clock = (ddla_clock){now_of, &h->now_ns};
  h->memory = aligned_alloc(64, (ddla_claims_bytes(workers, shards) + 63) / 64 * 64);
  assert_non_null(h->memory);
  memset(h->memory, 0, ddla_claims_bytes(workers, shards));
  assert_int_equal(ddla_claims_create(&h->claims, h->memory, workers, shards, &h->clock), DDLA_OK);
}

static void host_fini(host *h) {
  ddla_claims_destroy(h->claims);
  free(h->memory);
}

/* A step: whoever is free first claims next. */
static outcome run_step(host *h, const ddla_claims_step *step) {
  outcome made = {0};
  int64_t free_ns[WORKERS_MAX], start_ns = h->now_ns, end_ns = start_ns;
  bool busy[WORKERS_MAX] = {false}, over[WORKERS_MAX] = {false};
  int active = h->workers;
  for (int w = 0; w < h->workers; w++) {
    ddla_claims_begin(h->claims, w, step);
    free_ns[w] = h->now_ns + w;
  }
  while (active > 0) {
    int w = -1, shard = -1;
    for (int i = 0; i < h->workers; i++)
      if (!over[i] && (w < 0 || free_ns[i] < free_ns[w])) w = i;
    h->now_ns = free_ns[w];
    if (busy[w]) ddla_claims_done(h->claims, w);
    const ddla_claim claim = ddla_claims_next(h->claims, w, &shard);
    busy[w] = claim != DDLA_CLAIM_NONE;
    made.said_last += claim == DDLA_CLAIM_LAST;
    if (!busy[w]) {
      over[w] = true;
      active--;
      continue;
    }
    made.count[shard]++;
    made.of[w]++;
    free_ns[w] = h->now_ns + h->shard_ns[w];
    if (free_ns[w] > end_ns) end_ns = free_ns[w];
  }
  h->now_ns = end_ns;
  made.took_ns = end_ns - start_ns;
  return made;
}

static void every_shard_is_computed_once(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 43, 0));
    const int shards = 1 + (int)ddla_rng_below(&rng, SHARDS_MAX);
    host h;
    host_init(&h, 1 + (int)ddla_rng_below(&rng, WORKERS_MAX), shards);
    for (uint64_t step = 0; step < 12; step++) {
      ddla_claims_step now = {.step = step + (seed << 28), .end = shards};
      now.samples = (int64_t)ddla_rng_below(&rng, (uint64_t)shards * 2);
      if (seed % 3 == 0) now.first = shards / 3;
      for (int w = 0; w < h.workers; w++) h.shard_ns[w] = 1000 << ddla_rng_below(&rng, 5);
      const outcome made = run_step(&h, &now);
      for (int s = 0; s < shards; s++)
        assert_int_equal(made.count[s],
                         s >= now.first && !ddla_leaves_empty(shards, now.samples, s));
    }
    host_fini(&h);
  }
}

static void agents_of_speed_1_1_1_and_a_quarter(void **state) {
  (void)state;
  static const int64_t shard_ns[] = {4000, 1000, 1000, 1000}; /* the slow one asks first */
  const ddla_claims_step step = {.samples = 64, .end = 16};
  outcome made = {0};
  host h;
  host_init(&h, 4, 16);
  memcpy(h.shard_ns, shard_ns, sizeof shard_ns);
  for (uint64_t s = 0; s < 20; s++) {
    ddla_claims_step now = step;
    now.step = s;
    made = run_step(&h, &now);
    if (s >= 8) assert_in_range(made.took_ns, 5000, 5010); /* 16 / 3.25 is 4.92 */
  }
  assert_int_equal(made.of[0], 1);
  host_fini(&h);
}

/* Equal workers all know their last shard. */
static void equal_workers_report_early(void **state) {
  (void)state;
  host h;
  host_init(&h, 4, 16);
  for (int w = 0; w < 4; w++) h.shard_ns[w] = 1000 + 5 * w;
  for (uint64_t s = 0; s < 10; s++) {
    const outcome made = run_step(&h, &(ddla_claims_step){.step = s, .samples = 64, .end = 16});
    if (s >= 4) assert_int_equal(made.said_last, 4);
    for (int w = 0; w < 4; w++) assert_int_equal(made.of[w], 4);
  }
  host_fini(&h);
}

/* A worker that was far slower for a while is tried again, and then does its share. */
static void a_worker_recovers(void **state) {
  (void)state;
  outcome made = {0};
  int idle = 0;
  host h;
  host_init(&h, 2, 8);
  h.shard_ns[0] = h.shard_ns[1] = 1000;
  for (uint64_t s = 0; s < 200; s++) {
    h.shard_ns[1] = s > 5 && s < 60 ? 30000 : 1000;
    made = run_step(&h, &(ddla_claims_step){.step = s, .samples = 64, .end = 8});
    idle += made.of[1] == 0;
  }
  assert_true(idle > 20);
  assert_int_equal(made.of[1], 4);
  host_fini(&h);
}

static void a_choice_follows_from_paces(void **state) {
  (void)state;
  const ddla_claims_pace two[] = {{0, 100}, {50, 100}};
  assert_int_equal(ddla_claims_decide(100, NULL, 0, 3), DDLA_CLAIM_ONE);
  assert_int_equal(ddla_claims_decide(100, NULL, 0, 1), DDLA_CLAIM_LAST);
  assert_int_equal(ddla_claims_decide(0, two, 2, 9), DDLA_CLAIM_ONE);
  assert_int_equal(ddla_claims_decide(100, two, 2, 9), DDLA_CLAIM_ONE);
  assert_int_equal(ddla_claims_decide(100, two, 2, 3), DDLA_CLAIM_LAST); /* they take two at once */
  assert_int_equal(ddla_claims_decide(400, two, 2, 3), DDLA_CLAIM_NONE);
  assert_int_equal(ddla_claims_decide(400, two, 2, 40), DDLA_CLAIM_ONE);
}

static void too_many_workers_are_refused(void **state) {
  (void)state;
  ddla_claims *claims = NULL;
  assert_int_equal(ddla_claims_create(&claims, NULL, 65, 70, NULL), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_shard_is_computed_once),
                                     cmocka_unit_test(agents_of_speed_1_1_1_and_a_quarter),
                                     cmocka_unit_test(equal_workers_report_early),
                                     cmocka_unit_test(a_worker_recovers),
                                     cmocka_unit_test(a_choice_follows_from_paces),
                                     cmocka_unit_test(too_many_workers_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
