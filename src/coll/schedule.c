#include "coll/schedule.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* Makes room for one more element of `size` bytes in *array; keeps the old contents. */
static ddla_status grow(void **array, int *room, int count, size_t size) {
  if (count < *room) return DDLA_OK;
  int more = *room ? *room * 2 : 32;
  void *bigger = ddla_alloc_array((size_t)more, size);
  DDLA_TRY(ddla_alloc_check(bigger, (size_t)more, size));
  if (count) memcpy(bigger, *array, (size_t)count * size);
  ddla_free(*array);
  *array = bigger;
  *room = more;
  return DDLA_OK;
}

#define GROW(schedule, array, what)                                                                \
  grow((void **)&(schedule)->array, &(schedule)->what##_room, (schedule)->what##_count,            \
       sizeof *(schedule)->array)

void ddla_schedule_clear(ddla_schedule *schedule) {
  DDLA_ASSERT(!schedule->running);
  schedule->step_count = schedule->request_count = schedule->reduction_count = 0;
  schedule->plan_count = schedule->pointer_count = 0;
  schedule->span = 0;
  schedule->in_order = schedule->by_parity = false;
  schedule->apply = NULL;
}

void ddla_schedule_fini(ddla_schedule *schedule) {
  DDLA_ASSERT(!schedule->running);
  ddla_free(schedule->steps);
  ddla_free(schedule->states);
  ddla_free(schedule->requests);
  ddla_free(schedule->reductions);
  ddla_free(schedule->plans);
  ddla_free(schedule->pointers);
  ddla_free(schedule->scratch);
  *schedule = (ddla_schedule){0};
}

static ddla_status grow_steps(ddla_schedule *schedule) {
  if (schedule->step_count < schedule->step_room) return DDLA_OK;
  DDLA_TRY(GROW(schedule, steps, step));
  unsigned char *states = NULL; /* holds nothing between runs */
  DDLA_TRY(DDLA_NEW(states, schedule->step_room));
  ddla_free(schedule->states);
  schedule->states = states;
  return DDLA_OK;
}

ddla_status ddla_schedule_add(ddla_schedule *schedule, int *index, const ddla_step *step) {
  DDLA_TRY(grow_steps(schedule));
  int at = schedule->step_count;
  for (int i = 0; i < 2; i++) DDLA_ASSERT(step->after[i].end <= at);
  ddla_step added = *step;
  if (schedule->in_order && at > 0) added.after[0] = (ddla_step_range){at - 1, at};
  if (step->kind == DDLA_STEP_SEND || step->kind == DDLA_STEP_RECV) {
    DDLA_TRY(GROW(schedule, requests, request));
    added.request = schedule->request_count++;
  }
  if (step->kind == DDLA_STEP_SIGNAL && step->value > schedule->span) schedule->span = step->value;
  schedule->steps[schedule->step_count++] = added;
  if (index) *index = at;
  return DDLA_OK;
}

ddla_status ddla_schedule_add_plan(ddla_schedule *schedule, int *index,
                                   const ddla_tree_plan *plan) {
  DDLA_TRY(GROW(schedule, plans, plan));
  *index = schedule->plan_count++;
  schedule->plans[*index] = *plan;
  return DDLA_OK;
}

static ddla_status add_pointer(ddla_schedule *schedule, const void *pointer) {
  DDLA_TRY(GROW(schedule, pointers, pointer));
  memcpy(&schedule->pointers[schedule->pointer_count++], &pointer, sizeof pointer);
  return DDLA_OK;
}

ddla_status ddla_schedule_add_reduction(ddla_schedule *schedule, int *index, int plan,
                                        const ddla_tree_io *io) {
  DDLA_TRY(GROW(schedule, reductions, reduction));
  ddla_reduction added = {.plan = plan, .type = io->type, .output_count = io->output_count};
  added.operand_at = schedule->pointer_count;
  for (int i = 0; i < schedule->plans[plan].operand_count; i++)
    DDLA_TRY(add_pointer(schedule, io->operands[i]));
  added.output_at = schedule->pointer_count;
  for (int i = 0; i < io->output_count; i++) DDLA_TRY(add_pointer(schedule, io->outputs[i]));
  *index = schedule->reduction_count++;
  schedule->reductions[*index] = added;
  return DDLA_OK;
}

ddla_status ddla_schedule_reserve(ddla_schedule *schedule, size_t bytes) {
  if (bytes <= schedule->scratch_bytes) return DDLA_OK;
  unsigned char *scratch = NULL;
  DDLA_TRY(DDLA_NEW(scratch, bytes));
  ddla_free(schedule->scratch);
  schedule->scratch = scratch;
  schedule->scratch_bytes = bytes;
  return DDLA_OK;
}

static int64_t present(const ddla_tree_plan *plan) {
  int64_t reads = 0;
  for (int i = 0; i < plan->add_count; i++)
    for (int k = 0; k < plan->adds[i].width; k++)
      reads += plan->adds[i].inputs[k] < DDLA_TREE_OPERANDS_MAX;
  return reads;
}

static void measure_step(const ddla_schedule *schedule, const ddla_step *step,
                         ddla_schedule_cost *cost) {
  int64_t bytes = (int64_t)step->bytes;
  switch (step->kind) {
  case DDLA_STEP_SEND:
    cost->sent_bytes += bytes;
    cost->sends++;
    break;
  case DDLA_STEP_RECV: cost->received_bytes += bytes; break;
  case DDLA_STEP_COPY:
    cost->read_bytes += bytes;
    cost->written_bytes += bytes;
    break;
  case DDLA_STEP_REDUCE: {
    const ddla_reduction *reduction = &schedule->reductions[step->reduction];
    bytes = step->count * (int64_t)ddla_coll_type_bytes(reduction->type);
    cost->read_bytes += bytes * present(&schedule->plans[reduction->plan]);
    cost->written_bytes += bytes * reduction->output_count;
    break;
  }
  case DDLA_STEP_WAIT: cost->waits++; break;
  case DDLA_STEP_SIGNAL:
  case DDLA_STEP_CALL: break;
  }
}

/* Length of the longest chain that ends in each step, looked up through the ranges. */
static int chain(const ddla_schedule *schedule, int index) {
  const ddla_step *step = &schedule->steps[index];
  int longest = 0;
  for (int i = 0; i < 2; i++)
    for (int k = step->after[i].first; k < step->after[i].end; k++) {
      int before = schedule->states[k];
      if (before > longest) longest = before;
    }
  bool talks = step->kind == DDLA_STEP_RECV || step->kind == DDLA_STEP_WAIT;
  return longest + talks < 255 ? longest + talks : 255;
}

ddla_schedule_cost ddla_schedule_measure(const ddla_schedule *schedule) {
  DDLA_ASSERT(!schedule->running); /* `states` serves as a table of chain lengths */
  ddla_schedule_cost cost = {0};
  for (int i = 0; i < schedule->step_count; i++) {
    measure_step(schedule, &schedule->steps[i], &cost);
    schedule->states[i] = (unsigned char)chain(schedule, i);
    if (schedule->states[i] > cost.depth) cost.depth = schedule->states[i];
  }
  return cost;
}
