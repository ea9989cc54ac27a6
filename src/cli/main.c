/* The program: finds the command, runs it, and prints a failure once. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/words.h"

#define DDLA_COMMAND(name) extern const ddla_command ddla_command_##name;
#include "cli/command_list.h"
#undef DDLA_COMMAND

static const ddla_command *const table[] = {
#define DDLA_COMMAND(name) &ddla_command_##name,
#include "cli/command_list.h"
#undef DDLA_COMMAND
};

enum { COMMAND_COUNT = sizeof table / sizeof table[0] };

const ddla_command *const *ddla_command_table(int *count) {
  *count = COMMAND_COUNT;
  return table;
}

void ddla_command_print_help(FILE *file, const ddla_command *command) {
  fprintf(file, "ddla %s %s\n\n%s\n", command->name, command->arguments, command->summary);
  if (command->help) fprintf(file, "\n%s", command->help);
}

static void print_help(FILE *file) {
  fprintf(file,
          "ddla %s: trains deep-learning models on several agents, with the same bits for any "
          "number of them\n\n",
          DDLA_VERSION);
  for (int i = 0; i < COMMAND_COUNT; i++)
    fprintf(file, "  ddla %-9s %s\n", table[i]->name, table[i]->summary);
  fprintf(file,
          "\n`ddla COMMAND --help` says more; `ddla info job` lists every key of a job file.\n");
}

static int unknown(const char *word) {
  const char *near = NULL;
  for (int i = 0; i < COMMAND_COUNT; i++) near = ddla_words_nearer(near, word, table[i]->name);
  fprintf(stderr, "ddla: there is no command %s%s%s%s; `ddla --help` lists them\n",
          ddla_text_quote(word).text, near ? "; did you mean '" : "", near ? near : "",
          near ? "'?" : "");
  return ddla_status_exit(DDLA_INVALID);
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static const ddla_command *find(const char *name) {
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(name, table[i]->name) == 0) return table[i];
  return NULL;
}

static int run(const ddla_command *command, int argc, char **argv, int64_t start_ns) {
  for (int i = 1; i < argc; i++) {
    if (!is_help(argv[i])) continue;
    ddla_command_print_help(stdout, command);
    return 0;
  }
  ddla_status status = command->run(argc, argv, start_ns);
  if (fflush(stdout) != 0 && status == DDLA_OK)
    status = ddla_file_fail(errno, "cannot write to", "standard output");
  if (status != DDLA_OK) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
  return ddla_status_exit(status);
}

/* `ddla --help`, `ddla help`, `ddla help train`. */
static int help(int argc, char **argv) {
  if (argc < 3) {
    print_help(stdout);
    return 0;
  }
  const ddla_command *command = find(argv[2]);
  if (!command) return unknown(argv[2]);
  ddla_command_print_help(stdout, command);
  return 0;
}

int main(int argc, char **argv) {
  int64_t start_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of write, as a full disk is */
  if (argc < 2) {
    print_help(stderr);
    return ddla_status_exit(DDLA_INVALID);
  }
  if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) return help(argc, argv);
  if (strcmp(argv[1], "--version") == 0) {
    printf("ddla %s\n", DDLA_VERSION);
    return 0;
  }
  const ddla_command *command = find(argv[1]);
  return command ? run(command, argc - 1, argv + 1, start_ns) : unknown(argv[1]);
}
