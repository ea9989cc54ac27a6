/* ddla doctor under an MPI launcher: every process tells of its host, the first of each host
 * measures the links, and the first of all judges and prints. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/join.h"
#include "base/alloc.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/doctor_parts.h"

enum {
  START_TIMEOUT_MS = 60000,
  SILENCE_MS = 30000,  /* after which a host is given up */
  MEASURE_MS = 1800000 /* nobody waits so long for a host that speaks */
};

typedef struct doctor_call {
  const ddla_doctor_given *given;
  int64_t start_ns;
  ddla_join *join;
  ddla_survey_host *mine, *all; /* all: [agents] */
  ddla_doctor_result *result;
  ddla_job *job;
  ddla_training *training;
} doctor_call;

/* "4,4,2": the processes that each host is to have, where one of each is measured. */
static ddla_status read_slots(ddla_cluster *cluster, const char *slots) {
  const char *at = slots;
  for (int h = 0; h < cluster->hosts; h++) {
    char word[16];
    int64_t value = 0;
    const size_t length = strcspn(at, ",");
    snprintf(word, sizeof word, "%.*s", (int)(length < 15 ? length : 15), at);
    const bool ends = at[length] == '\0', last = h == cluster->hosts - 1;
    if (!ddla_text_to_int(&value, word) || value < 1 || value > 4096 || ends != last)
      return DDLA_FAIL(INVALID, "--slots %s: expected %d whole numbers from 1 to 4096",
                       ddla_text_quote(slots).text, cluster->hosts);
    cluster->first[h + 1] = cluster->first[h] + (int)value;
    at += length + !ends;
  }
  return DDLA_OK;
}

/* What the first agent alone reads: the job, made ready as for all of its agents. */
static ddla_status prepare(doctor_call *call) {
  const ddla_doctor_given *given = call->given;
  ddla_doctor_result *result = call->result;
  char agents[64];
  result->cluster = *ddla_join_cluster(call->join);
  if (given->slots) DDLA_TRY(read_slots(&result->cluster, given->slots));
  if (!given->job) return DDLA_OK;
  DDLA_TRY(ddla_words_job(&call->job, &given->words, given->job));
  snprintf(agents, sizeof agents, "parallel.agents=%d", ddla_cluster_agents(&result->cluster));
  DDLA_TRY(ddla_job_set(call->job, agents));
  DDLA_TRY(
      ddla_training_prepare(&call->training, call->job, NULL, &result->cluster, call->start_ns));
  DDLA_TRY(ddla_training_estimate(&result->memory, call->training));
  const ddla_training *training = call->training;
  result->job = given->job;
  result->parameters = ddla_graph_parameter_total(training->graph.graph);
  ddla_sync_split split = ddla_training_split(training);
  split.cluster = &result->cluster;
  split.shards = training->shards;
  return ddla_bridge_layout_of(&result->layout, &split, ddla_graph_space(training->graph.graph),
                               call->job->sync.range_bytes);
}

/* Programs that differ could not talk to each other further. */
static ddla_status greet(doctor_call *call) {
  ddla_join_fact facts[DDLA_JOIN_FACTS] = {{.name = "program"}};
  snprintf(facts[0].value, sizeof facts[0].value, "ddla %s, %s", DDLA_VERSION,
           ddla_machine_byte_order());
  ddla_status status = ddla_survey_here(call->mine);
  if (status == DDLA_OK && ddla_join_agent(call->join) == 0) status = prepare(call);
  DDLA_TRY(ddla_join_agree(call->join, status, facts));
  return ddla_join_gather(call->join, call->all, call->mine, sizeof *call->mine,
                          "tell of their hosts");
}

static void fill_hosts(doctor_call *call) {
  const ddla_cluster *cluster = ddla_join_cluster(call->join);
  const ddla_cluster *planned = &call->result->cluster;
  ddla_survey *survey = &call->result->survey;
  survey->hosts = cluster->hosts;
  for (int h = 0; h < cluster->hosts; h++) {
    survey->host[h] = call->all[cluster->first[h]];
    survey->host[h].agents = planned->first[h + 1] - planned->first[h];
    snprintf(survey->host[h].name, sizeof survey->host[h].name, "%s",
             ddla_join_host_name(call->join, cluster->first[h]));
  }
}

ddla_survey_options ddla_doctor_pace(void) {
  return (ddla_survey_options){.calendar = ddla_clock_calendar(), .seconds = 0.3, .alone = 8};
}

/* Between the first agents of all hosts. A failure of one ends all of them. */
static ddla_status measure_links(doctor_call *call) {
  const ddla_survey_options options = ddla_doctor_pace();
  ddla_transport *link = NULL;
  ddla_cluster met = {0};
  ddla_failure failure = {0};
  DDLA_TRY(ddla_join_open_link(&link, &met, call->join));
  ddla_status status = ddla_survey_measure(&call->result->survey, link, &options);
  ddla_status_take(&failure, status);
  if (status != DDLA_OK && status != DDLA_PEER_LOST) ddla_transport_fail(link, &failure);
  ddla_transport_close(link);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
}

static ddla_status measure(doctor_call *call) {
  const ddla_cluster *cluster = ddla_join_cluster(call->join);
  const bool leads = cluster->first[cluster->host] == ddla_join_agent(call->join);
  ddla_join_limit(call->join, SILENCE_MS);
  ddla_join_patience(call->join, MEASURE_MS);
  if (leads && cluster->hosts > 1) DDLA_TRY(measure_links(call));
  return ddla_join_agree(call->join, DDLA_OK, &(ddla_join_fact){0});
}

static void judge_memory(ddla_doctor_result *result) {
  const ddla_training_memory *memory = &result->memory;
  for (int h = 0; h < result->survey.hosts; h++) {
    const ddla_survey_host *host = &result->survey.host[h];
    const double needed = (double)memory->shared_bytes + (double)memory->data_bytes +
                          (double)memory->agent_bytes * host->agents;
    if (needed > (double)host->available_bytes)
      ddla_findings_add(&result->findings, true,
                        "end other programs there, or lower train.micro_batch and parallel.lanes",
                        "%.24s has %.0f MiB of memory to give, the job takes %.0f", host->name,
                        (double)host->available_bytes * 0x1p-20, needed * 0x1p-20);
  }
}

static ddla_status conclude(doctor_call *call) {
  ddla_doctor_result *result = call->result;
  ddla_findings_add_hosts(&result->findings, &result->survey);
  ddla_findings_add_links(&result->findings, &result->survey);
  if (result->job) {
    judge_memory(result);
    ddla_exchange_cost_of(&result->cost, &result->layout, &result->survey);
  }
  if (!call->given->json) ddla_doctor_print(result);
  else DDLA_TRY(ddla_doctor_print_json(result));
  for (int i = 0; i < result->findings.count; i++)
    if (result->findings.at[i].bad)
      return DDLA_FAIL(UNSUPPORTED, "these hosts cannot train together: %s; %s",
                       result->findings.at[i].what, result->findings.at[i].advice);
  return DDLA_OK;
}

static ddla_status examine(doctor_call *call) {
  const int64_t begun_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  DDLA_TRY(DDLA_NEW(call->mine, 1));
  DDLA_TRY(DDLA_NEW(call->result, 1));
  DDLA_TRY(DDLA_NEW(call->all, ddla_cluster_agents(ddla_join_cluster(call->join))));
  call->result->library = ddla_join_library(call->join);
  DDLA_TRY(greet(call));
  fill_hosts(call);
  DDLA_TRY(measure(call));
  call->result->seconds = (double)(ddla_clock_now_ns(ddla_clock_monotonic()) - begun_ns) * 1e-9;
  return DDLA_OK;
}

static void finish(doctor_call *call) {
  ddla_training_destroy(call->training);
  ddla_job_destroy(call->job);
  ddla_free(call->mine);
  ddla_free(call->all);
  ddla_free(call->result);
}

ddla_status ddla_doctor_joined(const ddla_doctor_given *given, int64_t start_ns) {
  doctor_call call = {.given = given, .start_ns = start_ns};
  DDLA_TRY(ddla_join_start(&call.join, false, START_TIMEOUT_MS));
  const bool first = ddla_join_agent(call.join) == 0;
  ddla_status status = examine(&call);
  if (status != DDLA_OK) {
    if (first) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
    ddla_join_leave(call.join, status);
  }
  ddla_status verdict = first ? conclude(&call) : DDLA_OK;
  ddla_failure failure = {0};
  ddla_status_take(&failure, verdict);
  finish(&call);
  ddla_status ended = ddla_join_end(call.join);
  return verdict != DDLA_OK ? ddla_status_raise(&failure) : ended;
}
