/* ddla compare: methods of the section sync one after another on one job: what each costs, what it
 * reaches, and which one is recommended. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/compare_parts.h"
#include "task/task.h"
#include "train/plugins.h"

enum { PLAN_BYTES_MAX = 4 << 20 };

static ddla_status read_whole(int64_t *out, const char *option, const char *text, int64_t least,
                              int64_t most) {
  if (text && (!ddla_text_to_int(out, text) || *out < least || *out > most))
    return DDLA_FAIL(INVALID, "%s %s: expected a whole number from %" PRId64 " to %" PRId64, option,
                     ddla_text_quote(text).text, least, most);
  return DDLA_OK;
}

static ddla_status read_number(double *out, const char *option, const char *text, double most) {
  if (text && (!ddla_text_to_real(out, text) || *out <= 0 || *out > most))
    return DDLA_FAIL(INVALID, "%s %s: expected a number above 0, at most %g", option,
                     ddla_text_quote(text).text, most);
  return DDLA_OK;
}

/* The options behind the job. */
static ddla_status read_options(ddla_compare_call *call) {
  double margin = 1;
  call->agents = call->base->parallel.agents > 1 ? call->base->parallel.agents : 2;
  DDLA_TRY(read_whole(&call->agents, "--agents", call->agents_text, 1, DDLA_HOSTS_MAX));
  DDLA_TRY(read_whole(&call->steps, "--steps", call->steps_text, 1, INT64_C(1000000000000)));
  DDLA_TRY(read_whole(&call->seed, "--seed", call->seed_text, 0, INT64_C(9007199254740992)));
  DDLA_TRY(read_number(&call->seconds, "--seconds", call->seconds_text, 1e9));
  DDLA_TRY(read_number(&margin, "--margin", call->margin_text, 100));
  call->rule.margin = margin / 100;
  if (call->steps > 0 && call->seconds > 0)
    return DDLA_FAIL(INVALID, "--steps and --seconds are both given; keep one of them");
  if (call->mpi && strcmp(call->mpi, "openmpi") != 0 && strcmp(call->mpi, "mpich") != 0)
    return DDLA_FAIL(INVALID, "--mpi %s: there are openmpi and mpich",
                     ddla_text_quote(call->mpi).text);
  call->has_network = call->network_text != NULL;
  if (call->has_network) DDLA_TRY(ddla_network_read(&call->network, call->network_text));
  return call->modes ? ddla_entries_read(&call->entries, call->modes)
                     : ddla_entries_initial(&call->entries);
}

/* By which metric a task is judged, and whether more of it is better. */
static ddla_status find_metric(ddla_compare_call *call) {
  ddla_plugins *plugins = NULL;
  DDLA_TRY(ddla_train_plugins(&plugins, call->base, NULL));
  const ddla_task *task = ddla_task_find(plugins, call->base->task.kind);
  if (task) {
    snprintf(call->metric, sizeof call->metric, "%s", task->metric);
    call->rule.metric = call->metric;
    call->rule.rises = ddla_task_is_better(task, 1, 0);
  }
  ddla_plugins_destroy(plugins);
  if (task) return DDLA_OK;
  return ddla_job_refuse(call->base, "task.kind",
                         "is %s, which is no task; `ddla info tasks` lists them",
                         ddla_text_quote(call->base->task.kind).text);
}

/* The job file with the assignments of an entry; null: with those of all. The caller owns *out. */
static ddla_status make_job(ddla_job **out, const ddla_compare_call *call,
                            const ddla_entry *entry) {
  ddla_mpi_words sets = {.count = 0};
  ddla_job *job = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(ddla_compare_sets(&sets, call, entry));
  DDLA_TRY(ddla_job_load(&job, call->job_path));
  for (int i = 0; i < sets.count && status == DDLA_OK; i++)
    status = ddla_job_set(job, sets.word[i]);
  if (status == DDLA_OK) *out = job;
  else ddla_job_destroy(job);
  return status;
}

/* Values that no method could have are refused before anything runs. */
static ddla_status check_entries(const ddla_compare_call *call) {
  for (int i = 0; i < call->entries.count; i++) {
    ddla_job *job = NULL;
    ddla_status status = make_job(&job, call, &call->entries.at[i]);
    if (status != DDLA_OK)
      return ddla_status_prefix(status, "--modes %s: ", call->entries.at[i].name);
    ddla_job_destroy(job);
  }
  return DDLA_OK;
}

/* runs/compare-NAME for the job file PATH/NAME.yaml. */
static ddla_status choose_directory(ddla_compare_call *call) {
  const char *slash = strrchr(call->job_path, '/'), *name = slash ? slash + 1 : call->job_path;
  if (call->out && strlen(call->out) + DDLA_ENTRY_BYTES + 64 > sizeof call->directory)
    return DDLA_FAIL(INVALID, "--out: the path is too long");
  if (call->out) snprintf(call->directory, sizeof call->directory, "%s", call->out);
  else
    snprintf(call->directory, sizeof call->directory, "runs/compare-%.*s",
             (int)(strcspn(name, ".") < 200 ? strcspn(name, ".") : 200), name);
  for (int i = 0; i < call->entries.count; i++) {
    call->run[i].entry = &call->entries.at[i];
    call->contender[i] = (ddla_contender){.name = call->entries.at[i].name};
    snprintf(call->run[i].directory, sizeof call->run[i].directory, "%.*s/%s",
             DDLA_PATH_BYTES - DDLA_ENTRY_BYTES - 2, call->directory, call->entries.at[i].folder);
  }
  return DDLA_OK;
}

/* What all methods of a directory were run with: text to be freed with free. */
static ddla_status make_plan(char **out, size_t *bytes, const ddla_compare_call *call) {
  ddla_job *job = NULL;
  char *text = NULL;
  DDLA_TRY(make_job(&job, call, NULL));
  FILE *file = open_memstream(&text, bytes);
  if (!file) {
    ddla_job_destroy(job);
    return DDLA_FAIL(NO_MEMORY, "no memory for the comparison's job");
  }
  fprintf(file, "# What ddla compare has run methods of the section sync with.\n");
  if (call->has_network)
    fprintf(file, "# %" PRId64 " hosts of netlab, network %s, %s\n", call->agents,
            call->network_text, call->mpi ? call->mpi : "openmpi");
  ddla_status status = ddla_job_write(job, file);
  ddla_job_destroy(job);
  if (fclose(file) != 0 && status == DDLA_OK)
    status = DDLA_FAIL(NO_MEMORY, "no memory for the comparison's job");
  if (status == DDLA_OK) *out = text;
  else free(text);
  return status;
}

/* Runs of one directory are of one job, network and number of agents. */
static ddla_status check_plan(const ddla_compare_call *call) {
  char path[DDLA_PATH_BYTES], *plan = NULL, *old = NULL;
  size_t bytes = 0, old_bytes = 0;
  ddla_status status = DDLA_OK;
  DDLA_TRY(make_plan(&plan, &bytes, call));
  DDLA_TRY_CLEAN(status, ddla_file_make_directory(call->directory));
  ddla_run_path(path, call->directory, "plan.yaml");
  if (access(path, F_OK) != 0) DDLA_TRY_CLEAN(status, ddla_file_write(path, plan, bytes));
  DDLA_TRY_CLEAN(status, ddla_file_read(&old, &old_bytes, path, PLAN_BYTES_MAX));
  if (bytes != old_bytes || memcmp(plan, old, bytes) != 0)
    status =
        DDLA_FAIL(INVALID,
                  "%s holds a comparison with another job, length, network or number of "
                  "agents (plan.yaml there); choose another directory (--out DIR), or remove it",
                  call->directory);
cleanup:
  free(plan); /* made by open_memstream */
  ddla_free(old);
  return status;
}

static void tell(const ddla_compare_call *call, const char *words, int i) {
  if (call->json) return;
  printf("%d/%d  %s: %s\n", i + 1, call->entries.count, call->entries.at[i].name, words);
  fflush(stdout);
}

static void tell_end(const ddla_compare_call *call, int i) {
  const ddla_compare_run *run = &call->run[i];
  char words[64];
  snprintf(words, sizeof words, "%.4g s", run->figures.seconds);
  if (run->state == DDLA_COMPARE_DONE) tell(call, words, i);
  else tell(call, run->reason, i);
}

static ddla_status run_one(ddla_compare_call *call, int i, bool *tried) {
  ddla_compare_run *run = &call->run[i];
  const bool over = ddla_compare_is_over(run, call);
  if (over) run->state = DDLA_COMPARE_DONE;
  if (!over && !*tried) DDLA_TRY(ddla_compare_try_network(call));
  *tried = *tried || !over;
  tell(call, over ? "is there from before" : "trains", i);
  if (!over) DDLA_TRY(ddla_compare_train(run, call));
  if (run->state == DDLA_COMPARE_DONE) DDLA_TRY(ddla_compare_read(run, &call->contender[i], call));
  if (!over) tell_end(call, i);
  return DDLA_OK;
}

static ddla_status run_all(ddla_compare_call *call) {
  bool tried = false;
  for (int i = 0; i < call->entries.count; i++) {
    ddla_status status = run_one(call, i, &tried);
    if (status == DDLA_INTERRUPTED)
      return DDLA_FAIL(INTERRUPTED,
                       "stopped while %s trained; the same command goes on with it, and keeps what "
                       "was done before",
                       call->entries.at[i].name);
    DDLA_TRY(status);
  }
  return DDLA_OK;
}

/* Writes what `print` makes into a file of the directory. */
static ddla_status write_with(const ddla_compare_call *call, const char *name,
                              void (*print)(FILE *file, const ddla_compare_call *call)) {
  char path[DDLA_PATH_BYTES], *text = NULL;
  size_t bytes = 0;
  FILE *file = open_memstream(&text, &bytes);
  if (!file) return DDLA_FAIL(NO_MEMORY, "no memory for %s", name);
  print(file, call);
  ddla_status status = fclose(file) == 0 ? DDLA_OK : DDLA_FAIL(NO_MEMORY, "no memory for %s", name);
  if (status == DDLA_OK)
    status = ddla_file_write(ddla_run_path(path, call->directory, name), text, bytes);
  free(text); /* made by open_memstream */
  return status;
}

static ddla_status write_results(ddla_compare_call *call) {
  char path[DDLA_PATH_BYTES], *json = NULL;
  ddla_choice_make(&call->choice, call->contender, call->entries.count, &call->rule);
  DDLA_TRY(write_with(call, "compare.txt", ddla_compare_print));
  DDLA_TRY(write_with(call, "compare.svg", ddla_compare_draw));
  DDLA_TRY(ddla_compare_json(&json, call));
  ddla_status status =
      ddla_file_write(ddla_run_path(path, call->directory, "compare.json"), json, strlen(json));
  if (status == DDLA_OK && call->json) fputs(json, stdout);
  free(json);
  if (status != DDLA_OK || call->json) return status;
  putchar('\n');
  ddla_compare_print(stdout, call);
  printf("\n%s has compare.txt, compare.json, compare.svg and a run directory for each method.\n",
         call->directory);
  return DDLA_OK;
}

static ddla_status compare_all(ddla_compare_call *call) {
  DDLA_TRY(ddla_words_job(&call->base, &call->words, call->job_path));
  DDLA_TRY(read_options(call));
  DDLA_TRY(find_metric(call));
  DDLA_TRY(check_entries(call));
  DDLA_TRY(choose_directory(call));
  DDLA_TRY(check_plan(call));
  DDLA_TRY(run_all(call));
  return write_results(call);
}

static void free_call(ddla_compare_call *call) {
  for (int i = 0; i < call->entries.count; i++)
    for (int c = 0; c < DDLA_COMPARE_COLUMNS; c++) ddla_free(call->run[i].column[c]);
  ddla_job_destroy(call->base);
  ddla_free(call);
}

static ddla_status read_words(ddla_compare_call *call, int argc, char **argv) {
  const ddla_words_option options[] = {{"--modes", NULL, &call->modes, NULL},
                                       {"--network", NULL, &call->network_text, NULL},
                                       {"--agents", "-n", &call->agents_text, NULL},
                                       {"--steps", NULL, &call->steps_text, NULL},
                                       {"--seconds", NULL, &call->seconds_text, NULL},
                                       {"--seed", NULL, &call->seed_text, NULL},
                                       {"--margin", NULL, &call->margin_text, NULL},
                                       {"--mpi", NULL, &call->mpi, NULL},
                                       {"--out", "-o", &call->out, NULL},
                                       {"--json", NULL, NULL, &call->json}};
  DDLA_TRY(ddla_words_read(&call->words, argc, argv, options, sizeof options / sizeof options[0]));
  if (call->words.other_count != 1)
    return DDLA_FAIL(INVALID,
                     "ddla compare takes one job file, not %d; `ddla compare --help` says more",
                     call->words.other_count);
  call->job_path = call->words.other[0];
  return DDLA_OK;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_compare_call *call = NULL;
  (void)start_ns;
  DDLA_TRY(DDLA_NEW(call, 1));
  ddla_status status = read_words(call, argc, argv);
  if (status == DDLA_OK) status = compare_all(call);
  free_call(call);
  return status;
}

const ddla_command ddla_command_compare = {
    .name = "compare",
    .arguments = "JOB.yaml [--modes LIST] [--network RATE,DELAY,LOSS] [-n AGENTS] [--out DIR]",
    .summary = "trains by several methods of updating, shows what each costs, recommends one",
    .help =
        "  --modes LIST       METHOD[:KEY=VALUE[+KEY=VALUE]...],... for example\n"
        "                     allreduce,average:interval=8,diloco:interval=32+codec=int8; a key\n"
        "                     without a section is of sync [those that methods name themselves]\n"
        "  --network R[,D[,L]]\n"
        "                     between emulated hosts, one for each agent: rate, delay one way,\n"
        "                     loss: 100M,20ms,1%; needs root (tools/netlab). Without it every "
        "agent\n"
        "                     plays a host on this machine\n"
        "  -n, --agents N     [parallel.agents, at least 2]\n"
        "  --steps N          train.steps; rows of metrics ten times\n"
        "  --seconds S        train.seconds: each method trains for so long, at the rates of the\n"
        "                     whole job\n"
        "  --seed N           train.seed\n"
        "  --margin PERCENT   methods whose metric with the same samples is so much worse than "
        "the\n"
        "                     best are not recommended [1]\n"
        "  --mpi LIBRARY      with --network: openmpi or mpich [openmpi]\n"
        "  --set KEY=VALUE    sets a key of the job for all methods; may be repeated\n"
        "  -o, --out DIR      a run directory for each method, compare.txt, compare.json and\n"
        "                     compare.svg [runs/compare- and the job file's name]\n"
        "  --json             prints compare.json and nothing else\n"
        "\nMethods that were run to their end in DIR are not run again, so that a comparison that\n"
        "was interrupted goes on, and more methods can be added.\n",
    .run = run};
