#include "data/format/jsonl.h"

#include "base/alloc.h"
#include "data/format.h"
#include "data/test_files.h"

static ddla_dataset *open_text(const char *text, ddla_data_source source) {
  ddla_dataset *set = NULL;
  source.path = write_text("table.jsonl", text);
  CHECK_OK(ddla_dataset_open(&set, &source));
  return set;
}

/* expected: [count, numbers of a sample]; labels: [count], null: none */
static void check_set(const ddla_dataset *set, int count, ddla_data_shape shape,
                      const float *expected, const int32_t *labels) {
  const ddla_data_shape found = ddla_dataset_shape(set);
  const int64_t numbers = shape.height * shape.width * shape.channels;
  assert_int_equal(ddla_dataset_count(set), count);
  assert_int_equal(found.height, shape.height);
  assert_int_equal(found.width, shape.width);
  assert_int_equal(found.channels, shape.channels);
  assert_int_equal(ddla_dataset_type(set), DDLA_DATA_FLOAT32);
  for (int i = 0; i < count; i++) {
    assert_memory_equal(ddla_dataset_features(set, i), expected + i * numbers,
                        (size_t)numbers * sizeof *expected);
    assert_int_equal(ddla_dataset_label(set, i), labels ? labels[i] : -1);
  }
}

static const float table[] = {1.5f, -2, 3e4f, 0.25f};
static const ddla_data_shape row_of_two = {1, 1, 2};

static void numbers_and_labels(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{\"a\":1.5,\"b\":-2,\"label\":0}\n{\"a\":3e4,\"b\":0.25,\"label\":2}\n",
      ("\xef\xbb\xbf { \"label\" : 0 , \"b\" : -2.0 , \"a\" : 15e-1 } \r\n\r\n"
       "{\"b\":2.5E-1,\"a\":30000,\"label\":2}"),
      "\n \n{\"\\u0061\":1.5,\"b\":-2,\"label\":0}\n\t\n{\"label\":2,\"b\":0.25,\"a\":3e+4}\n",
      "{\"x\":[1.5,-2],\"label\":0}\n{\"x\":[3e4, 0.250000000000000000000 ],\"label\":\"2\"}\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ddla_dataset *set = open_text(texts[i], (ddla_data_source){0});
    check_set(set, 2, row_of_two, table, (const int32_t[]){0, 2});
    assert_int_equal(ddla_dataset_classes(set), 3);
    ddla_dataset_close(set);
  }
}

/* Keys stand in the order of their bytes whatever a line's order is, or in the one that is given.
 */
static void order_of_features(void **state) {
  (void)state;
  static const char text[] = "{\"b\":[3,4],\"B\":1,\"a10\":2.5,\"label\":\"x\",\"a9\":2}\n"
                             "{\"a9\":20,\"label\":\"w\",\"B\":10,\"b\":[30,40],\"a10\":25}\n";
  ddla_dataset *set = open_text(text, (ddla_data_source){0});
  check_set(set, 2, (ddla_data_shape){1, 1, 5},
            (const float[]){1, 2.5f, 2, 3, 4, 10, 25, 20, 30, 40}, (const int32_t[]){1, 0});
  assert_string_equal(ddla_dataset_class_name(set, 0), "w");
  ddla_dataset_close(set);
  set = open_text(text, (ddla_data_source){.features = "b, B"});
  check_set(set, 2, (ddla_data_shape){1, 1, 3}, (const float[]){3, 4, 1, 30, 40, 10},
            (const int32_t[]){1, 0});
  ddla_dataset_close(set);
}

/* What is not read may be anything that is JSON. */
static void other_keys_are_skipped(void **state) {
  (void)state;
  static const char text[] = "{\"id\":\"\\\"}\\u00e9\\ud83d\\ude00\",\"x\":1.5,\"more\":{\"x\":[1,{"
                             "\"y\":[]},null]},\"y\":-2,"
                             "\"kind\":\"b\",\"big\":1e999}\n"
                             "{\"id\":null,\"x\":3e4,\"more\":[true,false,{}],\"kind\":\"a\",\"y\":"
                             "0.25,\"new\":[[[[[1]]]]]}\n";
  ddla_dataset *set =
      open_text(text, (ddla_data_source){.label_column = "kind", .features = "x,y"});
  check_set(set, 2, row_of_two, table, (const int32_t[]){1, 0});
  ddla_dataset_close(set);
  set = open_text(text, (ddla_data_source){.label_column = "none", .features = " x ,y "});
  check_set(set, 2, row_of_two, table, NULL);
  assert_false(ddla_dataset_labelled(set));
  ddla_dataset_close(set);
}

static void arrays_have_shapes(void **state) {
  (void)state;
  static const float numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  ddla_dataset *set = open_text("{\"image\":[[1,2,3],[4,5,6]],\"label\":1}\n"
                                "{\"image\":[[7,8,9],[10,11,12]],\"label\":0}\n",
                                (ddla_data_source){0});
  check_set(set, 2, (ddla_data_shape){2, 3, 1}, numbers, (const int32_t[]){1, 0});
  ddla_dataset_close(set);
  set = open_text("{\"image\":[[[1,2],[3,4],[5,6]],[[7,8],[9,10],[11,12]]],\"label\":0}\n",
                  (ddla_data_source){0});
  check_set(set, 1, (ddla_data_shape){2, 3, 2}, numbers, (const int32_t[]){0});
  ddla_dataset_close(set);
  set =
      open_text("{\"image\":[1,2,3,4,5,6],\"label\":0}\n{\"image\":[7,8,9,10,11,12],\"label\":0}\n",
                (ddla_data_source){.shape = {.height = 3, .width = 2}});
  check_set(set, 2, (ddla_data_shape){3, 2, 1}, numbers, (const int32_t[]){0, 0});
  ddla_dataset_close(set);
}

/* Numbers with a point and arrays are targets. */
static void targets(void **state) {
  (void)state;
  ddla_dataset *set =
      open_text("{\"x\":1,\"label\":0.5}\n{\"x\":2,\"label\":7}\n", (ddla_data_source){0});
  assert_int_equal(ddla_dataset_targets(set), 1);
  assert_int_equal(ddla_dataset_classes(set), 0);
  assert_true(set->targets[0] == 0.5f && set->targets[1] == 7);
  ddla_dataset_close(set);
  set =
      open_text("{\"x\":1,\"label\":[1,-2.5]}\n{\"x\":2,\"label\":[3,4]}\n", (ddla_data_source){0});
  assert_int_equal(ddla_dataset_targets(set), 2);
  assert_true(set->targets[1] == -2.5f && set->targets[2] == 3);
  ddla_dataset_close(set);
}

static void names_of_classes(void **state) {
  (void)state;
  static const char text[] = "{\"x\":1.5,\"y\":-2,\"label\":\"dog\"}\n"
                             "{\"x\":3e4,\"y\":0.25,\"label\":\"\\u732b\"}\n";
  ddla_dataset *set = open_text(text, (ddla_data_source){0});
  check_set(set, 2, row_of_two, table, (const int32_t[]){0, 1});
  assert_string_equal(ddla_dataset_class_name(set, 1), "\xe7\x8c\xab");
  ddla_dataset_close(set);
  ddla_data_source given = {.class_names = (const char *const[]){"fish", "\xe7\x8c\xab", "dog"},
                            .class_count = 3};
  set = open_text(text, given);
  check_set(set, 2, row_of_two, table, (const int32_t[]){2, 1});
  ddla_dataset_close(set);
}

/* What the reader of tables makes of the same numbers. */
static void same_as_csv(void **state) {
  (void)state;
  static const char lines[] =
      "{\"a\":1.5,\"b\":-2,\"label\":1}\n{\"a\":3e4,\"b\":0.25,\"label\":0}";
  ddla_dataset *set[2] = {NULL, NULL};
  ddla_data_source source = {.path = write_text("same.csv", "1.5,-2,1\n3e4,.25,0\n")};
  CHECK_OK(ddla_dataset_open(&set[0], &source));
  source.path = write_gzip("same.gz", lines, sizeof lines - 1);
  source.format = "jsonl";
  CHECK_OK(ddla_dataset_open(&set[1], &source));
  const ddla_data_fingerprint a = ddla_dataset_fingerprint(set[0]),
                              b = ddla_dataset_fingerprint(set[1]);
  assert_true(a.low == b.low && a.high == b.high);
  ddla_dataset_close(set[0]);
  ddla_dataset_close(set[1]);
}

static void is_found_by_name_or_content(void **state) {
  (void)state;
  static const char text[] = "\xef\xbb\xbf \n{\"a\":1,\"label\":0}\n";
  static const char *const names[] = {"a.jsonl", "b.ndjson", "c.txt", "d"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ddla_dataset *set = NULL;
    ddla_data_source source = {.path = write_text(names[i], text)};
    CHECK_OK(ddla_dataset_open(&set, &source));
    assert_int_equal(ddla_dataset_count(set), 1);
    ddla_dataset_close(set);
  }
}

/* A line of 100 MB is read: it takes no memory but that of the file and of its numbers. */
static void a_long_line_is_read(void **state) {
  (void)state;
  const size_t numbers = 1 << 24, room = 100000000;
  char *text = malloc(room);
  assert_non_null(text);
  size_t used = (size_t)snprintf(text, room, "{\"label\":1,\"x\":[");
  for (size_t i = 0; i < numbers; i++) {
    memcpy(text + used, "0.25,", 5);
    used += 5;
  }
  text[used - 1] = ']';
  memset(text + used, ' ', room - used);
  text[room - 2] = '}', text[room - 1] = '\n';
  ddla_data_source source = {.path = write_file("long.jsonl", text, room)};
  ddla_dataset *set = NULL;
  CHECK_OK(ddla_dataset_open(&set, &source));
  assert_int_equal(ddla_dataset_shape(set).channels, numbers);
  const float *features = ddla_dataset_features(set, 0);
  assert_true(features[0] == 0.25f && features[numbers - 1] == 0.25f);
  ddla_dataset_close(set);
  remove(source.path);
  free(text);
}

typedef struct failing {
  int left, live;
} failing;

static void *fail_allocate(size_t bytes, void *argument) {
  failing *counts = argument;
  if (counts->left-- == 0) return NULL;
  counts->live++;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void fail_release(void *block, void *argument) {
  ((failing *)argument)->live--;
  free(block);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  ddla_data_source source = {
      .path = write_text(
          "t.jsonl",
          "{\"b\":1,\"a\":[1,2],\"label\":\"x\"}\n{\"b\":1,\"a\":[1,2],\"label\":\"y\"}\n")};
  ddla_status status = DDLA_NO_MEMORY;
  int call = 0;
  for (; call < 1000 && status != DDLA_OK; call++) {
    failing counts = {.left = call};
    ddla_allocator allocator = {fail_allocate, fail_release, &counts};
    ddla_dataset *set = NULL;
    ddla_alloc_replace(&allocator);
    status = ddla_dataset_open(&set, &source);
    ddla_dataset_close(set);
    ddla_alloc_replace(NULL);
    assert_int_equal(counts.live, 0);
    assert_true(status == DDLA_OK || status == DDLA_NO_MEMORY);
  }
  assert_in_range(call, 6, 999);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_and_labels),
      cmocka_unit_test(order_of_features),
      cmocka_unit_test(other_keys_are_skipped),
      cmocka_unit_test(arrays_have_shapes),
      cmocka_unit_test(targets),
      cmocka_unit_test(names_of_classes),
      cmocka_unit_test(same_as_csv),
      cmocka_unit_test(is_found_by_name_or_content),
      cmocka_unit_test(a_long_line_is_read),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
