#include "data/prepared/sealer.h"

#include "data/format.h"
#include "data/test_files.h"

/* What a sealer makes of the numbers of an open set, in pieces of so many bytes, is what the set
 * has. */
static void check(const ddla_dataset *set, size_t piece) {
  const void *const data[DDLA_DATA_STREAMS] = {set->features, set->labels, set->targets};
  const ddla_data_records records = {.type = set->type,
                                     .shape = set->shape,
                                     .count = set->count,
                                     .labelled = set->labels != NULL,
                                     .targets = set->target_count};
  size_t bytes[DDLA_DATA_STREAMS];
  ddla_data_sealer *sealer = NULL;
  uint64_t features_hash = 0;
  ddla_dataset_streams(bytes, set);
  CHECK_OK(ddla_data_sealer_create(&sealer, &records));
  for (int s = 0; s < DDLA_DATA_STREAMS; s++)
    for (size_t at = 0; at < bytes[s]; at += piece)
      ddla_data_sealer_add(sealer, s, (const uint8_t *)data[s] + at,
                           bytes[s] - at < piece ? bytes[s] - at : piece);
  const ddla_data_fingerprint print = ddla_data_sealer_end(&features_hash, sealer, &set->classes);
  assert_true(features_hash == set->features_hash);
  assert_true(print.low == set->fingerprint.low && print.high == set->fingerprint.high);
  ddla_data_sealer_destroy(sealer);
}

static void seals_as_an_open_set(void **state) {
  (void)state;
  static const char *const labels[] = {"1,2,red\n3,4,blue\n5,6.5,red\n", "1,2,3\n4,5,6\n"};
  for (int i = 0; i < 2; i++) {
    ddla_dataset *set = NULL;
    const char *path = write_text(i ? "plain.csv" : "names.csv", labels[i]);
    CHECK_OK(ddla_dataset_open(
        &set, &(ddla_data_source){.path = path, .label_column = i ? "none" : NULL}));
    for (size_t piece = 1; piece < 40; piece += 6) check(set, piece);
    ddla_dataset_close(set);
  }
}

static void seals_targets(void **state) {
  (void)state;
  ddla_dataset *set = NULL;
  const char *path = write_text("targets.jsonl", "{\"label\": 1.5, \"a\": 1, \"b\": 2}\n"
                                                 "{\"label\": 2.5, \"a\": 3, \"b\": 4}\n");
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = path}));
  assert_int_equal(ddla_dataset_targets(set), 1);
  check(set, 5);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(seals_as_an_open_set),
                                     cmocka_unit_test(seals_targets)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
