#include "coll/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"

void ddla_coll_slice(const ddla_coll_call *call, int ranks, int rank, int64_t *first,
                     int64_t *count) {
  int64_t align = call->align > 0 ? call->align : 64 / (int64_t)ddla_coll_type_bytes(call->type);
  int64_t blocks = (call->count + align - 1) / align;
  int64_t from = blocks / ranks * rank + blocks % ranks * rank / ranks;
  int64_t end = blocks / ranks * (rank + 1) + blocks % ranks * (rank + 1) / ranks;
  *first = from * align < call->count ? from * align : call->count;
  *count = (end * align < call->count ? end * align : call->count) - *first;
}

ddla_coll_span ddla_coll_span_of(const ddla_coll_plan *plan, int rank) {
  ddla_coll_span span = {0};
  ddla_coll_slice(&plan->call, plan->ranks, rank, &span.first, &span.count);
  span.offset = (size_t)span.first * plan->size;
  span.bytes = (size_t)span.count * plan->size;
  return span;
}

size_t ddla_coll_bytes(const ddla_coll_plan *plan) { return (size_t)plan->call.count * plan->size; }

void *ddla_coll_at(const void *base, size_t bytes) {
  uintptr_t address = (uintptr_t)base + bytes;
  void *at = NULL;
  memcpy(&at, &address, sizeof at);
  return at;
}

static bool is_sum(ddla_coll_kind kind) {
  return kind == DDLA_COLL_REDUCE_SCATTER || kind == DDLA_COLL_ALL_REDUCE;
}

static ddla_status list_operands(ddla_coll_plan *plan) {
  const ddla_coll_call *call = &plan->call;
  int given = call->operands ? call->operand_count : plan->ranks;
  plan->leaves = call->operands ? call->leaves : plan->ranks;
  if (given < 0 || given > DDLA_TREE_OPERANDS_MAX)
    return DDLA_FAIL(UNSUPPORTED, "a sum of %d operands; at most %d", given,
                     DDLA_TREE_OPERANDS_MAX);
  if (!call->operands && !call->input && call->count)
    return DDLA_FAIL(INVALID, "a sum needs an input or a list of operands");
  int64_t end = 0;
  for (int i = 0; i < given; i++) {
    ddla_coll_operand operand = {call->input, i, i, 1};
    if (call->operands) operand = call->operands[i];
    ddla_tree_part part = {operand.first, operand.count};
    if (operand.rank < 0 || operand.rank >= plan->ranks || operand.first < end ||
        !ddla_tree_is_subtree(plan->leaves, part))
      return DDLA_FAIL(INVALID,
                       "operand %d (agent %d, leaves %" PRId64 " to %" PRId64 " of %" PRId64
                       ") is out of order or no subtree",
                       i, operand.rank, operand.first, operand.first + operand.count, plan->leaves);
    end = operand.first + operand.count;
    if (operand.data || !call->operands) plan->operands[plan->operand_count++] = operand;
  }
  return DDLA_OK;
}

static bool one_rank(const ddla_coll_plan *plan, int from, int end) {
  for (int i = from + 1; i < end; i++)
    if (plan->operands[i].rank != plan->operands[from].rank) return false;
  return true;
}

/* Cuts the tree where different ranks' operands meet. `from` is the first operand at or after `at`.
 */
static int find_partials(ddla_coll_plan *plan, ddla_tree_part at, int from) {
  int end = from;
  while (end < plan->operand_count && plan->operands[end].first < at.first + at.count) end++;
  if (end == from) return end;
  if (one_rank(plan, from, end)) {
    ddla_coll_partial partial = {plan->operands[from].rank, from, end - from, at};
    plan->partials[plan->partial_count++] = partial;
    return end;
  }
  int64_t left = ddla_tree_left(at.count);
  int middle = find_partials(plan, (ddla_tree_part){at.first, left}, from);
  find_partials(plan, (ddla_tree_part){at.first + left, at.count - left}, middle);
  return end;
}

static void count_partials(ddla_coll_plan *plan) {
  for (int rank = 0; rank < plan->ranks; rank++) {
    int count = 0;
    for (int i = 0; i < plan->partial_count; i++) count += plan->partials[i].rank == rank;
    if (count > plan->partials_per_rank_max) plan->partials_per_rank_max = count;
  }
}

static void classify(ddla_coll_plan *plan) {
  ddla_transport *t = plan->transport;
  if (!(t->ops->caps & DDLA_TRANSPORT_SHARED)) return;
  plan->operands_shared = true;
  for (int i = 0; i < plan->operand_count; i++)
    if (!ddla_transport_peer(t, plan->operands[i].data, t->rank)) plan->operands_shared = false;
  if (!plan->call.output) return;
  plan->output_shared = ddla_transport_peer(t, plan->call.output, t->rank) != NULL;
  int other = (t->rank + 1) % t->ranks;
  plan->output_one = plan->output_shared && t->ranks > 1 &&
                     ddla_transport_peer(t, plan->call.output, other) == plan->call.output;
}

static ddla_status check_call(const ddla_coll_call *call, int ranks) {
  bool needs_output = call->kind == DDLA_COLL_ALL_REDUCE ||
                      call->kind == DDLA_COLL_REDUCE_SCATTER || call->kind == DDLA_COLL_BROADCAST ||
                      call->kind == DDLA_COLL_ALL_GATHER;
  if (call->count < 0 || call->align < 0)
    return DDLA_FAIL(INVALID,
                     "a collective operation over %" PRId64 " elements, slices of %" PRId64,
                     call->count, call->align);
  if (call->root < 0 || call->root >= ranks)
    return DDLA_FAIL(INVALID, "root %d is not one of %d agents", call->root, ranks);
  if (call->count && needs_output && !call->output)
    return DDLA_FAIL(INVALID, "a collective operation without an output");
  if (is_sum(call->kind) && call->type == DDLA_COLL_BYTE)
    return DDLA_FAIL(INVALID, "bytes cannot be summed; give a number format");
  if (call->apply && call->kind != DDLA_COLL_REDUCE_SCATTER)
    return DDLA_FAIL(INVALID, "only reduce-scatter applies a function to its results");
  return DDLA_OK;
}

ddla_status ddla_coll_plan_make(ddla_coll_plan *out, ddla_transport *transport,
                                const ddla_coll_call *call) {
  DDLA_TRY(check_call(call, transport->ranks));
  out->call = *call;
  out->transport = transport;
  out->rank = transport->rank;
  out->ranks = transport->ranks;
  out->size = ddla_coll_type_bytes(call->type);
  out->operand_count = out->partial_count = out->partials_per_rank_max = 0;
  out->operands_shared = out->output_shared = out->output_one = false;
  out->leaves = 0;
  out->stage = NULL;
  out->parity = -1;
  if (is_sum(call->kind)) {
    DDLA_TRY(list_operands(out));
    if (out->leaves > 0) find_partials(out, (ddla_tree_part){0, out->leaves}, 0);
    count_partials(out);
  }
  classify(out);
  return DDLA_OK;
}

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
  return hash ^ hash >> 32;
}

/* Where an address is, so far as ranks can compare it: its distance from rank 0's counterpart of
 * another. */
static uint64_t place(const ddla_coll_plan *plan, const void *address) {
  if (!address) return 1;
  if (!(plan->transport->ops->caps & DDLA_TRANSPORT_SHARED)) return 2;
  void *first = ddla_transport_peer(plan->transport, address, 0);
  return first ? (uint64_t)(uintptr_t)first : 2;
}

uint64_t ddla_coll_plan_signature(const ddla_coll_plan *plan) {
  const ddla_coll_call *call = &plan->call;
  uint64_t hash = mix((uint64_t)call->kind << 8 | (uint64_t)call->type, (uint64_t)call->count);
  hash = mix(mix(hash, (uint64_t)call->align), (uint64_t)call->root << 1 | (call->apply != NULL));
  if (plan->output_shared) hash = mix(hash, place(plan, call->output));
  for (int i = 0; i < plan->operand_count; i++) {
    const ddla_coll_operand *o = &plan->operands[i];
    hash = mix(mix(hash, (uint64_t)o->first << 32 | (uint64_t)o->count), (uint64_t)o->rank);
    if (plan->operands_shared) hash = mix(hash, place(plan, o->data));
  }
  for (const char *letter = call->row; letter && *letter; letter++)
    hash = mix(hash, (uint64_t)(unsigned char)*letter);
  return mix(hash, (uint64_t)plan->leaves) | 1;
}
