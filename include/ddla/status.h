/* Status codes, and how a failure carries its words.
 *
 * Every fallible function returns ddla_status; the text of the newest failure of the calling thread
 * is read with ddla_status_message. Functions that the library calls (an op's, a task's, an
 * agent's) fail the same way: return DDLA_FAIL(INVALID, "...") with words for whoever reads the
 * message. Threads: every function here works on the calling thread only. */
#ifndef DDLA_STATUS_H
#define DDLA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DDLA_MUST_USE __attribute__((warn_unused_result))
#define DDLA_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DDLA_API __attribute__((visibility("default")))
#else
#define DDLA_MUST_USE
#define DDLA_PRINTF(f, a)
#define DDLA_API
#endif

/* name, exit status of the program, words, what must be rebuilt before trying again */
#define DDLA_STATUS_LIST(X)                                                                        \
  X(OK, 0, "success", NONE)                                                                        \
  X(DAMAGED, 1, "damage was found by a check", CALL)                                               \
  X(INVALID, 2, "invalid input", CALL)                                                             \
  X(CORRUPT, 2, "damaged file", CALL)                                                              \
  X(UNSUPPORTED, 2, "not supported", CALL)                                                         \
  X(IO, 3, "input/output error", CALL)                                                             \
  X(DISK_FULL, 4, "disk full", CALL)                                                               \
  X(NO_MEMORY, 5, "not enough memory", AGENT)                                                      \
  X(NON_FINITE, 6, "loss is not finite", GROUP)                                                    \
  X(PEER_LOST, 7, "lost an agent", GROUP)                                                          \
  X(TIMEOUT, 8, "waited too long", GROUP)                                                          \
  X(CANCELLED, 9, "cancelled", CALL)                                                               \
  X(INTERRUPTED, 130, "interrupted", NONE)                                                         \
  X(INTERNAL, 70, "internal error", AGENT)

/* The codes; DDLA_OK is 0. */
typedef enum ddla_status {
#define DDLA_STATUS_ENUM(name, exit, words, rebuild) DDLA_##name,
  DDLA_STATUS_LIST(DDLA_STATUS_ENUM)
#undef DDLA_STATUS_ENUM
} ddla_status;

/* What must be made anew before the failed work can be tried again. */
typedef enum ddla_rebuild {
  DDLA_REBUILD_NONE,
  DDLA_REBUILD_CALL,
  DDLA_REBUILD_PEER,
  DDLA_REBUILD_AGENT,
  DDLA_REBUILD_GROUP
} ddla_rebuild;

/* Words for a code, for example "damaged file". Never null; borrowed for ever. */
DDLA_API const char *ddla_status_words(ddla_status code);

/* Name of a code, for example "CORRUPT". Never null; borrowed for ever. */
DDLA_API const char *ddla_status_name(ddla_status code);

/* The program's exit status for a code. */
DDLA_API int ddla_status_exit(ddla_status code);

/* What must be rebuilt after this failure. */
DDLA_API ddla_rebuild ddla_status_rebuild(ddla_status code);

/* Text of this thread's newest failure if it has this code, else the plain words of the code.
 * Borrowed until the next failure on this thread. */
DDLA_API const char *ddla_status_message(ddla_status code);

/* Stores code, place and text (at most 1023 bytes) as this thread's newest failure and returns the
 * code. Use DDLA_FAIL. */
DDLA_API ddla_status ddla_status_fail(ddla_status code, const char *file, int line,
                                      const char *format, ...) DDLA_PRINTF(4, 5);

/* The way to make a failure: return DDLA_FAIL(INVALID, "the slope is %g", slope); */
#define DDLA_FAIL(code, ...) ddla_status_fail(DDLA_##code, __FILE__, __LINE__, __VA_ARGS__)

/* Passes a failure on. */
#define DDLA_TRY(expression)                                                                       \
  do {                                                                                             \
    ddla_status ddla_try_status = (expression);                                                    \
    if (ddla_try_status != DDLA_OK) return ddla_try_status;                                        \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
