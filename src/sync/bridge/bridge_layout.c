#include "sync/bridge/bridge_layout.h"

#include "state/state.h"

enum {
  RANGE_BYTES = 1 << 20, /* short enough to overlap, long enough for a network's rate */
  POSTED_MAX = 96        /* receives that a range may have under way with one other host */
};

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

ddla_status ddla_bridge_layout_share(ddla_bridge_layout *layout, const int *first) {
  const ddla_cluster *cluster = &layout->cluster;
  layout->part_count = 0;
  for (int h = 0; h < cluster->hosts; h++) {
    ddla_bridge_host *host = &layout->host[h];
    host->first_shard = first[h];
    host->end_shard = first[h + 1];
    host->first_part = layout->part_count;
    host->part_count = ddla_tree_cut(
        &layout->part[layout->part_count], DDLA_TREE_OPERANDS_MAX - layout->part_count,
        layout->shards, (ddla_tree_part){host->first_shard, host->end_shard - host->first_shard});
    if (host->part_count < 0)
      return DDLA_FAIL(INVALID,
                       "%d shards on %d agents of %d hosts need more than %d partial sums; make "
                       "train.shards a power of two, or lower it",
                       layout->shards, ddla_cluster_agents(cluster), cluster->hosts,
                       DDLA_TREE_OPERANDS_MAX);
    layout->part_count += host->part_count;
  }
  return DDLA_OK;
}

/* Some ranges for each host at least, where they are long enough for it. */
static void make_ranges(ddla_bridge_layout *layout, int64_t range_bytes, int64_t most_parts) {
  const int64_t block = DDLA_STATE_BLOCK, hosts = layout->cluster.hosts;
  const int64_t bytes = layout->space * (int64_t)sizeof(float);
  int64_t most = smaller(DDLA_BRIDGE_RANGES_MAX, larger(1, POSTED_MAX * hosts / (1 + most_parts)));
  int64_t count = range_bytes > 0
                      ? (bytes + range_bytes - 1) / range_bytes
                      : larger(bytes / RANGE_BYTES, smaller(DDLA_BRIDGE_OWNED * hosts,
                                                            bytes / DDLA_BRIDGE_RANGE_BYTES_MIN));
  count = larger(1, smaller(count, most));
  if (count > hosts) count -= count % hosts; /* every host has as many */
  const int64_t blocks = larger(1, (layout->space + block - 1) / block);
  layout->ranges = (int)smaller(count, blocks);
  layout->range_elements = (blocks + layout->ranges - 1) / layout->ranges * block;
}

ddla_status ddla_bridge_layout_make(ddla_bridge_layout *out, const ddla_cluster *cluster,
                                    int shards, int lanes, int64_t space, int64_t range_bytes) {
  *out =
      (ddla_bridge_layout){.cluster = *cluster, .shards = shards, .lanes = lanes, .space = space};
  const int64_t agents = ddla_cluster_agents(cluster);
  int64_t most_parts = 1;
  int first[DDLA_HOSTS_MAX + 1];
  for (int h = 0; h <= cluster->hosts; h++) first[h] = (int)(shards * cluster->first[h] / agents);
  DDLA_TRY(ddla_bridge_layout_share(out, first));
  for (int h = 0; h < cluster->hosts; h++) most_parts = larger(most_parts, out->host[h].part_count);
  make_ranges(out, range_bytes, most_parts);
  ddla_bridge_layout_own(out, 0);
  return DDLA_OK;
}

void ddla_bridge_layout_deal(ddla_bridge_layout *layout, const int16_t *owner) {
  layout->own_count = 0;
  for (int r = 0; r < layout->ranges; r++) {
    layout->owner[r] = owner[r];
    if (owner[r] == layout->cluster.host) layout->own[layout->own_count++] = (int16_t)r;
  }
}

void ddla_bridge_layout_own(ddla_bridge_layout *layout, int owners) {
  const int hosts = layout->cluster.hosts, turns = owners > 0 && owners < hosts ? owners : hosts;
  int16_t owner[DDLA_BRIDGE_RANGES_MAX];
  for (int r = 0; r < layout->ranges; r++) owner[r] = (int16_t)(r % turns);
  ddla_bridge_layout_deal(layout, owner);
}

ddla_status ddla_bridge_layout_of(ddla_bridge_layout *out, const ddla_sync_split *split,
                                  int64_t space, int64_t range_bytes) {
  int64_t most_parts = 1;
  DDLA_TRY(ddla_bridge_layout_make(out, split->cluster, split->shards, split->lanes, space,
                                   range_bytes));
  if (!split->dynamic) return DDLA_OK;
  /* two for each level of the tree: see ddla_tree_cut */
  for (int64_t shards = 1; shards < split->shards; shards *= 2) most_parts += 2;
  make_ranges(out, range_bytes, most_parts);
  ddla_bridge_layout_own(out, 0);
  return DDLA_OK;
}

/* The first element of the first `ranges` ranges from the top: they differ by one block at most. */
static int64_t border(const ddla_bridge_layout *layout, int64_t ranges) {
  const int64_t blocks = (layout->space + DDLA_STATE_BLOCK - 1) / DDLA_STATE_BLOCK;
  return (blocks - blocks * ranges / layout->ranges) * DDLA_STATE_BLOCK;
}

void ddla_bridge_range(const ddla_bridge_layout *layout, int range, int64_t *begin,
                       int64_t *count) {
  *begin = border(layout, range + 1);
  *count = smaller(layout->space, border(layout, range)) - *begin;
}

int ddla_bridge_owner(const ddla_bridge_layout *layout, int range) { return layout->owner[range]; }

int ddla_bridge_own_ranges(const ddla_bridge_layout *layout) { return layout->own_count; }

int ddla_bridge_own(const ddla_bridge_layout *layout, int k) { return layout->own[k]; }

int ddla_bridge_range_down_to(const ddla_bridge_layout *layout, int64_t element) {
  const int64_t blocks = (layout->space + DDLA_STATE_BLOCK - 1) / DDLA_STATE_BLOCK;
  if (element >= layout->space) return 0;
  return (int)(((blocks - element / DDLA_STATE_BLOCK) * layout->ranges - 1) / blocks);
}

void ddla_bridge_items(const ddla_bridge_layout *layout, int host, int64_t items, int64_t *first,
                       int64_t *end) {
  const ddla_cluster *cluster = &layout->cluster;
  const int64_t lanes = layout->lanes, workers = lanes * ddla_cluster_agents(cluster);
  *first = items * (cluster->first[host] * lanes) / workers;
  *end = items * (cluster->first[host + 1] * lanes) / workers;
}
