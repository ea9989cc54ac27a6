/* What hosts say to each other has bounds. */
#include "share/sets/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka asks for these before it */
#include <cmocka.h>

#include "base/alloc.h"
#include "transport/sim.h"

enum { SAID = 100 };

typedef struct story {
  bool all; /* told to all; else sent to rank 0 */
  size_t most;
  ddla_failure failure[2];
} story;

static ddla_status listen(ddla_transport *link, const story *s) {
  uint8_t *heard = NULL;
  size_t bytes = 0;
  DDLA_TRY(s->all ? ddla_talk_tell_block(link, &heard, &bytes, s->most)
                  : ddla_talk_recv(link, 1, &heard, &bytes, s->most));
  const bool same = bytes == SAID && heard[0] == 7 && heard[SAID - 1] == 7;
  ddla_free(heard);
  return same ? DDLA_OK : DDLA_FAIL(INTERNAL, "%zu bytes", bytes);
}

static ddla_status speak(ddla_transport *link, const story *s) {
  uint8_t said[SAID], *block = said;
  size_t bytes = SAID;
  memset(said, 7, sizeof said);
  return s->all ? ddla_talk_tell_block(link, &block, &bytes, s->most)
                : ddla_talk_send(link, 0, said, SAID);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  const int rank = ddla_transport_rank(link);
  const bool speaks = (rank == 0) == s->all;
  const ddla_status status = ddla_talk_end(link, speaks ? speak(link, s) : listen(link, s), false);
  ddla_status_take(&s->failure[rank], status);
  return status;
}

static void longer_words_are_refused(void **state) {
  (void)state;
  for (int all = 0; all < 2; all++) {
    ddla_sim_result result;
    story s = {.all = all, .most = SAID};
    const int listener = all;
    const ddla_sim_options options = {.ranks = 2, .seed = 1};
    assert_int_equal(ddla_sim_run(&options, &result, rank_main, &s), DDLA_OK);
    assert_int_equal(result.statuses[0], DDLA_OK);
    assert_int_equal(result.statuses[1], DDLA_OK);
    s.most = SAID - 1;
    /* In a simulator a link cannot be told to fail: the one that speaks waits for ever. */
    assert_int_equal(ddla_sim_run(&options, &result, rank_main, &s), DDLA_INTERNAL);
    assert_int_equal(result.statuses[listener], DDLA_CORRUPT);
    assert_non_null(strstr(s.failure[listener].text, "100 bytes where there can be 99 at most"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(longer_words_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
