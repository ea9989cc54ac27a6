/* Questions and answers between hosts. A question names pieces; its answer is one message, a head
 * and the pieces' bytes one behind another. Who asks posts the receive of the answer first, so its
 * length is known on both sides. A home that reads from a slow origin says now and then that it is
 * at it. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "share/tiers/tiers_parts.h"

enum { TAG_QUESTION = 1, TAG_NOTE = 2, NOTES_IN_LIMIT = 4 };

#define TAG_ANSWER ((uint64_t)1 << 32)

typedef struct question {
  uint32_t number, count;
  ddla_piece piece[DDLA_ASK_PIECES];
} question;

typedef struct answer_head {
  uint32_t failed, tier;
} answer_head;

/* A question of ours. */
typedef struct asking {
  bool under_way, sent;
  question message;
  ddla_wants wants; /* in the order of the pieces */
  unsigned char *answer;
  size_t room, bytes;
  int64_t asked_ns;
  ddla_request question, receive;
} asking;

/* One of theirs. */
typedef struct answering {
  bool under_way, ready;
  ddla_ticket ticket;
  uint32_t number;
  struct peer *peer;
  unsigned char *answer;
  size_t room, bytes;
  int64_t ready_ns;
  ddla_request send;
} answering;

typedef struct peer {
  int host;
  ddla_wants wants; /* not asked yet */
  asking asking[DDLA_ASK_UNDER_WAY];
  answering answering[DDLA_ASK_UNDER_WAY];
  question incoming;
  ddla_request listening;
  uint64_t note, noted; /* ours, and theirs */
  ddla_request note_send, note_receive;
  bool listens, notes, noting;
  int64_t heard_ns, noted_ns;
} peer;

struct ddla_tier_peers {
  peer *peer;      /* [hosts] */
  uint32_t number; /* of the last question */
  int64_t now_ns;
};

static int64_t now_ns(const ddla_tiers *tiers) {
  (void)tiers;
  return ddla_clock_now_ns(ddla_clock_monotonic());
}

static ddla_status make_room(unsigned char **buffer, size_t *room, size_t bytes) {
  unsigned char *made = NULL;
  if (*room >= bytes) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(made, bytes));
  ddla_free(*buffer);
  *buffer = made;
  *room = bytes;
  return DDLA_OK;
}

/* ---- asking ---- */

ddla_status ddla_tiers_ask(ddla_tiers *tiers, const ddla_piece *piece, unsigned char *to,
                           ddla_ticket *ticket) {
  ddla_want *want = NULL;
  DDLA_TRY(ddla_tiers_want(&want, tiers, piece, to, ticket));
  ddla_tiers_push(&tiers->peers->peer[ddla_tiers_home(tiers, piece->block)].wants, want);
  return DDLA_OK;
}

static void gather(asking *a, peer *p) {
  a->bytes = sizeof(answer_head);
  a->message.count = 0;
  while (p->wants.first && a->message.count < DDLA_ASK_PIECES) {
    const size_t bytes = p->wants.first->piece.bytes;
    if (a->message.count > 0 && a->bytes + bytes > DDLA_ASK_BYTES) break;
    ddla_want *want = ddla_tiers_pop(&p->wants);
    a->message.piece[a->message.count++] = want->piece;
    a->bytes += bytes;
    ddla_tiers_push(&a->wants, want);
  }
}

static ddla_status start_asking(ddla_tiers *tiers, peer *p, asking *a) {
  ddla_transport *link = tiers->options.link;
  a->wants = (ddla_wants){0};
  gather(a, p);
  DDLA_TRY(make_room(&a->answer, &a->room, a->bytes));
  a->message.number = ++tiers->peers->number;
  a->asked_ns = tiers->peers->now_ns;
  DDLA_TRY(ddla_transport_recv(link, &a->receive, p->host, TAG_ANSWER | a->message.number,
                               a->answer, a->bytes));
  a->under_way = true;
  a->sent = false;
  return ddla_transport_send(link, &a->question, p->host, TAG_QUESTION, &a->message,
                             sizeof a->message);
}

static ddla_status ask_more(ddla_tiers *tiers, peer *p, bool *moved) {
  for (int i = 0; i < DDLA_ASK_UNDER_WAY && p->wants.first; i++) {
    if (p->asking[i].under_way) continue;
    *moved = true;
    DDLA_TRY(start_asking(tiers, p, &p->asking[i]));
  }
  return DDLA_OK;
}

/* The home has not got it, or says nothing: the pieces come from the origin, or from where this
 * host keeps what it has read there. */
static ddla_status help_oneself(ddla_tiers *tiers, asking *a) {
  a->under_way = false;
  for (ddla_want *want = ddla_tiers_pop(&a->wants); want; want = ddla_tiers_pop(&a->wants)) {
    const ddla_want copy = *want;
    want->next = tiers->free_wants;
    tiers->free_wants = want;
    ddla_board_count(tiers->board, offsetof(ddla_tier_counts, misses), 0, 1);
    DDLA_TRY(ddla_tiers_supply(tiers, &copy.piece, copy.to, copy.ticket));
  }
  return DDLA_OK;
}

static ddla_status take_answer(ddla_tiers *tiers, asking *a) {
  answer_head head;
  const unsigned char *from = a->answer + sizeof head;
  memcpy(&head, a->answer, sizeof head);
  if (head.failed) return help_oneself(tiers, a);
  const int tier = head.tier == DDLA_TIER_ORIGIN ? DDLA_TIER_ORIGIN : DDLA_TIER_PEER;
  a->under_way = false;
  for (ddla_want *want = ddla_tiers_pop(&a->wants); want; want = ddla_tiers_pop(&a->wants)) {
    memcpy(want->to, from, want->piece.bytes);
    from += want->piece.bytes;
    ddla_tiers_fulfil(tiers, want, tier);
  }
  return DDLA_OK;
}

/* Whether a message is over; *lost: the other side has given it up, which is no failure. */
static ddla_status look_at_message(bool *done, bool *lost, ddla_transport *link,
                                   ddla_request *request) {
  const ddla_status status = ddla_transport_test(link, request, done);
  if (status != DDLA_PEER_LOST) return status;
  DDLA_TRY(ddla_transport_check(link));
  *lost = true;
  return DDLA_OK;
}

static ddla_status look_at_asking(ddla_tiers *tiers, peer *p, asking *a, bool *moved) {
  ddla_transport *link = tiers->options.link;
  bool done = false, lost = false;
  if (!a->under_way) return DDLA_OK;
  if (!a->sent) DDLA_TRY(ddla_transport_test(link, &a->question, &a->sent));
  if (a->sent) DDLA_TRY(look_at_message(&done, &lost, link, &a->receive));
  if (lost) {
    *moved = true;
    return help_oneself(tiers, a);
  }
  if (done) {
    *moved = true;
    p->heard_ns = tiers->peers->now_ns;
    return take_answer(tiers, a);
  }
  const int64_t limit_ns = tiers->options.limit_ms * 1000000;
  const int64_t since = p->heard_ns > a->asked_ns ? p->heard_ns : a->asked_ns;
  if (tiers->peers->now_ns - since < limit_ns) return DDLA_OK;
  *moved = true;
  if (!a->sent) ddla_transport_cancel(link, &a->question);
  ddla_transport_cancel(link, &a->receive);
  return help_oneself(tiers, a);
}

/* ---- answering ---- */

static void answer_arrived(ddla_tiers *tiers, ddla_ticket *ticket) {
  answering *a = ticket->owner;
  const answer_head head = {.failed = ticket->failed, .tier = (uint32_t)ticket->tier};
  memcpy(a->answer, &head, sizeof head);
  a->ready = true;
  a->ready_ns = tiers->peers->now_ns;
}

static ddla_status check_question(const ddla_tiers *tiers, const peer *p) {
  const question *q = &p->incoming;
  bool good = q->count >= 1 && q->count <= DDLA_ASK_PIECES;
  for (uint32_t i = 0; good && i < q->count; i++)
    good = ddla_catalog_has(tiers->options.catalog, &q->piece[i]);
  if (good) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "host %d asks for samples that this host's data have not: do all hosts read the "
                   "same set?",
                   p->host);
}

static ddla_status begin_answer(ddla_tiers *tiers, peer *p, answering *a) {
  const question *q = &p->incoming;
  size_t at = sizeof(answer_head);
  a->bytes = at;
  for (uint32_t i = 0; i < q->count; i++) a->bytes += q->piece[i].bytes;
  DDLA_TRY(make_room(&a->answer, &a->room, a->bytes));
  a->under_way = true;
  a->ready = false;
  a->number = q->number;
  a->ticket = (ddla_ticket){.arrived = answer_arrived, .owner = a, .missing = 1, .for_peer = true};
  for (uint32_t i = 0; i < q->count; at += q->piece[i++].bytes) {
    a->ticket.missing++;
    DDLA_TRY(ddla_tiers_supply(tiers, &q->piece[i], a->answer + at, &a->ticket));
  }
  ddla_tiers_arrived(tiers, &a->ticket, 0, DDLA_TIER_MEMORY);
  return DDLA_OK;
}

static answering *find_free(peer *p) {
  for (int i = 0; i < DDLA_ASK_UNDER_WAY; i++)
    if (!p->answering[i].under_way) return &p->answering[i];
  return NULL;
}

/* A question waits where it is while as many as may be under way are. */
static ddla_status listen(ddla_tiers *tiers, peer *p, bool *moved) {
  ddla_transport *link = tiers->options.link;
  bool came = false;
  answering *a = find_free(p);
  if (!a) return DDLA_OK;
  if (p->listens) DDLA_TRY(ddla_transport_test(link, &p->listening, &came));
  if (came) {
    *moved = true;
    p->listens = false;
    p->heard_ns = tiers->peers->now_ns;
    DDLA_TRY(check_question(tiers, p));
    DDLA_TRY(begin_answer(tiers, p, a));
  }
  if (p->listens) return DDLA_OK;
  p->listens = true;
  return ddla_transport_recv(link, &p->listening, p->host, TAG_QUESTION, &p->incoming,
                             sizeof p->incoming);
}

static ddla_status look_at_answer(ddla_tiers *tiers, peer *p, answering *a, bool *moved) {
  ddla_transport *link = tiers->options.link;
  const int64_t waited_ns = tiers->peers->now_ns - a->ready_ns;
  bool done = false;
  if (!a->under_way) return DDLA_OK;
  if (a->ready) {
    a->ready = false;
    a->ticket.number = 1; /* it is being sent */
    *moved = true;
    return ddla_wire_send(tiers->options.wire, &a->send, p->host, TAG_ANSWER | a->number, a->answer,
                          a->bytes);
  }
  if (a->ticket.number == 0) return DDLA_OK;
  DDLA_TRY(ddla_transport_test(link, &a->send, &done));
  if (!done && waited_ns < 2 * tiers->options.limit_ms * 1000000) return DDLA_OK;
  if (!done) ddla_transport_cancel(link, &a->send); /* nobody waits for it any more */
  a->under_way = false;
  *moved = true;
  return DDLA_OK;
}

/* ---- notes ---- */

static bool is_at_work(const peer *p) {
  for (int i = 0; i < DDLA_ASK_UNDER_WAY; i++)
    if (p->answering[i].under_way) return true;
  return false;
}

/* Says now and then that questions are being worked on, and hears others say it. */
static ddla_status note(ddla_tiers *tiers, peer *p) {
  ddla_transport *link = tiers->options.link;
  const int64_t each_ns = tiers->options.limit_ms * 1000000 / NOTES_IN_LIMIT;
  bool done = false;
  if (p->noting) {
    DDLA_TRY(ddla_transport_test(link, &p->note_send, &done));
    p->noting = !done;
  } else if (is_at_work(p) && tiers->peers->now_ns - p->noted_ns > each_ns) {
    p->noted_ns = tiers->peers->now_ns;
    p->noting = true;
    p->note++;
    DDLA_TRY(ddla_transport_send(link, &p->note_send, p->host, TAG_NOTE, &p->note, sizeof p->note));
  }
  done = false;
  if (p->notes) DDLA_TRY(ddla_transport_test(link, &p->note_receive, &done));
  if (done) p->heard_ns = tiers->peers->now_ns;
  if (p->notes && !done) return DDLA_OK;
  p->notes = true;
  return ddla_transport_recv(link, &p->note_receive, p->host, TAG_NOTE, &p->noted, sizeof p->noted);
}

/* ---- all ---- */

static ddla_status talk_to(ddla_tiers *tiers, peer *p, bool *moved) {
  DDLA_TRY(listen(tiers, p, moved));
  for (int i = 0; i < DDLA_ASK_UNDER_WAY; i++) {
    DDLA_TRY(look_at_asking(tiers, p, &p->asking[i], moved));
    DDLA_TRY(look_at_answer(tiers, p, &p->answering[i], moved));
  }
  DDLA_TRY(note(tiers, p));
  return ask_more(tiers, p, moved);
}

ddla_status ddla_tiers_talk(ddla_tiers *tiers, bool *moved) {
  DDLA_TRY(ddla_transport_check(tiers->options.link));
  DDLA_TRY(ddla_transport_progress(tiers->options.link, moved));
  tiers->peers->now_ns = now_ns(tiers);
  for (int h = 0; h < tiers->hosts; h++)
    if (h != tiers->host) DDLA_TRY(talk_to(tiers, &tiers->peers->peer[h], moved));
  ddla_board_set(tiers->board, offsetof(ddla_tier_counts, sent_bytes),
                 ddla_wire_bytes(tiers->options.wire));
  return DDLA_OK;
}

ddla_status ddla_tiers_open_peers(ddla_tiers *tiers) {
  DDLA_TRY(DDLA_NEW(tiers->peers, 1));
  DDLA_TRY(DDLA_NEW(tiers->peers->peer, tiers->hosts));
  for (int h = 0; h < tiers->hosts; h++) tiers->peers->peer[h].host = h;
  return DDLA_OK;
}

static void cancel(ddla_transport *link, peer *p) {
  if (p->listens) ddla_transport_cancel(link, &p->listening);
  if (p->notes) ddla_transport_cancel(link, &p->note_receive);
  if (p->noting) ddla_transport_cancel(link, &p->note_send);
  for (int i = 0; i < DDLA_ASK_UNDER_WAY; i++) {
    if (p->asking[i].under_way && !p->asking[i].sent)
      ddla_transport_cancel(link, &p->asking[i].question);
    if (p->asking[i].under_way) ddla_transport_cancel(link, &p->asking[i].receive);
    if (p->answering[i].under_way && p->answering[i].ticket.number)
      ddla_transport_cancel(link, &p->answering[i].send);
  }
}

static void close_peer(peer *p) {
  for (int i = 0; i < DDLA_ASK_UNDER_WAY; i++) {
    for (ddla_want *want = ddla_tiers_pop(&p->asking[i].wants); want;
         want = ddla_tiers_pop(&p->asking[i].wants))
      ddla_free(want);
    ddla_free(p->asking[i].answer);
    ddla_free(p->answering[i].answer);
  }
  for (ddla_want *want = ddla_tiers_pop(&p->wants); want; want = ddla_tiers_pop(&p->wants))
    ddla_free(want);
}

void ddla_tiers_close_peers(ddla_tiers *tiers) {
  for (int h = 0; tiers->peers && tiers->peers->peer && h < tiers->hosts; h++) {
    cancel(tiers->options.link, &tiers->peers->peer[h]);
    close_peer(&tiers->peers->peer[h]);
  }
  if (tiers->peers) ddla_free(tiers->peers->peer);
  ddla_free(tiers->peers);
}
