/* The simulator: all ranks of a group as fibers of one thread, on virtual time. Which rank runs
 * next, how long a message takes, when a rank crashes and when the others notice are draws from one
 * seed: a failing run replays from its seed. Messages of one pair and tag stay in order, all others
 * overtake each other.
 *
 * When no rank can run and nothing is under way, the run ends with INTERNAL, naming what every rank
 * waits for. Ranks switch only inside calls of the transport. */
#ifndef DDLA_TRANSPORT_SIM_H
#define DDLA_TRANSPORT_SIM_H

#include "transport/transport.h"

typedef struct ddla_sim_options {
  int ranks;
  uint64_t seed;
  bool shared;      /* transport "sim_shared": memory is addressable; else "sim": messages only */
  int crashes;      /* ranks that crash; 0: none */
  int crash_before; /* a crash comes within so many switches of the run; 0: 400 */
  int64_t delay_ns_max;  /* of a message; 0: 100000 */
  int64_t detect_ns_max; /* until others notice a crash; 0: 10 ms */
  int64_t switches_max;  /* more is an endless loop and ends the run; 0: 20 million */
} ddla_sim_options;

/* How a run ended. */
typedef struct ddla_sim_result {
  ddla_status statuses[DDLA_TRANSPORT_RANKS_MAX]; /* what rank_main returned */
  bool crashed[DDLA_TRANSPORT_RANKS_MAX];
  int64_t virtual_ns, switches;
} ddla_sim_result;

/* What a rank does. A crashed rank's calls return CANCELLED, so that it frees what it holds; nobody
 * sees anything of it any more. */
typedef ddla_status ddla_sim_main(ddla_transport *transport, void *argument);

/* Runs rank_main on every rank to its end. `result` may be null. Errors: NO_MEMORY; INVALID
 * (ranks); INTERNAL (deadlock, endless loop). Failures of ranks are in the result only. Threads:
 * any, one run each. */
ddla_status ddla_sim_run(const ddla_sim_options *options, ddla_sim_result *result,
                         ddla_sim_main *rank_main, void *argument);

#endif
