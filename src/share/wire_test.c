#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "share/wire.h"
#include "transport/sim.h"

enum { TAG = 5 };

typedef struct sending {
  bool private_data;
  int64_t sent;      /* that the sender counts */
  char refused[256]; /* the sender's words */
  bool came;
} sending;

typedef struct until_done {
  ddla_transport *link;
  ddla_request *request;
  ddla_status status;
} until_done;

static ddla_ready is_done(void *argument) {
  until_done *u = argument;
  bool done = false, moved = false;
  u->status = ddla_transport_progress(u->link, &moved);
  if (u->status == DDLA_OK) u->status = ddla_transport_test(u->link, u->request, &done);
  return done || u->status != DDLA_OK ? DDLA_READY_DONE : DDLA_READY_NOTHING;
}

static ddla_status finish(ddla_transport *link, ddla_request *request, int64_t limit_ms) {
  until_done u = {.link = link, .request = request};
  const ddla_waiting waiting = {.ready = is_done, .argument = &u};
  DDLA_TRY(ddla_transport_wait(link, &waiting, limit_ms));
  return u.status;
}

static ddla_status give(ddla_transport *link, sending *s) {
  const char samples[16] = "0123456789abcde";
  ddla_wire *wire = NULL;
  ddla_request request;
  DDLA_TRY(ddla_wire_create(&wire, link, s->private_data));
  ddla_status status = ddla_wire_send(wire, &request, 1, TAG, samples, sizeof samples);
  if (status == DDLA_OK) status = finish(link, &request, -1);
  else snprintf(s->refused, sizeof s->refused, "%s", ddla_status_message(status));
  s->sent = ddla_wire_bytes(wire);
  ddla_wire_destroy(wire);
  return s->private_data ? DDLA_OK : status;
}

static ddla_status take(ddla_transport *link, sending *s) {
  char samples[16] = "";
  ddla_request request;
  DDLA_TRY(ddla_transport_recv(link, &request, 0, TAG, samples, sizeof samples));
  ddla_status status = finish(link, &request, s->private_data ? 50 : -1);
  s->came = strcmp(samples, "0123456789abcde") == 0;
  if (status == DDLA_TIMEOUT) ddla_transport_cancel(link, &request);
  return status == DDLA_TIMEOUT ? DDLA_OK : status;
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  return ddla_transport_rank(link) == 0 ? give(link, argument) : take(link, argument);
}

static sending run(bool private_data) {
  sending s = {.private_data = private_data};
  const ddla_sim_options options = {.ranks = 2, .seed = 1};
  ddla_sim_result result;
  assert_int_equal(ddla_sim_run(&options, &result, rank_main, &s), DDLA_OK);
  for (int r = 0; r < 2; r++) assert_int_equal(result.statuses[r], DDLA_OK);
  return s;
}

static void samples_arrive_and_are_counted(void **state) {
  (void)state;
  const sending s = run(false);
  assert_true(s.came);
  assert_int_equal(s.sent, 16);
}

static void private_samples_stay(void **state) {
  (void)state;
  const sending s = run(true);
  assert_false(s.came);
  assert_int_equal(s.sent, 0);
  assert_non_null(strstr(s.refused, "data.private"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_arrive_and_are_counted),
      cmocka_unit_test(private_samples_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
