/* A job as text: the resolved job file, one value, and the help. */
#include <ddla/job.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "job/option.h"

/* A list of layers reads better with one entry per line. */
static void write_items(const ddla_yaml *list, FILE *file) {
  for (const ddla_yaml *item = list->first; item; item = item->next) {
    fputs("\n    - ", file);
    ddla_yaml_write(item, file);
  }
}

static void write_option(const ddla_job *job, const ddla_option *option, FILE *file) {
  fprintf(file, "  %s:", option->field);
  const ddla_yaml *tree = NULL;
  if (option->type == DDLA_OPTION_TREE) {
    tree = *(const ddla_yaml *const *)(const void *)((const char *)job + option->offset);
  }
  if (tree && tree->kind == DDLA_YAML_SEQUENCE) {
    write_items(tree, file);
  } else {
    fputc(' ', file);
    ddla_option_write(job, option, file);
  }
  fputc('\n', file);
}

ddla_status ddla_job_write(const ddla_job *job, FILE *file) {
  for (int s = 0; s < ddla_option_section_count(); s++) {
    const char *name = ddla_option_section_at(s)->name;
    fprintf(file, "%s:\n", name);
    for (int i = 0; i < ddla_option_count(); i++) {
      const ddla_option *option = ddla_option_at(i);
      if (strcmp(option->section, name) == 0) write_option(job, option, file);
    }
  }
  errno = 0;
  if (fflush(file) != 0 || ferror(file))
    return ddla_file_fail(errno ? errno : EIO, "cannot write", "the job");
  return DDLA_OK;
}

ddla_status ddla_job_get_text(char **out, const ddla_job *job, const char *key) {
  const ddla_option *option = ddla_option_find(key);
  if (!option)
    return DDLA_FAIL(INVALID, "unknown key %s%s", key, ddla_option_hint_for(NULL, key).text);
  char *buffer = NULL, *text = NULL;
  size_t bytes = 0;
  FILE *memory = open_memstream(&buffer, &bytes);
  if (!memory) return DDLA_FAIL(NO_MEMORY, "no memory for the text of %s", key);
  ddla_option_write(job, option, memory);
  bool written = fclose(memory) == 0;
  ddla_status status = DDLA_OK;
  if (written) status = ddla_alloc_text(&text, buffer);
  else status = DDLA_FAIL(NO_MEMORY, "no memory for the text of %s", key);
  free(buffer); /* stdio allocated it */
  if (status == DDLA_OK) *out = text;
  return status;
}

void ddla_job_free_text(char *text) { ddla_free(text); }

static const char *initial_of(const ddla_option *option) {
  if (option->type == DDLA_OPTION_TREE) return "[]";
  return *option->initial ? option->initial : "\"\"";
}

void ddla_job_print_help(FILE *file) {
  fputs("Every key of a job file, with its initial value, what it may be, and what it does.\n"
        "On the command line: --set train.batch=256\n",
        file);
  for (int i = 0, s = -1; i < ddla_option_count(); i++) {
    const ddla_option *option = ddla_option_at(i);
    if (s < 0 || strcmp(ddla_option_section_at(s)->name, option->section) != 0) {
      s++;
      fprintf(file, "\n%s: %s\n", option->section, ddla_option_section_at(s)->help);
    }
    fprintf(file, "  %s: %s\n      %s\n      %s\n", option->field, initial_of(option), option->help,
            ddla_option_allowed(option).text);
  }
}
