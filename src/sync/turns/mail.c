#include "sync/turns/mail.h"

#include <string.h>

#include "base/alloc.h"
#include "sync/bridge/bridge_messages.h"

enum {
  HEADS = 16, /* heads of one sender that are listened for at once, so that they need not wait for
                 each other's way there and back */
  BODIES = 64 /* receives of bytes from one sender; a link has room for as many again and more */
};

/* A letter on its way, in or out. */
typedef struct parcel {
  struct parcel *next;
  ddla_letter letter;
  int peer;
  ddla_request head, body; /* over where its data is null */
  uint64_t number;         /* of its bytes among those of this pair */
  bool waits;              /* its bytes are not received yet: there is no room */
  void *data;
} parcel;

/* Another host. */
typedef struct box {
  ddla_letter letter[HEADS]; /* heads that are listened for, in turn */
  ddla_request head[HEADS];
  uint64_t heads;          /* that have come */
  uint64_t sent, received; /* letters with bytes */
  int bodies;              /* receives under way */
} box;

struct ddla_mail {
  ddla_transport *link;
  ddla_mail_calls calls;
  box *box;               /* [ranks] */
  parcel *out, *in, *own; /* under way; to this host itself, the first one first */
  parcel *spare;
  int64_t bytes;
};

enum {
  SPARE_FIRST = 8,
  COMING_MAX = 64 /* a transport has room for so many receives from a host, and some more */
};

static uint64_t head_tag(void) { return ddla_bridge_tag(0, DDLA_BRIDGE_LETTER, 0, 0); }

static uint64_t body_tag(uint64_t number) {
  return ddla_bridge_tag(number, DDLA_BRIDGE_BODY, 0, 0);
}

static int here(const ddla_mail *mail) { return ddla_transport_rank(mail->link); }

static ddla_status new_parcel(parcel **out, ddla_mail *mail, int peer, const ddla_letter *letter) {
  parcel *p = mail->spare;
  if (p) mail->spare = p->next;
  else DDLA_TRY(DDLA_NEW(p, 1));
  memset(p, 0, sizeof *p);
  p->peer = peer;
  p->letter = *letter;
  *out = p;
  return DDLA_OK;
}

static void spare_parcel(ddla_mail *mail, parcel *p) {
  p->next = mail->spare;
  mail->spare = p;
}

static void append(parcel **list, parcel *p) {
  while (*list) list = &(*list)->next;
  p->next = NULL;
  *list = p;
}

static ddla_status listen(ddla_mail *mail, int peer, int place) {
  box *b = &mail->box[peer];
  return ddla_transport_recv(mail->link, &b->head[place], peer, head_tag(), &b->letter[place],
                             sizeof b->letter[place]);
}

static ddla_status listen_to_all(ddla_mail *mail) {
  for (int h = 0; h < ddla_transport_ranks(mail->link); h++)
    for (int i = 0; h != here(mail) && i < HEADS; i++) DDLA_TRY(listen(mail, h, i));
  return DDLA_OK;
}

ddla_status ddla_mail_create(ddla_mail **out, ddla_transport *link, const ddla_mail_calls *calls) {
  ddla_mail *mail = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(mail, 1));
  mail->link = link;
  mail->calls = *calls;
  DDLA_TRY_CLEAN(status, DDLA_NEW(mail->box, ddla_transport_ranks(link)));
  DDLA_TRY_CLEAN(status, listen_to_all(mail));
  for (int i = 0; i < SPARE_FIRST; i++) {
    parcel *p = NULL;
    DDLA_TRY_CLEAN(status, DDLA_NEW(p, 1));
    spare_parcel(mail, p);
  }
  *out = mail;
  return DDLA_OK;
cleanup:
  ddla_mail_destroy(mail);
  return status;
}

static void drop_request(ddla_mail *mail, ddla_request *request) {
  if (request->data) ddla_transport_cancel(mail->link, request);
  request->data = NULL;
}

static void drop_list(ddla_mail *mail, parcel *list) {
  while (list) {
    parcel *p = list;
    list = p->next;
    drop_request(mail, &p->head);
    drop_request(mail, &p->body);
    ddla_free(p);
  }
}

void ddla_mail_destroy(ddla_mail *mail) {
  if (!mail) return;
  for (int h = 0; mail->box && h < ddla_transport_ranks(mail->link); h++)
    for (int i = 0; i < HEADS; i++) drop_request(mail, &mail->box[h].head[i]);
  drop_list(mail, mail->out);
  drop_list(mail, mail->in);
  drop_list(mail, mail->own);
  drop_list(mail, mail->spare);
  ddla_free(mail->box);
  ddla_free(mail);
}

ddla_status ddla_mail_send(ddla_mail *mail, int to, const ddla_letter *letter, const void *data) {
  parcel *p = NULL;
  DDLA_TRY(new_parcel(&p, mail, to, letter));
  p->data = (void *)(uintptr_t)data; /* only read */
  if (to == here(mail)) {
    append(&mail->own, p);
    return DDLA_OK;
  }
  append(&mail->out, p);
  mail->bytes += (int64_t)(sizeof p->letter + letter->bytes);
  DDLA_TRY(ddla_transport_send(mail->link, &p->head, to, head_tag(), &p->letter, sizeof p->letter));
  if (letter->bytes == 0) return DDLA_OK;
  return ddla_transport_send(mail->link, &p->body, to, body_tag(mail->box[to].sent++), data,
                             (size_t)letter->bytes);
}

/* *over: the request is. */
static ddla_status look(ddla_mail *mail, ddla_request *request, bool *over) {
  bool done = false;
  *over = true;
  if (!request->data) return DDLA_OK;
  DDLA_TRY(ddla_transport_test(mail->link, request, &done));
  if (done) request->data = NULL;
  *over = done;
  return DDLA_OK;
}

static ddla_status look_both(ddla_mail *mail, parcel *p, bool *over) {
  bool head = false, body = false;
  DDLA_TRY(look(mail, &p->head, &head));
  DDLA_TRY(look(mail, &p->body, &body));
  *over = head && body;
  return DDLA_OK;
}

static ddla_status place(ddla_mail *mail, parcel *p) {
  const ddla_status status = mail->calls.place(&p->data, mail->calls.argument, p->peer, &p->letter);
  if (status != DDLA_CORRUPT) return status;
  return ddla_status_prefix(status, "a letter of host %d: ", p->peer);
}

static ddla_status deliver(ddla_mail *mail, const parcel *p) {
  return mail->calls.deliver(mail->calls.argument, p->peer, &p->letter, p->data);
}

/* Lets a letter's bytes in, where there is room. */
static ddla_status receive(ddla_mail *mail, parcel *p) {
  box *b = &mail->box[p->peer];
  if (!p->waits || b->bodies == BODIES) return DDLA_OK;
  DDLA_TRY(place(mail, p));
  DDLA_TRY(ddla_transport_recv(mail->link, &p->body, p->peer, body_tag(p->number), p->data,
                               (size_t)p->letter.bytes));
  p->waits = false;
  b->bodies++;
  return DDLA_OK;
}

/* A head has come, and its place listens for another one. */
static ddla_status open_letter(ddla_mail *mail, int peer, int head) {
  box *b = &mail->box[peer];
  parcel *p = NULL;
  DDLA_TRY(new_parcel(&p, mail, peer, &b->letter[head]));
  append(&mail->in, p);
  b->heads++;
  if (p->letter.bytes > 0) p->waits = true, p->number = b->received++;
  DDLA_TRY(receive(mail, p)); /* first: the sender may be asleep until there is room for them */
  return listen(mail, peer, head);
}

static ddla_status advance_heads(ddla_mail *mail, bool *moved) {
  for (int h = 0; h < ddla_transport_ranks(mail->link); h++) {
    box *b = &mail->box[h];
    bool over = false;
    if (h == here(mail)) continue;
    DDLA_TRY(look(mail, &b->head[b->heads % HEADS], &over));
    if (!over) continue;
    *moved = true;
    DDLA_TRY(open_letter(mail, h, (int)(b->heads % HEADS)));
  }
  return DDLA_OK;
}

static ddla_status advance_in(ddla_mail *mail, bool *moved) {
  for (parcel **at = &mail->in; *at;) {
    parcel *p = *at;
    bool over = false;
    DDLA_TRY(receive(mail, p));
    DDLA_TRY(look(mail, &p->body, &over));
    if (!over || p->waits) {
      at = &p->next;
      continue;
    }
    *moved = true;
    if (p->letter.bytes > 0) mail->box[p->peer].bodies--;
    DDLA_TRY(deliver(mail, p)); /* may send, which leaves this list alone */
    *at = p->next;
    spare_parcel(mail, p);
  }
  return DDLA_OK;
}

static ddla_status advance_out(ddla_mail *mail, bool *moved) {
  for (parcel **at = &mail->out; *at;) {
    parcel *p = *at;
    bool over = false;
    DDLA_TRY(look_both(mail, p, &over));
    if (!over) {
      at = &p->next;
      continue;
    }
    *moved = true;
    *at = p->next;
    if (p->data) mail->calls.sent(mail->calls.argument, p->peer, &p->letter, p->data);
    spare_parcel(mail, p);
  }
  return DDLA_OK;
}

/* A letter to this host itself. */
static ddla_status hand_over(ddla_mail *mail, parcel *p) {
  const void *data = p->data;
  if (data) {
    DDLA_TRY(place(mail, p));
    memcpy(p->data, data, (size_t)p->letter.bytes);
    mail->calls.sent(mail->calls.argument, p->peer, &p->letter, data);
  }
  return deliver(mail, p);
}

static ddla_status advance_own(ddla_mail *mail, bool *moved) {
  int count = 0; /* what they lead to comes the next time */
  for (const parcel *p = mail->own; p; p = p->next) count++;
  for (; count > 0; count--) {
    parcel *p = mail->own;
    mail->own = p->next;
    *moved = true;
    const ddla_status status = hand_over(mail, p);
    spare_parcel(mail, p);
    DDLA_TRY(status);
  }
  return DDLA_OK;
}

ddla_status ddla_mail_advance(ddla_mail *mail, bool *moved) {
  DDLA_TRY(advance_own(mail, moved));
  DDLA_TRY(advance_heads(mail, moved));
  DDLA_TRY(advance_in(mail, moved));
  return advance_out(mail, moved);
}

bool ddla_mail_sending(const ddla_mail *mail) { return mail->out || mail->own; }

int64_t ddla_mail_bytes(const ddla_mail *mail) { return mail->bytes; }
