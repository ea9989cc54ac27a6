/* A loader and its lanes: what comes in which order, who waits for whom, and how it ends. */
#include "train/feed/loader.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { STEPS = 200, SHARDS = 3, PARTS = 2, SAMPLES = 4, LANES = 3, ALL = STEPS * SHARDS * PARTS };

/* A loader whose fill writes what it was asked for. */
typedef struct source {
  uint64_t fails_at;     /* fill fails at this step; 0: never */
  int slow_lane;         /* its micro-batches take long; -1: none's do */
  _Atomic int filled;    /* calls of fill */
  _Atomic bool locked;   /* fill waits until it is not */
  _Atomic uint64_t held; /* from this step on nothing is ready; 0: all is */
} source;

static void pause_ms(int ms) { nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL); }

/* Waits up to 5 s for a count. */
static bool comes_to(const _Atomic int *count, int wanted) {
  for (int i = 0; i < 5000 && atomic_load(count) < wanted; i++) pause_ms(1);
  return atomic_load(count) >= wanted;
}

static bool next(void *argument, int lane, ddla_micro_batch *at) {
  (void)argument;
  (void)lane;
  ddla_micro_batch found = *at;
  if (++found.part == PARTS) found.part = 0, found.shard++;
  if (found.shard == SHARDS) found.shard = 0, found.step++;
  if (found.step == STEPS) return false;
  *at = found;
  return true;
}

static bool is_ready(void *argument, const ddla_micro_batch *at) {
  const uint64_t held = atomic_load(&((source *)argument)->held);
  return held == 0 || at->step < held;
}

static int64_t mark_of(int lane, const ddla_micro_batch *at) {
  return ((lane * 1000 + (int64_t)at->step) * 10 + at->shard) * 10 + at->part;
}

static ddla_status fill(void *argument, int lane, const ddla_micro_batch *at, const ddla_feed *to) {
  source *from = argument;
  if (from->fails_at > 0 && at->step == from->fails_at)
    return DDLA_FAIL(CORRUPT, "block 7 is damaged");
  while (atomic_load(&from->locked)) pause_ms(1);
  if (lane == from->slow_lane) pause_ms(1);
  for (int i = 0; i < SAMPLES; i++) {
    to->indices[i] = mark_of(lane, at) + i;
    ((float *)to->input)[i] = (float)i;
    ((int32_t *)to->label)[i] = lane;
    to->key[i] = -1;
  }
  atomic_fetch_add(&from->filled, 1);
  return DDLA_OK;
}

static ddla_status open_loader(ddla_loader **out, ddla_transport *transport, source *from,
                               int64_t ahead, const ddla_watch *watch) {
  const ddla_loader_options options = {
      .lanes = LANES,
      .ahead = ahead,
      .room = {.samples = SAMPLES, .input_bytes = 4, .label_bytes = 4, .keyed = true},
      .first = {.part = -1},
      .next = next,
      .ready = is_ready,
      .fill = fill,
      .argument = from,
      .transport = transport,
      .watch = watch};
  return ddla_loader_open(out, &options);
}

typedef struct lane_run {
  ddla_loader *loader;
  int lane;
  ddla_data_waits waits;
  int wrong, taken;
  ddla_failure failure;
} lane_run;

static ddla_status take_one(lane_run *run, const ddla_micro_batch *at) {
  const ddla_feed *ready = NULL;
  DDLA_TRY(ddla_loader_take(&ready, run->loader, run->lane, at, &run->waits, NULL));
  if (!ready) return DDLA_FAIL(INTERNAL, "not there");
  for (int i = 0; i < SAMPLES; i++)
    run->wrong += ready->indices[i] != mark_of(run->lane, at) + i ||
                  ((const float *)ready->input)[i] != (float)i ||
                  ((const int32_t *)ready->label)[i] != run->lane || ready->key[i] != -1;
  run->taken++;
  ddla_loader_done(run->loader, run->lane);
  return DDLA_OK;
}

static ddla_status take_all(lane_run *run) {
  ddla_micro_batch at = {.part = -1};
  while (next(NULL, run->lane, &at)) DDLA_TRY(take_one(run, &at));
  return DDLA_OK;
}

static void *lane_main(void *argument) {
  lane_run *run = argument;
  ddla_status status = take_all(run);
  if (status != DDLA_OK) ddla_status_take(&run->failure, status);
  return NULL;
}

/* All lanes take all. */
static void run_lanes(lane_run run[LANES], ddla_loader *loader) {
  pthread_t thread[LANES];
  for (int lane = 0; lane < LANES; lane++) {
    run[lane] = (lane_run){.loader = loader, .lane = lane};
    assert_int_equal(pthread_create(&thread[lane], NULL, lane_main, &run[lane]), 0);
  }
  for (int lane = 0; lane < LANES; lane++) pthread_join(thread[lane], NULL);
}

static void every_lane_gets_its_own_in_order(void **state) {
  static const int64_t aheads[] = {1, 2, 5, 64};
  (void)state;
  for (size_t i = 0; i < sizeof aheads / sizeof aheads[0]; i++) {
    ddla_transport *transport = NULL;
    ddla_loader *loader = NULL;
    source from = {.slow_lane = -1};
    lane_run run[LANES];
    assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
    assert_int_equal(open_loader(&loader, transport, &from, aheads[i], NULL), DDLA_OK);
    run_lanes(run, loader);
    ddla_loader_close(loader);
    for (int lane = 0; lane < LANES; lane++) {
      assert_int_equal(run[lane].failure.code, DDLA_OK);
      assert_int_equal(run[lane].wrong, 0);
      assert_int_equal(
          run[lane].waits.hits[DDLA_TIER_LOADER] + run[lane].waits.waits[DDLA_TIER_LOADER], ALL);
    }
    assert_int_equal(atomic_load(&from.filled), LANES * ALL);
    ddla_transport_close(transport);
  }
}

/* Who is opened makes as many as there is room for, and no more; what is there is no wait. */
static void it_is_ahead_by_so_many(void **state) {
  (void)state;
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  source from = {.slow_lane = -1};
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(open_loader(&loader, transport, &from, 4, NULL), DDLA_OK);
  assert_true(comes_to(&from.filled, 5 * LANES));
  pause_ms(20);
  assert_int_equal(atomic_load(&from.filled), 5 * LANES);
  lane_run run = {.loader = loader, .lane = 1};
  ddla_micro_batch at = {.part = -1};
  for (int i = 0; i < 3; i++) {
    assert_true(next(NULL, 1, &at));
    assert_int_equal(take_one(&run, &at), DDLA_OK);
  }
  assert_true(comes_to(&from.filled, 5 * LANES + 3)); /* half of the queue is free */
  assert_int_equal(run.waits.hits[DDLA_TIER_LOADER], 3);
  assert_int_equal(run.waits.waits[DDLA_TIER_LOADER], 0);
  assert_int_equal(run.waits.ns[DDLA_TIER_LOADER], 0);
  ddla_loader_close(loader);
  ddla_transport_close(transport);
}

/* What is not ready keeps nobody from the rest, and is made when it is, though nobody says so. */
static void it_waits_for_no_lane(void **state) {
  (void)state;
  enum { BEFORE = SHARDS * PARTS };
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  source from = {.slow_lane = -1, .held = 1};
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(open_loader(&loader, transport, &from, BEFORE + 2, NULL), DDLA_OK);
  assert_true(comes_to(&from.filled, BEFORE * LANES));
  pause_ms(20);
  assert_int_equal(atomic_load(&from.filled), BEFORE * LANES);
  atomic_store(&from.held, 0);
  assert_true(comes_to(&from.filled, (BEFORE + 3) * LANES));
  ddla_loader_close(loader);
  ddla_transport_close(transport);
}

/* A lane that takes something else makes that itself, and goes on with what follows. */
static void what_it_was_not_told_of_is_the_lanes(void **state) {
  (void)state;
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  source from = {.slow_lane = -1};
  const ddla_feed *ready = NULL;
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(open_loader(&loader, transport, &from, 2, NULL), DDLA_OK);
  lane_run run = {.loader = loader, .lane = 0};
  const ddla_micro_batch later = {.step = 5, .shard = 1}, before = {.step = 5, .shard = 0},
                         behind = {.step = 5, .shard = 1, .part = 1}, beyond = {.step = STEPS};
  assert_int_equal(take_one(&run, &later), DDLA_OK); /* the ones before are left out */
  assert_int_equal(ddla_loader_take(&ready, loader, 0, &before, &run.waits, NULL), DDLA_OK);
  assert_null(ready);
  assert_int_equal(take_one(&run, &behind), DDLA_OK);
  assert_int_equal(ddla_loader_take(&ready, loader, 0, &beyond, &run.waits, NULL), DDLA_OK);
  assert_null(ready);
  assert_int_equal(run.wrong, 0);
  ddla_loader_close(loader);
  ddla_transport_close(transport);
}

/* What was made before a failure is still good; then every lane that comes is told. */
static void its_failure_is_the_lanes(void **state) {
  (void)state;
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  source from = {.slow_lane = -1, .fails_at = 9};
  lane_run run[LANES];
  int most = 0;
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(open_loader(&loader, transport, &from, 3, NULL), DDLA_OK);
  run_lanes(run, loader);
  ddla_loader_close(loader);
  for (int lane = 0; lane < LANES; lane++) {
    assert_int_equal(run[lane].failure.code, DDLA_CORRUPT);
    assert_string_equal(run[lane].failure.text, "block 7 is damaged");
    assert_int_equal(run[lane].wrong, 0);
    if (run[lane].taken > most) most = run[lane].taken;
  }
  assert_int_equal(most, 9 * SHARDS * PARTS); /* of the lane whose micro-batch failed */
  ddla_transport_close(transport);
}

static void *fail_soon(void *argument) {
  const ddla_failure failure = {.code = DDLA_NON_FINITE, .text = "the loss is nan"};
  pause_ms(20);
  ddla_transport_fail(argument, &failure);
  return NULL;
}

/* A lane that waits for its loader ends when another fails, and so does a loader that is idle. */
static void another_lanes_failure_ends_waits(void **state) {
  (void)state;
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  source from = {.slow_lane = -1, .locked = true};
  pthread_t thread;
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(open_loader(&loader, transport, &from, 2, NULL), DDLA_OK);
  assert_int_equal(pthread_create(&thread, NULL, fail_soon, transport), 0);
  lane_run run = {.loader = loader, .lane = 2};
  assert_int_equal(take_all(&run), DDLA_PEER_LOST);
  assert_string_equal(ddla_status_message(DDLA_PEER_LOST), "the loss is nan");
  pthread_join(thread, NULL);
  atomic_store(&from.locked, false);
  ddla_loader_close(loader);
  ddla_transport_close(transport);
}

/* Waits are counted, and recorded with their tier; the loader records what it is at. */
static void what_both_do_is_recorded(void **state) {
  (void)state;
  ddla_transport *transport = NULL;
  ddla_loader *loader = NULL;
  ddla_watch *watch = NULL;
  source from = {.slow_lane = 0, .locked = true};
  const ddla_watch_options options = {.agents = 1, .lanes = LANES, .shards = 1, .loaders = true};
  assert_int_equal(ddla_transport_open(&transport, "self", NULL), DDLA_OK);
  assert_int_equal(ddla_watch_create(&watch, &options), DDLA_OK);
  ddla_watch_lane pen = ddla_watch_lane_open(watch, 0, 0);
  const ddla_watch_lane loaders = ddla_watch_lane_open(watch, 0, LANES);
  assert_int_equal(open_loader(&loader, transport, &from, 1, watch), DDLA_OK);
  for (int i = 0; i < 5000 && atomic_load(&loaders.head->count) == 0; i++) pause_ms(1);
  assert_int_equal(atomic_load(&loaders.ring[0].what) >> 56, DDLA_PHASE_DATA);
  atomic_store(&from.locked, false);
  lane_run run = {.loader = loader};
  ddla_micro_batch at = {.part = -1};
  for (int i = 0; i < 6; i++) {
    const ddla_feed *ready = NULL;
    assert_true(next(NULL, 0, &at));
    ddla_watch_mark(&pen, DDLA_PHASE_DATA, 0);
    assert_int_equal(ddla_loader_take(&ready, loader, 0, &at, &run.waits, &pen), DDLA_OK);
    assert_non_null(ready);
    ddla_loader_done(loader, 0);
  }
  ddla_watch_mark(&pen, DDLA_PHASE_END, 0);
  assert_true(run.waits.waits[DDLA_TIER_LOADER] > 0);
  assert_true(run.waits.ns[DDLA_TIER_LOADER] > 0);
  assert_int_equal(atomic_load(&pen.head->tier_ns[DDLA_TIER_LOADER]),
                   run.waits.ns[DDLA_TIER_LOADER]);
  assert_int_equal(atomic_load(&pen.head->phase_ns[DDLA_PHASE_SUPPLY]),
                   run.waits.ns[DDLA_TIER_LOADER]);
  ddla_loader_close(loader);
  ddla_watch_destroy(watch);
  ddla_transport_close(transport);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_lane_gets_its_own_in_order),
      cmocka_unit_test(it_is_ahead_by_so_many),
      cmocka_unit_test(it_waits_for_no_lane),
      cmocka_unit_test(what_it_was_not_told_of_is_the_lanes),
      cmocka_unit_test(its_failure_is_the_lanes),
      cmocka_unit_test(another_lanes_failure_ends_waits),
      cmocka_unit_test(what_both_do_is_recorded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
