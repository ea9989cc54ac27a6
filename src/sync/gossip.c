/* Asynchronous decentralised parallel SGD (Lian et al. 2018, "Asynchronous decentralized parallel
 * stochastic gradient descent", arXiv:1710.06952): every host has a model and moments of its own,
 * makes a step of its own on the next batch, and averages its parameters with one random host at a
 * time. Nobody waits for anybody, and there is no server.
 *
 * Deviations: the paper's average is atomic, so that hosts are parted in those who ask and those
 * who answer (a bipartite graph), lest they wait for each other in a circle. Here whoever is asked
 * answers at once, and both keep the difference and add it behind the turn under way, so any two
 * may swap (sync/turns/swaps.h); the mean over hosts is conserved all the same. The gradient is
 * computed with the host's own parameters, and a swap begins behind the step and not before it. A
 * host whose swap is under way still begins no other one. Batches are handed out in order, each
 * once, and at the end of an epoch all meet, where the mean of all models is measured; each goes on
 * from its own.
 *
 * A host alone has nobody to ask: it is a replica among none, and its model the global one. */
#include <string.h>

#include "sync/replica/replica.h"
#include "sync/turns/asynchronous.h"
#include "sync/turns/swaps.h"

extern const ddla_strategy ddla_strategy_gossip;

static const ddla_asynchronous_method method = {.whole = true, .apart = true};

/* Places as swaps.h and replica.h have them. */
static const ddla_strategy_array arrays[DDLA_SWAPS_ARRAYS] = {{.name = "global", .saved = true},
                                                              {.name = "given", .own = true},
                                                              {.name = "kept", .own = true}};

static const char *const numbers[] = {"spread"};

static void give(const ddla_replica_view *view, int64_t begin, int64_t end) {
  memcpy(view->given + begin, view->theta + begin, (size_t)(end - begin) * sizeof(float));
}

static void take(const ddla_replica_view *view, int64_t begin, int64_t end) {
  memcpy(view->global + begin, view->mean + begin, (size_t)(end - begin) * sizeof(float));
}

static const ddla_replica_method single = {.give = give, .take = take};

static const ddla_strategy alone = {.mode = "asynchronous",
                                    .method = "gossip",
                                    .apart = true,
                                    .arrays = arrays,
                                    .array_count = DDLA_SWAPS_ARRAYS,
                                    DDLA_REPLICA_SLOTS};

static ddla_status open_gossip(ddla_sync **out, const ddla_sync_options *options) {
  if (options->cluster->hosts == 1) return ddla_replica_open(out, &alone, &single, options);
  return ddla_asynchronous_open(out, &ddla_strategy_gossip, &method, options);
}

static size_t control_bytes(const ddla_sync_split *split) {
  if (split->cluster->hosts == 1) return ddla_replica_control_bytes(split);
  return ddla_asynchronous_control_bytes(&method, split);
}

static int operand_copies(const ddla_sync_split *split) {
  return ddla_asynchronous_operand_copies(&method, split);
}

const ddla_strategy ddla_strategy_gossip = {
    .mode = "asynchronous",
    .method = "gossip",
    .help = "whole batches go to whoever is free; models of all average with one random other",
    .replicated = true,
    .apart = true,
    .arrays = arrays,
    .array_count = DDLA_SWAPS_ARRAYS,
    .numbers = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    .open = open_gossip,
    .control_bytes = control_bytes,
    .operand_copies = operand_copies,
    DDLA_ASYNCHRONOUS_SLOTS};
