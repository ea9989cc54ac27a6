/* Heap memory for set-up and plans. Nothing is allocated inside the step loop: a thread that has
 * frozen allocation asserts when it allocates. Blocks are 64-byte aligned. The allocator is
 * replaceable, so that tests can count blocks and fail the n-th call. Threads: all functions may be
 * called from any thread; ddla_alloc_replace only while no other thread allocates. */
#ifndef DDLA_BASE_ALLOC_H
#define DDLA_BASE_ALLOC_H

#include <stddef.h>

#include "base/status.h"

typedef struct ddla_allocator {
  void *(*allocate)(size_t bytes, void *argument); /* 64-byte aligned, or null */
  void (*release)(void *block, void *argument);
  void *argument;
} ddla_allocator;

/* Replaces the allocator; null restores the default. Blocks must be freed by the allocator that
 * made them. */
void ddla_alloc_replace(const ddla_allocator *allocator);

/* count * size zeroed bytes; null when there is no memory or the product overflows. count 0 gives a
 * block. */
void *ddla_alloc_array(size_t count, size_t size);

/* Releases a block; null is allowed. */
void ddla_free(void *block);

/* NO_MEMORY naming the bytes if block is null, else OK. */
ddla_status ddla_alloc_check(const void *block, size_t count, size_t size);

/* Copy of a string. Errors: NO_MEMORY. */
ddla_status ddla_alloc_text(char **out, const char *text);

/* Allocates `count` zeroed elements for the typed pointer `pointer`: DDLA_TRY(DDLA_NEW(p, 4)); */
#define DDLA_NEW(pointer, count)                                                                   \
  ddla_alloc_check((pointer) = ddla_alloc_array((size_t)(count), sizeof *(pointer)),               \
                   (size_t)(count), sizeof *(pointer))

/* From here to the matching thaw, an allocation by this thread is a bug. Nests. */
void ddla_alloc_freeze(void);
void ddla_alloc_thaw(void);

/* Between these two the thread may allocate even so: it does other work than what was frozen. begin
 * returns what end takes. */
int ddla_alloc_begin_other(void);
void ddla_alloc_end_other(int depth);

#endif
