#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ddla/job.h>

#include "base/alloc.h"
#include "job/option.h"
#include "job/yaml.h"

static ddla_job *job_from(const char *text) {
  ddla_job *job = NULL;
  ddla_status status = ddla_job_load_text(&job, text, strlen(text), "job.yaml");
  if (status != DDLA_OK) print_error("%s\n", ddla_status_message(status));
  assert_int_equal(status, DDLA_OK);
  return job;
}

static char *written(const ddla_job *job) {
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  assert_non_null(file);
  assert_int_equal(ddla_job_write(job, file), DDLA_OK);
  fclose(file);
  return text;
}

static void has_initial_values(void **state) {
  (void)state;
  ddla_job *job = NULL;
  assert_int_equal(ddla_job_create(&job), DDLA_OK);
  assert_string_equal(job->task.kind, "image-classification");
  assert_string_equal(job->data.train, "/usr/share/datasets/fashion-mnist");
  assert_string_equal(job->data.test, "");
  assert_int_equal(job->train.batch, 128);
  assert_int_equal(job->train.shards, 8);
  assert_int_equal(job->model.hidden.count, 2);
  assert_int_equal(job->model.hidden.at[0], 256);
  assert_null(job->model.layers);
  assert_true(job->data.standardize);
  assert_true(job->train.epsilon == 1e-8);
  assert_int_equal(ddla_job_check(job), DDLA_OK);
  assert_false(ddla_job_is_given(job, "train.batch"));
  ddla_job_destroy(job);
}

static const char sample[] = "# a comment\n"
                             "task: {kind: image-classification}\n"
                             "data:\n"
                             "  train: \"my data/t\\\"rain\"\n"
                             "  mean: [0.1, 0.2e-3]\n"
                             "  std: [1, 2.5]\n"
                             "  size: [32, 28]\n"
                             "model:\n"
                             "  kind: layers\n"
                             "  layers:\n"
                             "    - {conv2d: {channels: 32, kernel: [3, 5]}}\n"
                             "    - relu\n"
                             "    - linear:\n"
                             "        units: 10\n"
                             "        note: \"10\"\n"
                             "        why: ~\n"
                             "train:\n"
                             "  batch: 64\n"
                             "  learning_rate: .1\n"
                             "  nesterov: true\n"
                             "share:\n"
                             "output: {progress: lines}\n";

static void reads_every_type(void **state) {
  (void)state;
  ddla_job *job = job_from(sample);
  assert_string_equal(job->data.train, "my data/t\"rain");
  assert_int_equal(job->data.mean.count, 2);
  assert_true(job->data.mean.at[1] == 0.2e-3);
  assert_int_equal(job->data.size.at[1], 28);
  assert_int_equal(job->train.batch, 64);
  assert_true(job->train.learning_rate == 0.1);
  assert_true(job->train.nesterov);
  assert_string_equal(job->output.progress, "lines");
  assert_true(ddla_job_is_given(job, "train.batch"));
  const ddla_yaml *layer = job->model.layers->first;
  assert_int_equal(job->model.layers->count, 3);
  int64_t channels = 0;
  assert_true(
      ddla_yaml_to_int(&channels, ddla_yaml_find(ddla_yaml_find(layer, "conv2d"), "channels")));
  assert_int_equal(channels, 32);
  assert_int_equal(layer->line, 11);
  assert_int_equal(layer->column, 7);
  assert_string_equal(layer->next->text, "relu");
  assert_int_equal(ddla_job_check(job), DDLA_OK);
  ddla_job_destroy(job);
}

static void writes_what_it_reads(void **state) {
  (void)state;
  ddla_job *job = job_from(sample);
  char *once = written(job);
  ddla_job *again = job_from(once);
  char *twice = written(again);
  assert_string_equal(once, twice);
  assert_true(ddla_yaml_equal(job->model.layers, again->model.layers));
  for (int i = 0; i < ddla_option_count(); i++) {
    char *a = NULL, *b = NULL;
    assert_int_equal(ddla_job_get_text(&a, job, ddla_option_at(i)->key), DDLA_OK);
    assert_int_equal(ddla_job_get_text(&b, again, ddla_option_at(i)->key), DDLA_OK);
    assert_string_equal(a, b);
    ddla_job_free_text(a);
    ddla_job_free_text(b);
  }
  free(once);
  free(twice);
  ddla_job_destroy(job);
  ddla_job_destroy(again);
}

static void writes_the_same_in_any_locale(void **state) {
  (void)state;
  ddla_job *job = job_from("train: {learning_rate: 0.25}\n");
  char *plain = written(job);
  const char *with_comma = setlocale(LC_ALL, "de_DE.UTF-8");
  if (!with_comma) with_comma = setlocale(LC_ALL, "fr_FR.UTF-8");
  ddla_job *other = job_from("train: {learning_rate: 0.25}\n");
  char *local = written(other);
  setlocale(LC_ALL, "C");
  assert_true(other->train.learning_rate == 0.25);
  assert_string_equal(plain, local);
  free(plain);
  free(local);
  ddla_job_destroy(job);
  ddla_job_destroy(other);
}

static void is_set_from_words(void **state) {
  (void)state;
  ddla_job *job = job_from("train: {batch: 64}\n");
  assert_int_equal(ddla_job_set(job, "train.batch=256"), DDLA_OK);
  assert_int_equal(ddla_job_set(job, "model.hidden=[7]"), DDLA_OK);
  assert_int_equal(ddla_job_set(job, "data.test="), DDLA_OK);
  assert_int_equal(ddla_job_set(job, "data.train=a=b"), DDLA_OK);
  assert_int_equal(ddla_job_set(job, "model.layers=[relu, {linear: {units: 3}}]"), DDLA_OK);
  assert_int_equal(job->train.batch, 256);
  assert_int_equal(job->model.hidden.count, 1);
  assert_string_equal(job->data.train, "a=b");
  assert_int_equal(job->model.layers->count, 2);
  assert_int_equal(ddla_job_set(job, "model.layers=[]"), DDLA_OK);
  assert_null(job->model.layers);
  assert_int_equal(ddla_job_set(job, "train.batch=0"), DDLA_INVALID);
  assert_int_equal(ddla_job_set(job, "model.hidden=[1, x]"), DDLA_INVALID);
  assert_int_equal(job->train.batch, 256);
  assert_int_equal(job->model.hidden.at[0], 7);
  ddla_job_destroy(job);
}

/* Keys of data that are shared, and of those that must not be. */
static void sharing_goes_together(void **state) {
  (void)state;
  static const struct {
    const char *text, *words; /* null: it is well */
  } rows[] = {
      {"share: {mode: broadcast, directory: /tier}\n", NULL},
      {"share: {mode: gather, directory: /tier}\ndata: {train: part}\n", NULL},
      {"data: {private: true}\n", NULL},
      {"share: {mode: broadcast}\n", "share.directory is empty"},
      {"share: {mode: gather, directory: a}\nparallel: {agents: 2, hosts: 2}\n", "parallel.hosts"},
      {"share: {mode: gather, directory: a}\ndata: {private: true}\n", "data.private is true"},
      {"share: {mode: exchange}\ndata: {private: true}\n", "data.private is true"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ddla_job *job = job_from(rows[i].text);
    const ddla_status status = ddla_job_check(job);
    assert_int_equal(status, rows[i].words ? DDLA_INVALID : DDLA_OK);
    if (rows[i].words) assert_non_null(strstr(ddla_status_message(status), rows[i].words));
    ddla_job_destroy(job);
  }
}

static void chooses_a_name(void **state) {
  (void)state;
  static const char *const names[] = {"sgd", "adamw"};
  ddla_job *job = job_from("train:\n  optimizer: adamw\n");
  int index = -1;
  assert_int_equal(ddla_job_choose(&index, job, "train.optimizer", names, 2), DDLA_OK);
  assert_int_equal(index, 1);
  assert_int_equal(ddla_job_set(job, "train.optimizer=adam"), DDLA_OK);
  assert_int_equal(ddla_job_choose(&index, job, "train.optimizer", names, 2), DDLA_INVALID);
  assert_string_equal(ddla_status_message(DDLA_INVALID),
                      "--set: train.optimizer is 'adam', but it must be one of: sgd adamw; "
                      "did you mean adamw?");
  ddla_job_destroy(job);
}

static void every_row_is_complete(void **state) {
  (void)state;
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    assert_ptr_equal(ddla_option_find(option->key), option);
    assert_ptr_equal(ddla_option_find_field(option->section, option->field), option);
    assert_true(strlen(option->help) > 10);
    bool ranged = option->type == DDLA_OPTION_INT || option->type == DDLA_OPTION_REAL ||
                  option->type == DDLA_OPTION_SIZES || option->type == DDLA_OPTION_REALS;
    assert_true(ranged ? option->low < option->high : option->low == 0 && option->high == 0);
    if (option->type == DDLA_OPTION_CHOICE) assert_non_null(strstr(option->words, option->initial));
  }
  int same = 0;
  while (ddla_job_resume_key(same)) same++;
  assert_true(same > 20 && same < ddla_option_count());
}

static void help_names_every_key(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  ddla_job_print_help(file);
  fclose(file);
  for (int i = 0; i < ddla_option_count(); i++) {
    assert_non_null(strstr(text, ddla_option_at(i)->help));
    assert_non_null(strstr(text, ddla_option_allowed(ddla_option_at(i)).text));
  }
  free(text);
}

typedef struct counter {
  int left, live;
} counter;

static void *count_allocate(size_t bytes, void *argument) {
  counter *c = argument;
  if (c->left-- <= 0) return NULL;
  c->live++;
  return aligned_alloc(64, bytes);
}

static void count_release(void *block, void *argument) {
  ((counter *)argument)->live--;
  free(block);
}

static void leaks_nothing_without_memory(void **state) {
  (void)state;
  ddla_status status = DDLA_NO_MEMORY;
  for (int n = 0; status != DDLA_OK; n++) {
    counter c = {.left = n};
    ddla_allocator counting = {count_allocate, count_release, &c};
    ddla_alloc_replace(&counting);
    ddla_job *job = NULL;
    status = ddla_job_load_text(&job, sample, sizeof sample - 1, "job.yaml");
    ddla_job_destroy(job);
    ddla_alloc_replace(NULL);
    assert_int_equal(c.live, 0);
    assert_true(status == DDLA_OK || status == DDLA_NO_MEMORY);
    assert_true(n < 2000);
  }
}

/* "DIR/x.so" for the job's first path; DIR is the current directory where it is null. */
static void has_path(const ddla_job *job, const char *directory, const char *name) {
  char here[4096] = "", wanted[8192];
  if (!directory) assert_non_null(getcwd(here, sizeof here));
  snprintf(wanted, sizeof wanted, "%s/%s", directory ? directory : here, name);
  assert_int_equal(job->task.plugins.count, 1);
  assert_string_equal(job->task.plugins.at[0], wanted);
}

static void paths_start_at_the_file_that_they_stand_in(void **state) {
  (void)state;
  static const char words[] = "task: {plugins: [x.so]}\n",
                    absolute[] = "task: {plugins: [/a/x.so]}";
  ddla_job *job = NULL;
  assert_int_equal(ddla_job_load_text(&job, words, strlen(words), "/some/where/job.yaml"), DDLA_OK);
  has_path(job, "/some/where", "x.so");
  assert_false(ddla_job_is_set(job, "task.plugins"));
  assert_int_equal(ddla_job_set(job, "task.plugins=[y.so]"), DDLA_OK);
  has_path(job, NULL, "y.so");
  assert_true(ddla_job_is_set(job, "task.plugins"));
  assert_int_equal(ddla_job_set(job, "task.plugins=[z.so, [x]]"), DDLA_INVALID);
  has_path(job, NULL, "y.so");
  assert_int_equal(ddla_job_set(job, "task.plugins=[\"\"]"), DDLA_INVALID);
  assert_int_equal(ddla_job_set(job, "task.plugins=[1, 2, 3, 4, 5, 6, 7, 8, 9]"), DDLA_INVALID);
  assert_int_equal(ddla_job_set(job, "task.plugins=[]"), DDLA_OK);
  assert_int_equal(job->task.plugins.count, 0);
  ddla_job_destroy(job);
  job = job_from(words);
  has_path(job, NULL, "x.so");
  char *text = written(job);
  ddla_job_destroy(job);
  assert_int_equal(ddla_job_load_text(&job, text, strlen(text), "/else/where/job.yaml"), DDLA_OK);
  has_path(job, NULL, "x.so"); /* what was written does not move */
  free(text);
  ddla_job_destroy(job);
  assert_int_equal(ddla_job_load_text(&job, absolute, strlen(absolute), "b/job.yaml"), DDLA_OK);
  has_path(job, "/a", "x.so");
  ddla_job_destroy(job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_initial_values),
      cmocka_unit_test(reads_every_type),
      cmocka_unit_test(writes_what_it_reads),
      cmocka_unit_test(writes_the_same_in_any_locale),
      cmocka_unit_test(is_set_from_words),
      cmocka_unit_test(sharing_goes_together),
      cmocka_unit_test(chooses_a_name),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(help_names_every_key),
      cmocka_unit_test(leaks_nothing_without_memory),
      cmocka_unit_test(paths_start_at_the_file_that_they_stand_in),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
