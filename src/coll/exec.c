#include "coll/exec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* One turn moves at most this much of a long step: some 20 to 50 microseconds. */
enum { PIECE_BYTES = 512 * 1024 };

enum { IDLE, FLYING, FINISHED };

struct ddla_exec {
  ddla_transport *transport;
  ddla_schedule *first; /* running ones, in order of start */
  int running, flying;
  ddla_failure failure; /* the first since the last wait for all */
};

ddla_status ddla_exec_create(ddla_exec **out, ddla_transport *transport) {
  ddla_exec *exec = NULL;
  DDLA_TRY(DDLA_NEW(exec, 1));
  exec->transport = transport;
  *out = exec;
  return DDLA_OK;
}

void ddla_exec_destroy(ddla_exec *exec) {
  if (!exec) return;
  while (exec->first) ddla_exec_cancel(exec, exec->first);
  ddla_free(exec);
}

static void unlink_schedule(ddla_exec *exec, ddla_schedule *schedule) {
  ddla_schedule **at = &exec->first;
  while (*at != schedule) at = &(*at)->next;
  *at = schedule->next;
  schedule->next = NULL;
  schedule->running = false;
  exec->running--;
}

static void take_back(ddla_exec *exec, ddla_schedule *schedule) {
  for (int i = schedule->low; i < schedule->step_count && schedule->flying > 0; i++) {
    if (schedule->states[i] != FLYING) continue;
    ddla_transport_cancel(exec->transport, &schedule->requests[schedule->steps[i].request]);
    schedule->states[i] = IDLE;
    schedule->flying--;
    exec->flying--;
  }
}

static void finish(ddla_exec *exec, ddla_schedule *schedule, ddla_status status) {
  schedule->status = status;
  if (status != DDLA_OK) {
    ddla_status_take(&schedule->failure, status);
    if (exec->failure.code == DDLA_OK) exec->failure = schedule->failure;
    take_back(exec, schedule);
  }
  unlink_schedule(exec, schedule);
}

void ddla_exec_cancel(ddla_exec *exec, ddla_schedule *schedule) {
  if (!schedule->running) return;
  finish(exec, schedule, DDLA_FAIL(CANCELLED, "%s was cancelled", schedule->name));
}

ddla_status ddla_exec_start(ddla_exec *exec, ddla_schedule *schedule) {
  DDLA_ASSERT(!schedule->running);
  DDLA_TRY(ddla_transport_check(exec->transport));
  if (schedule->step_count) memset(schedule->states, IDLE, (size_t)schedule->step_count);
  schedule->position = 0;
  schedule->current = -1;
  schedule->low = schedule->flying = 0;
  schedule->remaining = schedule->step_count;
  schedule->status = DDLA_OK;
  ddla_coll_channel *channel = schedule->channel;
  schedule->base = channel->next_base;
  schedule->turn = channel->starts++;
  channel->next_base += schedule->span;
  if (channel->line)
    atomic_store_explicit(&channel->line->signature[schedule->turn & 1], schedule->signature,
                          memory_order_relaxed);
  ddla_schedule **at = &exec->first;
  while (*at) at = &(*at)->next;
  *at = schedule;
  schedule->next = NULL;
  schedule->running = true;
  exec->running++;
  return DDLA_OK;
}

static bool ready(const ddla_schedule *schedule, const ddla_step *step) {
  for (int i = 0; i < 2; i++) {
    int from = step->after[i].first > schedule->low ? step->after[i].first : schedule->low;
    for (int k = from; k < step->after[i].end; k++)
      if (schedule->states[k] != FINISHED) return false;
  }
  return true;
}

static ddla_status start_message(ddla_exec *exec, ddla_schedule *schedule, int index) {
  ddla_step *step = &schedule->steps[index];
  ddla_request *request = &schedule->requests[step->request];
  uint64_t tag = schedule->channel->tag << 32 | step->label;
  if (step->kind == DDLA_STEP_SEND)
    DDLA_TRY(
        ddla_transport_send(exec->transport, request, step->peer, tag, step->from, step->bytes));
  else
    DDLA_TRY(ddla_transport_recv(exec->transport, request, step->peer, tag, step->to, step->bytes));
  schedule->states[index] = FLYING;
  schedule->flying++;
  exec->flying++;
  return DDLA_OK;
}

static ddla_status test_message(ddla_exec *exec, ddla_schedule *schedule, int index, bool *done) {
  ddla_status status = ddla_transport_test(
      exec->transport, &schedule->requests[schedule->steps[index].request], done);
  if (*done) { /* over, well or not */
    schedule->states[index] = IDLE;
    schedule->flying--;
    exec->flying--;
  }
  return status;
}

static void signal_all(ddla_exec *exec, ddla_schedule *schedule, const ddla_step *step) {
  atomic_store(&schedule->channel->line->word, schedule->base + step->value);
  ddla_transport *t = exec->transport;
  for (int rank = 0; rank < t->ranks; rank++)
    if (rank != t->rank) ddla_transport_wake(t, rank);
}

static ddla_status reached(const ddla_schedule *schedule, const ddla_step *step, bool *done) {
  const ddla_coll_line *line = schedule->channel->lines[step->peer];
  *done = atomic_load(&line->word) >= schedule->base + step->value;
  if (!*done) return DDLA_OK;
  uint64_t theirs =
      atomic_load_explicit(&line->signature[schedule->turn & 1], memory_order_relaxed);
  if (theirs == schedule->signature) return DDLA_OK;
  *done = false;
  return DDLA_FAIL(
      INVALID,
      "agent %d is in another collective operation, or in this one with other sizes (here: %s)",
      step->peer, schedule->name);
}

/* Next piece of a long step of `total` elements of `size` bytes; its start in *from. */
static int64_t piece(ddla_schedule *schedule, int64_t total, int64_t size, int64_t *from) {
  *from = schedule->position;
  int64_t now = total - *from, limit = PIECE_BYTES / size;
  if (now > limit + limit / 4) now = limit;
  schedule->position += now;
  schedule->spent += now * size;
  return now;
}

static void reduce(ddla_schedule *schedule, const ddla_step *step, bool *done) {
  const ddla_reduction *r = &schedule->reductions[step->reduction];
  ddla_tree_io io = {.operands = (const void *const *)(schedule->pointers + r->operand_at),
                     .outputs = schedule->pointers + r->output_at,
                     .output_count = r->output_count,
                     .type = r->type};
  int64_t from = 0;
  int64_t now = piece(schedule, step->count, (int64_t)ddla_coll_type_bytes(r->type), &from);
  ddla_tree_run(&schedule->plans[r->plan], &io, step->first + from, now, step->stream);
  *done = schedule->position >= step->count;
}

static void copy(ddla_schedule *schedule, const ddla_step *step, bool *done) {
  int64_t from = 0, now = piece(schedule, (int64_t)step->bytes, 1, &from);
  if (now)
    memmove((unsigned char *)step->to + from, (const unsigned char *)step->from + from,
            (size_t)now);
  *done = schedule->position >= (int64_t)step->bytes;
}

/* Runs a step that is ready as far as it goes now. */
static ddla_status run_step(ddla_exec *exec, ddla_schedule *schedule, int index, bool *done) {
  const ddla_step *step = &schedule->steps[index];
  *done = true;
  switch (step->kind) {
  case DDLA_STEP_SEND:
  case DDLA_STEP_RECV:
    if (schedule->states[index] == FLYING) return test_message(exec, schedule, index, done);
    DDLA_TRY(start_message(exec, schedule, index));
    return test_message(exec, schedule, index, done);
  case DDLA_STEP_REDUCE: reduce(schedule, step, done); break;
  case DDLA_STEP_COPY: copy(schedule, step, done); break;
  case DDLA_STEP_SIGNAL: signal_all(exec, schedule, step); break;
  case DDLA_STEP_WAIT: return reached(schedule, step, done);
  case DDLA_STEP_CALL: return schedule->apply(schedule->apply_argument, step->first, step->count);
  }
  return DDLA_OK;
}

static bool is_long(ddla_step_kind kind) {
  return kind == DDLA_STEP_REDUCE || kind == DDLA_STEP_COPY || kind == DDLA_STEP_CALL;
}

static void mark(ddla_schedule *schedule, int index) {
  schedule->states[index] = FINISHED;
  schedule->remaining--;
  while (schedule->low < schedule->step_count && schedule->states[schedule->low] == FINISHED)
    schedule->low++;
}

/* Tries one step. A long step that is cut into pieces is `current` until it is done, and no other
 * long step begins meanwhile. */
static ddla_status try_step(ddla_exec *exec, ddla_schedule *schedule, int index, bool *moved) {
  const ddla_step *step = &schedule->steps[index];
  bool lengthy = is_long(step->kind), done = false;
  if (lengthy && schedule->current >= 0 && schedule->current != index) return DDLA_OK;
  if (schedule->states[index] != FLYING && !ready(schedule, step)) return DDLA_OK;
  if (lengthy && schedule->current < 0) schedule->position = 0;
  DDLA_TRY(run_step(exec, schedule, index, &done));
  if (lengthy) schedule->current = done ? -1 : index;
  if (lengthy || done) *moved = true;
  if (done) mark(schedule, index);
  return DDLA_OK;
}

/* One look at the steps that are not done; ends early when it has moved a piece's worth of data. */
static ddla_status advance(ddla_exec *exec, ddla_schedule *schedule, bool *moved) {
  schedule->spent = 0;
  for (int i = schedule->low; i < schedule->step_count; i++) {
    if (schedule->states[i] == FINISHED) continue;
    DDLA_TRY(try_step(exec, schedule, i, moved));
    if (schedule->in_order && schedule->states[i] != FINISHED) break;
    if (schedule->spent >= PIECE_BYTES / 4) break;
  }
  return DDLA_OK;
}

/* A death ends everything at once: a collective needs all, also those it does not talk to directly.
 */
static ddla_status check_group(ddla_exec *exec) {
  ddla_status status = ddla_transport_check(exec->transport);
  while (status != DDLA_OK && exec->first) finish(exec, exec->first, status);
  return status;
}

void ddla_exec_progress(ddla_exec *exec, bool *moved) {
  *moved = false;
  if (exec->running == 0) return;
  ddla_status status = check_group(exec);
  if (status == DDLA_OK && exec->flying > 0) {
    status = ddla_transport_progress(exec->transport, moved);
    while (status != DDLA_OK && exec->first) finish(exec, exec->first, status);
  }
  for (ddla_schedule *s = exec->first; s;) {
    ddla_schedule *next = s->next;
    status = advance(exec, s, moved);
    if (status != DDLA_OK || s->remaining == 0) {
      finish(exec, s, status);
      *moved = true;
    }
    s = next;
  }
}

bool ddla_exec_result(ddla_schedule *schedule, ddla_status *status) {
  if (schedule->running) return false;
  *status = schedule->status == DDLA_OK ? DDLA_OK : ddla_status_raise(&schedule->failure);
  return true;
}

typedef struct waiter {
  ddla_exec *exec;
  ddla_schedule *schedule; /* null: all */
} waiter;

static bool over(const waiter *w) {
  return w->schedule ? !w->schedule->running : w->exec->running == 0;
}

static ddla_ready look(void *argument) {
  waiter *w = argument;
  if (over(w)) return DDLA_READY_DONE;
  bool moved = false;
  ddla_exec_progress(w->exec, &moved);
  if (over(w)) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static const char *const step_words[] = {"send",   "recv", "reduce", "copy",
                                         "signal", "wait", "call"};

/* The first step that is not done, of the schedule waited for or of the oldest. */
static void describe(void *argument, char *text, size_t bytes) {
  const waiter *w = argument;
  const ddla_schedule *s = w->schedule ? w->schedule : w->exec->first;
  if (!s || s->low >= s->step_count) {
    snprintf(text, bytes, "nothing");
    return;
  }
  const ddla_step *step = &s->steps[s->low];
  snprintf(text, bytes, "%s, step %d of %d: %s, agent %d, %zu bytes, label %u, value %u", s->name,
           s->low, s->step_count, step_words[step->kind], step->peer, step->bytes, step->label,
           step->value);
}

ddla_status ddla_exec_wait(ddla_exec *exec, ddla_schedule *schedule, int64_t timeout_ms) {
  waiter w = {.exec = exec, .schedule = schedule};
  if (!over(&w)) {
    ddla_waiting waiting = {look, describe, &w, NULL};
    ddla_status status = ddla_transport_wait(exec->transport, &waiting, timeout_ms);
    if (status == DDLA_TIMEOUT) return status;
    while (status != DDLA_OK && exec->first) finish(exec, exec->first, status);
  }
  ddla_status result = DDLA_OK;
  if (schedule) {
    ddla_exec_result(schedule, &result);
  } else if (exec->failure.code != DDLA_OK) {
    result = ddla_status_raise(&exec->failure);
    exec->failure.code = DDLA_OK;
  }
  return result;
}

int ddla_exec_running(const ddla_exec *exec) { return exec->running; }

void ddla_exec_wake(ddla_exec *exec) {
  ddla_transport_wake(exec->transport, exec->transport->rank);
}
