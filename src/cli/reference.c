/* ddla reference: every command, option and key, from the rows themselves: as a page, as manual
 * pages, or for a shell to complete. */
#include <ctype.h>
#include <string.h>

#include "cli/command.h"
#include "cli/manual.h"
#include "cli/words.h"
#include "job/option.h"

/* The next "--word" of a command's help behind *at, of *length bytes; null behind the last. */
static const char *next_option(const char *at, size_t *length) {
  for (at = strstr(at, "--"); at; at = strstr(at + *length, "--")) {
    *length = 2;
    while (islower((unsigned char)at[*length]) || at[*length] == '-') (*length)++;
    if (*length > 2) return at;
  }
  return NULL;
}

/* Whether the option has stood in the help before. */
static bool is_again(const char *help, const char *option, size_t length) {
  size_t other = 0;
  for (const char *at = next_option(help, &other); at && at < option;
       at = next_option(at + other, &other))
    if (other == length && memcmp(at, option, length) == 0) return true;
  return false;
}

static void print_options(const ddla_command *command) {
  size_t length = 0;
  const char *help = command->help ? command->help : "";
  for (const char *at = next_option(help, &length); at; at = next_option(at + length, &length))
    if (!is_again(help, at, length)) printf("%.*s ", (int)length, at);
  fputs("--help", stdout);
}

static void print_keys(const char *separator) {
  for (int i = 0; i < ddla_option_count(); i++)
    printf("%s%s=", i ? separator : "", ddla_option_at(i)->key);
}

static void print_names(const ddla_command *const *table, int count) {
  for (int i = 0; i < count; i++) printf("%s%s", i ? " " : "", table[i]->name);
}

static void print_cases(const ddla_command *const *table, int count, const char *variable) {
  for (int i = 0; i < count; i++) {
    printf("    %s) %s='", table[i]->name, variable);
    print_options(table[i]);
    puts("' ;;");
  }
}

static void print_bash(const ddla_command *const *table, int count) {
  puts("# bash completion of ddla; written by `ddla reference bash`.\n_ddla() {");
  puts("  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''");
  fputs("  local keys='", stdout);
  print_keys(" ");
  puts("'\n  if [ \"$COMP_CWORD\" -eq 1 ]; then");
  fputs("    COMPREPLY=($(compgen -W '", stdout);
  print_names(table, count);
  puts(" help' -- \"$word\"))\n    return\n  fi");
  puts("  if [ \"$before\" = --set ]; then\n    compopt -o nospace");
  puts("    COMPREPLY=($(compgen -W \"$keys\" -- \"$word\"))\n    return\n  fi");
  puts("  case ${COMP_WORDS[1]} in");
  print_cases(table, count, "words");
  puts("  esac\n  case $word in\n    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;");
  puts("    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n  esac\n}\ncomplete -o filenames -F "
       "_ddla ddla");
}

static void print_zsh(const ddla_command *const *table, int count) {
  puts("#compdef ddla\n# zsh completion of ddla; written by `ddla reference zsh`.");
  fputs("local options=''\nlocal -a keys=(", stdout);
  print_keys(" ");
  fputs(")\nif (( CURRENT == 2 )); then\n  compadd ", stdout);
  print_names(table, count);
  puts(" help\n  return\nfi\nif [[ $words[CURRENT-1] == --set ]]; then");
  puts("  compadd -S '' -a keys\n  return\nfi\ncase $words[2] in");
  print_cases(table, count, "options");
  puts("esac\nif [[ $PREFIX == -* ]]; then\n  compadd ${=options}\nelse\n  _files\nfi");
}

static void print_page(const ddla_command *const *table, int count) {
  puts("# Reference\n\nWritten by `ddla reference`; a test keeps it current. Keys of a job file "
       "are in");
  puts("[formats/job-file.md](formats/job-file.md).");
  for (int i = 0; i < count; i++) {
    printf("\n## ddla %s\n\n```\n", table[i]->name);
    ddla_command_print_help(stdout, table[i]);
    puts("```");
  }
}

static ddla_status reference(int argc, char **argv, int64_t start_ns) {
  static const struct {
    const char *name;
    void (*print)(const ddla_command *const *table, int count);
  } forms[] = {{"page", print_page}, {"bash", print_bash}, {"zsh", print_zsh}};
  ddla_words words = {0};
  int count = 0;
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, NULL, 0));
  const ddla_command *const *table = ddla_command_table(&count);
  const char *form = words.other_count > 0 ? words.other[0] : "page";
  if (strcmp(form, "man") == 0 && words.other_count < 3)
    return ddla_manual_print(stdout, words.other_count > 1 ? words.other[1] : NULL);
  for (size_t i = 0; i < sizeof forms / sizeof forms[0] && words.other_count < 2; i++) {
    if (strcmp(forms[i].name, form) != 0) continue;
    forms[i].print(table, count);
    return DDLA_OK;
  }
  return DDLA_FAIL(INVALID, "ddla reference takes one of page, man, bash and zsh");
}

const ddla_command ddla_command_reference = {
    .name = "reference",
    .arguments = "[page|bash|zsh] | man [COMMAND|job]",
    .summary = "prints every command as a page, manual pages, or completion for a shell",
    .help = "  man                ddla.1, the manual page of the program\n"
            "  man COMMAND        that of a command, for example ddla-train.1\n"
            "  man job            ddla-job.5, that of the job file\n"
            "\n`. <(ddla reference bash)` completes commands, options and keys in this shell.\n",
    .run = reference};
