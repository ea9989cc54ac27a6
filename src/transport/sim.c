/* Transport "sim" and the simulator's loop, see transport/sim.h. */
#include "transport/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "transport/sim_world.h"

enum { STACK_BYTES = 512 * 1024, STEP_NS_MAX = 2000 };

extern const ddla_transport_ops ddla_transport_row_sim;
const ddla_transport_ops ddla_transport_row_sim = DDLA_SIM_ROW("sim", DDLA_TRANSPORT_MESSAGES);

bool ddla_sim_chance(ddla_sim_world *world, uint64_t one_in) {
  return ddla_rng_below(&world->rng, one_in) == 0;
}

ddla_status ddla_sim_open(ddla_transport **out, const void *setup) {
  (void)out;
  (void)setup;
  return DDLA_FAIL(INVALID, "simulated ranks are made by ddla_sim_run");
}

void ddla_sim_close(ddla_transport *t) { (void)t; }

ddla_status ddla_sim_state(ddla_sim_rank *rank) {
  const ddla_sim_world *world = rank->world;
  if (rank->crashed)
    return DDLA_FAIL(CANCELLED, "agent %d has crashed (simulated)", rank->base.rank);
  if (world->stuck) return DDLA_FAIL(INTERNAL, "%s", world->stuck_text);
  if (world->first_crashed >= 0 && world->now_ns >= rank->detect_ns)
    return DDLA_FAIL(PEER_LOST, "agent %d crashed (simulated)", world->first_crashed);
  return DDLA_OK;
}

static void crash(ddla_sim_rank *rank) {
  ddla_sim_world *world = rank->world;
  rank->crashed = true;
  ddla_sim_forget(rank);
  if (world->first_crashed >= 0) return;
  world->first_crashed = rank->base.rank;
  for (int i = 0; i < world->ranks; i++)
    world->rank[i].detect_ns =
        world->now_ns +
        (int64_t)ddla_rng_below(&world->rng, (uint64_t)world->options.detect_ns_max);
}

ddla_status ddla_sim_pause(ddla_sim_rank *rank) {
  ddla_sim_world *world = rank->world;
  if (!rank->crashed && rank->crash_at >= 0 && world->switches >= rank->crash_at) crash(rank);
  DDLA_TRY(ddla_sim_state(rank));
  ddla_fiber_yield(rank->fiber);
  return ddla_sim_state(rank);
}

/* Sometimes others run here: anything may have happened between two looks. */
ddla_status ddla_sim_check(ddla_transport *t) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  return ddla_sim_chance(rank->world, 4) ? ddla_sim_pause(rank) : ddla_sim_state(rank);
}

static ddla_status late(const ddla_waiting *waiting, int64_t timeout_ms) {
  char text[256] = "something";
  if (waiting->describe) waiting->describe(waiting->argument, text, sizeof text);
  return DDLA_FAIL(TIMEOUT, "waited %" PRId64 " ms for %s", timeout_ms, text);
}

ddla_status ddla_sim_wait(ddla_transport *t, const ddla_waiting *waiting, int64_t timeout_ms) {
  ddla_sim_rank *rank = (ddla_sim_rank *)t;
  ddla_sim_world *world = rank->world;
  rank->deadline_ns = timeout_ms < 0 ? INT64_MAX : world->now_ns + timeout_ms * 1000000;
  for (;;) {
    ddla_ready ready = waiting->ready(waiting->argument);
    ddla_status status = ready == DDLA_READY_DONE ? DDLA_OK : ddla_sim_state(rank);
    if (status == DDLA_OK && ready != DDLA_READY_DONE && world->now_ns >= rank->deadline_ns)
      status = late(waiting, timeout_ms);
    if (status != DDLA_OK || ready == DDLA_READY_DONE) {
      rank->deadline_ns = INT64_MAX;
      return status;
    }
    rank->waiting = ready == DDLA_READY_NOTHING && !rank->woken;
    rank->woken = false;
    rank->what = waiting;
    status = ddla_sim_pause(rank);
    rank->waiting = false; /* an error is found again, and its words with it, after the next look */
  }
}

void ddla_sim_wake(ddla_transport *t, int peer, const ddla_word *word) {
  ddla_sim_world *world = ((ddla_sim_rank *)t)->world;
  if (((ddla_sim_rank *)t)->crashed) return;
  for (int i = 0; i < world->ranks; i++) {
    ddla_sim_rank *rank = &world->rank[i];
    if (word ? rank->waiting && rank->what->word == word : i == peer) rank->woken = true;
  }
}

const ddla_clock *ddla_sim_clock(ddla_transport *t) { return &((ddla_sim_rank *)t)->world->clock; }

static int64_t virtual_now_ns(void *argument) { return ((ddla_sim_world *)argument)->now_ns; }

static bool runnable(const ddla_sim_world *world, const ddla_sim_rank *rank) {
  if (rank->ended) return false;
  if (!rank->waiting || rank->woken || world->stuck) return true;
  if (world->now_ns >= rank->deadline_ns) return true;
  return world->first_crashed >= 0 && world->now_ns >= rank->detect_ns;
}

/* When something happens that makes a rank runnable; INT64_MAX: never. */
static int64_t next_event_ns(const ddla_sim_world *world) {
  int64_t next_ns = ddla_sim_next_due_ns(world);
  for (int i = 0; i < world->ranks; i++) {
    const ddla_sim_rank *rank = &world->rank[i];
    if (rank->ended) continue;
    if (rank->deadline_ns < next_ns) next_ns = rank->deadline_ns;
    if (world->first_crashed >= 0 && rank->detect_ns < next_ns) next_ns = rank->detect_ns;
  }
  return next_ns;
}

static void declare_stuck(ddla_sim_world *world, const char *why) {
  world->stuck = true;
  char *text = world->stuck_text;
  size_t room = sizeof world->stuck_text;
  int used = snprintf(text, room, "%s (seed %" PRIu64 "):", why, world->options.seed);
  for (int i = 0; i < world->ranks && used >= 0 && (size_t)used < room; i++) {
    const ddla_sim_rank *rank = &world->rank[i];
    char waits[200] = "runs";
    if (rank->ended) snprintf(waits, sizeof waits, "has ended");
    else if (rank->waiting && rank->what->describe)
      rank->what->describe(rank->what->argument, waits, sizeof waits);
    used += snprintf(text + used, room - (size_t)used, " [agent %d: %s]", i, waits);
  }
}

/* A rank that can run, drawn at random; -1 when all have ended. */
static int choose(ddla_sim_world *world) {
  for (;;) {
    ddla_sim_deliver(world);
    int candidates[DDLA_TRANSPORT_RANKS_MAX], count = 0, alive = 0;
    for (int i = 0; i < world->ranks; i++) {
      if (!world->rank[i].ended) alive++;
      if (runnable(world, &world->rank[i])) candidates[count++] = i;
    }
    if (count) return candidates[ddla_rng_below(&world->rng, (uint64_t)count)];
    if (!alive) return -1;
    int64_t next_ns = next_event_ns(world);
    if (next_ns == INT64_MAX) declare_stuck(world, "no agent can run");
    else world->now_ns = next_ns;
  }
}

static void enter(void *argument) {
  ddla_sim_rank *rank = argument;
  rank->status = rank->rank_main(&rank->base, rank->argument);
}

static void loop(ddla_sim_world *world) {
  for (int next = choose(world); next >= 0; next = choose(world)) {
    ddla_sim_rank *rank = &world->rank[next];
    world->switches++;
    world->now_ns += 1 + (int64_t)ddla_rng_below(&world->rng, STEP_NS_MAX);
    if (world->switches > world->options.switches_max && !world->stuck)
      declare_stuck(world, "agents run without end");
    if (ddla_fiber_resume(rank->fiber)) continue;
    rank->ended = true;
    if (!rank->crashed) ddla_sim_forget(rank);
  }
}

static ddla_status make_ranks(ddla_sim_world *world, ddla_sim_main *rank_main, void *argument) {
  const ddla_sim_options *o = &world->options;
  DDLA_TRY(DDLA_NEW(world->rank, world->ranks));
  for (int i = 0; i < world->ranks; i++) {
    ddla_sim_rank *rank = &world->rank[i];
    rank->base.ops = ddla_transport_find(o->shared ? "sim_shared" : "sim");
    rank->base.rank = i;
    rank->base.ranks = world->ranks;
    rank->world = world;
    rank->rank_main = rank_main;
    rank->argument = argument;
    rank->deadline_ns = rank->detect_ns = INT64_MAX;
    rank->crash_at = -1;
    DDLA_TRY(ddla_fiber_create(&rank->fiber, STACK_BYTES, enter, rank));
  }
  for (int i = 0; i < o->crashes; i++)
    world->rank[ddla_rng_below(&world->rng, (uint64_t)world->ranks)].crash_at =
        (int64_t)ddla_rng_below(&world->rng, (uint64_t)o->crash_before);
  return DDLA_OK;
}

static void destroy_world(ddla_sim_world *world) {
  for (int i = 0; world->rank && i < world->ranks; i++) ddla_fiber_destroy(world->rank[i].fiber);
  ddla_sim_free_blocks(world);
  ddla_free(world->rank);
  ddla_free(world);
}

static void report(const ddla_sim_world *world, ddla_sim_result *result) {
  *result = (ddla_sim_result){.virtual_ns = world->now_ns, .switches = world->switches};
  for (int i = 0; i < world->ranks; i++) {
    result->statuses[i] = world->rank[i].status;
    result->crashed[i] = world->rank[i].crashed;
  }
}

ddla_status ddla_sim_run(const ddla_sim_options *options, ddla_sim_result *result,
                         ddla_sim_main *rank_main, void *argument) {
  if (options->ranks < 1 || options->ranks > DDLA_TRANSPORT_RANKS_MAX)
    return DDLA_FAIL(INVALID, "%d simulated agents; possible are 1 to %d", options->ranks,
                     DDLA_TRANSPORT_RANKS_MAX);
  ddla_status status = DDLA_OK;
  ddla_sim_world *world = NULL;
  DDLA_TRY(DDLA_NEW(world, 1));
  world->options = *options;
  ddla_sim_options *o = &world->options;
  if (o->crash_before <= 0) o->crash_before = 400;
  if (o->delay_ns_max <= 0) o->delay_ns_max = 100000;
  if (o->detect_ns_max <= 0) o->detect_ns_max = 10 * 1000000;
  if (o->switches_max <= 0) o->switches_max = 20 * 1000000;
  world->ranks = o->ranks;
  world->first_crashed = -1;
  world->rng = ddla_rng_make(ddla_rng_key(o->seed, DDLA_PURPOSE_SIM, 0, 0));
  world->clock = (ddla_clock){virtual_now_ns, world};
  DDLA_TRY_CLEAN(status, make_ranks(world, rank_main, argument));
  loop(world);
  if (result) report(world, result);
  if (world->stuck) status = DDLA_FAIL(INTERNAL, "%s", world->stuck_text);
cleanup:
  destroy_world(world);
  return status;
}
