#include "formula.h"

static double larger(double a, double b) { return a > b ? a : b; }

/* Bytes of the first `ranges` ranges. */
static int64_t border(const formula_case *c, int64_t ranges) {
  if (c->block_bytes == 0) return ranges < c->ranges ? ranges * c->range_bytes : c->bytes;
  return c->bytes / c->block_bytes * ranges / c->ranges * c->block_bytes;
}

int64_t formula_own_bytes(const formula_case *c, int host) {
  int64_t own = 0;
  for (int r = host; r < c->ranges; r += c->hosts) own += border(c, r + 1) - border(c, r);
  return own;
}

int64_t formula_sent_bytes(const formula_case *c, int host) {
  const int64_t own = formula_own_bytes(c, host), others = c->hosts - 1;
  return c->parts * (c->bytes - own) + others * (own + c->record_bytes);
}

int64_t formula_sent_bytes_most(const formula_case *c) {
  int64_t most = 0;
  for (int h = 0; h < c->hosts; h++) {
    const int64_t sent = formula_sent_bytes(c, h);
    if (sent > most) most = sent;
  }
  return most;
}

double formula_least_bytes(const formula_case *c) {
  return 2.0 * (c->hosts - 1) / c->hosts * (double)c->bytes;
}

static int64_t own_bytes_most(const formula_case *c) {
  int64_t most = 0;
  for (int h = 0; h < c->hosts; h++) {
    const int64_t own = formula_own_bytes(c, h);
    if (own > most) most = own;
  }
  return most;
}

/* Over a host's own link until all partial sums are where they belong: see formula.h. */
static double host_gather_load(const formula_case *c) {
  const double most = (double)own_bytes_most(c), others = c->hosts - 1;
  double load = 0;
  for (int h = 0; h < c->hosts; h++) {
    const double own = (double)formula_own_bytes(c, h), early = own / most;
    const double given = c->parts * ((double)c->bytes - own) / most;
    const double both = early < 0.5 ? early : 1 - early;
    load = larger(load, early * c->parts * others + both * (given + others) +
                            (1 - early - both) * larger(given, c->parts * others));
  }
  return load * most;
}

/* While sums are given: out of an owner's link, or everything that others own into a host's. */
static double host_give_load(const formula_case *c) {
  double most = 0;
  for (int h = 0; h < c->hosts; h++) {
    const int64_t own = formula_own_bytes(c, h);
    most = larger(most, larger((double)(own * (c->hosts - 1)), (double)(c->bytes - own)));
  }
  return most;
}

/* What hosts own that stand in a leaf and take the same uplink; uplink -1: all of the leaf. */
static double own_of(const formula_case *c, const network *net, int leaf, int uplink) {
  double own = 0;
  for (int h = leaf * net->leaf; h < (leaf + 1) * net->leaf; h++)
    if (uplink < 0 || h % net->uplinks == uplink) own += (double)formula_own_bytes(c, h);
  return own;
}

/* Of the busiest link between a leaf and the switches above when partial sums are gathered: down to
 * the owners that share it, from all hosts outside; and up from a leaf to all owners outside that
 * share one. */
static double gather_load(const formula_case *c, const network *net) {
  double most = 0;
  for (int u = 0; u < net->uplinks; u++) {
    double all = 0;
    for (int l = 0; l < c->hosts / net->leaf; l++) all += own_of(c, net, l, u);
    for (int l = 0; l < c->hosts / net->leaf; l++) {
      const double own = own_of(c, net, l, u);
      most = larger(most, larger(own * (c->hosts - net->leaf), (all - own) * net->leaf));
    }
  }
  return most;
}

/* When sums are given: up, what a leaf owns to all hosts outside, spread over all uplinks; and down
 * to the hosts that share one, everything that others own. */
static double give_load(const formula_case *c, const network *net) {
  double most = 0;
  for (int l = 0; l < c->hosts / net->leaf; l++) {
    const double own = own_of(c, net, l, -1);
    most = larger(most, own * (c->hosts - net->leaf) / net->uplinks);
    most = larger(most, ((double)c->bytes - own) * net->leaf / net->uplinks);
  }
  return most;
}

double formula_seconds(const formula_case *c, const network *net) {
  double gather = host_gather_load(c), give = host_give_load(c);
  if (net->leaf > 0 && c->hosts > net->leaf) {
    gather = larger(gather, c->parts * gather_load(c, net));
    give = larger(give, give_load(c, net));
  }
  return 3 * network_latency_most(net, c->hosts) + (gather + give) / net->bandwidth;
}
