#include "agent/advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/exchange_cost.h"

/* Hosts h0, h1, … that are alike, 100 us and 100 MB/s from each other. */
static ddla_survey *even(int hosts) {
  static ddla_survey survey;
  memset(&survey, 0, sizeof survey);
  survey.hosts = hosts;
  for (int h = 0; h < hosts; h++) {
    survey.host[h] = (ddla_survey_host){.version = "1",
                                        .library = "oneDNN 2",
                                        .order = "little endian",
                                        .vectors = "avx512",
                                        .probe = "abc",
                                        .processors = 8,
                                        .agents = 1,
                                        .memory_bytes = INT64_C(16) << 30,
                                        .available_bytes = INT64_C(8) << 30,
                                        .open_files = 1024};
    snprintf(survey.host[h].name, sizeof survey.host[h].name, "h%d", h);
    for (int k = 0; k < hosts; k++)
      if (k != h) survey.link[h][k] = (ddla_survey_link){100e-6, 100e6, 0, 1};
  }
  return &survey;
}

static ddla_findings found(const ddla_survey *survey) {
  ddla_findings made = {0};
  ddla_findings_add_hosts(&made, survey);
  ddla_findings_add_links(&made, survey);
  return made;
}

/* There is one finding, and its words begin so. */
static void one(const ddla_survey *survey, bool bad, const char *what, const char *advice) {
  ddla_findings all = found(survey);
  if (all.count != 1 || strncmp(all.at[0].what, what, strlen(what)) != 0 ||
      !strstr(all.at[0].advice, advice))
    fail_msg("%d findings, the first: '%s', '%s'; wanted '%s', '%s'", all.count, all.at[0].what,
             all.at[0].advice, what, advice);
  assert_int_equal(all.at[0].bad, bad);
  assert_int_equal(ddla_findings_are_bad(&all), bad);
}

static void set_pair(ddla_survey *survey, int one_host, int other, ddla_survey_link link) {
  survey->link[one_host][other] = survey->link[other][one_host] = link;
}

static void equal_hosts_bring_nothing(void **state) {
  (void)state;
  for (int hosts = 1; hosts <= DDLA_HOSTS_MAX; hosts += 9)
    assert_int_equal(found(even(hosts)).count, 0);
}

static void the_minority_is_named(void **state) {
  (void)state;
  ddla_survey *s = even(4);
  snprintf(s->host[0].vectors, sizeof s->host[0].vectors, "avx2");
  one(s, true, "h0: another instruction set (avx2) than h1 (avx512)", "same one");
  s = even(2);
  snprintf(s->host[1].version, sizeof s->host[1].version, "2");
  one(s, true, "h1: another version of ddla (2) than h0 (1)", "install");
  s = even(9);
  for (int h = 2; h < 8; h += 5) snprintf(s->host[h].probe, sizeof s->host[h].probe, "def");
  one(s, true, "h2 and h7: another result of the probe (def) than h0 (abc)", "bits");
  s = even(3);
  snprintf(s->host[2].order, sizeof s->host[2].order, "big endian");
  one(s, true, "h2: another byte order (big endian)", "leave");
  s = even(20);
  for (int h = 1; h < 8; h++) snprintf(s->host[h].library, sizeof s->host[h].library, "oneDNN 3");
  one(s, true, "h1, h2, h3, h4 and 3 more: another library of kernels (oneDNN 3) than h0",
      "oneDNN");
}

static void every_other_word_is_told(void **state) {
  (void)state;
  ddla_survey *s = even(5);
  snprintf(s->host[1].vectors, sizeof s->host[1].vectors, "avx2");
  snprintf(s->host[3].vectors, sizeof s->host[3].vectors, "plain");
  assert_int_equal(found(s).count, 2);
}

static void uneven_machines_bring_hints(void **state) {
  (void)state;
  ddla_survey *s = even(3);
  s->host[2].processors = 4;
  one(s, false, "processors for an agent differ: 4 to 8", "parallel.lanes: 4");
  s->host[0].agents = s->host[1].agents = 2;
  assert_int_equal(found(s).count, 0);
  s = even(3);
  s->host[1].available_bytes = INT64_C(1) << 30;
  one(s, false, "h1 has 1.0 GiB of memory to give, most hosts have 8.0", "train.micro_batch");
  s = even(3);
  s->host[1].load = 5;
  one(s, false, "other programs compute on h1", "slowest");
  s = even(3);
  s->host[0].open_files = 64;
  one(s, false, "h0: a process may have fewer than 256 files open", "ulimit -n");
  s->host[0].open_files = -1;
  assert_int_equal(found(s).count, 0);
}

static void clocks_may_differ_a_little(void **state) {
  (void)state;
  ddla_survey *s = even(3);
  s->host[1].clock_s = -0.09;
  assert_int_equal(found(s).count, 0);
  s->host[1].clock_s = -0.3;
  one(s, false, "the clock of h1 is 0.300 s behind that of h0", "chrony");
  s->host[1].clock_error_s = 0.25; /* it may as well be right */
  assert_int_equal(found(s).count, 0);
  s->host[2].clock_s = 3600;
  one(s, false, "the clock of h2 is 3600.000 s ahead of that of h0", "chrony");
}

static void a_slow_host_is_told_from_a_slow_pair(void **state) {
  (void)state;
  ddla_survey *s = even(3);
  for (int h = 0; h < 2; h++) set_pair(s, h, 2, (ddla_survey_link){100e-6, 10e6, 0, 1});
  one(s, false, "all links of h2 are slow: 10.0 MB/s at best, most hosts reach 100.0", "ethtool");
  s = even(4);
  set_pair(s, 1, 3, (ddla_survey_link){100e-6, 30e6, 0, 1});
  ddla_findings all = found(s);
  assert_int_equal(all.count, 2); /* both ways */
  assert_string_equal(all.at[0].what,
                      "h1 to h3 is slow: 30.0 MB/s, where both reach 100.0 with others");
  s = even(4);
  s->link[2][0].bytes_per_s = 20e6;
  one(s, false, "h2 to h0 is slow: 20.0 MB/s", "duplex");
  s = even(2); /* nobody can tell whose fault that is */
  set_pair(s, 0, 1, (ddla_survey_link){100e-6, 12e6, 0, 1});
  one(s, false, "the network is slow: most hosts reach 12.0 MB/s", "btl_tcp_if_include");
}

static void a_far_host_is_told_from_a_far_pair(void **state) {
  (void)state;
  ddla_survey *s = even(4);
  for (int h = 1; h < 4; h++) set_pair(s, 0, h, (ddla_survey_link){5e-3, 100e6, 0, 1});
  one(s, false, "h0 is far from all: 5000 us at best, most hosts 100", "room");
  s = even(4);
  set_pair(s, 2, 3, (ddla_survey_link){1e-3, 100e6, 0, 1});
  one(s, false, "h2 and h3 are far from each other: 1000 us", "route");
  s = even(4); /* a few microseconds are no distance */
  for (int h = 0; h < 4; h++)
    for (int k = 0; k < h; k++)
      set_pair(s, h, k, (ddla_survey_link){h + k == 3 ? 9e-6 : 2e-6, 1e9, 0, 1});
  assert_int_equal(found(s).count, 0);
}

static void many_pairs_are_one_finding(void **state) {
  (void)state;
  ddla_survey *s = even(8);
  for (int h = 0; h < 4; h++) /* a switch between two racks */
    for (int k = 4; k < 8; k++) set_pair(s, h, k, (ddla_survey_link){900e-6, 30e6, 0, 1});
  s->link[6][2].bytes_per_s = 20e6;
  s->link[1][5].latency_s = 2e-3;
  ddla_findings all = found(s);
  assert_int_equal(all.count, 2);
  assert_string_equal(all.at[0].what, "32 pairs are slow, most of all h6 to h2: 20.0 MB/s, where "
                                      "both reach 100.0 with others");
  assert_string_equal(all.at[1].what,
                      "16 pairs are far, most of all h1 and h5: 2000 us, their best "
                      "are 100 and 100");
}

static void directions_that_share_are_told_once(void **state) {
  (void)state;
  ddla_survey *s = even(4);
  set_pair(s, 0, 2, (ddla_survey_link){100e-6, 100e6, 0, 0.6});
  set_pair(s, 1, 2, (ddla_survey_link){100e-6, 100e6, 0, 0.51});
  one(s, false, "on 2 pairs both directions share what one has alone: 51 % between h1 and h2",
      "half duplex");
  for (int h = 0; h < 4; h++)
    for (int k = 0; k < h; k++) set_pair(s, h, k, (ddla_survey_link){2e-6, 6e9, 0, 0.5});
  assert_int_equal(found(s).count, 0); /* as fast as memory */
}

static void what_finds_no_place_is_counted(void **state) {
  (void)state;
  ddla_findings all = {0};
  for (int i = 0; i < DDLA_FINDINGS_MAX + 3; i++) ddla_findings_add(&all, false, "", "%d", i);
  assert_int_equal(all.count, DDLA_FINDINGS_MAX);
  assert_int_equal(all.more, 3);
}

/* ---- what an exchange costs ---- */

static ddla_exchange_cost cost(const ddla_survey *survey, int shards, int64_t space,
                               int64_t range_bytes) {
  ddla_cluster cluster = {.hosts = survey->hosts};
  ddla_bridge_layout layout;
  ddla_exchange_cost made = {0};
  for (int h = 0; h < survey->hosts; h++) cluster.first[h + 1] = cluster.first[h] + 1;
  assert_int_equal(ddla_bridge_layout_make(&layout, &cluster, shards, 1, space, range_bytes),
                   DDLA_OK);
  ddla_exchange_cost_of(&made, &layout, survey);
  return made;
}

/* 2 (H - 1) / H of the gradient leave every host, and as much comes. */
static void an_exchange_costs_its_bytes_and_two_ways(void **state) {
  (void)state;
  enum { SPACE = 4 << 20 };
  const double gradient = SPACE * 4.0;
  for (int hosts = 2; hosts <= 16; hosts *= 2) {
    const ddla_exchange_cost made = cost(even(hosts), 16, SPACE, 0);
    const double sent = gradient * 2 * (hosts - 1) / hosts;
    assert_true(made.bytes == (int64_t)(sent * hosts));
    assert_true(made.host_bytes == (int64_t)(2 * sent));
    assert_float_equal(made.seconds, sent / 100e6 + 2 * 100e-6, 1e-9);
  }
  assert_true(cost(even(1), 8, SPACE, 0).seconds == 0);
}

static void the_slowest_host_sets_the_cost(void **state) {
  (void)state;
  ddla_survey *s = even(4);
  const double before = cost(s, 8, 1 << 20, 0).seconds;
  for (int h = 0; h < 4; h++)
    if (h != 2) set_pair(s, h, 2, (ddla_survey_link){100e-6, 10e6, 0, 1});
  const ddla_exchange_cost made = cost(s, 8, 1 << 20, 0);
  assert_int_equal(made.slowest, 2);
  assert_float_equal(made.seconds - 200e-6, 10 * (before - 200e-6), 1e-6);
  for (int h = 0; h < 4; h++) s->link[h][2].bytes_per_s = 100e6; /* one way is enough */
  assert_float_equal(cost(s, 8, 1 << 20, 0).seconds, made.seconds, 1e-9);
}

/* A step sends and receives at once. */
static void half_duplex_costs_twice(void **state) {
  (void)state;
  ddla_survey *s = even(4);
  const double before = cost(s, 8, 1 << 20, 0).seconds;
  for (int h = 0; h < 4; h++)
    for (int k = 0; k < 4; k++) s->link[h][k].both_share = 0.5;
  assert_float_equal(cost(s, 8, 1 << 20, 0).seconds - 200e-6, 2 * (before - 200e-6), 1e-6);
}

/* Where shards do not fit hosts, hosts send several parts of a sum. */
static void more_parts_cost_more(void **state) {
  (void)state;
  assert_true(cost(even(3), 8, 3 << 18, 0).bytes > cost(even(3), 3, 3 << 18, 0).bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_hosts_bring_nothing),
      cmocka_unit_test(the_minority_is_named),
      cmocka_unit_test(every_other_word_is_told),
      cmocka_unit_test(uneven_machines_bring_hints),
      cmocka_unit_test(clocks_may_differ_a_little),
      cmocka_unit_test(a_slow_host_is_told_from_a_slow_pair),
      cmocka_unit_test(a_far_host_is_told_from_a_far_pair),
      cmocka_unit_test(many_pairs_are_one_finding),
      cmocka_unit_test(directions_that_share_are_told_once),
      cmocka_unit_test(what_finds_no_place_is_counted),
      cmocka_unit_test(an_exchange_costs_its_bytes_and_two_ways),
      cmocka_unit_test(the_slowest_host_sets_the_cost),
      cmocka_unit_test(half_duplex_costs_twice),
      cmocka_unit_test(more_parts_cost_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
