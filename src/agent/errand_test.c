#include "agent/errand.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

enum { SHELLS_MAX = 3 };

static int64_t now_ms(void) { return ddla_clock_now_ns(ddla_clock_monotonic()) / 1000000; }

/* Errands that are scripts for the shell. */
typedef struct shells {
  char *words[SHELLS_MAX][4];
  char script[SHELLS_MAX][256];
  ddla_errand errand[SHELLS_MAX];
} shells;

static shells *make(int count, ...) {
  static shells made;
  static char shell[] = "sh", option[] = "-c";
  memset(&made, 0, sizeof made);
  va_list scripts;
  va_start(scripts, count);
  for (int i = 0; i < count; i++) {
    snprintf(made.script[i], sizeof made.script[i], "%s", va_arg(scripts, const char *));
    char *const words[] = {shell, option, made.script[i], NULL};
    memcpy(made.words[i], words, sizeof words);
    made.errand[i].words = made.words[i];
  }
  va_end(scripts);
  return &made;
}

static void what_errands_say_is_heard(void **state) {
  (void)state;
  shells *s = make(3, "echo one; echo two >&2; exit 5", "printf 'a\\0b'", "kill -9 $$");
  const ddla_errand_options options = {.limit_ms = 20000};
  assert_int_equal(ddla_errand_run(s->errand, 3, &options), DDLA_OK);
  assert_string_equal(s->errand[0].said, "one\ntwo\n");
  assert_int_equal(s->errand[0].exit, 5);
  assert_string_equal(s->errand[1].said, "a?b");
  assert_int_equal(s->errand[1].exit, 0);
  assert_int_equal(s->errand[2].exit, 128 + 9);
  for (int i = 0; i < 3; i++) assert_false(s->errand[i].late);
}

static void much_is_read_and_the_first_kept(void **state) {
  (void)state;
  shells *s = make(1, "echo begin; head -c 300000 /dev/zero | tr '\\0' x");
  const ddla_errand_options options = {.limit_ms = 20000};
  assert_int_equal(ddla_errand_run(s->errand, 1, &options), DDLA_OK);
  assert_int_equal(strlen(s->errand[0].said), DDLA_ERRAND_BYTES - 1);
  assert_memory_equal(s->errand[0].said, "begin\nx", 7);
  assert_int_equal(s->errand[0].exit, 0);
}

static void a_missing_program_says_so(void **state) {
  (void)state;
  static char name[] = "ddla-no-such-program";
  char *const words[] = {name, NULL};
  ddla_errand errand = {.words = words};
  const ddla_errand_options options = {.limit_ms = 20000};
  assert_int_equal(ddla_errand_run(&errand, 1, &options), DDLA_OK);
  assert_int_equal(errand.exit, 127);
  assert_non_null(strstr(errand.said, "No such file"));
}

/* The process that a script names in what it says is there no more. */
static void expect_gone(const char *said) {
  const pid_t process = (pid_t)strtol(said, NULL, 10);
  assert_true(process > 1);
  for (int tries = 0; kill(process, 0) == 0; tries++) {
    char path[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
    FILE *file = fopen(path, "r");
    bool zombie = file && fscanf(file, "%*d %*s %63s", name) == 1 && name[0] == 'Z';
    if (file) fclose(file);
    if (zombie) return;
    assert_true(tries < 100);
    usleep(20000);
  }
}

static void who_is_late_is_ended_with_its_helpers(void **state) {
  (void)state;
  shells *s = make(2, "sleep 60 & echo $!; wait", "trap '' TERM; echo $$; sleep 60; sleep 60");
  const int64_t begun_ms = now_ms();
  const ddla_errand_options options = {.limit_ms = 300};
  assert_int_equal(ddla_errand_run(s->errand, 2, &options), DDLA_OK);
  assert_true(now_ms() - begun_ms >= 300 && now_ms() - begun_ms < 10000);
  for (int i = 0; i < 2; i++) {
    assert_true(s->errand[i].late);
    assert_true(s->errand[i].exit >= 128);
    expect_gone(s->errand[i].said);
  }
}

static bool has_failed(void *argument, const ddla_errand *errand) {
  (void)argument;
  return strstr(errand->said, "all is lost") != NULL;
}

static void who_has_said_enough_is_not_waited_for(void **state) {
  (void)state;
  shells *s = make(2, "echo all is lost; sleep 60", "sleep 0.1; echo well");
  const int64_t begun_ms = now_ms();
  const ddla_errand_options options = {.limit_ms = 50000, .enough = has_failed};
  assert_int_equal(ddla_errand_run(s->errand, 2, &options), DDLA_OK);
  assert_true(now_ms() - begun_ms < 10000);
  assert_true(s->errand[0].late);
  assert_false(s->errand[1].late);
  assert_string_equal(s->errand[1].said, "well\n");
}

static void a_signal_ends_all(void **state) {
  (void)state;
  char script[128];
  snprintf(script, sizeof script, "echo $$; kill -INT %d; sleep 60", (int)getpid());
  shells *s = make(1, script);
  const ddla_errand_options options = {.limit_ms = 50000};
  assert_int_equal(ddla_errand_run(s->errand, 1, &options), DDLA_INTERRUPTED);
  expect_gone(s->errand[0].said);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_errands_say_is_heard),
      cmocka_unit_test(much_is_read_and_the_first_kept),
      cmocka_unit_test(a_missing_program_says_so),
      cmocka_unit_test(who_is_late_is_ended_with_its_helpers),
      cmocka_unit_test(who_has_said_enough_is_not_waited_for),
      cmocka_unit_test(a_signal_ends_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
