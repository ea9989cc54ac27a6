/* ddla data split: a share of a part's samples becomes a part of its own. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/data_kinds.h"
#include "data/disk.h"

typedef struct split_call {
  ddla_data_call source;
  ddla_data_target target;
  const char *fraction, *seed, *part, *into;
  ddla_data_choice choice;
  ddla_data_part from, to;
} split_call;

static ddla_status read_choice(split_call *call) {
  int64_t seed = 0;
  if (!call->fraction || !ddla_text_to_real(&call->choice.fraction, call->fraction))
    return DDLA_FAIL(INVALID, "--fraction %s: expected a number above 0 and below 1",
                     call->fraction ? ddla_text_quote(call->fraction).text : "is missing");
  if (call->seed && (!ddla_text_to_int(&seed, call->seed) || seed < 0))
    return DDLA_FAIL(INVALID, "--seed %s: expected a whole number from 0",
                     ddla_text_quote(call->seed).text);
  call->choice.seed = (uint64_t)seed;
  DDLA_TRY(ddla_data_call_part(&call->from, "--part", call->part, DDLA_DATA_TRAIN));
  DDLA_TRY(ddla_data_call_part(&call->to, "--into", call->into, DDLA_DATA_VALIDATION));
  if (call->from != call->to) return DDLA_OK;
  return DDLA_FAIL(INVALID, "--into and --part are both %s; choose two different parts",
                   ddla_prepared_part_name(call->to));
}

/* The samples that are set aside, and the others, with the source's other parts. */
static ddla_status divide(ddla_dataset *made[2], split_call *call) {
  const ddla_dataset *whole = call->source.sets[call->from];
  uint8_t *chosen = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(chosen, ddla_dataset_count(whole)));
  DDLA_TRY_CLEAN(status, ddla_dataset_choose(chosen, whole, &call->choice));
  for (uint8_t side = 0; side < 2; side++)
    DDLA_TRY_CLEAN(status,
                   ddla_dataset_pick(&made[side], whole, chosen, side, call->source.memory));
cleanup:
  ddla_free(chosen);
  return ddla_data_disk_explain(call->source.memory->argument, status);
}

static ddla_status check_parts(const split_call *call) {
  if (!call->source.sets[call->from])
    return DDLA_FAIL(INVALID, "%s has no part %s", call->source.path,
                     ddla_prepared_part_name(call->from));
  if (!call->source.sets[call->to]) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s has a part %s already; choose another with --into",
                   call->source.path, ddla_prepared_part_name(call->to));
}

static ddla_status split(split_call *call) {
  ddla_dataset *made[2] = {NULL, NULL}, *sets[DDLA_PREPARED_PARTS];
  DDLA_TRY(read_choice(call));
  DDLA_TRY(ddla_data_target_start(&call->target, &call->source));
  DDLA_TRY(ddla_data_target_open(&call->source));
  DDLA_TRY(check_parts(call));
  ddla_status status = divide(made, call);
  memcpy(sets, call->source.sets, sizeof sets);
  sets[call->from] = made[0];
  sets[call->to] = made[1];
  if (status == DDLA_OK) status = ddla_data_target_write(&call->target, &call->source, sets);
  ddla_dataset_close(made[0]);
  ddla_dataset_close(made[1]);
  return status;
}

ddla_status ddla_data_split(int argc, char **argv) {
  split_call call = {0};
  const ddla_words_option options[] = {{"--out", "-o", &call.target.directory, NULL},
                                       {"--part-bytes", NULL, &call.target.part_bytes, NULL},
                                       {"--block-bytes", NULL, &call.target.block_bytes, NULL},
                                       {"--compress", NULL, NULL, &call.target.compress},
                                       {"--fraction", NULL, &call.fraction, NULL},
                                       {"--seed", NULL, &call.seed, NULL},
                                       {"--part", NULL, &call.part, NULL},
                                       {"--into", NULL, &call.into, NULL},
                                       {"--by-label", NULL, NULL, &call.choice.by_label}};
  ddla_status status =
      ddla_data_call_read(&call.source, argc, argv, options, sizeof options / sizeof options[0]);
  if (status == DDLA_OK) status = split(&call);
  ddla_data_target_end(&call.source);
  return status;
}
