#include "data/test_files.h"

#include "base/alloc.h"
#include "base/file.h"
#include "train/save/description.h"

static float mean[2] = {0.285963297f, -1e-7f}, deviation[2] = {0.352946609f, 3.4e38f};

static ddla_description example(char **names) {
  static char task[] = "image-classification", one[] = "boot", two[] = "caf\xc3\xa9 \"au lait\"";
  names[0] = one, names[1] = two;
  static char path[] = "/some/where/lib\xc3\xb6wn.so";
  static const char hash[] = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
  ddla_description made = {.task = task,
                           .shape = {.height = 28, .width = 27, .channels = 2},
                           .type = DDLA_DATA_FLOAT32,
                           .classes = 3,
                           .class_names = names,
                           .name_count = 2,
                           .mean = mean,
                           .deviation = deviation,
                           .targets = 5,
                           .plugin = {{.path = path}},
                           .plugin_count = 1};
  memcpy(made.plugin[0].sha256, hash, sizeof hash);
  return made;
}

/* What is read is what was written, every bit of the floats. */
static void comes_back(void **state) {
  (void)state;
  char *names[2], text[24];
  const char *folder = make_directory("run");
  const ddla_description made = example(names);
  ddla_description found = {0};
  CHECK_OK(ddla_description_write(&made, folder));
  CHECK_OK(ddla_description_read(&found, folder));
  assert_string_equal(found.task, made.task);
  assert_false(found.own);
  assert_int_equal(found.shape.height, 28);
  assert_int_equal(found.shape.width, 27);
  assert_int_equal(found.shape.channels, 2);
  assert_int_equal(found.type, DDLA_DATA_FLOAT32);
  assert_int_equal(found.classes, 3);
  assert_int_equal(found.name_count, 2);
  assert_int_equal(found.targets, 5);
  assert_int_equal(found.plugin_count, 1);
  assert_string_equal(found.plugin[0].path, made.plugin[0].path);
  assert_string_equal(found.plugin[0].sha256, made.plugin[0].sha256);
  assert_memory_equal(found.mean, mean, sizeof mean);
  assert_memory_equal(found.deviation, deviation, sizeof deviation);
  assert_string_equal(ddla_description_class(&found, 1, text, sizeof text), names[1]);
  assert_string_equal(ddla_description_class(&found, 2, text, sizeof text), "2");
  for (int i = 0; i < DDLA_MODELS; i++) assert_string_equal(found.sha256[i], "");
  ddla_description_fini(&found);
}

static void notes_hashes(void **state) {
  (void)state;
  static const char a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
  char *names[2];
  const char *folder = make_directory("noted");
  ddla_description made = example(names), found = {0};
  made.mean = made.deviation = NULL;
  CHECK_OK(ddla_description_write(&made, folder));
  CHECK_OK(ddla_description_note(folder, DDLA_MODEL_BEST, a));
  CHECK_OK(ddla_description_note(folder, DDLA_MODEL_LAST, b));
  CHECK_OK(ddla_description_read(&found, folder));
  assert_string_equal(found.sha256[DDLA_MODEL_BEST], a);
  assert_string_equal(found.sha256[DDLA_MODEL_LAST], b);
  assert_string_equal(found.sha256[DDLA_MODEL_AVERAGE], "");
  assert_null(found.mean);
  ddla_description_fini(&found);
}

/* Text with `from` replaced by `to`, once. */
static const char *replace(const char *text, const char *from, const char *to) {
  static char out[4096];
  const char *at = strstr(text, from);
  assert_non_null(at);
  snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  return out;
}

static void refuses_damage(void **state) {
  (void)state;
  static const struct {
    const char *from, *to, *word;
    ddla_status code;
  } cases[] = {
      {"\"format\": 1", "\"format\": 2", "format 2", DDLA_UNSUPPORTED},
      {"\"format\": 1", "\"format\": \"1\"", "format", DDLA_CORRUPT},
      {"\"task\"", "\"tusk\"", "task", DDLA_CORRUPT},
      {"\"own_model\": false", "\"own_model\": 0", "own_model", DDLA_CORRUPT},
      {"\"targets\": 5", "\"targets\": -5", "targets", DDLA_CORRUPT},
      {"\"targets\": 5", "\"targets\": \"5\"", "targets", DDLA_CORRUPT},
      {"\"plugins\": [", "\"plugins\": 7, \"other\": [", "plugins", DDLA_CORRUPT},
      {"\"cccc", "\"ccc", "plugins", DDLA_CORRUPT},
      {"\"file\"", "\"path\"", "plugins", DDLA_CORRUPT},
      {"28,", "0,", "shape", DDLA_CORRUPT},
      {"28,", "28, 1,", "shape", DDLA_CORRUPT},
      {"28,", "999999999999,", "shape", DDLA_CORRUPT},
      {"float32", "float", "type", DDLA_CORRUPT},
      {"\"classes\": 3", "\"classes\": 1", "class_names", DDLA_CORRUPT},
      {"\"classes\": 3", "\"classes\": -3", "classes", DDLA_CORRUPT},
      {"\"boot\"", "7", "class_names", DDLA_CORRUPT},
      {"0.285963297", "null", "mean", DDLA_CORRUPT},
      {"0.285963297", "1e300", "mean", DDLA_CORRUPT},
      {"0.285963297,", "", "mean", DDLA_CORRUPT},
      {"0.352946609", "0", "deviation", DDLA_CORRUPT},
      {"\"mean\": [", "\"mean\": null, \"other\": [", "mean", DDLA_CORRUPT},
      {"\"best.safetensors\": \"\"", "\"best.safetensors\": \"abc\"", "sha256", DDLA_CORRUPT},
      {"\"average.safetensors\": \"\"", "\"average.safetensors\": 7", "sha256", DDLA_CORRUPT},
      {"{", "", "model.json", DDLA_CORRUPT}};
  char *names[2], *text = NULL;
  size_t bytes = 0;
  const char *folder = make_directory("damaged"), *path = test_path("damaged/model.json");
  const ddla_description made = example(names);
  CHECK_OK(ddla_description_write(&made, folder));
  CHECK_OK(ddla_file_read(&text, &bytes, path, 1 << 16));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ddla_description found = {0};
    write_text("damaged/model.json", replace(text, cases[i].from, cases[i].to));
    const char *const words[] = {cases[i].word, path, NULL};
    check_failure(ddla_description_read(&found, folder), cases[i].code, words);
  }
  ddla_free(text);
}

static void refuses_names_and_places(void **state) {
  (void)state;
  static char broken[] = "\xff";
  char *names[2];
  const char *folder = make_directory("names");
  ddla_description made = example(names), found = {0};
  CHECK_FAILURE(ddla_description_read(&found, folder), INVALID, "model.json", folder);
  names[1] = broken;
  CHECK_FAILURE(ddla_description_write(&made, folder), INVALID, "class 1", "UTF-8");
  names[1] = names[0];
  made.plugin[0].path = broken;
  CHECK_FAILURE(ddla_description_write(&made, folder), INVALID, "plug-in 0", "UTF-8");
  CHECK_FAILURE(ddla_description_read(&found, folder), INVALID, "model.json");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(comes_back), cmocka_unit_test(notes_hashes),
                                     cmocka_unit_test(refuses_damage),
                                     cmocka_unit_test(refuses_names_and_places)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
