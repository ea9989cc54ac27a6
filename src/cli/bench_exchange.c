/* ddla bench exchange: what an exchange of gradients costs between hosts, and how much of it a
 * backward pass hides. The strategy of training exchanges made-up gradients; a backward pass is
 * played by sleeping, so that hosts that share a machine do not compete for its processors, or by
 * arithmetic of some agents, for which all others wait: what that waiting costs. Every result is
 * checked. Under an MPI launcher the hosts are the cluster's, else they are played here. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "agent/hosts.h"
#include "agent/join.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "sync/sync.h"

enum {
  ROUNDS_MAX = 1000,
  WARM_ROUNDS = 2,
  SLICES = 16,
  START_TIMEOUT_MS = 60000,
  WORK_COUNT = 1 << 15, /* numbers that a busy agent works on: 128 KiB, of its own caches */
  WORK_TIMES = 8        /* multiplications and additions of each in a pass over them */
};

/* What is measured. */
typedef struct exchange_case {
  int64_t bytes, rounds, range_bytes, compute_ms;
  int64_t busy; /* the first agents that compute in earnest, 0: all sleep */
  bool late;    /* nothing leaves before the backward pass is over */
  bool json;
} exchange_case;

/* One agent. */
typedef struct exchange_agent {
  const exchange_case *c;
  ddla_cluster cluster;
  ddla_transport *transport, *link;
  ddla_sync *sync;
  ddla_state *state;
  int theta, gradients, reduced;
  int worker, place;
  double *seconds; /* [places][rounds], in memory that the host's agents share */
  double *compute; /* [places] the mean of what a round's backward pass took */
  double *rate;    /* [places] operations a second that a busy agent made in it, the mean */
  double *used;    /* [places] processors that the agent's process used, of all rounds */
  float *work;     /* [WORK_COUNT] what a busy agent works on */
} exchange_agent;

/* Where this agent's cluster and link come from. */
typedef struct exchange_world {
  const exchange_case *c;
  ddla_cluster cluster;
  ddla_join *join;         /* null: hosts are played here */
  ddla_local_region *link; /* of played hosts */
} exchange_world;

static double now(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_monotonic()); }

/* Processor time of this process, seconds. */
static double processor_time(void) {
  struct rusage usage = {0};
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int agents_of(const exchange_agent *a) { return ddla_cluster_agents(&a->cluster); }

/* It has no backward pass, and waits for those that have. */
static bool is_idle(const exchange_agent *a) { return a->c->busy > 0 && a->place >= a->c->busy; }

static const ddla_strategy *strategy(void) {
  return ddla_strategy_find("synchronous", "allreduce");
}

static ddla_status add_row(int *out, ddla_state *state, const char *name, bool shaped, int copies) {
  const ddla_state_row row = {.name = name,
                              .dtype = DDLA_F32,
                              .parameter_shaped = shaped,
                              .count = ddla_state_dense(state),
                              .versions = shaped ? 2 : 1,
                              .copies = copies};
  return ddla_state_add(out, state, &row);
}

static ddla_sync_split split_of(const exchange_agent *a) {
  return (ddla_sync_split){
      .cluster = &a->cluster, .lanes = 1, .shards = agents_of(a), .direct = true};
}

static ddla_status make_state(exchange_agent *a) {
  const int64_t count = a->c->bytes / (int64_t)sizeof(float);
  const ddla_state_range range = {.name = "made up", .shape = DDLA_SHAPE(count), .count = count};
  const ddla_sync_split split = split_of(a);
  int copies = ddla_sync_operand_copies(strategy(), &split);
  if (copies < 0) return DDLA_FAIL(NO_MEMORY, "no memory to lay out gradients");
  DDLA_TRY(ddla_state_create(&a->state, count, &range, 1));
  DDLA_TRY(add_row(&a->theta, a->state, "theta", true, 1));
  DDLA_TRY(add_row(&a->gradients, a->state, "gradients", false, copies));
  return add_row(&a->reduced, a->state, "gradient", false, 1);
}

static size_t round_up(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

/* Of what a host's agents share: state, control, times. */
static void block_sizes(size_t sizes[3], const exchange_agent *a) {
  const size_t places = (size_t)agents_of(a);
  sizes[0] = round_up(ddla_state_bytes(a->state));
  const ddla_sync_split split = split_of(a);
  sizes[1] = round_up(ddla_sync_control_bytes(strategy(), &split));
  sizes[2] = round_up(places * (size_t)(a->c->rounds + 3) * sizeof(double));
}

static ddla_status open_sync(exchange_agent *a, void *control) {
  const ddla_optimizer_options plain = {0};
  const ddla_sync_options options = {.transport = a->transport,
                                     .link = a->link,
                                     .cluster = &a->cluster,
                                     .lanes = 1,
                                     .agent = a->place,
                                     .range_bytes = a->c->range_bytes,
                                     .shards = agents_of(a),
                                     .direct = true,
                                     .total_steps = INT64_C(1) << 40,
                                     .state = a->state,
                                     .theta = a->theta,
                                     .moment = {-1, -1, -1},
                                     .gradients = a->gradients,
                                     .lists = {-1, -1},
                                     .sums = {-1, -1},
                                     .row_norms = -1,
                                     .reduced = a->cluster.hosts > 1 ? a->reduced : -1,
                                     .block_norms = -1,
                                     .factors = -1,
                                     .section_sums = -1,
                                     .checks = -1,
                                     .average = -1,
                                     .buffers = -1,
                                     .average_buffers = -1,
                                     .statistics = -1,
                                     .optimizer = ddla_optimizer_find("sgd"),
                                     .optimizer_options = plain,
                                     .schedule = {.kind = DDLA_SCHEDULE_constant, .rate = 1},
                                     .control = control};
  return ddla_sync_open(&a->sync, strategy(), &options);
}

/* The same shift of every host's numbers in every round, small and whole, so that sums are exact.
 */
static float value_of(int shard, uint64_t step, int64_t i) {
  return (float)((i + 7 * shard + 3 * (int64_t)step) % 61);
}

static void fill(float *gradient, const exchange_agent *a, uint64_t step) {
  const int64_t count = a->c->bytes / (int64_t)sizeof(float);
  for (int64_t i = 0; i < count; i++) gradient[i] = value_of(a->place, step, i);
}

static ddla_status check(const exchange_agent *a, uint64_t step) {
  const int64_t count = a->c->bytes / (int64_t)sizeof(float);
  const float *was = ddla_state_array(a->state, a->theta, step - 1, 0);
  const float *is = ddla_state_array(a->state, a->theta, step, 0);
  for (int64_t i = a->worker; i < count; i += 97) {
    float sum = 0;
    for (int s = 0; s < agents_of(a); s++) sum += value_of(s, step, i);
    const float wanted = was[i] - sum / (float)agents_of(a);
    if (fabsf(is[i] - wanted) > 1e-3F * (1 + fabsf(wanted)))
      return DDLA_FAIL(INTERNAL, "element %" PRId64 " of step %" PRIu64 " is %g instead of %g", i,
                       step, (double)is[i], (double)wanted);
  }
  return DDLA_OK;
}

static void sleep_until(double when) {
  const double left = when - now();
  if (left <= 0) return;
  const struct timespec pause = {(time_t)left, (long)(1e9 * (left - floor(left)))};
  nanosleep(&pause, NULL);
}

/* Multiplies and adds as fast as it goes; returns how many operations it made. */
static double work_until(float *work, double when) {
  double made = 0;
  while (now() < when) {
    for (int i = 0; i < WORK_COUNT; i++)
      for (int k = 0; k < WORK_TIMES; k++) work[i] = work[i] * 0.5F + 0.25F;
    made += 2.0 * WORK_COUNT * WORK_TIMES;
  }
  return made;
}

/* Gradients become final from the top down, evenly over the time of the pass. Returns the
 * operations that were made in it. */
static double play_backward(exchange_agent *a, double start) {
  const int64_t count = ddla_state_dense(a->state);
  const int slices = a->c->compute_ms > 0 && !is_idle(a) ? SLICES : 0;
  double made = 0;
  for (int s = 1; s <= slices; s++) {
    const double end = start + 1e-3 * (double)a->c->compute_ms * s / SLICES;
    if (a->c->busy > 0) made += work_until(a->work, end);
    else sleep_until(end);
    if (!a->c->late) ddla_sync_final(a->sync, a->worker, count - count * s / SLICES);
  }
  return made;
}

/* What a round took: the step; its backward pass, and operations a second in it. */
typedef struct round_figures {
  double seconds, compute, rate;
} round_figures;

static ddla_status run_round(round_figures *out, exchange_agent *a, uint64_t step) {
  double made = 0;
  ddla_sync_result result = {0};
  int bad_shard = -1;
  DDLA_TRY(ddla_sync_barrier(a->sync, a->worker));
  ddla_sync_begin(a->sync, a->worker, agents_of(a));
  ddla_sync_leaf leaf = ddla_sync_leaf_place(a->sync, a->worker, a->place);
  fill(leaf.gradients, a, step);
  const ddla_sync_record record = {.count = 1, .samples = 1, .agent = a->place};
  ddla_sync_put_record(a->sync, a->worker, a->place, &record);
  const double filled = now(); /* made-up numbers are not part of what is measured */
  if (leaf.last) made = play_backward(a, filled);
  ddla_sync_leaf_done(a->sync, a->worker, a->place);
  out->compute = now() - filled;
  out->rate = made / out->compute;
  ddla_sync_final(a->sync, a->worker, 0);
  DDLA_TRY(ddla_sync_finish(&result, &bad_shard, a->sync, a->worker));
  out->seconds = now() - filled;
  return check(a, step);
}

static ddla_status run_rounds(exchange_agent *a) {
  double *mine = a->seconds + a->place * a->c->rounds;
  const double rounds = (double)a->c->rounds;
  round_figures figures = {0};
  uint64_t step = 0;
  a->compute[a->place] = a->rate[a->place] = 0;
  for (int r = 0; r < WARM_ROUNDS; r++) DDLA_TRY(run_round(&figures, a, ++step));
  const double began = now(), used = processor_time();
  for (int64_t r = 0; r < a->c->rounds; r++) {
    DDLA_TRY(run_round(&figures, a, ++step));
    mine[r] = figures.seconds;
    a->compute[a->place] += figures.compute / rounds;
    a->rate[a->place] += figures.rate / rounds;
  }
  a->used[a->place] = (processor_time() - used) / (now() - began);
  const ddla_sync_part parts[] = {{a->seconds, (size_t)a->c->rounds * sizeof(double), agents_of(a)},
                                  {a->compute, sizeof(double), agents_of(a)},
                                  {a->rate, sizeof(double), agents_of(a)},
                                  {a->used, sizeof(double), agents_of(a)}};
  return ddla_sync_share(a->sync, a->worker, parts, 4);
}

/* What is shown: medians of the slowest agent's times. */
typedef struct exchange_figures {
  double seconds, compute, bus; /* bytes a second that each host's cable carries, each way */
  double hidden;                /* share of the exchange's time */
  double rate;                  /* operations a second of all busy agents, in the pass */
  double waiting;               /* processors that all others use together */
} exchange_figures;

static exchange_figures find_figures(exchange_agent *a) {
  exchange_figures f = {0};
  const ddla_sync_traffic traffic = ddla_sync_traffic_of(a->sync);
  const double hosts = a->cluster.hosts;
  for (int64_t r = 0; r < a->c->rounds; r++)
    for (int p = 1; p < agents_of(a); p++)
      a->seconds[r] = fmax(a->seconds[r], a->seconds[p * a->c->rounds + r]);
  for (int p = 0; p < agents_of(a); p++) {
    f.compute = fmax(f.compute, a->compute[p]);
    f.rate += a->rate[p];
    if (p >= a->c->busy) f.waiting += a->used[p];
  }
  f.seconds = ddla_bench_median(a->seconds, a->c->rounds);
  f.bus = 2 * (hosts - 1) / hosts * (double)a->c->bytes / f.seconds;
  if (traffic.exchange_ns > 0)
    f.hidden = 1 - (double)traffic.exposed_ns / (double)traffic.exchange_ns;
  return f;
}

static ddla_status show(exchange_agent *a) {
  const exchange_case *c = a->c;
  const exchange_figures f = find_figures(a);
  if (c->json)
    return ddla_json_print(json_pack(
        "{s:s, s:i, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:f, s:f}", "bench", "exchange",
        "hosts", a->cluster.hosts, "agents", agents_of(a), "bytes", (json_int_t)c->bytes, "rounds",
        (json_int_t)c->rounds, "median_ms", 1e3 * f.seconds, "backward_ms", 1e3 * f.compute,
        "hidden", f.hidden, "bus_mbytes_per_second", 1e-6 * f.bus, "busy", (json_int_t)c->busy,
        "busy_gflops", 1e-9 * f.rate, "waiting_processors", f.waiting));
  printf("%d agents on %d host%s, %" PRId64 " bytes of gradient, median of %" PRId64
         " rounds, every result checked\n\n",
         agents_of(a), a->cluster.hosts, a->cluster.hosts == 1 ? "" : "s", c->bytes, c->rounds);
  printf("%12s %14s %10s %14s\n", "step ms", "backward ms", "hidden", "bus MB/s");
  printf("%12.2f %14.2f %9.0f%% %14.1f\n", 1e3 * f.seconds, 1e3 * f.compute, 100 * f.hidden,
         1e-6 * f.bus);
  if (c->busy > 0)
    printf("\n%" PRId64 " agents computed in the pass, at %.2f GFLOP/s together, while %" PRId64
           " waited, for which they used %.3f of a processor\n",
           c->busy, 1e-9 * f.rate, agents_of(a) - c->busy, f.waiting);
  return DDLA_OK;
}

static ddla_status open_link(exchange_agent *a, const exchange_world *world) {
  if (a->cluster.hosts == 1 || ddla_transport_rank(a->transport) > 0) return DDLA_OK;
  if (world->join) return ddla_join_open_link(&a->link, &a->cluster, world->join);
  const ddla_local_setup setup = {.region = world->link, .rank = a->cluster.host, .adopted = true};
  return ddla_transport_open(&a->link, "local", &setup);
}

static ddla_status measure(exchange_agent *a, const exchange_world *world) {
  size_t sizes[3] = {0};
  void *memory = NULL;
  DDLA_TRY(make_state(a));
  block_sizes(sizes, a);
  DDLA_TRY(
      ddla_transport_alloc(a->transport, &memory, sizes[0] + sizes[1] + sizes[2], DDLA_MEMORY_ONE));
  ddla_state_bind(a->state, memory);
  a->seconds = (double *)(void *)((char *)memory + sizes[0] + sizes[1]);
  a->compute = a->seconds + agents_of(a) * a->c->rounds;
  a->rate = a->compute + agents_of(a);
  a->used = a->rate + agents_of(a);
  DDLA_TRY(DDLA_NEW(a->work, WORK_COUNT));
  DDLA_TRY(open_link(a, world));
  DDLA_TRY(open_sync(a, (char *)memory + sizes[0]));
  DDLA_TRY(run_rounds(a));
  return a->place == 0 ? show(a) : DDLA_OK;
}

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  const exchange_world *world = argument;
  const int rank = ddla_transport_rank(transport);
  exchange_agent a = {.c = world->c,
                      .cluster = world->cluster,
                      .transport = transport,
                      .worker = rank,
                      .place = world->cluster.first[world->cluster.host] + rank};
  ddla_status status = measure(&a, world);
  ddla_failure failure = {0};
  if (status != DDLA_OK) {
    ddla_status_take(&failure, status);
    ddla_transport_fail(transport, &failure);
    if (a.link) ddla_transport_fail(a.link, &failure);
  }
  ddla_sync_close(a.sync);
  ddla_transport_close(a.link);
  ddla_state_destroy(a.state);
  ddla_free(a.work);
  return status == DDLA_OK ? DDLA_OK : ddla_status_raise(&failure);
}

static ddla_status shared_bytes(size_t *out, const exchange_world *world) {
  exchange_agent a = {.c = world->c, .cluster = world->cluster};
  size_t sizes[3] = {0};
  ddla_status status = make_state(&a);
  if (status == DDLA_OK) block_sizes(sizes, &a);
  ddla_state_destroy(a.state);
  *out = sizes[0] + sizes[1] + sizes[2];
  return status;
}

static ddla_status be_host(int host, const ddla_host_links *links, void *argument) {
  exchange_world *world = argument;
  ddla_launch_options launch = {0};
  world->cluster.host = host;
  world->link = links->exchange;
  DDLA_TRY(shared_bytes(&launch.shared_bytes, world));
  launch.agents = ddla_cluster_here(&world->cluster);
  launch.first = world->cluster.first[host];
  return ddla_launch(&launch, agent_main, world);
}

/* agents on hosts that this machine plays. */
static ddla_status run_here(const exchange_case *c, int agents, int hosts) {
  exchange_world world = {.c = c, .cluster = {.hosts = hosts}};
  if (agents < hosts)
    return DDLA_FAIL(INVALID, "--hosts %d: there are only %d agents (-n)", hosts, agents);
  for (int h = 0; h <= hosts; h++) world.cluster.first[h] = agents * h / hosts;
  const ddla_hosts_options played = {
      .cluster = &world.cluster, .starts = 1, .main = be_host, .argument = &world};
  return hosts > 1 ? ddla_hosts_play(&played) : be_host(0, &(ddla_host_links){0}, &world);
}

static ddla_status run_joined(const exchange_case *c) {
  exchange_world world = {.c = c};
  size_t bytes = 0;
  DDLA_TRY(ddla_join_start(&world.join, false, START_TIMEOUT_MS));
  world.cluster = *ddla_join_cluster(world.join);
  ddla_status status = shared_bytes(&bytes, &world);
  status = ddla_join_agree(world.join, status, &(ddla_join_fact){0});
  if (status == DDLA_OK) status = ddla_join_run(world.join, bytes, agent_main, &world);
  if (status == DDLA_OK) return ddla_join_end(world.join);
  if (ddla_join_agent(world.join) == 0) fprintf(stderr, "ddla: %s\n", ddla_status_message(status));
  ddla_join_leave(world.join, status);
}

ddla_status ddla_bench_exchange(int argc, char **argv) {
  ddla_words words = {0};
  exchange_case c = {0};
  const char *agents = NULL, *hosts = NULL, *bytes = NULL, *rounds = NULL, *range = NULL,
             *compute = NULL, *busy = NULL;
  int64_t agent_count = 0, host_count = 0;
  bool joined = false;
  const ddla_words_option known[] = {
      {"--agents", "-n", &agents, NULL},     {"--hosts", NULL, &hosts, NULL},
      {"--bytes", NULL, &bytes, NULL},       {"--rounds", NULL, &rounds, NULL},
      {"--range-bytes", NULL, &range, NULL}, {"--compute-ms", NULL, &compute, NULL},
      {"--busy", NULL, &busy, NULL},         {"--late", NULL, NULL, &c.late},
      {"--json", NULL, NULL, &c.json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla bench exchange takes neither files nor --set; --help lists its "
                              "options");
  DDLA_TRY(ddla_bench_number(&agent_count, "--agents", agents, 2, DDLA_TRANSPORT_RANKS_MAX));
  DDLA_TRY(ddla_bench_number(&host_count, "--hosts", hosts, agent_count, DDLA_HOSTS_MAX));
  DDLA_TRY(ddla_bench_number(&c.bytes, "--bytes", bytes, INT64_C(64) << 20, INT64_C(1) << 32));
  DDLA_TRY(ddla_bench_number(&c.rounds, "--rounds", rounds, 10, ROUNDS_MAX));
  DDLA_TRY(ddla_bench_number(&c.range_bytes, "--range-bytes", range, 0, INT64_C(1) << 32));
  DDLA_TRY(ddla_bench_number(&c.compute_ms, "--compute-ms", compute, 0, 100000));
  DDLA_TRY(ddla_bench_number(&c.busy, "--busy", busy, 0, DDLA_TRANSPORT_RANKS_MAX));
  if (c.busy > 0 && c.compute_ms == 0)
    return DDLA_FAIL(INVALID, "--busy %s: say with --compute-ms how long they compute", busy);
  if (c.bytes % 4 != 0) return DDLA_FAIL(INVALID, "--bytes %s: expected a multiple of 4", bytes);
  DDLA_TRY(ddla_join_wanted(&joined));
  if (!joined) return run_here(&c, (int)agent_count, (int)host_count);
  if (agents || hosts)
    return DDLA_FAIL(INVALID, "under an MPI launcher its processes are the agents, and their hosts "
                              "the hosts; leave -n and --hosts out");
  return run_joined(&c);
}
