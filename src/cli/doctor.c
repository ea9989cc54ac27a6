/* ddla doctor: what this machine, or a cluster, offers for training, what it lacks, and what to do
 * about it. */
#include <string.h>

#include "agent/join.h"
#include "cli/checks.h"
#include "cli/command.h"
#include "cli/doctor_parts.h"
#include "cli/json.h"
#include "cli/words.h"

/* In this order: what forks stands before what starts libraries. */
static const ddla_check_row rows[] = {
    {"processor", ddla_check_processor},
    {"vectors", ddla_check_vectors},
    {"cores", ddla_check_cores},
    {"topology", ddla_check_topology},
    {"caches", ddla_check_caches},
    {"memory", ddla_check_memory},
    {"huge pages", ddla_check_huge_pages},
    {"governor", ddla_check_governor},
    {"load", ddla_check_load},
    {"disk", ddla_check_disk},
    {"data set", ddla_check_data},
    {"agents", ddla_check_agents},
    {"deaths", ddla_check_pidfd},
    {"libraries", ddla_check_libraries},
    {"kernels", ddla_check_kernels},
    {"probe", ddla_check_probe},
    {"probe bf16", ddla_check_probe_bf16},
    {"peak", ddla_check_peak},
    {"lanes", ddla_check_lanes},
    {"copying", ddla_check_copy},
};

enum { CHECK_COUNT = sizeof rows / sizeof rows[0] };

static const char *const state_names[] = {"good", "hint", "bad"};

static void print(const ddla_check_row *row, const ddla_check *check) {
  static const char *const marks[] = {"  ", "? ", "! "};
  printf("%s%-11s %s\n", marks[check->state], row->name, check->value);
  if (check->advice[0]) printf("  %-11s -> %s\n", "", check->advice);
  fflush(stdout);
}

static json_t *check_json(const ddla_check_row *row, const ddla_check *check) {
  json_t *made = json_pack("{s:s, s:s, s:o}", "name", row->name, "state", state_names[check->state],
                           "value", ddla_json_text(check->value));
  if (made && check->advice[0]) json_object_set_new(made, "advice", ddla_json_text(check->advice));
  if (made && check->unit) {
    json_object_set_new(made, "number", json_real(check->number));
    json_object_set_new(made, "unit", json_string(check->unit));
  }
  return made;
}

/* Looks at everything; the first failure into *failure. Adds to the array, or prints where that is
 * null. */
static void look(ddla_failure *failure, json_t *all) {
  for (int i = 0; i < CHECK_COUNT; i++) {
    ddla_check check = {.state = DDLA_CHECK_GOOD};
    rows[i].look(&check);
    if (check.state == DDLA_CHECK_BAD && failure->code == DDLA_OK) *failure = check.failure;
    if (all) json_array_append_new(all, check_json(&rows[i], &check));
    else print(&rows[i], &check);
  }
}

/* This machine alone. */
static ddla_status look_here(bool json) {
  ddla_failure failure = {.code = DDLA_OK};
  json_t *all = json ? json_array() : NULL;
  look(&failure, all);
  if (json)
    DDLA_TRY(ddla_json_print(json_pack("{s:b, s:s, s:o}", "works", failure.code == DDLA_OK,
                                       "version", DDLA_VERSION, "checks", all)));
  if (failure.code == DDLA_OK) {
    if (!json) puts("\nTraining works here. '?' marks what could be better.");
    return DDLA_OK;
  }
  ddla_status status = ddla_status_raise(&failure);
  return ddla_status_prefix(status, "training cannot work here as it should: ");
}

/* What makes no sense together, before anything is started. */
static ddla_status check(const ddla_doctor_given *given, bool joined) {
  if (given->words.other_count > 0)
    return DDLA_FAIL(INVALID, "ddla doctor takes no files but by --hosts and --job; `ddla doctor "
                              "--help` says more");
  if (given->words.set_count > 0 && !given->job)
    return DDLA_FAIL(INVALID, "ddla doctor takes --set only with --job");
  if (given->hosts && joined)
    return DDLA_FAIL(INVALID, "--hosts starts processes on hosts, and this one was started by an "
                              "MPI launcher; leave one of them out");
  if (!given->hosts && (given->launcher || given->program || given->timeout))
    return DDLA_FAIL(INVALID, "--launcher, --program and --timeout are for --hosts FILE");
  if (!given->hosts && !joined && (given->job || given->slots))
    return DDLA_FAIL(INVALID, "--job and --slots need hosts: --hosts FILE, or an MPI launcher that "
                              "starts ddla doctor");
  return DDLA_OK;
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_doctor_given given = {.json = false};
  bool joined = false;
  const ddla_words_option options[] = {
      {"--hosts", NULL, &given.hosts, NULL},     {"--launcher", NULL, &given.launcher, NULL},
      {"--program", NULL, &given.program, NULL}, {"--timeout", NULL, &given.timeout, NULL},
      {"--job", NULL, &given.job, NULL},         {"--slots", NULL, &given.slots, NULL},
      {"--json", NULL, NULL, &given.json}};
  DDLA_TRY(ddla_words_read(&given.words, argc, argv, options, sizeof options / sizeof options[0]));
  DDLA_TRY(ddla_join_wanted(&joined));
  DDLA_TRY(check(&given, joined));
  if (joined) return ddla_doctor_joined(&given, start_ns);
  return given.hosts ? ddla_doctor_hosts(&given) : look_here(given.json);
}

const ddla_command ddla_command_doctor = {
    .name = "doctor",
    .arguments = "[--hosts FILE] [--job JOB.yaml] [--json]",
    .summary = "says what a machine or a cluster offers for training, and what to do about what "
               "it lacks",
    .help =
        "  --hosts FILE       examines the hosts of a file, a line for each: h0 slots=4, or h0:4\n"
        "  --job JOB.yaml     also what the exchange of this job's model costs in a step\n"
        "  --set KEY=VALUE    sets a key of the job\n"
        "  --launcher WORDS   what starts processes on the hosts, with its options, for example\n"
        "                     'mpirun.mpich -iface eth1' [the first MPI launcher found]\n"
        "  --program PATH     where ddla lies on the hosts [where this one does]\n"
        "  --timeout SECONDS  that a host may take to answer [30]\n"
        "  --slots N,N,...    processes that each host is to have, where one of each measures "
        "[those\n"
        "                     of the file]\n"
        "  --json             prints JSON\n\n"
        "Looks at the system, tries what agents need, and measures for less than a second. The\n"
        "probe is a hash of a fixed computation, at each precision: machines with the same hash\n"
        "can promise the same bits. Ends with 0 if training can work, else with the status of what "
        "fails.\n\n"
        "With --hosts it starts itself on every host, by MPI; started by an MPI launcher it does\n"
        "the same with the processes that are there. It compares programs, processors and clocks,\n"
        "measures latency and bandwidth of all pairs, and says what is odd and what to do.\n",
    .run = run};
