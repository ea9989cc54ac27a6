/* Read before each source of the project's bridge when that is compiled for the replay: replay.h's
 * functions in place of a few of the library's. There are no workers whose gradients the bridge
 * could send, and for a thousand hosts no memory for them. */
#ifndef DDLA_BENCH_SIM_CLUSTER_REPLACED_H
#define DDLA_BENCH_SIM_CLUSTER_REPLACED_H

#include "base/alloc.h"
#include "replay.h"

#define ddla_operands_list replay_operands_list
#ifdef REPLAY_WITHOUT_DATA
#define ddla_alloc_array replay_alloc_array
#define ddla_tree_plan_make replay_tree_plan_make
#define ddla_tree_run replay_tree_run
#endif

#endif
