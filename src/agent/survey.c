#include "agent/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/survey_pair.h"
#include "agent/survey_timetable.h"
#include "backend/cpu.h"
#include "backend/kernel.h"
#include "base/alloc.h"
#include "base/machine.h"
#include "train/probe.h"

enum { TAG_IN = 16, TAG_OUT, WAIT_MS = -1 };

/* Below this share of what both hosts of a pair can do with others it is measured once more. */
static const double doubtful = 0.7;

ddla_status ddla_survey_here(ddla_survey_host *out) {
  ddla_survey_host here = {.agents = 1};
  char library[DDLA_BACKEND_TEXT_BYTES], name[DDLA_SURVEY_WORD_BYTES];
  const ddla_machine_memory memory = ddla_machine_memory_of();
  DDLA_TRY(ddla_backend_start());
  DDLA_TRY(ddla_probe_run(here.probe, DDLA_PRECISION_FP32));
  snprintf(here.version, sizeof here.version, "%s", DDLA_VERSION);
  snprintf(here.library, sizeof here.library, "%.63s", ddla_backend_version(library));
  snprintf(here.order, sizeof here.order, "%s", ddla_machine_byte_order());
  snprintf(here.vectors, sizeof here.vectors, "%s", ddla_cpu_name(ddla_cpu()));
  snprintf(here.processor, sizeof here.processor, "%.63s", ddla_machine_name(name, sizeof name));
  here.processors = ddla_machine_processors();
  here.memory_bytes = (int64_t)memory.total_bytes;
  here.available_bytes = (int64_t)memory.available_bytes;
  here.open_files = ddla_machine_open_files();
  if (getloadavg(&here.load, 1) != 1) here.load = -1;
  *out = here;
  return DDLA_OK;
}

/* A rank's findings, by the higher rank of a pair. As it travels. */
typedef struct findings {
  ddla_survey_pair pair[DDLA_HOSTS_MAX];
} findings;

/* ---- words between rank 0 and the others ---- */

typedef struct awaited {
  ddla_transport *link;
  ddla_request *requests;
  int count;
  ddla_status status;
} awaited;

static ddla_ready look_at(void *argument) {
  awaited *a = argument;
  bool moved = false, done = true;
  a->status = ddla_transport_progress(a->link, &moved);
  for (int i = 0; i < a->count && done && a->status == DDLA_OK; i++)
    a->status = ddla_transport_test(a->link, &a->requests[i], &done);
  if (a->status != DDLA_OK || done) return DDLA_READY_DONE;
  return moved ? DDLA_READY_MOVED : DDLA_READY_NOTHING;
}

/* Sleeps: what others do meanwhile is being measured. */
static ddla_status wait_for(ddla_transport *link, ddla_request *requests, int count) {
  awaited a = {link, requests, count, DDLA_OK};
  DDLA_TRY(ddla_transport_wait(link, &(ddla_waiting){look_at, NULL, &a, NULL}, WAIT_MS));
  return a.status;
}

/* Every rank's bytes to rank 0: `all` is [ranks][bytes] there and unused on others. */
static ddla_status collect(ddla_transport *link, void *all, void *mine, size_t bytes) {
  const int rank = ddla_transport_rank(link), ranks = ddla_transport_ranks(link);
  ddla_request requests[DDLA_HOSTS_MAX];
  for (int i = 1; i < ranks && rank == 0; i++)
    DDLA_TRY(ddla_transport_recv(link, &requests[i - 1], i, TAG_IN,
                                 (unsigned char *)all + bytes * (size_t)i, bytes));
  if (rank == 0) {
    memcpy(all, mine, bytes);
    return wait_for(link, requests, ranks - 1);
  }
  DDLA_TRY(ddla_transport_send(link, requests, 0, TAG_IN, mine, bytes));
  return wait_for(link, requests, 1);
}

/* Rank 0's bytes to all. */
static ddla_status tell(ddla_transport *link, void *data, size_t bytes) {
  const int rank = ddla_transport_rank(link), ranks = ddla_transport_ranks(link);
  ddla_request requests[DDLA_HOSTS_MAX];
  for (int i = 1; i < ranks && rank == 0; i++)
    DDLA_TRY(ddla_transport_send(link, &requests[i - 1], i, TAG_OUT, data, bytes));
  if (rank == 0) return wait_for(link, requests, ranks - 1);
  DDLA_TRY(ddla_transport_recv(link, requests, 0, TAG_OUT, data, bytes));
  return wait_for(link, requests, 1);
}

/* Nobody begins a round before all have ended the one before. */
static ddla_status meet(ddla_transport *link) {
  char here = 1, all[DDLA_HOSTS_MAX] = {0};
  DDLA_TRY(collect(link, all, &here, sizeof here));
  return tell(link, &here, sizeof here);
}

/* ---- measuring ---- */

typedef struct surveyor {
  ddla_transport *link;
  const ddla_survey_options *options;
  unsigned char *buffer;
  ddla_survey_timetable *table;
  findings *mine, *all; /* all: [hosts], of rank 0 */
} surveyor;

static ddla_status measure_round(surveyor *s, int round) {
  const int rank = ddla_transport_rank(s->link);
  ddla_survey_pair_call call = {.link = s->link,
                                .calendar = s->options->calendar,
                                .seconds = s->options->seconds,
                                .buffer = s->buffer};
  for (int i = 0; i < s->table->count; i++) {
    const ddla_survey_meeting *m = &s->table->at[i];
    if (m->round != round || (m->low != rank && m->high != rank)) continue;
    call.peer = m->low == rank ? m->high : m->low;
    DDLA_TRY(ddla_survey_pair_measure(&s->mine->pair[call.peer], &call));
  }
  return meet(s->link);
}

/* Does what rank 0's timetable says; its findings are then in s->all. */
static ddla_status measure_all(surveyor *s) {
  DDLA_TRY(tell(s->link, s->table, sizeof *s->table));
  for (int round = 0; round < s->table->rounds; round++) DDLA_TRY(measure_round(s, round));
  return collect(s->link, s->all, s->mine, sizeof *s->mine);
}

static double larger(double a, double b) { return a > b ? a : b; }
static double smaller(double a, double b) { return a < b ? a : b; }

/* The better of what is known (zero: nothing) and what was found. */
static void improve(ddla_survey_link *link, const ddla_survey_course *course,
                    const ddla_survey_pair *found) {
  if (course->per_s > link->bytes_per_s) {
    link->bytes_per_s = course->per_s;
    link->start_s = course->start_s;
  }
  if (link->latency_s == 0 || found->latency_s < link->latency_s)
    link->latency_s = found->latency_s;
  link->both_share = larger(link->both_share, found->both_share);
}

/* What was found of the pairs in the timetable. */
static void fill(ddla_survey *survey, const surveyor *s) {
  for (int i = 0; i < s->table->count; i++) {
    const int low = s->table->at[i].low, high = s->table->at[i].high;
    const ddla_survey_pair *found = &s->all[low].pair[high];
    ddla_survey_host *host = &survey->host[high];
    const bool surer = host->clock_error_s == 0 || found->clock_error_s < host->clock_error_s;
    improve(&survey->link[low][high], &found->forth, found);
    improve(&survey->link[high][low], &found->back, found);
    if (low > 0 || !surer) continue;
    host->clock_s = found->clock_s;
    host->clock_error_s = found->clock_error_s;
  }
}

double ddla_survey_best_rate(const ddla_survey *survey, int host) {
  double best = 0;
  for (int other = 0; other < survey->hosts; other++)
    if (other != host)
      best = larger(best, larger(survey->link[host][other].bytes_per_s,
                                 survey->link[other][host].bytes_per_s));
  return best;
}

double ddla_survey_least_latency(const ddla_survey *survey, int host) {
  double least = 0;
  for (int other = 0; other < survey->hosts; other++)
    if (other != host && (least == 0 || survey->link[host][other].latency_s < least))
      least = survey->link[host][other].latency_s;
  return least;
}

static bool is_doubtful(const ddla_survey *survey, int low, int high) {
  const double can =
      smaller(ddla_survey_best_rate(survey, low), ddla_survey_best_rate(survey, high));
  return smaller(survey->link[low][high].bytes_per_s, survey->link[high][low].bytes_per_s) <
         doubtful * can;
}

/* Who is measured once more, one after the other. */
static void doubt(ddla_survey_timetable *table, const ddla_survey *survey) {
  *table = (ddla_survey_timetable){0};
  for (int low = 0; low < survey->hosts; low++)
    for (int high = low + 1; high < survey->hosts; high++)
      if (is_doubtful(survey, low, high))
        ddla_survey_timetable_add(table, low, high, table->rounds);
}

static ddla_status measure(ddla_survey *survey, surveyor *s) {
  const bool alone = survey->hosts <= s->options->alone;
  const bool first = ddla_transport_rank(s->link) == 0;
  ddla_survey_timetable_make(s->table, survey->hosts, alone);
  DDLA_TRY(measure_all(s));
  if (first) fill(survey, s);
  if (first) doubt(s->table, survey);
  DDLA_TRY(measure_all(s));
  if (first) fill(survey, s);
  return DDLA_OK;
}

ddla_status ddla_survey_measure(ddla_survey *survey, ddla_transport *link,
                                const ddla_survey_options *options) {
  surveyor s = {.link = link, .options = options};
  ddla_status status = DDLA_OK;
  survey->hosts = ddla_transport_ranks(link);
  memset(survey->link, 0, sizeof survey->link);
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.buffer, 2 * DDLA_SURVEY_BUFFER_BYTES));
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.table, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.mine, 1));
  DDLA_TRY_CLEAN(status, DDLA_NEW(s.all, survey->hosts));
  status = measure(survey, &s);
cleanup:
  ddla_free(s.buffer);
  ddla_free(s.table);
  ddla_free(s.mine);
  ddla_free(s.all);
  return status;
}

double ddla_survey_seconds(int hosts, const ddla_survey_options *options) {
  const bool alone = hosts <= options->alone;
  const int rounds = alone ? hosts * (hosts - 1) / 2 : hosts - 1 + hosts % 2;
  return rounds * (0.2 + 5 * options->seconds);
}
