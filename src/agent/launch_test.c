#include "agent/launch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { AGENTS = 4, BYTES = 1 << 16 };

static int64_t now_ms(void) { return ddla_clock_now_ns(ddla_clock_monotonic()) / 1000000; }

static void nap_ms(long ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

/* What an agent is to do. */
typedef struct plan {
  int victim;      /* this rank does something else */
  int number;      /* it raises this signal */
  int exit_status; /* or leaves with this status (above 0) */
  bool fails;      /* or fails */
  bool deaf;       /* the others never look whether somebody died */
} plan;

static int open_files(void) {
  int count = 0;
  DIR *directory = opendir("/proc/self/fd");
  assert_non_null(directory);
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

static ddla_status wait_for_ever(ddla_transport *transport) {
  void *memory = NULL;
  DDLA_TRY(ddla_transport_alloc(transport, &memory, 64, DDLA_MEMORY_ONE));
  return ddla_transport_word_wait(transport, memory, 1, -1);
}

static ddla_status misbehave(ddla_transport *transport, void *argument) {
  const plan *p = argument;
  if (ddla_transport_rank(transport) == p->victim) {
    nap_ms(30); /* the others wait by now */
    if (p->fails) return DDLA_FAIL(DISK_FULL, "agent %d has no room", p->victim);
    if (p->exit_status > 0) _exit(p->exit_status);
    signal(p->number, SIG_DFL); /* cmocka catches some */
    raise(p->number);
  }
  while (p->deaf) nap_ms(1000);
  return wait_for_ever(transport);
}

static void where(void *argument, char *text, size_t bytes) {
  (void)argument;
  snprintf(text, bytes, "step %d", 57);
}

/* Launches and checks that nothing is left: no child, no file, and all within two seconds. */
static ddla_status launch(const ddla_launch_options *options, ddla_agent_main main,
                          void *argument) {
  int files = open_files();
  int64_t begun_ms = now_ms();
  ddla_status status = ddla_launch(options, main, argument);
  assert_true(now_ms() - begun_ms < 2000 + 30);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
  assert_int_equal(open_files(), files);
  return status;
}

static const ddla_launch_options processes = {
    .agents = AGENTS, .shared_bytes = BYTES, .where = where};

/* Every agent adds its rank + 1 where all can see it; the last sum is looked at by all. */
static ddla_status count_up(ddla_transport *transport, void *argument) {
  void *memory = NULL;
  (void)argument;
  DDLA_TRY(ddla_transport_alloc(transport, &memory, 64, DDLA_MEMORY_ONE));
  ddla_word *sum = memory;
  uint64_t ranks = (uint64_t)ddla_transport_ranks(transport);
  atomic_fetch_add(sum, (uint64_t)ddla_transport_rank(transport) + 1);
  ddla_transport_word_wake(transport, sum);
  DDLA_TRY(ddla_transport_word_wait(transport, sum, ranks * (ranks + 1) / 2, 5000));
  return DDLA_OK;
}

static void agents_share_memory_and_end(void **state) {
  (void)state;
  for (int agents = 1; agents <= 9; agents++)
    for (int threads = 0; threads < 2; threads++) {
      const ddla_launch_options options = {
          .agents = agents, .shared_bytes = BYTES, .threads = threads};
      assert_int_equal(launch(&options, count_up, NULL), DDLA_OK);
    }
}

static void a_killed_agent_is_named(void **state) {
  (void)state;
  static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGBUS, SIGHUP, SIGFPE};
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    plan p = {.victim = (int)i % AGENTS, .number = signals[i]};
    char words[64];
    assert_int_equal(launch(&processes, misbehave, &p), DDLA_PEER_LOST);
    snprintf(words, sizeof words, "agent %d was killed by signal %d (", p.victim, p.number);
    assert_non_null(strstr(ddla_status_message(DDLA_PEER_LOST), words));
    assert_non_null(strstr(ddla_status_message(DDLA_PEER_LOST), "at step 57"));
  }
}

static void an_agent_that_just_leaves_is_named(void **state) {
  (void)state;
  plan p = {.victim = 2, .exit_status = 3};
  assert_int_equal(launch(&processes, misbehave, &p), DDLA_PEER_LOST);
  const char *text = ddla_status_message(DDLA_PEER_LOST);
  assert_non_null(strstr(text, "agent 2 ended without finishing its work at step 57"));
}

static void agents_that_do_not_look_are_killed(void **state) {
  (void)state;
  plan p = {.victim = 1, .number = SIGKILL, .deaf = true};
  assert_int_equal(launch(&processes, misbehave, &p), DDLA_PEER_LOST);
  assert_non_null(strstr(ddla_status_message(DDLA_PEER_LOST), "agent 1 was killed by signal 9"));
}

static void a_failure_keeps_code_and_words(void **state) {
  (void)state;
  for (int threads = 0; threads < 2; threads++) {
    ddla_launch_options options = processes;
    options.threads = threads;
    plan p = {.victim = 3, .fails = true};
    assert_int_equal(launch(&options, misbehave, &p), DDLA_DISK_FULL);
    assert_string_equal(ddla_status_message(DDLA_DISK_FULL), "agent 3 has no room");
  }
  const ddla_launch_options alone = {.agents = 1};
  plan p = {.victim = 0, .fails = true};
  assert_int_equal(launch(&alone, misbehave, &p), DDLA_DISK_FULL);
  assert_string_equal(ddla_status_message(DDLA_DISK_FULL), "agent 0 has no room");
}

static void too_much_memory_is_refused(void **state) {
  (void)state;
  ddla_launch_options options = processes;
  options.shared_bytes = (size_t)1 << 62;
  assert_int_equal(launch(&options, count_up, NULL), DDLA_NO_MEMORY);
  assert_non_null(strstr(ddla_status_message(DDLA_NO_MEMORY), "4 agents"));
}

static volatile sig_atomic_t asked;

static void on_stop(int number) { asked = number; }

/* Ends well when it is asked to stop, as a training does. A stubborn one does not listen. */
static ddla_status until_asked(ddla_transport *transport, void *argument) {
  struct sigaction action = {.sa_handler = on_stop};
  sigset_t stops;
  (void)transport;
  asked = 0;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigemptyset(&stops);
  sigaddset(&stops, SIGINT);
  sigaddset(&stops, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &stops, NULL);
  const bool *stubborn = argument;
  while (!asked || *stubborn) nap_ms(5);
  return DDLA_OK;
}

/* Takes its time to end after it was asked to. */
static ddla_status slow_to_end(ddla_transport *transport, void *argument) {
  bool at_once = false;
  DDLA_TRY(until_asked(transport, argument ? argument : &at_once));
  nap_ms(300);
  return DDLA_OK;
}

typedef struct sender {
  int first, second, apart_ms;
} sender;

/* Sends the process its signals while the main thread launches; the first one perhaps before the
 * agents are there. */
static void *send_signals(void *argument) {
  const sender *s = argument;
  nap_ms(20);
  kill(getpid(), s->first);
  nap_ms(s->apart_ms);
  if (s->second) kill(getpid(), s->second);
  return NULL;
}

static ddla_status launch_signalled(sender s, bool stubborn, ddla_agent_main work) {
  pthread_t thread;
  void (*old_int)(int) = signal(SIGINT, SIG_IGN), (*old_term)(int) = signal(SIGTERM, SIG_IGN);
  assert_int_equal(pthread_create(&thread, NULL, send_signals, &s), 0);
  ddla_status status = launch(&processes, work, &stubborn);
  pthread_join(thread, NULL);
  signal(SIGINT, old_int);
  signal(SIGTERM, old_term);
  return status;
}

static void signals_are_passed_on(void **state) {
  (void)state;
  assert_int_equal(launch_signalled((sender){SIGINT, 0, 0}, false, until_asked), DDLA_OK);
  assert_int_equal(launch_signalled((sender){SIGTERM, 0, 0}, false, until_asked), DDLA_OK);
}

static void a_second_interrupt_ends_at_once(void **state) {
  (void)state;
  assert_int_equal(launch_signalled((sender){SIGINT, SIGINT, 600}, true, until_asked),
                   DDLA_INTERRUPTED);
  assert_non_null(strstr(ddla_status_message(DDLA_INTERRUPTED), "second Ctrl-C"));
}

/* The terminal sends it to all, and a program above passes it on as well. */
static void an_interrupt_that_comes_twice_is_one(void **state) {
  (void)state;
  assert_int_equal(launch_signalled((sender){SIGINT, SIGINT, 60}, false, slow_to_end), DDLA_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(agents_share_memory_and_end),
                                     cmocka_unit_test(a_killed_agent_is_named),
                                     cmocka_unit_test(an_agent_that_just_leaves_is_named),
                                     cmocka_unit_test(an_interrupt_that_comes_twice_is_one),
                                     cmocka_unit_test(agents_that_do_not_look_are_killed),
                                     cmocka_unit_test(a_failure_keeps_code_and_words),
                                     cmocka_unit_test(too_much_memory_is_refused),
                                     cmocka_unit_test(signals_are_passed_on),
                                     cmocka_unit_test(a_second_interrupt_ends_at_once)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
