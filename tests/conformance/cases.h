/* A loop over every sample case of every op, for the conformance tests. */
#ifndef DDLA_TESTS_CASES_H
#define DDLA_TESTS_CASES_H

#include "op/op_case.h"

/* A check of one sample case. */
typedef ddla_status (*op_check)(const ddla_op *op, int index);

/* Runs check on every case of every op; fails the test with op, case and message. */
static void for_each_case(op_check check) {
  int count = 0;
  const ddla_op *const *ops = ddla_op_table(&count);
  for (int i = 0; i < count; i++)
    for (int index = 0; index < ddla_op_case_count(ops[i]); index++) {
      ddla_status status = check(ops[i], index);
      if (status != DDLA_OK)
        fail_msg("%s, case %d: %s", ops[i]->name, index, ddla_status_message(status));
    }
}

#endif
