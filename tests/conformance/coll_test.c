/* Every collective row on every world it accepts, against the definition of the operation. */
#include "coll/coll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "coll_case.h"
#include "ranks.h"

enum { ROWS_MAX = 64 };

static _Atomic int ran[ROWS_MAX]; /* by row: cases that ran, in worlds that share our memory */

static void count_row(const char *name) {
  for (int i = 0; ddla_coll_row_at(i); i++)
    if (strcmp(ddla_coll_row_at(i)->name, name) == 0) atomic_fetch_add(&ran[i], 1);
}

typedef struct suite {
  const int64_t *counts; /* ends with -1 */
  int leaves;
  uint64_t placements;
  bool every_row; /* name each row, instead of taking the first that accepts */
} suite;

static ddla_status run_one(case_buffers *b, const coll_case *c) {
  const char *row = NULL;
  ddla_status status = coll_case_run(b, c, &row);
  if (status == DDLA_UNSUPPORTED && c->row) return DDLA_OK;
  if (status == DDLA_OK) {
    if (row) count_row(row);
    return DDLA_OK;
  }
  char words[256];
  coll_case_describe(c, words, sizeof words);
  return ddla_status_prefix(status, "%s: ", words);
}

/* The variations of one kind and count. */
static ddla_status run_kind(case_buffers *b, const suite *s, coll_case c) {
  int ranks = ddla_transport_ranks(b->transport);
  bool sum = c.kind == DDLA_COLL_REDUCE_SCATTER || c.kind == DDLA_COLL_ALL_REDUCE;
  c.root = (int)(c.seed % (uint64_t)ranks);
  for (int memory = CASE_PRIVATE; memory <= CASE_IN_PLACE; memory++) {
    c.memory = (case_memory)memory;
    c.type = sum ? (ddla_coll_type)(c.seed % 3) : (ddla_coll_type)(c.seed % 4);
    c.use_prepared = c.seed % 3 == 1;
    c.apply = c.kind == DDLA_COLL_REDUCE_SCATTER && c.seed % 2;
    c.align = c.seed % 5 == 4 ? 24 : c.seed % 5 == 3 ? 1 : 0;
    c.seed++;
    DDLA_TRY(run_one(b, &c));
    for (uint64_t p = 0; sum && s->leaves && p < s->placements; p++) {
      coll_case dealt = c;
      dealt.leaves = s->leaves;
      dealt.placement = p;
      DDLA_TRY(run_one(b, &dealt));
    }
  }
  return DDLA_OK;
}

static ddla_status run_rows(case_buffers *b, const suite *s, coll_case c) {
  for (int i = 0; ddla_coll_row_at(i); i++) {
    const ddla_coll_row *row = ddla_coll_row_at(i);
    if (row->kind != c.kind) continue;
    c.row = row->name;
    c.seed += 13;
    DDLA_TRY(run_kind(b, s, c));
  }
  return DDLA_OK;
}

static ddla_status run_suite(ddla_transport *transport, void *argument) {
  const suite *s = argument;
  ddla_coll *coll = NULL;
  case_buffers buffers = {0};
  ddla_status status = DDLA_OK;
  int64_t largest = 0;
  for (int i = 0; s->counts[i] >= 0; i++)
    if (s->counts[i] > largest) largest = s->counts[i];
  DDLA_TRY_CLEAN(status, ddla_coll_create(&coll, transport));
  DDLA_TRY_CLEAN(status, case_buffers_init(&buffers, transport, coll, largest));
  for (int i = 0; s->counts[i] >= 0; i++)
    for (int kind = DDLA_COLL_BARRIER; kind <= DDLA_COLL_ALL_REDUCE; kind++) {
      coll_case c = {
          .kind = (ddla_coll_kind)kind, .count = s->counts[i], .seed = (uint64_t)(i * 7 + kind)};
      DDLA_TRY_CLEAN(status, s->every_row ? run_rows(&buffers, s, c) : run_kind(&buffers, s, c));
    }
cleanup:
  ddla_coll_destroy(coll);
  case_buffers_fini(&buffers);
  return status;
}

static void check(ranks_world world, int ranks, const suite *s) {
  suite copy = *s;
  if (!ranks_available(world, ranks)) return;
  ddla_status status = ranks_run(world, ranks, run_suite, &copy);
  if (status != DDLA_OK)
    print_error("%s, %d ranks: %s\n", ranks_world_names[world], ranks, ddla_status_message(status));
  assert_int_equal(status, DDLA_OK);
}

#if defined(DDLA_SANITIZED) /* ten times slower: what differs in kind */
static const int64_t small_counts[] = {0, 1, 251, -1};
static const int64_t large_counts[] = {150001, -1};
static const int rank_counts[] = {2, 3, 9};
#else
static const int64_t small_counts[] = {0, 1, 251, 1033, -1};
static const int64_t large_counts[] = {300007, -1};
static const int rank_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16};
#endif
enum { RANK_COUNTS = sizeof rank_counts / sizeof rank_counts[0] };

static void alone(void **state) {
  (void)state;
  check(RANKS_SELF, 1, &(suite){small_counts, 8, 2, true});
  check(RANKS_SELF, 1, &(suite){large_counts, 0, 0, true});
}

static void simulated_messages(void **state) {
  (void)state;
  for (int i = 0; i < RANK_COUNTS; i++)
    check(RANKS_SIM, rank_counts[i], &(suite){small_counts, 8, 3, true});
  check(RANKS_SIM, 5, &(suite){large_counts, 0, 0, true});
}

static void simulated_shared_memory(void **state) {
  (void)state;
  for (int i = 0; i < RANK_COUNTS; i++)
    check(RANKS_SIM_SHARED, rank_counts[i], &(suite){small_counts, 16, 3, true});
  check(RANKS_SIM_SHARED, 3, &(suite){large_counts, 0, 0, true});
}

static void threads(void **state) {
  (void)state;
  for (int i = 0; i < RANK_COUNTS; i++)
    check(RANKS_THREADS, rank_counts[i], &(suite){small_counts, 8, 2, rank_counts[i] < 5});
  check(RANKS_THREADS, 3, &(suite){large_counts, 8, 1, true});
}

static void processes(void **state) {
  (void)state;
  check(RANKS_PROCESSES, 2, &(suite){small_counts, 8, 4, true});
  check(RANKS_PROCESSES, 4, &(suite){small_counts, 16, 2, false});
  check(RANKS_PROCESSES, 2, &(suite){large_counts, 0, 0, true});
}

static void hosts(void **state) {
  (void)state;
  for (int i = 0; i < RANK_COUNTS; i++) {
    check(RANKS_MPI, rank_counts[i], &(suite){small_counts, 8, 2, true});
    check(RANKS_MPI, rank_counts[i], &(suite){large_counts, 0, 0, true});
  }
}

static void every_row_ran(void **state) {
  (void)state;
  if (!ranks_available(RANKS_THREADS, 2)) return; /* not those for shared memory */
  for (int i = 0; ddla_coll_row_at(i); i++) {
    if (atomic_load(&ran[i]) == 0) print_error("%s never ran\n", ddla_coll_row_at(i)->name);
    assert_true(atomic_load(&ran[i]) > 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(alone),
      cmocka_unit_test(simulated_messages),
      cmocka_unit_test(simulated_shared_memory),
      cmocka_unit_test(threads),
      cmocka_unit_test(processes),
      cmocka_unit_test(hosts),
      cmocka_unit_test(every_row_ran),
  };
  return ranks_end(cmocka_run_group_tests(tests, NULL, NULL));
}
