#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "job/segments.h"

static ddla_job *job_from(const char *text) {
  ddla_job *job = NULL;
  assert_int_equal(ddla_job_load_text(&job, text, strlen(text), "job.yaml"), DDLA_OK);
  return job;
}

static ddla_job_segments segments_of(const ddla_job *job) {
  ddla_job_segments made = {0};
  ddla_status status = ddla_job_segments_of(&made, job);
  if (status != DDLA_OK) print_error("%s\n", ddla_status_message(status));
  assert_int_equal(status, DDLA_OK);
  return made;
}

typedef struct wanted_segment {
  int64_t from;
  const char *mode, *method, *codec;
  int64_t interval, range_bytes;
} wanted_segment;

static void are(const char *text, const wanted_segment *wanted, int count) {
  ddla_job *job = job_from(text);
  ddla_job_segments found = segments_of(job);
  assert_int_equal(found.count, count);
  for (int i = 0; i < count; i++) {
    const ddla_job *of = found.at[i].job;
    assert_int_equal(found.at[i].from, wanted[i].from);
    assert_string_equal(of->sync.mode, wanted[i].mode);
    assert_string_equal(of->sync.method, wanted[i].method);
    assert_string_equal(of->sync.codec, wanted[i].codec);
    assert_int_equal(of->sync.interval, wanted[i].interval);
    assert_int_equal(of->sync.range_bytes, wanted[i].range_bytes);
    assert_int_equal(of->train.batch, 77);
    assert_null(of->sync.schedule);
  }
  ddla_job_segments_fini(&found);
  assert_int_equal(ddla_job_check(job), DDLA_OK);
  ddla_job_destroy(job);
}

static void without_a_schedule_there_is_one(void **state) {
  (void)state;
  const wanted_segment wanted[] = {{0, "synchronous", "sharded", "none", 1, 4096}};
  are("train: {batch: 77}\nsync: {method: sharded, range_bytes: 4096}\n", wanted, 1);
}

/* A mode that comes again is as it was; what another mode cannot use is initial, the rest stays. */
static void entries_change_what_they_name(void **state) {
  (void)state;
  const wanted_segment wanted[] = {{0, "synchronous", "sharded", "none", 1, 4096},
                                   {500, "accumulated", "diloco", "int8", 16, 4096},
                                   {700, "accumulated", "diloco", "int8", 32, 4096},
                                   {2000, "synchronous", "sharded", "none", 1, 4096},
                                   {2100, "synchronous", "allreduce", "none", 1, 0},
                                   {3000, "accumulated", "average", "int8", 32, 4096}};
  are("train: {batch: 77}\n"
      "sync:\n"
      "  method: sharded\n"
      "  range_bytes: 4096\n"
      "  schedule:\n"
      "    - {from: 500, mode: accumulated, method: diloco, interval: 16, codec: int8}\n"
      "    - {from: 700, interval: 32}\n"
      "    - {from: 2000, mode: synchronous}\n"
      "    - {from: 2100, method: allreduce, range_bytes: 0}\n"
      "    - {from: 3000, mode: accumulated, method: average}\n",
      wanted, 6);
}

static void a_first_mode_of_replicas_leaves_nothing(void **state) {
  (void)state;
  const wanted_segment wanted[] = {{0, "accumulated", "diloco", "int8", 16, 9000},
                                   {10, "synchronous", "allreduce", "none", 1, 9000}};
  are("train: {batch: 77}\n"
      "sync: {mode: accumulated, method: diloco, codec: int8, interval: 16, range_bytes: 9000,\n"
      "       schedule: [{from: 10, mode: synchronous}]}\n",
      wanted, 2);
}

/* A correction goes with the codec that it belongs to. */
static void a_correction_ends_with_its_mode(void **state) {
  (void)state;
  static const double wanted[] = {0.75, 0.75, 0, 0.75};
  ddla_job *job = job_from("sync:\n"
                           "  mode: asynchronous\n"
                           "  method: bounded\n"
                           "  codec: topk\n"
                           "  momentum_correction: 0.75\n"
                           "  schedule:\n"
                           "    - {from: 6, topk: 0.05}\n"
                           "    - {from: 7, mode: synchronous}\n"
                           "    - {from: 8, mode: asynchronous}\n");
  ddla_job_segments found = segments_of(job);
  assert_int_equal(found.count, 4);
  for (int i = 0; i < 4; i++) assert_true(found.at[i].job->sync.momentum_correction == wanted[i]);
  ddla_job_segments_fini(&found);
  ddla_job_destroy(job);
}

typedef struct bad {
  const char *schedule, *words;
} bad;

static const bad bads[] = {
    {"{from: 1, interval: 2}", "must be a list of entries"},
    {"[7]", "entry 1 of sync.schedule: job.yaml:1:19: it must hold keys"},
    {"[{mode: accumulated}]", "entry 1 of sync.schedule: job.yaml:1:19: it lacks 'from'"},
    {"[{from: 0}]", "from is '0', but it must be a whole number from 1"},
    {"[{from: 1.5}]", "from is '1.5'"},
    {"[{from: [1]}]", "from is no number"},
    {"[{from: 5}, {from: 5}]",
     "entry 2 of sync.schedule: job.yaml:1:37: from is 5, but the entry before begins with step 5"},
    {"[{from: 5}, {from: 4}]", "from is 4, but the entry before begins with step 5"},
    {"[{from: 5, intervall: 2}]", "unknown key 'intervall'"},
    {"[{from: 5, intervall: 2}]", "did you mean sync.interval?"},
    {"[{from: 5, schedule: []}]", "cannot stand in its own entries"},
    {"[{from: 5, reduction: fast}]", "sync.reduction is one for the whole run"},
    {"[{from: 5, mode: lazy}]", "sync.mode is 'lazy', but it must be one of"},
    {"[{from: 5, interval: 0}]", "sync.interval is '0', but it must be a whole number from 1"},
    {"[{from: 5, interval: 3}]", "entry 1 of sync.schedule: job.yaml:1:29: sync.interval is 3, but "
                                 "agents wait for each other in every step"},
    {"[{from: 5}, {from: 9, mode: accumulated, method: admm, penalty: 0}]",
     "entry 2 of sync.schedule: job.yaml:1:73: sync.penalty is 0"},
};

static void bad_entries_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "sync: {schedule: %s}\n", bads[i].schedule);
    ddla_job *job = job_from(text);
    ddla_status status = ddla_job_check(job);
    assert_int_equal(status, DDLA_INVALID);
    if (!strstr(ddla_status_message(status), bads[i].words))
      fail_msg("%s\n  says '%s'\n  and not '%s'", text, ddla_status_message(status), bads[i].words);
    ddla_job_destroy(job);
  }
}

/* An entry beyond the most is refused, the most is not. */
static void there_may_be_so_many(void **state) {
  (void)state;
  for (int extra = 0; extra < 2; extra++) {
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "sync: {schedule: [");
    for (int i = 1; i < DDLA_JOB_SEGMENTS_MAX + extra; i++)
      used +=
          (size_t)snprintf(text + used, sizeof text - used, "%s{from: %d}", i > 1 ? ", " : "", i);
    snprintf(text + used, sizeof text - used, "]}\n");
    ddla_job *job = job_from(text);
    assert_int_equal(ddla_job_check(job), extra ? DDLA_INVALID : DDLA_OK);
    ddla_job_destroy(job);
  }
}

/* The resolved job reads back with the same list. */
static void a_written_job_has_it(void **state) {
  (void)state;
  ddla_job *job = job_from("sync: {schedule: [{from: 5, mode: accumulated, method: average}]}\n");
  char *text = NULL;
  assert_int_equal(ddla_job_get_text(&text, job, "sync.schedule"), DDLA_OK);
  assert_string_equal(text, "[{from: 5, mode: accumulated, method: average}]");
  ddla_job_free_text(text);
  assert_int_equal(ddla_job_set(job, "sync.schedule=[]"), DDLA_OK);
  assert_null(job->sync.schedule);
  ddla_job_destroy(job);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(without_a_schedule_there_is_one),
                                     cmocka_unit_test(entries_change_what_they_name),
                                     cmocka_unit_test(a_first_mode_of_replicas_leaves_nothing),
                                     cmocka_unit_test(a_correction_ends_with_its_mode),
                                     cmocka_unit_test(bad_entries_are_refused),
                                     cmocka_unit_test(there_may_be_so_many),
                                     cmocka_unit_test(a_written_job_has_it)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
