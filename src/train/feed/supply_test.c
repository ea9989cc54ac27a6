/* Which samples steps take: from the epoch's order, or from streams of replicas' own parts. */
#include "train/feed/supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 103, SHARDS = 7, EPOCHS = 5, MOST = EPOCHS * SAMPLES };

/* A training of which only that is there by which steps find their samples. */
static ddla_training make_training(const ddla_dataset *set, int64_t batch) {
  return (ddla_training){.train = (ddla_dataset *)(uintptr_t)set,
                         .batch = batch,
                         .batches_per_epoch = ddla_batch_count(SAMPLES, batch),
                         .shards = SHARDS,
                         .seed = 6,
                         .lanes = 1,
                         .strategy = ddla_strategy_find("accumulated", "average"),
                         .heterogeneity = ddla_heterogeneity_at(0)};
}

static ddla_dataset *make_set(void) {
  ddla_dataset *set = NULL;
  char path[] = "/tmp/ddla-supply-XXXXXX";
  const int file = mkstemp(path);
  assert_true(file >= 0);
  FILE *table = fdopen(file, "w");
  assert_non_null(table);
  for (int i = 0; i < SAMPLES; i++) fprintf(table, "%d,%d\n", i, i % 4);
  fclose(table);
  const ddla_data_source source = {.path = path, .format = "csv"};
  assert_int_equal(ddla_dataset_open(&set, &source), DDLA_OK);
  remove(path);
  return set;
}

/* All that shards [first, end) take in all steps of some epochs, shard by shard; how many. */
static int64_t take_all(int64_t *out, int64_t *passes, const ddla_training *training, int first,
                        int end, int replica) {
  int64_t taken = 0;
  for (uint64_t t = 0; t < (uint64_t)(EPOCHS * training->batches_per_epoch); t++) {
    const ddla_sync_work work = {.step = t, .first = first, .end = end};
    const ddla_supply supply = ddla_supply_of(training, &work, replica);
    const ddla_batch_span span = ddla_supply_span(training, &work);
    for (int64_t at = span.first, count = 0; at < span.end; at += count) {
      int64_t pass = 0;
      count = ddla_supply_fill(out + taken, &pass, &supply, at, span.end - at);
      assert_true(count >= 1);
      for (int64_t i = 0; i < count; i++) passes[taken + i] = pass;
      taken += count;
    }
  }
  return taken;
}

/* Every sample once in an epoch, by the epoch's order. */
static void shared_data_come_in_the_order_of_the_epoch(void **state) {
  (void)state;
  ddla_dataset *set = make_set();
  for (int64_t batch = 9; batch <= 200; batch = batch * 3 + 1) {
    const ddla_training training = make_training(set, batch);
    static int64_t out[MOST], passes[MOST], wanted[SAMPLES];
    assert_int_equal(take_all(out, passes, &training, 0, SHARDS, 0), MOST);
    for (int64_t e = 0; e < EPOCHS; e++) {
      const ddla_order order = ddla_order_epoch(SAMPLES, training.seed, e);
      ddla_order_fill(wanted, &order, 0, SAMPLES);
      assert_memory_equal(out + e * SAMPLES, wanted, sizeof wanted);
      for (int i = 0; i < SAMPLES; i++) assert_int_equal(passes[e * SAMPLES + i], e);
    }
  }
  ddla_dataset_close(set);
}

/* A replica's steps take one sample of its stream after another, over borders of batches, epochs
 * and passes; all replicas together as many as there are positions. */
static void a_replica_goes_through_its_stream(void **state) {
  (void)state;
  static const int border[] = {0, 2, 3, SHARDS};
  ddla_dataset *set = make_set();
  const ddla_partition_rule rule = {.parts = 3, .seed = 2, .exponent = 2};
  for (int64_t batch = 9; batch <= 200; batch = batch * 3 + 1) {
    ddla_training training = make_training(set, batch);
    int64_t all = 0;
    assert_int_equal(
        ddla_parts_make(&training.parts, set, ddla_partition_find("by-size"), &rule, 0), DDLA_OK);
    for (int r = 0; r < 3; r++) {
      static int64_t out[MOST], passes[MOST];
      const ddla_part_stream stream = ddla_part_stream_of(training.parts, r, false, training.seed);
      const int64_t taken = take_all(out, passes, &training, border[r], border[r + 1], r);
      for (int64_t i = 0; i < taken; i++) {
        int64_t wanted = -1, pass = -1;
        assert_int_equal(ddla_part_stream_fill(&wanted, &pass, &stream, i, 1), 1);
        assert_int_equal(out[i], wanted);
        assert_int_equal(passes[i], pass);
        assert_int_equal(pass, i / training.parts->own[r]);
      }
      all += taken;
    }
    assert_int_equal(all, MOST);
    ddla_parts_destroy(training.parts);
  }
  ddla_dataset_close(set);
}

/* Three hosts of two, one and one agents. */
static const ddla_cluster three = {.hosts = 3, .first = {0, 2, 3, 4}};

/* Synchronous batches: each part's shards take one sample of its stream after another, whatever
 * work they are asked for in; positions are taken once. */
static void a_batch_is_cut_among_parts(void **state) {
  (void)state;
  ddla_dataset *set = make_set();
  const ddla_partition_rule rule = {.parts = 3, .seed = 2, .exponent = 2};
  for (int64_t batch = 9; batch <= 200; batch = batch * 3 + 1)
    for (int files = 0; files < 2; files++) {
      /* of 7 shards, for 4 agents: 1, 2, 2, 2; for 3 parts: 2, 2, 3 */
      static const int border[2][4] = {{0, 2, 4, SHARDS}, {0, 3, 5, SHARDS}};
      ddla_training training = make_training(set, batch);
      training.strategy = ddla_strategy_find("synchronous", "allreduce");
      training.cluster = three;
      training.owned = files ? (ddla_owned *)(uintptr_t)&rule : NULL; /* is not looked into */
      assert_int_equal(
          ddla_parts_make(&training.parts, set, ddla_partition_find("by-size"), &rule, 0), DDLA_OK);
      int64_t all = 0;
      for (int p = 0; p < 3; p++) {
        static int64_t out[MOST], passes[MOST], whole[MOST];
        const ddla_part_stream stream = ddla_part_stream_of(training.parts, p, false, 6);
        const int64_t taken =
            take_all(out, passes, &training, border[files][p], border[files][p + 1], 0);
        for (int64_t i = 0; i < taken; i++) {
          int64_t wanted = -1, pass = -1;
          assert_int_equal(ddla_part_stream_fill(&wanted, &pass, &stream, i, 1), 1);
          assert_int_equal(out[i], wanted);
          assert_int_equal(passes[i], pass);
        }
        all += taken;
        const ddla_sync_work work = ddla_supply_work(&training, 0, p);
        if (files) assert_int_equal(work.first, border[files][p]);
        if (files) assert_int_equal(work.end, border[files][p + 1]);
        assert_int_equal(take_all(whole, passes, &training, 0, SHARDS, p), MOST);
        if (p == 0) assert_int_equal(whole[0], out[0]);
      }
      assert_int_equal(all, MOST);
      ddla_parts_destroy(training.parts);
    }
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shared_data_come_in_the_order_of_the_epoch),
                                     cmocka_unit_test(a_replica_goes_through_its_stream),
                                     cmocka_unit_test(a_batch_is_cut_among_parts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
