#include "data/test_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "train/run/table.h"

static const char head[] = "epoch,step,loss,accuracy,learning_rate,samples_per_second,seconds,"
                           "waiting,gradient_norm,validation_loss,validation_accuracy,samples,"
                           "bytes_sent\r\n";

static const char rows[] =
    "{\"epoch\": 1, \"step\": 235, \"loss\": 0.533886228, \"accuracy\": 0.8, \"learning_rate\": "
    "1e-05, \"samples_per_second\": 137066, \"seconds\": 0.25, \"validation_loss\": 0.5, "
    "\"samples\": 60000, \"bytes_sent\": 12345678901}\n"
    "{\"epoch\": 2, \"step\": 470, \"loss\": null, \"gradient_norm\": 2.0, \"new\": 7}\n";

static const char lines[] = "1,235,0.533886228,0.8,1e-05,137066,0.25,,,0.5,,60000,12345678901\r\n"
                            "2,470,,,,,,,2,,,,\r\n";

static void check_file(const char *folder, const char *words) {
  char path[4096], *text = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/metrics.csv", folder);
  CHECK_OK(ddla_file_read(&text, &bytes, path, 1 << 20));
  assert_int_equal(bytes, strlen(words));
  assert_memory_equal(text, words, bytes);
  ddla_free(text);
}

static void put_file(const char *folder, const char *name, const char *words) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  CHECK_OK(ddla_file_write(path, words, strlen(words)));
}

static void a_table_begins_with_its_columns(void **state) {
  (void)state;
  const char *folder = make_directory("begins");
  FILE *file = NULL;
  CHECK_OK(ddla_table_open(&file, folder));
  check_file(folder, head);
  fclose(file);
}

/* Whatever the table held before: rows twice, a row cut off, nothing. */
static void a_table_is_made_of_the_rows_and_goes_on(void **state) {
  (void)state;
  static const char more[] = "{\"epoch\": 3, \"step\": 705, \"loss\": 0.1}\n";
  const char *folder = make_directory("goes_on");
  char whole[1024];
  snprintf(whole, sizeof whole, "%s%s", head, lines);
  put_file(folder, "metrics.jsonl", rows);
  put_file(folder, "metrics.csv", "epoch,step\r\n1,235,0.5\r\n1,235,0.5\r\n2,47");
  FILE *file = NULL;
  CHECK_OK(ddla_table_open(&file, folder));
  check_file(folder, whole);
  CHECK_OK(ddla_table_add(file, more, strlen(more)));
  snprintf(whole, sizeof whole, "%s%s3,705,0.1,,,,,,,,,,\r\n", head, lines);
  check_file(folder, whole);
  fclose(file);
}

static void a_row_that_is_none_is_refused(void **state) {
  (void)state;
  const char *folder = make_directory("none");
  FILE *file = NULL;
  put_file(folder, "metrics.jsonl", "{\"epoch\": 1}\n[2, 3]\n");
  assert_int_equal(ddla_table_open(&file, folder), DDLA_CORRUPT);
  assert_null(file);
  assert_non_null(strstr(ddla_status_message(DDLA_CORRUPT), "none/metrics.jsonl"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_table_begins_with_its_columns),
                                     cmocka_unit_test(a_table_is_made_of_the_rows_and_goes_on),
                                     cmocka_unit_test(a_row_that_is_none_is_refused)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
