/* Counts by tensor: whatever span a number lies in and whoever counts it, the words are the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sync/sum/checks.h"

enum { TENSORS = 9, SIZE = 100, PLACE = 112, TABLE = DDLA_STATE_BLOCK, ROWS = 5, WIDTH = 4 };

typedef struct checked {
  ddla_sync_options options;
  ddla_cluster cluster;
  void *memory;
  float values[TENSORS * PLACE];
} checked;

static int add_row(ddla_state *state, const char *name, ddla_state_row row) {
  int out = -1;
  row.name = name;
  assert_int_equal(ddla_state_add(&out, state, &row), DDLA_OK);
  return out;
}

static void open_checked(checked *c, int workers) {
  ddla_state_range range[TENSORS + 1] = {{{0}}};
  ddla_sync_options *o = &c->options;
  c->cluster = ddla_cluster_single(workers);
  *o = (ddla_sync_options){.cluster = &c->cluster, .lanes = 1, .check_every = 10};
  for (int i = 0; i < TENSORS; i++) {
    range[i] =
        (ddla_state_range){.shape = DDLA_SHAPE(SIZE), .offset = (int64_t)i * PLACE, .count = SIZE};
    snprintf(range[i].name, sizeof range[i].name, "t%d", i);
  }
  range[TENSORS] = (ddla_state_range){.name = "table",
                                      .shape = DDLA_SHAPE(ROWS, WIDTH),
                                      .offset = TABLE,
                                      .count = ROWS * WIDTH,
                                      .touched_max = ROWS};
  assert_int_equal(ddla_state_create(&o->state, TABLE + ROWS * WIDTH, range, TENSORS + 1), DDLA_OK);
  o->theta = add_row(o->state, "theta",
                     (ddla_state_row){.parameter_shaped = true, .versions = 2, .copies = 1});
  o->sums[0] = add_row(o->state, "sums",
                       (ddla_state_row){.dtype = DDLA_I64,
                                        .count = ddla_state_list_numbers(o->state),
                                        .versions = 2,
                                        .copies = workers});
  o->sums[1] =
      add_row(o->state, "values",
              (ddla_state_row){
                  .count = ddla_state_list_values(o->state), .versions = 1, .copies = workers});
  o->checks = add_row(o->state, "checks",
                      (ddla_state_row){.dtype = DDLA_I64,
                                       .count = ddla_checks_count(o->state),
                                       .versions = 1,
                                       .copies = workers});
  assert_non_null(c->memory = ddla_alloc_array(1, ddla_state_bytes(o->state)));
  ddla_state_bind(o->state, c->memory);
  for (int w = 0; w < workers; w++) ddla_checks_begin(o, w);
}

static void close_checked(checked *c) {
  ddla_state_destroy(c->options.state);
  ddla_free(c->memory);
}

/* All numbers, in spans of `span`, dealt out to the workers from the last span to the first. */
static void count_spans(checked *c, ddla_checked kind, int64_t span) {
  const int64_t all = TENSORS * PLACE;
  for (int64_t at = (all - 1) / span * span; at >= 0; at -= span)
    ddla_checks_span(&c->options, (int)(at / span % ddla_cluster_agents(&c->cluster)), kind,
                     c->values + at, at, at + span < all ? at + span : all);
}

static void expect_words(const checked *c, const char *wanted) {
  char words[900];
  ddla_checks_words(words, sizeof words, c->options.state, c->options.checks, 0,
                    ddla_cluster_agents(&c->cluster));
  assert_string_equal(words, wanted);
}

static void any_cut_counts_the_same(void **state) {
  (void)state;
  static const int64_t spans[] = {1, 7, 64, 100, 112, 250, TENSORS * PLACE};
  for (int workers = 1; workers < 4; workers++)
    for (int i = 0; i < 7; i++) {
      checked c = {.memory = NULL};
      open_checked(&c, workers);
      expect_words(&c, "");
      c.values[3] = INFINITY;
      c.values[99] = NAN;
      c.values[4 * PLACE] = -INFINITY;
      c.values[4 * PLACE + 50] = INFINITY;
      count_spans(&c, DDLA_CHECKED_GRADIENT, spans[i]);
      c.values[4 * PLACE + 50] = 1;
      c.values[99] = c.values[3] = 0;
      c.values[8 * PLACE + 99] = NAN;
      count_spans(&c, DDLA_CHECKED_PARAMETER, spans[i]);
      assert_int_equal(ddla_checks_total(&c.options), 6);
      expect_words(&c, "t0: gradient 1 NaN and 1 infinite of 100 (first: element 3); "
                       "t4: gradient 2 infinite of 100 (first: element 0); "
                       "t4: parameters 1 infinite of 100 (first: element 0); "
                       "t8: parameters 1 NaN of 100 (first: element 99)");
      close_checked(&c);
    }
}

static void rows_of_tables_are_counted(void **state) {
  (void)state;
  checked c = {.memory = NULL};
  open_checked(&c, 2);
  for (int w = 0; w < 2; w++) {
    const ddla_rows list = ddla_state_list(c.options.state, TENSORS, c.options.sums, 6, w);
    *list.count = 1;
    list.row[0] = 1 + 2 * w;
    list.value[2] = NAN;
  }
  float *theta = ddla_state_array(c.options.state, c.options.theta, 6, 0);
  theta[TABLE + 3 * WIDTH + 1] = INFINITY;
  theta[TABLE + 4 * WIDTH + 1] = INFINITY; /* of a row that the step does not touch */
  for (int w = 1; w >= 0; w--) {
    ddla_checks_rows(&c.options, w, w, 5, DDLA_CHECKED_GRADIENT);
    ddla_checks_rows(&c.options, w, w, 5, DDLA_CHECKED_PARAMETER);
  }
  expect_words(&c, "table: gradient 2 NaN of 20 (first: element 6); "
                   "table: parameters 1 infinite of 20 (first: element 13)");
  close_checked(&c);
}

static void a_failure_names_six_and_counts_the_others(void **state) {
  (void)state;
  checked c = {.memory = NULL};
  open_checked(&c, 1);
  for (int i = 0; i < TENSORS * PLACE; i++) c.values[i] = NAN;
  count_spans(&c, DDLA_CHECKED_GRADIENT, 64);
  assert_int_equal(ddla_checks_fail(c.options.state, c.options.checks, 0, 1, 17), DDLA_NON_FINITE);
  const char *message = ddla_status_message(DDLA_NON_FINITE);
  static const char *const words[] = {"at step 17", "t0: gradient 100 NaN of 100",
                                      "t5: ", "; and 3 more.", "train.learning_rate"};
  for (int i = 0; i < 5; i++)
    if (!strstr(message, words[i])) fail_msg("'%s' is not in: %s", words[i], message);
  assert_null(strstr(message, "t6"));
  ddla_checks_begin(&c.options, 0);
  assert_int_equal(ddla_checks_total(&c.options), 0);
  close_checked(&c);
}

static void checks_are_due_by_step(void **state) {
  (void)state;
  ddla_sync_options options = {.checks = 3, .check_every = 10};
  for (uint64_t step = 0; step < 40; step++)
    assert_int_equal(ddla_checks_due(&options, step), step % 10 == 9);
  options.checks = -1;
  assert_false(ddla_checks_due(&options, 9));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_cut_counts_the_same),
                                     cmocka_unit_test(rows_of_tables_are_counted),
                                     cmocka_unit_test(a_failure_names_six_and_counts_the_others),
                                     cmocka_unit_test(checks_are_due_by_step)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
