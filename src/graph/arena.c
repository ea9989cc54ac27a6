/* Arena offsets: greedy by size (Pisarchyk and Lee 2020, arXiv:2001.03288, "Greedy by Size for
 * offset calculation"). */
#include <stdlib.h>

#include "base/alloc.h"
#include "graph/plan_parts.h"

enum { BUFFER_ALIGNMENT = 64 };

static int by_size(const void *left, const void *right) {
  const plan_buffer *a = *(plan_buffer *const *)left, *b = *(plan_buffer *const *)right;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return a < b ? -1 : a > b;
}

static bool meet_in_time(const plan_buffer *a, const plan_buffer *b) {
  return a->first <= b->last && b->first <= a->last;
}

/* Lowest offset at or above `from` free of one placed buffer; `from` itself where nothing is in the
 * way. */
static size_t step_over(const plan_buffer *buffer, plan_buffer *const *placed, int count,
                        size_t from) {
  for (int i = 0; i < count; i++) {
    const plan_buffer *other = placed[i];
    if (!meet_in_time(buffer, other)) continue;
    if (from < other->offset + other->bytes && other->offset < from + buffer->bytes)
      return other->offset + other->bytes;
  }
  return from;
}

ddla_status ddla_plan_lay_out(ddla_plan *plan) {
  plan_buffer **sorted = NULL;
  DDLA_TRY(DDLA_NEW(sorted, plan->buffer_count));
  for (int i = 0; i < plan->buffer_count; i++) {
    plan_buffer *buffer = &plan->buffer[i];
    buffer->bytes = (buffer->bytes + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    sorted[i] = buffer;
  }
  qsort(sorted, (size_t)plan->buffer_count, sizeof *sorted, by_size);
  for (int i = 0; i < plan->buffer_count; i++) {
    size_t offset = 0, next = 0;
    while ((next = step_over(sorted[i], sorted, i, offset)) != offset) offset = next;
    sorted[i]->offset = offset;
    if (offset + sorted[i]->bytes > plan->arena_bytes)
      plan->arena_bytes = offset + sorted[i]->bytes;
  }
  ddla_free(sorted);
  return DDLA_OK;
}
