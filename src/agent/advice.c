#include "agent/advice.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED = 4, FILES_FEW = 256, LIST_BYTES = 112 };

static const double clock_limit_s = 0.1, slow_share = 0.5, far_times = 2, far_least_s = 50e-6,
                    crawl_per_s = 20e6 /* 100 Mbit/s are 12.5e6 */, shared_share = 0.65,
                    memory_per_s = 2e9;

void ddla_findings_add(ddla_findings *findings, bool bad, const char *advice, const char *format,
                       ...) {
  if (findings->count == DDLA_FINDINGS_MAX) {
    findings->more++;
    return;
  }
  ddla_finding *made = &findings->at[findings->count++];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(made->what, sizeof made->what, format, arguments);
  va_end(arguments);
  snprintf(made->advice, sizeof made->advice, "%s", advice);
  made->bad = bad;
}

bool ddla_findings_are_bad(const ddla_findings *findings) {
  for (int i = 0; i < findings->count; i++)
    if (findings->at[i].bad) return true;
  return false;
}

/* ---- hosts ---- */

/* Names of marked hosts: "h2", "h2, h5 and h6", "h0, h1, h2, h3 and 7 more". */
static const char *list(char text[LIST_BYTES], const ddla_survey *survey, const bool *marked) {
  size_t used = 0;
  int all = 0, listed = 0;
  for (int h = 0; h < survey->hosts; h++) all += marked[h];
  text[0] = '\0';
  for (int h = 0; h < survey->hosts && listed < NAMED && used < LIST_BYTES; h++) {
    if (!marked[h]) continue;
    const char *before = listed == 0 ? "" : listed == all - 1 ? " and " : ", ";
    used +=
        (size_t)snprintf(text + used, LIST_BYTES - used, "%s%.24s", before, survey->host[h].name);
    listed++;
  }
  if (all > listed && used < LIST_BYTES)
    snprintf(text + used, LIST_BYTES - used, " and %d more", all - listed);
  return text;
}

/* The host whose word most hosts have; the first of those where several words are as frequent. */
static int most_frequent(const ddla_survey *survey, size_t offset) {
  int best = 0, best_count = 0;
  for (int h = 0; h < survey->hosts; h++) {
    int count = 0;
    for (int k = 0; k < survey->hosts; k++)
      count += strcmp((const char *)&survey->host[h] + offset,
                      (const char *)&survey->host[k] + offset) == 0;
    if (count <= best_count) continue;
    best = h;
    best_count = count;
  }
  return best;
}

/* Whatever differs in a word by which agents refuse each other. */
static void add_words(ddla_findings *findings, const ddla_survey *survey) {
  static const struct {
    size_t offset;
    const char *name, *advice;
  } rows[] = {
      {offsetof(ddla_survey_host, version), "version of ddla", "install the same on all hosts"},
      {offsetof(ddla_survey_host, library), "library of kernels",
       "install the same version of oneDNN on all hosts"},
      {offsetof(ddla_survey_host, order), "byte order", "leave that host out"},
      {offsetof(ddla_survey_host, vectors), "instruction set",
       "they would compute other bits: train on hosts with the same one"},
      {offsetof(ddla_survey_host, probe), "result of the probe",
       "they compute other bits: compare `ddla doctor` of both hosts (caches, libraries, "
       "processor), and train on hosts with the same probe"},
  };
  char names[LIST_BYTES];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const int right = most_frequent(survey, rows[i].offset);
    for (int h = 0; h < survey->hosts; h++) {
      const char *usual = (const char *)&survey->host[right] + rows[i].offset;
      const char *word = (const char *)&survey->host[h] + rows[i].offset;
      bool same[DDLA_HOSTS_MAX] = {false}, told = strcmp(word, usual) == 0;
      for (int k = 0; k < survey->hosts; k++) {
        same[k] = strcmp((const char *)&survey->host[k] + rows[i].offset, word) == 0;
        told = told || (same[k] && k < h);
      }
      if (!told)
        ddla_findings_add(findings, true, rows[i].advice,
                          "%s: another %s (%.40s) than %.24s (%.40s)", list(names, survey, same),
                          rows[i].name, word, survey->host[right].name, usual);
    }
  }
}

static int64_t lanes_of(const ddla_survey_host *host) {
  const int64_t lanes = host->processors / (host->agents > 0 ? host->agents : 1);
  return lanes > 0 ? lanes : 1;
}

static void add_processors(ddla_findings *findings, const ddla_survey *survey) {
  int64_t least = lanes_of(&survey->host[0]), most = least;
  char advice[160];
  for (int h = 1; h < survey->hosts; h++) {
    const int64_t lanes = lanes_of(&survey->host[h]);
    if (lanes < least) least = lanes;
    if (lanes > most) most = lanes;
  }
  if (least == most) return;
  snprintf(advice, sizeof advice,
           "set parallel.lanes: %" PRId64 " in the job, or start more agents on the larger hosts",
           least);
  ddla_findings_add(findings, false, advice,
                    "processors for an agent differ: %" PRId64 " to %" PRId64
                    "; agents must have as many lanes as the others",
                    least, most);
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_size);
  return values[count / 2];
}

static void add_memory(ddla_findings *findings, const ddla_survey *survey) {
  double sizes[DDLA_HOSTS_MAX];
  for (int h = 0; h < survey->hosts; h++) sizes[h] = (double)survey->host[h].available_bytes;
  const double usual = median(sizes, survey->hosts);
  for (int h = 0; h < survey->hosts; h++)
    if ((double)survey->host[h].available_bytes < slow_share * usual)
      ddla_findings_add(findings, false,
                        "every host holds the whole model: end other programs there, or lower "
                        "train.micro_batch",
                        "%.24s has %.1f GiB of memory to give, most hosts have %.1f",
                        survey->host[h].name, (double)survey->host[h].available_bytes * 0x1p-30,
                        usual * 0x1p-30);
}

static void add_rest(ddla_findings *findings, const ddla_survey *survey) {
  bool busy[DDLA_HOSTS_MAX] = {false}, few[DDLA_HOSTS_MAX] = {false};
  bool any_busy = false, any_few = false;
  char names[LIST_BYTES];
  for (int h = 0; h < survey->hosts; h++) {
    const ddla_survey_host *host = &survey->host[h];
    busy[h] = host->load > 0.5 * host->processors;
    few[h] = host->open_files >= 0 && host->open_files < FILES_FEW;
    any_busy = any_busy || busy[h];
    any_few = any_few || few[h];
    if (fabs(host->clock_s) > clock_limit_s + host->clock_error_s)
      ddla_findings_add(findings, false,
                        "training does not need clocks, but dates of logs and files will mislead: "
                        "install chrony",
                        "the clock of %.24s is %.3f s %s that of %.24s", host->name,
                        fabs(host->clock_s), host->clock_s > 0 ? "ahead of" : "behind",
                        survey->host[0].name);
  }
  if (any_busy)
    ddla_findings_add(findings, false, "all hosts wait for the slowest in every step: end it",
                      "other programs compute on %s", list(names, survey, busy));
  if (any_few)
    ddla_findings_add(findings, false, "MPI needs some for every process: ulimit -n 4096",
                      "%s: a process may have fewer than %d files open", list(names, survey, few),
                      FILES_FEW);
}

void ddla_findings_add_hosts(ddla_findings *findings, const ddla_survey *survey) {
  add_words(findings, survey);
  add_processors(findings, survey);
  add_memory(findings, survey);
  add_rest(findings, survey);
}

/* ---- links ---- */

/* What each host's best link does, and what most hosts' do. */
typedef struct reach {
  double rate[DDLA_HOSTS_MAX], latency[DDLA_HOSTS_MAX];
  double usual_rate, usual_latency;
} reach;

static reach reach_of(const ddla_survey *survey) {
  reach made = {.usual_rate = 0};
  double values[DDLA_HOSTS_MAX];
  for (int h = 0; h < survey->hosts; h++) {
    made.rate[h] = ddla_survey_best_rate(survey, h);
    made.latency[h] = ddla_survey_least_latency(survey, h);
  }
  memcpy(values, made.rate, sizeof values);
  made.usual_rate = median(values, survey->hosts);
  memcpy(values, made.latency, sizeof values);
  made.usual_latency = median(values, survey->hosts);
  return made;
}

static bool is_slow(double rate, double usual) { return rate < slow_share * usual; }

static bool is_far(double latency_s, double usual_s) {
  return latency_s > far_times * usual_s && latency_s > usual_s + far_least_s;
}

static void add_slow_hosts(ddla_findings *findings, const ddla_survey *survey, const reach *r) {
  for (int h = 0; h < survey->hosts; h++) {
    if (is_slow(r->rate[h], r->usual_rate))
      ddla_findings_add(findings, false,
                        "look at its cable, its port and what `ethtool` says of its speed; or "
                        "train without it: the slowest host sets the pace of the exchange",
                        "all links of %.24s are slow: %.1f MB/s at best, most hosts reach %.1f",
                        survey->host[h].name, r->rate[h] * 1e-6, r->usual_rate * 1e-6);
    if (is_far(r->latency[h], r->usual_latency))
      ddla_findings_add(findings, false, "is it in another room, behind a VPN or a busy machine?",
                        "%.24s is far from all: %.0f us at best, most hosts %.0f",
                        survey->host[h].name, r->latency[h] * 1e6, r->usual_latency * 1e6);
  }
}

/* What both hosts of a pair can with others. */
static double both_can(const reach *r, int from, int to) {
  return fmin(r->rate[from], r->rate[to]);
}

static double both_reach(const reach *r, int from, int to) {
  return fmax(fmax(r->latency[from], r->latency[to]), r->usual_latency);
}

typedef struct pair {
  int from, to;
} pair;

static void add_slow_pair(ddla_findings *findings, const ddla_survey *survey, const reach *r,
                          pair p, int count) {
  char before[64] = "";
  if (count > 1) snprintf(before, sizeof before, "%d pairs are slow, most of all ", count);
  ddla_findings_add(findings, false, "look at what lies between these two: switches, ports, duplex",
                    "%s%.24s to %.24s%s: %.1f MB/s, where both reach %.1f with others", before,
                    survey->host[p.from].name, survey->host[p.to].name, count > 1 ? "" : " is slow",
                    survey->link[p.from][p.to].bytes_per_s * 1e-6,
                    both_can(r, p.from, p.to) * 1e-6);
}

static void add_far_pair(ddla_findings *findings, const ddla_survey *survey, const reach *r, pair p,
                         int count) {
  char before[64] = "";
  if (count > 1) snprintf(before, sizeof before, "%d pairs are far, most of all ", count);
  ddla_findings_add(findings, false, "look at the route between these two",
                    "%s%.24s and %.24s%s: %.0f us, their best are %.0f and %.0f", before,
                    survey->host[p.from].name, survey->host[p.to].name,
                    count > 1 ? "" : " are far from each other",
                    survey->link[p.from][p.to].latency_s * 1e6, r->latency[p.from] * 1e6,
                    r->latency[p.to] * 1e6);
}

static double slowness(const ddla_survey *survey, const reach *r, pair p) {
  return both_can(r, p.from, p.to) / survey->link[p.from][p.to].bytes_per_s;
}

static double farness(const ddla_survey *survey, const reach *r, pair p) {
  return survey->link[p.from][p.to].latency_s / both_reach(r, p.from, p.to);
}

/* A pair with one slow host is no worse than that host. One after the other where they are few,
 * else the worst for all. */
static void add_slow_pairs(ddla_findings *findings, const ddla_survey *survey, const reach *r) {
  pair slow[NAMED], far[NAMED], slowest = {0, 0}, farthest = {0, 0};
  int slow_count = 0, far_count = 0;
  for (int from = 0; from < survey->hosts; from++)
    for (int to = 0; to < survey->hosts; to++) {
      const ddla_survey_link *link = &survey->link[from][to];
      const pair p = {from, to};
      if (from == to) continue;
      if (is_slow(link->bytes_per_s, both_can(r, from, to))) {
        if (slow_count < NAMED) slow[slow_count] = p;
        if (slow_count++ == 0 || slowness(survey, r, p) > slowness(survey, r, slowest)) slowest = p;
      }
      if (from < to && is_far(link->latency_s, both_reach(r, from, to))) {
        if (far_count < NAMED) far[far_count] = p;
        if (far_count++ == 0 || farness(survey, r, p) > farness(survey, r, farthest)) farthest = p;
      }
    }
  for (int i = 0; i < slow_count && slow_count <= NAMED; i++)
    add_slow_pair(findings, survey, r, slow[i], 1);
  if (slow_count > NAMED) add_slow_pair(findings, survey, r, slowest, slow_count);
  for (int i = 0; i < far_count && far_count <= NAMED; i++)
    add_far_pair(findings, survey, r, far[i], 1);
  if (far_count > NAMED) add_far_pair(findings, survey, r, farthest, far_count);
}

/* Links on which the two directions take from each other. What is as fast as memory is limited by
 * processors, and that is no fault. */
static void add_shared(ddla_findings *findings, const ddla_survey *survey) {
  int count = 0, low = -1, high = -1;
  for (int from = 0; from < survey->hosts; from++)
    for (int to = from + 1; to < survey->hosts; to++) {
      const ddla_survey_link *link = &survey->link[from][to];
      if (link->both_share >= shared_share || link->bytes_per_s > memory_per_s) continue;
      if (count++ > 0 && link->both_share >= survey->link[low][high].both_share) continue;
      low = from;
      high = to;
    }
  if (count > 0)
    ddla_findings_add(findings, false,
                      "an exchange uses both at once: look for half duplex (ethtool), a radio, a "
                      "processor that is busy with the network",
                      "on %d pair%s both directions share what one has alone: %.0f %% between "
                      "%.24s and %.24s",
                      count, count == 1 ? "" : "s", 100 * survey->link[low][high].both_share,
                      survey->host[low].name, survey->host[high].name);
}

void ddla_findings_add_links(ddla_findings *findings, const ddla_survey *survey) {
  if (survey->hosts < 2) return;
  const reach r = reach_of(survey);
  if (r.usual_rate < crawl_per_s)
    ddla_findings_add(findings, false,
                      "does MPI use the right network? Open MPI: --launcher 'mpirun --mca "
                      "btl_tcp_if_include eth1', MPICH: --launcher 'mpiexec -iface eth1'",
                      "the network is slow: most hosts reach %.1f MB/s", r.usual_rate * 1e-6);
  add_slow_hosts(findings, survey, &r);
  add_slow_pairs(findings, survey, &r);
  add_shared(findings, survey);
}
