#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "ckpt/checkpoint.h"

static char root[] = "/tmp/ddla-checkpoint-test-XXXXXX";
static char folder[128];
static char warned[1024];

static float theta[8], moment[8];
static int64_t position[1];
static const ddla_safetensors_array model[] = {
    {.name = "w", .dtype = DDLA_F32, .shape = {2, {2, 3}}, .data = theta, .into = theta},
    {.name = "b", .dtype = DDLA_F32, .shape = {1, {2}}, .data = theta + 6, .into = theta + 6}};
static const ddla_safetensors_array rest[] = {
    {.name = "w", .dtype = DDLA_F32, .shape = {2, {2, 3}}, .data = moment, .into = moment},
    {.name = "position", .dtype = DDLA_I64, .shape = {1, {1}}, .data = position, .into = position}};
static const ddla_safetensors_note notes[] = {{"epoch", "3"}, {"best", "0.91"}};
static const ddla_safetensors_note identity[] = {{"train.shards", "8"}, {"train.seed", "1"}};

static ddla_checkpoint at_step(uint64_t step) {
  for (int i = 0; i < 8; i++) {
    theta[i] = (float)(step * 10 + (uint64_t)i);
    moment[i] = -theta[i];
  }
  position[0] = (int64_t)step * 128;
  return (ddla_checkpoint){.step = step,
                           .parts = {{model, 2}, {rest, 2}},
                           .notes = {notes, 2},
                           .identity = {identity, 2}};
}

static void write_step(uint64_t step, int keep) {
  ddla_checkpoint c = at_step(step);
  assert_int_equal(ddla_checkpoint_write(folder, &c, keep), DDLA_OK);
}

static int entries(const char *path) {
  int count = 0;
  DIR *directory = opendir(path);
  if (!directory) return 0;
  while (readdir(directory)) count++;
  closedir(directory);
  return count - 2;
}

static const char *step_path(uint64_t step) {
  static char path[256];
  snprintf(path, sizeof path, "%s/step-%08llu", folder, (unsigned long long)step);
  return path;
}

static void clean(void) {
  for (uint64_t step = 0; step < 40; step++) {
    assert_int_equal(ddla_file_remove_directory(step_path(step)), DDLA_OK);
  }
}

static void flip(const char *part, long offset) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", step_path(2), part);
  FILE *file = fopen(path, "r+");
  assert_non_null(file);
  fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET);
  int byte = fgetc(file);
  fseek(file, -1, SEEK_CUR);
  fputc(byte ^ 1, file);
  fclose(file);
}

static void loads_what_it_wrote(void **state) {
  (void)state;
  write_step(7, 2);
  float old_theta[8], old_moment[8];
  memcpy(old_theta, theta, sizeof theta);
  memcpy(old_moment, moment, sizeof moment);
  memset(theta, 0, sizeof theta);
  memset(moment, 0, sizeof moment);
  position[0] = 0;
  char *path = NULL;
  ddla_checkpoint_file *file = NULL;
  const ddla_checkpoint_arrays wanted[] = {{model, 2}, {rest, 2}};
  const ddla_checkpoint_notes same = {identity, 2};
  assert_int_equal(ddla_checkpoint_find_newest(&path, folder), DDLA_OK);
  assert_string_equal(path, step_path(7));
  assert_int_equal(ddla_checkpoint_open(&file, path), DDLA_OK);
  assert_int_equal(ddla_checkpoint_step(file), 7);
  assert_string_equal(ddla_checkpoint_note(file, "epoch"), "3");
  assert_null(ddla_checkpoint_note(file, "train.seed"));
  assert_int_equal(ddla_checkpoint_identity_check(file, &same), DDLA_OK);
  assert_int_equal(ddla_checkpoint_load(file, wanted), DDLA_OK);
  assert_memory_equal(theta, old_theta, sizeof theta);
  assert_memory_equal(moment, old_moment, 6 * sizeof moment[0]);
  assert_int_equal(position[0], 7 * 128);
  ddla_checkpoint_close(file);
  ddla_free(path);
  clean();
}

/* Gives an array in pieces of at most 8 bytes. */
typedef struct pieces {
  const char *from;
  size_t left;
  bool fails;
} pieces;

static ddla_status next_piece(void *argument, const void **data, size_t *bytes) {
  pieces *p = argument;
  if (p->fails && p->left < 10) return DDLA_FAIL(PEER_LOST, "the rest is lost");
  *bytes = p->left < 8 ? p->left : 8;
  *data = p->from;
  p->from += *bytes;
  p->left -= *bytes;
  return DDLA_OK;
}

/* What comes piece by piece makes the same files; what does not come leaves nothing. */
static void writes_what_comes_in_pieces(void **state) {
  (void)state;
  char *whole = NULL, *pieced = NULL, path[300];
  size_t bytes = 0, same = 0;
  ddla_safetensors_array arrays[] = {rest[0], rest[1]};
  pieces piece = {(const char *)moment, 6 * sizeof moment[0], false};
  snprintf(path, sizeof path, "%s/state.safetensors", step_path(5));
  write_step(5, 2);
  assert_int_equal(ddla_file_read(&whole, &bytes, path, 1 << 20), DDLA_OK);
  ddla_checkpoint c = at_step(5);
  arrays[0].data = NULL;
  arrays[0].stream = (ddla_safetensors_stream){next_piece, &piece};
  c.parts[DDLA_CHECKPOINT_STATE].at = arrays;
  assert_int_equal(ddla_checkpoint_write(folder, &c, 2), DDLA_OK);
  assert_int_equal(piece.left, 0);
  assert_int_equal(ddla_file_read(&pieced, &same, path, 1 << 20), DDLA_OK);
  assert_int_equal(same, bytes);
  assert_memory_equal(whole, pieced, bytes);
  ddla_free(whole);
  ddla_free(pieced);
  piece = (pieces){(const char *)moment, 6 * sizeof moment[0], true};
  c.step = 6;
  assert_int_equal(ddla_checkpoint_write(folder, &c, 2), DDLA_PEER_LOST);
  assert_int_equal(entries(folder), 1);
  clean();
}

/* An array without a place must be there and is not read; it can be read by its name. */
static void reads_some_later(void **state) {
  (void)state;
  ddla_checkpoint_file *file = NULL;
  ddla_safetensors_array arrays[] = {rest[0], rest[1]};
  const ddla_checkpoint_arrays wanted[] = {{model, 2}, {arrays, 2}};
  float later[6] = {0};
  write_step(5, 2);
  memset(moment, 0, sizeof moment);
  position[0] = 0;
  arrays[0].into = NULL;
  assert_int_equal(ddla_checkpoint_open(&file, step_path(5)), DDLA_OK);
  assert_int_equal(ddla_checkpoint_load(file, wanted), DDLA_OK);
  assert_int_equal(position[0], 5 * 128);
  assert_true(moment[1] == 0);
  assert_int_equal(ddla_checkpoint_read(later, file, DDLA_CHECKPOINT_STATE, "w"), DDLA_OK);
  for (int i = 0; i < 6; i++) assert_true(later[i] == -(float)(50 + i));
  assert_int_equal(ddla_checkpoint_read(later, file, DDLA_CHECKPOINT_STATE, "v"), DDLA_INVALID);
  arrays[0].name = "v";
  assert_int_equal(ddla_checkpoint_load(file, wanted), DDLA_INVALID);
  ddla_checkpoint_close(file);
  clean();
}

static void names_what_differs(void **state) {
  (void)state;
  write_step(1, 2);
  ddla_checkpoint_file *file = NULL;
  assert_int_equal(ddla_checkpoint_open(&file, step_path(1)), DDLA_OK);
  ddla_safetensors_note other[] = {{"train.shards", "4"}, {"train.seed", "1"}, {"new", "x"}};
  ddla_checkpoint_notes wanted = {other, 2};
  assert_int_equal(ddla_checkpoint_identity_check(file, &wanted), DDLA_INVALID);
  assert_non_null(
      strstr(ddla_status_message(DDLA_INVALID), "made with train.shards 8, the job says 4"));
  other[0].value = "8";
  wanted.count = 3;
  assert_int_equal(ddla_checkpoint_identity_check(file, &wanted), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "made without new"));
  wanted.count = 1;
  assert_int_equal(ddla_checkpoint_identity_check(file, &wanted), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "train.seed 1, which"));
  ddla_checkpoint_close(file);
  clean();
}

static void keeps_the_newest(void **state) {
  (void)state;
  char stray[300];
  snprintf(stray, sizeof stray, "%s/step-00000001.tmp-1", folder);
  assert_int_equal(ddla_file_make_directory(stray), DDLA_OK);
  for (uint64_t step = 1; step <= 5; step++) write_step(step, 2);
  assert_int_equal(entries(folder), 2);
  assert_int_equal(access(step_path(4), F_OK), 0);
  assert_int_equal(access(step_path(5), F_OK), 0);
  write_step(3, 1); /* after going back: the one just written stays */
  assert_int_equal(entries(folder), 1);
  assert_int_equal(access(step_path(3), F_OK), 0);
  write_step(3, 1); /* and replaces its like */
  assert_int_equal(entries(folder), 1);
  clean();
}

static void passes_over_temporary_and_damaged_ones(void **state) {
  (void)state;
  char *path = NULL, stray[300];
  assert_int_equal(ddla_checkpoint_find_newest(&path, "/nowhere"), DDLA_OK);
  assert_null(path);
  assert_int_equal(ddla_checkpoint_find_newest(&path, folder), DDLA_OK);
  assert_null(path);
  write_step(1, 3);
  write_step(2, 3);
  snprintf(stray, sizeof stray, "%s/step-00000003.tmp-1", folder);
  assert_int_equal(ddla_file_make_directory(stray), DDLA_OK);
  warned[0] = '\0';
  assert_int_equal(ddla_checkpoint_find_newest(&path, folder), DDLA_OK);
  assert_string_equal(path, step_path(2));
  assert_string_equal(warned, "");
  ddla_free(path);
  path = NULL;
  flip("model.safetensors", -1);
  assert_int_equal(ddla_checkpoint_find_newest(&path, folder), DDLA_OK);
  assert_string_equal(path, step_path(1));
  assert_non_null(strstr(warned, "tensor 'b'"));
  ddla_free(path);
  path = NULL;
  assert_int_equal(ddla_file_remove_directory(step_path(1)), DDLA_OK);
  assert_int_equal(ddla_checkpoint_find_newest(&path, folder), DDLA_CORRUPT);
  assert_null(path);
  assert_int_equal(ddla_file_remove_directory(stray), DDLA_OK);
  clean();
}

static void changes_nothing_when_damaged(void **state) {
  (void)state;
  write_step(2, 1);
  flip("state.safetensors", -1); /* the last array of the last file */
  at_step(5);
  float before = theta[0];
  ddla_checkpoint_file *file = NULL;
  const ddla_checkpoint_arrays wanted[] = {{model, 2}, {rest, 2}};
  assert_int_equal(ddla_checkpoint_open(&file, step_path(2)), DDLA_OK);
  assert_int_equal(ddla_checkpoint_load(file, wanted), DDLA_CORRUPT);
  assert_non_null(strstr(ddla_status_message(DDLA_CORRUPT), "state.safetensors"));
  assert_non_null(strstr(ddla_status_message(DDLA_CORRUPT), "'position'"));
  assert_true(theta[0] == before && position[0] == 5 * 128);
  ddla_checkpoint_close(file);
  clean();
}

/* The model file of a checkpoint is the one that a finished run writes. */
static void model_file_has_nothing_of_the_run(void **state) {
  (void)state;
  char a[65], b[65], path[300];
  write_step(2, 1);
  snprintf(path, sizeof path, "%s/model.safetensors", step_path(2));
  assert_int_equal(ddla_sha256_of_file(a, path), DDLA_OK);
  ddla_safetensors_digest digest;
  snprintf(path, sizeof path, "%s/m", root);
  ddla_safetensors_content content = {.arrays = model, .array_count = 2};
  assert_int_equal(ddla_safetensors_write(&digest, path, &content), DDLA_OK);
  memcpy(b, digest.sha256, sizeof b);
  assert_string_equal(a, b);
  unlink(path);
  clean();
}

static void leaves_nothing_on_a_full_disk(void **state) {
  (void)state;
  struct rlimit before, low;
  getrlimit(RLIMIT_FSIZE, &before);
  low = before;
  signal(SIGXFSZ, SIG_IGN);
  write_step(1, 5);
  char path[300];
  struct stat info;
  snprintf(path, sizeof path, "%s/state.safetensors", step_path(1));
  assert_int_equal(stat(path, &info), 0);
  ddla_checkpoint c = at_step(2);
  for (rlim_t limit = 0; limit < (rlim_t)info.st_size; limit += 71) {
    low.rlim_cur = limit;
    setrlimit(RLIMIT_FSIZE, &low);
    ddla_status status = ddla_checkpoint_write(folder, &c, 5);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, DDLA_DISK_FULL);
    assert_int_equal(entries(folder), 1);
  }
  clean();
}

/* A real full file system where we may mount one. */
static void survives_a_full_file_system(void **state) {
  (void)state;
  enum { FLOATS = 200 * 1000 };
  char mounted[200], inside[256];
  snprintf(mounted, sizeof mounted, "%s/small", root);
  assert_int_equal(mkdir(mounted, 0700), 0);
  if (mount("none", mounted, "tmpfs", 0, "size=1m") != 0) {
    rmdir(mounted);
    skip();
  }
  snprintf(inside, sizeof inside, "%s/checkpoints", mounted);
  float *big = calloc(FLOATS, sizeof *big);
  const ddla_safetensors_array array = {"big", DDLA_F32, {1, {FLOATS}}, big, big};
  ddla_checkpoint c = {.step = 1, .parts = {{&array, 1}, {NULL, 0}}};
  ddla_status first = ddla_checkpoint_write(inside, &c, 2);
  c.step = 2;
  ddla_status second = ddla_checkpoint_write(inside, &c, 2);
  int left = entries(inside);
  free(big);
  umount(mounted);
  rmdir(mounted);
  assert_int_equal(first, DDLA_OK);
  assert_int_equal(second, DDLA_DISK_FULL);
  assert_int_equal(left, 1);
}

static void names_a_folder_it_may_not_write(void **state) {
  (void)state;
  ddla_checkpoint c = at_step(1);
  assert_int_equal(ddla_checkpoint_write("/proc/checkpoints", &c, 1), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "/proc/checkpoints"));
  assert_int_equal(ddla_checkpoint_write("/dev/null", &c, 1), DDLA_INVALID);
}

static void writes_64_megabytes_fast(void **state) {
  (void)state;
  enum { FLOATS = 8 << 20 };
  float *a = malloc(FLOATS * sizeof *a), *b = malloc(FLOATS * sizeof *b);
  for (int i = 0; i < FLOATS; i++) a[i] = b[i] = (float)i;
  const ddla_safetensors_array one = {"theta", DDLA_F32, {1, {FLOATS}}, a, a};
  const ddla_safetensors_array two = {"moment", DDLA_F32, {1, {FLOATS}}, b, b};
  ddla_checkpoint c = {.step = 1, .parts = {{&one, 1}, {&two, 1}}};
  ddla_checkpoint_file *file = NULL;
  const ddla_clock *clock = ddla_clock_monotonic();
  int64_t start = ddla_clock_now_ns(clock);
  assert_int_equal(ddla_checkpoint_write(folder, &c, 1), DDLA_OK);
  int64_t middle = ddla_clock_now_ns(clock);
  assert_int_equal(ddla_checkpoint_open(&file, step_path(1)), DDLA_OK);
  assert_int_equal(ddla_checkpoint_load(file, c.parts), DDLA_OK);
  int64_t end = ddla_clock_now_ns(clock);
  print_message("64 MiB: written in %.0f ms, read in %.0f ms\n", (double)(middle - start) / 1e6,
                (double)(end - middle) / 1e6);
  ddla_checkpoint_close(file);
  assert_true(a[FLOATS - 1] == (float)(FLOATS - 1));
  free(a);
  free(b);
  clean();
}

static void keep_line(ddla_log_level level, const char *line, void *argument) {
  (void)level;
  (void)argument;
  snprintf(warned, sizeof warned, "%s", line);
}

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(root)) return -1;
  snprintf(folder, sizeof folder, "%s/run/checkpoints", root);
  ddla_log_set_sink(keep_line, NULL);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char run[200];
  snprintf(run, sizeof run, "%s/run", root);
  rmdir(folder);
  rmdir(run);
  return rmdir(root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loads_what_it_wrote),
      cmocka_unit_test(writes_what_comes_in_pieces),
      cmocka_unit_test(reads_some_later),
      cmocka_unit_test(names_what_differs),
      cmocka_unit_test(keeps_the_newest),
      cmocka_unit_test(passes_over_temporary_and_damaged_ones),
      cmocka_unit_test(changes_nothing_when_damaged),
      cmocka_unit_test(model_file_has_nothing_of_the_run),
      cmocka_unit_test(leaves_nothing_on_a_full_disk),
      cmocka_unit_test(survives_a_full_file_system),
      cmocka_unit_test(names_a_folder_it_may_not_write),
      cmocka_unit_test(writes_64_megabytes_fast),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
