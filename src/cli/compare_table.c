/* The table of a comparison, for people. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/compare_parts.h"

enum { NAME_LEAST = 8 };

static int name_width(const ddla_compare_call *call) {
  size_t width = NAME_LEAST;
  for (int i = 0; i < call->entries.count; i++)
    if (strlen(call->entries.at[i].name) > width) width = strlen(call->entries.at[i].name);
  return (int)width;
}

/* A number of four digits; what is not known is a dash. */
static void put(FILE *file, int width, double value) {
  char text[32] = "-";
  if (isfinite(value) && fabs(value) >= 1e4) snprintf(text, sizeof text, "%.0f", value);
  else if (isfinite(value)) snprintf(text, sizeof text, "%.4g", value);
  fprintf(file, " %*s", width, text);
}

static void put_head(FILE *file, const ddla_compare_call *call) {
  fprintf(file, "%s, %" PRId64 " agents, ", call->job_path, call->agents);
  if (call->has_network)
    fprintf(file, "each on an emulated host; cables of %g Mbit/s, %g ms one way, %g %% lost\n\n",
            call->network.rate_mbit, call->network.delay_ms, call->network.loss_percent);
  else if (call->base->parallel.hosts > 1 || !ddla_job_is_set(call->base, "parallel.hosts"))
    fprintf(file, "each of which plays a host on this machine\n\n");
  else fprintf(file, "on this machine\n\n");
}

static bool has_staleness(const ddla_compare_call *call) {
  for (int i = 0; i < call->entries.count; i++)
    if (call->run[i].state == DDLA_COMPARE_DONE && isfinite(call->run[i].figures.staleness))
      return true;
  return false;
}

/* One line: what it cost, or why there is nothing. */
static void put_cost(FILE *file, const ddla_compare_run *run, int width, bool staleness) {
  const ddla_compare_figures *f = &run->figures;
  fprintf(file, "%-*s", width, run->entry->name);
  if (run->state != DDLA_COMPARE_DONE) {
    fprintf(file, "  %s: %s\n", run->state == DDLA_COMPARE_REFUSED ? "refused" : "failed",
            run->reason);
    return;
  }
  put(file, 10, f->seconds);
  put(file, 11, f->samples_per_second);
  put(file, 9, 100 * f->waited);
  put(file, 10, 1e-6 * f->agent_bytes);
  put(file, 10, f->sample_bytes);
  if (staleness) put(file, 10, f->staleness);
  fputc('\n', file);
}

static void put_costs(FILE *file, const ddla_compare_call *call, int width) {
  const bool staleness = has_staleness(call);
  fprintf(file, "%-*s %10s %11s %9s %10s %10s%s\n", width, "", "training", "", "waited", "MB sent",
          "bytes", staleness ? "  staleness" : "");
  fprintf(file, "%-*s %10s %11s %9s %10s %10s%s\n", width, "method", "s", "samples/s", "%",
          "by agent", "by sample", staleness ? "       mean" : "");
  for (int i = 0; i < call->entries.count; i++) put_cost(file, &call->run[i], width, staleness);
}

static void put_reached(FILE *file, const ddla_reached *reached) {
  put(file, 9, reached->loss);
  put(file, 9, reached->metric);
}

/* The words over two columns of a table. */
static void put_over(FILE *file, const char *words, double value, const char *unit) {
  char text[64];
  if (isfinite(value)) snprintf(text, sizeof text, "%s %.6g%s", words, value, unit);
  else snprintf(text, sizeof text, "%s", words);
  fprintf(file, " %19s", text);
}

static void put_learning(FILE *file, const ddla_compare_call *call, int width) {
  const ddla_choice *choice = &call->choice;
  char target[48] = "until";
  if (isfinite(choice->target)) snprintf(target, sizeof target, "until %.4g", choice->target);
  fprintf(file, "\n%-*s", width, "validation");
  put_over(file, "at the end", NAN, "");
  put_over(file, "after", choice->seconds, " s");
  put_over(file, "after", choice->samples, "");
  fprintf(file, " %19s\n%-*s", target, width, "method");
  for (int i = 0; i < 3; i++) fprintf(file, " %9s %9.9s", "loss", call->rule.metric);
  fprintf(file, " %9s %9s\n", "s", "MB sent");
  for (int i = 0; i < call->entries.count; i++) {
    const ddla_contender *c = &call->contender[i];
    if (c->curve.count == 0) continue;
    fprintf(file, "%-*s", width, c->name);
    put_reached(file, &c->end);
    put_reached(file, &c->then);
    put_reached(file, &c->there);
    put(file, 9, c->seconds_to);
    put(file, 9, 1e-6 * c->bytes_to);
    fputc('\n', file);
  }
}

/* Computing costs all methods the same, if the machine was the same to all. */
static void put_disturbance(FILE *file, const ddla_compare_call *call) {
  static const double usual = 1.5;
  double least = NAN, most = NAN;
  for (int i = 0; i < call->entries.count; i++) {
    if (call->run[i].state != DDLA_COMPARE_DONE) continue;
    least = fmin(least, call->run[i].figures.compute);
    most = fmax(most, call->run[i].figures.compute);
  }
  if (most > usual * least)
    fprintf(file,
            "Note: computing a sample took one method %.1f times as long as another, as agents or "
            "other "
            "programs competed for processors; times say less then.\n",
            most / least);
}

void ddla_compare_print(FILE *file, const ddla_compare_call *call) {
  const int width = name_width(call);
  put_head(file, call);
  put_costs(file, call, width);
  put_learning(file, call, width);
  fputc('\n', file);
  ddla_choice_print(file, &call->choice, call->contender, call->entries.count, &call->rule);
  put_disturbance(file, call);
}
