#include "cli/words.h"

#include <string.h>

#include "base/text.h"

static const ddla_words_option *find(const ddla_words_option *options, int count,
                                     const char *word) {
  for (int i = 0; i < count; i++) {
    if (strcmp(word, options[i].name) == 0) return &options[i];
    if (options[i].alias && strcmp(word, options[i].alias) == 0) return &options[i];
  }
  return NULL;
}

const char *ddla_words_nearer(const char *best, const char *word, const char *candidate) {
  if (!ddla_text_is_near(word, candidate)) return best;
  if (!best || ddla_text_distance(word, candidate) < ddla_text_distance(word, best))
    return candidate;
  return best;
}

static ddla_status refuse(const char *word, const ddla_words_option *options, int count) {
  const char *near = ddla_words_nearer(NULL, word, "--set");
  for (int i = 0; i < count; i++) near = ddla_words_nearer(near, word, options[i].name);
  if (near)
    return DDLA_FAIL(INVALID, "there is no option %s; did you mean %s?", ddla_text_quote(word).text,
                     near);
  return DDLA_FAIL(INVALID, "there is no option %s; --help lists them", ddla_text_quote(word).text);
}

static ddla_status take_set(ddla_words *words, const char *value) {
  if (words->set_count == DDLA_WORDS_SETS_MAX)
    return DDLA_FAIL(INVALID, "at most %d times --set is possible", DDLA_WORDS_SETS_MAX);
  words->set[words->set_count++] = value;
  return DDLA_OK;
}

static ddla_status take_other(ddla_words *words, const char *word) {
  if (words->other_count == DDLA_WORDS_OTHERS_MAX)
    return DDLA_FAIL(INVALID, "at most %d files are possible in one call", DDLA_WORDS_OTHERS_MAX);
  words->other[words->other_count++] = word;
  return DDLA_OK;
}

ddla_status ddla_words_read(ddla_words *out, int argc, char **argv,
                            const ddla_words_option *options, int option_count) {
  ddla_words words = {0};
  for (int i = 1; i < argc; i++) {
    bool set = strcmp(argv[i], "--set") == 0;
    const ddla_words_option *option = set ? NULL : find(options, option_count, argv[i]);
    if (!set && !option) {
      if (argv[i][0] == '-' && argv[i][1]) return refuse(argv[i], options, option_count);
      DDLA_TRY(take_other(&words, argv[i]));
      continue;
    }
    if (option && option->flag) {
      *option->flag = true;
      continue;
    }
    if (i + 1 == argc) return DDLA_FAIL(INVALID, "option %s needs a value", argv[i]);
    i++;
    if (set) DDLA_TRY(take_set(&words, argv[i]));
    else *option->value = argv[i];
  }
  *out = words;
  return DDLA_OK;
}

ddla_status ddla_words_job(ddla_job **out, const ddla_words *words, const char *path) {
  ddla_job *job = NULL;
  DDLA_TRY(path ? ddla_job_load(&job, path) : ddla_job_create(&job));
  for (int i = 0; i < words->set_count; i++) {
    ddla_status status = ddla_job_set(job, words->set[i]);
    if (status == DDLA_OK) continue;
    ddla_job_destroy(job);
    return status;
  }
  *out = job;
  return DDLA_OK;
}
