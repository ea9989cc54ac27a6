/* Calls to the system and the heap that fail at will. The executable is linked with --wrap for each
 * name of FAULT_CALLS, so that the library's calls come here first. */
#ifndef DDLA_TESTS_FAULTS_H
#define DDLA_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

/* kind of fault; what is wrapped for it is in faults.c */
#define FAULT_KINDS(X)                                                                             \
  X(allocation) X(open) X(read) X(write) X(sync) X(rename) X(map) X(thread) X(folder)

typedef enum fault_kind {
#define FAULT_KIND(name) FAULT_##name,
  FAULT_KINDS(FAULT_KIND)
#undef FAULT_KIND
      FAULT_KIND_COUNT
} fault_kind;

extern const char *const fault_names[FAULT_KIND_COUNT];

/* From now on calls are counted, and the n-th (from 1) of this kind fails, once; n 0: none does. */
void fault_plan(fault_kind kind, int64_t n);

/* Calls of a kind since the plan; whether the planned one has failed; blocks of the library's heap
 * that are in use. */
int64_t fault_calls(fault_kind kind);
int fault_happened(void);
int64_t fault_blocks(void);

#endif
