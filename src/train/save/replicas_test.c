/* What becomes of replicas' rows where another number of them goes on. */
#include "train/save/replicas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SPACE = DDLA_STATE_BLOCK, MOST = 5 };

typedef struct rows_case {
  ddla_state *state;
  int theta, residual, velocity, answer;
  float *memory;
  ddla_replica_rows rows;
} rows_case;

static void open_rows(rows_case *c, int replicas) {
  const ddla_state_range range = {.name = "w", .shape = DDLA_SHAPE(SPACE), .count = SPACE};
  ddla_state_row row = {.name = "theta", .parameter_shaped = true, .versions = 2, .copies = 1};
  *c = (rows_case){.state = NULL};
  assert_int_equal(ddla_state_create(&c->state, SPACE, &range, 1), DDLA_OK);
  assert_int_equal(ddla_state_add(&c->theta, c->state, &row), DDLA_OK);
  row = (ddla_state_row){.parameter_shaped = true,
                         .scope = DDLA_SCOPE_PER_HOST,
                         .saved = true,
                         .versions = 1,
                         .copies = 1};
  row.name = "residual";
  assert_int_equal(ddla_state_add(&c->residual, c->state, &row), DDLA_OK);
  row.name = "velocity";
  assert_int_equal(ddla_state_add(&c->velocity, c->state, &row), DDLA_OK);
  row.name = "answer_residual";
  assert_int_equal(ddla_state_add(&c->answer, c->state, &row), DDLA_OK);
  c->memory = aligned_alloc(64, (ddla_state_bytes(c->state) + 63) / 64 * 64);
  assert_non_null(c->memory);
  ddla_state_bind(c->state, c->memory);
  assert_int_equal(ddla_replica_rows_create(&c->rows, c->state, replicas), DDLA_OK);
}

static void close_rows(rows_case *c) {
  ddla_replica_rows_destroy(&c->rows);
  ddla_state_destroy(c->state);
  free(c->memory);
}

static float *row_of(const rows_case *c, int row, int replica) {
  return replica == 0 ? ddla_state_array(c->state, row, 0, 0)
                      : (float *)ddla_replica_rows_at(&c->rows, c->state, row, replica);
}

static float value_of(int replica, int64_t k) { return (float)((replica + 1) * (k % 100 + 1)); }

/* Of `saved` replicas whose numbers are (1 + 2 + ... + saved) times the element's together. */
static void fill(const rows_case *c, int row, int saved) {
  for (int r = 0; r < saved; r++)
    for (int64_t k = 0; k < SPACE; k++) row_of(c, row, r)[k] = value_of(r, k);
}

static void sums_are_divided(void **state) {
  (void)state;
  for (int saved = 1; saved <= MOST; saved++)
    for (int now = 1; now <= MOST; now++)
      for (int parts = 1; parts <= MOST; parts++) {
        rows_case c;
        open_rows(&c, saved > now ? saved : now);
        fill(&c, c.velocity, saved);
        fill(&c, c.residual, saved);
        ddla_replica_rows_merge(&c.rows, c.state, c.velocity, 0, saved, parts);
        for (int r = 0; r < now; r++)
          for (int64_t k = 0; k < SPACE; k++) {
            const double sum = saved * (saved + 1) / 2 * (double)(k % 100 + 1);
            assert_true(row_of(&c, c.velocity, r)[k] == (float)(sum / parts));
            if (r < saved) assert_true(row_of(&c, c.residual, r)[k] == value_of(r, k));
          }
        close_rows(&c);
      }
}

/* What an agent has kept of its gradients is a part of a sum; of what a replica gives, of a mean.
 */
static void rows_are_handed_on_by_what_they_are_parts_of(void **state) {
  (void)state;
  ddla_shared shared = {.residual = 7, .velocity = 8, .answer_residual = 9};
  ddla_training training = {.strategy = NULL};
  const char *const served[] = {"bounded", "push", "backup"};
  for (int i = 0; i < DDLA_STRATEGY_ARRAYS_MAX; i++) shared.arrays[i] = -1;
  for (int i = 0; i < 3; i++) {
    training.strategy = ddla_strategy_find(i < 2 ? "asynchronous" : "synchronous", served[i]);
    assert_int_equal(ddla_shared_handing(&shared, &training, 7), DDLA_HANDED_SHARED);
    assert_int_equal(ddla_shared_handing(&shared, &training, 8), DDLA_HANDED_SHARED);
    assert_int_equal(ddla_shared_handing(&shared, &training, 6), DDLA_HANDED_ON);
  }
  training.strategy = ddla_strategy_find("accumulated", "diloco");
  assert_int_equal(ddla_shared_handing(&shared, &training, 7), DDLA_HANDED_MEAN);
  assert_int_equal(ddla_shared_handing(&shared, &training, 9), DDLA_HANDED_SUM);
  assert_int_equal(ddla_shared_handing(&shared, &training, 6), DDLA_HANDED_ON);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_are_divided),
      cmocka_unit_test(rows_are_handed_on_by_what_they_are_parts_of)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
