/* What hosts send each other in a step: pure functions of the cluster, shards and parameters, so
 * that all hosts know the same without talking.
 *
 * The parameter space is cut into ranges of equal size, numbered from the top down because the last
 * layers' gradients are there first. Range r belongs to host r mod hosts, if nothing else is said:
 * every other host sends it its partial sums of the range, it adds them up in the fixed tree
 * and gives the sum to all. A host's partial sums are those over the subtrees of its shards: one
 * where shards and hosts are powers of two. */
#ifndef DDLA_SYNC_BRIDGE_BRIDGE_LAYOUT_H
#define DDLA_SYNC_BRIDGE_BRIDGE_LAYOUT_H

#include "coll/tree.h"
#include "sync/sync.h"

enum {
  DDLA_BRIDGE_RANGES_MAX = 256,
  /* A range is at least so long: below, a message's latency is more than its bytes. */
  DDLA_BRIDGE_RANGE_BYTES_MIN = 32 * 1024,
  /* Ranges of each host, where they are long enough, so that its last one, which nothing hides, is
   * a small part. */
  DDLA_BRIDGE_OWNED = 4
};

typedef struct ddla_bridge_host {
  int first_shard, end_shard;
  int first_part, part_count; /* of `part` below */
} ddla_bridge_host;

typedef struct ddla_bridge_layout {
  ddla_cluster cluster;
  int shards, lanes, ranges;
  int own_count;                 /* of `own` */
  int64_t space, range_elements; /* elements; of the longest range, others lack a block */
  ddla_bridge_host host[DDLA_HOSTS_MAX];
  ddla_tree_part part[DDLA_TREE_OPERANDS_MAX]; /* of all hosts, by rising shards */
  int part_count;
  int16_t owner[DDLA_BRIDGE_RANGES_MAX]; /* of each range */
  int16_t own[DDLA_BRIDGE_RANGES_MAX];   /* this host's, from the top down */
} ddla_bridge_layout;

/* For even shares that never change. range_bytes 0: chosen. Errors: INVALID where shards and agents
 * fit so badly that a sum would have more than DDLA_TREE_OPERANDS_MAX parts. */
ddla_status ddla_bridge_layout_make(ddla_bridge_layout *out, const ddla_cluster *cluster,
                                    int shards, int lanes, int64_t space, int64_t range_bytes);

/* The same of a strategy. Where shares of shards change (split->dynamic) there are fewer ranges if
 * some shares would have more messages under way than is good; ranges themselves stay as they are,
 * whatever the shares. */
ddla_status ddla_bridge_layout_of(ddla_bridge_layout *out, const ddla_sync_split *split,
                                  int64_t space, int64_t range_bytes);

/* Ranges belong to the first `owners` hosts alone, in turn; 0: to all, as at first. */
void ddla_bridge_layout_own(ddla_bridge_layout *layout, int owners);

/* Range r belongs to host owner[r] from now on; [ranges]. */
void ddla_bridge_layout_deal(ddla_bridge_layout *layout, const int16_t *owner);

/* Host h has shards [first[h], first[h + 1]) from now on. Errors: INVALID as above. */
ddla_status ddla_bridge_layout_share(ddla_bridge_layout *layout, const int *first);

/* Elements [*begin, *begin + *count) of a range, and whose it is. */
void ddla_bridge_range(const ddla_bridge_layout *layout, int range, int64_t *begin, int64_t *count);
int ddla_bridge_owner(const ddla_bridge_layout *layout, int range);

/* How many ranges are this host's, and the number of its k-th from the top down. */
int ddla_bridge_own_ranges(const ddla_bridge_layout *layout);
int ddla_bridge_own(const ddla_bridge_layout *layout, int k);

/* The last range, from the top down, that reaches down to this element. */
int ddla_bridge_range_down_to(const ddla_bridge_layout *layout, int64_t element);

/* Items [*first, *end) of `items` that are dealt out evenly to all workers of all hosts: a host's.
 */
void ddla_bridge_items(const ddla_bridge_layout *layout, int host, int64_t items, int64_t *first,
                       int64_t *end);

#endif
