#include "train/run/waited.h"

static ddla_data_waits sum_up(const ddla_worker *worker) {
  ddla_data_waits sum = {{0}};
  for (int w = 0; w < worker->places; w++)
    ddla_data_waits_add(&sum, &worker->shared->report[w].waits);
  return sum;
}

/* Of all workers' time. */
static double share_of(int64_t ns, const ddla_worker *worker, double seconds) {
  const double all = 1e9 * seconds * worker->places;
  return all > 0 ? (double)ns / all : 0;
}

static int64_t all_ns(const ddla_data_waits *sum) {
  int64_t ns = 0;
  for (int tier = 0; tier < DDLA_TIERS; tier++) ns += sum->ns[tier];
  return ns;
}

void ddla_waited_print(FILE *file, const ddla_worker *worker, double seconds) {
  const ddla_data_waits sum = sum_up(worker);
  const char *before = " (";
  fprintf(file, "waited for data  %.1f %%", 100 * share_of(all_ns(&sum), worker, seconds));
  for (int tier = 0; tier < DDLA_TIERS; tier++) {
    if (sum.waits[tier] == 0) continue;
    fprintf(file, "%s%s %.1f %%", before, ddla_tier_name((ddla_tier)tier),
            100 * share_of(sum.ns[tier], worker, seconds));
    before = ", ";
  }
  fprintf(file, "%s; loader: %s\n", before[0] == ',' ? ")" : "", worker->training->ahead.words);
}

/* Of each tier that brought any. */
static json_t *sources_json(const ddla_data_waits *sum) {
  json_t *made = json_object();
  for (int tier = 0; made && tier < DDLA_TIERS; tier++) {
    if (sum->hits[tier] + sum->waits[tier] == 0) continue;
    json_object_set_new(made, ddla_tier_name((ddla_tier)tier),
                        json_pack("{s:I, s:I, s:f}", "hits", (json_int_t)sum->hits[tier], "waits",
                                  (json_int_t)sum->waits[tier], "seconds",
                                  1e-9 * (double)sum->ns[tier]));
  }
  return made;
}

json_t *ddla_waited_json(const ddla_worker *worker, double seconds) {
  const ddla_ahead *ahead = &worker->training->ahead;
  const ddla_data_waits sum = sum_up(worker);
  return json_pack("{s:I, s:s, s:f, s:o}", "ahead", (json_int_t)ahead->count, "loader",
                   ahead->words, "waited", share_of(all_ns(&sum), worker, seconds), "from",
                   sources_json(&sum));
}
