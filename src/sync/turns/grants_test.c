/* Who computes what: the order of steps and shards, the window, settled steps in any order, one
 * claim at a time, the end and stops before it. Three hosts in one thread. */
#include "sync/turns/grants.h"

#include "sync/turns/test_post.h"

enum { HOSTS = 3, SHARDS = 6, GRAIN = 2, START = 4 };

typedef struct village {
  post p;
  ddla_cluster cluster[HOSTS];
  ddla_grants *grants[HOSTS];
  double shard_ns[HOSTS]; /* that they claim with */
} village;

/* No letter of grants has bytes. */
static ddla_status place(void **out, void *argument, int from, const ddla_letter *letter) {
  (void)out;
  (void)argument;
  (void)from;
  return DDLA_FAIL(INTERNAL, "bytes of a letter of kind %d", letter->kind);
}

static ddla_status deliver(void *argument, int from, const ddla_letter *letter, void *data) {
  ddla_grants **grants = argument;
  (void)data;
  return ddla_grants_deliver(*grants, from, letter);
}

/* shards: of a step, of which GRAIN to `most` are granted at once. */
static village *found_with(int64_t total_steps, int64_t window, int shards, int most) {
  village *v = calloc(1, sizeof *v);
  assert_non_null(v);
  void *argument[HOSTS];
  for (int h = 0; h < HOSTS; h++) argument[h] = &v->grants[h];
  post_open(&v->p, HOSTS, (ddla_mail_calls){.place = place, .deliver = deliver}, argument);
  for (int h = 0; h < HOSTS; h++) {
    v->cluster[h] = (ddla_cluster){.hosts = HOSTS, .host = h, .first = {0, 1, 2, 3}};
    const ddla_grants_options options = {.mail = v->p.mail[h],
                                         .cluster = &v->cluster[h],
                                         .shards = shards,
                                         .grain = GRAIN,
                                         .most = most,
                                         .start_step = START,
                                         .total_steps = total_steps,
                                         .window = window};
    assert_int_equal(ddla_grants_create(&v->grants[h], &options), DDLA_OK);
  }
  return v;
}

static village *found(int64_t total_steps, int64_t window) {
  return found_with(total_steps, window, SHARDS, GRAIN);
}

static void leave(village *v) {
  post_close(&v->p);
  for (int h = 0; h < HOSTS; h++) ddla_grants_destroy(v->grants[h]);
  free(v);
}

/* Until nobody has anything to say. */
static void talk(village *v) {
  bool moved = true;
  while (moved) {
    post_deliver(&v->p);
    moved = false;
    assert_int_equal(ddla_grants_advance(v->grants[0], &moved), DDLA_OK);
  }
}

static void claim(village *v, int host) {
  assert_int_equal(ddla_grants_claim(v->grants[host], v->shard_ns[host]), DDLA_OK);
  talk(v);
}

/* The host has shards [first, end) of a step, and takes them. */
static void takes_all(village *v, int host, int64_t step, int first, int end) {
  const ddla_grant *grant = ddla_grants_have(v->grants[host]);
  assert_non_null(grant);
  assert_int_equal(grant->step, step);
  assert_int_equal(grant->first, first);
  assert_int_equal(grant->end, end);
  ddla_grants_take(v->grants[host]);
}

static void takes(village *v, int host, int64_t step, int first) {
  takes_all(v, host, step, first, first + GRAIN);
}

static bool has(const village *v, int host) { return ddla_grants_have(v->grants[host]) != NULL; }

static void claim_and_take(village *v, int host, int64_t step, int first) {
  claim(v, host);
  takes(v, host, step, first);
}

static void shards_go_out_in_their_order(void **state) {
  (void)state;
  village *v = found(100, -1);
  claim_and_take(v, 1, 4, 0);
  claim_and_take(v, 1, 4, 2); /* a fast one gets more */
  claim_and_take(v, 0, 4, 4);
  claim_and_take(v, 2, 5, 0);
  claim_and_take(v, 1, 5, 2);
  assert_int_equal(ddla_grants_last(v->grants[2]), 100);
  assert_false(ddla_grants_stopped(v->grants[0]));
  leave(v);
}

static void one_claim_at_a_time(void **state) {
  (void)state;
  village *v = found(100, -1);
  for (int i = 0; i < 3; i++) claim(v, 2);
  takes(v, 2, 4, 0);
  talk(v);
  assert_false(has(v, 2));
  claim(v, 2);
  claim(v, 2); /* granted and not taken */
  takes(v, 2, 4, 2);
  claim_and_take(v, 1, 4, 4);
  leave(v);
}

/* Those who waited longest are answered first. */
static void who_waits_is_answered_in_turn(void **state) {
  (void)state;
  village *v = found(100, 0);
  for (int i = 0; i < 3; i++) claim_and_take(v, i, 4, GRAIN * i);
  claim(v, 2);
  claim(v, 0);
  claim(v, 1);
  for (int h = 0; h < HOSTS; h++) assert_false(has(v, h));
  ddla_grants_settle(v->grants[0], 4);
  talk(v);
  takes(v, 2, 5, 0);
  takes(v, 0, 5, 2);
  takes(v, 1, 5, 4);
  leave(v);
}

static void take_step(village *v, int64_t step) {
  for (int i = 0; i < SHARDS / GRAIN; i++) claim_and_take(v, i, step, GRAIN * i);
}

static void the_window_holds(void **state) {
  (void)state;
  village *v = found(100, 2);
  for (int64_t step = 4; step <= 6; step++) take_step(v, step);
  claim(v, 1);
  assert_false(has(v, 1));
  ddla_grants_settle(v->grants[0], 6); /* not the oldest */
  talk(v);
  assert_false(has(v, 1));
  ddla_grants_settle(v->grants[0], 5);
  talk(v);
  assert_false(has(v, 1));
  ddla_grants_settle(v->grants[0], 4); /* with it the others: steps 7 to 9 are free */
  talk(v);
  takes(v, 1, 7, 0);
  claim_and_take(v, 1, 7, 2);
  claim_and_take(v, 1, 7, 4);
  take_step(v, 8);
  take_step(v, 9);
  claim(v, 0);
  assert_false(has(v, 0));
  ddla_grants_settle(v->grants[0], 7);
  talk(v);
  takes(v, 0, 10, 0);
  leave(v);
}

/* A window as long as the run bounds nothing, and nothing must be settled. */
static void a_window_may_be_too_long_to_matter(void **state) {
  (void)state;
  village *v = found(1000000000, 999999996);
  take_step(v, 4);
  ddla_grants_settle(v->grants[0], 4);
  take_step(v, 5);
  leave(v);
}

static void claim_and_take_all(village *v, int host, int64_t step, int first, int end) {
  claim(v, host);
  takes_all(v, host, step, first, end);
}

/* Nobody's pace is known at first; then who is four times as slow gets a fourth. */
static void a_grant_takes_everybody_as_long(void **state) {
  (void)state;
  village *v = found_with(100, -1, 32, 8);
  claim_and_take_all(v, 0, 4, 0, 2);
  v->shard_ns[0] = 1000;
  v->shard_ns[1] = 1400;
  v->shard_ns[2] = 4100;
  claim_and_take_all(v, 0, 4, 8, 16);
  claim_and_take_all(v, 1, 4, 16, 24);
  claim_and_take_all(v, 2, 4, 2, 4);
  v->shard_ns[0] = 4000; /* others were taken for slow that were not */
  claim_and_take_all(v, 2, 4, 4, 6);
  claim_and_take_all(v, 0, 4, 24, 28);
  leave(v);
}

/* Who wants little takes what is left of what others have taken from, and who wants more than there
 * is takes what there is: a step is granted whole before the next one. */
static void remnants_come_first(void **state) {
  (void)state;
  village *v = found_with(100, -1, 16, 8);
  v->shard_ns[1] = 1000;
  v->shard_ns[2] = 4000;
  v->shard_ns[0] = 2000;
  claim_and_take_all(v, 1, 4, 0, 8);
  claim_and_take_all(v, 2, 4, 8, 10);
  claim_and_take_all(v, 2, 4, 10, 12);
  claim_and_take_all(v, 2, 4, 12, 14);
  claim_and_take_all(v, 1, 4, 14, 16);
  claim_and_take_all(v, 1, 5, 0, 8);
  claim_and_take_all(v, 0, 5, 8, 12);
  leave(v);
}

/* Shards that nobody had begun are not granted when the step is settled without them. */
static void a_settled_step_is_left_behind(void **state) {
  (void)state;
  village *v = found_with(100, 1, 16, 8);
  v->shard_ns[1] = 1000;
  claim_and_take_all(v, 1, 4, 0, 8);
  ddla_grants_settle(v->grants[0], 4);
  claim_and_take_all(v, 1, 5, 0, 8);
  claim_and_take_all(v, 1, 5, 8, 16);
  leave(v);
}

static void the_run_ends(void **state) {
  (void)state;
  village *v = found(6, -1);
  take_step(v, 4);
  take_step(v, 5);
  for (int h = 0; h < HOSTS; h++) claim(v, h);
  for (int h = 0; h < HOSTS; h++) {
    assert_false(has(v, h));
    assert_int_equal(ddla_grants_last(v->grants[h]), 6);
    assert_false(ddla_grants_stopped(v->grants[h]));
  }
  leave(v);
}

static void stop(village *v, int host) {
  assert_int_equal(ddla_grants_stop(v->grants[host]), DDLA_OK);
  talk(v);
}

static void ends_behind(const village *v, int64_t last) {
  for (int h = 0; h < HOSTS; h++) {
    assert_true(ddla_grants_stopped(v->grants[h]));
    assert_int_equal(ddla_grants_last(v->grants[h]), last);
  }
}

static void a_stop_in_the_midst_of_a_step(void **state) {
  (void)state;
  village *v = found(100, -1);
  take_step(v, 4);
  claim_and_take(v, 0, 5, 0);
  stop(v, 2);
  ends_behind(v, 6);
  stop(v, 1); /* the first one counts */
  claim_and_take(v, 1, 5, 2);
  claim_and_take(v, 1, 5, 4);
  claim(v, 1);
  assert_false(has(v, 1));
  ends_behind(v, 6);
  leave(v);
}

/* Whoever waits has something to do still. */
static void a_stop_between_two_steps(void **state) {
  (void)state;
  village *v = found(100, 0);
  take_step(v, 4);
  claim(v, 1);
  stop(v, 0);
  ends_behind(v, 6);
  ddla_grants_settle(v->grants[0], 4);
  talk(v);
  takes(v, 1, 5, 0);
  leave(v);
}

static void a_stop_in_the_last_step(void **state) {
  (void)state;
  village *v = found(6, -1);
  take_step(v, 4);
  claim_and_take(v, 1, 5, 0);
  stop(v, 1);
  ends_behind(v, 6);
  claim_and_take(v, 2, 5, 2);
  claim_and_take(v, 2, 5, 4);
  leave(v);
}

static void a_stop_behind_the_end(void **state) {
  (void)state;
  village *v = found(5, -1);
  take_step(v, 4);
  stop(v, 1);
  ends_behind(v, 5);
  leave(v);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shards_go_out_in_their_order),
                                     cmocka_unit_test(one_claim_at_a_time),
                                     cmocka_unit_test(who_waits_is_answered_in_turn),
                                     cmocka_unit_test(the_window_holds),
                                     cmocka_unit_test(a_window_may_be_too_long_to_matter),
                                     cmocka_unit_test(a_grant_takes_everybody_as_long),
                                     cmocka_unit_test(remnants_come_first),
                                     cmocka_unit_test(a_settled_step_is_left_behind),
                                     cmocka_unit_test(the_run_ends),
                                     cmocka_unit_test(a_stop_in_the_midst_of_a_step),
                                     cmocka_unit_test(a_stop_between_two_steps),
                                     cmocka_unit_test(a_stop_in_the_last_step),
                                     cmocka_unit_test(a_stop_behind_the_end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
