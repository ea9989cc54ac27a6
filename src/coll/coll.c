#include "coll/coll.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "coll/plan.h"

#define DDLA_COLL(kind, algorithm) extern const ddla_coll_row ddla_coll_row_##kind##_##algorithm;
#include "coll/coll_list.h"
#undef DDLA_COLL

static const ddla_coll_row *const rows[] = {
#define DDLA_COLL(kind, algorithm) &ddla_coll_row_##kind##_##algorithm,
#include "coll/coll_list.h"
#undef DDLA_COLL
    NULL};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] - 1, LINES_PER_BLOCK = 256, RECENTS = 12 };

/* Words and staging memory of one schedule, given to the next one when it is released. */
typedef struct place {
  struct place *next;
  ddla_coll_channel channel;
  unsigned char *stage;
} place;

/* A prepared schedule and where its shared memory is. The schedule comes first. */
typedef struct prepared {
  ddla_schedule schedule;
  place *place;
} prepared;

/* A schedule of ddla_coll_run and the call it was emitted for: the same call again runs it again.
 */
typedef struct recent {
  ddla_schedule schedule;
  bool valid;
  int parity; /* of the starts that it was emitted for */
  ddla_coll_call call;
  ddla_coll_operand operands[DDLA_TREE_OPERANDS_MAX];
} recent;

struct ddla_coll {
  ddla_transport *transport;
  ddla_exec *exec;
  place *once; /* of ddla_coll_run */
  recent recents[RECENTS];
  int recent_count, recent_next; /* room that is used; the next one to be overwritten */
  ddla_coll_plan plan;           /* of the newest call; big, therefore here */
  ddla_coll_line *lines;         /* not yet used ones */
  int line_count;
  uint64_t next_tag;
  place *free_places;
};

const ddla_coll_row *ddla_coll_row_at(int index) {
  return index >= 0 && index < ROW_COUNT ? rows[index] : NULL;
}

static bool is_shared(const ddla_coll *coll) {
  return (ddla_transport_caps(coll->transport) & DDLA_TRANSPORT_SHARED) != 0;
}

/* The next line; a new block of them when all are used. */
static ddla_status take_line(ddla_coll *coll, ddla_coll_line **out) {
  if (coll->line_count == 0) {
    void *block = NULL;
    DDLA_TRY(ddla_transport_alloc(coll->transport, &block, LINES_PER_BLOCK * sizeof(ddla_coll_line),
                                  DDLA_MEMORY_OWN));
    coll->lines = block;
    coll->line_count = LINES_PER_BLOCK;
  }
  *out = coll->lines++;
  coll->line_count--;
  return DDLA_OK;
}

static ddla_status take_place(ddla_coll *coll, place **out) {
  if (coll->free_places) {
    *out = coll->free_places;
    coll->free_places = (*out)->next;
    return DDLA_OK;
  }
  ddla_status status = DDLA_OK;
  place *made = NULL;
  void *stage = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(made, 1));
  made->channel.tag = coll->next_tag++;
  if (is_shared(coll)) {
    DDLA_TRY_CLEAN(status, take_line(coll, &made->channel.line));
    for (int rank = 0; rank < ddla_transport_ranks(coll->transport); rank++)
      made->channel.lines[rank] = ddla_transport_peer(coll->transport, made->channel.line, rank);
    DDLA_TRY_CLEAN(status, ddla_transport_alloc(coll->transport, &stage, DDLA_COLL_STAGE_BYTES,
                                                DDLA_MEMORY_OWN));
    made->stage = stage;
  }
  *out = made;
  return DDLA_OK;
cleanup:
  ddla_free(made);
  return status;
}

ddla_status ddla_coll_create(ddla_coll **out, ddla_transport *transport) {
  ddla_status status = DDLA_OK;
  ddla_coll *coll = NULL;
  DDLA_TRY_CLEAN(status, DDLA_NEW(coll, 1));
  coll->transport = transport;
  DDLA_TRY_CLEAN(status, ddla_exec_create(&coll->exec, transport));
  DDLA_TRY_CLEAN(status, take_place(coll, &coll->once));
  coll->recent_count = is_shared(coll) ? RECENTS : 2; /* messages: each may hold much scratch */
  *out = coll;
  return DDLA_OK;
cleanup:
  ddla_coll_destroy(coll);
  return status;
}

void ddla_coll_destroy(ddla_coll *coll) {
  if (!coll) return;
  ddla_exec_destroy(coll->exec);
  for (int i = 0; i < RECENTS; i++) ddla_schedule_fini(&coll->recents[i].schedule);
  while (coll->free_places) {
    place *first = coll->free_places;
    coll->free_places = first->next;
    ddla_free(first);
  }
  ddla_free(coll->once);
  ddla_free(coll);
}

static const ddla_coll_row *choose(const ddla_coll_plan *plan) {
  const char *wanted = plan->call.row;
  for (int i = 0; i < ROW_COUNT; i++) {
    if (rows[i]->kind != plan->call.kind || (wanted && strcmp(rows[i]->name, wanted) != 0))
      continue;
    if (rows[i]->accepts(plan)) return rows[i];
  }
  return NULL;
}

static ddla_status emit(const ddla_coll_plan *plan, ddla_schedule *schedule) {
  const ddla_coll_row *row = choose(plan);
  if (!row)
    return DDLA_FAIL(UNSUPPORTED, "%s does not accept this call",
                     plan->call.row ? plan->call.row : "any collective operation");
  ddla_schedule_clear(schedule);
  schedule->name = row->name;
  schedule->signature = ddla_coll_plan_signature(plan);
  return row->emit(plan, schedule);
}

/* Bytes decide: a difference that means nothing only costs emitting anew. */
static bool is_same(const recent *r, const ddla_coll_call *call, int parity) {
  if (!r->valid || memcmp(&r->call, call, sizeof *call) != 0 || call->row) return false;
  if (r->schedule.by_parity && r->parity != parity) return false;
  size_t bytes = (size_t)call->operand_count * sizeof *call->operands;
  return !call->operands || memcmp(r->operands, call->operands, bytes) == 0;
}

static ddla_status emit_recent(ddla_coll *coll, recent **out, const ddla_coll_call *call,
                               int parity) {
  recent *r = &coll->recents[coll->recent_next];
  ddla_coll_plan *plan = &coll->plan;
  coll->recent_next = (coll->recent_next + 1) % coll->recent_count;
  r->valid = false;
  DDLA_TRY(ddla_coll_plan_make(plan, coll->transport, call));
  plan->stage = coll->once->stage;
  plan->parity = parity;
  r->schedule.channel = &coll->once->channel;
  DDLA_TRY(emit(plan, &r->schedule));
  memcpy(&r->call, call, sizeof *call);
  if (call->operands)
    memcpy(r->operands, call->operands, (size_t)call->operand_count * sizeof *call->operands);
  r->parity = parity;
  r->valid = true;
  *out = r;
  return DDLA_OK;
}

ddla_status ddla_coll_run(ddla_coll *coll, const ddla_coll_call *call) {
  int parity = (int)(coll->once->channel.starts & 1);
  recent *found = NULL;
  for (int i = 0; i < coll->recent_count && !found; i++)
    if (is_same(&coll->recents[i], call, parity)) found = &coll->recents[i];
  if (!found) DDLA_TRY(emit_recent(coll, &found, call, parity));
  DDLA_TRY(ddla_exec_start(coll->exec, &found->schedule));
  return ddla_exec_wait(coll->exec, &found->schedule, -1);
}

static ddla_status run_as(ddla_coll *coll, const ddla_coll_call *call, ddla_coll_kind kind) {
  ddla_coll_call copy = *call;
  copy.kind = kind;
  return ddla_coll_run(coll, &copy);
}

ddla_status ddla_coll_barrier(ddla_coll *coll) {
  return ddla_coll_run(coll, &(ddla_coll_call){.kind = DDLA_COLL_BARRIER});
}

ddla_status ddla_coll_broadcast(ddla_coll *coll, const ddla_coll_call *call) {
  return run_as(coll, call, DDLA_COLL_BROADCAST);
}

ddla_status ddla_coll_gather(ddla_coll *coll, const ddla_coll_call *call) {
  return run_as(coll, call, DDLA_COLL_GATHER);
}

ddla_status ddla_coll_all_gather(ddla_coll *coll, const ddla_coll_call *call) {
  return run_as(coll, call, DDLA_COLL_ALL_GATHER);
}

ddla_status ddla_coll_reduce_scatter(ddla_coll *coll, const ddla_coll_call *call) {
  return run_as(coll, call, DDLA_COLL_REDUCE_SCATTER);
}

ddla_status ddla_coll_all_reduce(ddla_coll *coll, const ddla_coll_call *call) {
  return run_as(coll, call, DDLA_COLL_ALL_REDUCE);
}

ddla_status ddla_coll_prepare(ddla_coll *coll, ddla_schedule **out, const ddla_coll_call *call) {
  ddla_status status = DDLA_OK;
  prepared *made = NULL;
  ddla_coll_plan *plan = &coll->plan;
  DDLA_TRY(ddla_coll_plan_make(plan, coll->transport, call));
  DDLA_TRY_CLEAN(status, DDLA_NEW(made, 1));
  DDLA_TRY_CLEAN(status, take_place(coll, &made->place));
  ddla_schedule *schedule = &made->schedule;
  schedule->channel = &made->place->channel;
  plan->stage = made->place->stage;
  DDLA_TRY_CLEAN(status, emit(plan, schedule));
  *out = schedule;
  return DDLA_OK;
cleanup:
  if (made) ddla_coll_release(coll, &made->schedule);
  return status;
}

void ddla_coll_release(ddla_coll *coll, ddla_schedule *schedule) {
  if (!schedule) return;
  prepared *made = (prepared *)schedule;
  ddla_exec_cancel(coll->exec, schedule);
  if (made->place) {
    made->place->next = coll->free_places;
    coll->free_places = made->place;
  }
  ddla_schedule_fini(schedule);
  ddla_free(made);
}

ddla_exec *ddla_coll_exec(ddla_coll *coll) { return coll->exec; }

ddla_status ddla_coll_emit(ddla_coll *coll, ddla_schedule *out, const ddla_coll_call *call) {
  ddla_coll_plan *plan = &coll->plan;
  DDLA_TRY(ddla_coll_plan_make(plan, coll->transport, call));
  plan->stage = coll->once->stage;
  plan->parity = 0;
  return emit(plan, out);
}
