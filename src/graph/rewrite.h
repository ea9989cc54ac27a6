/* Rewrites of a graph that leave every value and gradient bit for bit as it was and make it faster.
 */
#ifndef DDLA_GRAPH_REWRITE_H
#define DDLA_GRAPH_REWRITE_H

#include "graph/graph.h"

/* Rewrites uses[0 .. *count) in place (removing some):
 * - relu before a max-pool moves behind it: a quarter of the elements for a 2×2 window;
 * - relu behind linear, conv2d or batch_norm becomes their attribute "activation";
 * - a sum behind batch_norm becomes its input "residual", so that a relu behind it joins as well.
 * Values named as outputs of the graph are left as they are. */
void ddla_graph_rewrite(const ddla_graph *graph, ddla_graph_op_use *uses, int *count);

#endif
