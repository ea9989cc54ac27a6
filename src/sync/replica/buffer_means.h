/* Running values of models that differ between hosts: their mean over hosts becomes everybody's,
 * and the global model's. What follows statistics is averaged; other buffers never change. Nothing
 * happens where the model has none. Options: those of all hosts. */
#ifndef DDLA_SYNC_REPLICA_BUFFER_MEANS_H
#define DDLA_SYNC_REPLICA_BUFFER_MEANS_H

#include "sync/turns/meeting.h"

/* This host's buffers of a step go where they are shared, times a weight; all hosts' add up to the
 * number of hosts. */
void ddla_buffer_means_give(const ddla_sync_options *options, uint64_t step, float weight);

/* They are shared at a meeting. */
void ddla_buffer_means_add(ddla_agenda *agenda, const ddla_sync_options *options);

/* Behind it: the mean, in the fixed tree over hosts, into the buffers of a version. Errors:
 * NON_FINITE naming the host whose buffers are not, and the step. */
ddla_status ddla_buffer_means_take(const ddla_sync_options *options, uint64_t version,
                                   int64_t step);

#endif
