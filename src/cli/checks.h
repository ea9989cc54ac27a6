/* What `ddla doctor` looks at. Checks that fork come before those that start libraries.
 * Threads: one thread. */
#ifndef DDLA_CLI_CHECKS_H
#define DDLA_CLI_CHECKS_H

#include "base/status.h"

typedef enum ddla_check_state {
  DDLA_CHECK_GOOD,
  DDLA_CHECK_HINT, /* training works; advice makes it better */
  DDLA_CHECK_BAD   /* training cannot work: failure says why */
} ddla_check_state;

/* What was found. Plain value. */
typedef struct ddla_check {
  ddla_check_state state;
  char value[256], advice[256];
  double number;    /* of unit, where unit is not null */
  const char *unit; /* "GFLOP/s" */
  ddla_failure failure;
} ddla_check;

typedef struct ddla_check_row {
  const char *name;
  void (*look)(ddla_check *check); /* fills a zeroed check */
} ddla_check_row;

/* checks_machine.c: what the machine has. */
void ddla_check_processor(ddla_check *check);
void ddla_check_vectors(ddla_check *check);
void ddla_check_cores(ddla_check *check);
void ddla_check_topology(ddla_check *check);
void ddla_check_caches(ddla_check *check);
void ddla_check_memory(ddla_check *check);
void ddla_check_huge_pages(ddla_check *check);
void ddla_check_governor(ddla_check *check);
void ddla_check_load(ddla_check *check);
void ddla_check_disk(ddla_check *check);
void ddla_check_data(ddla_check *check);
void ddla_check_libraries(ddla_check *check);

/* checks_trial.c: what is tried and measured. */
void ddla_check_agents(ddla_check *check);
void ddla_check_pidfd(ddla_check *check);
void ddla_check_kernels(ddla_check *check);
void ddla_check_probe(ddla_check *check);
void ddla_check_probe_bf16(ddla_check *check);
void ddla_check_peak(ddla_check *check);
void ddla_check_lanes(ddla_check *check);
void ddla_check_copy(ddla_check *check);

#endif
