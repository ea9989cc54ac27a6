#include "watch/trace.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "watch/diagnosis.h"

/* One lane's events of the ring, in order. */
typedef struct lane_events {
  ddla_watch_seen *at;
  int64_t count;
} lane_events;

typedef struct tracer {
  FILE *file;
  const ddla_watch *watch;
  lane_events *lane; /* [workers], then of the loaders [rows - workers] */
  int workers, rows;
  uint64_t first, last; /* steps */
  int64_t start_ns, end_ns;
  bool begun; /* something was written, so a comma is due */
} tracer;

/* A row's agent and its block in the agent's file. */
static void find_row(int *agent, int *lane, const ddla_watch *watch, int row) {
  const int workers = watch->agents * watch->lanes;
  *agent = row < workers ? row / watch->lanes : row - workers;
  *lane = row < workers ? row % watch->lanes : watch->lanes;
}

static ddla_status read_lane(lane_events *out, const ddla_watch *watch, int row) {
  int agent = 0, lane = 0;
  find_row(&agent, &lane, watch, row);
  uint64_t ring = watch->agent[agent]->ring_events;
  uint64_t count = atomic_load(&ddla_watch_lane_at(watch, agent, lane)->count);
  DDLA_TRY(DDLA_NEW(out->at, ring));
  for (uint64_t n = count > ring ? count - ring + 1 : 1; n <= count; n++)
    if (ddla_watch_read(&out->at[out->count], watch, agent, lane, n)) out->count++;
  return DDLA_OK;
}

/* The newest step, and the oldest that every lane holds from its beginning. Loaders are ahead. */
static void find_steps(tracer *trace, int64_t steps) {
  uint64_t oldest = 1;
  for (int w = 0; w < trace->workers; w++) {
    const lane_events *lane = &trace->lane[w];
    if (lane->count == 0) continue;
    const ddla_watch_seen *first = &lane->at[0], *last = &lane->at[lane->count - 1];
    if (last->step > trace->last) trace->last = last->step;
    if (last->time_ns > trace->end_ns) trace->end_ns = last->time_ns;
    if (first->number > 1 && first->step + 1 > oldest) oldest = first->step + 1;
  }
  trace->first = trace->last >= (uint64_t)steps ? trace->last - (uint64_t)steps + 1 : 1;
  if (trace->first < oldest) trace->first = oldest;
}

static void find_start(tracer *trace) {
  trace->start_ns = trace->end_ns;
  for (int w = 0; w < trace->rows; w++)
    for (int64_t i = 0; i < trace->lane[w].count; i++) {
      const ddla_watch_seen *seen = &trace->lane[w].at[i];
      if (seen->step >= trace->first && seen->time_ns < trace->start_ns)
        trace->start_ns = seen->time_ns;
    }
}

static void put_text(FILE *file, const char *text) {
  fputc('"', file);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', file);
    fputc((unsigned char)*text < ' ' ? '?' : *text, file);
  }
  fputc('"', file);
}

static void separate(tracer *trace) {
  fputs(trace->begun ? ",\n" : "\n", trace->file);
  trace->begun = true;
}

static void put_name(tracer *trace, const char *kind, int agent, int lane, const char *name) {
  separate(trace);
  fprintf(trace->file,
          "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s\"}}", kind,
          agent, lane, name);
}

static void put_names(tracer *trace, int row) {
  char name[32];
  int agent = 0, lane = 0;
  find_row(&agent, &lane, trace->watch, row);
  if (lane == 0) {
    snprintf(name, sizeof name, "agent %d", agent);
    put_name(trace, "process_name", agent, 0, name);
  }
  snprintf(name, sizeof name, row < trace->workers ? "lane %d" : "loader", lane);
  put_name(trace, "thread_name", agent, lane, name);
}

/* A bar's name; one that waits for samples names where from. */
static void put_title(const tracer *trace, const ddla_watch_seen *seen, int agent, int lane) {
  char title[64];
  const char *name = ddla_watch_phase_text(seen->phase);
  if (seen->phase == DDLA_PHASE_OP)
    name = ddla_watch_op_text(trace->watch, agent, lane, seen->detail);
  snprintf(title, sizeof title, "%s", name);
  if (seen->phase == DDLA_PHASE_SUPPLY)
    snprintf(title, sizeof title, "%s: %s", name, ddla_tier_name((ddla_tier)(seen->detail >> 56)));
  put_text(trace->file, title);
}

/* An event ends where the next of its kind begins; an op also at the end of its phase. */
static int64_t end_of(const tracer *trace, const lane_events *lane, int64_t index) {
  bool op = lane->at[index].phase == DDLA_PHASE_OP;
  for (int64_t i = index + 1; i < lane->count; i++)
    if (op || lane->at[i].phase != DDLA_PHASE_OP) return lane->at[i].time_ns;
  return trace->end_ns;
}

static void put_event(tracer *trace, int row, int64_t index) {
  const lane_events *lane = &trace->lane[row];
  const ddla_watch_seen *seen = &lane->at[index];
  int agent = 0, number = 0;
  find_row(&agent, &number, trace->watch, row);
  bool op = seen->phase == DDLA_PHASE_OP;
  ddla_watch_view view = {.agent = agent, .lane = number, .now = *seen};
  char doing[160];
  separate(trace);
  fprintf(trace->file, "{\"ph\":\"X\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,",
          op ? "op" : "phase", agent, number, 1e-3 * (double)(seen->time_ns - trace->start_ns));
  fprintf(trace->file,
          "\"dur\":%.3f,\"name\":", 1e-3 * (double)(end_of(trace, lane, index) - seen->time_ns));
  put_title(trace, seen, agent, number);
  fprintf(trace->file, ",\"args\":{\"step\":%" PRIu64, seen->step);
  if (!op) {
    fputs(",\"what\":", trace->file);
    put_text(trace->file, ddla_watch_doing(doing, sizeof doing, &view, trace->watch->lanes));
  }
  fputs("}}", trace->file);
}

static void write_all(tracer *trace) {
  fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", trace->file);
  for (int w = 0; w < trace->rows; w++) {
    if (w < trace->workers || trace->lane[w].count > 0) put_names(trace, w);
    for (int64_t i = 0; i < trace->lane[w].count; i++)
      if (trace->lane[w].at[i].step >= trace->first) put_event(trace, w, i);
  }
  fputs("\n]}\n", trace->file);
}

ddla_status ddla_trace_write(int64_t *whole, FILE *file, const ddla_watch *watch, int64_t steps) {
  tracer trace = {.file = file, .watch = watch, .workers = watch->agents * watch->lanes};
  ddla_status status = DDLA_OK;
  trace.rows = trace.workers + watch->agents * watch->loaders;
  DDLA_TRY(DDLA_NEW(trace.lane, trace.rows));
  for (int w = 0; w < trace.rows; w++) DDLA_TRY_CLEAN(status, read_lane(&trace.lane[w], watch, w));
  find_steps(&trace, steps);
  if (trace.last == 0) {
    status = DDLA_FAIL(INVALID, "the run has not recorded a step yet");
    goto cleanup;
  }
  find_start(&trace);
  write_all(&trace);
  *whole = (int64_t)(trace.last + 1 - trace.first);
cleanup:
  for (int w = 0; w < trace.rows; w++) ddla_free(trace.lane[w].at);
  ddla_free(trace.lane);
  return status;
}
