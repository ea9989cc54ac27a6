/* Where all hosts meet, and share small arrays or bring one to the first host. All hosts hold the
 * same meetings in the same order, one at a time. Threads: the one that serves the link. */
#ifndef DDLA_SYNC_TURNS_MEETING_H
#define DDLA_SYNC_TURNS_MEETING_H

#include "sync/bridge/bridge_messages.h"
#include "sync/sync.h"

/* What is shared at a meeting. */
typedef struct ddla_agenda {
  bool by_host; /* of hosts items each, item h is host h's; else they are dealt out as
                   ddla_sync_part says */
  bool brings;  /* the one part, one item, comes from a host to the first one */
  int from;     /* that host */
  int part_count;
  ddla_sync_part part[DDLA_SYNC_PARTS_MAX];
  uint64_t word; /* all hosts get the words of all, ORed */
} ddla_agenda;

typedef struct ddla_meeting {
  ddla_bridge_layout layout; /* who has which items; no ranges */
  ddla_bridge_share share;
  int64_t *sent_bytes;
} ddla_meeting;

/* Nothing is allocated yet. link and sent_bytes, where bytes are counted, are borrowed until fini;
 * the meeting must stay where it is. */
void ddla_meeting_init(ddla_meeting *meeting, ddla_transport *link, const ddla_cluster *cluster,
                       int lanes, int64_t *sent_bytes);
void ddla_meeting_fini(ddla_meeting *meeting);

/* number: another for each meeting. Errors: NO_MEMORY, the transport's. */
ddla_status ddla_meeting_begin(ddla_meeting *meeting, uint64_t number, const ddla_agenda *agenda);

/* When it is over: *over, and the words of all. */
ddla_status ddla_meeting_look(ddla_meeting *meeting, bool *over, uint64_t *word, bool *moved);

#endif
