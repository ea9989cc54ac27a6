/* Cases for collective operations: data from a seed, the call, and the check of what every rank
 * must hold. */
#ifndef DDLA_TESTS_COLL_CASE_H
#define DDLA_TESTS_COLL_CASE_H

#include "base/rng.h"
#include "coll/coll.h"

enum { CASE_OPERANDS_MAX = 32, CASE_SLOTS = 20 };

typedef enum case_memory { CASE_PRIVATE, CASE_OWN, CASE_ONE, CASE_IN_PLACE } case_memory;

typedef struct coll_case {
  ddla_coll_kind kind;
  ddla_coll_type type;
  const char *row; /* null: whichever accepts */
  int64_t count, align;
  int root;
  int leaves; /* 0: one per rank; else dealt out over the ranks by `placement` */
  uint64_t placement, seed;
  case_memory memory;
  bool apply, use_prepared;
} coll_case;

/* A rank's buffers for cases of at most `count` elements. */
typedef struct case_buffers {
  ddla_transport *transport;
  ddla_coll *coll;
  unsigned char *own[CASE_SLOTS], *own_output, *one_output;             /* of the transport */
  unsigned char *private_slots[CASE_SLOTS], *private_output, *expected; /* of the heap */
  size_t bytes;
} case_buffers;

/* Collective. */
ddla_status case_buffers_init(case_buffers *out, ddla_transport *transport, ddla_coll *coll,
                              int64_t count);
void case_buffers_fini(case_buffers *buffers);

/* Runs a case on this rank and checks its result; *row gets the name of the row that ran. Errors:
 * the operation's; INTERNAL if the result is wrong, saying where. UNSUPPORTED if the named row does
 * not accept. */
ddla_status coll_case_run(case_buffers *buffers, const coll_case *c, const char **row);

/* Words for messages. */
void coll_case_describe(const coll_case *c, char *text, size_t bytes);

#endif
