/* What the reader of JSON lines must refuse: file, line, key, what was found, what was expected. */
#include "refuse.h"

static void refuse_text(const char *text, ddla_data_source source, ddla_status code,
                        const char *const *words) {
  source.path = write_text("bad.jsonl", text);
  refuse(&source, code, words);
}
#define REFUSE_TEXT(text, code, ...)                                                               \
  refuse_text(text, (ddla_data_source){0}, DDLA_##code,                                            \
              (const char *const[]){"bad.jsonl", __VA_ARGS__, NULL})
#define REFUSE_WITH(option, text, code, ...)                                                       \
  refuse_text(text, (ddla_data_source){option}, DDLA_##code,                                       \
              (const char *const[]){"bad.jsonl", __VA_ARGS__, NULL})

#define GOOD "{\"x\":1,\"label\":0}\n"
#define PAIR "{\"x\":[1,2],\"label\":0}\n"

static void keys(void **state) {
  (void)state;
  REFUSE_TEXT("", INVALID, "no samples");
  REFUSE_TEXT("\xef\xbb\xbf\r\n \n", INVALID, "no samples");
  REFUSE_TEXT("\n{}\n", INVALID, "line 2", "no features");
  REFUSE_TEXT("{\"label\":0}\n", INVALID, "line 1", "no features");
  REFUSE_TEXT("{\"x\":1}\n", INVALID, "line 1", "key 'label'", "missing", "data.label");
  REFUSE_TEXT(GOOD "\n{\"label\":0}\n", INVALID, "line 3", "key 'x' is missing");
  REFUSE_TEXT(GOOD "{\"x\":1}\n", INVALID, "line 2", "key 'label'", "missing");
  REFUSE_TEXT(GOOD "{}\n", INVALID, "line 2", "key 'x' is missing");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":0,\"y\":2}\n", INVALID, "line 2", "key 'y'", "not in line 1",
              "data.features");
  REFUSE_TEXT("{\"x\":1,\"y\":2,\"x\":3,\"label\":0}\n", INVALID, "line 1", "'x'", "twice");
  REFUSE_TEXT(GOOD "{\"x\":1,\"x\":3,\"label\":0}\n", INVALID, "line 2: key 'x'", "twice");
  REFUSE_TEXT(GOOD "{\"label\":1,\"x\":1,\"label\":0}\n", INVALID, "line 2: key 'label'", "twice");
  REFUSE_TEXT("{\"\":1,\"label\":0}\n", INVALID, "line 1", "empty");
  REFUSE_WITH(.label_column = "kind", GOOD, INVALID, "line 1", "key 'kind'", "missing");
  REFUSE_WITH(.features = "x,y", GOOD, INVALID, "line 1", "key 'y' is missing");
  REFUSE_WITH(.features = "x, x", GOOD, INVALID, "'x'", "twice");
  REFUSE_WITH(.features = "x,,y", GOOD, INVALID, "empty");
  REFUSE_WITH(.features = "label", GOOD, INVALID, "'label'", "cannot be a feature");
  REFUSE_WITH(.shape = ((ddla_data_shape){2, 2, 1}), PAIR, INVALID, "2 features", "2 x 2 x 1");
}

static void values(void **state) {
  (void)state;
  REFUSE_TEXT("{\"id\":\"7\",\"x\":1,\"label\":0}\n", INVALID, "line 1: key 'id'", "byte 7",
              "found a text", "expected a number or an array", "data.features");
  REFUSE_TEXT("{\"x\":null,\"label\":0}\n", INVALID, "key 'x'", "found 'null'", "a number");
  REFUSE_TEXT(GOOD "{\"x\":\"1\",\"label\":0}\n", INVALID, "line 2: key 'x'", "found a text",
              "expected a finite decimal number");
  REFUSE_TEXT(GOOD "{\"x\":true,\"label\":0}\n", INVALID, "line 2: key 'x'", "found 'true'");
  REFUSE_TEXT(GOOD "{\"x\":{},\"label\":0}\n", INVALID, "line 2: key 'x'", "found an object");
  REFUSE_TEXT(GOOD "{\"x\":[1],\"label\":0}\n", INVALID, "line 2: key 'x'", "found an array");
  REFUSE_TEXT(PAIR "{\"x\":1,\"label\":0}\n", INVALID, "line 2: key 'x'", "the number '1'",
              "expected an array");
  REFUSE_TEXT(PAIR "{\"x\":[1,null],\"label\":0}\n", INVALID, "line 2: key 'x'", "byte 9",
              "'null'");
  REFUSE_TEXT("{\"x\":[1,\"2\"],\"label\":0}\n", INVALID, "line 1: key 'x'", "found a text");
  REFUSE_TEXT("{\"x\":[],\"label\":0}\n", INVALID, "line 1: key 'x'", "empty array");
  REFUSE_TEXT("{\"x\":[[[[1]]]],\"label\":0}\n", INVALID, "line 1: key 'x'", "more than 3 arrays");
}

static void numbers(void **state) {
  (void)state;
  static const char *const bad[] = {"NaN", "nan", "Infinity", "-Infinity", "+1",   ".5",   "1.",
                                    "01",  "-",   "1e",       "1e+",       "0x10", "1.5.2"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, GOOD "{\"x\":%s,\"label\":0}\n", bad[i]);
    refuse_text(text, (ddla_data_source){0}, DDLA_INVALID,
                (const char *const[]){"bad.jsonl, line 2: key 'x'", "byte 6", NULL});
  }
  REFUSE_TEXT(GOOD "{\"x\":NaN,\"label\":0}\n", INVALID, "found 'NaN'", "finite decimal number");
  REFUSE_TEXT(GOOD "{\"x\":1e39,\"label\":0}\n", INVALID, "line 2: key 'x'", "'1e39'", "float32");
  REFUSE_TEXT(GOOD "{\"x\":-1e999,\"label\":0}\n", INVALID, "'-1e999'", "range of float32");
  char text[256] = GOOD "{\"x\":0.";
  const size_t start = strlen(text);
  memset(text + start, '1', 140);
  snprintf(text + start + 140, sizeof text - start - 140, "%s", ",\"label\":0}\n");
  REFUSE_TEXT(text, INVALID, "line 2: key 'x'", "142 characters", "at most 127");
}

static void ragged_arrays(void **state) {
  (void)state;
  REFUSE_TEXT(PAIR "{\"x\":[1],\"label\":0}\n", INVALID, "line 2: key 'x'", "has 1 entries",
              "expected 2", "line 1");
  REFUSE_TEXT(PAIR "{\"x\":[],\"label\":0}\n", INVALID, "line 2: key 'x'", "has 0 entries");
  REFUSE_TEXT(PAIR "{\"x\":[1,2,3],\"label\":0}\n", INVALID, "line 2: key 'x'",
              "more than 2 entries");
  REFUSE_TEXT("{\"x\":[[1,2],[3]],\"label\":0}\n", INVALID, "line 1: key 'x'",
              "array [1] has 1 entries", "expected 2");
  REFUSE_TEXT("{\"x\":[[1,2],3],\"label\":0}\n", INVALID, "line 1: key 'x'", "'3'", "an array");
  REFUSE_TEXT("{\"x\":[[[1],[2]],[[3],[4,5]]],\"label\":0}\n", INVALID, "line 1: key 'x'",
              "array [1][1] has more than 1 entries");
  REFUSE_TEXT("\n{\"x\":[1,2,3],\"label\":[1,2]}\n{\"x\":[1,2,3],\"label\":[1]}\n", INVALID,
              "line 3: key 'label'", "has 1 entries", "expected 2", "line 2");
}

static void labels(void **state) {
  (void)state;
  static const char *const names[] = {"cat", "dog"};
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":-1}\n", INVALID, "line 2: key 'label'", "label -1",
              "out of range");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":65536}\n", INVALID, "65536", "0 to 65535");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":\"cat\"}\n", INVALID, "line 2: key 'label'", "'cat'",
              "whole number");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":0.5}\n", INVALID, "line 2: key 'label'", "'0.5'",
              "whole number or a name");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":null}\n", INVALID, "line 2: key 'label'", "'null'");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":[1]}\n", INVALID, "line 2: key 'label'", "an array");
  REFUSE_TEXT("{\"x\":1,\"label\":{}}\n", INVALID, "line 1: key 'label'", "an object");
  REFUSE_TEXT("{\"x\":1,\"label\":\"\"}\n", INVALID, "line 1: key 'label'", "name of a class");
  REFUSE_TEXT("{\"x\":1,\"label\":[[1]]}\n", INVALID, "line 1: key 'label'", "one array");
  REFUSE_TEXT("{\"x\":1,\"label\":1.5}\n{\"x\":1,\"label\":\"a\"}\n", INVALID,
              "line 2: key 'label'", "a text", "number");
  REFUSE_WITH(.class_count = 2, "{\"x\":1,\"label\":2}\n", INVALID, "label 2", "0 to 1");
  ddla_data_source given = {.class_names = names, .class_count = 2};
  refuse_text("{\"x\":1,\"label\":\"cow\"}\n", given, DDLA_INVALID,
              (const char *const[]){"line 1: key 'label'", "'cow'", "2 classes", NULL});
  char text[512] = "{\"x\":1,\"label\":\"";
  const size_t start = strlen(text);
  memset(text + start, 'n', 300);
  snprintf(text + start + 300, sizeof text - start - 300, "%s", "\"}\n");
  REFUSE_TEXT(text, INVALID, "line 1: key 'label'", "300 bytes", "at most 255");
}

static void broken_json(void **state) {
  (void)state;
  REFUSE_TEXT("[1,2]\n", INVALID, "line 1", "byte 1", "found an array", "'{'");
  REFUSE_TEXT(GOOD "x\n", INVALID, "line 2", "byte 1", "found 'x'", "'{'");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":0} x\n", INVALID, "line 2", "byte 19", "found 'x'",
              "nothing after the object");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":0}{\"x\":1,\"label\":0}\n", INVALID, "line 2", "byte 18",
              "an object", "nothing after");
  REFUSE_TEXT(GOOD "{\"x\":1,\"label\":0\n", INVALID, "line 2", "the end of the line",
              "',' or '}'");
  REFUSE_TEXT(GOOD "{\"x\":1,\"la", INVALID, "line 2", "byte 8", "not closed");
  REFUSE_TEXT(GOOD "{\"x\":1,}\n", INVALID, "line 2", "byte 8", "a key in quotes");
  REFUSE_TEXT(GOOD "{\"x\" 1}\n", INVALID, "line 2", "byte 6", "':'");
  REFUSE_TEXT(GOOD "{x:1}\n", INVALID, "line 2", "byte 2", "found 'x'", "a key in quotes");
  REFUSE_TEXT(GOOD "{\"x\":}\n", INVALID, "line 2: key 'x'", "found '}'");
  REFUSE_TEXT(PAIR "{\"x\":[1 2],\"label\":0}\n", INVALID, "line 2: key 'x'", "','");
  REFUSE_TEXT(PAIR "{\"x\":[1,2,],\"label\":0}\n", INVALID, "line 2: key 'x'", "more than 2");
  REFUSE_TEXT("{\"x\":[1,2,],\"label\":0}\n", INVALID, "line 1: key 'x'", "found ']'", "a value");
  REFUSE_TEXT("{\"x\":1,\n\"label\":0}\n", INVALID, "line 1", "the end of the line");
  REFUSE_TEXT("{\"a\\x\":1,\"label\":0}\n", INVALID, "line 1", "broken escape");
  REFUSE_TEXT("{\"x\":1,\"label\":\"\\ud800\"}\n", INVALID, "line 1: key 'label'", "broken escape");
  REFUSE_TEXT("{\"x\":1,\"label\":\"\\udc00\"}\n", INVALID, "line 1", "broken escape");
  REFUSE_TEXT("{\"x\":1,\"label\":\"\\u0000\"}\n", INVALID, "broken escape", "zero");
  REFUSE_TEXT("{\"x\":1,\"label\":\"a\tb\"}\n", INVALID, "line 1", "0x09", "\\t");
  char deep[512] = "{\"x\":1,\"label\":0,\"more\":";
  const size_t start = strlen(deep);
  memset(deep + start, '[', 65);
  ddla_data_source named = {.features = "x"};
  refuse_text(deep, named, DDLA_INVALID,
              (const char *const[]){"line 1", "more than 64 arrays and objects", NULL});
}

static void encodings(void **state) {
  (void)state;
  REFUSE_TEXT("{\"x\":1,\"label\":\"caf\xc3\xa9\"}\n{\"x\":1,\"label\":\"caf\xe9\"}\n", INVALID,
              "line 2", "0xe9", "not part of valid UTF-8", "iconv");
  static const char wide[] = "\xff\xfe{\0\"\0x\0\"\0";
  ddla_data_source source = {.path = write_file("wide.jsonl", wide, sizeof wide)};
  REFUSE(&source, INVALID, "wide.jsonl", "UTF-16", "expected UTF-8");
  static const char zero[] = GOOD "{\"x\":1,\"label\":\"a\0b\"}\n";
  source.path = write_file("zero.jsonl", zero, sizeof zero - 1);
  REFUSE(&source, CORRUPT, "zero.jsonl, line 2", "zero byte");
}

/* A sample may have 2^24 numbers; what is short cannot ask for much memory. */
static void limits(void **state) {
  (void)state;
  const size_t numbers = ((size_t)1 << 24) + 1;
  char *text = malloc(2 * numbers + 100);
  assert_non_null(text);
  size_t used = (size_t)snprintf(text, 64, "{\"label\":0,\"x\":[");
  for (size_t i = 0; i < numbers; i++) {
    text[used++] = '1';
    text[used++] = ',';
  }
  used--;
  used += (size_t)snprintf(text + used, 8, "]}\n");
  ddla_data_source source = {.path = write_file("wide.jsonl", text, used)};
  REFUSE(&source, INVALID, "wide.jsonl, line 1: key 'x'", "more than 16777216 numbers");
  free(text);
  text = malloc(1 << 20);
  assert_non_null(text);
  used = (size_t)snprintf(text, 64, "{\"label\":0,\"x\":[1");
  while (used < 200000) used += (size_t)snprintf(text + used, 8, ",1");
  used += (size_t)snprintf(text + used, 8, "]}\n");
  while (used < (1 << 20) - 8) used += (size_t)snprintf(text + used, 8, "{}\n"); /* 280000 lines */
  source.path = write_file("short.jsonl", text, used); /* would be 100 GB */
  REFUSE(&source, INVALID, "short.jsonl, line 2", "key 'x' is missing");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(keys),      cmocka_unit_test(values),
                                     cmocka_unit_test(numbers),   cmocka_unit_test(ragged_arrays),
                                     cmocka_unit_test(labels),    cmocka_unit_test(broken_json),
                                     cmocka_unit_test(encodings), cmocka_unit_test(limits)};
  return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
