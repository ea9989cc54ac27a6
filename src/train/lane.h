/* What one compute thread owns: its plans, by batch size, and one arena as large as the largest of
 * them. Threads: a lane is its own thread's. */
#ifndef DDLA_TRAIN_LANE_H
#define DDLA_TRAIN_LANE_H

#include "graph/plan.h"

enum { DDLA_LANE_PLANS_MAX = 16 };

typedef struct ddla_lane {
  const ddla_graph *graph;
  ddla_value loss;
  ddla_pack_cache *packs; /* borrowed: the agent's */
  ddla_precision precision;
  const char *kernel;     /* null, or the one kernel to take */
  ddla_watch_lane *watch; /* borrowed; may be null */
  struct ddla_lane_plan {
    int64_t batch;
    bool training;
    ddla_plan *plan;
  } plan[DDLA_LANE_PLANS_MAX];
  int plan_count;
  void *arena;
  size_t arena_bytes;
} ddla_lane;

/* The plan for this batch size, compiled where it is new. The arena may move: views of values of
 * other plans end. When the lane holds DDLA_LANE_PLANS_MAX plans, the oldest is dropped. Errors:
 * those of ddla_plan_create. */
ddla_status ddla_lane_plan_for(ddla_plan **out, ddla_lane *lane, int64_t batch, bool training);

/* Releases plans and arena. */
void ddla_lane_fini(ddla_lane *lane);

#endif
