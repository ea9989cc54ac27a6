#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/binding.h"

/* A machine of `domains` with `cores` each. Second processors of cores are numbered behind all
 * first ones, as Linux mostly does. */
static ddla_topology machine(int domains, int cores, int processors) {
  ddla_topology t = {.cores = domains * cores, .domains = domains};
  for (int i = 0; i < t.cores * processors; i++) {
    t.there[i] = true;
    t.core[i] = (short)(i % t.cores);
    t.domain[i] = (short)(i % t.cores / cores);
  }
  return t;
}

static cpu_set_t set_of(const char *words) {
  cpu_set_t set;
  CPU_ZERO(&set);
  assert_true(ddla_binding_list(&set, words));
  return set;
}

static const char *text_of(const cpu_set_t *set) {
  static char text[8][64];
  static int next;
  next = (next + 1) % 8;
  return ddla_binding_text(text[next], sizeof text[next], set);
}

enum { SEATS_MAX = 8 };

/* A case with `seats` agents that may all use `allowed`. */
typedef struct scene {
  ddla_topology topology;
  ddla_binding_seat seat[SEATS_MAX];
  ddla_binding_case what;
} scene;

static void set_scene(scene *s, ddla_topology topology, const char *allowed, int seats, int lanes) {
  *s = (scene){.topology = topology};
  for (int i = 0; i < seats; i++) s->seat[i].allowed = set_of(allowed);
  s->what = (ddla_binding_case){
      .how = "auto", .topology = &s->topology, .seat = s->seat, .seats = seats, .lanes = lanes};
}

static ddla_binding *plan(const scene *s) {
  ddla_binding *made = NULL;
  assert_int_equal(ddla_binding_plan(&made, &s->what), DDLA_OK);
  return made;
}

/* wanted: the lanes' processors, one after the other, with blanks between; null: nobody is bound,
 * and `why` is part of the reason. */
static void expect(const scene *s, const char *wanted, const char *why) {
  char found[512] = "";
  size_t used = 0;
  ddla_binding *made = plan(s);
  for (int i = 0; i < made->seats * made->lanes; i++)
    used += (size_t)snprintf(found + used, sizeof found - used, "%s%s", i ? " " : "",
                             text_of(&made->lane[i]));
  assert_int_equal(made->bound, wanted != NULL);
  if (wanted) assert_string_equal(found, wanted);
  if (!strstr(made->words, why)) fail_msg("'%s' does not say '%s'", made->words, why);
  for (int i = 0; !wanted && i < made->seats; i++) {
    assert_true(CPU_EQUAL(&made->lane[i * made->lanes], &s->seat[i].allowed));
    assert_true(CPU_EQUAL(&made->exchange[i], &s->seat[i].allowed));
  }
  ddla_binding_destroy(made);
}

static void lists(void **state) {
  cpu_set_t set;
  char small[24];
  static const char *const bad[] = {"",   ",",   "1,",   "-1",   "3-1",  "a",
                                    "1-", "1 2", "1024", "auto", "1-2-3"};
  (void)state;
  set = set_of("0-3,8");
  assert_int_equal(CPU_COUNT(&set), 5);
  assert_string_equal(text_of(&set), "0-3,8");
  set = set_of("1023");
  assert_string_equal(text_of(&set), "1023");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CPU_ZERO(&set);
    if (ddla_binding_list(&set, bad[i])) fail_msg("'%s' is a list", bad[i]);
  }
  set = set_of("1,3,5,7,9,11,13");
  assert_string_equal(ddla_binding_text(small, sizeof small, &set), "1,3,5,7,9...");
}

static void lanes_that_fill_a_machine_are_bound(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(1, 4, 1), "0-3", 2, 2);
  expect(&s, "0 1 2 3", "4 lanes on processors 0-3");
  set_scene(&s, machine(2, 2, 2), "0-7", 4, 1); /* one for each core, which has two processors */
  expect(&s, "0,4 1,5 2,6 3,7", "4 lanes on processors 0-7");
  set_scene(&s, machine(2, 2, 2), "0-7", 4, 2); /* two for each core */
  expect(&s, "0,4 0,4 1,5 1,5 2,6 2,6 3,7 3,7", "8 lanes");
}

static void lanes_that_leave_room_are_not(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(1, 4, 1), "0-3", 1, 3);
  expect(&s, NULL, "3 lanes do not fill 4 cores");
  set_scene(&s, machine(1, 2, 1), "0-1", 1, 1);
  expect(&s, NULL, "1 lane does not fill 2 cores");
  set_scene(&s, machine(1, 4, 2), "0-7", 3, 1);
  expect(&s, NULL, "do not fill");
  set_scene(&s, machine(1, 2, 1), "0-1", 3, 1); /* too many */
  expect(&s, NULL, "3 lanes on 2 processors");
  s.what.how = "cores";
  expect(&s, NULL, "3 lanes on 2 processors");
  s.what.how = "numa";
  expect(&s, NULL, "3 lanes on 2 processors");
}

static void others_and_quotas_keep_lanes_free(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(1, 2, 1), "0-1", 2, 1);
  s.what.others = 1;
  expect(&s, NULL, "other programs compute");
  s.what.how = "cores";
  expect(&s, "0 1", "2 lanes");
  set_scene(&s, machine(1, 4, 1), "1-2", 2, 1); /* somebody dealt processors out: these are ours */
  s.what.others = 7;
  expect(&s, "1 2", "processors 1-2");
  s.what.quota = 1.5;
  expect(&s, NULL, "the time of 1.50 of 2 processors");
  s.what.quota = 2;
  expect(&s, "1 2", "");
}

static void masks_of_a_launcher_are_kept_to(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(2, 4, 1), "0-1", 2, 2); /* one mask for each agent */
  s.seat[0].allowed = set_of("4-5");
  expect(&s, "4 5 0 1", "4 lanes on processors 0-1,4-5");
  s.seat[0].allowed = set_of("4-6");
  expect(&s, NULL, "2 lanes do not fill 3 cores");
  s.seat[0].allowed = set_of("1-2");
  expect(&s, NULL, "overlap");
  s.what.how = "cores";
  expect(&s, NULL, "overlap");
  set_scene(&s, machine(1, 4, 1), "0", 4, 1); /* mpirun --bind-to core */
  for (int i = 0; i < 4; i++) s.seat[i].allowed = set_of((const char *[]){"3", "2", "1", "0"}[i]);
  expect(&s, "3 2 1 0", "4 lanes on processors 0-3");
  s.what.lanes = 2; /* more lanes than the launcher gave processors */
  expect(&s, NULL, "2 lanes on 1 processor");
}

static void lanes_are_spread_where_cores_are_wanted(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(2, 4, 1), "0-7", 2, 1);
  s.what.how = "cores";
  expect(&s, "0 4", "2 lanes on processors 0,4");
  set_scene(&s, machine(2, 4, 2), "2-15", 2, 3); /* 0 and 1 are not ours, but their siblings are */
  s.what.how = "cores";
  expect(&s, "8 9 2,10 4,12 5,13 6,14", "6 lanes");
  set_scene(&s, machine(2, 4, 1), "0-7", 2, 3);
  s.what.how = "numa";
  expect(&s, "0-3 0-3 0-3 4-7 4-7 4-7", "6 lanes on processors 0-7 by domain");
  set_scene(&s, machine(2, 4, 1), "0-7", 1, 2);
  s.what.how = "none";
  expect(&s, NULL, "not wanted");
}

static void a_list_is_followed(void **state) {
  ddla_binding *none = NULL;
  scene s;
  (void)state;
  set_scene(&s, machine(1, 4, 2), "0-7", 2, 1);
  s.what.how = "4,0"; /* two processors of one core, because it was said so */
  expect(&s, "0 4", "2 lanes on processors 0,4");
  s.what.how = "1-3";
  s.seat[0].exchanges = true;
  expect(&s, "1 2", "exchange on 3");
  s.what.how = "1";
  assert_int_equal(ddla_binding_plan(&none, &s.what), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "names 1 processor, but there are 2"));
  s.what.how = "7-8";
  assert_int_equal(ddla_binding_plan(&none, &s.what), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "processors 0-7 only"));
  s.what.how = "core";
  assert_int_equal(ddla_binding_plan(&none, &s.what), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "auto, none, cores, numa"));
  assert_null(none);
}

static void the_exchange_gets_what_is_spare(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(2, 2, 1), "0-3", 3, 1);
  expect(&s, NULL, "do not fill"); /* nobody exchanges, so a core would be left */
  s.seat[0].exchanges = true;
  expect(&s, "0 1 2", "3 lanes on processors 0-2, exchange on 3");
  set_scene(&s, machine(1, 2, 1), "0-1", 2, 1);
  s.seat[0].exchanges = true;
  ddla_binding *made = plan(&s);
  assert_true(made->bound);
  assert_string_equal(text_of(&made->exchange[0]), "0-1"); /* not on a lane's core alone */
  assert_null(strstr(made->words, "exchange"));
  ddla_binding_destroy(made);
  set_scene(&s, machine(2, 4, 1), "0-7", 2, 2); /* two hosts, which this machine plays */
  s.what.how = "cores";
  s.seat[0].exchanges = s.seat[1].exchanges = true;
  made = plan(&s);
  assert_string_equal(text_of(&made->exchange[0]), "1"); /* near its own lanes: 0 and 2 */
  assert_string_equal(text_of(&made->exchange[1]), "5");
  ddla_binding_destroy(made);
}

static void without_a_topology_nobody_is_bound(void **state) {
  scene s;
  (void)state;
  set_scene(&s, machine(1, 2, 1), "0-1", 2, 1);
  s.what.topology = NULL;
  s.what.why_unknown = "there is no hwloc";
  expect(&s, NULL, "there is no hwloc");
}

static void nearness_is_told(void **state) {
  ddla_topology found = {0};
  (void)state;
  if (ddla_topology_read(&found, NULL) != DDLA_OK) skip();
  assert_true(found.cores >= 1 && found.domains >= 1);
  assert_int_equal(ddla_topology_read(&found, "numa:2 core:3 pu:2"), DDLA_OK);
  assert_int_equal(found.cores, 6);
  assert_int_equal(found.domains, 2);
  for (int i = 0; i < DDLA_PROCESSORS_MAX; i++) {
    assert_int_equal(found.there[i], i < 12);
    if (i >= 12) continue;
    assert_int_equal(found.core[i], i / 2);
    assert_int_equal(found.domain[i], i / 6);
  }
  assert_int_equal(ddla_topology_read(&found, "no machine"), DDLA_UNSUPPORTED);
  assert_int_equal(found.cores, 6); /* as before */
}

static void *look(void *set) {
  sched_getaffinity(0, sizeof(cpu_set_t), set);
  return NULL;
}

static void threads_stay_where_they_are_put(void **state) {
  cpu_set_t before, one, found;
  pthread_t thread;
  (void)state;
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  int p = 0;
  while (!CPU_ISSET((size_t)p, &before)) p++;
  CPU_SET((size_t)p, &one);
  ddla_binding_enter(&one);
  assert_int_equal(pthread_create(&thread, NULL, look, &found), 0);
  pthread_join(thread, NULL);
  assert_true(CPU_EQUAL(&found, &one));
  CPU_ZERO(&one);
  ddla_binding_enter(&one); /* refused: nothing changes */
  look(&found);
  assert_int_equal(CPU_COUNT(&found), 1);
  ddla_binding_enter(&before);
  look(&found);
  assert_true(CPU_EQUAL(&found, &before));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists),
      cmocka_unit_test(lanes_that_fill_a_machine_are_bound),
      cmocka_unit_test(lanes_that_leave_room_are_not),
      cmocka_unit_test(others_and_quotas_keep_lanes_free),
      cmocka_unit_test(masks_of_a_launcher_are_kept_to),
      cmocka_unit_test(lanes_are_spread_where_cores_are_wanted),
      cmocka_unit_test(a_list_is_followed),
      cmocka_unit_test(the_exchange_gets_what_is_spare),
      cmocka_unit_test(without_a_topology_nobody_is_bound),
      cmocka_unit_test(nearness_is_told),
      cmocka_unit_test(threads_stay_where_they_are_put),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
