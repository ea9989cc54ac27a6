/* ddla doctor: what this machine offers for training, what it lacks, and what to do about it. */
#include <string.h>

#include "cli/checks.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/words.h"

/* In this order: what forks stands before what starts libraries. */
static const ddla_check_row rows[] = {
    {"processor", ddla_check_processor}, {"vectors", ddla_check_vectors},
    {"cores", ddla_check_cores},         {"caches", ddla_check_caches},
    {"memory", ddla_check_memory},       {"huge pages", ddla_check_huge_pages},
    {"governor", ddla_check_governor},   {"load", ddla_check_load},
    {"disk", ddla_check_disk},           {"data set", ddla_check_data},
    {"agents", ddla_check_agents},       {"deaths", ddla_check_pidfd},
    {"libraries", ddla_check_libraries}, {"kernels", ddla_check_kernels},
    {"probe", ddla_check_probe},         {"probe bf16", ddla_check_probe_bf16},
    {"peak", ddla_check_peak},           {"lanes", ddla_check_lanes},
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

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  bool json = false;
  ddla_failure failure = {.code = DDLA_OK};
  const ddla_words_option options[] = {{"--json", NULL, NULL, &json}};
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID,
                     "ddla doctor takes no files and no --set; `ddla doctor --help` says more");
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

const ddla_command ddla_command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "says what this machine offers for training, and what to do about what it lacks",
    .help =
        "  --json             prints JSON\n\n"
        "Looks at the system, tries what agents need, and measures for less than a second. The\n"
        "probe is a hash of a fixed computation, at each precision: machines with the same hash\n"
        "can promise the same bits. Ends with 0 if training can work, else with the status of what "
        "fails.\n",
    .run = run};
