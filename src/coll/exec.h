/* The executor: advances many schedules at once on one thread, serves messages, and sleeps when
 * idle.
 *
 * Long steps (sums, copies) run in pieces, so that other schedules and messages are served in
 * between. Nothing is allocated while schedules run. A death or a declared failure in the group
 * ends all running schedules with PEER_LOST; a failing step (a message of the wrong length, an
 * apply that failed) ends its schedule. What an ended schedule had under way is cancelled: its
 * buffers are the caller's again. Threads: one thread, except ddla_exec_wake. */
#ifndef DDLA_COLL_EXEC_H
#define DDLA_COLL_EXEC_H

#include "coll/schedule.h"

typedef struct ddla_exec ddla_exec;

/* The transport is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_exec_create(ddla_exec **out, ddla_transport *transport);

/* Cancels what still runs. Null is allowed. */
void ddla_exec_destroy(ddla_exec *exec);

/* Starts a schedule that is not running; it must stay in place until it is over. Errors: PEER_LOST.
 */
ddla_status ddla_exec_start(ddla_exec *exec, ddla_schedule *schedule);

/* Advances everything by at most one piece each, without blocking; *moved says whether anything
 * happened. Failures are those of single schedules: ask ddla_exec_result. */
void ddla_exec_progress(ddla_exec *exec, bool *moved);

/* Waits until the schedule (null: all) is over, advancing all of them; returns its result (null:
 * the first failure). timeout_ms as in the transport's wait; on TIMEOUT the schedule keeps running.
 */
ddla_status ddla_exec_wait(ddla_exec *exec, ddla_schedule *schedule, int64_t timeout_ms);

/* True when over (or never started); then *status is its result, raised on this thread if it
 * failed. */
bool ddla_exec_result(ddla_schedule *schedule, ddla_status *status);

/* Ends a running schedule with CANCELLED. Peers that take part in it are not told. */
void ddla_exec_cancel(ddla_exec *exec, ddla_schedule *schedule);

/* Number of running schedules. */
int ddla_exec_running(const ddla_exec *exec);

/* Makes this rank's ddla_exec_wait look again: for other threads that changed something. Any
 * thread. */
void ddla_exec_wake(ddla_exec *exec);

#endif
