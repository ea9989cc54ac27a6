/* Buffers that workers share: with any order of shards the spans that are left make the fixed
 * tree's sum, and the buffers are enough. */
#include "sync/sum/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "sync/sum/leaves.h"

enum { WORKERS_MAX = 8, SHARDS_MAX = 128 };

/* What a buffer holds: a number for each way to bracket a sum; the order of two summands does not
 * matter. */
static uint64_t leaf_of(int shard) { return (uint64_t)(shard + 1) * 0x9E3779B97F4A7C15u; }

static uint64_t sum_of(uint64_t a, uint64_t b) {
  if (a == 0 || b == 0) return a | b; /* nothing is added */
  uint64_t x = (a + b) * 0xBF58476D1CE4E5B9u ^ (a ^ b);
  return (x ^ x >> 31) * 0xD6E8FEB86659FD93u | 1;
}

static uint64_t tree_of(int shards, int64_t samples, ddla_tree_part at) {
  if (at.count == 1)
    return ddla_leaves_empty(shards, samples, (int)at.first) ? 0 : leaf_of((int)at.first);
  const int64_t left = ddla_tree_left(at.count);
  return sum_of(tree_of(shards, samples, (ddla_tree_part){at.first, left}),
                tree_of(shards, samples, (ddla_tree_part){at.first + left, at.count - left}));
}

/* A host while it computes steps. */
typedef struct host {
  ddla_claims *claims;
  ddla_pool *pool;
  void *memory[2];
  int64_t now_ns;
  ddla_clock clock;
  int workers, shards, merges;
  bool direct;
  uint64_t buffer[DDLA_TREE_OPERANDS_MAX];
} host;

static int64_t now_of(void *argument) { return *(const int64_t *)argument; }

static void add(void *argument, int to, int from) {
  host *h = argument;
  h->buffer[to] = sum_of(h->buffer[to], h->buffer[from]);
  h->merges++;
}

static void *zeroed(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  assert_non_null(memory);
  memset(memory, 0, bytes);
  return memory;
}

static void host_init(host *h, int workers, int shards, bool direct, bool parts) {
  *h = (host){.workers = workers, .shards = shards, .direct = direct};
  h->clock = (ddla_clock){now_of, &h->now_ns};
  h->memory[0] = zeroed(ddla_claims_bytes(workers, shards));
  h->memory[1] = zeroed(ddla_pool_bytes(shards));
  const ddla_pool_options options = {.memory = h->memory[1],
                                     .workers = workers,
                                     .shards = shards,
                                     .copies = ddla_pool_copies(shards, workers, parts),
                                     .direct = direct,
                                     .add = add,
                                     .argument = h};
  assert_int_equal(ddla_claims_create(&h->claims, h->memory[0], workers, shards, &h->clock),
                   DDLA_OK);
  assert_int_equal(ddla_pool_create(&h->pool, &options), DDLA_OK);
}

static void host_fini(host *h) {
  ddla_claims_destroy(h->claims);
  ddla_pool_destroy(h->pool);
  free(h->memory[0]);
  free(h->memory[1]);
}

/* A worker begins a shard (true: it has one), or ends the one that it has. */
static bool begin_shard(host *h, int worker) {
  int shard = 0;
  bool accumulate = false;
  if (ddla_claims_next(h->claims, worker, &shard) == DDLA_CLAIM_NONE) return false;
  const int copy = ddla_pool_place(h->pool, worker, shard, &accumulate);
  h->buffer[copy] = accumulate ? sum_of(h->buffer[copy], leaf_of(shard)) : leaf_of(shard);
  return true;
}

static void end_shard(host *h, int worker) {
  ddla_pool_done(h->pool, worker);
  ddla_claims_done(h->claims, worker);
}

/* A step in which workers begin and end shards in random order. */
static void run_step(host *h, const ddla_claims_step *step, ddla_rng *rng) {
  bool busy[WORKERS_MAX] = {false}, over[WORKERS_MAX] = {false};
  int active = h->workers;
  for (int w = 0; w < h->workers; w++) {
    ddla_claims_begin(h->claims, w, step);
    ddla_pool_begin(h->pool, w, step);
  }
  while (active > 0) {
    const int w = (int)ddla_rng_below(rng, (uint64_t)h->workers);
    h->now_ns += 1 + (int64_t)ddla_rng_below(rng, 50);
    if (over[w]) continue;
    if (busy[w]) end_shard(h, w);
    busy[w] = begin_shard(h, w);
    over[w] = !busy[w];
    active -= over[w];
  }
}

/* The sum over [at] that the spans make; they are taken in rising order. */
static uint64_t sum_of_spans(const host *h, const ddla_tree_part *part, const int *copy, int count,
                             ddla_tree_part at) {
  for (int i = 0; i < count; i++)
    if (part[i].first == at.first && part[i].count == at.count) return h->buffer[copy[i]];
  if (at.count == 1) return 0;
  const int64_t left = ddla_tree_left(at.count);
  return sum_of(
      sum_of_spans(h, part, copy, count, (ddla_tree_part){at.first, left}),
      sum_of_spans(h, part, copy, count, (ddla_tree_part){at.first + left, at.count - left}));
}

static void check_step(const host *h, const ddla_claims_step *step) {
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX], whole[DDLA_TREE_OPERANDS_MAX];
  int copy[DDLA_TREE_OPERANDS_MAX];
  const int count = ddla_pool_list(part, copy, h->pool, step->step);
  const int parts = ddla_tree_cut(whole, DDLA_TREE_OPERANDS_MAX, h->shards,
                                  (ddla_tree_part){step->first, step->end - step->first});
  ddla_tree_plan plan;
  assert_int_equal(ddla_tree_plan_make(&plan, h->shards, part, NULL, count), DDLA_OK);
  for (int i = 0; i < parts; i++)
    assert_true(sum_of_spans(h, part, copy, count, whole[i]) ==
                tree_of(h->shards, step->samples, whole[i]));
}

static void any_order_gives_the_trees_sum(void **state) {
  (void)state;
  int merges = 0;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    ddla_rng rng = ddla_rng_make(ddla_rng_key(seed, DDLA_PURPOSE_TEST, 44, 0));
    const int shards = 1 + (int)ddla_rng_below(&rng, SHARDS_MAX);
    const bool parts = seed % 2;
    host h;
    host_init(&h, 1 + (int)ddla_rng_below(&rng, WORKERS_MAX), shards, seed % 3 > 0, parts);
    for (uint64_t step = 0; step < 8; step++) {
      ddla_claims_step now = {.step = step, .end = shards};
      now.samples = (int64_t)(step % 2 ? (uint64_t)shards * 2
                                       : 1 + ddla_rng_below(&rng, (uint64_t)shards * 2));
      if (parts) now.first = (int)ddla_rng_below(&rng, (uint64_t)shards);
      if (parts) now.end -= (int)ddla_rng_below(&rng, (uint64_t)(shards - now.first));
      run_step(&h, &now, &rng);
      check_step(&h, &now);
    }
    merges += h.merges;
    host_fini(&h);
  }
  assert_true(merges > 1000); /* else it is not tested */
}

/* The most spans by trying all sets of leaves that are missing. */
static int spans_without(int leaves, unsigned missing, ddla_tree_part at) {
  const unsigned mask = ((1u << at.count) - 1) << at.first;
  if (!(missing & mask)) return 1;
  if (at.count == 1) return 0;
  const int64_t left = ddla_tree_left(at.count);
  return spans_without(leaves, missing, (ddla_tree_part){at.first, left}) +
         spans_without(leaves, missing, (ddla_tree_part){at.first + left, at.count - left});
}

static void the_most_spans_are_counted(void **state) {
  (void)state;
  for (int leaves = 1; leaves <= 13; leaves++) {
    int most[14] = {0};
    for (unsigned missing = 0; missing < 1u << leaves; missing++) {
      const int holes = __builtin_popcount(missing);
      const int spans = spans_without(leaves, missing, (ddla_tree_part){0, leaves});
      if (spans > most[holes]) most[holes] = spans;
    }
    for (int holes = 0; holes <= leaves; holes++) {
      int up_to = 0;
      for (int i = 0; i <= holes; i++)
        if (most[i] > up_to) up_to = most[i];
      assert_int_equal(ddla_pool_most_spans(leaves, holes), up_to);
    }
  }
}

static void too_many_buffers_are_refused(void **state) {
  (void)state;
  ddla_pool *pool = NULL;
  const ddla_pool_options options = {
      .workers = 40, .shards = 4096, .copies = ddla_pool_copies(4096, 40, false)};
  assert_int_equal(ddla_pool_create(&pool, &options), DDLA_INVALID);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_order_gives_the_trees_sum),
                                     cmocka_unit_test(the_most_spans_are_counted),
                                     cmocka_unit_test(too_many_buffers_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
