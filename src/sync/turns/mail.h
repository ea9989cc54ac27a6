/* Letters between hosts, for methods in which nobody knows beforehand who sends what when. A letter
 * has a head of fixed size and, where its sender has some, bytes behind it. Every host may write to
 * every other at any time, and listens to all of them all the time.
 *
 * Heads of one sender come in the order in which he sent them. A letter is delivered when its bytes
 * are there, too; one with many bytes may so be delivered behind a later one that has none.
 *
 * Threads: one thread, the one that serves the link (sync/turns/service.h). */
#ifndef DDLA_SYNC_TURNS_MAIL_H
#define DDLA_SYNC_TURNS_MAIL_H

#include "transport/transport.h"

typedef enum ddla_letter_kind {
  DDLA_LETTER_CLAIM = 1, /* to host 0: what may I compute? */
  DDLA_LETTER_GRANT,     /* from host 0: shards [first, end) of a step */
  DDLA_LETTER_STOP,      /* to host 0: let all stop soon */
  DDLA_LETTER_LAST,      /* from host 0 to all: the run ends behind this step */
  DDLA_LETTER_PUSH,      /* to the server of a range: what shards contribute to it */
  DDLA_LETTER_NEWS,      /* from the server of a range: its parameters */
  DDLA_LETTER_SWAP,      /* of a range, to a peer: what are yours? these are mine */
  DDLA_LETTER_ANSWER,    /* the peer's */
  DDLA_LETTER_DONE,      /* to host 0: what was granted of a step is computed */
  DDLA_LETTER_THROUGH,   /* from host 0 to all: all steps below this one are done */
  DDLA_LETTER_MOVE       /* to a range's new server: what is to be served */
} ddla_letter_kind;

/* What shards have added up to. */
typedef struct ddla_letter_sums {
  double loss, count;
  int64_t correct, samples;
} ddla_letter_sums;

/* Which fields mean something is the kind's. */
typedef struct ddla_letter {
  int32_t kind, range;
  int64_t step, version; /* step of SWAP and ANSWER: that the sender has made last; version of SWAP:
                            letters of its kind that have come from the addressee */
  int32_t first, end;    /* shards */
  ddla_letter_sums sums;
  double number;   /* PUSH: what clipping scales it by; NEWS: the newest rate */
  int64_t applied; /* NEWS: contributions of the addressee that are in it; PUSH: those of the
                      sender that have begun, with this one */
  uint64_t bytes;  /* behind it; 0: none */
} ddla_letter;

typedef struct ddla_mail_calls {
  /* Where the bytes behind a letter are to go, before they come: memory of the client until the
   * letter is delivered. Where they are not what should come it is CORRUPT, and who sent them is
   * named before its words. */
  ddla_status (*place)(void **out, void *argument, int from, const ddla_letter *letter);
  /* A letter is here, with its bytes where place said (null: it has none). */
  ddla_status (*deliver)(void *argument, int from, const ddla_letter *letter, void *data);
  /* The bytes of a letter that was sent are the client's again. */
  void (*sent)(void *argument, int to, const ddla_letter *letter, const void *data);
  void *argument;
} ddla_mail_calls;

typedef struct ddla_mail ddla_mail;

/* The link is borrowed until destroy. Errors: NO_MEMORY; the transport's. */
ddla_status ddla_mail_create(ddla_mail **out, ddla_transport *link, const ddla_mail_calls *calls);

/* What is under way is dropped. Null is allowed. */
void ddla_mail_destroy(ddla_mail *mail);

/* Sends a letter, also to this host itself; letter->bytes of data, which stay in place until they
 * are `sent`. Errors: NO_MEMORY; the transport's. */
ddla_status ddla_mail_send(ddla_mail *mail, int to, const ddla_letter *letter, const void *data);

/* Does what can be done without waiting; *moved is set if that was anything. Calls the calls; they
 * may send. */
ddla_status ddla_mail_advance(ddla_mail *mail, bool *moved);

/* Some letter of this host is still on its way out. */
bool ddla_mail_sending(const ddla_mail *mail);

/* Bytes that this host has sent to others. */
int64_t ddla_mail_bytes(const ddla_mail *mail);

#endif
