/* Starts a group of agents on this machine and watches over them: forked processes that share
 * memory, or (where asked, for sanitizers) threads of this process; a single agent runs in the
 * calling process. */
#ifndef DDLA_AGENT_LAUNCH_H
#define DDLA_AGENT_LAUNCH_H

#include "transport/transport.h"
#include "watch/watcher.h"

/* What an agent does. Runs in its own process or thread. `fork` copies argument's memory. In a
 * process of its own, SIGINT and SIGTERM are blocked when main begins, so that it can set handlers
 * first and then unblock them. */
typedef ddla_status (*ddla_agent_main)(ddla_transport *transport, void *argument);

typedef struct ddla_launch_options {
  int agents;          /* 1 to DDLA_TRANSPORT_RANKS_MAX */
  int first;           /* number of the first one, where other hosts have agents too */
  size_t shared_bytes; /* of memory that the agents will take from the transport, all together */
  bool threads;        /* agents are threads of this process */
  /* Writes where the work is ("step 57") into text, for the message about a lost agent. May be
   * null. */
  void (*where)(void *argument, char *text, size_t bytes);
  ddla_watch *watch;                /* of these agents at least; null: they are not watched */
  const ddla_watcher_options *hang; /* what to do when one of the watch hangs; null: nothing */
} ddla_launch_options;

/* Runs main on every agent and returns when all have ended. When one is killed or fails, the others
 * are told at once, and killed where they have not ended GRACE_MS later. Ctrl-C and SIGTERM are
 * passed on to the agents; a second Ctrl-C kills them. No process and no shared memory stays
 * behind. Who watches for hangs is the loop that waits for the ends of processes, and a thread that
 * sleeps where agents share the calling process. Errors: the first failure of an agent, with its
 * words; PEER_LOST naming agent, signal and place; INTERRUPTED after the second Ctrl-C; NO_MEMORY.
 */
ddla_status ddla_launch(const ddla_launch_options *options, ddla_agent_main main, void *argument);

#endif
