#include "data/census.h"

#include "data/test_files.h"

static ddla_dataset *open_text(const char *name, const char *text) {
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = write_text(name, text)}));
  return set;
}

static void numbers_and_classes(void **state) {
  (void)state;
  ddla_dataset *set =
      open_text("a.csv", "1,5,x\n2,5,x\n3,-5,y\n2,5,y\n2,5,x\n1,5,z\n7,5,w\n-1,5,w\n");
  ddla_census census = {0};
  CHECK_OK(ddla_census_of(&census, set));
  assert_int_equal(census.channels, 2);
  assert_true(census.least[0] == -1 && census.most[0] == 7);
  assert_true(census.least[1] == -5 && census.most[1] == 5);
  assert_true(census.mean[1] == 3.75f);
  assert_int_equal(census.classes, 4);
  static const int64_t counts[] = {2, 3, 2, 1}; /* w x y z */
  assert_memory_equal(census.class_counts, counts, sizeof counts);
  /* -(2 * 1/4 log 1/4 + 3/8 log 3/8 + 1/8 log 1/8) */
  assert_true(census.entropy_bits > 1.905638 && census.entropy_bits < 1.905640);
  assert_true(census.compared);
  assert_int_equal(census.repeated, 3);      /* (2, 5) twice more, (1, 5) once more */
  assert_int_equal(census.contradicting, 2); /* y after x, z after x */
  ddla_census_fini(&census);
  ddla_dataset_close(set);
}

static void samples_in_two_parts(void **state) {
  (void)state;
  ddla_dataset *a = open_text("a.csv", "1,0\n2,0\n3,1\n3,1\n");
  ddla_dataset *b = open_text("b.csv", "9,0\n3,0\n3,1\n1,1\n8,0\n");
  ddla_dataset *c = open_text("c.csv", "1,2,0\n3,4,1\n");
  int64_t shared = -1;
  CHECK_OK(ddla_census_shared(&shared, b, a));
  assert_int_equal(shared, 3);
  CHECK_OK(ddla_census_shared(&shared, a, b));
  assert_int_equal(shared, 3);
  CHECK_OK(ddla_census_shared(&shared, a, c));
  assert_int_equal(shared, 0);
  ddla_dataset *const sets[] = {a, b, c};
  for (int i = 0; i < 3; i++) ddla_dataset_close(sets[i]);
}

static void bytes_as_the_model_sees_them(void **state) {
  (void)state;
  size_t length = 0;
  uint8_t *images = idx_bytes(&length, 3, (const uint32_t[]){3, 2, 2}, 10, 10);
  write_file("images-idx3-ubyte", images, length);
  free(images);
  uint8_t *labels = idx_bytes(&length, 1, (const uint32_t[]){3}, 0, 1);
  write_file("labels-idx1-ubyte", labels, length);
  free(labels);
  ddla_dataset *set = NULL;
  ddla_census census = {0};
  CHECK_OK(ddla_dataset_open(&set, &(ddla_data_source){.path = test_path("images-idx3-ubyte")}));
  CHECK_OK(ddla_census_of(&census, set));
  assert_true(census.least[0] == 10 / 255.0 && census.most[0] == 120 / 255.0);
  assert_int_equal(census.repeated, 0);
  ddla_census_fini(&census);
  ddla_dataset_close(set);
}

static void characters_of_a_text(void **state) {
  (void)state;
  ddla_dataset *set = NULL;
  ddla_census census = {0};
  ddla_data_source source = {
      .path = write_text("t.txt", "aabbccdd"), .format = "text", .window = 1};
  CHECK_OK(ddla_dataset_open(&set, &source));
  CHECK_OK(ddla_census_of(&census, set));
  assert_int_equal(census.classes, 4);
  assert_int_equal(census.class_counts[3], 2);
  assert_true(census.entropy_bits == 2.0);
  assert_false(census.compared);
  ddla_census_fini(&census);
  ddla_dataset_close(set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_classes), cmocka_unit_test(samples_in_two_parts),
      cmocka_unit_test(bytes_as_the_model_sees_them), cmocka_unit_test(characters_of_a_text)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
