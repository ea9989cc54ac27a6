#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "state/state.h"
#include "sync/bridge/bridge_layout.h"

static ddla_cluster cluster_of(int hosts, int agents) {
  ddla_cluster made = {.hosts = hosts};
  for (int h = 0; h <= hosts; h++) made.first[h] = agents * h / hosts;
  return made;
}

/* Every shard is in one part, which is a subtree and its host's. */
static void test_parts_cover_the_shards(void **state) {
  (void)state;
  for (int shards = 1; shards <= 40; shards++)
    for (int agents = 1; agents <= shards; agents++)
      for (int hosts = 1; hosts <= agents && hosts <= 7; hosts++) {
        const ddla_cluster cluster = cluster_of(hosts, agents);
        ddla_bridge_layout layout;
        assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, shards, 1, 8192, 0), DDLA_OK);
        int64_t next = 0;
        for (int h = 0; h < hosts; h++) {
          const ddla_bridge_host *host = &layout.host[h];
          assert_int_equal(host->first_shard, next);
          for (int p = 0; p < host->part_count; p++) {
            const ddla_tree_part part = layout.part[host->first_part + p];
            assert_int_equal(part.first, next);
            assert_true(ddla_tree_is_subtree(shards, part));
            next += part.count;
          }
          assert_int_equal(host->end_shard, next);
        }
        assert_int_equal(next, shards);
      }
}

static void test_ranges_cover_the_space_from_the_top(void **state) {
  (void)state;
  static const int64_t spaces[] = {4096, 8192, 12288, 1 << 20, (1 << 20) + 4096, 1 << 26};
  static const int64_t sizes[] = {0, 1, 16384, 100000, 1 << 30};
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 5; k++)
      for (int hosts = 1; hosts <= 9; hosts++) {
        const ddla_cluster cluster = cluster_of(hosts, hosts);
        ddla_bridge_layout layout;
        assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, 16, 1, spaces[i], sizes[k]),
                         DDLA_OK);
        assert_in_range(layout.ranges, 1, DDLA_BRIDGE_RANGES_MAX);
        int64_t end = spaces[i];
        for (int r = 0; r < layout.ranges; r++) {
          int64_t begin = 0, count = 0;
          ddla_bridge_range(&layout, r, &begin, &count);
          assert_true(count > 0);
          assert_int_equal(begin + count, end);
          assert_int_equal(begin % DDLA_STATE_BLOCK, 0);
          assert_int_equal(ddla_bridge_range_down_to(&layout, begin), r);
          assert_int_equal(ddla_bridge_range_down_to(&layout, end - 1), r);
          end = begin;
        }
        assert_int_equal(end, 0);
      }
}

/* Each host has about as many bytes to add up as the others. */
static void test_every_host_owns_as_much(void **state) {
  (void)state;
  for (int hosts = 2; hosts <= 8; hosts++) {
    const ddla_cluster cluster = cluster_of(hosts, hosts);
    int64_t owned[DDLA_HOSTS_MAX] = {0}, least = INT64_MAX, most = 0;
    ddla_bridge_layout layout;
    assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, 8, 1, 25 << 20, 0), DDLA_OK);
    for (int r = 0; r < layout.ranges; r++) {
      int64_t begin = 0, count = 0;
      ddla_bridge_range(&layout, r, &begin, &count);
      owned[ddla_bridge_owner(&layout, r)] += count;
    }
    for (int h = 0; h < hosts; h++) {
      least = owned[h] < least ? owned[h] : least;
      most = owned[h] > most ? owned[h] : most;
    }
    assert_true(least * 100 >= most * 95);
  }
}

static void test_items_are_those_of_the_hosts_workers(void **state) {
  (void)state;
  const ddla_cluster cluster = {.hosts = 3, .first = {0, 2, 3, 7}};
  ddla_bridge_layout layout;
  assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, 16, 2, 4096, 0), DDLA_OK);
  for (int64_t items = 0; items < 50; items++) {
    int64_t next = 0;
    for (int h = 0; h < 3; h++) {
      int64_t first = 0, end = 0;
      ddla_bridge_items(&layout, h, items, &first, &end);
      assert_int_equal(first, next);
      assert_int_equal(first, items * (2 * cluster.first[h]) / 14);
      next = end;
    }
    assert_int_equal(next, items);
  }
}

static void test_too_many_parts_are_refused(void **state) {
  (void)state;
  const ddla_cluster cluster = cluster_of(61, 61);
  ddla_bridge_layout layout;
  assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, 1000, 1, 4096, 0), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "power of two"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts_cover_the_shards),
                                     cmocka_unit_test(test_ranges_cover_the_space_from_the_top),
                                     cmocka_unit_test(test_every_host_owns_as_much),
                                     cmocka_unit_test(test_items_are_those_of_the_hosts_workers),
                                     cmocka_unit_test(test_too_many_parts_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
