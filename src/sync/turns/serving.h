/* What a host does in asynchronous methods with one model: what its turns add up to is contributed
 * range by range to the ranges' servers (sync/turns/served.h), of which this host may be one, and
 * what these make of it is what the next turns compute with (sync/turns/reading.h). At a fence
 * everything before it is applied everywhere. Threads: as sync/turns/turns.h. */
#ifndef DDLA_SYNC_TURNS_SERVING_H
#define DDLA_SYNC_TURNS_SERVING_H

#include "sync/turns/turns.h"

extern const ddla_turn_method ddla_serving;

#endif
