#include "cli/manual.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "cli/command.h"
#include "data/format/text.h"
#include "job/option.h"

/* A piece of a text. */
typedef struct piece {
  const char *at;
  size_t length;
} piece;

static piece whole(const char *text) { return (piece){text, strlen(text)}; }

/* One character, so that troff takes it for nothing but itself; returns its bytes. */
static size_t put_character(FILE *file, const char *at) {
  static const struct {
    char character;
    const char *words;
  } escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"}, {'"', "\\(dq"},
                 {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
  const size_t bytes = (size_t)ddla_text_character_bytes(at);
  uint32_t code = (unsigned char)*at & (0xffU >> (bytes + 1));
  for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
    if (*at == escapes[i].character) {
      fputs(escapes[i].words, file);
      return 1;
    }
  for (size_t i = 1; i < bytes; i++) code = code << 6 | ((unsigned char)at[i] & 0x3fU);
  if (bytes == 1) fputc(*at, file);
  else fprintf(file, "\\[u%04" PRIX32 "]", code);
  return bytes;
}

static void put_plain(FILE *file, piece text) {
  if (text.length > 0 && text.at[0] == '.') fputs("\\&", file); /* else a request */
  for (size_t i = 0; i < text.length;) i += put_character(file, text.at + i);
}

static bool is_within_word(char c) { return isalnum((unsigned char)c) || c == '-' || c == '_'; }

/* Bytes of an option at the text's beginning: "-n", "--set". */
static size_t option_bytes(piece text) {
  size_t length = 0;
  while (length < text.length && text.at[length] == '-') length++;
  if (length == 0 || length > 2) return 0;
  const size_t dashes = length;
  while (length < text.length &&
         (islower((unsigned char)text.at[length]) || text.at[length] == '-'))
    length++;
  return length > dashes ? length : 0;
}

/* Bytes of what stands for a word of the user's: "N", "KEY", "JOB.yaml". */
static size_t name_bytes(piece text) {
  size_t length = 0;
  while (length < text.length && isupper((unsigned char)text.at[length])) length++;
  if (length == 0 || (length < text.length && islower((unsigned char)text.at[length]))) return 0;
  size_t end = length + 1;
  if (end >= text.length || text.at[length] != '.' || !islower((unsigned char)text.at[end]))
    return length;
  while (end < text.length && islower((unsigned char)text.at[end])) end++;
  return end;
}

/* Options bold; with `names`, what stands for a word of the user's italic. */
static void put_marked(FILE *file, piece text, bool names) {
  for (size_t i = 0, marked = 0; i < text.length; i += marked) {
    const piece rest = {text.at + i, text.length - i};
    const bool begins = i == 0 || !is_within_word(text.at[i - 1]);
    const size_t option = begins ? option_bytes(rest) : 0;
    const size_t name = begins && names && !option ? name_bytes(rest) : 0;
    marked = option + name;
    if (marked) {
      fputs(option ? "\\fB" : "\\fI", file);
      put_plain(file, (piece){rest.at, marked});
      fputs("\\fR", file);
    } else {
      if (i == 0 && rest.at[0] == '.') fputs("\\&", file);
      marked = put_character(file, rest.at);
    }
  }
}

/* A fragment as a sentence of its own. */
static void put_sentence(FILE *file, const char *fragment) {
  fputc(toupper((unsigned char)fragment[0]), file);
  put_marked(file, whole(fragment + 1), false);
  fputs(".\n", file);
}

static void put_head(FILE *file, const char *name, int section, const char *summary) {
  fprintf(file, "'\\\" t\n.\\\" Written by `ddla reference man`; a test keeps it current.\n.TH ");
  for (const char *at = name; *at; at++) fputc(toupper((unsigned char)*at), file);
  fprintf(file, " %d \"\" \"ddla %s\" \"%s\"\n.SH NAME\n", section, DDLA_VERSION,
          section == 1 ? "User commands" : "File formats");
  put_plain(file, whole(name));
  fputs(" \\- ", file);
  put_plain(file, whole(summary));
  fputc('\n', file);
}

/* "RUN IMAGE.png... | RUN --csv FILE" is two lines; bars within brackets separate nothing. */
static void put_synopsis(FILE *file, const ddla_command *command) {
  const char *at = command->arguments;
  for (bool more = true; more;) {
    int depth = 0;
    const char *end = at;
    for (; *end && (depth > 0 || strncmp(end, " | ", 3) != 0); end++)
      depth += (*end == '[') - (*end == ']');
    more = *end != '\0';
    fprintf(file, "\\fBddla %s\\fR%s", command->name, *at ? " " : "");
    put_marked(file, (piece){at, (size_t)(end - at)}, true);
    fputs(more ? "\n.br\n" : "\n", file);
    at = more ? end + 3 : end;
  }
}

/* A line of a command's help. */
typedef enum line_kind {
  LINE_EMPTY,
  LINE_TEXT,    /* at the border */
  LINE_HEADING, /* "ddla bench op …": options of a part of the command */
  LINE_ITEM,    /* an option, a gap, what it does */
  LINE_MORE,    /* of what it does */
  LINE_BARE /* a little inwards without a gap: text, or an item whose words are on the next line */
} line_kind;

typedef struct line {
  line_kind kind;
  piece text; /* without the blanks before; of an item, its name */
  piece rest; /* of an item, behind the gap */
} line;

static const char *gap_in(piece text) {
  for (size_t i = 0; i + 1 < text.length; i++)
    if (text.at[i] == ' ' && text.at[i + 1] == ' ') return text.at + i;
  return NULL;
}

/* The line at *at, and *at behind it. */
static line next_line(const char **at) {
  enum { DEEP = 6 };
  const char *end = strchr(*at, '\n');
  line made = {.text = {*at, end ? (size_t)(end - *at) : strlen(*at)}};
  size_t blanks = 0;
  *at = end ? end + 1 : made.text.at + made.text.length;
  while (blanks < made.text.length && made.text.at[blanks] == ' ') blanks++;
  made.text = (piece){made.text.at + blanks, made.text.length - blanks};
  const char *gap = gap_in(made.text);
  made.kind = made.text.length == 0                    ? LINE_EMPTY
              : blanks >= DEEP                         ? LINE_MORE
              : blanks > 0                             ? (gap ? LINE_ITEM : LINE_BARE)
              : strncmp(made.text.at, "ddla ", 5) == 0 ? LINE_HEADING
                                                       : LINE_TEXT;
  if (made.kind != LINE_ITEM) return made;
  made.rest = (piece){gap, (size_t)(made.text.at + made.text.length - gap)};
  made.text.length = (size_t)(gap - made.text.at);
  while (made.rest.length > 0 && *made.rest.at == ' ') made.rest.at++, made.rest.length--;
  return made;
}

/* The paragraphs of a help. */
static void put_paragraphs(FILE *file, const char *help) {
  bool inside = false;
  while (*help) {
    const line l = next_line(&help);
    if (l.kind == LINE_TEXT) {
      if (!inside) fputs(".PP\n", file);
      put_marked(file, l.text, false);
      fputc('\n', file);
    }
    inside = l.kind == LINE_TEXT;
  }
}

/* Whether lines of this kind end in words that are theirs. */
static bool is_item(const char *help) {
  line l = {.kind = LINE_BARE};
  while (*help && l.kind == LINE_BARE) l = next_line(&help);
  return l.kind == LINE_MORE;
}

static void put_option_line(FILE *file, const line *l, line_kind before, bool item) {
  const bool goes_on = l->kind == LINE_BARE && before == LINE_BARE;
  if (l->kind == LINE_HEADING) fputs(".SS ", file);
  if (l->kind == LINE_ITEM || (l->kind == LINE_BARE && !goes_on && item)) fputs(".TP\n", file);
  if (l->kind == LINE_BARE && !goes_on && !item && before != LINE_HEADING) fputs(".PP\n", file);
  put_marked(file, l->text, l->kind == LINE_ITEM || l->kind == LINE_HEADING);
  if (l->kind == LINE_ITEM) fputc('\n', file);
  put_marked(file, l->rest, false);
}

/* The options of a help, under the headings that it has. */
static void put_options(FILE *file, const char *help) {
  line_kind before = LINE_EMPTY;
  fputs(".SH OPTIONS\n.TP\n\\fB\\-\\-help\\fR\nPrints the options and ends.\n", file);
  while (*help) {
    const char *here = help;
    const line l = next_line(&help);
    if (l.kind != LINE_EMPTY && l.kind != LINE_TEXT) {
      const bool item = is_item(here), name = l.kind == LINE_BARE && item;
      const char *ahead = help;
      put_option_line(file, &l, before, item);
      /* An item's name is one line for troff. */
      fputs(name && *ahead && next_line(&ahead).kind == LINE_BARE ? " " : "\n", file);
    }
    before = l.kind;
  }
}

static void put_see_also(FILE *file, const char *but) {
  int count = 0;
  const ddla_command *const *table = ddla_command_table(&count);
  fputs(".SH SEE ALSO\n", file);
  if (but) fputs(".BR ddla (1),\n", file);
  for (int i = 0; i < count; i++)
    if (!but || strcmp(but, table[i]->name) != 0)
      fprintf(file, ".BR ddla\\-%s (1),\n", table[i]->name);
  if (but && strcmp(but, "job") == 0) fputs("and the folder docs/ of the source tree.\n", file);
  else fputs(".BR ddla\\-job (5),\nand the folder docs/ of the source tree.\n", file);
}

static void put_command(FILE *file, const ddla_command *command) {
  char name[64];
  const char *help = command->help ? command->help : "";
  snprintf(name, sizeof name, "ddla-%s", command->name);
  put_head(file, name, 1, command->summary);
  fputs(".SH SYNOPSIS\n", file);
  put_synopsis(file, command);
  fputs(".SH DESCRIPTION\n", file);
  put_sentence(file, command->summary);
  put_paragraphs(file, help);
  put_options(file, help);
  fputs(".SH EXIT STATUS\nAs in\n.BR ddla (1).\n", file);
  put_see_also(file, command->name);
}

static void put_key(FILE *file, const ddla_option *option) {
  fputs(".TP\n\\fB", file);
  put_plain(file, whole(option->key));
  fputs("\\fR: ", file);
  put_plain(file, whole(ddla_option_allowed(option).text));
  if (option->type != DDLA_OPTION_TREE && option->initial[0]) {
    fputs(", initially \\fB", file);
    put_plain(file, whole(option->initial));
    fputs("\\fR", file);
  }
  fputc('\n', file);
  put_marked(file, whole(option->help), false);
  fputs(".\n", file);
  if (option->resume == DDLA_OPTION_SAME) fputs("A resumed run keeps its value.\n", file);
}

static void put_job(FILE *file) {
  static const char text[] =
      ".SH SYNOPSIS\n.nf\n"
      "data:\n  train: /usr/share/datasets/fashion\\-mnist\nmodel:\n  kind: cnn\n"
      "train:\n  epochs: 3\n  learning_rate: 0.05\n.fi\n"
      ".SH DESCRIPTION\n"
      "A job file is YAML and says what\n.BR \"ddla train\"\ntrains: a section for each heading "
      "below,\nwith its keys under it. Every key has a value that works without a file. What "
      "is\nmisspelt, out of its range or contradicts something else is refused with its "
      "line.\n.PP\n"
      "On the command line\n.BI \\-\\-set \" section.key=value\"\nsets a key over the file's "
      "value. The run directory keeps all keys in\n.IR job.yaml ,\nwhich is a job file itself.\n"
      ".SH KEYS\n";
  put_head(file, "ddla-job", 5, "the job file of ddla train");
  fputs(text, file);
  for (int s = 0; s < ddla_option_section_count(); s++) {
    const ddla_option_section *section = ddla_option_section_at(s);
    fprintf(file, ".SS %s: ", section->name);
    put_plain(file, whole(section->help));
    fputc('\n', file);
    for (int i = 0; i < ddla_option_count(); i++)
      if (strcmp(ddla_option_at(i)->section, section->name) == 0) put_key(file, ddla_option_at(i));
  }
  put_see_also(file, "job");
}

static void put_exit_status(FILE *file) {
  static const struct {
    int exit;
    const char *words;
  } rows[] = {
#define DDLA_STATUS_ROW(name, exit, words, rebuild) {exit, words},
      DDLA_STATUS_LIST(DDLA_STATUS_ROW)
#undef DDLA_STATUS_ROW
  };
  int before = -1;
  fputs(".SH EXIT STATUS\n.TS\ntab(|);\nl l.\n", file);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].exit == before) fprintf(file, ", %s", rows[i].words);
    else fprintf(file, "%s%d|%s", i ? "\n" : "", rows[i].exit, rows[i].words);
    before = rows[i].exit;
  }
  fputs("\n.TE\n", file);
}

static void put_program(FILE *file) {
  static const char description[] =
      ".SH DESCRIPTION\n"
      "One or more\n.IR agents ,\nprocesses of this machine, compute gradients on their share of "
      "the data,\nupdate the parameters in the same processes, and hold one model together. The "
      "model\nfile has the same SHA\\-256 for any number of agents up to the number of "
      "shards.\n.PP\n"
      "A job file says what is trained, see\n.BR ddla\\-job (5);\na run leaves a directory with "
      "everything that became of it.\n.SH COMMANDS\n";
  static const char files[] =
      ".SH FILES\nA run directory holds\n.I job.yaml\n(with every key),\n.I model.json\n(what is "
      "needed beside the parameters),\n.IR metrics.jsonl ,\n.IR metrics.csv ,\n.IR report.txt "
      ",\n.IR report.json ,\n"
      ".IR model.safetensors ,\n.IR average.safetensors ,\n.I best.safetensors\n(where asked "
      "for),\n.IR checkpoints/ ,\n.IR agents/ .\n";
  static const char examples[] =
      ".SH EXAMPLES\n.nf\n"
      "ddla train examples/fashion\\-mnist.yaml \\-n 2 \\-\\-out runs/demo\n"
      "ddla train job.yaml \\-\\-resume\n"
      "ddla eval runs/demo \\-\\-json\n"
      "ddla predict runs/demo shoe.png \\-\\-top 3\n"
      "ddla bench step job.yaml \\-n 2 \\-\\-profile\n.fi\n";
  int count = 0;
  const ddla_command *const *table = ddla_command_table(&count);
  put_head(file, "ddla", 1, "trains neural networks with several agents at once");
  fputs(".SH SYNOPSIS\n\\fBddla\\fR \\fICOMMAND\\fR ...\n.br\n"
        "\\fBddla\\fR \\fB\\-\\-help\\fR | \\fB\\-\\-version\\fR\n",
        file);
  fputs(description, file);
  for (int i = 0; i < count; i++) {
    fprintf(file, ".TP\n.BR ddla\\-%s (1)\n", table[i]->name);
    put_sentence(file, table[i]->summary);
  }
  fputs(files, file);
  put_exit_status(file);
  fputs(examples, file);
  put_see_also(file, NULL);
}

ddla_status ddla_manual_print(FILE *file, const char *name) {
  int count = 0;
  const ddla_command *const *table = ddla_command_table(&count);
  if (!name) put_program(file);
  else if (strcmp(name, "job") == 0) put_job(file);
  for (int i = 0; name && i < count; i++) {
    if (strcmp(table[i]->name, name) != 0) continue;
    put_command(file, table[i]);
    return DDLA_OK;
  }
  if (!name || strcmp(name, "job") == 0) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "there is no manual page for that; ddla reference man takes nothing (the "
                   "program), a command, or job");
}
