/* Runs `ddla train` for a method of a comparison: here, or over hosts of tools/netlab. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/errand.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/compare_parts.h"
#include "job/option.h"

enum { ASSIGNMENT_BYTES = 192, TRY_MS = 60000, SKIPPED = 77 };

static const int64_t no_limit_ms = INT64_C(1000) * 3600 * 24 * 3650;

static ddla_status add_real(ddla_mpi_words *words, const char *key, double value) {
  char text[ASSIGNMENT_BYTES], number[DDLA_TEXT_REAL_BYTES];
  ddla_text_from_real(number, value);
  snprintf(text, sizeof text, "%s=%s", key, number);
  return ddla_mpi_words_add(words, text);
}

static ddla_status add_int(ddla_mpi_words *words, const char *key, int64_t value) {
  char text[ASSIGNMENT_BYTES];
  snprintf(text, sizeof text, "%s=%" PRId64, key, value);
  return ddla_mpi_words_add(words, text);
}

/* Keys of the section sync in the job file are for the method that the file names. */
static ddla_status add_resets(ddla_mpi_words *words, const ddla_job *base) {
  char text[ASSIGNMENT_BYTES];
  for (int i = 0; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    if (strcmp(option->section, "sync") != 0 || !ddla_job_is_given(base, option->key)) continue;
    snprintf(text, sizeof text, "%s=%s", option->key, option->initial);
    DDLA_TRY(ddla_mpi_words_add(words, text));
  }
  return DDLA_OK;
}

/* What a comparison needs, unless the user says otherwise: hosts that send something, validation
 * samples, more than one point of a short run. */
static ddla_status add_needs(ddla_mpi_words *words, const ddla_compare_call *call) {
  enum { POINTS = 10 };
  const ddla_job *base = call->base;
  if (!call->has_network) DDLA_TRY(add_int(words, "parallel.hosts", call->agents));
  if (!*base->data.validation && base->data.validation_fraction <= 0)
    DDLA_TRY(add_real(words, "data.validation_fraction", 0.1));
  if (call->steps > 0 && !ddla_job_is_given(base, "train.measure_every"))
    DDLA_TRY(
        add_int(words, "train.measure_every", call->steps < POINTS ? 1 : call->steps / POINTS));
  return DDLA_OK;
}

static ddla_status add_length(ddla_mpi_words *words, const ddla_compare_call *call) {
  DDLA_TRY(add_int(words, "parallel.agents", call->agents));
  if (call->steps > 0) DDLA_TRY(add_int(words, "train.steps", call->steps));
  if (call->seconds > 0) DDLA_TRY(add_real(words, "train.seconds", call->seconds));
  return call->seed_text ? add_int(words, "train.seed", call->seed) : DDLA_OK;
}

static ddla_status add_method(ddla_mpi_words *words, const ddla_entry *entry) {
  char text[ASSIGNMENT_BYTES];
  snprintf(text, sizeof text, "sync.mode=%s", entry->strategy->mode);
  DDLA_TRY(ddla_mpi_words_add(words, text));
  snprintf(text, sizeof text, "sync.method=%s", entry->strategy->method);
  DDLA_TRY(ddla_mpi_words_add(words, text));
  for (int i = 0; i < entry->set_count; i++) DDLA_TRY(ddla_mpi_words_add(words, entry->set[i]));
  return DDLA_OK;
}

ddla_status ddla_compare_sets(ddla_mpi_words *out, const ddla_compare_call *call,
                              const ddla_entry *entry) {
  if (entry) DDLA_TRY(add_resets(out, call->base));
  DDLA_TRY(add_needs(out, call));
  for (int i = 0; i < call->words.set_count; i++)
    DDLA_TRY(ddla_mpi_words_add(out, call->words.set[i]));
  DDLA_TRY(add_length(out, call));
  return entry ? add_method(out, entry) : DDLA_OK;
}

/* ---- hosts of netlab ---- */

static ddla_status add_setting(ddla_mpi_words *words, const char *option, double value) {
  char text[32];
  if (value <= 0) return DDLA_OK;
  snprintf(text, sizeof text, "%.6f", value); /* it takes digits and a point */
  DDLA_TRY(ddla_mpi_words_add(words, option));
  return ddla_mpi_words_add(words, text);
}

/* netlab with N SETTINGS -- run --mpi LIBRARY */
static ddla_status add_netlab(ddla_mpi_words *words, const ddla_compare_call *call) {
  const ddla_network *network = &call->network;
  char hosts[24];
  snprintf(hosts, sizeof hosts, "%" PRId64, call->agents);
  DDLA_TRY(ddla_mpi_words_add(words, call->netlab));
  DDLA_TRY(ddla_mpi_words_add(words, "with"));
  DDLA_TRY(ddla_mpi_words_add(words, hosts));
  DDLA_TRY(add_setting(words, "--rate", network->rate_mbit));
  DDLA_TRY(add_setting(words, "--delay", network->delay_ms));
  DDLA_TRY(add_setting(words, "--loss", network->loss_percent));
  DDLA_TRY(ddla_mpi_words_split(words, "-- run --mpi"));
  return ddla_mpi_words_add(words, call->mpi ? call->mpi : "openmpi");
}

static ddla_status find_program(ddla_compare_call *call) {
  const ssize_t length = readlink("/proc/self/exe", call->program, sizeof call->program - 1);
  if (length < 0) return ddla_file_fail(errno, "cannot read", "/proc/self/exe");
  call->program[length] = '\0';
  return DDLA_OK;
}

/* Beside the build folder, as in the source tree; else in PATH. */
static ddla_status find_netlab(ddla_compare_call *call) {
  char folder[DDLA_PATH_BYTES - 64];
  snprintf(folder, sizeof folder, "%.*s", (int)sizeof folder - 1, call->program);
  char *slash = strrchr(folder, '/');
  if (slash) *slash = '\0';
  snprintf(call->netlab, sizeof call->netlab, "%s/../tools/netlab/netlab", folder);
  if (access(call->netlab, X_OK) != 0) snprintf(call->netlab, sizeof call->netlab, "netlab");
  if (setenv("BUILD", folder, 0) != 0) /* where netlab looks for what was built with this program */
    return DDLA_FAIL(NO_MEMORY, "no memory for the environment");
  return DDLA_OK;
}

static bool begins(const char *line, const char *with) {
  return strncmp(line, with, strlen(with)) == 0;
}

/* Why an errand failed: the program's own line, which a launcher's may follow; else the last line
 * that was said. */
static void explain(char *out, size_t bytes, const ddla_errand *errand) {
  static const char name[] = "ddla: ";
  const char *found = "";
  for (const char *at = errand->said; *at; at += strspn(at, "\n")) {
    const bool own = begins(at, name) && !begins(at, "ddla: warning: ");
    found = own ? at + sizeof name - 1 : at;
    if (own) break;
    at += strcspn(at, "\n");
  }
  if (begins(found, "--set: ")) found += 7; /* the words are ours */
  snprintf(out, bytes, "%.*s", (int)strcspn(found, "\n"), found);
  if (!out[0]) snprintf(out, bytes, "exit status %d", errand->exit);
}

/* A lab is made, and the launcher starts `true` on its hosts. */
static ddla_status try_netlab(ddla_compare_call *call, ddla_errand *errand) {
  ddla_mpi_words words = {.count = 0};
  char why[DDLA_STATUS_TEXT_BYTES / 2];
  const ddla_errand_options options = {.limit_ms = TRY_MS};
  DDLA_TRY(add_netlab(&words, call));
  DDLA_TRY(ddla_mpi_words_add(&words, "true"));
  *errand = (ddla_errand){.words = words.word};
  DDLA_TRY(ddla_errand_run(errand, 1, &options));
  if (errand->exit == 0) return DDLA_OK;
  explain(why, sizeof why, errand);
  if (errand->exit == SKIPPED)
    return DDLA_FAIL(UNSUPPORTED,
                     "--network: emulated hosts need Linux's network namespaces, root and an MPI "
                     "launcher (%s); leave it out to compare on this machine without a network, or "
                     "see docs/howto/rehearse-a-cluster.md",
                     why);
  return DDLA_FAIL(UNSUPPORTED, "--network: the emulated hosts do not work: %s", why);
}

ddla_status ddla_compare_try_network(ddla_compare_call *call) {
  ddla_errand *errand = NULL;
  DDLA_TRY(find_program(call));
  if (!call->has_network) return DDLA_OK;
  DDLA_TRY(find_netlab(call));
  DDLA_TRY(DDLA_NEW(errand, 1));
  ddla_status status = try_netlab(call, errand);
  ddla_free(errand);
  return status;
}

/* ---- one run ---- */

static ddla_status make_line(ddla_mpi_words *line, const ddla_compare_run *run,
                             const ddla_compare_call *call) {
  ddla_mpi_words sets = {.count = 0};
  if (call->has_network) DDLA_TRY(add_netlab(line, call));
  DDLA_TRY(ddla_mpi_words_add(line, call->program));
  DDLA_TRY(ddla_mpi_words_split(line, "train -q"));
  if (!call->has_network) DDLA_TRY(ddla_mpi_words_split(line, "--transport local"));
  DDLA_TRY(ddla_compare_sets(&sets, call, run->entry));
  DDLA_TRY(ddla_mpi_words_add(&sets, "output.overwrite=true"));
  for (int i = 0; i < sets.count; i++) {
    DDLA_TRY(ddla_mpi_words_add(line, "--set"));
    DDLA_TRY(ddla_mpi_words_add(line, sets.word[i]));
  }
  DDLA_TRY(ddla_mpi_words_add(line, "--out"));
  DDLA_TRY(ddla_mpi_words_add(line, run->directory));
  return ddla_mpi_words_add(line, call->job_path);
}

/* Refused: with the status of a user's mistake, and before there was anything to train. */
static void judge(ddla_compare_run *run, const ddla_compare_call *call, const ddla_errand *errand) {
  char path[DDLA_PATH_BYTES];
  if (ddla_compare_is_over(run, call)) {
    run->state = DDLA_COMPARE_DONE;
    return;
  }
  const bool started = access(ddla_run_path(path, run->directory, "metrics.jsonl"), F_OK) == 0;
  const bool mistake = errand->exit == ddla_status_exit(DDLA_INVALID);
  run->state = mistake && !started ? DDLA_COMPARE_REFUSED : DDLA_COMPARE_FAILED;
  explain(run->reason, sizeof run->reason, errand);
}

static ddla_status run_line(ddla_compare_run *run, const ddla_compare_call *call,
                            ddla_mpi_words *line, ddla_errand *errand) {
  const ddla_errand_options options = {.limit_ms = no_limit_ms};
  char path[DDLA_PATH_BYTES];
  DDLA_TRY(make_line(line, run, call));
  unlink(ddla_run_path(path, run->directory, "metrics.jsonl")); /* of a run that was cut off */
  unlink(ddla_run_path(path, run->directory, "report.json"));
  *errand = (ddla_errand){.words = line->word};
  DDLA_TRY(ddla_errand_run(errand, 1, &options));
  judge(run, call, errand);
  return DDLA_OK;
}

ddla_status ddla_compare_train(ddla_compare_run *run, ddla_compare_call *call) {
  ddla_mpi_words *line = NULL;
  ddla_errand *errand = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(line, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(errand, 1));
  status = run_line(run, call, line, errand);
cleanup:
  ddla_free(line);
  ddla_free(errand);
  return status;
}
