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

/* A checkpoint of a method that has a codec; null: of a program that did not name it. */
static void write_left_out(const char *folder, const char *method) {
  static float values[COUNT] = {1, 2, 3};
  static const int64_t count = COUNT;
  const ddla_safetensors_array model = {
      .name = "w", .dtype = DDLA_F32, .shape = ddla_shape_make(1, &count), .data = values};
  ddla_safetensors_array left[] = {model, model};
  left[0].name = "residual";
  left[1].name = "answer_residual";
  const ddla_safetensors_note note = {"method", method};
  const ddla_checkpoint checkpoint = {
      .step = 4, .parts = {{&model, 1}, {left, 2}}, .notes = {&note, method ? 1 : 0}};
  assert_int_equal(ddla_checkpoint_write(folder, &checkpoint, 1), DDLA_OK);
}

/* Whether a run of a method begins with nothing left out. */
static bool begins_anew(const char *folder, const char *mode, const char *method) {
  ddla_checkpoint_file *file = NULL;
  char path[256];
  ddla_adoption adoption;
  ddla_training training = {.strategy = ddla_strategy_find(mode, method)};
  ddla_shared shared = {.theta = -1, .factors = -1, .numbers = -1, .velocity = -1};
  ddla_state_row row = {.name = "residual",
                        .scope = DDLA_SCOPE_PER_HOST,
                        .saved = true,
                        .versions = 1,
                        .copies = 1,
                        .count = COUNT};
  for (int m = 0; m < DDLA_MOMENTS_MAX; m++) shared.moment[m] = -1;
  for (int i = 0; i < DDLA_STRATEGY_ARRAYS_MAX; i++) shared.arrays[i] = -1;
  assert_int_equal(ddla_state_create(&shared.state, 1, NULL, 0), DDLA_OK);
  assert_int_equal(ddla_state_add(&shared.residual, shared.state, &row), DDLA_OK);
  row.name = "answer_residual";
  assert_int_equal(ddla_state_add(&shared.answer_residual, shared.state, &row), DDLA_OK);
  snprintf(path, sizeof path, "%s/step-00000004", folder);
  assert_int_equal(ddla_checkpoint_open(&file, path), DDLA_OK);
  assert_int_equal(ddla_adoption_of(&adoption, file, &training, &shared), DDLA_OK);
  ddla_checkpoint_close(file);
  ddla_state_destroy(shared.state);
  assert_true(adoption.lacks[0] == adoption.lacks[1]);
  return adoption.lacks[0];
}

/* What a codec has left out of gradients is no difference of models. */
static void what_was_left_out_stays_what_it_is(void **state) {
  static const struct {
    const char *from, *mode, *to;
    bool anew;
  } cases[] = {
      {"bounded", "asynchronous", "bounded", false}, {"push", "asynchronous", "bounded", false},
      {"bounded", "synchronous", "backup", false},   {"bounded", "accumulated", "diloco", true},
      {"backup", "accumulated", "admm", true},       {"diloco", "asynchronous", "push", true},
      {"diloco", "accumulated", "elastic", false},   {NULL, "accumulated", "average", false},
      {NULL, "asynchronous", "bounded", false}};
  char folder[] = "/tmp/ddla-adopt-XXXXXX", path[256];
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/step-00000004", folder);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_left_out(folder, cases[i].from);
    if (begins_anew(folder, cases[i].mode, cases[i].to) != cases[i].anew)
      fail_msg("from %s to %s", cases[i].from, cases[i].to);
    assert_int_equal(ddla_file_remove_directory(path), DDLA_OK);
  }
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
                                     cmocka_unit_test(what_was_left_out_stays_what_it_is),
                                     cmocka_unit_test(replicas_have_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
