/* How long a stream may stand still. */
#include "share/sets/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka asks for these before it */
#include <cmocka.h>

#include "transport/sim.h"

enum { BLOCKS = 40, BLOCK = 64, LATE_MS = 40 * 60 * 1000 }; /* later than half an hour */

typedef struct story {
  int64_t still_ms; /* of the host that sends */
  int64_t late_ms;  /* after which the other one begins to ask */
  int64_t taken;
  ddla_failure failure[2];
} story;

static ddla_stream_block block_at(void *argument, int64_t index) {
  (void)index;
  return (ddla_stream_block){.bytes = BLOCK, .from = *(const int *)argument};
}

static ddla_status fill(void *argument, int64_t index, uint8_t *out, size_t bytes) {
  (void)argument;
  memset(out, (int)index, bytes);
  return DDLA_OK;
}

typedef struct taker {
  int from; /* block_at reads it */
  story *story;
} taker;

static ddla_status take(void *argument, int64_t index, const uint8_t *data, size_t bytes) {
  const taker *t = argument;
  t->story->taken += data[0] == index && data[bytes - 1] == index;
  return DDLA_OK;
}

static ddla_ready never(void *argument) {
  (void)argument;
  return DDLA_READY_NOTHING;
}

static ddla_status receive(ddla_transport *link, ddla_wire *wire, story *s) {
  taker t = {.from = 1, .story = s};
  const ddla_stream_plan plan = {.blocks = BLOCKS,
                                 .block_bytes = BLOCK,
                                 .to = DDLA_STREAM_HERE,
                                 .block = block_at,
                                 .take = take,
                                 .argument = &t,
                                 .threadless = true};
  const ddla_status status = ddla_transport_wait(link, &(ddla_waiting){.ready = never}, s->late_ms);
  return status == DDLA_TIMEOUT ? ddla_stream_run(link, wire, &plan) : status;
}

static ddla_status send(ddla_transport *link, ddla_wire *wire, const story *s) {
  int from = DDLA_STREAM_HERE;
  const ddla_stream_plan plan = {.blocks = BLOCKS,
                                 .block_bytes = BLOCK,
                                 .to = 0,
                                 .block = block_at,
                                 .fill = fill,
                                 .argument = &from,
                                 .threadless = true,
                                 .still_ms = s->still_ms};
  return ddla_stream_run(link, wire, &plan);
}

static ddla_status rank_main(ddla_transport *link, void *argument) {
  story *s = argument;
  const int rank = ddla_transport_rank(link);
  ddla_wire *wire = NULL;
  ddla_status status = ddla_wire_create(&wire, link, false);
  if (status == DDLA_OK) status = rank == 0 ? receive(link, wire, s) : send(link, wire, s);
  ddla_status_take(&s->failure[rank], status);
  ddla_wire_destroy(wire);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&s->failure[rank]);
}

static ddla_sim_result run(story *s) {
  const ddla_sim_options options = {.ranks = 2, .seed = 1};
  ddla_sim_result result;
  assert_int_equal(ddla_sim_run(&options, &result, rank_main, s), DDLA_OK);
  return result;
}

static void who_is_asked_late_waits(void **state) {
  story s = {.still_ms = DDLA_STREAM_PATIENT, .late_ms = LATE_MS};
  (void)state;
  const ddla_sim_result result = run(&s);
  for (int r = 0; r < 2; r++)
    if (result.statuses[r] != DDLA_OK) fail_msg("host %d: %s", r, s.failure[r].text);
  assert_int_equal(s.taken, BLOCKS);
}

static void what_stands_still_is_given_up(void **state) {
  story s = {.late_ms = LATE_MS};
  (void)state;
  const ddla_sim_result result = run(&s);
  assert_int_equal(result.statuses[1], DDLA_TIMEOUT);
  assert_non_null(strstr(s.failure[1].text, "for 1800 s no block of the data has moved"));
  assert_int_equal(s.taken, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_asked_late_waits),
                                     cmocka_unit_test(what_stands_still_is_given_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
