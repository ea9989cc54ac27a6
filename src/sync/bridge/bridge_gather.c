#include "sync/bridge/bridge_gather.h"

#include "base/alloc.h"
#include "sync/bridge/bridge_messages.h"

struct ddla_bridge_gather {
  const ddla_bridge_options *options;
  const ddla_bridge_layout *layout;
  ddla_bridge_flight flight;
  uint64_t number, step;
  int array;   /* that is under way; all before are here */
  bool posted; /* its receives are */
  int sent;    /* own ranges of it */
};

static int this_host(const ddla_bridge_gather *g) { return g->layout->cluster.host; }

static const ddla_bridge_array *array_at(const ddla_bridge_gather *g) {
  return &g->options->division.array[g->array];
}

/* A range's part of the array under way. */
static char *part_of(size_t *bytes, const ddla_bridge_gather *g, int range) {
  const ddla_bridge_array *array = array_at(g);
  const ddla_bridge_span *span = &array->span[range];
  *bytes = (size_t)(span->end - span->first) * array->bytes;
  return array->base + (size_t)span->first * array->bytes;
}

static uint64_t tag_of(const ddla_bridge_gather *g, int range) {
  return ddla_bridge_tag(g->number, DDLA_BRIDGE_ARRAY, range, g->array);
}

static ddla_status post(ddla_bridge_gather *g) {
  for (int r = 0; r < g->layout->ranges; r++) {
    const int owner = ddla_bridge_owner(g->layout, r);
    size_t bytes = 0;
    char *part = part_of(&bytes, g, r);
    if (owner == this_host(g) || bytes == 0) continue;
    DDLA_TRY(ddla_bridge_recv(&g->flight, owner, tag_of(g, r), part, bytes));
  }
  g->posted = true;
  return DDLA_OK;
}

static ddla_status send_own(ddla_bridge_gather *g, int range) {
  size_t bytes = 0;
  const char *part = part_of(&bytes, g, range);
  if (bytes == 0) return DDLA_OK;
  return ddla_bridge_send_to_all(&g->flight, &g->layout->cluster, tag_of(g, range), part, bytes);
}

static ddla_status send_made(ddla_bridge_gather *g, bool *moved) {
  ddla_service_word wanted;
  while (g->sent < ddla_bridge_own_ranges(g->layout) && !ddla_bridge_gather_waits(&wanted, g)) {
    DDLA_TRY(send_own(g, ddla_bridge_own(g->layout, g->sent)));
    g->sent++;
    *moved = true;
  }
  return DDLA_OK;
}

ddla_status ddla_bridge_gather_advance(ddla_bridge_gather *g, bool *moved) {
  bool over = false;
  while (g->array < g->options->division.array_count) {
    if (!g->posted) DDLA_TRY(post(g));
    DDLA_TRY(send_made(g, moved));
    DDLA_TRY(ddla_bridge_look(&g->flight, &over, moved));
    if (!over || g->sent < ddla_bridge_own_ranges(g->layout)) return DDLA_OK;
    g->array++;
    g->sent = 0;
    g->posted = false;
    *moved = true;
  }
  return DDLA_OK;
}

bool ddla_bridge_gather_waits(ddla_service_word *out, const ddla_bridge_gather *g) {
  const ddla_bridge_calls *calls = &g->options->calls;
  if (g->array == g->options->division.array_count) return false;
  if (g->sent == ddla_bridge_own_ranges(g->layout)) return false;
  return g->options->division.waits(out, calls->argument, g->step, g->array, g->sent);
}

int ddla_bridge_gather_here(const ddla_bridge_gather *g) { return g->array; }

bool ddla_bridge_gather_under_way(const ddla_bridge_gather *g) { return g->flight.open > 0; }

void ddla_bridge_gather_begin(ddla_bridge_gather *g, uint64_t number, uint64_t step) {
  g->number = number;
  g->step = step;
  g->array = g->sent = 0;
  g->posted = false;
}

ddla_status ddla_bridge_gather_create(ddla_bridge_gather **out, const ddla_bridge_options *options,
                                      int64_t *sent_bytes) {
  ddla_bridge_gather *g = NULL;
  DDLA_TRY(DDLA_NEW(g, 1));
  g->options = options;
  g->layout = options->layout;
  const int own = ddla_bridge_own_ranges(g->layout);
  g->flight = (ddla_bridge_flight){.link = options->link,
                                   .room = own * (g->layout->cluster.hosts - 1) +
                                           (g->layout->ranges - own) + 1,
                                   .sent_bytes = sent_bytes};
  const ddla_status status = DDLA_NEW(g->flight.request, g->flight.room);
  if (status == DDLA_OK) *out = g;
  else ddla_free(g);
  return status;
}

void ddla_bridge_gather_destroy(ddla_bridge_gather *g) {
  if (!g) return;
  ddla_bridge_drop(&g->flight);
  ddla_free(g->flight.request);
  ddla_free(g);
}
