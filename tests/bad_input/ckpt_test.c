/* Damaged and hostile safetensors files and checkpoints: refused, never believed, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "ckpt/checkpoint.h"

static char root[] = "/tmp/ddla-bad-ckpt-XXXXXX";
static char lone[200], step[200], parts[2][300];

/* Written over in place: some file systems sync a file that was cut to nothing first. */
static void save(const char *path, const char *data, size_t bytes) {
  int fd = open(path, O_WRONLY | O_CREAT, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, data, bytes), bytes);
  assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
  assert_int_equal(close(fd), 0);
}

static ddla_status open_lone(void) {
  ddla_safetensors *file = NULL;
  ddla_status status = ddla_safetensors_open(&file, lone, NULL);
  if (status != DDLA_OK) assert_null(file);
  ddla_safetensors_close(file);
  return status;
}

/* A file with this header, claiming `claimed` bytes of it (0: as many as it has), then `data`
 * bytes. */
static ddla_status open_header(const char *header, uint64_t claimed, size_t data) {
  size_t length = strlen(header);
  char *whole = calloc(1, 8 + length + data + 1);
  if (claimed == 0) claimed = length;
  for (int i = 0; i < 8; i++) whole[i] = (char)(claimed >> (8 * i));
  memcpy(whole + 8, header, length);
  save(lone, whole, 8 + length + data);
  free(whole);
  return open_lone();
}

typedef struct lie {
  const char *header;
  size_t data;
  ddla_status status;
  const char *words;
} lie;

#define ONE(dtype, shape, begin, end)                                                              \
  "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}}"
#define TWO(first, second)                                                                         \
  "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" first "]},"                          \
  "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" second "]}}"

static const lie lies[] = {
    {ONE("\"F32\"", "[2]", "0", "8"), 8, DDLA_OK, ""},
    {"{}", 0, DDLA_OK, ""},
    {"{}   \n", 0, DDLA_OK, ""},
    {"{}", 1, DDLA_CORRUPT, "1 bytes follow its last tensor"},
    {"{} x", 0, DDLA_CORRUPT, "header byte"},
    {"{", 0, DDLA_CORRUPT, "header byte"},
    {"[]", 0, DDLA_CORRUPT, "no JSON object"},
    {"5", 0, DDLA_CORRUPT, "no safetensors file"},
    {"\xff", 0, DDLA_CORRUPT, "no safetensors file"},
    {ONE("\"F32\"", "[2]", "0", "8"), 7, DDLA_CORRUPT, "tensor 'a' lies outside the file"},
    {ONE("\"F32\"", "[2]", "0", "8"), 9, DDLA_CORRUPT, "1 bytes follow"},
    {ONE("\"F32\"", "[2]", "1", "9"), 9, DDLA_CORRUPT, "begins behind a hole"},
    {ONE("\"F32\"", "[2]", "0", "7"), 7, DDLA_CORRUPT, "another size than its shape"},
    {ONE("\"F32\"", "[3]", "0", "8"), 8, DDLA_CORRUPT, "another size than its shape"},
    {ONE("\"F32\"", "[2]", "8", "0"), 8, DDLA_CORRUPT, "offsets out of order"},
    {ONE("\"F32\"", "[2]", "-8", "0"), 8, DDLA_CORRUPT, "offsets out of order"},
    {ONE("\"F32\"", "[2]", "0", "8.0"), 8, DDLA_CORRUPT, "no data_offsets of two whole numbers"},
    {ONE("\"F32\"", "[2]", "0", "8,9"), 8, DDLA_CORRUPT, "no data_offsets of two whole numbers"},
    {ONE("\"F32\"", "[2]", "0", "99999999999999999999"), 8, DDLA_CORRUPT, "header byte"},
    {ONE("\"F32\"", "[-2]", "0", "8"), 8, DDLA_CORRUPT, "a dimension that is no whole number"},
    {ONE("\"F32\"", "[2.0]", "0", "8"), 8, DDLA_CORRUPT, "a dimension that is no whole number"},
    {ONE("\"F32\"", "[\"2\"]", "0", "8"), 8, DDLA_CORRUPT, "a dimension that is no whole number"},
    {ONE("\"F32\"", "2", "0", "8"), 8, DDLA_CORRUPT, "has no shape"},
    {ONE("\"F32\"", "[4611686018427387904,4]", "0", "0"), 0, DDLA_CORRUPT, "is too large"},
    {ONE("\"F32\"", "[4294967296,4294967296,0]", "0", "0"), 0, DDLA_CORRUPT, "is too large"},
    {ONE("\"F32\"", "[1,1,1,1,1,1,2]", "0", "8"), 8, DDLA_UNSUPPORTED, "7 dimensions"},
    {ONE("\"F16\"", "[4]", "0", "8"), 8, DDLA_UNSUPPORTED, "number format 'F16'"},
    {ONE("\"\"", "[4]", "0", "8"), 8, DDLA_UNSUPPORTED, "number format ''"},
    {ONE("5", "[4]", "0", "8"), 8, DDLA_CORRUPT, "has no dtype"},
    {TWO("0,4", "4,8"), 8, DDLA_OK, ""},
    {TWO("4,8", "0,4"), 8, DDLA_OK, ""},
    {TWO("0,4", "0,4"), 4, DDLA_CORRUPT, "overlaps another one"},
    {TWO("0,4", "3,7"), 7, DDLA_CORRUPT, "tensor 'b' overlaps another one"},
    {TWO("0,4", "5,9"), 9, DDLA_CORRUPT, "tensor 'b' begins behind a hole"},
    {TWO("0,4", "68,72"), 72, DDLA_CORRUPT, "begins behind a hole"},
    {"{\"a\":5}", 0, DDLA_CORRUPT, "not described by dtype, shape"},
    {"{\"a\":{}}", 0, DDLA_CORRUPT, "not described by dtype, shape"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"offsets\":[0,0]}}", 0, DDLA_CORRUPT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
     0, DDLA_CORRUPT, "duplicate"},
    {"{\"__metadata__\":5}", 0, DDLA_CORRUPT, "bad __metadata__"},
    {"{\"__metadata__\":{\"a\":5}}", 0, DDLA_CORRUPT, "is no text"},
    {"{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, DDLA_CORRUPT, "header byte"},
    {"{\"__metadata__\":{\"seal\":\"00000000000000000000000000000000\"}}", 0, DDLA_CORRUPT,
     "checksum"},
};

static void headers_that_lie_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
    ddla_status status = open_header(lies[i].header, 0, lies[i].data);
    const char *message = ddla_status_message(status);
    if (status != lies[i].status || (status != DDLA_OK && !strstr(message, lies[i].words))) {
      fail_msg("%s gives %s: %s", lies[i].header, ddla_status_name(status), message);
    }
  }
}

static void lengths_that_lie_are_refused(void **state) {
  (void)state;
  static const uint64_t claims[] = {
      1, 3, 9, 100000001, (uint64_t)1 << 32, INT64_MAX, UINT64_MAX, UINT64_MAX - 7};
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
    assert_int_equal(open_header("{}", claims[i], 0), DDLA_CORRUPT);
  }
  char deep[4000];
  memset(deep, '[', sizeof deep);
  deep[sizeof deep - 1] = '\0';
  assert_int_equal(open_header(deep, 0, 0), DDLA_CORRUPT);
}

static void what_is_no_file_is_refused(void **state) {
  (void)state;
  static const char *const paths[] = {"/nowhere/a", "/tmp", "/dev/zero", ""};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    ddla_safetensors *file = NULL;
    assert_int_equal(ddla_safetensors_open(&file, paths[i], NULL), DDLA_INVALID);
  }
  unlink(lone);
  assert_int_equal(mkfifo(lone, 0600), 0);
  assert_int_equal(open_lone(), DDLA_INVALID); /* and does not wait for a writer */
  unlink(lone);
}

/* A small checkpoint. */
static float theta[6] = {1, 2, 3, 4, 5, 6}, moment[6] = {6, 5, 4, 3, 2, 1};
static const ddla_safetensors_array model[] = {{"w", DDLA_F32, {2, {2, 3}}, theta, theta}};
static const ddla_safetensors_array rest[] = {{"m.w", DDLA_F32, {2, {2, 3}}, moment, moment}};
static const ddla_safetensors_note notes[] = {{"epoch", "3"}};
static const ddla_checkpoint_arrays wanted[] = {{model, 1}, {rest, 1}};

static void write_step(void) {
  ddla_checkpoint c = {
      .step = 7, .parts = {{model, 1}, {rest, 1}}, .notes = {notes, 1}, .identity = {notes, 1}};
  char folder[300];
  snprintf(folder, sizeof folder, "%s/checkpoints", root);
  assert_int_equal(ddla_checkpoint_write(folder, &c, 1), DDLA_OK);
}

static ddla_status load_step(void) {
  ddla_checkpoint_file *file = NULL;
  float before[2][6];
  memcpy(before[0], theta, sizeof theta);
  memcpy(before[1], moment, sizeof moment);
  ddla_status status = ddla_checkpoint_open(&file, step);
  if (status == DDLA_OK) status = ddla_checkpoint_load(file, wanted);
  ddla_checkpoint_close(file);
  assert_memory_equal(before[0], theta, sizeof theta);
  assert_memory_equal(before[1], moment, sizeof moment);
  return status;
}

static void every_truncation_is_found(void **state) {
  (void)state;
  for (int part = 0; part < 2; part++) {
    write_step();
    char *data = NULL;
    size_t bytes = 0;
    assert_int_equal(ddla_file_read(&data, &bytes, parts[part], 1 << 20), DDLA_OK);
    save(lone, data, bytes);
    for (size_t length = bytes; length-- > 0;) {
      assert_int_equal(truncate(parts[part], (off_t)length), 0);
      assert_int_equal(load_step(), DDLA_CORRUPT);
      assert_int_equal(truncate(lone, (off_t)length), 0);
      assert_int_equal(open_lone(), DDLA_CORRUPT); /* also where nothing is known of its checksum */
    }
    char *longer = calloc(1, bytes + 64);
    memcpy(longer, data, bytes);
    save(parts[part], longer, bytes + 1);
    assert_int_equal(load_step(), DDLA_CORRUPT);
    save(parts[part], longer, bytes + 64);
    assert_int_equal(load_step(), DDLA_CORRUPT);
    save(parts[part], data, bytes);
    assert_int_equal(load_step(), DDLA_OK);
    free(longer);
    ddla_free(data);
  }
}

static void every_flipped_bit_is_found(void **state) {
  (void)state;
  static const char *const names[] = {"model.safetensors", "state.safetensors"};
  for (int part = 0; part < 2; part++) {
    write_step();
    char *data = NULL;
    size_t bytes = 0;
    assert_int_equal(ddla_file_read(&data, &bytes, parts[part], 1 << 20), DDLA_OK);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
      data[bit / 8] ^= (char)(1 << (bit % 8));
      save(parts[part], data, bytes);
      assert_int_equal(load_step(), DDLA_CORRUPT);
      assert_non_null(strstr(ddla_status_message(DDLA_CORRUPT), names[part]));
      data[bit / 8] ^= (char)(1 << (bit % 8));
    }
    ddla_free(data);
  }
}

/* Where checksums do not help: no bytes may crash the reader. */
static void random_damage_does_not_crash(void **state) {
  (void)state;
  static const char header[] = TWO("0,4", "4,8");
  ddla_rng rng = ddla_rng_make(ddla_rng_key(2, DDLA_PURPOSE_TEST, 0, 0));
  static const char letters[] = "\"\\{}[],:0123456789-+eE.truefalsn \xff\x01";
  for (int i = 0; i < 5000; i++) {
    char text[sizeof header];
    memcpy(text, header, sizeof header);
    int changes = 1 + (int)ddla_rng_below(&rng, 3);
    for (int c = 0; c < changes; c++) {
      text[ddla_rng_below(&rng, sizeof header - 1)] =
          letters[ddla_rng_below(&rng, sizeof letters - 1)];
    }
    ddla_status status = open_header(text, 0, 8);
    assert_true(status == DDLA_OK || status == DDLA_CORRUPT || status == DDLA_UNSUPPORTED);
  }
}

static void missing_files_and_wrong_arrays_are_named(void **state) {
  (void)state;
  float other[4] = {0};
  ddla_safetensors_array wrong[] = {{"w", DDLA_F32, {1, {4}}, NULL, other},
                                    {"v", DDLA_F32, {1, {4}}, NULL, other}};
  ddla_checkpoint_arrays asked[] = {{wrong, 2}, {NULL, 0}};
  ddla_checkpoint_file *file = NULL;
  write_step();
  assert_int_equal(ddla_checkpoint_open(&file, step), DDLA_OK);
  assert_int_equal(ddla_checkpoint_load(file, asked), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID),
                         "it lacks 'v'; 'w' is F32 [2, 3] instead of F32 [4]"));
  ddla_checkpoint_close(file);
  for (int part = 0; part < 2; part++) {
    write_step();
    assert_int_equal(unlink(parts[part]), 0);
    assert_int_equal(load_step(), DDLA_INVALID);
    assert_non_null(strstr(ddla_status_message(DDLA_INVALID), parts[part]));
  }
}

/* A model file of another step, sound in itself, does not belong to this state. */
static void mixed_files_are_found(void **state) {
  (void)state;
  char *older = NULL;
  size_t bytes = 0;
  write_step();
  assert_int_equal(ddla_file_read(&older, &bytes, parts[0], 1 << 20), DDLA_OK);
  theta[2] = 33;
  write_step();
  save(parts[0], older, bytes);
  assert_int_equal(load_step(), DDLA_CORRUPT);
  assert_non_null(strstr(ddla_status_message(DDLA_CORRUPT), "tensor 'w'"));
  ddla_free(older);
}

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(root)) return -1;
  snprintf(lone, sizeof lone, "%s/lone", root);
  snprintf(step, sizeof step, "%s/checkpoints/step-00000007", root);
  snprintf(parts[0], sizeof parts[0], "%s/model.safetensors", step);
  snprintf(parts[1], sizeof parts[1], "%s/state.safetensors", step);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char folder[300];
  snprintf(folder, sizeof folder, "%s/checkpoints", root);
  (void)ddla_file_remove_directory(step);
  (void)ddla_file_remove_directory(folder);
  return ddla_file_remove_directory(root) == DDLA_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(headers_that_lie_are_refused),
      cmocka_unit_test(lengths_that_lie_are_refused),
      cmocka_unit_test(what_is_no_file_is_refused),
      cmocka_unit_test(every_truncation_is_found),
      cmocka_unit_test(every_flipped_bit_is_found),
      cmocka_unit_test(random_damage_does_not_crash),
      cmocka_unit_test(missing_files_and_wrong_arrays_are_named),
      cmocka_unit_test(mixed_files_are_found),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
