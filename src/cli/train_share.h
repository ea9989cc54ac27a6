/* How data come to the hosts of a training before they are opened: share.mode. */
#ifndef DDLA_CLI_TRAIN_SHARE_H
#define DDLA_CLI_TRAIN_SHARE_H

#include "agent/join.h"
#include "train/run/run.h"

enum { DDLA_TRAIN_START_MS = 60000 }; /* until all agents have come to where they meet */

/* Collective over all agents, where share.mode is broadcast or gather and there are several hosts;
 * else nothing happens. Afterwards share.directory of each host is what the job's data are read
 * from. *apart is set where agents can no longer agree on anything, after a failure. Errors: those
 * of ddla_share_broadcast and ddla_share_gather; of opening the data. */
ddla_status ddla_train_share(bool *apart, ddla_job *job, ddla_join *join, ddla_show show);

#endif
