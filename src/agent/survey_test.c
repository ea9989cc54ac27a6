#include "agent/survey.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "transport/local.h"

enum { HOSTS = 5 };

/* A host played by a thread: its clock goes as far ahead as its number says. */
typedef struct player {
  ddla_local_region *region;
  int rank, alone;
  ddla_survey *survey;
  ddla_failure failure;
} player;

static const double ahead_s[HOSTS] = {0, 2.5, -3600, 0.25, 0};

static int64_t read_shifted(void *argument) {
  const double *ahead = argument;
  return ddla_clock_now_ns(ddla_clock_calendar()) + (int64_t)(*ahead * 1e9);
}

static void *play(void *argument) {
  player *p = argument;
  double ahead = ahead_s[p->rank];
  const ddla_clock calendar = {read_shifted, &ahead};
  const ddla_survey_options options = {.calendar = &calendar, .seconds = 0.01, .alone = p->alone};
  const ddla_local_setup setup = {.region = p->region, .rank = p->rank};
  ddla_transport *link = NULL;
  ddla_status status = ddla_transport_open(&link, "local", &setup);
  if (status == DDLA_OK) status = ddla_survey_measure(p->survey, link, &options);
  ddla_status_take(&p->failure, status);
  if (status != DDLA_OK) ddla_local_region_fail(p->region, p->rank, &p->failure);
  ddla_transport_close(link);
  return NULL;
}

/* The survey of rank 0. The caller owns it. */
static ddla_survey *survey_of(int hosts, int alone) {
  player players[HOSTS];
  pthread_t threads[HOSTS];
  ddla_local_region *region = NULL;
  assert_int_equal(ddla_local_region_create(&region, hosts, 1 << 20), DDLA_OK);
  for (int i = 0; i < hosts; i++) {
    players[i] = (player){.region = region, .rank = i, .alone = alone};
    assert_int_equal(DDLA_NEW(players[i].survey, 1), DDLA_OK);
    assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
  }
  for (int i = 0; i < hosts; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < hosts; i++) {
    if (players[i].failure.code != DDLA_OK) fail_msg("rank %d: %s", i, players[i].failure.text);
    if (i > 0) ddla_free(players[i].survey);
  }
  ddla_local_region_destroy(region);
  return players[0].survey;
}

static void expect_all_pairs(const ddla_survey *survey, int hosts) {
  assert_int_equal(survey->hosts, hosts);
  for (int i = 0; i < hosts; i++)
    for (int k = 0; k < hosts; k++) {
      const ddla_survey_link *link = &survey->link[i][k];
      if (i == k) continue;
      if (!(link->latency_s > 1e-8 && link->latency_s < 0.5))
        fail_msg("latency from %d to %d: %g s", i, k, link->latency_s);
      if (!(link->bytes_per_s > 1e6 && link->bytes_per_s < 1e14))
        fail_msg("rate from %d to %d: %g bytes/s", i, k, link->bytes_per_s);
      if (!(link->both_share > 0 && link->both_share <= 1))
        fail_msg("share from %d to %d: %g", i, k, link->both_share);
    }
}

static void expect_clocks(const ddla_survey *survey) {
  for (int i = 1; i < survey->hosts; i++) {
    const ddla_survey_host *host = &survey->host[i];
    assert_true(host->clock_error_s > 0 && host->clock_error_s < 0.5);
    /* No more wrong than it says, but for the resolution of its arithmetic. */
    if (fabs(host->clock_s - ahead_s[i]) > host->clock_error_s + 1e-6)
      fail_msg("host %d: %.9f s ahead, +- %.9f", i, host->clock_s, host->clock_error_s);
  }
}

static void all_pairs_are_measured_one_after_the_other(void **state) {
  (void)state;
  for (int hosts = 1; hosts <= 3; hosts += 2) {
    ddla_survey *survey = survey_of(hosts, HOSTS);
    expect_all_pairs(survey, hosts);
    expect_clocks(survey);
    ddla_free(survey);
  }
}

/* An odd number and an even one: somebody rests in each round, or nobody. */
static void all_pairs_are_measured_in_rounds(void **state) {
  (void)state;
  for (int hosts = 4; hosts <= HOSTS; hosts++) {
    ddla_survey *survey = survey_of(hosts, 0);
    expect_all_pairs(survey, hosts);
    expect_clocks(survey);
    ddla_free(survey);
  }
}

static void a_host_tells_of_itself(void **state) {
  (void)state;
  ddla_survey_host here = {.name = ""}, again = {.name = ""};
  assert_int_equal(ddla_survey_here(&here), DDLA_OK);
  assert_int_equal(ddla_survey_here(&again), DDLA_OK);
  assert_string_equal(here.version, DDLA_VERSION);
  assert_non_null(strstr(here.order, "endian"));
  assert_true(here.processors > 0 && here.memory_bytes > 0 && here.available_bytes > 0);
  assert_int_equal(strlen(here.probe), 32);
  assert_string_equal(here.probe, again.probe);
  assert_true(here.vectors[0] && here.library[0] && here.processor[0]);
}

static void the_time_is_told_before(void **state) {
  (void)state;
  const ddla_survey_options options = {.seconds = 0.3, .alone = 8};
  assert_true(ddla_survey_seconds(1, &options) == 0);
  assert_true(ddla_survey_seconds(8, &options) > ddla_survey_seconds(3, &options));
  assert_true(ddla_survey_seconds(30, &options) < 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_pairs_are_measured_one_after_the_other),
      cmocka_unit_test(all_pairs_are_measured_in_rounds),
      cmocka_unit_test(a_host_tells_of_itself),
      cmocka_unit_test(the_time_is_told_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
