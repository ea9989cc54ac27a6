#include "agent/meeting.h"

#include <stdio.h>

#include "train/feed/owned.h"

static ddla_status agree(void *argument, ddla_status prepared) {
  return ddla_join_agree(argument, prepared, &(ddla_join_fact){0});
}

static ddla_status gather(void *argument, void *all, const void *mine, size_t bytes) {
  return ddla_join_gather(argument, all, mine, bytes, "tell of the data that lie on their hosts");
}

ddla_status ddla_join_meeting(ddla_training_meeting *out, bool *meets, ddla_join *join,
                              ddla_status read, const ddla_job *job) {
  ddla_join_fact facts[] = {{.name = "share.mode"}, {.name = "data.partition"}, {.name = NULL}};
  if (read == DDLA_OK) {
    snprintf(facts[0].value, sizeof facts[0].value, "%s", job->share.mode);
    snprintf(facts[1].value, sizeof facts[1].value, "%s", job->data.partition);
  }
  DDLA_TRY(ddla_join_agree(join, read, facts));
  *meets = ddla_owned_wanted(job);
  *out = (ddla_training_meeting){.agree = agree, .gather = gather, .argument = join};
  return DDLA_OK;
}
