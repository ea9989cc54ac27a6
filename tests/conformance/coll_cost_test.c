/* Bytes and steps of emitted schedules against what the head of each collective's file states. */
#include "coll/coll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ranks.h"

enum { COUNT = 16 * 840 }; /* equal slices for 1 to 8 ranks */

typedef struct setting {
  ddla_transport *transport;
  ddla_coll *coll;
  void *operands[DDLA_TRANSPORT_RANKS_MAX], *output;
  int64_t rank, ranks, whole, slice;     /* bytes */
  int64_t own_partials, partials, terms; /* q of this rank; sum over ranks of q; operands in all */
} setting;

typedef struct expectation {
  const char *row;
  int64_t sent, read, written; /* bytes of this rank */
  int depth;                   /* longest chain of waits and receives; -1: any */
} expectation;

static int64_t rounds_of(int64_t ranks) {
  int64_t rounds = 0;
  while ((int64_t)1 << rounds < ranks) rounds++;
  return rounds;
}

static ddla_status check(const setting *s, const ddla_coll_call *call,
                         const expectation *expected) {
  ddla_schedule schedule = {0};
  ddla_coll_call named = *call;
  named.row = expected->row;
  ddla_status status = ddla_coll_emit(s->coll, &schedule, &named);
  if (status == DDLA_OK) {
    ddla_schedule_cost cost = ddla_schedule_measure(&schedule);
    bool right = cost.sent_bytes == expected->sent && cost.read_bytes == expected->read &&
                 cost.written_bytes == expected->written &&
                 (expected->depth < 0 || cost.depth == expected->depth);
    if (!right)
      status = DDLA_FAIL(
          INTERNAL,
          "%s, rank %lld of %lld: sends %lld, reads %lld, writes %lld, depth %d; stated are "
          "%lld, %lld, %lld, %d",
          expected->row, (long long)s->rank, (long long)s->ranks, (long long)cost.sent_bytes,
          (long long)cost.read_bytes, (long long)cost.written_bytes, cost.depth,
          (long long)expected->sent, (long long)expected->read, (long long)expected->written,
          expected->depth);
  }
  ddla_schedule_fini(&schedule);
  return status;
}

/* Operands for `leaves` shards (0: one leaf per rank); counts what the formulas speak of. */
static int deal(setting *s, int leaves, ddla_coll_operand *operands) {
  int count = 0;
  s->own_partials = s->partials = 0;
  for (int rank = 0; rank < (int)s->ranks; rank++) {
    int first = 0, held = 0;
    for (int shard = 0; shard < leaves; shard++) {
      if (shard * (int)s->ranks / leaves != rank) continue;
      if (held == 0) first = shard;
      operands[count++] = (ddla_coll_operand){s->operands[held++], rank, shard, 1};
    }
    ddla_tree_part parts[16];
    int cut = ddla_tree_cut(parts, 16, leaves, (ddla_tree_part){first, held});
    s->partials += cut;
    if (rank == (int)s->rank) s->own_partials = cut;
  }
  s->terms = count;
  return count;
}

static ddla_status check_message_sums(const setting *s, const ddla_coll_call *call) {
  int64_t q = s->own_partials, others = s->ranks - 1;
  int deep = s->ranks > 1;
  expectation scatter = {"reduce_scatter/linear", q * s->slice * others, 0, 0, deep};
  expectation exchange = {"all_reduce/exchange", q * s->whole * others, 0, 0, deep};
  expectation both = {"all_reduce/scatter_gather", (q + 1) * s->slice * others, 0, 0, -1};
  int64_t prepared = 0, made = 0; /* partial sums of several shards are made before they are sent */
  int held = 0;
  for (int i = 0; i < call->operand_count; i++) held += call->operands[i].rank == (int)s->rank;
  if (held > q) {
    prepared = held * s->whole;
    made = q * s->whole;
    if (held % 2 && held > 1) { /* one of the partial sums is a shard itself */
      prepared -= s->whole;
      made -= s->whole;
    }
  }
  ddla_coll_call sum = *call;
  sum.kind = DDLA_COLL_REDUCE_SCATTER;
  scatter.read = prepared + s->partials * s->slice;
  scatter.written = made + s->slice;
  DDLA_TRY(check(s, &sum, &scatter));
  sum.kind = DDLA_COLL_ALL_REDUCE;
  both.read = scatter.read;
  both.written = scatter.written;
  DDLA_TRY(check(s, &sum, &both));
  if (s->ranks > 2) return DDLA_OK;
  exchange.read = prepared + s->partials * s->whole;
  exchange.written = made + s->whole;
  return check(s, &sum, &exchange);
}

static ddla_status check_message_moves(const setting *s) {
  ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = COUNT, .output = s->output, .input = s->operands[0]};
  int64_t others = s->ranks - 1;
  call.kind = DDLA_COLL_BARRIER;
  DDLA_TRY(
      check(s, &call, &(expectation){"barrier/dissemination", 0, 0, 0, (int)rounds_of(s->ranks)}));
  call.kind = DDLA_COLL_GATHER;
  bool root = s->rank == 0;
  DDLA_TRY(check(s, &call,
                 &(expectation){"gather/linear", root ? 0 : s->slice, root ? s->slice : 0,
                                root ? s->slice : 0, root && s->ranks > 1}));
  call.kind = DDLA_COLL_ALL_GATHER;
  if (s->ranks <= 4)
    DDLA_TRY(check(
        s, &call,
        &(expectation){"all_gather/linear", others * s->slice, s->slice, s->slice, s->ranks > 1}));
  DDLA_TRY(check(s, &call,
                 &(expectation){"all_gather/ring", others * s->slice, s->slice, s->slice, -1}));
  call.kind = DDLA_COLL_BROADCAST;
  if (root)
    DDLA_TRY(check(s, &call,
                   &(expectation){"broadcast/binomial", rounds_of(s->ranks) * s->whole, s->whole,
                                  s->whole, 0}));
  return DDLA_OK;
}

static ddla_status check_shared(const setting *s, const ddla_coll_call *call) {
  ddla_coll_call c = *call;
  int64_t n = s->ranks, p = s->terms;
  int meet = 2 * (int)(n - 1); /* emitted in order: every wait of a meeting counts */
  c.kind = DDLA_COLL_REDUCE_SCATTER;
  DDLA_TRY(check(s, &c, &(expectation){"reduce_scatter/direct", 0, p * s->slice, s->slice, meet}));
  c.kind = DDLA_COLL_ALL_REDUCE;
  DDLA_TRY(check(s, &c, &(expectation){"all_reduce/direct", 0, p * s->slice, s->whole, meet}));
  c.kind = DDLA_COLL_BARRIER;
  DDLA_TRY(check(s, &c, &(expectation){"barrier/shared", 0, 0, 0, meet / 2}));
  c.kind = DDLA_COLL_ALL_GATHER;
  c.input = s->operands[0];
  DDLA_TRY(check(s, &c, &(expectation){"all_gather/direct", 0, s->whole, s->whole, meet}));
  DDLA_TRY(check(
      s, &c, &(expectation){"all_gather/staged", 0, s->slice + s->whole, s->slice + s->whole, -1}));
  c.kind = DDLA_COLL_GATHER;
  DDLA_TRY(check(s, &c, &(expectation){"gather/direct", 0, s->slice, s->slice, meet}));
  int64_t staged = s->slice + (s->rank == 0 ? s->whole : 0);
  DDLA_TRY(check(s, &c, &(expectation){"gather/staged", 0, staged, staged, -1}));
  c.kind = DDLA_COLL_BROADCAST;
  DDLA_TRY(check(s, &c, &(expectation){"broadcast/direct", 0, s->whole, s->whole, meet}));
  int64_t copies =
      s->rank == 0 ? 2 : 1; /* root: into its slots, and from its input to its output */
  return check(s, &c,
               &(expectation){"broadcast/staged", 0, copies * s->whole, copies * s->whole, -1});
}

/* Staged sums of one operand per rank. */
static ddla_status check_staged(const setting *s, const ddla_coll_call *call) {
  ddla_coll_call c = *call;
  int64_t n = s->ranks;
  c.kind = DDLA_COLL_ALL_REDUCE;
  DDLA_TRY(
      check(s, &c, &(expectation){"all_reduce/staged", 0, (1 + n) * s->whole, 2 * s->whole, -1}));
  c.count = 64;
  int64_t bytes = 256;
  DDLA_TRY(
      check(s, &c, &(expectation){"all_reduce/small", 0, (1 + n) * bytes, 2 * bytes, (int)n - 1}));
  c.count = 4096;
  bytes = 4 * c.count;
  if (n == 2) DDLA_TRY(check(s, &c, &(expectation){"all_reduce/whole", 0, 2 * bytes, bytes, 2}));
  c = *call;
  c.kind = DDLA_COLL_REDUCE_SCATTER;
  return check(
      s, &c,
      &(expectation){"reduce_scatter/staged", 0, s->whole + n * s->slice, s->whole + s->slice, -1});
}

static ddla_status measure(ddla_transport *transport, void *argument) {
  (void)argument;
  bool shared = ddla_transport_caps(transport) & DDLA_TRANSPORT_SHARED;
  setting s = {.transport = transport,
               .rank = ddla_transport_rank(transport),
               .ranks = ddla_transport_ranks(transport),
               .whole = COUNT * 4};
  s.slice = s.whole / s.ranks;
  DDLA_TRY(ddla_transport_alloc(transport, &s.output, COUNT * 4, DDLA_MEMORY_OWN));
  for (int i = 0; i < 8; i++)
    DDLA_TRY(ddla_transport_alloc(transport, &s.operands[i], COUNT * 4, DDLA_MEMORY_OWN));
  DDLA_TRY(ddla_coll_create(&s.coll, transport));
  ddla_coll_operand operands[64];
  ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = COUNT, .output = s.output, .operands = operands};
  ddla_status status = DDLA_OK;
  for (int shards = 0; shards <= 8 && status == DDLA_OK; shards += 8) {
    call.leaves = shards ? shards : s.ranks;
    call.operand_count = deal(&s, (int)call.leaves, operands);
    status = shared ? check_shared(&s, &call) : check_message_sums(&s, &call);
    if (status == DDLA_OK && shared && !shards) status = check_staged(&s, &call);
    bool many = s.ranks == 3 || s.ranks == 5;
    if (status == DDLA_OK && shards && (s.partials > s.ranks) != many)
      status = DDLA_FAIL(INTERNAL, "8 shards on %lld ranks are %lld partial sums",
                         (long long)s.ranks, (long long)s.partials);
  }
  if (status == DDLA_OK && !shared) status = check_message_moves(&s);
  ddla_coll_destroy(s.coll);
  return status;
}

static void schedules_cost_what_is_stated(void **state) {
  (void)state;
  for (int ranks = 1; ranks <= 8; ranks++)
    for (int world = RANKS_SIM; world <= RANKS_SIM_SHARED; world++) {
      ddla_status status = ranks_run((ranks_world)world, ranks, measure, NULL);
      if (status != DDLA_OK) print_error("%d ranks: %s\n", ranks, ddla_status_message(status));
      assert_int_equal(status, DDLA_OK);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(schedules_cost_what_is_stated)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
