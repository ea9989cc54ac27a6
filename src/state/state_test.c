/* The state table: places, versions and copies never overlap; what does not fit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "state/state.h"

enum { SPACE = 5000 };

static ddla_state *make_state(void) {
  ddla_state *state = NULL;
  const ddla_state_range ranges[] = {
      {.name = "w", .shape = DDLA_SHAPE(40, 100), .offset = 0, .count = 4000, .decays = true},
      {.name = "b", .shape = DDLA_SHAPE(1000), .offset = 4000, .count = 1000}};
  assert_int_equal(ddla_state_create(&state, SPACE, ranges, 2), DDLA_OK);
  return state;
}

static void the_space_is_whole_blocks(void **unused) {
  (void)unused;
  ddla_state *state = make_state();
  assert_int_equal(ddla_state_space(state), 2 * DDLA_STATE_BLOCK);
  assert_int_equal(ddla_state_range_count(state), 2);
  assert_string_equal(ddla_state_range_at(state, 1)->name, "b");
  ddla_state_destroy(state);
}

/* Tensors in another order than they lie in, with elements between and behind them. */
static void what_is_of_no_range_is_cleared(void **unused) {
  (void)unused;
  ddla_state *state = NULL;
  const ddla_state_range ranges[] = {
      {.name = "b", .shape = DDLA_SHAPE(1000), .offset = 32, .count = 1000},
      {.name = "w", .shape = DDLA_SHAPE(3, 10), .offset = 0, .count = 30}};
  assert_int_equal(ddla_state_create(&state, 1040, ranges, 2), DDLA_OK);
  const int64_t begins[] = {0, 29, 31, 40, 1032};
  for (int i = 0; i < 5; i++) {
    const int64_t begin = begins[i], count = DDLA_STATE_BLOCK - begin;
    float *values = ddla_alloc_array(DDLA_STATE_BLOCK, sizeof *values);
    for (int64_t k = 0; k < count; k++) values[k] = 3;
    ddla_state_clear_gaps(state, values, begin, count);
    for (int64_t k = 0; k < count; k++) {
      const int64_t element = begin + k;
      const bool gap = (element >= 30 && element < 32) || element >= 1032;
      assert_true(values[k] == (gap ? 0 : 3));
    }
    ddla_free(values);
  }
  ddla_state_destroy(state);
}

/* Writes a number of its own into every element of every array, then looks whether all are still
 * there. */
static void arrays_do_not_overlap(void **unused) {
  (void)unused;
  ddla_state *state = make_state();
  int theta = -1, gradients = -1, norms = -1;
  const ddla_state_row rows[] = {
      {.name = "theta", .dtype = DDLA_F32, .parameter_shaped = true, .versions = 2, .copies = 1},
      {.name = "gradients",
       .dtype = DDLA_F32,
       .parameter_shaped = true,
       .versions = 1,
       .copies = 3},
      {.name = "norms", .dtype = DDLA_F64, .versions = 1, .copies = 2, .count = 7}};
  assert_int_equal(ddla_state_add(&theta, state, &rows[0]), DDLA_OK);
  assert_int_equal(ddla_state_add(&gradients, state, &rows[1]), DDLA_OK);
  assert_int_equal(ddla_state_add(&norms, state, &rows[2]), DDLA_OK);
  size_t bytes = ddla_state_bytes(state);
  char *memory = ddla_alloc_array(1, bytes + 64);
  ddla_state_bind(state, memory);
  memset(memory + bytes, 0x5a, 64);
  for (int pass = 0; pass < 2; pass++)
    for (int row = 0; row < ddla_state_row_count(state); row++)
      for (int version = 0; version < ddla_state_row_at(state, row)->versions; version++)
        for (int copy = 0; copy < ddla_state_row_at(state, row)->copies; copy++) {
          unsigned char *array = ddla_state_array(state, row, (uint64_t)version, copy);
          int value = 1 + row * 16 + version * 4 + copy;
          const ddla_state_row *made = ddla_state_row_at(state, row);
          size_t length = (size_t)made->count * ddla_dtype_bytes(made->dtype);
          if (pass == 0) memset(array, value, length);
          for (size_t i = 0; i < length; i++) assert_int_equal(array[i], value);
        }
  for (int i = 0; i < 64; i++) assert_int_equal(memory[bytes + (size_t)i], 0x5a);
  ddla_free(memory);
  ddla_state_destroy(state);
}

static void steps_take_versions_in_turn(void **unused) {
  (void)unused;
  ddla_state *state = make_state();
  int theta = -1;
  const ddla_state_row row = {
      .name = "theta", .dtype = DDLA_F32, .parameter_shaped = true, .versions = 3, .copies = 1};
  assert_int_equal(ddla_state_add(&theta, state, &row), DDLA_OK);
  void *memory = ddla_alloc_array(1, ddla_state_bytes(state));
  ddla_state_bind(state, memory);
  assert_ptr_equal(ddla_state_array(state, theta, 4, 0), ddla_state_array(state, theta, 1, 0));
  assert_ptr_not_equal(ddla_state_array(state, theta, 4, 0), ddla_state_array(state, theta, 5, 0));
  ddla_free(memory);
  ddla_state_destroy(state);
}

static void a_name_is_taken_once(void **unused) {
  (void)unused;
  ddla_state *state = make_state();
  int row = -7;
  const ddla_state_row theta = {
      .name = "theta", .dtype = DDLA_F32, .versions = 1, .copies = 1, .count = 1};
  assert_int_equal(ddla_state_add(&row, state, &theta), DDLA_OK);
  assert_int_equal(ddla_state_add(&row, state, &theta), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "theta"));
  assert_int_equal(ddla_state_find(state, "theta"), 0);
  assert_int_equal(ddla_state_find(state, "other"), -1);
  ddla_state_destroy(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_space_is_whole_blocks), cmocka_unit_test(what_is_of_no_range_is_cleared),
      cmocka_unit_test(arrays_do_not_overlap), cmocka_unit_test(steps_take_versions_in_turn),
      cmocka_unit_test(a_name_is_taken_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
