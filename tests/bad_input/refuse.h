/* Data sets that must be refused, with a message that says what, where and what to do. */
#ifndef DDLA_BAD_INPUT_REFUSE_H
#define DDLA_BAD_INPUT_REFUSE_H

#include "data/data.h"
#include "data/test_files.h"

/* Opening must fail with code and words, and leave *out alone. */
static inline void refuse(const ddla_data_source *source, ddla_status code,
                          const char *const *words) {
  ddla_dataset *set = NULL;
  check_failure(ddla_dataset_open(&set, source), code, words);
  assert_null(set);
}
#define REFUSE(source, code, ...)                                                                  \
  refuse(source, DDLA_##code, (const char *const[]){__VA_ARGS__, NULL})
#define SOURCE(...) (&(const ddla_data_source){__VA_ARGS__})

#endif
