#include "transport/local.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { AGENTS = 3, SECOND_MS = 1000 };

static int64_t now_ms(void) { return ddla_clock_now_ns(ddla_clock_monotonic()) / 1000000; }

static void nap_ms(long ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

/* An agent that trades messages and words for ever; it ends with the failure that ends that. */
static ddla_status trade(ddla_local_region *region, int rank) {
  ddla_local_setup setup = {region, rank};
  ddla_transport *t = NULL;
  void *block = NULL;
  DDLA_TRY(ddla_transport_open(&t, "local", &setup));
  ddla_status status = ddla_transport_alloc(t, &block, 64, DDLA_MEMORY_OWN);
  ddla_word *word = block;
  for (uint64_t round = 1; status == DDLA_OK; round++) {
    ddla_transport_word_publish(t, word, round);
    for (int peer = 0; peer < AGENTS && status == DDLA_OK; peer++)
      status = ddla_transport_word_wait(t, ddla_transport_peer(t, block, peer), round, -1);
  }
  ddla_transport_close(t);
  return status;
}

static pid_t start(ddla_local_region *region, int rank) {
  pid_t child = fork();
  if (child == 0) _exit(trade(region, rank));
  return child;
}

static void a_killed_agent_ends_the_others(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  assert_int_equal(ddla_local_region_create(&region, AGENTS, 1 << 20), DDLA_OK);
  pid_t children[AGENTS];
  for (int i = 0; i < AGENTS; i++) children[i] = start(region, i);
  nap_ms(50);
  int status = 0;
  kill(children[1], SIGKILL);
  assert_int_equal(waitpid(children[1], &status, 0), children[1]);
  int64_t begun_ms = now_ms();
  ddla_local_region_raise(region, 1, WTERMSIG(status));
  for (int i = 0; i < AGENTS; i++) {
    if (i == 1) continue;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DDLA_PEER_LOST);
  }
  assert_true(now_ms() - begun_ms < 2 * SECOND_MS);
  int rank = 0, signal_number = 0;
  assert_true(ddla_local_region_lost(region, &rank, &signal_number));
  assert_int_equal(rank, 1);
  assert_int_equal(signal_number, SIGKILL);
  ddla_local_region_destroy(region);
}

/* A launcher that dies raises nothing: its agents look for themselves. */
static void agents_notice_a_dead_launcher(void **state) {
  (void)state;
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  pid_t launcher = fork();
  if (launcher == 0) {
    ddla_local_region *region = NULL;
    if (ddla_local_region_create(&region, AGENTS, 1 << 20) != DDLA_OK) _exit(1);
    for (int i = 0; i < AGENTS - 1; i++) { /* the last one never comes: the others sleep */
      if (fork() != 0) continue;
      char code = (char)trade(region, i);
      if (write(pipes[1], &code, 1) != 1) _exit(1);
      _exit(0);
    }
    nap_ms(50);
    kill(getpid(), SIGKILL);
  }
  close(pipes[1]);
  waitpid(launcher, NULL, 0);
  int64_t begun_ms = now_ms();
  for (int i = 0; i < AGENTS - 1; i++) {
    char code = 0;
    assert_int_equal(read(pipes[0], &code, 1), 1);
    assert_int_equal(code, DDLA_PEER_LOST);
  }
  assert_true(now_ms() - begun_ms < 2 * SECOND_MS);
  close(pipes[0]);
}

typedef struct sleeper {
  ddla_local_region *region;
  ddla_word *word;
  ddla_failure failure;
  int64_t waited_ms;
} sleeper;

static void *sleep_on_word(void *argument) {
  sleeper *s = argument;
  ddla_local_setup setup = {s->region, 1};
  ddla_transport *t = NULL;
  int64_t begun_ms = now_ms();
  ddla_status status = ddla_transport_open(&t, "local", &setup);
  if (status == DDLA_OK) status = ddla_transport_word_wait(t, s->word, 7, 20 * SECOND_MS);
  s->waited_ms = now_ms() - begun_ms;
  ddla_status_take(&s->failure, status);
  ddla_transport_close(t);
  return NULL;
}

static void one_agents_failure_ends_all(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  ddla_word word = 0;
  assert_int_equal(ddla_local_region_create(&region, 2, 1 << 20), DDLA_OK);
  sleeper s = {.region = region, .word = &word};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, sleep_on_word, &s), 0);
  nap_ms(100);
  ddla_failure failure = {.code = DDLA_DISK_FULL, .text = "no room for the checkpoint"};
  ddla_failure later = {.code = DDLA_IO, .text = "something else"};
  ddla_local_region_fail(region, 0, &failure);
  ddla_local_region_fail(region, 1, &later);
  pthread_join(thread, NULL);
  assert_int_equal(s.failure.code, DDLA_PEER_LOST);
  assert_string_equal(s.failure.text, "agent 0 failed: no room for the checkpoint");
  assert_true(s.waited_ms < 2 * SECOND_MS);
  int rank = -1;
  ddla_failure kept = {0};
  assert_true(ddla_local_region_failed(region, &rank, &kept));
  assert_int_equal(rank, 0);
  assert_int_equal(kept.code, DDLA_DISK_FULL);
  ddla_local_region_destroy(region);
}

static void sleepers_are_woken_at_once(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  ddla_word word = 0;
  assert_int_equal(ddla_local_region_create(&region, 2, 1 << 20), DDLA_OK);
  ddla_local_setup setup = {region, 0};
  ddla_transport *t = NULL;
  assert_int_equal(ddla_transport_open(&t, "local", &setup), DDLA_OK);
  sleeper s = {.region = region, .word = &word};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, sleep_on_word, &s), 0);
  nap_ms(100); /* longer than it looks before it sleeps */
  int64_t begun_ms = now_ms();
  atomic_fetch_add(&word, 7);
  ddla_transport_word_wake(t, &word);
  pthread_join(thread, NULL);
  assert_int_equal(s.failure.code, DDLA_OK);
  assert_true(now_ms() - begun_ms < SECOND_MS);
  ddla_transport_close(t);
  ddla_local_region_destroy(region);
}

/* A region of two, and both of its ends. */
static void open_both(ddla_local_region **region, ddla_transport **t) {
  assert_int_equal(ddla_local_region_create(region, 2, 1 << 20), DDLA_OK);
  for (int i = 0; i < 2; i++) {
    const ddla_local_setup setup = {*region, i};
    assert_int_equal(ddla_transport_open(&t[i], "local", &setup), DDLA_OK);
  }
}

enum { ROUNDS = 200, LONG_BYTES = 100 * 1024 };

/* A message on its way there or back, which is slept for. */
typedef struct way {
  ddla_transport *t;
  ddla_request request;
  ddla_status status;
} way;

static ddla_ready look_for(void *argument) {
  way *w = argument;
  bool moved = false, done = false;
  w->status = ddla_transport_progress(w->t, &moved);
  if (w->status == DDLA_OK) w->status = ddla_transport_test(w->t, &w->request, &done);
  if (w->status != DDLA_OK || done) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

static ddla_status go_way(ddla_transport *t, int peer, unsigned char *bytes, bool sends) {
  way w = {.t = t};
  const ddla_waiting waiting = {.ready = look_for, .argument = &w, .calm = true};
  DDLA_TRY(sends ? ddla_transport_send(t, &w.request, peer, 7, bytes, LONG_BYTES)
                 : ddla_transport_recv(t, &w.request, peer, 7, bytes, LONG_BYTES));
  DDLA_TRY(ddla_transport_wait(t, &waiting, -1));
  return w.status;
}

static void *answer(void *argument) {
  static unsigned char bytes[LONG_BYTES];
  for (int round = 0; round < ROUNDS; round++)
    for (int sends = 0; sends < 2; sends++) {
      if (sends == 0) nap_ms(1); /* the other end is asleep when its receive is posted */
      if (go_way(argument, 0, bytes, sends == 1) != DDLA_OK) return NULL;
    }
  return NULL;
}

/* Messages are longer than what a link holds, so that either end sleeps until the other one has
 * posted, sent, or made room; a wake that is missed costs a slice of 50 ms each time. */
static void a_message_that_is_slept_for_wakes(void **state) {
  (void)state;
  static unsigned char bytes[LONG_BYTES];
  ddla_local_region *region = NULL;
  ddla_transport *t[2] = {NULL};
  pthread_t other;
  open_both(&region, t);
  assert_int_equal(pthread_create(&other, NULL, answer, t[1]), 0);
  const int64_t begun_ms = now_ms();
  for (int round = 0; round < ROUNDS; round++) {
    assert_int_equal(go_way(t[0], 1, bytes, true), DDLA_OK);
    assert_int_equal(go_way(t[0], 1, bytes, false), DDLA_OK);
  }
  assert_true(now_ms() - begun_ms < 5 * SECOND_MS);
  pthread_join(other, NULL);
  for (int i = 0; i < 2; i++) ddla_transport_close(t[i]);
  ddla_local_region_destroy(region);
}

enum { QUEUED = 24, QUEUES = 1000 };

/* Sends of one tag that all wait for a receive. */
static void *send_queue(void *argument) {
  ddla_transport *t = argument;
  ddla_request request[QUEUED];
  int value[QUEUED];
  for (int round = 0; round < QUEUES; round++) {
    bool moved = false, done = false;
    for (int i = 0; i < QUEUED; i++) {
      value[i] = round * QUEUED + i;
      if (ddla_transport_send(t, &request[i], 1, 7, &value[i], sizeof value[i]) != DDLA_OK)
        return NULL;
    }
    for (int i = 0; i < QUEUED; i++)
      for (done = false; !done;)
        if (ddla_transport_progress(t, &moved) != DDLA_OK ||
            ddla_transport_test(t, &request[i], &done) != DDLA_OK)
          return NULL;
  }
  return NULL;
}

/* Receives are posted one after the other, while the sender goes through its sends. */
static void messages_of_a_tag_keep_their_order(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  ddla_transport *t[2] = {NULL};
  pthread_t sender;
  open_both(&region, t);
  assert_int_equal(pthread_create(&sender, NULL, send_queue, t[0]), 0);
  int wrong = 0;
  for (int i = 0; i < QUEUED * QUEUES; i++) {
    ddla_request request;
    int value = -1;
    bool moved = false, done = false;
    assert_int_equal(ddla_transport_recv(t[1], &request, 0, 7, &value, sizeof value), DDLA_OK);
    while (!done) {
      assert_int_equal(ddla_transport_progress(t[1], &moved), DDLA_OK);
      assert_int_equal(ddla_transport_test(t[1], &request, &done), DDLA_OK);
    }
    wrong += value != i;
  }
  pthread_join(sender, NULL);
  assert_int_equal(wrong, 0);
  for (int i = 0; i < 2; i++) ddla_transport_close(t[i]);
  ddla_local_region_destroy(region);
}

static ddla_ready count_looks(void *argument) {
  ++*(int *)argument;
  return DDLA_READY_NOTHING;
}

/* Who is calm leaves the processor to others: a look or two for each slice of sleep, not dozens. */
static void the_calm_sleep_at_once(void **state) {
  (void)state;
  enum { DOZENS = 100, FEW = 60 };
  ddla_local_region *region = NULL;
  assert_int_equal(ddla_local_region_create(&region, 2, 1 << 20), DDLA_OK);
  ddla_local_setup setup = {region, 0};
  ddla_transport *t = NULL;
  assert_int_equal(ddla_transport_open(&t, "local", &setup), DDLA_OK);
  for (int calm = 0; calm <= 1; calm++) {
    int looks = 0;
    const ddla_waiting waiting = {.ready = count_looks, .argument = &looks, .calm = calm == 1};
    assert_int_equal(ddla_transport_wait(t, &waiting, SECOND_MS / 2), DDLA_TIMEOUT);
    assert_in_range(looks, calm ? 2 : DOZENS, calm ? FEW : INT32_MAX);
  }
  ddla_transport_close(t);
  ddla_local_region_destroy(region);
}

static void a_reset_region_is_as_new(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  assert_int_equal(ddla_local_region_create(&region, 2, 1 << 20), DDLA_OK);
  ddla_local_setup setup = {region, 0};
  ddla_transport *old = NULL, *fresh = NULL;
  void *block = NULL, *again = NULL;
  assert_int_equal(ddla_transport_open(&old, "local", &setup), DDLA_OK);
  assert_int_equal(ddla_transport_alloc(old, &block, 4096, DDLA_MEMORY_OWN), DDLA_OK);
  memset(block, 1, 4096);
  ddla_local_region_raise(region, 1, 9);
  ddla_transport *refused = NULL;
  assert_int_equal(ddla_transport_open(&refused, "local", &setup), DDLA_PEER_LOST);
  assert_int_equal(ddla_local_region_reset(region), DDLA_OK);
  assert_int_equal(ddla_transport_check(old), DDLA_PEER_LOST);
  assert_int_equal(ddla_transport_open(&fresh, "local", &setup), DDLA_OK);
  assert_int_equal(ddla_transport_check(fresh), DDLA_OK);
  assert_int_equal(ddla_transport_alloc(fresh, &again, 8192, DDLA_MEMORY_OWN), DDLA_OK);
  assert_ptr_equal(block, again);
  assert_int_equal(*(unsigned char *)again, 0);
  ddla_transport_close(old);
  ddla_transport_close(fresh);
  ddla_local_region_destroy(region);
}

static void too_much_is_refused(void **state) {
  (void)state;
  ddla_local_region *region = NULL;
  assert_int_equal(ddla_local_region_create(&region, 0, 4096), DDLA_INVALID);
  assert_int_equal(ddla_local_region_create(&region, 65, 4096), DDLA_INVALID);
  assert_int_equal(ddla_local_region_create(&region, 2, 8192), DDLA_OK);
  ddla_local_setup setup = {region, 2};
  ddla_transport *t = NULL;
  void *block = NULL;
  assert_int_equal(ddla_transport_open(&t, "local", &setup), DDLA_INVALID);
  setup.rank = 1;
  assert_int_equal(ddla_transport_open(&t, "local", &setup), DDLA_OK);
  assert_int_equal(ddla_transport_alloc(t, &block, 4097, DDLA_MEMORY_OWN), DDLA_NO_MEMORY);
  assert_int_equal(ddla_transport_alloc(t, &block, SIZE_MAX - 10, DDLA_MEMORY_ONE), DDLA_NO_MEMORY);
  assert_int_equal(ddla_transport_alloc(t, &block, 4096, DDLA_MEMORY_OWN), DDLA_OK);
  ddla_transport_close(t);
  ddla_local_region_destroy(region);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_killed_agent_ends_the_others),
      cmocka_unit_test(agents_notice_a_dead_launcher),
      cmocka_unit_test(one_agents_failure_ends_all),
      cmocka_unit_test(sleepers_are_woken_at_once),
      cmocka_unit_test(a_message_that_is_slept_for_wakes),
      cmocka_unit_test(the_calm_sleep_at_once),
      cmocka_unit_test(messages_of_a_tag_keep_their_order),
      cmocka_unit_test(a_reset_region_is_as_new),
      cmocka_unit_test(too_much_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
