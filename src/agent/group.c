/* Agents and collectives for programs of others: see ddla/group.h. */
#include <ddla/group.h>

#include <stdarg.h>
#include <stdio.h>

#include "agent/launch.h"
#include "coll/coll.h"

enum { DEFAULT_BYTES = 1 << 30, OWN_BYTES = 4 << 20 /* an agent's words and staging memory */ };

struct ddla_group {
  ddla_transport *transport;
  ddla_coll *coll;
};

typedef struct group_call {
  ddla_group_main main;
  void *argument;
} group_call;

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const group_call *call = argument;
  ddla_group group = {.transport = transport};
  DDLA_TRY(ddla_coll_create(&group.coll, transport));
  ddla_status status = call->main(&group, call->argument);
  /* The memory of an agent that is early must outlive what others still read of it. */
  if (status == DDLA_OK) status = ddla_coll_barrier(group.coll);
  ddla_coll_destroy(group.coll);
  return status;
}

static void where(void *argument, char *text, size_t bytes) {
  (void)argument;
  snprintf(text, bytes, "work that is not the library's");
}

ddla_status ddla_group_run(const ddla_group_options *options, ddla_group_main main,
                           void *argument) {
  const ddla_group_options wanted = options ? *options : (ddla_group_options){0};
  int agents = wanted.agents ? wanted.agents : 1;
  if (agents < 1 || agents > DDLA_TRANSPORT_RANKS_MAX)
    return DDLA_FAIL(INVALID, "a group of %d agents: there may be 1 to %d", agents,
                     DDLA_TRANSPORT_RANKS_MAX);
  if (!main) return DDLA_FAIL(INVALID, "ddla_group_run needs a function to run on every agent");
  group_call call = {main, argument};
  size_t bytes = wanted.memory_bytes ? wanted.memory_bytes : DEFAULT_BYTES;
  const ddla_launch_options launch = {.agents = agents,
                                      .shared_bytes = bytes + (size_t)agents * OWN_BYTES,
                                      .threads = !wanted.processes,
                                      .where = where};
  return ddla_launch(&launch, agent_main, &call);
}

int ddla_group_rank(const ddla_group *group) { return ddla_transport_rank(group->transport); }

int ddla_group_size(const ddla_group *group) { return ddla_transport_ranks(group->transport); }

ddla_status ddla_group_fail(ddla_status status, const char *format, ...) {
  ddla_failure failure = {.code = status, .file = "program", .line = 0};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure.text, sizeof failure.text, format, arguments);
  va_end(arguments);
  return ddla_status_raise(&failure);
}

ddla_status ddla_group_memory(ddla_group *group, void **out, size_t bytes) {
  return ddla_transport_alloc(group->transport, out, bytes, DDLA_MEMORY_OWN);
}

static void share_of(int64_t count, int64_t rank, int64_t size, int64_t *first, int64_t *end) {
  int64_t whole = count / size, rest = count % size;
  *first = whole * rank + rest * rank / size;
  *end = whole * (rank + 1) + rest * (rank + 1) / size;
}

void ddla_group_share(const ddla_group *group, int64_t count, int64_t *first, int64_t *end) {
  share_of(count, ddla_group_rank(group), ddla_group_size(group), first, end);
}

static ddla_status type_of(ddla_coll_type *out, const ddla_group_array *array) {
  switch (array->type) {
  case DDLA_F32: *out = DDLA_COLL_F32; break;
  case DDLA_F64: *out = DDLA_COLL_F64; break;
  case DDLA_I64: *out = DDLA_COLL_I64; break;
  default:
    return DDLA_FAIL(UNSUPPORTED, "arrays of %s are not exchanged; there are F32, F64 and I64",
                     ddla_dtype_name(array->type));
  }
  if (array->count < 0 || (array->count > 0 && !array->output))
    return DDLA_FAIL(INVALID, "an array of %lld elements%s", (long long)array->count,
                     array->output ? "" : " without an output");
  return DDLA_OK;
}

ddla_status ddla_group_barrier(ddla_group *group) { return ddla_coll_barrier(group->coll); }

ddla_status ddla_group_broadcast(ddla_group *group, const ddla_group_array *array, int root) {
  ddla_coll_call call = {.count = array->count, .input = array->input, .output = array->output};
  DDLA_TRY(type_of(&call.type, array));
  if (root < 0 || root >= ddla_group_size(group))
    return DDLA_FAIL(INVALID, "agent %d is no root among %d agents", root, ddla_group_size(group));
  call.root = root;
  return ddla_coll_broadcast(group->coll, &call);
}

ddla_status ddla_group_all_reduce(ddla_group *group, const ddla_group_array *array) {
  ddla_coll_call call = {.count = array->count,
                         .input = array->input ? array->input : array->output,
                         .output = array->output};
  DDLA_TRY(type_of(&call.type, array));
  return ddla_coll_all_reduce(group->coll, &call);
}

/* Every agent's shards lie in its own counterpart of this agent's block, in the same order. */
static int list_shards(ddla_coll_operand *out, const ddla_group *group, int shards,
                       const unsigned char *input, size_t stride_bytes) {
  int size = ddla_group_size(group), count = 0;
  for (int rank = 0; rank < size; rank++) {
    int64_t first = 0, end = 0;
    share_of(shards, rank, size, &first, &end);
    for (int64_t s = first; s < end; s++)
      out[count++] = (ddla_coll_operand){input + (size_t)(s - first) * stride_bytes, rank, s, 1};
  }
  return count;
}

ddla_status ddla_group_sum_shards(ddla_group *group, const ddla_group_array *array, int shards,
                                  int64_t stride) {
  ddla_coll_operand operands[DDLA_TREE_OPERANDS_MAX];
  ddla_coll_call call = {.count = array->count, .output = array->output, .leaves = shards};
  DDLA_TRY(type_of(&call.type, array));
  if (shards < ddla_group_size(group) || shards > DDLA_TREE_OPERANDS_MAX)
    return DDLA_FAIL(INVALID, "%d shards: there may be %d (one for each agent) to %d", shards,
                     ddla_group_size(group), DDLA_TREE_OPERANDS_MAX);
  if (!array->input || stride < array->count)
    return DDLA_FAIL(INVALID, "shards of %lld elements need an input and a stride of at least that",
                     (long long)array->count);
  call.operand_count = list_shards(operands, group, shards, array->input,
                                   (size_t)stride * ddla_dtype_bytes(array->type));
  call.operands = operands;
  return ddla_coll_all_reduce(group->coll, &call);
}
