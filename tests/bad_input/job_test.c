/* What a job file and --set may not be: each is refused with file, line, key, value and what is
 * allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ddla/job.h>

#include "base/clock.h"
#include "base/rng.h"
#include "job/yaml.h"

typedef struct bad {
  const char *text, *words; /* the words stand somewhere in the message */
} bad;

static const bad texts[] = {
    {"train:\n  bach: 3\n", "job.yaml:2:3: unknown key 'bach' in train; did you mean train.batch?"},
    {"train:\n  learnign_rate: 3\n", "did you mean train.learning_rate?"},
    {"train:\n  dropout: 0.5\n", "did you mean model.dropout?"},
    {"train:\n  zzzzzzzz: 1\n", "there are: seed batch last_batch shards"},
    {"trian: {batch: 1}\n", "job.yaml:1:1: unknown key 'trian'; did you mean train?"},
    {"batch: 1\n", "did you mean train.batch?"},
    {"train.batch: 1\n", "write 'train:' and below it, indented, 'batch:'"},
    {"zzzzzzzzzz: 1\n", "there are: task data model"},
    {"train:\n  batch: many\n",
     "job.yaml:2:10: train.batch is 'many', but it must be a whole number "
     "from 1 to 16777216 (samples)"},
    {"train:\n  batch: \"8\"\n", "train.batch is '8' in quotes"},
    {"train:\n  batch: 1.5\n", "train.batch is '1.5'"},
    {"train:\n  batch: 0x10\n", "train.batch is '0x10'"},
    {"train:\n  batch: 010\n", "train.batch is '010'"},
    {"train:\n  batch: 0\n", "train.batch is '0'"},
    {"train:\n  batch: -1\n", "train.batch is '-1'"},
    {"train:\n  batch: 99999999999999999999\n", "train.batch is '99999999999999999999'"},
    {"train:\n  batch:\n", "train.batch is empty"},
    {"train:\n  batch: ~\n", "train.batch is empty"},
    {"train:\n  batch: [1]\n", "train.batch is a list"},
    {"train:\n  batch: {a: 1}\n", "train.batch is a mapping"},
    {"train:\n  learning_rate: .inf\n", "a number from 0 to 1000"},
    {"train:\n  learning_rate: .nan\n", "train.learning_rate is '.nan'"},
    {"train:\n  learning_rate: nan\n", "train.learning_rate is 'nan'"},
    {"train:\n  learning_rate: 1e999\n", "train.learning_rate is '1e999'"},
    {"train:\n  learning_rate: 0,1\n", "train.learning_rate is '0,1'"},
    {"train:\n  nesterov: 1\n", "train.nesterov is '1', but it must be true or false"},
    {"train:\n  nesterov: maybe\n", "true or false"},
    {"train:\n  schedule: cosin\n", "one of constant|step|cosine|linear"},
    {"train:\n  schedule: step|cosine\n", "train.schedule is 'step|cosine'"},
    {"train:\n  schedule: \"\"\n", "train.schedule is ''"},
    {"train:\n  optimizer: a/b\n", "train.optimizer is 'a/b', but it must be a name"},
    {"sync:\n  compensation: -0.04\n",
     "job.yaml:2:17: sync.compensation is '-0.04', but it must be a number from 0"},
    {"sync:\n  compensation: .nan\n", "sync.compensation is '.nan'"},
    {"sync:\n  compensation: true\n", "sync.compensation is 'true'"},
    {"sync:\n  compensation: 1e13\n", "sync.compensation is '1e13'"},
    {"sync:\n  damping: 0.5\n", "sync.damping is '0.5', but it must be true or false"},
    {"sync:\n  backup: -1\n", "sync.backup is '-1'"},
    {"model:\n  hidden: 7\n", "model.hidden is '7', but it must be a list of whole numbers"},
    {"model:\n  hidden: [1, 0]\n", "job.yaml:2:15: model.hidden has the item '0'"},
    {"model:\n  hidden: [1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6]\n",
     "has 33 items, but at most 32"},
    {"model:\n  layers: relu\n", "model.layers is 'relu', but it must be a list or a mapping"},
    {"data:\n  train: [a]\n", "data.train is a list, but it must be text"},
    {"data:\n  train: \"a\\0b\"\n", "a zero byte in text"},
    {"train: 5\n", "train is one value, but it must hold keys"},
    {"train: [batch]\n", "train is a list, but it must hold keys"},
    {"train: {batch: 1, batch: 2}\n", "job.yaml:1:19: the key 'batch' stands here twice"},
    {"train: {batch: 1}\ntrain: {shards: 1}\n", "job.yaml:2:1: the key 'train' stands here twice"},
    {"model: {layers: [{a: 1, a: 2}]}\n", "the key 'a' stands here twice"},
    {"", "the job file is empty"},
    {"# nothing\n\n", "the job file is empty"},
    {"---\n...\n", "the job file is empty"},
    {"- a\n- b\n", "this is a list"},
    {"hello\n", "this is one value"},
    {"train: {}\n---\ntrain: {}\n", "job.yaml:2:1: a second document begins here"},
    {"train:\n\tbatch: 1\n", "job.yaml:2:1: not YAML: while scanning for the next token"},
    {"train:\n\tbatch: 1\n", "YAML allows no tabs there"},
    {"train:\n  batch: 1\n\tshards: 2\n", "YAML allows no tabs there"},
    {"train: {batch: 1\n", "not YAML"},
    {"train: [1\n", "not YAML"},
    {"train: \"a\n", "not YAML"},
    {"train: 'a\n", "not YAML"},
    {"train:\n  batch: 1\n shards: 2\n", "not YAML"},
    {"%YAML 3.0\n---\ntrain: {}\n", "not YAML"},
    {"@\n", "not YAML"},
    {"train: &a {batch: 1}\nsync: *a\n", "job.yaml:2:7: aliases (*name) are not supported"},
    {"train: {<<: *a}\n", "not supported"},
    {"train: !!map {batch: 1}\n", "tags (!name) are not supported"},
    {"train: {batch: !!int 1}\n", "tags (!name) are not supported"},
    {"train: !!python/object/apply:os.system [ls]\n", "tags (!name) are not supported"},
    {"{[1]: 2}\n", "a key must be a plain word"},
    {"? {a: 1}\n: 2\n", "a key must be a plain word"},
    {"train:\n  b\x01: 1\n", "control characters are not allowed"},
    {"train:\n  batch: 1 # \xff\n", "job.yaml:2: not UTF-8 (byte 20 is 0xff)"},
    {"\xff\xfet\1r\1", "job.yaml:1: not UTF-8 (byte 0 is 0xff)"},
    {"\xed\xa0\x80: 1\n", "not UTF-8"},
};

static ddla_status load(const char *text, size_t bytes) {
  ddla_job *job = NULL;
  ddla_status status = ddla_job_load_text(&job, text, bytes, "job.yaml");
  if (status != DDLA_OK) assert_null(job);
  ddla_job_destroy(job);
  return status;
}

static void expect(ddla_status status, const char *what, const char *words) {
  const char *message = ddla_status_message(status);
  if (status != DDLA_INVALID || !strstr(message, words)) {
    fail_msg("%s\ngives %s: %s\nwithout: %s", what, ddla_status_name(status), message, words);
  }
}

static void texts_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    expect(load(texts[i].text, strlen(texts[i].text)), texts[i].text, texts[i].words);
  }
}

static const bad assignments[] = {
    {"train.batch", "expected KEY=VALUE"},
    {"=3", "expected KEY=VALUE"},
    {"", "expected KEY=VALUE"},
    {"train.bacth=1", "--set: unknown key 'train.bacth'; did you mean train.batch?"},
    {"batch=1", "did you mean train.batch?"},
    {"train=1", "unknown key 'train'"},
    {"train.=1", "unknown key 'train.'"},
    {"train.batch=", "train.batch is empty"},
    {"train.batch=x", "train.batch is 'x'"},
    {"train.batch=[", "not YAML"},
    {"train.batch=*a", "aliases"},
    {"train.batch=1\n--- 2", "a second document"},
    {"model.hidden=1,2", "a list of whole numbers"},
    {"data.train=\xff", "not UTF-8"},
};

static void assignments_are_refused(void **state) {
  (void)state;
  ddla_job *job = NULL;
  assert_int_equal(ddla_job_create(&job), DDLA_OK);
  for (size_t i = 0; i < sizeof assignments / sizeof assignments[0]; i++) {
    expect(ddla_job_set(job, assignments[i].text), assignments[i].text, assignments[i].words);
  }
  assert_int_equal(job->train.batch, 128);
  assert_int_equal(ddla_job_check(job), DDLA_OK);
  ddla_job_destroy(job);
}

static const bad combinations[] = {
    {"train: {batch: 4}\n", "8 shards cannot be cut from a batch of 4 samples"},
    {"train: {shards: 200}\n", "job.yaml:1:9: train.shards does not fit"},
    {"train: {micro_batch: 17}\n", "a shard has at most 16 samples"},
    {"parallel: {agents: 9}\n", "every agent needs a shard"},
    {"train: {epochs: 0}\n", "the run would have no end"},
    {"train: {nesterov: true, momentum: 0}\n", "needs train.momentum above 0"},
    {"train: {gradient_delay: 1, momentum: 0}\n", "needs train.optimizer sgd and train.momentum"},
    {"train: {gradient_delay: 1, optimizer: adamw}\n", "needs train.optimizer sgd"},
    {"train: {patience: 3}\n", "needs validation samples"},
    {"train:\n  keep_best: true\n", "job.yaml:2:3: train.keep_best needs validation samples"},
    {"data: {validation: v, validation_fraction: 0.1}\n", "both given"},
    {"data: {train: \"\"}\n", "name a directory or a file"},
    {"data: {size: [28]}\n", "[height, width]"},
    {"data: {on_error: skip, verify: index}\n", "nobody looks for damage"},
    {"data: {mean: [1]}\n", "data.mean has 1 numbers, data.std 0"},
    {"data: {mean: [1], std: [1], standardize: false}\n", "remove one of them"},
    {"model: {kind: layers}\n", "model.layers lists none"},
    {"model: {layers: [relu]}\n", "read only with 'kind: layers'"},
    {"sync: {compensation: 0.04}\n", "job.yaml:1:8: sync.compensation is set, but only sync.method "
                                     "push applies single contributions"},
    {"sync: {mode: asynchronous, method: bounded, compensation: 0.04}\n",
     "job.yaml:1:45: sync.compensation is set, but only sync.method push"},
    {"sync: {mode: asynchronous, method: gossip, compensation: 0.04}\n",
     "sync.compensation is set, but only sync.method push"},
    {"sync: {mode: synchronous, method: backup, backup: 1, compensation: 0.04}\n",
     "sync.compensation is set, but only sync.method push"},
    {"sync: {mode: asynchronous, method: bounded, damping: true}\n",
     "sync.damping is set, but only sync.method push"},
};

static void combinations_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof combinations / sizeof combinations[0]; i++) {
    const char *text = combinations[i].text;
    ddla_job *job = NULL;
    assert_int_equal(ddla_job_load_text(&job, text, strlen(text), "job.yaml"), DDLA_OK);
    expect(ddla_job_check(job), text, combinations[i].words);
    ddla_job_destroy(job);
  }
}

/* What is refused of other methods is what this one is for. */
static void push_may_compensate(void **state) {
  (void)state;
  static const char text[] =
      "sync: {mode: asynchronous, method: push, compensation: 0.04, damping: true}\n";
  ddla_job *job = NULL;
  assert_int_equal(ddla_job_load_text(&job, text, sizeof text - 1, "job.yaml"), DDLA_OK);
  assert_int_equal(ddla_job_check(job), DDLA_OK);
  assert_true(job->sync.compensation == 0.04);
  ddla_job_destroy(job);
}

static void paths_are_refused(void **state) {
  (void)state;
  ddla_job *job = NULL;
  char large[] = "/tmp/ddla-bad-job-XXXXXX";
  expect(ddla_job_load(&job, "/nowhere/job.yaml"), "missing", "/nowhere/job.yaml: No such file");
  expect(ddla_job_load(&job, "/tmp"), "directory", "/tmp: Is a directory");
  expect(ddla_job_load(&job, ""), "no name", "No such file");
  int fd = mkstemp(large);
  assert_true(fd >= 0);
  char brackets[4096];
  memset(brackets, '[', sizeof brackets);
  for (int i = 0; i < 2560; i++) assert_int_equal(write(fd, brackets, sizeof brackets), 4096);
  close(fd);
  expect(ddla_job_load(&job, large), "10 MiB of brackets", "larger than the 1048576 bytes allowed");
  unlink(large);
  assert_null(job);
}

/* Texts made to cost much must cost little. */
static void bombs_are_cheap(void **state) {
  (void)state;
  enum { BYTES = DDLA_YAML_BYTES_MAX };
  static const char *const pieces[] = {
      "[",         "{",     "- ",        "a: ", "{a: ",       "[a, ",  "? ",   "\"a\": ",
      "a: 1\n",    "- a\n", "&a ",       "a",   "- [a]\n",    "\n",    "# \n", " ",
      "- - - -\n", "|\n ",  "\"\\u0041", "!a ", "%TAG ! a\n", "---\n", "*a ",  ", "};
  char *text = malloc(BYTES);
  const ddla_clock *clock = ddla_clock_monotonic();
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    size_t length = strlen(pieces[i]);
    for (size_t at = 0; at < BYTES; at++) text[at] = pieces[i][at % length];
    int64_t start = ddla_clock_now_ns(clock);
    assert_int_equal(load(text, BYTES / length * length), DDLA_INVALID);
    assert_true(ddla_clock_now_ns(clock) - start < 5000000000); /* with room for sanitizers */
  }
  free(text);
}

static void many_keys_are_cheap(void **state) {
  (void)state;
  char *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  fputs("model: {layers: {", file);
  for (int i = 0; i < 60000; i++) fprintf(file, "k%d: 1, ", i);
  fputs("}}\n", file);
  fclose(file);
  expect(load(text, bytes), "60000 keys", "more than 1024 keys in one mapping");
  free(text);
}

/* Nothing that changes, cuts or repeats bytes of a good file may crash; it loads or is INVALID. */
static void mutations_do_not_crash(void **state) {
  (void)state;
  static const char good[] = "data: {train: \"x\", mean: [0.5], std: [1e-1]}\n"
                             "model:\n  kind: layers\n  layers:\n"
                             "    - {conv2d: {channels: 8, kernel: [3, 3]}}\n    - relu\n"
                             "train: {batch: 64, nesterov: true}\n# end\n";
  enum { LENGTH = sizeof good - 1 };
  static const char letters[] = "\t\n \"'#%&*,-.:?@[]`{|}!<>\\0a\xc3\x80\xff~";
  ddla_rng rng = ddla_rng_make(ddla_rng_key(1, DDLA_PURPOSE_TEST, 0, 0));
  for (size_t length = 0; length <= LENGTH; length++) {
    ddla_status status = load(good, length);
    assert_true(status == DDLA_OK || status == DDLA_INVALID);
  }
  for (int i = 0; i < 3000; i++) {
    char text[LENGTH];
    memcpy(text, good, LENGTH);
    int changes = 1 + (int)ddla_rng_below(&rng, 4);
    for (int c = 0; c < changes; c++) {
      text[ddla_rng_below(&rng, LENGTH)] = letters[ddla_rng_below(&rng, sizeof letters - 1)];
    }
    ddla_status status = load(text, LENGTH);
    assert_true(status == DDLA_OK || status == DDLA_INVALID);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_refused),        cmocka_unit_test(assignments_are_refused),
      cmocka_unit_test(combinations_are_refused), cmocka_unit_test(push_may_compensate),
      cmocka_unit_test(paths_are_refused),        cmocka_unit_test(bombs_are_cheap),
      cmocka_unit_test(many_keys_are_cheap),      cmocka_unit_test(mutations_do_not_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
