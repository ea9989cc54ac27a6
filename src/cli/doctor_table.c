/* What ddla doctor found of a cluster, for people and for programs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/doctor_parts.h"
#include "cli/json.h"

enum { COLUMNS = 10 /* of a matrix beside each other */, NAME_MOST = 20, CELL = 9 };

static const double mib = 0x1p-20, gib = 0x1p-30;

static int name_width(const ddla_survey *survey) {
  size_t width = 4;
  for (int h = 0; h < survey->hosts; h++)
    if (strlen(survey->host[h].name) > width) width = strlen(survey->host[h].name);
  return (int)(width < NAME_MOST ? width : NAME_MOST);
}

static void print_clock(const ddla_survey *survey, int host) {
  char text[48] = "first";
  if (host > 0) snprintf(text, sizeof text, "%+.3f ms", survey->host[host].clock_s * 1e3);
  printf("%14s", text);
}

static void print_hosts(const ddla_survey *survey) {
  const int width = name_width(survey);
  printf("%-*s %10s %6s %9s %9s %12s %14s  %s\n", width, "host", "processors", "agents", "free GiB",
         "of GiB", "instructions", "clock", "program");
  for (int h = 0; h < survey->hosts; h++) {
    const ddla_survey_host *host = &survey->host[h];
    printf("%-*.*s %10d %6d %9.1f %9.1f %12s ", width, NAME_MOST, host->name, host->processors,
           host->agents, (double)host->available_bytes * gib, (double)host->memory_bytes * gib,
           host->vectors);
    print_clock(survey, h);
    printf("  ddla %s, %s\n", host->version, host->library);
  }
}

static double latency_us(const ddla_survey_link *link) { return link->latency_s * 1e6; }
static double rate_mb(const ddla_survey_link *link) { return link->bytes_per_s * 1e-6; }

/* Three digits at least, no more than are of use. */
static void print_cell(double value) {
  const int places = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  printf(" %*.*f", CELL, places, value);
}

/* Hosts in rows and columns; more columns than fit beside each other follow below. */
static void print_matrix(const ddla_survey *survey, const char *title,
                         double (*of)(const ddla_survey_link *link)) {
  const int width = name_width(survey);
  for (int begin = 0; begin < survey->hosts; begin += COLUMNS) {
    const int end = begin + COLUMNS < survey->hosts ? begin + COLUMNS : survey->hosts;
    printf("\n%s\n%*s", title, width, "");
    for (int to = begin; to < end; to++) printf(" %*.*s", CELL, CELL, survey->host[to].name);
    putchar('\n');
    for (int from = 0; from < survey->hosts; from++) {
      printf("%-*.*s", width, NAME_MOST, survey->host[from].name);
      for (int to = begin; to < end; to++)
        if (to == from) printf(" %*s", CELL, "-");
        else print_cell(of(&survey->link[from][to]));
      putchar('\n');
    }
  }
}

/* What an exchange gets, since it uses both directions of a link at once. */
static void print_shares(const ddla_survey *survey) {
  double least = 1, most = 0;
  for (int from = 0; from < survey->hosts; from++)
    for (int to = 0; to < survey->hosts; to++) {
      if (from == to) continue;
      least = fmin(least, survey->link[from][to].both_share);
      most = fmax(most, survey->link[from][to].both_share);
    }
  printf("with both directions in use at once each has %.0f to %.0f %% of that\n", 100 * least,
         100 * most);
}

static void print_findings(const ddla_findings *findings) {
  if (findings->count > 0) putchar('\n');
  for (int i = 0; i < findings->count; i++)
    printf("%s %s\n  -> %s\n", findings->at[i].bad ? "!" : "?", findings->at[i].what,
           findings->at[i].advice);
  if (findings->more > 0) printf("? and %d more\n", findings->more);
}

static void print_cost(const ddla_doctor_result *result) {
  const ddla_exchange_cost *cost = &result->cost;
  const double gradient = (double)result->layout.space * sizeof(float);
  printf("\nexchange of %s: %" PRId64 " parameters, gradients of %.1f MiB in %d range%s\n",
         result->job, result->parameters, gradient * mib, cost->ranges,
         cost->ranges == 1 ? "" : "s");
  printf("  %.1f MiB sent in a step by all hosts, at most %.1f MiB over one host's cable\n",
         (double)cost->bytes * mib, (double)cost->host_bytes * mib);
  printf(
      "  %.4g ms a step at the measured rates, %.3g of them for latency; the slowest host is %s\n",
      cost->seconds * 1e3, 2 * cost->way_s * 1e3, result->survey.host[cost->slowest].name);
  printf("  memory: %.0f MiB shared on each host, %.0f MiB more in each agent, %.0f MiB of data\n",
         (double)result->memory.shared_bytes * mib, (double)result->memory.agent_bytes * mib,
         (double)result->memory.data_bytes * mib);
  printf(
      "  `ddla bench step %s` says how long a step computes on one host, which %d hosts share:\n"
      "  what the exchange takes beyond that is waited for; a larger train.batch makes it rarer\n",
      result->job, result->survey.hosts);
}

void ddla_doctor_print(const ddla_doctor_result *result) {
  const ddla_survey *survey = &result->survey;
  const int pairs = survey->hosts * (survey->hosts - 1) / 2;
  printf("%d host%s under %s; %d pair%s measured in %.1f s\n\n", survey->hosts,
         survey->hosts == 1 ? "" : "s", result->library, pairs, pairs == 1 ? "" : "s",
         result->seconds);
  print_hosts(survey);
  if (survey->hosts > 1) {
    print_matrix(survey, "latency in us, one way", latency_us);
    print_matrix(survey, "bandwidth in MB/s, from the row's host to the column's", rate_mb);
    print_shares(survey);
  }
  print_findings(&result->findings);
  if (result->job && survey->hosts > 1) print_cost(result);
  if (ddla_findings_are_bad(&result->findings)) return;
  printf("\nTraining works on %s.%s\n", survey->hosts > 1 ? "these hosts" : "this host",
         result->findings.count > 0 ? " '?' marks what could be better." : "");
}

/* ---- for programs ---- */

static json_t *host_json(const ddla_survey_host *host) {
  return json_pack(
      "{s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:i, s:i, s:I, s:I, s:I, s:f, s:f, s:f}", "name",
      ddla_json_text(host->name), "version", host->version, "library", host->library, "byte_order",
      host->order, "instruction_set", host->vectors, "processor", ddla_json_text(host->processor),
      "probe", host->probe, "processors", host->processors, "agents", host->agents, "memory_bytes",
      (json_int_t)host->memory_bytes, "available_bytes", (json_int_t)host->available_bytes,
      "open_files", (json_int_t)host->open_files, "load", host->load, "clock_seconds",
      host->clock_s, "clock_error_seconds", host->clock_error_s);
}

static json_t *links_json(const ddla_survey *survey) {
  json_t *made = json_array();
  for (int from = 0; from < survey->hosts; from++)
    for (int to = 0; to < survey->hosts; to++) {
      const ddla_survey_link *link = &survey->link[from][to];
      if (from == to) continue;
      json_array_append_new(made, json_pack("{s:o, s:o, s:f, s:f, s:f, s:f}", "from",
                                            ddla_json_text(survey->host[from].name), "to",
                                            ddla_json_text(survey->host[to].name),
                                            "latency_seconds", link->latency_s, "bytes_per_second",
                                            link->bytes_per_s, "start_seconds", link->start_s,
                                            "share_both_ways", link->both_share));
    }
  return made;
}

static json_t *findings_json(const ddla_findings *findings) {
  json_t *made = json_array();
  for (int i = 0; i < findings->count; i++) {
    const ddla_finding *found = &findings->at[i];
    json_array_append_new(made,
                          json_pack("{s:s, s:o, s:s}", "state", found->bad ? "bad" : "hint", "what",
                                    ddla_json_text(found->what), "advice", found->advice));
  }
  return made;
}

static json_t *cost_json(const ddla_doctor_result *result) {
  const ddla_exchange_cost *cost = &result->cost;
  return json_pack(
      "{s:o, s:I, s:i, s:I, s:I, s:f, s:f, s:o, s:{s:I, s:I, s:I}}", "job",
      ddla_json_text(result->job), "parameters", (json_int_t)result->parameters, "ranges",
      cost->ranges, "bytes_per_step", (json_int_t)cost->bytes, "host_bytes_per_step",
      (json_int_t)cost->host_bytes, "seconds_per_step", cost->seconds, "latency_seconds",
      2 * cost->way_s, "slowest_host", ddla_json_text(result->survey.host[cost->slowest].name),
      "memory", "shared_bytes", (json_int_t)result->memory.shared_bytes, "agent_bytes",
      (json_int_t)result->memory.agent_bytes, "data_bytes", (json_int_t)result->memory.data_bytes);
}

ddla_status ddla_doctor_print_json(const ddla_doctor_result *result) {
  const ddla_survey *survey = &result->survey;
  json_t *hosts = json_array();
  for (int h = 0; h < survey->hosts; h++) json_array_append_new(hosts, host_json(&survey->host[h]));
  json_t *made = json_pack("{s:b, s:s, s:s, s:o, s:o, s:o}", "works",
                           !ddla_findings_are_bad(&result->findings), "version", DDLA_VERSION,
                           "mpi", result->library, "hosts", hosts, "links", links_json(survey),
                           "findings", findings_json(&result->findings));
  if (made && result->job) json_object_set_new(made, "exchange", cost_json(result));
  return ddla_json_print(made);
}
