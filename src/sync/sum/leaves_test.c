#include "sync/sum/leaves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "coll/tree.h"

enum { SHARDS_MAX = 16, BUFFERS_MAX = 64 };

/* What a buffer holds: the sum over shards [first, end), or nothing. */
typedef struct held {
  int first, end;
} held;

static void check_shares(int shards, int agents, int lanes) {
  int next = 0, least = shards, most = 0;
  for (int worker = 0; worker < agents * lanes; worker++) {
    int first = -1, end = -1;
    ddla_leaves_share(&first, &end, shards, agents, lanes, worker);
    assert_int_equal(first, next);
    assert_true(end >= first);
    next = end;
    if (worker % lanes == 0) { /* an agent's shards */
      int agent = worker / lanes, agent_end = 0, unused = 0;
      ddla_leaves_share(&unused, &agent_end, shards, agents, lanes, (agent + 1) * lanes - 1);
      if (agent_end - first < least) least = agent_end - first;
      if (agent_end - first > most) most = agent_end - first;
    }
  }
  assert_int_equal(next, shards);
  assert_true(most - least <= 1);
}

static void every_shard_belongs_to_one_worker(void **state) {
  (void)state;
  for (int shards = 1; shards <= SHARDS_MAX; shards++)
    for (int agents = 1; agents <= SHARDS_MAX; agents++)
      for (int lanes = 1; lanes <= 4; lanes++) check_shares(shards, agents, lanes);
}

/* Puts a shard into its buffer; on top of another only if that is its left sibling alone. */
static void put(held *buffer, const ddla_leaves *leaves, int shards, int shard, bool direct) {
  held *place = &buffer[leaves->buffer[shard - leaves->first]];
  if (place->end > place->first) {
    assert_true(direct);
    assert_int_equal(place->end, shard);
    assert_int_equal(place->end - place->first, 1);
    assert_true(ddla_leaves_siblings(shards, place->first, shard, shard + 1));
    place->end = shard + 1;
  } else {
    *place = (held){shard, shard + 1};
  }
}

static void merge(held *buffer, const ddla_leaves_merge *step, int shards) {
  held *to = &buffer[step->to], *from = &buffer[step->from];
  assert_int_equal(to->first, step->to_first);
  assert_int_equal(to->end, step->to_end);
  assert_int_equal(from->first, step->from_first);
  assert_int_equal(from->end, step->from_end);
  assert_int_equal(to->end, from->first);
  assert_true(ddla_leaves_siblings(shards, to->first, to->end, from->end));
  to->end = from->end;
  *from = (held){0, 0};
}

/* What is left: subtrees in rising order that cover the worker's shards, each where the list says.
 */
static void check_rest(const held *buffer, const ddla_leaves *leaves, int shards) {
  int next = leaves->first;
  for (int i = 0; i < leaves->operand_count; i++) {
    const ddla_leaves_operand *operand = &leaves->operand[i];
    assert_int_equal(operand->first, next);
    assert_int_equal(buffer[operand->buffer].first, operand->first);
    assert_int_equal(buffer[operand->buffer].end, operand->end);
    assert_true(ddla_tree_is_subtree(
        shards, (ddla_tree_part){operand->first, operand->end - operand->first}));
    next = operand->end;
  }
  assert_int_equal(next, leaves->end);
}

/* Follows the plan with intervals in the place of gradients. Returns the buffers that it takes. */
static int follow(int shards, int first, int end, bool direct) {
  ddla_leaves leaves = {0};
  held buffer[BUFFERS_MAX] = {{0, 0}};
  int done = 0;
  assert_int_equal(ddla_leaves_create(&leaves, shards, first, end, direct), DDLA_OK);
  assert_true(leaves.buffer_count <= BUFFERS_MAX);
  for (int shard = first; shard < end; shard++) {
    assert_in_range(leaves.buffer[shard - first], 0, leaves.buffer_count - 1);
    put(buffer, &leaves, shards, shard, direct);
    for (; done < leaves.merge_count && leaves.merge[done].after_shard == shard; done++)
      merge(buffer, &leaves.merge[done], shards);
  }
  assert_int_equal(done, leaves.merge_count); /* merges stand in the order of their shards */
  check_rest(buffer, &leaves, shards);
  int buffers = leaves.buffer_count;
  ddla_leaves_destroy(&leaves);
  return buffers;
}

static void every_plan_sums_as_the_tree_does(void **state) {
  (void)state;
  for (int shards = 1; shards <= SHARDS_MAX; shards++)
    for (int first = 0; first < shards; first++)
      for (int end = first; end <= shards; end++) {
        follow(shards, first, end, false);
        follow(shards, first, end, true);
      }
}

static int log2_up(int value) {
  int power = 0;
  while (1 << power < value) power++;
  return power;
}

/* Few buffers however many shards, and however badly a span lies in the tree. 65536 is the most a
 * job may ask for. */
static void places_stay_few(void **state) {
  (void)state;
  static const int sizes[] = {17, 63, 64, 100, 1000, 4099, 65536};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    int shards = sizes[i], bound = log2_up(shards) + DDLA_LEAVES_PREFERRED;
    assert_true(follow(shards, 0, shards, true) <= bound);
    assert_true(follow(shards, 0, shards, false) <= bound);
    assert_true(follow(shards, 1, shards - 1, true) <= bound + log2_up(shards));
    assert_true(follow(shards, 1, shards - 1, false) <= bound + log2_up(shards));
    assert_true(follow(shards, shards / 3, shards, true) <= bound + log2_up(shards));
  }
}

/* Fails the n-th allocation and counts blocks. */
typedef struct failing {
  int until, blocks;
} failing;

static void *allocate(size_t bytes, void *argument) {
  failing *f = argument;
  if (f->until-- == 0) return NULL;
  f->blocks++;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void release(void *block, void *argument) {
  failing *f = argument;
  f->blocks--;
  free(block);
}

static void failing_allocations_leave_nothing(void **state) {
  (void)state;
  for (int n = 0; n < 2; n++) {
    failing f = {.until = n};
    ddla_leaves leaves = {.first = 7};
    ddla_alloc_replace(&(ddla_allocator){allocate, release, &f});
    ddla_status status = ddla_leaves_create(&leaves, 8, 0, 8, true);
    ddla_alloc_replace(NULL);
    assert_int_equal(status, DDLA_NO_MEMORY);
    assert_int_equal(f.blocks, 0);
    assert_int_equal(leaves.first, 7); /* written only on success */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_shard_belongs_to_one_worker),
                                     cmocka_unit_test(every_plan_sums_as_the_tree_does),
                                     cmocka_unit_test(places_stay_few),
                                     cmocka_unit_test(failing_allocations_leave_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
