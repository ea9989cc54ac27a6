/* ddla bench allreduce: sums of one array per agent through coll/, on fresh numbers every round,
 * every result checked. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/launch.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/bench_kinds.h"
#include "cli/json.h"
#include "cli/words.h"
#include "coll/coll.h"

enum { SIZES_MAX = 16, ROUNDS_MAX = 10000, WARM_ROUNDS = 3, NAME_BYTES = 64 };

/* One size. */
typedef struct sum_row {
  int64_t bytes;
  char name[NAME_BYTES]; /* of the row of coll_list.h that ran */
  double median, copy;   /* seconds: the slowest agent's; memcpy of as much by one agent */
} sum_row;

/* Shared by the agents. seconds: [rounds, agents] of the size under way. */
typedef struct sum_board {
  int agents, size_count;
  int64_t rounds;
  sum_row row[SIZES_MAX];
  double *seconds;
} sum_board;

/* One agent's. */
typedef struct sum_agent {
  sum_board *board;
  ddla_coll *coll;
  int rank;
  float *input, *output, *spare; /* of the largest size; spare: for copies */
} sum_agent;

static double now(void) { return 1e-9 * (double)ddla_clock_now_ns(ddla_clock_monotonic()); }

/* Small whole numbers, so that every order of summing gives the same. */
static float value_of(int rank, int64_t round, int64_t i) {
  return (float)((i + 7 * rank + 31 * round) % 1021);
}

static ddla_status check(const sum_agent *agent, int64_t count, int64_t round) {
  for (int64_t i = 0; i < count; i++) {
    float wanted = 0;
    for (int r = 0; r < agent->board->agents; r++) wanted += value_of(r, round, i);
    if (agent->output[i] != wanted)
      return DDLA_FAIL(INTERNAL,
                       "element %" PRId64 " of %" PRId64 " is %g instead of %g in agent %d", i,
                       count, (double)agent->output[i], (double)wanted, agent->rank);
  }
  return DDLA_OK;
}

static ddla_status run_round(double *seconds, sum_agent *agent, int64_t count, int64_t round) {
  const ddla_coll_call call = {
      .type = DDLA_COLL_F32, .count = count, .input = agent->input, .output = agent->output};
  for (int64_t i = 0; i < count; i++) agent->input[i] = value_of(agent->rank, round, i);
  memset(agent->output, 0, (size_t)count * sizeof *agent->output);
  DDLA_TRY(ddla_coll_barrier(agent->coll));
  double start = now();
  DDLA_TRY(ddla_coll_all_reduce(agent->coll, &call));
  *seconds = now() - start;
  return check(agent, count, round);
}

static double time_copy(const sum_agent *agent, int64_t bytes, int64_t rounds) {
  double best = 0;
  for (int64_t r = 0; r < rounds && r < 20; r++) {
    agent->input[0] = (float)r;
    double start = now();
    memcpy(agent->spare, agent->input, (size_t)bytes);
    double took = now() - start;
    if (r == 0 || took < best) best = took;
  }
  return best;
}

/* The round's time is that of the slowest agent. */
static void note_times(sum_row *row, sum_board *board) {
  for (int64_t r = 0; r < board->rounds; r++) {
    double slowest = 0;
    for (int a = 0; a < board->agents; a++) {
      double took = board->seconds[r * board->agents + a];
      if (took > slowest) slowest = took;
    }
    board->seconds[r] = slowest;
  }
  row->median = ddla_bench_median(board->seconds, board->rounds);
}

static ddla_status name_row(sum_row *row, sum_agent *agent, int64_t count) {
  const ddla_coll_call call = {.kind = DDLA_COLL_ALL_REDUCE,
                               .type = DDLA_COLL_F32,
                               .count = count,
                               .input = agent->input,
                               .output = agent->output};
  ddla_schedule schedule = {0};
  DDLA_TRY(ddla_coll_emit(agent->coll, &schedule, &call));
  snprintf(row->name, sizeof row->name, "%s", schedule.name);
  ddla_schedule_fini(&schedule);
  return DDLA_OK;
}

static ddla_status run_size(sum_agent *agent, sum_row *row) {
  sum_board *board = agent->board;
  int64_t count = row->bytes / (int64_t)sizeof(float);
  double ignored = 0;
  for (int64_t r = 0; r < WARM_ROUNDS; r++) DDLA_TRY(run_round(&ignored, agent, count, r));
  for (int64_t r = 0; r < board->rounds; r++)
    DDLA_TRY(
        run_round(&board->seconds[r * board->agents + agent->rank], agent, count, WARM_ROUNDS + r));
  DDLA_TRY(ddla_coll_barrier(agent->coll));
  if (agent->rank == 0) {
    DDLA_TRY(name_row(row, agent, count));
    note_times(row, board);
    row->copy = time_copy(agent, row->bytes, board->rounds);
  }
  return ddla_coll_barrier(agent->coll);
}

static ddla_status run_sizes(sum_agent *agent, ddla_transport *transport) {
  sum_board *board = agent->board;
  size_t most = (size_t)board->row[board->size_count - 1].bytes;
  void *input = NULL, *output = NULL;
  DDLA_TRY(ddla_coll_create(&agent->coll, transport));
  DDLA_TRY(ddla_transport_alloc(transport, &input, most, DDLA_MEMORY_OWN));
  DDLA_TRY(ddla_transport_alloc(transport, &output, most, DDLA_MEMORY_OWN));
  DDLA_TRY(DDLA_NEW(agent->spare, most / sizeof(float)));
  agent->input = input;
  agent->output = output;
  for (int i = 0; i < board->size_count; i++) DDLA_TRY(run_size(agent, &board->row[i]));
  return DDLA_OK;
}

static ddla_status agent_main(ddla_transport *transport, void *argument) {
  sum_agent agent = {.board = argument, .rank = ddla_transport_rank(transport)};
  ddla_status status = run_sizes(&agent, transport);
  ddla_free(agent.spare);
  ddla_coll_destroy(agent.coll);
  return status;
}

static ddla_status print_json(const sum_board *board) {
  json_t *rows = json_array();
  for (int i = 0; i < board->size_count; i++) {
    const sum_row *row = &board->row[i];
    json_array_append_new(
        rows, json_pack("{s:I, s:s, s:f, s:f, s:f}", "bytes", (json_int_t)row->bytes, "algorithm",
                        row->name, "median_us", 1e6 * row->median, "gbytes_per_second",
                        1e-9 * (double)row->bytes / row->median, "copy_us", 1e6 * row->copy));
  }
  return ddla_json_print(json_pack("{s:s, s:i, s:I, s:o}", "bench", "allreduce", "agents",
                                   board->agents, "rounds", (json_int_t)board->rounds, "rows",
                                   rows));
}

static void print_table(const sum_board *board) {
  printf("%d agents on this machine, median of %" PRId64 " rounds, every result checked\n\n",
         board->agents, board->rounds);
  printf("%12s %12s %8s %12s  %s\n", "bytes", "us", "GB/s", "memcpy us", "algorithm");
  for (int i = 0; i < board->size_count; i++) {
    const sum_row *row = &board->row[i];
    printf("%12" PRId64 " %12.1f %8.2f %12.2f  %s\n", row->bytes, 1e6 * row->median,
           1e-9 * (double)row->bytes / row->median, 1e6 * row->copy, row->name);
  }
}

static ddla_status run(sum_board *board, bool json) {
  size_t most = (size_t)board->row[board->size_count - 1].bytes;
  const ddla_launch_options launch = {.agents = board->agents,
                                      .shared_bytes =
                                          (size_t)board->agents * (2 * most + ((size_t)8 << 20))};
  DDLA_TRY(ddla_launch(&launch, agent_main, board));
  if (json) return print_json(board);
  print_table(board);
  return DDLA_OK;
}

static void choose_sizes(sum_board *board, int64_t bytes) {
  static const int64_t sizes[] = {64, 1024, 16384, 131072, 1048576, 4194304, 16777216, 67108864};
  board->size_count = bytes > 0 ? 1 : (int)(sizeof sizes / sizeof sizes[0]);
  for (int i = 0; i < board->size_count; i++) board->row[i].bytes = bytes > 0 ? bytes : sizes[i];
}

ddla_status ddla_bench_allreduce(int argc, char **argv) {
  ddla_words words = {0};
  const char *agents = NULL, *bytes = NULL, *rounds = NULL;
  int64_t agent_count = 0, round_count = 0, size = 0;
  bool json = false;
  const ddla_words_option known[] = {{"--agents", "-n", &agents, NULL},
                                     {"--bytes", NULL, &bytes, NULL},
                                     {"--rounds", NULL, &rounds, NULL},
                                     {"--json", NULL, NULL, &json}};
  DDLA_TRY(ddla_words_read(&words, argc, argv, known, sizeof known / sizeof known[0]));
  if (words.other_count > 0 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla bench allreduce takes neither files nor --set; --help lists "
                              "its options");
  DDLA_TRY(ddla_bench_number(&agent_count, "--agents", agents, 2, DDLA_TRANSPORT_RANKS_MAX));
  DDLA_TRY(ddla_bench_number(&round_count, "--rounds", rounds, 30, ROUNDS_MAX));
  DDLA_TRY(ddla_bench_number(&size, "--bytes", bytes, 0, INT64_C(1) << 32));
  if (bytes && size % 4 != 0)
    return DDLA_FAIL(INVALID, "--bytes %s: expected a multiple of 4", bytes);
  size_t board_bytes =
      sizeof(sum_board) + (size_t)round_count * (size_t)agent_count * sizeof(double);
  void *block = mmap(NULL, board_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no memory for the times of the rounds");
  sum_board *board = block;
  board->agents = (int)agent_count;
  board->rounds = round_count;
  board->seconds = (double *)(board + 1);
  choose_sizes(board, size);
  ddla_status status = run(board, json);
  munmap(block, board_bytes);
  return status;
}
