#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"

enum { ALIGNMENT = 64, HUGE_PAGE_BYTES = 2 << 20 };

/* What a plan works on is some tens of MiB: with small pages a twentieth of a step goes into
 * looking them up. The system may decline. */
static void *heap_allocate(size_t bytes, void *argument) {
  (void)argument;
  void *block = NULL;
  if (bytes < 2 * (size_t)HUGE_PAGE_BYTES) return aligned_alloc(ALIGNMENT, bytes);
  if (posix_memalign(&block, HUGE_PAGE_BYTES, bytes) != 0) return NULL;
  (void)madvise(block, bytes, MADV_HUGEPAGE); /* a wish: nothing depends on it */
  return block;
}

static void heap_release(void *block, void *argument) {
  (void)argument;
  free(block);
}

static const ddla_allocator heap = {heap_allocate, heap_release, NULL};
static ddla_allocator current = {heap_allocate, heap_release, NULL};
static _Thread_local int frozen_depth;

void ddla_alloc_replace(const ddla_allocator *allocator) {
  current = allocator ? *allocator : heap;
}

void *ddla_alloc_array(size_t count, size_t size) {
  DDLA_ASSERT(frozen_depth == 0);
  if (size != 0 && count > (SIZE_MAX / 2) / size) return NULL;
  size_t bytes = (count * size + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  void *block = current.allocate(bytes, current.argument);
  if (block) memset(block, 0, bytes);
  return block;
}

void ddla_free(void *block) {
  if (block) current.release(block, current.argument);
}

ddla_status ddla_alloc_check(const void *block, size_t count, size_t size) {
  if (block) return DDLA_OK;
  return DDLA_FAIL(NO_MEMORY, "no memory for %zu times %zu bytes", count, size);
}

ddla_status ddla_alloc_text(char **out, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy;
  DDLA_TRY(DDLA_NEW(copy, bytes));
  memcpy(copy, text, bytes);
  *out = copy;
  return DDLA_OK;
}

void ddla_alloc_freeze(void) { frozen_depth++; }

void ddla_alloc_thaw(void) {
  DDLA_ASSERT(frozen_depth > 0);
  frozen_depth--;
}

int ddla_alloc_begin_other(void) {
  const int depth = frozen_depth;
  frozen_depth = 0;
  return depth;
}

void ddla_alloc_end_other(int depth) {
  DDLA_ASSERT(frozen_depth == 0);
  frozen_depth = depth;
}
