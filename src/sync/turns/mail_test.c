/* Letters between hosts: heads of one sender in his order, bytes behind them, to oneself, many at
 * once, dropped at the end; over transport "local" and over the simulator. */
#include "sync/turns/mail.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "sync/turns/test_post.h"
#include "transport/sim.h"

enum { HOSTS = 4, BODIES_MAX = 600, SEEDS = 100 };

/* What a host has got and given. */
typedef struct office {
  ddla_mail *mail; /* where an answer is sent; null: none is */
  int host;
  int64_t opened[HOSTS];    /* `step` of the newest letter of each sender whose head has come */
  int64_t delivered[HOSTS]; /* letters */
  int64_t placed, sent, answered, wrong;
  bool refuses; /* any bytes */
  void *body[BODIES_MAX];
} office;

static unsigned char byte_of(int from, int64_t step, uint64_t at) {
  return (unsigned char)((uint64_t)from * 31 + (uint64_t)step * 7 + at * 13 + at / 251);
}

static void fill(unsigned char *data, uint64_t bytes, int from, int64_t step) {
  for (uint64_t i = 0; i < bytes; i++) data[i] = byte_of(from, step, i);
}

/* Heads have rising steps, from 1 on. */
static void open_head(office *o, int from, const ddla_letter *letter) {
  if (letter->step != o->opened[from] + 1) o->wrong++;
  o->opened[from] = letter->step;
}

static ddla_status place(void **out, void *argument, int from, const ddla_letter *letter) {
  office *o = argument;
  open_head(o, from, letter);
  if (o->refuses) return DDLA_FAIL(CORRUPT, "%d bytes came", (int)letter->bytes);
  if (o->placed == BODIES_MAX) return DDLA_FAIL(INTERNAL, "no room for a body");
  unsigned char *body = NULL;
  DDLA_TRY(DDLA_NEW(body, letter->bytes));
  *out = o->body[o->placed++] = body;
  return DDLA_OK;
}

static ddla_status deliver(void *argument, int from, const ddla_letter *letter, void *data) {
  office *o = argument;
  const unsigned char *body = data;
  o->delivered[from]++;
  if (!data) open_head(o, from, letter);
  if ((data != NULL) != (letter->bytes > 0)) o->wrong++;
  for (uint64_t i = 0; i < letter->bytes; i++)
    if (body[i] != byte_of(from, letter->step, i)) {
      o->wrong++;
      break;
    }
  if (!o->mail || letter->kind != DDLA_LETTER_CLAIM) return DDLA_OK;
  o->answered++;
  return ddla_mail_send(o->mail, from,
                        &(ddla_letter){.kind = DDLA_LETTER_GRANT, .step = o->answered}, NULL);
}

static void sent(void *argument, int to, const ddla_letter *letter, const void *data) {
  office *o = argument;
  (void)to;
  if (!data || letter->bytes == 0) o->wrong++;
  o->sent++;
}

static const ddla_mail_calls calls = {.place = place, .deliver = deliver, .sent = sent};

static void free_bodies(office *o) {
  for (int64_t i = 0; i < o->placed; i++) ddla_free(o->body[i]);
}

typedef struct town {
  post p;
  office office[HOSTS];
} town;

static town *found(void) {
  town *t = calloc(1, sizeof *t);
  assert_non_null(t);
  void *argument[HOSTS];
  for (int h = 0; h < HOSTS; h++) {
    t->office[h].host = h;
    argument[h] = &t->office[h];
  }
  post_open(&t->p, HOSTS, calls, argument);
  return t;
}

static void leave(town *t) {
  post_close(&t->p);
  for (int h = 0; h < HOSTS; h++) {
    assert_int_equal(t->office[h].wrong, 0);
    free_bodies(&t->office[h]);
  }
  free(t);
}

static void send(town *t, int from, int to, int64_t step, uint64_t bytes, unsigned char *data) {
  const ddla_letter letter = {.kind = DDLA_LETTER_NEWS, .step = step, .bytes = bytes};
  if (bytes > 0) fill(data, bytes, from, step);
  assert_int_equal(ddla_mail_send(t->p.mail[from], to, &letter, data), DDLA_OK);
}

static void heads_come_in_order(void **state) {
  (void)state;
  town *t = found();
  for (int step = 1; step <= 100; step++) send(t, 2, 1, step, 0, NULL);
  assert_true(ddla_mail_sending(t->p.mail[2]));
  post_deliver(&t->p);
  assert_false(ddla_mail_sending(t->p.mail[2]));
  assert_int_equal(t->office[1].delivered[2], 100);
  assert_int_equal(ddla_mail_bytes(t->p.mail[2]), 100 * (int64_t)sizeof(ddla_letter));
  assert_int_equal(t->office[2].sent, 0); /* there were no bytes */
  leave(t);
}

static void bytes_come_behind_their_head(void **state) {
  (void)state;
  enum { BYTES = 200001 };
  static unsigned char data[3][BYTES];
  town *t = found();
  send(t, 0, 3, 1, BYTES, data[0]);
  send(t, 0, 3, 2, 0, NULL);
  send(t, 0, 3, 3, 1, data[1]);
  send(t, 0, 3, 4, BYTES, data[2]);
  post_deliver(&t->p);
  assert_int_equal(t->office[3].delivered[0], 4);
  assert_int_equal(t->office[0].sent, 3);
  assert_int_equal(ddla_mail_bytes(t->p.mail[0]), 2 * BYTES + 1 + 4 * (int64_t)sizeof(ddla_letter));
  leave(t);
}

static void letters_to_oneself(void **state) {
  (void)state;
  static unsigned char data[5000];
  town *t = found();
  bool moved = false;
  send(t, 1, 1, 1, 0, NULL);
  send(t, 1, 1, 2, sizeof data, data);
  assert_int_equal(t->office[1].delivered[1], 0); /* not before it is looked */
  assert_int_equal(post_look(&t->p, 1, &moved), DDLA_OK);
  assert_true(moved);
  assert_int_equal(t->office[1].delivered[1], 2);
  assert_int_equal(t->office[1].sent, 1);
  assert_int_equal(ddla_mail_bytes(t->p.mail[1]), 0);
  leave(t);
}

/* A letter that leads to another one to the same host: that comes the next time. */
static void an_answer_comes_the_next_time(void **state) {
  (void)state;
  town *t = found();
  bool moved = false;
  t->office[1].mail = t->p.mail[1];
  const ddla_letter claim = {.kind = DDLA_LETTER_CLAIM, .step = 1};
  assert_int_equal(ddla_mail_send(t->p.mail[1], 1, &claim, NULL), DDLA_OK);
  t->office[1].answered = 1; /* its steps go on */
  assert_int_equal(post_look(&t->p, 1, &moved), DDLA_OK);
  assert_int_equal(t->office[1].delivered[1], 1);
  assert_int_equal(post_look(&t->p, 1, &moved), DDLA_OK);
  assert_int_equal(t->office[1].delivered[1], 2);
  leave(t);
}

static void bytes_that_are_refused_name_their_sender(void **state) {
  (void)state;
  static unsigned char data[77];
  town *t = found();
  ddla_status status = DDLA_OK;
  bool moved = false;
  t->office[1].refuses = true;
  send(t, 2, 1, 1, 0, NULL);
  send(t, 2, 1, 2, sizeof data, data);
  for (int i = 0; i < 1000 && status == DDLA_OK; i++) {
    assert_int_equal(post_look(&t->p, 2, &moved), DDLA_OK);
    status = post_look(&t->p, 1, &moved);
  }
  assert_int_equal(status, DDLA_CORRUPT);
  assert_string_equal(ddla_status_message(status), "a letter of host 2: 77 bytes came");
  leave(t);
}

/* From everybody. */
static void many_at_once(void **state) {
  (void)state;
  enum { LETTERS = 190, BYTES = 20000 };
  town *t = found();
  unsigned char *data = malloc((size_t)HOSTS * LETTERS * BYTES);
  assert_non_null(data);
  for (int from = 1; from < HOSTS; from++)
    for (int i = 0; i < LETTERS; i++)
      send(t, from, 0, i + 1, BYTES, data + ((size_t)from * LETTERS + (size_t)i) * BYTES);
  post_deliver(&t->p);
  for (int from = 1; from < HOSTS; from++) {
    assert_int_equal(t->office[0].delivered[from], LETTERS);
    assert_int_equal(t->office[from].sent, LETTERS);
  }
  leave(t);
  free(data);
}

/* A transport of which heads come as fast as they are listened for, and bodies never. */
typedef struct slow_bodies {
  ddla_transport base;
  int64_t heads, bodies, bodies_most;
} slow_bodies;

static ddla_status slow_recv(ddla_transport *t, ddla_request *request) {
  slow_bodies *slow = (slow_bodies *)t;
  const ddla_letter letter = {.kind = DDLA_LETTER_NEWS, .step = slow->heads + 1, .bytes = 1000};
  request->state = request->bytes == sizeof letter;
  if (request->state) {
    memcpy(request->data, &letter, sizeof letter);
    slow->heads++;
  } else if (++slow->bodies > slow->bodies_most) {
    slow->bodies_most = slow->bodies;
  }
  return DDLA_OK;
}

static ddla_status slow_test(ddla_transport *t, ddla_request *request, bool *done) {
  (void)t;
  *done = request->state;
  return DDLA_OK;
}

static void slow_cancel(ddla_transport *t, ddla_request *request) {
  if (!request->state) ((slow_bodies *)t)->bodies--;
}

/* Transports have room for 128 receives from a rank; not all of them are letters'. */
static void bodies_do_not_pile_up(void **state) {
  (void)state;
  static const ddla_transport_ops ops = {.name = "slow",
                                         .caps = DDLA_TRANSPORT_MESSAGES,
                                         .recv = slow_recv,
                                         .test = slow_test,
                                         .cancel = slow_cancel};
  slow_bodies slow = {.base = {.ops = &ops, .rank = 0, .ranks = 2}};
  office *o = calloc(1, sizeof *o);
  ddla_mail_calls own = calls;
  ddla_mail *mail = NULL;
  own.argument = o;
  assert_non_null(o);
  assert_int_equal(ddla_mail_create(&mail, &slow.base, &own), DDLA_OK);
  for (int i = 0; i < 1000; i++) {
    bool moved = false;
    assert_int_equal(ddla_mail_advance(mail, &moved), DDLA_OK);
  }
  assert_in_range(slow.bodies_most, 32, 100);
  ddla_mail_destroy(mail);
  assert_int_equal(slow.bodies, 0); /* all were taken back */
  free_bodies(o);
  free(o);
}

/* Letters of all stages are under way when a host's mail ends. */
static void what_is_under_way_is_dropped(void **state) {
  (void)state;
  enum { BYTES = 300000 };
  static unsigned char data[4][BYTES];
  town *t = found();
  bool moved = false;
  send(t, 0, 1, 1, BYTES, data[0]);
  send(t, 0, 0, 1, BYTES, data[1]);
  send(t, 1, 0, 1, BYTES, data[2]);
  send(t, 1, 2, 1, BYTES, data[3]);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(post_look(&t->p, 1, &moved), DDLA_OK);
    assert_int_equal(ddla_transport_progress(t->p.link[0], &moved), DDLA_OK);
  }
  leave(t); /* without a leak */
}

/* ---- from seeds ---- */

typedef struct story {
  uint64_t seed;
  int letters;
  office office[HOSTS];
  unsigned char *data[HOSTS];
} story;

typedef struct reading {
  story *s;
  office *o;
  ddla_transport *link;
  ddla_status status;
} reading;

/* Everything has come, and everything has left. */
static bool is_over(const reading *r) {
  int64_t all = 0;
  for (int h = 0; h < HOSTS; h++) all += r->o->delivered[h];
  return all == (int64_t)HOSTS * r->s->letters && !ddla_mail_sending(r->o->mail);
}

static ddla_ready look(void *argument) {
  reading *r = argument;
  bool moved = false;
  r->status = ddla_transport_progress(r->link, &moved);
  if (r->status == DDLA_OK) r->status = ddla_mail_advance(r->o->mail, &moved);
  if (r->status != DDLA_OK || is_over(r)) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

/* So many to each host, some with bytes, some long after the others. */
static ddla_status write_letters(story *s, office *o, ddla_transport *link) {
  enum { BYTES = 500 };
  ddla_rng rng = ddla_rng_make(ddla_rng_key(s->seed, DDLA_PURPOSE_TEST, 51, (uint64_t)o->host));
  unsigned char *data = s->data[o->host];
  for (int i = 0; i < s->letters; i++)
    for (int to = 0; to < HOSTS; to++, data += BYTES) {
      const uint64_t bytes = ddla_rng_below(&rng, 2) ? 1 + ddla_rng_below(&rng, BYTES) : 0;
      const ddla_letter letter = {.kind = DDLA_LETTER_NEWS, .step = i + 1, .bytes = bytes};
      bool moved = false;
      fill(data, bytes, o->host, letter.step);
      DDLA_TRY(ddla_mail_send(o->mail, to, &letter, bytes > 0 ? data : NULL));
      if (ddla_rng_below(&rng, 3) > 0) continue;
      DDLA_TRY(ddla_transport_progress(link, &moved));
      DDLA_TRY(ddla_mail_advance(o->mail, &moved));
    }
  return DDLA_OK;
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  office *o = &s->office[ddla_transport_rank(link)];
  ddla_mail_calls own = calls;
  own.argument = o;
  o->host = ddla_transport_rank(link);
  DDLA_TRY(ddla_mail_create(&o->mail, link, &own));
  ddla_status status = write_letters(s, o, link);
  reading r = {s, o, link, DDLA_OK};
  const ddla_waiting waiting = {.ready = look, .argument = &r};
  if (status == DDLA_OK) status = ddla_transport_wait(link, &waiting, -1);
  if (status == DDLA_OK) status = r.status;
  ddla_mail_destroy(o->mail);
  return status;
}

static void run_seed(uint64_t seed) {
  story *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->seed = seed;
  s->letters = 1 + (int)(seed % 40);
  for (int h = 0; h < HOSTS; h++) {
    s->data[h] = calloc((size_t)s->letters * HOSTS, 500);
    assert_non_null(s->data[h]);
  }
  const ddla_sim_options options = {
      .seed = seed, .ranks = HOSTS, .delay_ns_max = seed % 3 ? 0 : 2000000000};
  ddla_sim_result result;
  assert_int_equal(ddla_sim_run(&options, &result, rank_main, s), DDLA_OK);
  for (int h = 0; h < HOSTS; h++) {
    const office *o = &s->office[h];
    if (result.statuses[h] != DDLA_OK || o->wrong > 0)
      print_error("seed %d, host %d: %s, %d wrong\n", (int)seed, h,
                  ddla_status_name(result.statuses[h]), (int)o->wrong);
    assert_int_equal(result.statuses[h], DDLA_OK);
    assert_int_equal(o->wrong, 0);
    for (int from = 0; from < HOSTS; from++) assert_int_equal(o->delivered[from], s->letters);
  }
  for (int h = 0; h < HOSTS; h++) {
    free_bodies(&s->office[h]);
    free(s->data[h]);
  }
  free(s);
}

static void letters_from_seeds(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(heads_come_in_order),
                                     cmocka_unit_test(bytes_come_behind_their_head),
                                     cmocka_unit_test(letters_to_oneself),
                                     cmocka_unit_test(an_answer_comes_the_next_time),
                                     cmocka_unit_test(bytes_that_are_refused_name_their_sender),
                                     cmocka_unit_test(many_at_once),
                                     cmocka_unit_test(bodies_do_not_pile_up),
                                     cmocka_unit_test(what_is_under_way_is_dropped),
                                     cmocka_unit_test(letters_from_seeds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
