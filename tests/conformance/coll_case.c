#include "coll_case.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { OLD_BYTE = 0x5a }; /* of an output before the call */

ddla_status case_buffers_init(case_buffers *out, ddla_transport *transport, ddla_coll *coll,
                              int64_t count) {
  size_t bytes = (size_t)(count + 16) * 8;
  *out = (case_buffers){.transport = transport, .coll = coll, .bytes = bytes};
  void *block = NULL;
  for (int i = 0; i < CASE_SLOTS; i++) {
    DDLA_TRY(ddla_transport_alloc(transport, &block, bytes, DDLA_MEMORY_OWN));
    out->own[i] = block;
    DDLA_TRY(DDLA_NEW(out->private_slots[i], bytes));
  }
  DDLA_TRY(ddla_transport_alloc(transport, &block, bytes, DDLA_MEMORY_OWN));
  out->own_output = block;
  if (ddla_transport_caps(transport) & DDLA_TRANSPORT_SHARED) {
    DDLA_TRY(ddla_transport_alloc(transport, &block, bytes, DDLA_MEMORY_ONE));
    out->one_output = block;
  }
  DDLA_TRY(DDLA_NEW(out->private_output, bytes));
  return DDLA_NEW(out->expected, bytes);
}

void case_buffers_fini(case_buffers *b) {
  for (int i = 0; i < CASE_SLOTS; i++) ddla_free(b->private_slots[i]);
  ddla_free(b->private_output);
  ddla_free(b->expected);
}

static const char *const kind_names[] = {"barrier",    "broadcast",      "gather",
                                         "all_gather", "reduce_scatter", "all_reduce"};

void coll_case_describe(const coll_case *c, char *text, size_t bytes) {
  snprintf(text, bytes,
           "%s row %s type %d count %" PRId64 " align %" PRId64
           " root %d leaves %d placement %" PRIu64 " memory %d%s%s",
           kind_names[c->kind], c->row ? c->row : "any", c->type, c->count, c->align, c->root,
           c->leaves, c->placement, c->memory, c->apply ? " apply" : "",
           c->use_prepared ? " prepared" : "");
}

/* Element k of a leaf, of very different sizes so that the order of additions shows in the bits. */
static void put_value(const coll_case *c, unsigned char *at, int leaf, int64_t k) {
  uint64_t r = (c->seed * 131 + (uint64_t)leaf + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)k;
  r = (r ^ r >> 30) *
      UINT64_C(0xBF58476D1CE4E5B9); /* splitmix64; Philox would dominate the test's time */
  r = (r ^ r >> 27) * UINT64_C(0x94D049BB133111EB);
  float f = ((float)(r >> 40) - 8388608.0f) * (float)(1u << (r % 24));
  double d = (double)f * 1.000000001;
  int64_t i = (int64_t)r;
  if (c->type == DDLA_COLL_F32) memcpy(at, &f, 4);
  if (c->type == DDLA_COLL_F64) memcpy(at, &d, 8);
  if (c->type == DDLA_COLL_I64) memcpy(at, &i, 8);
  if (c->type == DDLA_COLL_BYTE) *at = (unsigned char)r;
}

static void add_value(const coll_case *c, unsigned char *sum, const unsigned char *more) {
  float f[2];
  double d[2];
  uint64_t i[2];
  if (c->type == DDLA_COLL_F32) {
    memcpy(&f[0], sum, 4);
    memcpy(&f[1], more, 4);
    f[0] = f[0] + f[1];
    memcpy(sum, &f[0], 4);
  } else if (c->type == DDLA_COLL_F64) {
    memcpy(&d[0], sum, 8);
    memcpy(&d[1], more, 8);
    d[0] = d[0] + d[1];
    memcpy(sum, &d[0], 8);
  } else {
    memcpy(&i[0], sum, 8);
    memcpy(&i[1], more, 8);
    i[0] += i[1];
    memcpy(sum, &i[0], 8);
  }
}

/* The definition of the tree sum, one element at a time. */
static void plain_sum(const coll_case *c, unsigned char *out, int64_t first, int64_t count,
                      int64_t k) {
  if (count == 1) {
    put_value(c, out, (int)first, k);
    return;
  }
  int64_t half = 1;
  unsigned char right[8];
  while (half * 2 < count) half *= 2;
  plain_sum(c, out, first, half, k);
  plain_sum(c, right, first + half, count - half, k);
  add_value(c, out, right);
}

/* Who holds which leaves: 0 to 2 deal out runs in order of rank, others anything. */
static int place_operands(const coll_case *c, int ranks, ddla_coll_operand *operands) {
  ddla_rng rng = ddla_rng_make(ddla_rng_key(c->placement, DDLA_PURPOSE_TEST, 3, 0));
  int count = 0;
  for (int first = 0; first < c->leaves;) {
    int take = 1, rank = (int)ddla_rng_below(&rng, (uint64_t)ranks);
    if (c->placement % 2 == 0) {
      rank = first * ranks / c->leaves;
      while (first + take < c->leaves && (first + take) * ranks / c->leaves == rank) take++;
    } else {
      take =
          1 + (int)ddla_rng_below(&rng, (uint64_t)(c->leaves - first < 4 ? c->leaves - first : 4));
    }
    ddla_tree_part parts[16];
    int cut = ddla_tree_cut(parts, 16, c->leaves, (ddla_tree_part){first, take});
    for (int i = 0; i < cut; i++)
      operands[count++] =
          (ddla_coll_operand){.rank = rank, .first = parts[i].first, .count = parts[i].count};
    first += take;
  }
  return count;
}

static unsigned char *slot_of(const case_buffers *b, const coll_case *c, int index) {
  return c->memory == CASE_PRIVATE ? b->private_slots[index] : b->own[index];
}

static unsigned char *output_of(const case_buffers *b, const coll_case *c) {
  if (c->memory == CASE_ONE && b->one_output) return b->one_output;
  if (c->memory == CASE_IN_PLACE) return b->own[0];
  return c->memory == CASE_PRIVATE ? b->private_output : b->own_output;
}

static ddla_status fill_operands(case_buffers *b, const coll_case *c, ddla_coll_operand *operands,
                                 int count) {
  int used[DDLA_TRANSPORT_RANKS_MAX] = {0};
  size_t size = ddla_coll_type_bytes(c->type);
  for (int i = 0; i < count; i++) {
    int index = used[operands[i].rank]++;
    if (index == CASE_SLOTS) return DDLA_FAIL(INTERNAL, "too few slots for this case");
    unsigned char *slot = slot_of(b, c, index);
    operands[i].data = slot;
    if (operands[i].rank != ddla_transport_rank(b->transport)) continue;
    for (int64_t k = 0; k < c->count; k++)
      plain_sum(c, slot + (size_t)k * size, operands[i].first, operands[i].count, k);
  }
  return DDLA_OK;
}

typedef struct applied {
  const case_buffers *buffers;
  const coll_case *c;
  int64_t next, end;
} applied;

/* Checks that parts come in order; negates i64 elements so that the check sees that it ran after
 * the sum. */
static ddla_status apply(void *argument, int64_t first, int64_t count) {
  applied *a = argument;
  if (first != a->next)
    return DDLA_FAIL(INTERNAL, "apply was given element %" PRId64 ", not %" PRId64, first, a->next);
  a->next += count;
  unsigned char *output = output_of(a->buffers, a->c);
  for (int64_t k = first; k < a->next; k++)
    for (size_t i = 0; i < ddla_coll_type_bytes(a->c->type); i++)
      output[(size_t)k * ddla_coll_type_bytes(a->c->type) + i] ^= 0xff;
  return DDLA_OK;
}

static ddla_ready never(void *argument) {
  (void)argument;
  return DDLA_READY_NOTHING;
}

/* Ranks come to a call at times of their own, up to 3 ms apart, and fill what the others read only
 * then: who does not wait for them reads what the case before left. Time costs nothing on the
 * simulator; elsewhere few are late. */
static ddla_status come_late(const case_buffers *b, const coll_case *c) {
  enum { MOST_MS = 3, TURNS_SIMULATED = 8, TURNS = 100 };
  ddla_rng rng = ddla_rng_make(
      ddla_rng_key(c->seed, DDLA_PURPOSE_TEST, 4, (uint64_t)ddla_transport_rank(b->transport)));
  const bool simulated = ddla_transport_clock(b->transport) != ddla_clock_monotonic();
  const int64_t ms = (int64_t)ddla_rng_below(&rng, simulated ? TURNS_SIMULATED : TURNS);
  if (ms == 0 || ms > MOST_MS) return DDLA_OK;
  ddla_status status = ddla_transport_wait(b->transport, &(ddla_waiting){.ready = never}, ms);
  return status == DDLA_TIMEOUT ? DDLA_OK : status;
}

/* What this rank's output must hold; elements outside keep their old bytes. */
static void expect(const case_buffers *b, const coll_case *c, const ddla_coll_call *call,
                   int leaves) {
  size_t size = ddla_coll_type_bytes(c->type);
  int rank = ddla_transport_rank(b->transport), ranks = ddla_transport_ranks(b->transport);
  const bool one = c->memory == CASE_ONE && b->one_output; /* others may write it already */
  if (one) memset(b->expected, OLD_BYTE, b->bytes);
  else memcpy(b->expected, output_of(b, c), b->bytes);
  for (int r = 0; r < ranks; r++) {
    int64_t first = 0, count = 0;
    ddla_coll_slice(call, ranks, r, &first, &count);
    bool sum = c->kind == DDLA_COLL_REDUCE_SCATTER || c->kind == DDLA_COLL_ALL_REDUCE;
    if (c->kind == DDLA_COLL_BARRIER || (c->kind == DDLA_COLL_GATHER && rank != c->root && !one))
      continue;
    if (c->kind == DDLA_COLL_REDUCE_SCATTER && r != rank && !one) continue;
    for (int64_t k = first; k < first + count; k++) {
      unsigned char *at = b->expected + (size_t)k * size;
      if (sum) plain_sum(c, at, 0, leaves, k);
      else put_value(c, at, c->kind == DDLA_COLL_BROADCAST ? c->root : r, k);
      for (size_t i = 0; c->apply && i < size; i++) at[i] ^= 0xff;
    }
  }
}

/* Moves: this rank's slice (or root's all) goes to its input; in place: to its output. */
static void fill_input(case_buffers *b, const coll_case *c, ddla_coll_call *call) {
  int rank = ddla_transport_rank(b->transport);
  int64_t first = 0, count = c->count;
  size_t size = ddla_coll_type_bytes(c->type);
  if (c->kind != DDLA_COLL_BROADCAST)
    ddla_coll_slice(call, ddla_transport_ranks(b->transport), rank, &first, &count);
  unsigned char *input = slot_of(b, c, 1);
  bool gather_leaf = c->kind == DDLA_COLL_GATHER && rank != c->root;
  if (c->memory == CASE_IN_PLACE && !gather_leaf) input = output_of(b, c) + (size_t)first * size;
  else call->input = input;
  if (c->kind == DDLA_COLL_BROADCAST && rank != c->root) {
    call->input = NULL;
    return;
  }
  for (int64_t k = 0; k < count; k++) put_value(c, input + (size_t)k * size, rank, first + k);
}

static ddla_status run_prepared(case_buffers *b, const ddla_coll_call *call, const char **row) {
  ddla_schedule *schedule = NULL;
  DDLA_TRY(ddla_coll_prepare(b->coll, &schedule, call));
  *row = schedule->name;
  ddla_exec *exec = ddla_coll_exec(b->coll);
  ddla_status status = ddla_exec_start(exec, schedule);
  if (status == DDLA_OK) status = ddla_exec_wait(exec, schedule, 60000);
  ddla_coll_release(b->coll, schedule);
  return status;
}

static ddla_status run_call(case_buffers *b, const coll_case *c, const ddla_coll_call *call,
                            const char **row) {
  if (c->use_prepared) return run_prepared(b, call, row);
  ddla_schedule schedule = {0};
  ddla_status status = ddla_coll_emit(b->coll, &schedule, call);
  *row = schedule.name;
  ddla_schedule_fini(&schedule);
  return status == DDLA_OK ? ddla_coll_run(b->coll, call) : status;
}

/* False where this rank's call may end before others have written their part of a common output. */
static bool complete_at_once(const case_buffers *b, const coll_case *c) {
  bool one = c->memory == CASE_ONE && b->one_output;
  return !one || (c->kind != DDLA_COLL_REDUCE_SCATTER && c->kind != DDLA_COLL_GATHER);
}

static ddla_status compare(const case_buffers *b, const coll_case *c, const char *row) {
  for (size_t i = 0; i < b->bytes; i++)
    if (b->expected[i] != output_of(b, c)[i])
      return DDLA_FAIL(INTERNAL, "rank %d of %d: byte %zu is wrong after %s",
                       ddla_transport_rank(b->transport), ddla_transport_ranks(b->transport), i,
                       row);
  return DDLA_OK;
}

static void scribble(const case_buffers *b, const coll_case *c) {
  for (int i = 0; i < CASE_SLOTS; i++) memset(slot_of(b, c, i), 0xa5, b->bytes);
}

ddla_status coll_case_run(case_buffers *b, const coll_case *c, const char **row) {
  int ranks = ddla_transport_ranks(b->transport), rank = ddla_transport_rank(b->transport);
  ddla_coll_operand operands[CASE_OPERANDS_MAX];
  ddla_coll_call call = {.kind = c->kind,
                         .type = c->type,
                         .count = c->count,
                         .align = c->align,
                         .root = c->root,
                         .output = output_of(b, c),
                         .row = c->row};
  applied a = {.buffers = b, .c = c};
  bool one = c->memory == CASE_ONE && b->one_output;
  if (!one || rank == 0) memset(output_of(b, c), OLD_BYTE, b->bytes);
  if (one) DDLA_TRY(ddla_coll_barrier(b->coll)); /* it is filled before anybody writes results */
  DDLA_TRY(come_late(b, c));
  int leaves = c->leaves ? c->leaves : ranks;
  bool sum = c->kind == DDLA_COLL_REDUCE_SCATTER || c->kind == DDLA_COLL_ALL_REDUCE;
  if (sum && c->leaves) {
    call.operand_count = place_operands(c, ranks, operands);
    DDLA_TRY(fill_operands(b, c, operands, call.operand_count));
    call.operands = operands;
    call.leaves = c->leaves;
  } else if (sum) {
    operands[0] = (ddla_coll_operand){.rank = rank, .first = rank, .count = 1};
    DDLA_TRY(fill_operands(b, c, operands, 1));
    call.input = operands[0].data;
  } else if (c->kind != DDLA_COLL_BARRIER) {
    fill_input(b, c, &call);
  }
  if (c->apply) {
    call.apply = apply;
    call.apply_argument = &a;
    ddla_coll_slice(&call, ranks, rank, &a.next, &a.end);
    a.end += a.next;
  }
  expect(b, c, &call, leaves);
  DDLA_TRY(run_call(b, c, &call, row));
  if (c->apply && a.next != a.end) return DDLA_FAIL(INTERNAL, "apply did not see the whole slice");
  if (complete_at_once(b, c)) DDLA_TRY(compare(b, c, *row));
  if (c->memory != CASE_IN_PLACE)
    scribble(b, c); /* inputs are ours again: nobody may still read them */
  DDLA_TRY(ddla_coll_barrier(b->coll));
  DDLA_TRY(compare(b, c, *row));
  return ddla_coll_barrier(b->coll); /* the next case writes the common output */
}
