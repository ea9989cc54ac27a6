#include "cli/train_share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/reading.h"
#include "agent/sharing.h"
#include "base/alloc.h"
#include "cli/sharing_show.h"
#include "cli/train_facts.h"
#include "share/sets/broadcast.h"
#include "share/sets/gather.h"
#include "share/sets/offer.h"
#include "share/sets/talk.h"
#include "train/plugins.h"
#include "train/training.h"

typedef struct share_call {
  ddla_job *job;
  ddla_join *join;
  bool gathers;
  FILE *screen; /* null: nothing is shown */
  ddla_plugins *plugins;
  ddla_offer offer;
  ddla_sharing_show show;
} share_call;

static bool is_first(const share_call *call) { return ddla_join_agent(call->join) == 0; }

static bool leads(const share_call *call) {
  const ddla_cluster *cluster = ddla_join_cluster(call->join);
  return cluster->first[cluster->host] == ddla_join_agent(call->join);
}

/* ---- what this host has to give ---- */

static ddla_status open_parts(share_call *call) {
  ddla_data_source source[DDLA_TRAINING_PARTS];
  DDLA_TRY(ddla_train_plugins(&call->plugins, call->job, NULL));
  ddla_training_sources(source, call->job, call->plugins);
  return ddla_offer_open(&call->offer, source, call->job->share.directory, !call->gathers);
}

/* While nothing comes, somebody says so. */
static ddla_status open_offer(share_call *call) {
  ddla_reading *reading = NULL;
  DDLA_TRY(
      ddla_reading_start(&reading, call->job->data.train, call->job->output.hang_seconds, stderr));
  const ddla_status status = open_parts(call);
  ddla_reading_stop(reading);
  if (status == DDLA_OK || !is_first(call)) return status;
  return ddla_status_prefix(status, "on host %s: ", ddla_sharing_host(call->join));
}

static ddla_status prepare(share_call *call, ddla_join_fact *facts) {
  DDLA_TRY(ddla_job_check(call->job));
  DDLA_TRY(ddla_train_job_facts(facts, call->job));
  return is_first(call) || (call->gathers && leads(call)) ? open_offer(call) : DDLA_OK;
}

/* ---- over the link ---- */

static ddla_status broadcast(share_call *call, ddla_transport *link, ddla_wire *wire,
                             ddla_offer *offer) {
  ddla_broadcast_result sent = {0};
  ddla_broadcast_call sending = {.directory = call->job->share.directory,
                                 .host = ddla_sharing_host(call->join),
                                 .tell = ddla_sharing_show_line,
                                 .argument = &call->show};
  memcpy(sending.parts, offer->sources, sizeof sending.parts);
  call->show = ddla_sharing_show_of(call->screen, "sending data");
  DDLA_TRY(ddla_share_broadcast(&sent, link, wire, &sending));
  const double seconds = ddla_sharing_show_seconds(&call->show), mb = (double)sent.bytes * 1e-6;
  if (call->screen)
    fprintf(call->screen, "data: %.1f MB in %s; %d of %d hosts took it in %.2f s, %.1f MB/s\n", mb,
            sending.directory, sent.takers, ddla_join_cluster(call->join)->hosts, seconds,
            sent.takers > 0 ? mb / seconds : 0);
  return DDLA_OK;
}

static ddla_status gather(share_call *call, ddla_transport *link, ddla_wire *wire) {
  ddla_gather_result made = {0};
  ddla_gather_call gathering = {.directory = call->job->share.directory,
                                .host = ddla_sharing_host(call->join),
                                .tell = ddla_sharing_show_line,
                                .argument = &call->show};
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++) {
    gathering.parts[p] = call->offer.sources[p];
    gathering.sets[p] = call->offer.sets[p];
  }
  call->show = ddla_sharing_show_of(call->screen, "gathering data");
  DDLA_TRY(ddla_share_gather(&made, link, wire, &gathering));
  if (call->screen)
    fprintf(call->screen, "data: %" PRId64 " samples of %d hosts%s, %" PRId64 " more stood twice\n",
            made.samples, ddla_join_cluster(call->join)->hosts,
            made.found ? ", gathered before" : "", made.duplicates);
  return DDLA_OK;
}

/* What was gathered goes to all from the first host's directory. */
static ddla_status send_gathered(share_call *call, ddla_transport *link, ddla_wire *wire) {
  const char *directory = call->job->share.directory;
  ddla_offer *offer = NULL;
  ddla_data_source source[DDLA_PREPARED_PARTS] = {0};
  DDLA_TRY(DDLA_NEW(offer, 1));
  for (int p = 0; p < DDLA_PREPARED_PARTS; p++)
    if (ddla_prepared_has(directory, (ddla_data_part)p))
      source[p] = (ddla_data_source){.path = directory, .part = (ddla_data_part)p};
  ddla_status status =
      ddla_transport_rank(link) == 0 ? ddla_offer_open(offer, source, directory, true) : DDLA_OK;
  if (status == DDLA_OK) status = broadcast(call, link, wire, offer);
  else status = ddla_talk_end(link, status, false);
  ddla_offer_close(offer);
  ddla_free(offer);
  return status;
}

static ddla_status share_on(ddla_transport *link, ddla_wire *wire, void *argument) {
  share_call *call = argument;
  if (!call->gathers) return broadcast(call, link, wire, &call->offer);
  DDLA_TRY(gather(call, link, wire));
  return send_gathered(call, link, wire);
}

/* ---- afterwards ---- */

/* Sets an option to a path, as YAML between single quotes. */
static ddla_status set_path(ddla_job *job, const char *key, const char *path) {
  char text[2 * DDLA_DATA_PATH_BYTES + 64];
  size_t used = (size_t)snprintf(text, sizeof text, "%s='", key);
  for (; *path && used + 4 < sizeof text; path++) {
    if (*path == '\'') text[used++] = '\'';
    text[used++] = *path;
  }
  text[used++] = '\'';
  text[used] = '\0';
  return ddla_job_set(job, text);
}

/* The set has all parts, a test part beside that of training. */
static ddla_status read_from_here(ddla_job *job) {
  const char *directory = job->share.directory;
  const bool validates = job->data.validation[0] != '\0';
  DDLA_TRY(set_path(job, "data.train", directory));
  DDLA_TRY(set_path(job, "data.test", ""));
  return validates ? set_path(job, "data.validation", directory) : DDLA_OK;
}

ddla_status ddla_train_share(bool *apart, ddla_job *job, ddla_join *join, ddla_show show) {
  const bool gathers = strcmp(job->share.mode, "gather") == 0;
  const bool shows = show == DDLA_SHOW_BAR || show == DDLA_SHOW_LINES;
  ddla_join_fact facts[DDLA_JOIN_FACTS] = {{0}};
  share_call *call = NULL;
  if (!gathers && strcmp(job->share.mode, "broadcast") != 0) return DDLA_OK;
  if (ddla_join_cluster(join)->hosts == 1) return DDLA_OK;
  DDLA_TRY(DDLA_NEW(call, 1));
  *call = (share_call){.job = job,
                       .join = join,
                       .gathers = gathers,
                       .screen = shows && ddla_join_agent(join) == 0 ? stdout : NULL};
  ddla_join_limit(join, (int64_t)(job->parallel.timeout * 1000));
  ddla_status status = prepare(call, facts);
  status = ddla_sharing_run(join, status, facts, job->data.private, share_on, call);
  *apart = status != DDLA_OK;
  ddla_offer_close(&call->offer);
  ddla_plugins_destroy(call->plugins);
  ddla_free(call);
  DDLA_TRY(status);
  ddla_join_patience(join, DDLA_TRAIN_START_MS);
  return read_from_here(job);
}
