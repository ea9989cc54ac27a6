#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "ckpt/safetensors.h"

static char folder[] = "/tmp/ddla-safetensors-test-XXXXXX";
static char path[256];

static const float weights[6] = {1, -2, 3.5f, 0, 5e-30f, 6};
static const int64_t counts[2] = {INT64_MIN, 7};
static const uint8_t bytes3[3] = {1, 2, 255};

static const ddla_safetensors_array arrays[] = {
    {.name = "conv/weight", .dtype = DDLA_F32, .shape = {2, {2, 3}}, .data = weights},
    {.name = "counts", .dtype = DDLA_I64, .shape = {1, {2}}, .data = counts},
    {.name = "w\xc3\xa4rme \"q\"", .dtype = DDLA_U8, .shape = {3, {1, 3, 1}}, .data = bytes3},
    {.name = "scalar", .dtype = DDLA_F32, .shape = {0, {0}}, .data = weights},
    {.name = "none", .dtype = DDLA_F64, .shape = {2, {0, 4}}, .data = NULL},
};
enum { ARRAYS = sizeof arrays / sizeof arrays[0] };

static void round_trip(const ddla_safetensors_content *content) {
  ddla_safetensors_digest digest;
  ddla_safetensors *file = NULL;
  char digest_text[DDLA_SHA256_TEXT_BYTES], header[DDLA_XXH128_TEXT_BYTES];
  assert_int_equal(ddla_safetensors_write(&digest, path, content), DDLA_OK);
  assert_int_equal(ddla_sha256_of_file(digest_text, path), DDLA_OK);
  assert_string_equal(digest.sha256, digest_text);
  assert_int_equal(ddla_safetensors_header_digest(header, content), DDLA_OK);
  assert_string_equal(digest.header, header);
  assert_int_equal(ddla_safetensors_open(&file, path, NULL), DDLA_OK);
  assert_string_equal(ddla_safetensors_header_of(file), header);
  assert_int_equal(ddla_safetensors_is_sealed(file), content->sealed);
  assert_int_equal(ddla_safetensors_count(file), ARRAYS);
  for (int i = 0; i < ARRAYS; i++) {
    char back[64] = {0};
    int at = ddla_safetensors_find(file, arrays[i].name);
    assert_true(at >= 0);
    const ddla_safetensors_array *found = ddla_safetensors_at(file, at);
    assert_int_equal(found->dtype, arrays[i].dtype);
    assert_true(ddla_shape_equal(&found->shape, &arrays[i].shape));
    assert_int_equal(ddla_safetensors_read(back, file, at), DDLA_OK);
    size_t size = ddla_safetensors_bytes(found);
    if (size > 0) assert_memory_equal(back, arrays[i].data, size);
  }
  for (int i = 0; i < content->note_count; i++) {
    assert_string_equal(ddla_safetensors_note_of(file, content->notes[i].key),
                        content->notes[i].value);
  }
  assert_null(ddla_safetensors_note_of(file, "nothing"));
  ddla_safetensors_close(file);
}

static void reads_what_it_writes(void **state) {
  (void)state;
  static const ddla_safetensors_note notes[] = {
      {"a", "1"},
      {"quote", "\"seal\":\"00000000000000000000000000000000\""},
      {"line", "x\ny\xe2\x82\xac"}};
  ddla_safetensors_content content = {.arrays = arrays, .array_count = ARRAYS};
  round_trip(&content);
  content.notes = notes;
  content.note_count = 3;
  round_trip(&content);
  content.sealed = true;
  round_trip(&content);
}

static void writes_the_format(void **state) {
  (void)state;
  ddla_safetensors_content content = {.arrays = arrays, .array_count = 1};
  char *data = NULL;
  size_t bytes = 0;
  assert_int_equal(ddla_safetensors_write(NULL, path, &content), DDLA_OK);
  assert_int_equal(ddla_file_read(&data, &bytes, path, 1 << 20), DDLA_OK);
  static const char header[] =
      "{\"conv/weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}";
  assert_int_equal((unsigned char)data[0], 120);
  assert_memory_equal(data + 1, "\0\0\0\0\0\0\0", 7);
  assert_memory_equal(data + 8, header, sizeof header - 1);
  for (size_t i = 8 + sizeof header - 1; i < 128; i++) assert_int_equal(data[i], ' ');
  assert_int_equal(bytes, 128 + 24);
  assert_memory_equal(data + 128, weights, 24);
  ddla_free(data);
}

static void names_all_that_does_not_fit(void **state) {
  (void)state;
  ddla_safetensors_content content = {.arrays = arrays, .array_count = ARRAYS};
  ddla_safetensors *file = NULL;
  char back[64] = "untouched";
  ddla_safetensors_array wanted[] = {
      {.name = "conv/weight", .dtype = DDLA_F32, .shape = {2, {3, 2}}, .into = back},
      {.name = "counts", .dtype = DDLA_F64, .shape = {1, {2}}, .into = back},
      {.name = "scalar", .dtype = DDLA_F32, .shape = {0, {0}}, .into = back},
      {.name = "bias", .dtype = DDLA_F32, .shape = {1, {2}}, .into = back},
      {.name = "gain", .dtype = DDLA_F32, .shape = {1, {2}}, .into = back},
  };
  assert_int_equal(ddla_safetensors_write(NULL, path, &content), DDLA_OK);
  assert_int_equal(ddla_safetensors_open(&file, path, NULL), DDLA_OK);
  assert_int_equal(ddla_safetensors_read_all(file, wanted, 5), DDLA_INVALID);
  const char *message = ddla_status_message(DDLA_INVALID);
  assert_non_null(strstr(message, "it lacks 'bias' 'gain'; 'conv/weight' is F32 [2, 3] instead of "
                                  "F32 [3, 2]; 'counts' is I64 [2] instead of F64 [2]"));
  assert_string_equal(back, "untouched");
  assert_int_equal(ddla_safetensors_read_all(file, wanted + 2, 1), DDLA_OK);
  assert_memory_equal(back, weights, 4);
  ddla_safetensors_close(file);
}

static void refuses_names_that_cannot_be(void **state) {
  (void)state;
  ddla_safetensors_array wrong[2] = {arrays[0], arrays[1]};
  ddla_safetensors_content content = {.arrays = wrong, .array_count = 2};
  static const char *const names[] = {"__metadata__", "counts", "\xff"};
  unlink(path);
  for (int i = 0; i < 3; i++) {
    wrong[0].name = names[i];
    assert_int_equal(ddla_safetensors_write(NULL, path, &content), DDLA_INVALID);
    assert_int_equal(access(path, F_OK), -1);
  }
}

static void leaves_nothing_on_a_full_disk(void **state) {
  (void)state;
  struct rlimit before, low;
  getrlimit(RLIMIT_FSIZE, &before);
  low = before;
  signal(SIGXFSZ, SIG_IGN);
  ddla_safetensors_content content = {.arrays = arrays, .array_count = ARRAYS, .sealed = true};
  struct stat info;
  assert_int_equal(ddla_safetensors_write(NULL, path, &content), DDLA_OK);
  assert_int_equal(stat(path, &info), 0);
  unlink(path);
  for (rlim_t limit = 0; limit < (rlim_t)info.st_size; limit += 37) {
    low.rlim_cur = limit;
    setrlimit(RLIMIT_FSIZE, &low);
    ddla_status status = ddla_safetensors_write(NULL, path, &content);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, DDLA_DISK_FULL);
    assert_int_equal(access(path, F_OK), -1);
  }
}

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/a.safetensors", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_it_writes),
      cmocka_unit_test(writes_the_format),
      cmocka_unit_test(names_all_that_does_not_fit),
      cmocka_unit_test(refuses_names_that_cannot_be),
      cmocka_unit_test(leaves_nothing_on_a_full_disk),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
