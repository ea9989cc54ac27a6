/* A fuzz target feeds one reader of untrusted bytes. One file and one row of target_list.h each;
 * `make fuzz` explores it with libFuzzer, ctest runs the files of corpus/NAME/ through it in every
 * build. A reader may refuse what it is given; it may not crash, leak, hang or take memory without
 * end. */
#ifndef DDLA_FUZZ_FUZZ_H
#define DDLA_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The target: one input. Returns 0. The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Puts bytes into a file of this name in a folder of this process (in memory where the system has
 * /dev/shm; removed at exit), in place of what it held. `name` may have one folder before it.
 * Returns its path; borrowed until the next call with the same name. Ends the process when the
 * system refuses. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t bytes);

/* The folder itself. */
const char *fuzz_folder(void);

/* Ends the process where a reader broke its contract. */
#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) fuzz_broken(__FILE__, __LINE__, #condition);                                 \
  } while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

#endif
