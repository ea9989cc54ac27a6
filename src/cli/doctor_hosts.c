/* ddla doctor --hosts: reaches every host of a file by itself, so that whoever does not answer can
 * be named, then starts ddla doctor on all of them together. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/errand.h"
#include "base/alloc.h"
#include "base/text.h"
#include "cli/doctor_parts.h"
#include "mpi/complaint.h"
#include "mpi/hosts_file.h"
#include "mpi/load.h"
#include "mpi/starter.h"

enum { TIMEOUT_S = 30, TIMEOUT_MOST_S = 3600, VERSION_MS = 20000 };

typedef struct hosts_call {
  const ddla_doctor_given *given;
  ddla_hosts_file hosts;
  ddla_mpi_words launcher;
  const char *library;
  char program[PATH_MAX];
  int64_t timeout_ms;
  ddla_mpi_words *line; /* [hosts] */
  ddla_errand *errand;  /* [hosts] */
} hosts_call;

/* ---- the launcher ---- */

/* Whose it is, by what it says of its version; null: nobody's, or it is not there. */
static ddla_status ask_version(const char **library, const ddla_mpi_words *launcher) {
  char option[] = "--version";
  char *const words[] = {launcher->word[0], option, NULL};
  ddla_errand errand = {.words = words};
  const ddla_errand_options options = {.limit_ms = VERSION_MS};
  DDLA_TRY(ddla_errand_run(&errand, 1, &options));
  *library = errand.exit == 0 ? ddla_mpi_starter_library(errand.said) : NULL;
  return DDLA_OK;
}

static ddla_status take_launcher(hosts_call *call, const char *text) {
  DDLA_TRY(ddla_mpi_words_split(&call->launcher, text));
  if (call->launcher.count == 0) return DDLA_FAIL(INVALID, "--launcher names no program");
  DDLA_TRY(ask_version(&call->library, &call->launcher));
  if (!call->library)
    return DDLA_FAIL(INVALID,
                     "--launcher: %s is not there or is no launcher of Open MPI or MPICH; other "
                     "launchers start ddla doctor themselves: srun -n HOSTS ddla doctor",
                     ddla_text_quote(call->launcher.word[0]).text);
  return ddla_mpi_load_check(call->library, NULL);
}

/* The first that is there, with a plug-in for its library. */
static ddla_status find_launcher(hosts_call *call) {
  static const char *const names[] = {"mpirun", "mpiexec", "mpirun.openmpi", "mpirun.mpich"};
  ddla_failure no_plugin = {.code = DDLA_OK};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    call->launcher = (ddla_mpi_words){.count = 0};
    DDLA_TRY(ddla_mpi_words_add(&call->launcher, names[i]));
    DDLA_TRY(ask_version(&call->library, &call->launcher));
    if (!call->library) continue;
    ddla_status status = ddla_mpi_load_check(call->library, NULL);
    if (status == DDLA_OK) return DDLA_OK;
    if (no_plugin.code == DDLA_OK) ddla_status_take(&no_plugin, status);
  }
  if (no_plugin.code != DDLA_OK) return ddla_status_raise(&no_plugin);
  return DDLA_FAIL(UNSUPPORTED, "there is no launcher of MPI here (looked for mpirun and mpiexec): "
                                "apt-get install openmpi-bin or mpich, here and on all hosts, or "
                                "name one with --launcher");
}

/* ---- what is started ---- */

static ddla_status find_program(hosts_call *call) {
  if (call->given->program) {
    snprintf(call->program, sizeof call->program, "%s", call->given->program);
    return DDLA_OK;
  }
  if (!realpath("/proc/self/exe", call->program))
    return DDLA_FAIL(UNSUPPORTED, "the system does not say where this program lies; name its "
                                  "place on the hosts with --program");
  return DDLA_OK;
}

/* Adds what the command line said of the job; where it lies does not depend on folders. */
static ddla_status add_job(ddla_mpi_words *words, const ddla_doctor_given *given) {
  char path[PATH_MAX];
  if (!given->job) return DDLA_OK;
  snprintf(path, sizeof path, "%s", given->job);
  if (access(given->job, F_OK) == 0 && !realpath(given->job, path))
    return DDLA_FAIL(INVALID, "the path of %s is too long", ddla_text_quote(given->job).text);
  DDLA_TRY(ddla_mpi_words_add(words, "--job"));
  DDLA_TRY(ddla_mpi_words_add(words, path));
  for (int i = 0; i < given->words.set_count; i++) {
    DDLA_TRY(ddla_mpi_words_add(words, "--set"));
    DDLA_TRY(ddla_mpi_words_add(words, given->words.set[i]));
  }
  return DDLA_OK;
}

static ddla_status add_slots(ddla_mpi_words *words, const hosts_call *call) {
  char list[8 * DDLA_MPI_HOSTS_MAX] = "";
  size_t used = 0;
  for (int h = 0; h < call->hosts.count; h++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%d", h > 0 ? "," : "",
                             call->hosts.host[h].slots);
  DDLA_TRY(ddla_mpi_words_add(words, "--slots"));
  return ddla_mpi_words_add(words, call->given->slots ? call->given->slots : list);
}

/* The command line that starts ddla doctor on hosts [first, first + count). */
static ddla_status make_line(ddla_mpi_words *line, const hosts_call *call, int first, int count,
                             const ddla_mpi_words *command) {
  const char *names[DDLA_MPI_HOSTS_MAX];
  for (int i = 0; i < count; i++) names[i] = call->hosts.host[first + i].name;
  const ddla_mpi_start_line start = {.launcher = &call->launcher,
                                     .library = call->library,
                                     .hosts = names,
                                     .host_count = count,
                                     .command = (const char *const *)command->word};
  *line = (ddla_mpi_words){.count = 0};
  return ddla_mpi_starter_line(line, &start);
}

/* ---- each host by itself ---- */

static ddla_mpi_attempt attempt_on(const hosts_call *call, int host) {
  return (ddla_mpi_attempt){.library = call->library,
                            .host = host < 0 ? NULL : call->hosts.host[host].name,
                            .program = call->program};
}

static bool has_complained(void *argument, const ddla_errand *errand) {
  char words[16];
  const ddla_mpi_attempt attempt = attempt_on(argument, -1);
  return ddla_mpi_complaint_read(words, sizeof words, errand->said, &attempt);
}

/* Why an errand did not end well. */
static void explain(char *out, size_t bytes, const hosts_call *call, const ddla_errand *errand,
                    int host) {
  const ddla_mpi_attempt attempt = attempt_on(call, host);
  const bool known = ddla_mpi_complaint_read(out, bytes, errand->said, &attempt);
  char heard[160] = "";
  if (known) return;
  snprintf(heard, sizeof heard, "%.159s", out);
  if (errand->late && strstr(errand->said, "\"works\""))
    snprintf(out, bytes, "it answers, but MPI does not come to its end within %" PRId64 " s",
             call->timeout_ms / 1000);
  else if (errand->late)
    snprintf(out, bytes,
             "no answer for %" PRId64 " s%s%s; is it up, and can it reach this machine?",
             call->timeout_ms / 1000, heard[0] ? ", but: " : "", heard);
  else if (heard[0]) snprintf(out, bytes, "%s", heard);
  else snprintf(out, bytes, "the launcher ended with status %d and no word", errand->exit);
}

/* Why a host did not answer. */
typedef struct absence {
  bool absent, told;
  char words[400]; /* as for any host, so that they can be compared */
} absence;

/* "h2: why", or "h2, h5, h7: why" for all that have the same reason as `first`. */
static size_t tell(char *text, size_t bytes, const hosts_call *call, absence *all, int first) {
  const int count = call->hosts.count;
  size_t used = 0;
  int named = 0;
  for (int h = first; h < count && used < bytes; h++) {
    if (!all[h].absent || strcmp(all[h].words, all[first].words) != 0) continue;
    used += (size_t)snprintf(text + used, bytes - used, "%s%s", named++ > 0 ? ", " : "",
                             call->hosts.host[h].name);
    all[h].told = true;
  }
  char words[sizeof all[first].words];
  explain(words, sizeof words, call, &call->errand[first], named > 1 ? -1 : first);
  if (used < bytes) used += (size_t)snprintf(text + used, bytes - used, ": %s", words);
  return used;
}

/* One message for all that did not answer. */
static ddla_status fail_absent(const hosts_call *call) {
  char text[DDLA_STATUS_TEXT_BYTES - 1] = "";
  absence *all = NULL;
  size_t used = 0;
  DDLA_TRY(DDLA_NEW(all, call->hosts.count));
  for (int h = 0; h < call->hosts.count; h++) {
    all[h].absent = call->errand[h].exit != 0;
    explain(all[h].words, sizeof all[h].words, call, &call->errand[h], -1);
  }
  for (int h = 0; h < call->hosts.count && used < sizeof text; h++) {
    if (!all[h].absent || all[h].told) continue;
    if (used > 0) used += (size_t)snprintf(text + used, sizeof text - used, "; ");
    if (used < sizeof text) used += tell(text + used, sizeof text - used, call, all, h);
  }
  ddla_free(all);
  return used > 0 ? DDLA_FAIL(UNSUPPORTED, "%s", text) : DDLA_OK;
}

static ddla_status reach_each(hosts_call *call) {
  static const char *const words[] = {"doctor", "--json"};
  const ddla_errand_options options = {
      .limit_ms = call->timeout_ms, .enough = has_complained, .argument = call};
  ddla_mpi_words command = {.count = 0};
  DDLA_TRY(ddla_mpi_words_add(&command, call->program));
  for (int i = 0; i < 2; i++) DDLA_TRY(ddla_mpi_words_add(&command, words[i]));
  for (int h = 0; h < call->hosts.count; h++) {
    DDLA_TRY(make_line(&call->line[h], call, h, 1, &command));
    call->errand[h] = (ddla_errand){.words = call->line[h].word};
  }
  DDLA_TRY(ddla_errand_run(call->errand, call->hosts.count, &options));
  return fail_absent(call);
}

/* ---- all together ---- */

static ddla_status measure_together(hosts_call *call) {
  const ddla_survey_options pace = ddla_doctor_pace();
  const double expected_s = ddla_survey_seconds(call->hosts.count, &pace);
  /* Slow links take several times as long; what hangs is named by the processes themselves. */
  const ddla_errand_options options = {.limit_ms =
                                           2 * call->timeout_ms + (int64_t)(expected_s * 10000)};
  ddla_errand *errand = &call->errand[0];
  ddla_mpi_words command = {.count = 0};
  char words[640];
  DDLA_TRY(ddla_mpi_words_add(&command, call->program));
  DDLA_TRY(ddla_mpi_words_add(&command, "doctor"));
  if (call->given->json) DDLA_TRY(ddla_mpi_words_add(&command, "--json"));
  DDLA_TRY(add_job(&command, call->given));
  DDLA_TRY(add_slots(&command, call));
  DDLA_TRY(make_line(&call->line[0], call, 0, call->hosts.count, &command));
  *errand = (ddla_errand){.words = call->line[0].word, .passes_on = true};
  if (expected_s > 10)
    fprintf(stderr, "ddla: all %d hosts answer; measuring takes about %.0f s\n", call->hosts.count,
            expected_s);
  DDLA_TRY(ddla_errand_run(errand, 1, &options));
  if (errand->exit == 0) return DDLA_OK;
  if (errand->late)
    return DDLA_FAIL(TIMEOUT,
                     "every host answers by itself, but together they do not come to an end: do "
                     "messages pass between all of them (firewall; the network card that MPI "
                     "chooses)? Try a few hosts at a time");
  explain(words, sizeof words, call, errand, -1);
  return DDLA_FAIL(UNSUPPORTED, "%s", words);
}

static ddla_status prepare(hosts_call *call) {
  const ddla_doctor_given *given = call->given;
  int64_t seconds = TIMEOUT_S;
  DDLA_TRY(ddla_hosts_file_load(&call->hosts, given->hosts));
  if (given->timeout &&
      (!ddla_text_to_int(&seconds, given->timeout) || seconds < 1 || seconds > TIMEOUT_MOST_S))
    return DDLA_FAIL(INVALID, "--timeout %s: expected a whole number of seconds from 1 to %d",
                     ddla_text_quote(given->timeout).text, TIMEOUT_MOST_S);
  call->timeout_ms = seconds * 1000;
  if (given->job) { /* what is wrong with it is told before anything is started */
    ddla_job *job = NULL;
    DDLA_TRY(ddla_words_job(&job, &given->words, given->job));
    ddla_job_destroy(job);
  }
  DDLA_TRY(find_program(call));
  DDLA_TRY(given->launcher ? take_launcher(call, given->launcher) : find_launcher(call));
  DDLA_TRY(DDLA_NEW(call->line, call->hosts.count));
  return DDLA_NEW(call->errand, call->hosts.count);
}

ddla_status ddla_doctor_hosts(const ddla_doctor_given *given) {
  hosts_call *call = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(call, 1));
  call->given = given;
  DDLA_TRY_CLEAN(status, prepare(call));
  DDLA_TRY_CLEAN(status, reach_each(call));
  status = measure_together(call);
cleanup:
  ddla_free(call->line);
  ddla_free(call->errand);
  ddla_free(call);
  return status;
}
