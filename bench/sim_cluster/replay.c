#include "replay.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "link.h"
#include "state/state.h"
#include "sync/bridge/bridge.h"
#include "wire.h"

typedef struct replay_host {
  struct replay *replay;
  ddla_bridge_layout layout;
  ddla_transport *local;
  ddla_bridge_board board;
  ddla_bridge *bridge;
  const float *gradient;
  bool done;
} replay_host;

typedef struct replay {
  const replay_options *options;
  link_net net;
  replay_host *host;     /* [hosts] */
  float *nothing;        /* [elements] for all hosts, where bytes are only counted */
  unsigned char *record; /* [shards], likewise */
  int final_ranges;      /* from the top down */
  double end;            /* of the last host */
  ddla_failure failure;
} replay;

/* ---- in place of the library's ---- */

int replay_operands_list(ddla_operand *out, const ddla_operands *operands, uint64_t step,
                         int64_t samples) {
  (void)step;
  const replay_host *host = (const void *)operands;
  const ddla_bridge_host *here = &host->layout.host[host->layout.cluster.host];
  (void)samples;
  for (int p = 0; p < here->part_count; p++)
    out[p] =
        (ddla_operand){.part = host->layout.part[here->first_part + p], .data = host->gradient};
  return here->part_count;
}

void *replay_alloc_array(size_t count, size_t size) { return calloc(count ? count : 1, size); }

ddla_status replay_tree_plan_make(ddla_tree_plan *out, int64_t leaves, const ddla_tree_part *parts,
                                  const bool *absent, int count) {
  (void)out, (void)leaves, (void)parts, (void)absent, (void)count;
  return DDLA_OK;
}

void replay_tree_run(const ddla_tree_plan *plan, const ddla_tree_io *io, int64_t first,
                     int64_t count, bool stream) {
  (void)plan, (void)io, (void)first, (void)count, (void)stream;
}

/* ---- what the bridge asks ---- */

static bool waits(ddla_service_word *out, void *argument, uint64_t step, int64_t element) {
  const replay_host *host = argument;
  (void)step;
  *out = (ddla_service_word){0};
  if (element == host->layout.space) return false; /* records come before gradients */
  return ddla_bridge_range_down_to(&host->layout, element) >= host->replay->final_ranges;
}

static int slices(ddla_bridge_slices out[DDLA_BRIDGE_SLICES_MAX], void *argument, uint64_t step) {
  const replay_host *host = argument;
  (void)step;
  out[0] = (ddla_bridge_slices){host->replay->record, REPLAY_RECORD_BYTES};
  return 1;
}

static bool stop_asked(void *argument) {
  (void)argument;
  return false;
}

/* ---- making hosts ---- */

static ddla_cluster cluster_of(int hosts, int host) {
  ddla_cluster made = {.hosts = hosts, .host = host};
  for (int h = 0; h <= hosts; h++) made.first[h] = h;
  return made;
}

static ddla_status make_host(replay *r, int h) {
  const replay_options *o = r->options;
  replay_host *host = &r->host[h];
  const ddla_cluster cluster = cluster_of(o->hosts, h);
  host->replay = r;
  host->gradient = o->gradient ? o->gradient[h] : r->nothing;
  DDLA_TRY(
      ddla_bridge_layout_make(&host->layout, &cluster, o->shards, 1, o->elements, o->range_bytes));
  DDLA_TRY(ddla_transport_open(&host->local, "self", NULL));
  const ddla_bridge_options options = {
      .local = host->local,
      .link = &r->net.host[h].base,
      .layout = &host->layout,
      .board = &host->board,
      .operands = (const void *)host,
      .lists = {-1, -1},
      .reduced = o->sum ? o->sum[h] : r->nothing,
      .threadless = true,
      .calls = {.waits = waits, .slices = slices, .stop_asked = stop_asked, .argument = host}};
  return ddla_bridge_create(&host->bridge, &options);
}

static ddla_status make(replay *r) {
  const replay_options *o = r->options;
  DDLA_TRY(link_net_make(&r->net, o->hosts, o->net, o->gradient != NULL));
  DDLA_TRY(DDLA_NEW(r->host, o->hosts));
  DDLA_TRY(DDLA_NEW(r->record, (int64_t)o->shards * REPLAY_RECORD_BYTES));
  if (!o->gradient) r->nothing = calloc((size_t)o->elements, sizeof *r->nothing);
  if (!o->gradient && !r->nothing) return DDLA_FAIL(NO_MEMORY, "no memory for a gradient");
  for (int h = 0; h < o->hosts; h++) DDLA_TRY(make_host(r, h));
  return DDLA_OK;
}

static void drop(replay *r) {
  for (int h = 0; r->host && h < r->options->hosts; h++) {
    ddla_bridge_destroy(r->host[h].bridge);
    ddla_transport_close(r->host[h].local);
  }
  ddla_free(r->host);
  ddla_free(r->record);
  free(r->nothing);
  link_net_fini(&r->net);
}

/* ---- time passes ---- */

static double final_at(const replay *r, int range) {
  int64_t begin = 0, count = 0;
  const ddla_bridge_layout *layout = &r->host[0].layout;
  ddla_bridge_range(layout, range, &begin, &count);
  return r->options->compute_seconds * (double)(layout->space - begin) / (double)layout->space;
}

static bool more_is_final(replay *r) {
  const int before = r->final_ranges;
  while (r->final_ranges < r->host[0].layout.ranges &&
         final_at(r, r->final_ranges) <= wire_now() + 1e-12)
    r->final_ranges++;
  return r->final_ranges > before;
}

static ddla_status serve(replay *r, replay_host *host) {
  const ddla_status status =
      ddla_bridge_serve(host->bridge, ddla_bridge_target_done(&host->layout, 1));
  if (status == DDLA_TIMEOUT) return DDLA_OK; /* it waits for messages */
  DDLA_TRY(status);
  host->done = true;
  r->end = wire_now();
  return DDLA_OK;
}

static void settled(void *argument) {
  replay *r = argument;
  const bool all = more_is_final(r);
  for (int h = 0; h < r->options->hosts && r->failure.code == DDLA_OK; h++) {
    if (r->host[h].done || !(all || r->net.host[h].woken)) continue;
    const ddla_status status = serve(r, &r->host[h]);
    if (status != DDLA_OK) ddla_status_take(&r->failure, status);
  }
}

static void post_steps(replay *r) {
  for (int h = 0; h < r->options->hosts; h++) {
    const ddla_bridge_order order = {.step = 1, .samples = r->options->shards};
    ddla_bridge_post(r->host[h].local, &r->host[h].board, 1, &order);
  }
  for (int i = 0; i < r->host[0].layout.ranges; i++)
    if (final_at(r, i) > 0) wire_after(final_at(r, i), NULL);
}

static ddla_status count_up(replay_result *out, const replay *r) {
  const ddla_bridge_layout *layout = &r->host[0].layout;
  *out = (replay_result){
      .layout = {.hosts = r->options->hosts,
                 .ranges = layout->ranges,
                 .parts = layout->host[0].part_count,
                 .bytes = layout->space * (int64_t)sizeof(float),
                 .range_bytes = layout->range_elements * (int64_t)sizeof(float),
                 .block_bytes = DDLA_STATE_BLOCK * (int64_t)sizeof(float),
                 .record_bytes = (int64_t)sizeof(uint64_t) +
                                 r->options->shards / r->options->hosts * REPLAY_RECORD_BYTES},
      .seconds = r->end};
  for (int h = 0; h < r->options->hosts; h++) {
    const link_count *count = &r->net.host[h].count;
    const int64_t sent = atomic_load(&r->host[h].board.sent_bytes);
    if (!r->host[h].done || sent != count->sent_bytes)
      return DDLA_FAIL(INTERNAL, "host %d has not done its step, or counts other bytes", h);
    if (sent > out->sent_bytes) out->sent_bytes = sent;
    if (count->received_bytes > out->received_bytes) out->received_bytes = count->received_bytes;
    out->messages += count->messages;
  }
  return DDLA_OK;
}

static ddla_status exchange(replay_result *out, replay *r) {
  const wire_calls calls = {link_arrived, settled, r};
  post_steps(r);
  wire_run(&calls);
  if (r->failure.code != DDLA_OK) return ddla_status_raise(&r->failure);
  return count_up(out, r);
}

ddla_status replay_run(replay_result *out, const replay_options *options) {
  replay r = {.options = options};
  ddla_status status = make(&r);
  if (status == DDLA_OK) status = exchange(out, &r);
  drop(&r);
  return status;
}
