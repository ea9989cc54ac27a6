/* A program that has the library in it: trains by 2 agents, fails in every way that a caller can
 * bring about, and trains again. Nothing of the process may change: no child, no signal disposition
 * or mask, no processors of its threads, no thread, descriptor, mapping or block of the heap left
 * behind; and nothing may be written, which host.sh looks at. Writes what went wrong into the file
 * "verdict", which stays empty. */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ddla/ddla.h>

enum { SIGNALS = 65, ROUNDS = 5, HEAP_SLACK_BYTES = 16 << 10, MAPPING_SLACK = 2 };

/* What the process is, seen from outside the library. */
typedef struct process_state {
  struct sigaction action[SIGNALS];
  sigset_t mask;
  cpu_set_t processors; /* of the calling thread */
  int threads, descriptors, mappings;
  size_t heap_bytes;
} process_state;

static FILE *verdict;
static process_state at_start;
static int steps_seen;

static void complain(const char *what, const char *words) {
  fprintf(verdict, "%s: %s\n", what, words);
}

static int entries(const char *path) {
  int count = 0;
  DIR *open = opendir(path);
  for (struct dirent *entry = readdir(open); entry; entry = readdir(open))
    count += entry->d_name[0] != '.';
  closedir(open);
  return count;
}

static int lines(const char *path) {
  int count = 0;
  FILE *file = fopen(path, "r");
  for (int c = fgetc(file); c != EOF; c = fgetc(file)) count += c == '\n';
  fclose(file);
  return count;
}

static process_state look(void) {
  process_state found;
  memset(&found, 0, sizeof found);
  for (int i = 1; i < SIGNALS; i++) sigaction(i, NULL, &found.action[i]);
  pthread_sigmask(SIG_SETMASK, NULL, &found.mask);
  sched_getaffinity(0, sizeof found.processors, &found.processors);
  found.threads = entries("/proc/self/task");
  found.descriptors = entries("/proc/self/fd");
  found.mappings = lines("/proc/self/maps");
  found.heap_bytes = mallinfo2().uordblks;
  return found;
}

/* A thread that was joined may be in /proc for a moment longer. */
static process_state look_when_quiet(void) {
  process_state found = look();
  for (int i = 0; i < 200 && found.threads > at_start.threads; i++) {
    usleep(5000);
    found = look();
  }
  return found;
}

static bool has_child(void) { return waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD; }

static bool same_signals(const process_state *a, const process_state *b) {
  for (int i = 1; i < SIGNALS; i++)
    if (a->action[i].sa_handler != b->action[i].sa_handler ||
        a->action[i].sa_flags != b->action[i].sa_flags)
      return false;
  for (int i = 1; i < SIGNALS; i++)
    if (sigismember(&a->mask, i) != sigismember(&b->mask, i)) return false;
  return true;
}

/* A lane that runs on the calling thread is bound, and the thread is let go again. */
static bool on_bound_step(void *argument, const ddla_train_step *step) {
  cpu_set_t now;
  (void)step;
  sched_getaffinity(0, sizeof now, &now);
  *(int *)argument = CPU_COUNT(&now);
  return true;
}

/* In the midst of a training, on a thread of an agent. */
static bool on_step(void *argument, const ddla_train_step *step) {
  const int64_t *last = argument;
  const process_state now = look();
  steps_seen++;
  if (has_child()) complain("while it trains", "the process has a child");
  if (!same_signals(&now, &at_start)) complain("while it trains", "a signal is handled otherwise");
  return step->step < *last;
}

static ddla_status set_all(ddla_job *job, const char *const *assignments) {
  ddla_status status = DDLA_OK;
  for (; *assignments && !status; assignments++) status = ddla_job_set(job, *assignments);
  return status;
}

static ddla_status train(ddla_train_result *result, const char *const *assignments,
                         const ddla_train_options *options) {
  static const char *const base[] = {
      "data.train=train.csv", "data.test=test.csv",    "model.kind=mlp",
      "model.hidden=[8]",     "train.batch=16",        "train.epochs=2",
      "parallel.agents=2",    "output.overwrite=true", NULL};
  ddla_job *job = NULL;
  ddla_status status = ddla_job_create(&job);
  if (!status) status = set_all(job, base);
  if (!status) status = set_all(job, assignments);
  if (!status) status = ddla_train(result, job, options);
  ddla_job_destroy(job);
  return status;
}

/* What a caller does wrong, the status that it gets, and words of the message. */
typedef struct mistake {
  const char *assignment[3];
  ddla_status status;
  const char *words;
} mistake;

static const mistake mistakes[] = {
    {{"parallel.agents=9"}, DDLA_INVALID, "train.shards"},
    {{"model.kind=none"}, DDLA_INVALID, "model.kind is 'none'"},
    {{"model.activation=flatten"}, DDLA_INVALID, "model.activation"},
    {{"train.batsh=3"}, DDLA_INVALID, "train.batsh"},
    {{"data.train=nowhere.csv"}, DDLA_INVALID, "nowhere.csv"},
    {{"data.train=broken.csv"}, DDLA_INVALID, "broken.csv"},
    {{"data.test=wide.csv"}, DDLA_INVALID, "data.test"},
    {{"model.weights=nowhere.safetensors"}, DDLA_INVALID, "nowhere.safetensors"},
    {{"task.plugins=[nowhere.so]"}, DDLA_INVALID, "nowhere.so"},
    {{"train.learning_rate=1000", "train.momentum=0.99"}, DDLA_NON_FINITE, "loss is"},
    {{"output.overwrite=false"}, DDLA_INVALID, "already holds a run"},
    {{"model.hidden=[1000000, 1000000]"}, DDLA_NO_MEMORY, "this job needs"}};

static void make_mistakes(void) {
  const ddla_train_options options = {.directory = "run"};
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    const mistake *made = &mistakes[i];
    ddla_train_result result;
    ddla_status status = train(&result, made->assignment, &options);
    if (status != made->status || !strstr(ddla_status_message(status), made->words)) {
      complain(made->assignment[0], ddla_status_name(status));
      complain(made->assignment[0], ddla_status_message(status));
    }
  }
}

/* A plug-in that needs no file: a model of one layer. */
static ddla_status build_plain(ddla_value *logits, ddla_graph *graph, ddla_value input,
                               int64_t classes, const ddla_job *job) {
  (void)job;
  DDLA_TRY(ddla_layer_flatten(logits, graph, input));
  return ddla_layer_linear(logits, graph, "only", *logits, classes);
}

static const ddla_named_model plain = {"plain", "one layer", build_plain};
static const ddla_named_model *const models[] = {&plain, NULL};
static const ddla_plugin own = {DDLA_PLUGIN_HEAD, .name = "host", .models = models};

static ddla_status sum(ddla_group *group, void *argument) {
  double *out = argument;
  double mine = ddla_group_rank(group) + 1.0, all = 0;
  ddla_status status = ddla_group_all_reduce(
      group, &(ddla_group_array){.type = DDLA_F64, .count = 1, .input = &mine, .output = &all});
  if (ddla_group_rank(group) == 0) *out = all;
  return status;
}

/* What a thread of its own does, since it is bound itself. */
typedef struct bound_call {
  char list[64];
  const char *sha256;
} bound_call;

static void *bound_main(void *argument) {
  const bound_call *call = argument;
  const char *const bound[] = {"parallel.agents=1", "parallel.lanes=1", call->list, NULL};
  int processors = 0;
  cpu_set_t now;
  ddla_train_result result = {0};
  const ddla_train_options options = {
      .directory = "run", .on_step = on_bound_step, .on_step_argument = &processors};
  ddla_status status = train(&result, bound, &options);
  if (status) complain("bound", ddla_status_message(status));
  if (strcmp(result.model_sha256, call->sha256) != 0) complain("bound", "other bits");
  if (processors != 1) complain("bound", "the lane is not on one processor");
  sched_getaffinity(0, sizeof now, &now);
  if (!CPU_EQUAL(&now, &at_start.processors)) complain("bound", "the thread is not let go");
  return NULL;
}

static void train_bound(const char *sha256) {
  bound_call call = {.sha256 = sha256};
  pthread_t thread;
  int p = 0;
  while (!CPU_ISSET((size_t)p, &at_start.processors)) p++;
  snprintf(call.list, sizeof call.list, "parallel.bind=%d", p);
  if (pthread_create(&thread, NULL, bound_main, &call) != 0) complain("bound", "no thread");
  else pthread_join(thread, NULL);
}

static void do_all(char sha256[65]) {
  static const char *const none[] = {NULL}, *const own_kind[] = {"model.kind=plain", NULL};
  int64_t never = INT64_MAX, third = 3;
  double total = 0;
  ddla_train_result result = {0};
  ddla_train_options options = {.directory = "run", .on_step = on_step, .on_step_argument = &never};
  ddla_status status = train(&result, none, &options);
  if (status) complain("train", ddla_status_message(status));
  if (result.steps != 14 || result.stopped || !result.tested) complain("train", "another result");
  memcpy(sha256, result.model_sha256, 65);
  make_mistakes();
  options.on_step_argument = &third;
  status = train(&result, none, &options);
  if (status || !result.stopped || result.steps < 3 || result.steps > 5) /* one is under way */
    complain("stop", "not soon after 3 steps");
  options = (ddla_train_options){.directory = "run", .plugin = &own};
  status = train(&result, own_kind, &options);
  if (status) complain("a plug-in of the program", ddla_status_message(status));
  train_bound(sha256);
  status = ddla_group_run(&(ddla_group_options){.agents = 3}, sum, &total);
  if (status || total < 5.9 || total > 6.1) complain("group", ddla_status_message(status));
}

static void write_rows(const char *path, int first, int count, const char *more) {
  FILE *file = fopen(path, "w");
  for (int i = first; i < first + count; i++)
    fprintf(file, "%d,%d%s,%s\n", i * 37 % 101, i * 53 % 97, more,
            i * 37 % 101 > i * 53 % 97 ? "yes" : "no");
  fclose(file);
}

static void compare(const process_state *before, const process_state *after, const char *when) {
  if (has_child()) complain(when, "the process has a child");
  if (!same_signals(before, after)) complain(when, "a signal is handled otherwise");
  if (!CPU_EQUAL(&after->processors, &before->processors)) complain(when, "it was moved");
  if (after->threads != before->threads) complain(when, "a thread is left");
  if (after->descriptors != before->descriptors) complain(when, "a descriptor is left");
}

int main(void) {
  char first[65], again[65];
  process_state second = {0}, last = {0};
  verdict = fopen("verdict", "w");
  if (!verdict) return 1;
  setvbuf(verdict, NULL, _IONBF, 0);
  write_rows("train.csv", 1, 100, "");
  write_rows("test.csv", 101, 30, "");
  write_rows("broken.csv", 1, 10, "x");
  write_rows("wide.csv", 1, 10, ",7");
  at_start = look();
  for (int round = 0; round < ROUNDS; round++) {
    do_all(round == 0 ? first : again);
    last = look_when_quiet();
    compare(&at_start, &last, round == 0 ? "after the first round" : "after a round");
    if (round > 0 && strcmp(first, again) != 0) complain("training again", "other bits");
    if (round == 1) second = last; /* libraries keep what they made at their first use */
  }
#ifndef DDLA_SANITIZED /* sanitizers keep what is freed */
  if (last.heap_bytes > second.heap_bytes + HEAP_SLACK_BYTES) complain("heap", "grows");
  if (last.mappings > second.mappings + MAPPING_SLACK) complain("mappings", "grow");
#endif
  if (steps_seen < ROUNDS * (14 + 3) || steps_seen > ROUNDS * (14 + 5))
    complain("on_step", "called more or less often");
  fclose(verdict);
  return 0;
}
