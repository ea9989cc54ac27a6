/* ddla data broadcast and gather: one host's data to all, and the data of all to one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/sharing.h"
#include "base/alloc.h"
#include "base/machine.h"
#include "cli/data_kinds.h"
#include "cli/json.h"
#include "cli/sharing_show.h"
#include "share/sets/broadcast.h"
#include "share/sets/gather.h"
#include "share/sets/offer.h"

enum { START_TIMEOUT_MS = 60000 };

typedef struct share_call {
  ddla_data_call data;
  ddla_join *join; /* null: this host alone */
  bool first;      /* the agent that speaks */
  ddla_offer offer;
  ddla_sharing_show show;
  ddla_broadcast_result sent;
  ddla_gather_result gathered;
  double seconds;
} share_call;

static int hosts_of(const share_call *call) {
  return call->join ? ddla_join_cluster(call->join)->hosts : 1;
}

static ddla_status check_private(const share_call *call, const char *what) {
  if (!call->data.job->data.private) return DDLA_OK;
  return ddla_job_refuse(call->data.job, "data.private",
                         "is true: samples of this host do not leave it, so that ddla data %s has "
                         "nothing to do",
                         what);
}

static ddla_status open_offer(share_call *call, bool as_it_lies) {
  ddla_data_source found[DDLA_PREPARED_PARTS], source[DDLA_PREPARED_PARTS] = {0};
  int part[DDLA_PREPARED_PARTS];
  const int count = ddla_data_call_parts(found, part, &call->data);
  for (int i = 0; i < count; i++) source[part[i]] = found[i];
  const ddla_status status =
      ddla_offer_open(&call->offer, source, call->data.directory, as_it_lies);
  if (status == DDLA_OK || !call->first || hosts_of(call) == 1) return status;
  return ddla_status_prefix(status, "on host %s: ", ddla_sharing_host(call->join));
}

/* Programs that differ would not understand each other. */
static void state_facts(ddla_join_fact facts[2]) {
  memset(facts, 0, 2 * sizeof *facts);
  facts[0].name = "program";
  snprintf(facts[0].value, sizeof facts[0].value, "ddla %s, %s", DDLA_VERSION,
           ddla_machine_byte_order());
}

/* ---- broadcast ---- */

static ddla_status broadcast_on(ddla_transport *link, ddla_wire *wire, void *argument) {
  share_call *call = argument;
  ddla_broadcast_call sending = {.directory = call->data.directory,
                                 .host = ddla_sharing_host(call->join),
                                 .tell = ddla_sharing_show_line,
                                 .argument = &call->show};
  memcpy(sending.parts, call->offer.sources, sizeof sending.parts);
  call->show = ddla_sharing_show_of(call->first && !call->data.json ? stdout : NULL, "sending");
  DDLA_TRY(ddla_share_broadcast(&call->sent, link, wire, &sending));
  call->seconds = ddla_sharing_show_seconds(&call->show);
  return DDLA_OK;
}

static ddla_status show_broadcast(const share_call *call) {
  const double megabytes = (double)call->sent.bytes * 1e-6;
  if (call->data.json)
    return ddla_json_print(json_pack("{s:s, s:i, s:i, s:I, s:f, s:o}", "data", "broadcast", "hosts",
                                     hosts_of(call), "took", call->sent.takers, "bytes",
                                     (json_int_t)call->sent.bytes, "seconds", call->seconds,
                                     "directory", ddla_json_text(call->data.directory)));
  printf("%s: %.1f MB; %d of %d host%s took it in %.2f s, %.1f MB/s\n", call->data.directory,
         megabytes, call->sent.takers, hosts_of(call), hosts_of(call) == 1 ? "" : "s",
         call->seconds, call->sent.takers > 0 ? megabytes / call->seconds : 0);
  return DDLA_OK;
}

static ddla_status broadcast(share_call *call) {
  ddla_join_fact facts[2];
  state_facts(facts);
  ddla_status status = check_private(call, "broadcast");
  if (status == DDLA_OK && call->first) status = open_offer(call, true);
  DDLA_TRY(ddla_sharing_run(call->join, status, facts, call->data.job->data.private, broadcast_on,
                            call));
  return call->first ? show_broadcast(call) : DDLA_OK;
}

/* ---- gather ---- */

static ddla_status gather_on(ddla_transport *link, ddla_wire *wire, void *argument) {
  share_call *call = argument;
  ddla_gather_call gathering = {.directory = call->data.directory,
                                .host = ddla_sharing_host(call->join),
                                .tell = ddla_sharing_show_line,
                                .argument = &call->show};
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    gathering.parts[p] = call->offer.sources[p];
    gathering.sets[p] = call->offer.sets[p];
  }
  call->show = ddla_sharing_show_of(call->first && !call->data.json ? stdout : NULL, "gathering");
  DDLA_TRY(ddla_share_gather(&call->gathered, link, wire, &gathering));
  call->seconds = ddla_sharing_show_seconds(&call->show);
  return DDLA_OK;
}

static ddla_status show_gather(const share_call *call) {
  const ddla_gather_result *made = &call->gathered;
  const char *directory = call->data.directory;
  if (call->data.json)
    return ddla_json_print(json_pack(
        "{s:s, s:i, s:b, s:I, s:I, s:I, s:I, s:f, s:o}", "data", "gather", "hosts", hosts_of(call),
        "found", made->found, "samples", (json_int_t)made->samples, "duplicates",
        (json_int_t)made->duplicates, "bytes", (json_int_t)made->bytes, "came",
        (json_int_t)made->came, "seconds", call->seconds, "directory", ddla_json_text(directory)));
  if (made->found)
    printf("%s: %" PRId64 " samples, gathered before from the same parts\n", directory,
           made->samples);
  else
    printf("%s: %" PRId64 " samples of %d host%s, %" PRId64
           " more stood twice; %.1f MB, of which %.1f MB came from other hosts, in %.2f s\n",
           directory, made->samples, hosts_of(call), hosts_of(call) == 1 ? "" : "s",
           made->duplicates, (double)made->bytes * 1e-6, (double)made->came * 1e-6, call->seconds);
  return DDLA_OK;
}

/* The first agent of each host reads its part. */
static bool leads(const share_call *call) {
  if (!call->join) return true;
  const ddla_cluster *cluster = ddla_join_cluster(call->join);
  return cluster->first[cluster->host] == ddla_join_agent(call->join);
}

static ddla_status gather(share_call *call) {
  ddla_join_fact facts[2];
  state_facts(facts);
  ddla_status status = check_private(call, "gather");
  if (status == DDLA_OK && leads(call)) status = open_offer(call, false);
  DDLA_TRY(
      ddla_sharing_run(call->join, status, facts, call->data.job->data.private, gather_on, call));
  return call->first ? show_gather(call) : DDLA_OK;
}

/* ---- both ---- */

/* Where an MPI launcher has started this process, it is one of many. */
static ddla_status start(share_call *call) {
  bool joined = false;
  DDLA_TRY(ddla_join_wanted(&joined));
  if (joined) DDLA_TRY(ddla_join_start(&call->join, false, START_TIMEOUT_MS));
  if (joined) ddla_join_limit(call->join, (int64_t)(call->data.job->parallel.timeout * 1000));
  call->first = !call->join || ddla_join_agent(call->join) == 0;
  return DDLA_OK;
}

static ddla_status end(share_call *call, ddla_status status) {
  ddla_failure failure = {0};
  ddla_status_take(&failure, status);
  ddla_offer_close(&call->offer);
  if (!call->join) return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
  if (status == DDLA_OK) return ddla_join_end(call->join);
  status = ddla_status_raise(&failure);
  if (ddla_join_speaks(call->join)) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
  ddla_join_leave(call->join, status);
}

static ddla_status share(int argc, char **argv, ddla_status (*work)(share_call *)) {
  share_call *call = NULL;
  DDLA_TRY(DDLA_NEW(call, 1));
  call->data.takes_directory = true;
  ddla_status status = ddla_data_call_read(&call->data, argc, argv, NULL, 0);
  if (status == DDLA_OK) status = start(call);
  if (status == DDLA_OK) status = end(call, work(call));
  ddla_data_call_fini(&call->data);
  ddla_free(call);
  return status;
}

ddla_status ddla_data_broadcast(int argc, char **argv) { return share(argc, argv, broadcast); }

ddla_status ddla_data_gather(int argc, char **argv) { return share(argc, argv, gather); }
