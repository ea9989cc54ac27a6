/* Who computes what, decided while it is computed, for methods in which hosts of different speed
 * must not wait for each other. Host 0 keeps the count: a host claims, and is granted shards of the
 * oldest step that has some left. A fast one so gets more of them; and more at once, as many as
 * take everybody about as long, so that nobody waits for what the slowest has begun. What is
 * granted at once is a subtree of the fixed tree: 2^i shards, from a multiple of their number on. A
 * host has one claim at a time, under way or granted and not yet taken.
 *
 * A step is settled when nothing of it is waited for any more. Shards of step t are granted when
 * all steps below t - window are settled: so many steps may be under way beside the oldest one.
 *
 * Threads: one thread of each host, the one that serves the link. */
#ifndef DDLA_SYNC_TURNS_GRANTS_H
#define DDLA_SYNC_TURNS_GRANTS_H

#include "sync/cluster.h"
#include "sync/turns/mail.h"

/* Shards [first, end) of the batch that follows `step` committed steps. */
typedef struct ddla_grant {
  int64_t step;
  int first, end;
} ddla_grant;

typedef struct ddla_grants_options {
  ddla_mail *mail; /* borrowed */
  const ddla_cluster *cluster;
  int shards;      /* of a step */
  int grain, most; /* in one grant, at least and at most: most is grain times a power of two, and
                      divides shards */
  int64_t start_step, total_steps;
  int64_t window; /* negative: without end */
} ddla_grants_options;

typedef struct ddla_grants ddla_grants;

/* Errors: NO_MEMORY. */
ddla_status ddla_grants_create(ddla_grants **out, const ddla_grants_options *options);
void ddla_grants_destroy(ddla_grants *grants);

/* This host wants one more; nothing happens where it has a claim. shard_ns: that a shard takes this
 * host; 0: not known yet. Errors: those of mail. */
ddla_status ddla_grants_claim(ddla_grants *grants, double shard_ns);

/* What this host has been granted, if anything: stays until it is taken. */
const ddla_grant *ddla_grants_have(const ddla_grants *grants);
void ddla_grants_take(ddla_grants *grants);

/* On host 0, where it matters: a step is settled. Each once, in any order. What is left of it is
 * not granted any more. */
void ddla_grants_settle(ddla_grants *grants, int64_t step);

/* On host 0: steps that are settled, and those before the first. */
int64_t ddla_grants_settled(const ddla_grants *grants);

/* Asks that the run ends soon: behind the step that the next shards to be granted belong to. */
ddla_status ddla_grants_stop(ddla_grants *grants);

/* So many steps the run has, as this host knows: total_steps, or where it stops. */
int64_t ddla_grants_last(const ddla_grants *grants);
bool ddla_grants_stopped(const ddla_grants *grants);

/* A letter of kinds CLAIM, GRANT, STOP, LAST. */
ddla_status ddla_grants_deliver(ddla_grants *grants, int from, const ddla_letter *letter);

/* On host 0: answers claims that can be answered. */
ddla_status ddla_grants_advance(ddla_grants *grants, bool *moved);

#endif
