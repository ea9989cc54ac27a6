#include "data/prepared/selection.h"

#include "data/test_files.h"

static ddla_dataset *open_text(const char *name, const char *text) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = write_text(name, text)}));
  return set;
}

/* Read in pieces of so many bytes. */
static void read_all(uint8_t *out, ddla_data_selection *selection, int stream, size_t bytes,
                     size_t piece) {
  for (size_t at = 0; at < bytes; at += piece)
    ddla_data_selection_read(selection, stream, out + at, bytes - at < piece ? bytes - at : piece);
}

static void chosen_samples_come_in_their_order(void **state) {
  (void)state;
  ddla_dataset *set = open_text("rows.csv", "1,2,red\n3,4,blue\n5,6,red\n7,8,green\n");
  const uint8_t chosen[] = {0x0d}; /* all but the second */
  const int32_t renumber[] = {7, 8, 9};
  const float wanted[] = {1, 2, 5, 6, 7, 8};
  assert_int_equal(ddla_data_selection_bytes(set, 0), 8);
  assert_int_equal(ddla_data_selection_bytes(set, 1), 4);
  assert_int_equal(ddla_data_selection_bytes(set, 2), 0);
  for (size_t piece = 1; piece <= 24; piece++) {
    ddla_data_selection selection = {.set = set, .chosen = chosen, .renumber = renumber};
    float features[6];
    int32_t label[3];
    read_all((uint8_t *)features, &selection, 0, sizeof features, piece);
    assert_memory_equal(features, wanted, sizeof features);
    read_all((uint8_t *)label, &selection, 1, sizeof label, piece);
    assert_int_equal(label[0], 7 + ddla_dataset_label(set, 0));
    assert_int_equal(label[1], label[0]);
    assert_int_equal(label[2], 7 + ddla_dataset_label(set, 3));
  }
  ddla_dataset_close(set);
}

static bool is_same(ddla_data_sample_hash a, ddla_data_sample_hash b) {
  return a.low == b.low && a.high == b.high;
}

/* Classes have other numbers in another set: their names count. */
static void a_hash_is_of_content(void **state) {
  (void)state;
  ddla_dataset *one = open_text("one.csv", "1,2,red\n1,2,blue\n1,3,red\n1,2,red\n");
  ddla_dataset *two = open_text("two.csv", "1,2,red\n5,5,amber\n");
  ddla_data_sample_hash a[4], b[2];
  CHECK_OK(ddla_data_sample_hashes(a, one));
  CHECK_OK(ddla_data_sample_hashes(b, two));
  assert_true(is_same(a[0], a[3]) && is_same(a[0], b[0]));
  assert_false(is_same(a[0], a[1]) || is_same(a[0], a[2]) || is_same(b[0], b[1]));
  ddla_dataset_close(one);
  ddla_dataset_close(two);
}

static void targets_count(void **state) {
  (void)state;
  ddla_dataset *set = open_text("targets.jsonl", "{\"label\": 1.5, \"a\": 1, \"b\": 2}\n"
                                                 "{\"label\": 2.5, \"a\": 1, \"b\": 2}\n");
  ddla_data_sample_hash hash[2];
  ddla_data_selection selection = {.set = set};
  float target[2];
  CHECK_OK(ddla_data_sample_hashes(hash, set));
  assert_false(is_same(hash[0], hash[1]));
  read_all((uint8_t *)target, &selection, 2, sizeof target, 3);
  assert_true(target[0] == 1.5F && target[1] == 2.5F);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(chosen_samples_come_in_their_order),
                                     cmocka_unit_test(a_hash_is_of_content),
                                     cmocka_unit_test(targets_count)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
