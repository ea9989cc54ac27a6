#include "data/batch.h"

#include "data/test_files.h"

static void batches_cover_an_epoch(void **state) {
  (void)state;
  for (int64_t samples = 0; samples <= 70; samples++)
    for (int64_t batch = 1; batch <= 80; batch++) {
      int64_t next = 0, count = ddla_batch_count(samples, batch);
      assert_int_equal(count, (samples + batch - 1) / batch);
      for (int64_t b = 0; b < count; b++) {
        ddla_batch_span span = ddla_batch_positions(samples, batch, b);
        assert_int_equal(span.first, next);
        assert_true(b == count - 1 || ddla_batch_span_count(span) == batch);
        next = span.end;
      }
      assert_int_equal(next, samples);
    }
}

static void shards_cover_a_batch(void **state) {
  (void)state;
  for (int64_t count = 0; count <= 40; count++)
    for (int64_t shards = 1; shards <= 17; shards++) {
      ddla_batch_span whole = {.first = 1000, .end = 1000 + count};
      int64_t next = 1000;
      for (int64_t s = 0; s < shards; s++) {
        ddla_batch_span part = ddla_batch_shard(whole, s, shards);
        assert_int_equal(part.first, next);
        assert_int_equal(part.first, 1000 + s * count / shards);
        assert_in_range(ddla_batch_span_count(part), count / shards, (count + shards - 1) / shards);
        next = part.end;
      }
      assert_int_equal(next, 1000 + count);
      if (count)
        assert_int_equal(ddla_batch_shard_bound(count, shards), (count + shards - 1) / shards);
    }
}

static void known_case(void **state) {
  (void)state;
  assert_int_equal(ddla_batch_count(60000, 128), 469);
  ddla_batch_span last = ddla_batch_positions(60000, 128, 468);
  assert_int_equal(last.first, 59904);
  assert_int_equal(last.end, 60000);
  ddla_batch_span shard =
      ddla_batch_shard((ddla_batch_span){10, 13}, 0, 8); /* 3 samples, 8 shards */
  assert_int_equal(ddla_batch_span_count(shard), 0);
  shard = ddla_batch_shard((ddla_batch_span){10, 13}, 7, 8);
  assert_int_equal(shard.first, 12);
  assert_int_equal(shard.end, 13);
}

static void large_numbers_do_not_overflow(void **state) {
  (void)state;
  int64_t samples = INT64_MAX, batch = INT64_MAX - 1;
  assert_int_equal(ddla_batch_count(samples, batch), 2);
  assert_int_equal(ddla_batch_positions(samples, batch, 1).first, batch);
  assert_int_equal(ddla_batch_positions(samples, batch, 1).end, samples);
  ddla_batch_span part = ddla_batch_shard((ddla_batch_span){0, batch}, 7, 8);
  assert_int_equal(part.first, 8070450532247928830); /* floor(7 * (2^63 - 2) / 8) */
  assert_int_equal(part.end, batch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(batches_cover_an_epoch),
      cmocka_unit_test(shards_cover_a_batch),
      cmocka_unit_test(known_case),
      cmocka_unit_test(large_numbers_do_not_overflow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
