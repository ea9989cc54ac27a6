/* Samples that hosts exchange while they train (share.mode exchange): share/swap.h says who holds
 * what in which epoch; here it is made so. What will be needed in the next epoch is fetched during
 * this one, by a thread of the host's first agent; lanes wait only where the next one begins before
 * all is there. Agents of a host share the memory.
 *
 * Where every host can read all samples there is nothing to send: what changes hands is a list of
 * numbers, which each makes for itself. Where samples lie on hosts of their own (data/united.h) a
 * host has a store: its samples of this epoch, and room for those that come. Where it begins in
 * epoch e (a run that goes on) it copies what it has of its own, and gets the rest at once from
 * where it lay in epoch 0.
 *
 * Bytes sent by host h in an exchange: round(fraction * count) records; in a start in epoch e: what
 * others hold of its own then. Threads: as each function says. */
#ifndef DDLA_SHARE_EXCHANGE_H
#define DDLA_SHARE_EXCHANGE_H

#include "data/united.h"
#include "share/swap.h"
#include "share/wire.h"

typedef struct ddla_exchange ddla_exchange;

/* Everything is borrowed until close. */
typedef struct ddla_exchange_options {
  ddla_swap swap;
  int host; /* where samples lie on hosts of their own: the part's; else 0 */
  ddla_dataset *united;      /* of hosts with samples of their own; null: everybody can read all */
  const ddla_dataset *own;   /* of these, what lies here in epoch 0 */
  ddla_transport *transport; /* of this host's agents */
  ddla_transport *link;      /* between hosts, for the thread alone; on a host's first agent */
  ddla_wire *wire;           /* on it */
  bool moves;                /* this agent's view of `united` follows; one agent of a process */
  int64_t epochs;            /* that the run has */
} ddla_exchange_options;

/* Memory that a host's agents take from their transport. */
size_t ddla_exchange_bytes(const ddla_swap *swap, int host, const ddla_dataset *own);

/* All agents of a host alike. The caller owns *out. Errors: NO_MEMORY. */
ddla_status ddla_exchange_open(ddla_exchange **out, const ddla_exchange_options *options);

/* Nothing more will be needed: what is under way is given up, and its failures are nobody's. Before
 * hosts part, so that nobody takes another one's end for a loss. Any thread; null is allowed. */
void ddla_exchange_stop(ddla_exchange *exchange);

/* Null is allowed. */
void ddla_exchange_close(ddla_exchange *exchange);

/* The host's first agent: makes ready what it holds in this epoch, where it begins, and starts the
 * thread; start_alone starts none, and the caller makes the turns. Errors: PEER_LOST; INVALID
 * where samples may not be sent; NO_MEMORY. */
ddla_status ddla_exchange_start(ddla_exchange *exchange, int64_t epoch);
ddla_status ddla_exchange_start_alone(ddla_exchange *exchange, int64_t epoch);

/* What this epoch's end brings is fetched: the host has both then. Errors: as start. */
ddla_status ddla_exchange_turn(ddla_exchange *exchange, int64_t epoch);

/* Any thread: whether what an epoch needs is there. */
bool ddla_exchange_is_ready(const ddla_exchange *exchange, int64_t epoch);

/* Any worker, before it reads samples of an epoch: waits until they are there. begins: says that
 * nobody of this host reads those of the epoch before any more. Errors: PEER_LOST, with the words
 * of what failed; CANCELLED behind stop. */
ddla_status ddla_exchange_enter(ddla_exchange *exchange, int64_t epoch, bool begins);

/* Samples of all parts in an epoch that was entered: part p's follow each other from
 * ddla_swap_first on. Borrowed. */
const int64_t *ddla_exchange_held(const ddla_exchange *exchange, int64_t epoch);

#endif
