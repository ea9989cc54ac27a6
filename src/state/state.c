#include "state/state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { ROW_ALIGNMENT = 4096 }; /* a page, so that rows of different owners share none */

struct ddla_state {
  int64_t space, dense;
  int64_t numbers, values; /* of all lists of rows */
  int64_t (*place)[2];     /* [range_count] of a range's list in them */
  ddla_state_range *range;
  int64_t *next; /* [range_count] where a range begins, or the space ends, behind each */
  ddla_state_row row[DDLA_STATE_ROWS_MAX];
  int range_count, row_count;
  size_t bytes;
  char *memory;
};

static size_t round_up(size_t value, size_t to) { return (value + to - 1) / to * to; }

static int64_t columns_of(const ddla_state_range *range) {
  return range->count / range->shape.dim[0];
}

/* A list: its length and the rows' numbers; the values beside. */
static void place_lists(ddla_state *state) {
  state->dense = state->space;
  for (int i = 0; i < state->range_count; i++) {
    const ddla_state_range *range = &state->range[i];
    if (range->touched_max == 0) continue;
    DDLA_ASSERT(range->offset % DDLA_STATE_BLOCK == 0 || state->dense < range->offset);
    if (range->offset < state->dense) state->dense = range->offset;
    state->place[i][0] = state->numbers;
    state->place[i][1] = state->values;
    state->numbers += 1 + range->touched_max;
    state->values += range->touched_max * columns_of(range);
  }
}

static void find_next(ddla_state *state) {
  for (int i = 0; i < state->range_count; i++) {
    const int64_t end = state->range[i].offset + state->range[i].count;
    state->next[i] = state->space;
    for (int j = 0; j < state->range_count; j++)
      if (state->range[j].offset >= end && state->range[j].offset < state->next[i])
        state->next[i] = state->range[j].offset;
  }
}

ddla_status ddla_state_create(ddla_state **out, int64_t space, const ddla_state_range *ranges,
                              int range_count) {
  ddla_state *state = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(state, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(state->range, range_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(state->place, range_count));
  DDLA_TRY_CLEAN(status, DDLA_NEW(state->next, range_count));
  if (range_count) memcpy(state->range, ranges, (size_t)range_count * sizeof *ranges);
  state->range_count = range_count;
  state->space = (int64_t)round_up((size_t)(space > 0 ? space : 1), DDLA_STATE_BLOCK);
  place_lists(state);
  find_next(state);
  *out = state;
  return DDLA_OK;
cleanup:
  ddla_state_destroy(state);
  return status;
}

void ddla_state_destroy(ddla_state *state) {
  if (!state) return;
  ddla_free(state->range);
  ddla_free(state->place);
  ddla_free(state->next);
  ddla_free(state);
}

void ddla_state_clear_gaps(const ddla_state *state, float *values, int64_t begin, int64_t count) {
  const int64_t end = begin + count;
  for (int i = 0; i < state->range_count; i++) {
    const ddla_state_range *range = &state->range[i];
    const int64_t behind = range->offset + range->count;
    const int64_t from = behind > begin ? behind : begin;
    const int64_t to = state->next[i] < end ? state->next[i] : end;
    if (from < to) memset(values + (from - begin), 0, (size_t)(to - from) * sizeof *values);
  }
}

ddla_status ddla_state_add(int *out, ddla_state *state, const ddla_state_row *row) {
  DDLA_ASSERT(!state->memory && row->versions >= 1 && row->copies >= 1);
  if (state->row_count == DDLA_STATE_ROWS_MAX)
    return DDLA_FAIL(INVALID, "the state table holds at most %d rows", DDLA_STATE_ROWS_MAX);
  if (ddla_state_find(state, row->name) >= 0)
    return DDLA_FAIL(INVALID, "the state table already has a row named %s", row->name);
  ddla_state_row *made = &state->row[state->row_count];
  *made = *row;
  if (made->parameter_shaped) made->count = state->space;
  made->offset = state->bytes;
  made->stride = round_up((size_t)made->count * ddla_dtype_bytes(made->dtype), ROW_ALIGNMENT);
  state->bytes += made->stride * (size_t)made->versions * (size_t)made->copies;
  *out = state->row_count++;
  return DDLA_OK;
}

int64_t ddla_state_space(const ddla_state *state) { return state->space; }
int64_t ddla_state_dense(const ddla_state *state) { return state->dense; }
int64_t ddla_state_list_numbers(const ddla_state *state) { return state->numbers; }
int64_t ddla_state_list_values(const ddla_state *state) { return state->values; }

int64_t ddla_state_list_place(const ddla_state *state, int range) {
  return state->place[range][0] + 1;
}

ddla_rows ddla_state_list(const ddla_state *state, int range, const int list[2], uint64_t step,
                          int copy) {
  const ddla_state_range *table = ddla_state_range_at(state, range);
  int64_t *numbers = ddla_state_array(state, list[0], step, copy);
  float *values = ddla_state_array(state, list[1], step, copy);
  DDLA_ASSERT(table->touched_max > 0);
  return (ddla_rows){.width = columns_of(table),
                     .capacity = table->touched_max,
                     .count = numbers + state->place[range][0],
                     .row = numbers + ddla_state_list_place(state, range),
                     .value = values + state->place[range][1]};
}

size_t ddla_state_bytes(const ddla_state *state) { return state->bytes; }
void ddla_state_bind(ddla_state *state, void *memory) { state->memory = memory; }

void *ddla_state_array(const ddla_state *state, int row, uint64_t step, int copy) {
  DDLA_ASSERT(state->memory && row >= 0 && row < state->row_count);
  const ddla_state_row *made = &state->row[row];
  DDLA_ASSERT(copy >= 0 && copy < made->copies);
  size_t version = (size_t)(step % (uint64_t)made->versions);
  return state->memory + made->offset +
         (version * (size_t)made->copies + (size_t)copy) * made->stride;
}

int ddla_state_row_count(const ddla_state *state) { return state->row_count; }

const ddla_state_row *ddla_state_row_at(const ddla_state *state, int row) {
  DDLA_ASSERT(row >= 0 && row < state->row_count);
  return &state->row[row];
}

int ddla_state_range_count(const ddla_state *state) { return state->range_count; }

const ddla_state_range *ddla_state_range_at(const ddla_state *state, int range) {
  DDLA_ASSERT(range >= 0 && range < state->range_count);
  return &state->range[range];
}

int ddla_state_find(const ddla_state *state, const char *name) {
  for (int i = 0; i < state->row_count; i++)
    if (strcmp(state->row[i].name, name) == 0) return i;
  return -1;
}
