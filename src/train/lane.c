#include "train/lane.h"

#include <string.h>

#include "base/alloc.h"

static ddla_status grow_arena(ddla_lane *lane, size_t bytes) {
  if (bytes <= lane->arena_bytes) return DDLA_OK;
  char *larger = NULL;
  DDLA_TRY(DDLA_NEW(larger, bytes));
  ddla_free(lane->arena);
  lane->arena = larger;
  lane->arena_bytes = bytes;
  for (int i = 0; i < lane->plan_count; i++) ddla_plan_bind(lane->plan[i].plan, lane->arena);
  return DDLA_OK;
}

static void drop_oldest(ddla_lane *lane) {
  ddla_plan_destroy(lane->plan[0].plan);
  lane->plan_count--;
  memmove(&lane->plan[0], &lane->plan[1], (size_t)lane->plan_count * sizeof lane->plan[0]);
}

ddla_status ddla_lane_plan_for(ddla_plan **out, ddla_lane *lane, int64_t batch, bool training) {
  for (int i = 0; i < lane->plan_count; i++) {
    if (lane->plan[i].batch != batch || lane->plan[i].training != training) continue;
    *out = lane->plan[i].plan;
    return DDLA_OK;
  }
  if (lane->plan_count == DDLA_LANE_PLANS_MAX) drop_oldest(lane);
  ddla_plan_options options = {.batch = batch,
                               .training = training,
                               .loss = lane->loss,
                               .precision = lane->precision,
                               .kernel = lane->kernel,
                               .packs = lane->packs,
                               .watch = lane->watch};
  ddla_plan *plan = NULL;
  ddla_watch_mark(lane->watch, DDLA_PHASE_COMPILE, (uint64_t)batch);
  DDLA_TRY(ddla_plan_create(&plan, lane->graph, &options));
  ddla_status status = grow_arena(lane, ddla_plan_arena_bytes(plan));
  if (status != DDLA_OK) {
    ddla_plan_destroy(plan);
    return status;
  }
  ddla_plan_bind(plan, lane->arena);
  lane->plan[lane->plan_count].batch = batch;
  lane->plan[lane->plan_count].training = training;
  lane->plan[lane->plan_count++].plan = plan;
  *out = plan;
  return DDLA_OK;
}

void ddla_lane_fini(ddla_lane *lane) {
  for (int i = 0; i < lane->plan_count; i++) ddla_plan_destroy(lane->plan[i].plan);
  ddla_free(lane->arena);
  *lane = (ddla_lane){0};
}
