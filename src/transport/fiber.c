#include "transport/fiber.h"

#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/alloc.h"
#include "base/assert.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#endif

#if defined(WITH_ASAN)
/* From the sanitizer's interface header, which not every compiler package brings along. */
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t bytes);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **old_bottom, size_t *old_bytes);
#endif
#if defined(WITH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

/* One side of a hand-over: what the sanitizers must be told about it. */
typedef struct side {
  ucontext_t place;
  const void *stack;
  size_t stack_bytes;
  void *fake_stack, *tsan;
} side;

struct ddla_fiber {
  side inside, outside;
  void (*entry)(void *);
  void *argument;
  unsigned char *stack;
  size_t stack_bytes;
  bool ended;
};

static void leave(side *from, const side *to, bool for_ever) {
#if defined(WITH_ASAN)
  __sanitizer_start_switch_fiber(for_ever ? NULL : &from->fake_stack, to->stack, to->stack_bytes);
#endif
#if defined(WITH_TSAN)
  __tsan_switch_to_fiber(to->tsan, 0);
#endif
  (void)for_ever;
  swapcontext(&from->place, &to->place);
}

/* Called first thing after arriving on `here`; learns where the other side's stack is. */
static void arrive(side *here, side *other) {
#if defined(WITH_ASAN)
  __sanitizer_finish_switch_fiber(here->fake_stack, &other->stack, &other->stack_bytes);
#endif
  (void)here;
  (void)other;
}

static void begin(unsigned high, unsigned low) {
  ddla_fiber *fiber = (ddla_fiber *)((uintptr_t)high << 32 | (uintptr_t)low);
  arrive(&fiber->inside, &fiber->outside);
  fiber->entry(fiber->argument);
  fiber->ended = true;
  leave(&fiber->inside, &fiber->outside, true);
}

ddla_status ddla_fiber_create(ddla_fiber **out, size_t stack_bytes, void (*entry)(void *),
                              void *argument) {
  ddla_fiber *fiber = NULL;
  DDLA_TRY(DDLA_NEW(fiber, 1));
  void *stack = mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) {
    ddla_free(fiber);
    return DDLA_FAIL(NO_MEMORY, "no memory for a stack of %zu bytes", stack_bytes);
  }
  fiber->entry = entry;
  fiber->argument = argument;
  fiber->stack = stack;
  fiber->stack_bytes = stack_bytes;
  fiber->inside.stack = stack;
  fiber->inside.stack_bytes = stack_bytes;
  getcontext(&fiber->inside.place);
  fiber->inside.place.uc_stack.ss_sp = stack;
  fiber->inside.place.uc_stack.ss_size = stack_bytes;
  uintptr_t address = (uintptr_t)fiber;
  makecontext(&fiber->inside.place, (void (*)(void))begin, 2, (unsigned)(address >> 32),
              (unsigned)address);
#if defined(WITH_TSAN)
  fiber->inside.tsan = __tsan_create_fiber(0);
#endif
  *out = fiber;
  return DDLA_OK;
}

void ddla_fiber_destroy(ddla_fiber *fiber) {
  if (!fiber) return;
#if defined(WITH_TSAN)
  __tsan_destroy_fiber(fiber->inside.tsan);
#endif
  munmap(fiber->stack, fiber->stack_bytes);
  ddla_free(fiber);
}

bool ddla_fiber_resume(ddla_fiber *fiber) {
  DDLA_ASSERT(!fiber->ended);
#if defined(WITH_TSAN)
  fiber->outside.tsan = __tsan_get_current_fiber();
#endif
  leave(&fiber->outside, &fiber->inside, false);
  arrive(&fiber->outside, &fiber->inside);
  return !fiber->ended;
}

void ddla_fiber_yield(ddla_fiber *fiber) {
  leave(&fiber->inside, &fiber->outside, false);
  arrive(&fiber->inside, &fiber->outside);
}
