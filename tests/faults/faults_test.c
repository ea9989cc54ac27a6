/* A short run of the library, in which the n-th allocation, opening, reading, writing, syncing,
 * renaming, mapping, starting of a thread or making of a folder fails, for every n: the run ends
 * well or with a status and words; nothing crashes or hangs, no block of the heap is lost, no
 * unfinished file stays, and what checkpoints are there are whole. Argument: every how many-th n is
 * tried. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ddla/ddla.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "ckpt/checkpoint.h"
#include "faults.h"

enum { TIME_LIMIT_MS = 60000, PATH_BYTES = 512 };

static char root[64]; /* in memory where there is such a place: a thousand runs sync their files */
static char data_path[PATH_BYTES], run_path[PATH_BYTES], words_path[PATH_BYTES];
static int64_t stride = 1;

/* What a child leaves for its parent. */
typedef struct outcome {
  int64_t calls[FAULT_KIND_COUNT];
  int64_t blocks;
  int happened, status;
  char words[512];
} outcome;

static outcome *shared;

static void write_data(void) {
  FILE *file = fopen(data_path, "w");
  assert_non_null(file);
  for (int i = 0; i < 40; i++) fprintf(file, "%d.5,%d,%d,%d\n", i % 7, i % 3, i % 5, i % 2);
  assert_int_equal(fclose(file), 0);
}

static ddla_status set(ddla_job *job, const char *key, const char *value) {
  char assignment[PATH_BYTES + 64];
  snprintf(assignment, sizeof assignment, "%s=%s", key, value);
  return ddla_job_set(job, assignment);
}

static ddla_status short_run(void) {
  static const char *const values[][2] = {{"data.validation_fraction", "0.2"},
                                          {"model.kind", "mlp"},
                                          {"model.hidden", "[8]"},
                                          {"train.batch", "8"},
                                          {"train.shards", "4"},
                                          {"train.epochs", "2"},
                                          {"train.keep_best", "true"},
                                          {"train.clip_norm", "1"},
                                          {"parallel.agents", "2"},
                                          {"parallel.lanes", "1"},
                                          {"train.optimizer", "adamw"}};
  ddla_job *job = NULL;
  ddla_status status = ddla_job_create(&job);
  if (!status) status = set(job, "data.train", data_path);
  for (size_t i = 0; i < sizeof values / sizeof values[0] && !status; i++)
    status = set(job, values[i][0], values[i][1]);
  ddla_train_result result;
  if (!status) status = ddla_train(&result, job, &(ddla_train_options){.directory = run_path});
  ddla_job_destroy(job);
  return status;
}

static _Noreturn void child(fault_kind kind, int64_t n) {
  alarm(TIME_LIMIT_MS / 1000);
  if (!freopen(words_path, "w", stderr)) _exit(99);
  fault_plan(kind, n);
  ddla_status status = short_run();
  shared->status = (int)status;
  shared->happened = fault_happened();
  shared->blocks = fault_blocks();
  snprintf(shared->words, sizeof shared->words, "%s", ddla_status_message(status));
  for (int i = 0; i < FAULT_KIND_COUNT; i++) shared->calls[i] = fault_calls((fault_kind)i);
  _exit(0);
}

static int remove_entry(const char *path, const struct stat *state, int flag, struct FTW *at) {
  (void)state, (void)flag, (void)at;
  return remove(path);
}

static void remove_run(void) { nftw(run_path, remove_entry, 8, FTW_DEPTH | FTW_PHYS); }

static const char *unfinished;

static int find_unfinished(const char *path, const struct stat *state, int flag, struct FTW *at) {
  (void)state, (void)flag, (void)at;
  if (strstr(path, ".tmp")) unfinished = "an unfinished file stays";
  return 0;
}

/* What is wrong with what the run left, or null. */
static const char *look_at_files(int status) {
  char folder[PATH_BYTES + 32], *newest = NULL;
  unfinished = NULL;
  nftw(run_path, find_unfinished, 8, FTW_PHYS);
  if (unfinished) return unfinished;
  snprintf(folder, sizeof folder, "%s/checkpoints", run_path);
  if (ddla_checkpoint_find_newest(&newest, folder) != DDLA_OK) return "no checkpoint is whole";
  if (status == DDLA_OK && !newest) return "a run that ended well left no checkpoint";
  ddla_free(newest);
  snprintf(folder, sizeof folder, "%s/model.safetensors", run_path);
  ddla_safetensors *model = NULL;
  if (access(folder, F_OK) != 0)
    return status == DDLA_OK ? "a run that ended well left no model" : NULL;
  ddla_status opened = ddla_safetensors_open(&model, folder, NULL);
  ddla_safetensors_close(model);
  return opened == DDLA_OK ? NULL : "the model is damaged";
}

static const char *judge(int end) {
  static char text[64];
  if (WIFSIGNALED(end)) {
    snprintf(text, sizeof text, "signal %d", WTERMSIG(end));
    return text;
  }
  if (WEXITSTATUS(end) != 0) return "the process left";
  if (shared->status == DDLA_INTERNAL) return "an internal error";
  if (shared->status != DDLA_OK && !shared->words[0]) return "no words";
  if (shared->blocks != 0) return "blocks of the heap are lost";
  return look_at_files(shared->status);
}

/* What the child said on standard error. */
static void print_words(void) {
  char line[256];
  FILE *words = fopen(words_path, "r");
  for (int i = 0; words && i < 30 && fgets(line, sizeof line, words); i++)
    print_error("  %s", line);
  if (words) fclose(words);
}

/* Runs with the n-th call of a kind failing; false when there are fewer calls. */
static bool try(fault_kind kind, int64_t n, int *wrong) {
  memset(shared, 0, sizeof *shared);
  remove_run();
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) child(kind, n);
  int end = 0;
  assert_int_equal(waitpid(pid, &end, 0), pid);
  const char *why = judge(end);
  if (why) {
    print_error("%s %lld: %s (status %d: %s)\n", fault_names[kind], (long long)n, why,
                shared->status, shared->words);
    print_words();
    ++*wrong;
  }
  return why || shared->happened;
}

static void every_call_may_fail(void **state) {
  (void)state;
  int wrong = 0;
  try(FAULT_allocation, 0, &wrong);
  assert_int_equal(wrong, 0);
  assert_int_equal(shared->status, DDLA_OK);
  outcome plain = *shared;
  for (int kind = 0; kind < FAULT_KIND_COUNT; kind++) {
    int64_t step = plain.calls[kind] < stride ? 1 : stride, tried = 0;
    for (int64_t n = 1; n <= plain.calls[kind] && wrong < 20; n += step, tried++)
      if (!try((fault_kind)kind, n, &wrong)) break;
    print_message("%-10s %5lld calls, %5lld of them failed\n", fault_names[kind],
                  (long long)plain.calls[kind], (long long)tried);
    assert_true(tried > 0);
  }
  remove_run();
  assert_int_equal(wrong, 0);
}

static int make_places(void **state) {
  (void)state;
  const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(root, sizeof root, "%s/ddla-faults-XXXXXX", base);
  if (!mkdtemp(root)) return 1;
  snprintf(data_path, sizeof data_path, "%s/data.csv", root);
  snprintf(run_path, sizeof run_path, "%s/run", root);
  snprintf(words_path, sizeof words_path, "%s/words", root);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  write_data();
  return shared == MAP_FAILED;
}

static int remove_places(void **state) {
  (void)state;
  return nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv) {
  if (argc > 1) stride = strtoll(argv[1], NULL, 10);
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_may_fail)};
  return cmocka_run_group_tests(tests, make_places, remove_places);
}
