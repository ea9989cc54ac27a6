/* Assertions for bugs, always on. What a user did wrong never asserts: it is a ddla_status. */
#ifndef DDLA_BASE_ASSERT_H
#define DDLA_BASE_ASSERT_H

/* Prints the broken condition and its place on standard error and aborts. */
_Noreturn void ddla_assert_fail(const char *condition, const char *file, int line);

#define DDLA_ASSERT(condition)                                                                     \
  ((condition) ? (void)0 : ddla_assert_fail(#condition, __FILE__, __LINE__))

#endif
