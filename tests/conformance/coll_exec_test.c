/* The executor: many schedules at once, time limits, cancelling, failures, no allocation; and
 * killed agents in the middle of collectives. */
#include "coll/coll.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "ranks.h"
#include "transport/local.h"

enum { SCHEDULES = 6, COUNT = 5000, STARTS = 4 };

#define EXPECT(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) return DDLA_FAIL(INTERNAL, "not true: %s", #condition);                      \
  } while (0)

typedef struct bundle {
  ddla_transport *transport;
  ddla_coll *coll;
  ddla_schedule *schedules[SCHEDULES];
  float *in[SCHEDULES], *out[SCHEDULES];
} bundle;

/* Prepared sums in memory of the transport and of the heap by turns. */
static ddla_status init(bundle *b, ddla_transport *transport) {
  *b = (bundle){.transport = transport};
  DDLA_TRY(ddla_coll_create(&b->coll, transport));
  for (int i = 0; i < SCHEDULES; i++) {
    void *block = NULL;
    DDLA_TRY(ddla_transport_alloc(transport, &block, 2 * COUNT * sizeof(float), DDLA_MEMORY_OWN));
    b->in[i] = block;
    if (i % 2) DDLA_TRY(DDLA_NEW(b->in[i], 2 * COUNT));
    b->out[i] = b->in[i] + COUNT;
    ddla_coll_call call = {.kind = DDLA_COLL_ALL_REDUCE,
                           .type = DDLA_COLL_F32,
                           .count = COUNT - i,
                           .input = b->in[i],
                           .output = b->out[i]};
    DDLA_TRY(ddla_coll_prepare(b->coll, &b->schedules[i], &call));
  }
  return DDLA_OK;
}

static void fini(bundle *b) {
  for (int i = 0; i < SCHEDULES; i++) {
    if (b->coll) ddla_coll_release(b->coll, b->schedules[i]);
    if (i % 2) ddla_free(b->in[i]);
  }
  ddla_coll_destroy(b->coll);
}

static float value(int rank, int schedule, int start, int k) {
  return (float)(rank * 7 + schedule * 100 + start * 1000 + k % 13);
}

static ddla_status check_sum(const bundle *b, int i, int start) {
  for (int k = 0; k < COUNT - i; k++) {
    float sum = 0;
    for (int r = 0; r < ddla_transport_ranks(b->transport); r++) sum += value(r, i, start, k);
    if (sum != b->out[i][k])
      return DDLA_FAIL(INTERNAL, "schedule %d, start %d, element %d: %g, not %g", i, start, k,
                       (double)b->out[i][k], (double)sum);
  }
  return DDLA_OK;
}

/* Every rank starts the schedules in another order, and nothing is allocated while they run. */
static ddla_status overlapping(ddla_transport *transport, void *argument) {
  (void)argument;
  bundle b;
  ddla_status status = init(&b, transport);
  ddla_exec *exec = status == DDLA_OK ? ddla_coll_exec(b.coll) : NULL;
  int rank = ddla_transport_rank(transport);
  bool fibers =
      strncmp(ddla_transport_name(transport), "sim", 3) == 0; /* others allocate meanwhile */
  for (int start = 0; start < STARTS && status == DDLA_OK; start++) {
    if (!fibers) ddla_alloc_freeze();
    for (int n = 0; n < SCHEDULES && status == DDLA_OK; n++) {
      int i = (n * (rank % 2 ? 5 : 1) + rank) % SCHEDULES;
      for (int k = 0; k < COUNT - i; k++) b.in[i][k] = value(rank, i, start, k);
      status = ddla_exec_start(exec, b.schedules[i]);
    }
    if (status == DDLA_OK) status = ddla_exec_wait(exec, NULL, 60000);
    if (!fibers) ddla_alloc_thaw();
    for (int i = 0; i < SCHEDULES && status == DDLA_OK; i++) status = check_sum(&b, i, start);
    if (status == DDLA_OK && ddla_exec_running(exec) != 0)
      status = DDLA_FAIL(INTERNAL, "something still runs");
  }
  fini(&b);
  return status;
}

/* 200 elements of the heap: the row with one meeting only. */
static ddla_status sum_little(bundle *b, int start) {
  int rank = ddla_transport_rank(b->transport);
  for (int k = 0; k < 200; k++) b->in[1][k] = value(rank, 1, start, k);
  ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = 200, .input = b->in[1], .output = b->out[1]};
  DDLA_TRY(ddla_coll_all_reduce(b->coll, &call));
  for (int k = 0; k < 200; k++) {
    float sum = 0;
    for (int r = 0; r < ddla_transport_ranks(b->transport); r++) sum += value(r, 1, start, k);
    if (sum != b->out[1][k]) return DDLA_FAIL(INTERNAL, "small call %d, element %d", start, k);
  }
  return DDLA_OK;
}

/* The same calls again and again, small and large by turns and mixed with barriers, with new data:
 * what is kept of a call must not be more than its schedule. */
static ddla_status repeated(ddla_transport *transport, void *argument) {
  (void)argument;
  bundle b;
  ddla_status status = init(&b, transport);
  int rank = ddla_transport_rank(transport);
  for (int start = 0; start < 60 && status == DDLA_OK; start++) {
    int i = start % 4 < 2 ? 0 : 1; /* transport memory or the heap */
    int64_t count = start % 3 ? 200 : COUNT - i;
    for (int k = 0; k < COUNT - i; k++) b.out[i][k] = 0;
    for (int k = 0; k < count; k++) b.in[i][k] = value(rank, i, start, k);
    ddla_coll_call call = {
        .type = DDLA_COLL_F32, .count = count, .input = b.in[i], .output = b.out[i]};
    status = ddla_coll_barrier(b.coll); /* nobody clears an output that a peer already writes */
    if (status == DDLA_OK) status = ddla_coll_all_reduce(b.coll, &call);
    if (status == DDLA_OK && count == COUNT - i) status = check_sum(&b, i, start);
    float sum = 0;
    for (int r = 0; r < ddla_transport_ranks(transport); r++) sum += value(r, i, start, 199);
    if (status == DDLA_OK && b.out[i][199] != sum)
      status =
          DDLA_FAIL(INTERNAL, "call %d: %g, not %g", start, (double)b.out[i][199], (double)sum);
    if (status == DDLA_OK && start % 5 == 0) status = ddla_coll_barrier(b.coll);
  }
  for (int start = 0; start < 60 && status == DDLA_OK; start++)
    status = sum_little(&b, start); /* back to back, so that ranks are in different calls */
  fini(&b);
  return status;
}

/* Rank 0 waits in vain with a limit, gives up, and frees everything. */
static ddla_status limited(ddla_transport *transport, void *argument) {
  (void)argument;
  bundle b;
  DDLA_TRY(init(&b, transport));
  ddla_status late = DDLA_TIMEOUT, dropped = DDLA_CANCELLED, status = DDLA_OK;
  if (ddla_transport_rank(transport) == 0 && ddla_transport_ranks(transport) > 1) {
    ddla_exec *exec = ddla_coll_exec(b.coll);
    status = ddla_exec_start(exec, b.schedules[0]);
    if (status == DDLA_OK) late = ddla_exec_wait(exec, b.schedules[0], 30);
    ddla_exec_cancel(exec, b.schedules[0]);
    if (status == DDLA_OK) dropped = ddla_exec_wait(exec, b.schedules[0], -1);
  }
  fini(&b);
  DDLA_TRY(status);
  EXPECT(late == DDLA_TIMEOUT && dropped == DDLA_CANCELLED);
  return DDLA_OK;
}

static ddla_status refuse(void *argument, int64_t first, int64_t count) {
  (void)argument;
  (void)count;
  return first == 0 ? DDLA_FAIL(NON_FINITE, "element %lld is not finite", (long long)first)
                    : DDLA_OK;
}

/* What apply says is what the owner of the slice gets. */
static ddla_status failing_apply(ddla_transport *transport, void *argument) {
  (void)argument;
  bundle b;
  DDLA_TRY(init(&b, transport));
  ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = COUNT, .input = b.in[0], .output = b.out[0], .apply = refuse};
  ddla_status status = DDLA_OK;
  if (ddla_transport_ranks(transport) == 1) status = ddla_coll_reduce_scatter(b.coll, &call);
  else status = DDLA_NON_FINITE; /* the others would wait for a rank that has given up */
  fini(&b);
  EXPECT(status == DDLA_NON_FINITE);
  return DDLA_OK;
}

/* Ranks that call different operations are told so instead of mixing their data. */
static ddla_status mixed_up(ddla_transport *transport, void *argument) {
  (void)argument;
  bundle b;
  DDLA_TRY(init(&b, transport));
  int rank = ddla_transport_rank(transport);
  ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = COUNT - (rank == 1), .input = b.in[0], .output = b.out[0]};
  ddla_status status = ddla_coll_all_reduce(b.coll, &call);
  fini(&b);
  EXPECT(ddla_transport_ranks(transport) == 1 || status == DDLA_INVALID);
  return DDLA_OK;
}

static void check(ranks_world world, int ranks, ranks_main *rank_main) {
  if (!ranks_available(world, ranks)) return;
  ddla_status status = ranks_run(world, ranks, rank_main, NULL);
  if (status != DDLA_OK)
    print_error("%s, %d ranks: %s\n", ranks_world_names[world], ranks, ddla_status_message(status));
  assert_int_equal(status, DDLA_OK);
}

static void schedules_overlap(void **state) {
  (void)state;
  check(RANKS_SELF, 1, overlapping);
  for (int ranks = 2; ranks <= 4; ranks++)
    for (int world = RANKS_THREADS; world < RANKS_WORLD_COUNT; world++)
      check((ranks_world)world, ranks, overlapping);
}

static void calls_repeat(void **state) {
  (void)state;
  check(RANKS_SELF, 1, repeated);
  for (int ranks = 2; ranks <= 4; ranks++)
    for (int world = RANKS_THREADS; world < RANKS_WORLD_COUNT; world++)
      check((ranks_world)world, ranks, repeated);
}

static void waits_have_limits(void **state) {
  (void)state;
  check(RANKS_THREADS, 2, limited);
  check(RANKS_SIM, 2, limited);
  check(RANKS_MPI, 2, limited);
  check(RANKS_SIM_SHARED, 3, limited);
}

static void apply_may_fail(void **state) {
  (void)state;
  check(RANKS_SELF, 1, failing_apply);
}

static void mixed_up_calls_are_named(void **state) {
  (void)state;
  check(RANKS_THREADS, 2, mixed_up);
  check(RANKS_SIM_SHARED, 2, mixed_up);
  check(RANKS_SIM, 2, mixed_up);
  check(RANKS_MPI, 2, mixed_up);
}

/* An agent that sums for ever; ends with what stops it. */
static ddla_status sum_for_ever(ddla_local_region *region, int rank, bool hidden) {
  enum { LARGE = 300000 };
  ddla_local_setup setup = {region, rank};
  ddla_transport *transport = NULL;
  ddla_coll *coll = NULL;
  void *block = NULL;
  DDLA_TRY(ddla_transport_open(&transport, "local", &setup));
  DDLA_TRY(ddla_coll_create(&coll, transport));
  DDLA_TRY(ddla_transport_alloc(transport, &block, 2 * LARGE * sizeof(float), DDLA_MEMORY_OWN));
  static float own[2 * LARGE];
  float *in = hidden ? own : block;
  ddla_coll_call call = {.type = DDLA_COLL_F32, .count = LARGE, .input = in, .output = in + LARGE};
  ddla_status status = DDLA_OK;
  while (status == DDLA_OK) status = ddla_coll_all_reduce(coll, &call);
  ddla_coll_destroy(coll);
  ddla_transport_close(transport);
  return status;
}

static void killed_agents_end_a_collective(void **state) {
  (void)state;
  enum { AGENTS = 3 };
  if (!ranks_available(RANKS_PROCESSES, AGENTS)) return; /* nothing forks under MPI */
  for (int hidden = 0; hidden < 2; hidden++) {
    ddla_local_region *region = NULL;
    assert_int_equal(ddla_local_region_create(&region, AGENTS, 64 << 20), DDLA_OK);
    pid_t children[AGENTS];
    for (int i = 0; i < AGENTS; i++) {
      children[i] = fork();
      if (children[i] == 0) _exit(sum_for_ever(region, i, hidden));
    }
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    int status = 0;
    kill(children[2], SIGKILL);
    waitpid(children[2], &status, 0);
    int64_t begun_ns = ddla_clock_now_ns(ddla_clock_monotonic());
    ddla_local_region_raise(region, 2, WTERMSIG(status));
    for (int i = 0; i < 2; i++) {
      waitpid(children[i], &status, 0);
      assert_true(WIFEXITED(status));
      assert_int_equal(WEXITSTATUS(status), DDLA_PEER_LOST);
    }
    assert_true(ddla_clock_now_ns(ddla_clock_monotonic()) - begun_ns < 2000000000);
    ddla_local_region_destroy(region);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(schedules_overlap),        cmocka_unit_test(calls_repeat),
      cmocka_unit_test(waits_have_limits),        cmocka_unit_test(apply_may_fail),
      cmocka_unit_test(mixed_up_calls_are_named), cmocka_unit_test(killed_agents_end_a_collective),
  };
  return ranks_end(cmocka_run_group_tests(tests, NULL, NULL));
}
