#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "train/save/adopt.h"

enum { COUNT = 3, REPLICAS = 3 };

/* A checkpoint of so many replicas (0: of a run without) whose array "mean/w" is 1, 10, 100 times
 * the element's number. */
static void write_one(const char *folder, int replicas) {
  static float values[REPLICAS][COUNT] = {{1, 2, 3}, {10, 20, 30}, {100, 200, 301}};
  static const int64_t count = COUNT;
  static const char *const names[] = {"mean/w", "replica-1/mean/w", "replica-2/mean/w"};
  ddla_safetensors_array state[REPLICAS];
  const ddla_shape shape = ddla_shape_make(1, &count);
  const ddla_safetensors_array model = {
      .name = "w", .dtype = DDLA_F32, .shape = shape, .data = values[0]};
  for (int r = 0; r < REPLICAS; r++)
    state[r] = (ddla_safetensors_array){
        .name = names[r], .dtype = DDLA_F32, .shape = shape, .data = values[r]};
  const ddla_safetensors_note note = {"replicas", "3"};
  const ddla_checkpoint checkpoint = {.step = 4,
                                      .parts = {{&model, 1}, {state, replicas > 0 ? replicas : 1}},
                                      .notes = {&note, replicas > 0 ? 1 : 0}};
  assert_int_equal(ddla_checkpoint_write(folder, &checkpoint, 1), DDLA_OK);
}

static void read_one(float into[COUNT], const char *folder) {
  ddla_checkpoint_file *file = NULL;
  char path[256];
  snprintf(path, sizeof path, "%s/step-00000004", folder);
  assert_int_equal(ddla_checkpoint_open(&file, path), DDLA_OK);
  assert_int_equal(ddla_adopt_read(into, COUNT, file, "mean/w"), DDLA_OK);
  ddla_checkpoint_close(file);
  assert_int_equal(ddla_file_remove_directory(path), DDLA_OK);
}

static void of_replicas_it_is_the_mean(void **state) {
  (void)state;
  char folder[] = "/tmp/ddla-adopt-XXXXXX";
  float found[COUNT];
  assert_non_null(mkdtemp(folder));
  write_one(folder, 0);
  read_one(found, folder);
  for (int i = 0; i < COUNT; i++) assert_true(found[i] == (float)(i + 1));
  write_one(folder, REPLICAS);
  read_one(found, folder);
  assert_true(found[0] == 37);
  assert_true(found[1] == 74);
  assert_true(found[2] == (float)(334.0 / 3));
  assert_int_equal(ddla_file_remove_directory(folder), DDLA_OK);
}

static void replicas_have_names(void **state) {
  (void)state;
  char name[64];
  ddla_adopt_name(name, sizeof name, "mean/w", 0);
  assert_string_equal(name, "mean/w");
  ddla_adopt_name(name, sizeof name, "mean/w", 12);
  assert_string_equal(name, "replica-12/mean/w");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(of_replicas_it_is_the_mean),
                                     cmocka_unit_test(replicas_have_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
