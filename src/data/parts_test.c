/* Parts that replicas own: lists, streams, weights. */
#include "data/parts.h"

#include "data/test_files.h"

enum { COUNT = 300 };

/* A table with labels and keys. */
static ddla_dataset *open_table(void) {
  char text[COUNT * 32] = "a,who,label\n";
  size_t used = strlen(text);
  ddla_dataset *set = NULL;
  for (int i = 0; i < COUNT; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%d,u%d,%d\n", i, i * i % 23, i % 7);
  const ddla_data_source source = {.path = write_file("parts.csv", text, used),
                                   .key_column = "who"};
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

static ddla_parts *make(const ddla_dataset *set, const char *kind, int parts, double shared) {
  ddla_parts *made = NULL;
  const ddla_partition_rule rule = {
      .parts = parts, .seed = 4, .labels = 3, .alpha = 0.5, .exponent = 1.5};
  const ddla_status status = ddla_parts_make(&made, set, ddla_partition_find(kind), &rule, shared);
  if (status != DDLA_OK) fail_msg("%s", ddla_status_message(status));
  return made;
}

static void every_sample_is_in_one_part(void **state) {
  (void)state;
  ddla_dataset *set = open_table();
  static const char *const kinds[] = {"iid", "by-label", "dirichlet", "by-size", "by-key"};
  for (int k = 0; k < 5; k++) {
    ddla_parts *parts = make(set, kinds[k], 5, 0);
    int seen[COUNT] = {0};
    int32_t owner[COUNT];
    int64_t counts[5 * 7], sum = 0;
    ddla_parts_owners(owner, parts);
    ddla_parts_count(counts, parts, set, 7);
    for (int p = 0; p < 5; p++) {
      assert_int_equal(parts->first[p + 1] - parts->first[p], parts->own[p]);
      for (int64_t at = parts->first[p]; at < parts->first[p + 1]; at++) {
        seen[parts->sample[at]]++;
        assert_int_equal(owner[parts->sample[at]], p);
        if (at > parts->first[p]) assert_true(parts->sample[at] > parts->sample[at - 1]);
        counts[p * 7 + ddla_dataset_label(set, parts->sample[at])]--;
        sum++;
      }
    }
    assert_int_equal(sum, COUNT);
    for (int i = 0; i < COUNT; i++) assert_int_equal(seen[i], 1);
    for (int i = 0; i < 5 * 7; i++) assert_int_equal(counts[i], 0);
    ddla_parts_destroy(parts);
  }
  ddla_dataset_close(set);
}

/* Each part has what is shared once, whoever owns it. */
static void shared_samples_are_in_all_parts(void **state) {
  (void)state;
  ddla_dataset *set = open_table();
  ddla_parts *parts = make(set, "by-size", 4, 0.1), *plain = make(set, "by-size", 4, 0);
  int parts_of[COUNT] = {0}, shared = 0;
  assert_int_equal(parts->shared, 30);
  assert_memory_equal(parts->own, plain->own, 4 * sizeof *parts->own);
  for (int p = 0; p < 4; p++) {
    bool seen[COUNT] = {false};
    assert_memory_equal(parts->sample + parts->first[p], plain->sample + plain->first[p],
                        (size_t)parts->own[p] * sizeof *parts->sample);
    for (int64_t at = parts->first[p]; at < parts->first[p + 1]; at++) {
      assert_false(seen[parts->sample[at]]);
      seen[parts->sample[at]] = true;
      parts_of[parts->sample[at]]++;
    }
  }
  for (int i = 0; i < COUNT; i++) {
    assert_true(parts_of[i] == 1 || parts_of[i] == 4);
    shared += parts_of[i] == 4;
  }
  assert_int_equal(shared, 30);
  assert_true(ddla_parts_fingerprint(parts) != ddla_parts_fingerprint(plain));
  ddla_parts_destroy(plain);
  ddla_parts_destroy(parts);
  ddla_dataset_close(set);
}

/* A pass has every sample of the part once; passes, and parts, have orders of their own. */
static void check_passes(const ddla_part_stream *stream) {
  int64_t first[COUNT], out[COUNT], pass = -1;
  for (int64_t p = 0; p < 3; p++) {
    int seen[COUNT] = {0};
    assert_int_equal(
        ddla_part_stream_fill(out, &pass, stream, p * stream->count, stream->count + 5),
        stream->count);
    assert_int_equal(pass, p);
    for (int64_t i = 0; i < stream->count; i++) seen[out[i]]++;
    for (int64_t i = 0; i < stream->count; i++) assert_int_equal(seen[stream->sample[i]], 1);
    if (p == 0) memcpy(first, out, sizeof first);
    else if (stream->count > 10)
      assert_memory_not_equal(first, out, (size_t)stream->count * sizeof *out);
  }
}

static void streams_go_through_their_part_pass_after_pass(void **state) {
  (void)state;
  ddla_dataset *set = open_table();
  ddla_parts *parts = make(set, "by-size", 6, 0.05);
  for (int p = 0; p < 6; p++)
    for (int shared = 0; shared < 2; shared++) {
      const ddla_part_stream stream = ddla_part_stream_of(parts, p, shared == 1, 8);
      int64_t whole[COUNT], piece[COUNT], pass = 0;
      check_passes(&stream);
      /* Whoever begins in the midst finds the same: a resumed run. */
      ddla_part_stream_fill(whole, &pass, &stream, 2 * stream.count, stream.count);
      const int64_t at = stream.count / 2;
      assert_int_equal(ddla_part_stream_fill(piece, &pass, &stream, 2 * stream.count + at, COUNT),
                       stream.count - at);
      assert_memory_equal(piece, whole + at, (size_t)(stream.count - at) * sizeof *piece);
    }
  ddla_parts_destroy(parts);
  ddla_dataset_close(set);
}

static void weights_add_up_exactly(void **state) {
  (void)state;
  ddla_dataset *set = open_table();
  for (int count = 1; count <= 11; count++) {
    ddla_parts *parts = make(set, "by-size", count, 0);
    double weight[DDLA_PARTS_MAX], sum = 0;
    float rounded = 0;
    ddla_parts_weights(weight, parts);
    for (int p = 0; p < count; p++) {
      const double exact = (double)parts->own[p] * count / COUNT;
      assert_true(weight[p] > exact - 0x1p-17 && weight[p] < exact + 0x1p-17);
      assert_true((double)(float)weight[p] == weight[p]);
      sum += weight[p];
      rounded += (float)weight[p];
    }
    assert_true(sum == count && rounded == (float)count);
    ddla_parts_destroy(parts);
  }
  ddla_parts *equal = make(set, "iid", 6, 0);
  double weight[DDLA_PARTS_MAX];
  ddla_parts_weights(weight, equal);
  for (int p = 0; p < 6; p++) assert_true(weight[p] == 1);
  ddla_parts_destroy(equal);
  ddla_dataset_close(set);
}

/* A view's samples have the labels and keys of those that they are. */
static void views_can_be_divided(void **state) {
  (void)state;
  ddla_dataset *set = open_table(), *train = NULL, *held = NULL;
  assert_int_equal(ddla_dataset_split(&train, &held, set, 0.2, 3), DDLA_OK);
  ddla_parts *parts = make(train, "by-key", 3, 0);
  int owner[23];
  int32_t owners[COUNT];
  for (int k = 0; k < 23; k++) owner[k] = -1;
  ddla_parts_owners(owners, parts);
  for (int64_t i = 0; i < ddla_dataset_count(train); i++) {
    const int key = ddla_dataset_key(train, i);
    if (owner[key] < 0) owner[key] = owners[i];
    assert_int_equal(owner[key], owners[i]);
  }
  ddla_parts_destroy(parts);
  ddla_dataset_close(held);
  ddla_dataset_close(train);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sample_is_in_one_part),
      cmocka_unit_test(shared_samples_are_in_all_parts),
      cmocka_unit_test(streams_go_through_their_part_pass_after_pass),
      cmocka_unit_test(weights_add_up_exactly), cmocka_unit_test(views_can_be_divided)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
