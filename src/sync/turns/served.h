/* The server's side of asynchronous methods: a host's own ranges of the parameter space. What
 * shards contribute to a range comes by letters (sync/turns/mail.h), in any order; the server adds
 * it up, makes the range's next version of parameters and moments, which it has alone, and sends it
 * on. Parameters and moments lie in the state's rows theta and of the moments: of a range, version
 * v is at v mod 2.
 *
 * Two ways. By step: version t + 1 follows from the sum, in the fixed tree, of what all shards of
 * step t contribute, however it was cut; steps come in their order. Or on arrival: every
 * contribution is an update by itself, with the moments as they are then, and version v is that of
 * v of them.
 *
 * A contribution says which version of the range its gradient was computed with. The number of
 * versions since is its staleness, and is counted: by step for each shard that is in it, so that
 * it does not matter how many shards somebody was granted at once. What is counted is recorded at
 * once for who watches the run, in the host's first agent's events.
 *
 * Threads: one thread, the one that serves the link. */
#ifndef DDLA_SYNC_TURNS_SERVED_H
#define DDLA_SYNC_TURNS_SERVED_H

#include "base/staleness.h"
#include "sync/bridge/bridge_layout.h"
#include "sync/sum/update.h"
#include "sync/turns/mail.h"

typedef struct ddla_served_options {
  ddla_mail *mail;
  const ddla_bridge_layout *layout;
  const ddla_sync_options *sync; /* state, optimizer, schedule, first step, watch */
  bool on_arrival;
  int64_t bound;       /* staleness that may not be exceeded, in steps; negative: none */
  int missing;         /* by step: so many shards of each are not waited for */
  bool damped;         /* on arrival: the rate is divided by the staleness */
  double compensation; /* on arrival: of delay, see history.h; 0: none */
  int64_t versions;    /* that are kept for it */
  size_t bound_bytes;  /* contributions are messages of a codec, no longer; 0: plain numbers */
  /* An own range has this version now; a step has reached all own ranges. */
  void (*changed)(void *argument, int range, int64_t version);
  void (*settled)(void *argument, int64_t step);
  /* Null, or told of every contribution in the order in which it is taken, which is that of updates
   * where these are made on arrival: for who keeps account. */
  void (*taken)(void *argument, int from, const ddla_letter *letter);
  void *argument;
} ddla_served_options;

/* What a range has come to, beside parameters and moments: what all contributions to it have added
 * up to; the newest rate. */
typedef struct ddla_served_past {
  ddla_letter_sums sums;
  double learning_rate;
} ddla_served_past;

typedef struct ddla_served ddla_served;

/* All is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_served_create(ddla_served **out, const ddla_served_options *options);
void ddla_served_destroy(ddla_served *served);

/* Where ranges have changed hands, at a fence, with nothing under way: own ranges are those of the
 * layout as it is now, at this version. past: [ranges], of own ones; applied: [hosts], every host's
 * contributions. Errors: NO_MEMORY. */
ddla_status ddla_served_renew(ddla_served *served, int64_t version, const ddla_served_past *past,
                              const int64_t *applied);

/* No version above this one is made until the limit is raised; whoever it is that makes it is told
 * to all hosts. */
void ddla_served_limit(ddla_served *served, int64_t version);

/* For letters of kind PUSH. Errors: NON_FINITE naming the sender and the step; INTERNAL where a
 * bound is broken; NO_MEMORY. */
ddla_status ddla_served_place(void **out, ddla_served *served, const ddla_letter *letter);
ddla_status ddla_served_deliver(ddla_served *served, int from, const ddla_letter *letter,
                                void *data);

/* A letter of kind NEWS is on its way no more. */
void ddla_served_sent(ddla_served *served, int to, const ddla_letter *letter, const void *data);

/* Makes what versions can be made, and sends news. */
ddla_status ddla_served_advance(ddla_served *served, bool *moved);

/* An own range's newest version, and its parameters: [count], valid until the version after next.
 */
const float *ddla_served_parameters(const ddla_served *served, int range, int64_t *version);

/* Of an own range. */
ddla_served_past ddla_served_past_of(const ddla_served *served, int range);

/* On arrival: this host's contributions that an own range has. */
int64_t ddla_served_applied(const ddla_served *served, int range);

/* Of the first range of all, where it is this host's; else 0 of all. */
const ddla_staleness *ddla_served_staleness(const ddla_served *served);

#endif
