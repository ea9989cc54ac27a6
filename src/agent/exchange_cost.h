/* What a step's exchange costs on a surveyed cluster. Pure functions. */
#ifndef DDLA_AGENT_EXCHANGE_COST_H
#define DDLA_AGENT_EXCHANGE_COST_H

#include "agent/survey.h"
#include "sync/bridge/bridge_layout.h"

typedef struct ddla_exchange_cost {
  int64_t bytes;      /* that all hosts together send in a step, gradients only */
  int64_t host_bytes; /* that one host sends and receives, of the host with most */
  int ranges;         /* that the gradient is cut into */
  int slowest;        /* host whose cable is busy longest */
  /* Of a step where nothing is computed beside: bytes on the slowest host's cable, and twice the
   * way and start of a message of the farthest pair, `way_s`. Ranges that leave while lanes compute
   * the layers below hide a part of it. */
  double seconds, way_s;
} ddla_exchange_cost;

/* Where the layout's hosts are those of the survey. A host's cable carries what it sends beside
 * what it receives, and what goes to one host after what goes to another: each at the rate that was
 * measured for the pair with both directions in use. One host: all zero. */
void ddla_exchange_cost_of(ddla_exchange_cost *out, const ddla_bridge_layout *layout,
                           const ddla_survey *survey);

#endif
