/* ddla data prepare: a data set in the form that is mapped into memory to be opened. */
#include "cli/data_kinds.h"

static ddla_status prepare(ddla_data_call *call, const ddla_data_target *target) {
  DDLA_TRY(ddla_data_target_start(target, call));
  DDLA_TRY(ddla_data_target_open(call));
  return ddla_data_target_write(target, call, call->sets);
}

ddla_status ddla_data_prepare(int argc, char **argv) {
  ddla_data_target target = {0};
  ddla_data_call call = {0};
  const ddla_words_option options[] = {{"--out", "-o", &target.directory, NULL},
                                       {"--part-bytes", NULL, &target.part_bytes, NULL},
                                       {"--block-bytes", NULL, &target.block_bytes, NULL},
                                       {"--compress", NULL, NULL, &target.compress}};
  ddla_status status =
      ddla_data_call_read(&call, argc, argv, options, sizeof options / sizeof options[0]);
  if (status == DDLA_OK) status = prepare(&call, &target);
  ddla_data_target_end(&call);
  return status;
}
