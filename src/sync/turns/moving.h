/* Served ranges change hands. At a fence all hosts have one model, and nothing of it is under way;
 * then the moments of ranges that get another server go to it by letters (sync/turns/mail.h), into
 * the same place of the same rows, and with them what the range has come to. Parameters are
 * everywhere.
 *
 * All hosts begin with the same owners. What others send may come before this host begins.
 * Threads: one thread, the one that serves the link. */
#ifndef DDLA_SYNC_TURNS_MOVING_H
#define DDLA_SYNC_TURNS_MOVING_H

#include "sync/bridge/bridge_layout.h"
#include "sync/turns/mail.h"
#include "sync/turns/served.h"

typedef struct ddla_moving_options {
  ddla_mail *mail;
  ddla_bridge_layout *layout;    /* gets the new owners */
  const ddla_sync_options *sync; /* state and rows of moments */
} ddla_moving_options;

typedef struct ddla_moving ddla_moving;

/* All is borrowed until destroy. Errors: NO_MEMORY. */
ddla_status ddla_moving_create(ddla_moving **out, const ddla_moving_options *options);
void ddla_moving_destroy(ddla_moving *moving); /* null is allowed */

/* For letters of kind MOVE. Errors: CORRUPT. */
ddla_status ddla_moving_place(void **out, ddla_moving *moving, const ddla_letter *letter);
ddla_status ddla_moving_deliver(ddla_moving *moving, const ddla_letter *letter);

/* Ranges, which all have this version, belong to owner[r] from now on; those that this host loses
 * leave. past: [ranges], of own ones. Errors: those of mail. */
ddla_status ddla_moving_begin(ddla_moving *moving, const int16_t *owner, int64_t version,
                              const ddla_served_past *past);

/* All that this host loses and gets has gone and come, and what it has lost takes no memory any
 * more: what it got is in past. */
bool ddla_moving_over(ddla_moving *moving, ddla_served_past *past);

#endif
