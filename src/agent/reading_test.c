#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka asks for these four before it */
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/reading.h"

static void pause_ms(int ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static char *text_of(FILE *file) {
  static char text[4096];
  rewind(file);
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  return text;
}

/* Waits until more than `bytes` stand on the screen; says how many then do. */
static off_t wait_for_words(int screen, off_t bytes) {
  struct stat now = {.st_size = 0};
  for (int tries = 0; tries < 600 && now.st_size <= bytes; tries++) {
    pause_ms(100);
    fstat(screen, &now);
  }
  return now.st_size;
}

typedef struct late {
  const char *path; /* a named pipe */
  int screen;
} late;

/* Opens the pipe and writes a byte when something is said, and another when more is. */
static void *late_writer(void *argument) {
  const late *it = argument;
  off_t said = wait_for_words(it->screen, 0);
  int file = open(it->path, O_WRONLY | O_CLOEXEC);
  if (write(file, "a", 1) != 1) return argument;
  wait_for_words(it->screen, said);
  if (write(file, "b", 1) != 1) return argument;
  close(file);
  return NULL;
}

static void a_pipe_without_a_writer_is_named(void **state) {
  char path[] = "/tmp/ddla-reading-XXXXXX", bytes[2];
  pthread_t writer;
  void *failed = NULL;
  ddla_reading *reading = NULL;
  FILE *screen = tmpfile();
  (void)state;
  int file = mkstemp(path);
  close(file);
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(ddla_reading_start(&reading, "the source", 0.5, screen), DDLA_OK);
  late argument = {path, fileno(screen)};
  assert_int_equal(pthread_create(&writer, NULL, late_writer, &argument), 0);
  file = open(path, O_RDONLY | O_CLOEXEC); /* blocks until there is a writer */
  assert_int_equal(read(file, bytes, 1), 1);
  assert_int_equal(read(file, bytes, 1), 1); /* blocks once more */
  pause_ms(300);
  ddla_reading_stop(reading);
  pthread_join(writer, &failed);
  assert_null(failed);
  close(file);
  unlink(path);
  char *text = text_of(screen), words[128];
  snprintf(words, sizeof words, "ddla: reading %s: nothing has come for ", path);
  char *first = strstr(text, words);
  assert_non_null(first);
  char *on = strstr(first, "goes on after");
  assert_non_null(on);
  assert_non_null(strstr(on, words)); /* the second time it names the file that is read */
  fclose(screen);
}

static void compute(int ms) {
  struct timespec start, now;
  volatile unsigned turns = 0;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (int i = 0; i < 1000; i++) turns++;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

static void who_computes_is_let_alone(void **state) {
  ddla_reading *reading = NULL;
  FILE *screen = tmpfile();
  (void)state;
  assert_int_equal(ddla_reading_start(&reading, "the source", 0.5, screen), DDLA_OK);
  compute(1500);
  ddla_reading_stop(reading);
  assert_string_equal(text_of(screen), "");
  fclose(screen);
}

static void zero_seconds_mean_never(void **state) {
  ddla_reading *reading = NULL;
  (void)state;
  assert_int_equal(ddla_reading_start(&reading, "the source", 0, NULL), DDLA_OK);
  assert_null(reading);
  ddla_reading_stop(reading);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pipe_without_a_writer_is_named),
      cmocka_unit_test(who_computes_is_let_alone),
      cmocka_unit_test(zero_seconds_mean_never),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
