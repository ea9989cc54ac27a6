#include "train/feed/ahead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/feed/loader.h"

ddla_status ddla_ahead_read(int64_t *out, const ddla_job *job) {
  const char *words = job->data.ahead;
  char *end = NULL;
  if (strcmp(words, "auto") == 0) {
    *out = -1;
    return DDLA_OK;
  }
  const long count = words[0] >= '0' && words[0] <= '9' ? strtol(words, &end, 10) : -1;
  if (count < 0 || *end != '\0' || count > DDLA_LOADER_AHEAD_MAX)
    return ddla_job_refuse(job, "data.ahead", "is '%s', but it must be auto or from 0 to %d", words,
                           DDLA_LOADER_AHEAD_MAX);
  *out = count;
  return DDLA_OK;
}

/* Cores' worth of time that nobody wants. */
static int cores_left(const ddla_ahead_case *what) {
  int cores = what->cores;
  if (what->quota > 0 && what->quota < cores) cores = (int)what->quota;
  return cores - what->threads - what->others;
}

static int64_t auto_count(const ddla_ahead_case *what) {
  const size_t room = what->bytes > 0 ? DDLA_AHEAD_AUTO_BYTES / what->bytes : DDLA_AHEAD_AUTO;
  if (room < DDLA_AHEAD_AUTO_LEAST) return DDLA_AHEAD_AUTO_LEAST;
  return room < DDLA_AHEAD_AUTO ? (int64_t)room : DDLA_AHEAD_AUTO;
}

/* Why there is none though one is not forbidden; "": there is one. */
static void refuse(char *words, size_t bytes, int64_t wanted, const ddla_ahead_case *what) {
  words[0] = '\0';
  if (what->why) snprintf(words, bytes, "none, %s", what->why);
  else if (wanted < 0 && cores_left(what) < what->agents)
    snprintf(words, bytes, "none, %d agent%s with %d thread%s leave%s no core of %d each%s",
             what->agents, what->agents == 1 ? "" : "s", what->threads,
             what->threads == 1 ? "" : "s", what->agents == 1 ? "s" : "", what->cores,
             what->others > 0 ? " beside other programs" : "");
}

ddla_ahead ddla_ahead_decide(int64_t wanted, const ddla_ahead_case *what) {
  ddla_ahead made = {.count = 0};
  if (wanted == 0) {
    snprintf(made.words, sizeof made.words, "none, not wanted");
    return made;
  }
  refuse(made.words, sizeof made.words, wanted, what);
  if (made.words[0]) return made;
  made.count = wanted > 0 ? wanted : auto_count(what);
  snprintf(made.words, sizeof made.words, "%d micro-batch%s ahead of each lane", (int)made.count,
           made.count == 1 ? "" : "es");
  return made;
}
