#include "train/run/tiered_report.h"

enum { TIERS = DDLA_TIER_ORIGIN + 1 }; /* those that bring samples to a host */

static ddla_tier_counts add_up(const ddla_worker *worker) {
  ddla_tier_counts sum = {0};
  int64_t *to = (int64_t *)(void *)&sum;
  for (int w = 0; w < worker->places; w++) {
    const int64_t *from = (const int64_t *)(const void *)&worker->shared->report[w].tiers;
    for (size_t i = 0; i < sizeof sum / sizeof *to; i++) to[i] += from[i];
  }
  return sum;
}

static size_t data_bytes(const ddla_worker *worker) {
  size_t bytes = 0;
  for (int i = 0; i < worker->training->far.count; i++)
    bytes += ddla_dataset_far(worker->training->far.set[i])->stream_bytes[DDLA_PREPARED_FEATURES];
  return bytes;
}

json_t *ddla_tiered_json(const ddla_worker *worker) {
  if (worker->training->far.count == 0) return NULL;
  const ddla_tier_counts sum = add_up(worker);
  json_t *tiers = json_object();
  for (int t = 0; t < TIERS; t++)
    json_object_set_new(tiers, ddla_tier_name((ddla_tier)t),
                        json_pack("{s:I, s:I, s:I, s:f}", "pieces", (json_int_t)sum.pieces[t],
                                  "bytes", (json_int_t)sum.bytes[t], "waits",
                                  (json_int_t)sum.waits[t], "waiting_seconds",
                                  1e-9 * (double)sum.waited_ns[t]));
  return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "mode", "tiered", "data_bytes",
                   (json_int_t)data_bytes(worker), "origin_bytes", (json_int_t)sum.origin_bytes,
                   "sent_bytes", (json_int_t)sum.sent_bytes, "ready", (json_int_t)sum.ready,
                   "misses", (json_int_t)sum.misses, "tiers", tiers);
}

static double part(int64_t a, double all) { return all > 0 ? 100 * (double)a / all : 0; }

void ddla_tiered_print(FILE *file, const ddla_worker *worker) {
  if (worker->training->far.count == 0) return;
  const ddla_tier_counts sum = add_up(worker);
  const double data = (double)data_bytes(worker);
  double bytes = 0, seconds = 0;
  int64_t waits = 0;
  for (int t = 0; t < TIERS; t++) {
    bytes += (double)sum.bytes[t];
    waits += sum.waits[t];
    seconds += 1e-9 * (double)sum.waited_ns[t];
  }
  fprintf(file,
          "samples from     memory %.1f %%, disk %.1f %%, peers %.1f %%, origin %.1f %%; origin "
          "read %.3f times\n",
          part(sum.bytes[0], bytes), part(sum.bytes[1], bytes), part(sum.bytes[2], bytes),
          part(sum.bytes[3], bytes), data > 0 ? (double)sum.origin_bytes / data : 0);
  fprintf(file, "samples there    %.1f %% of %lld times; waited %.2f s:",
          part(sum.ready, (double)(sum.ready + waits)), (long long)(sum.ready + waits), seconds);
  for (int t = 0; t < TIERS; t++)
    fprintf(file, "%s %s %.2f", t > 0 ? "," : "", ddla_tier_name((ddla_tier)t),
            1e-9 * (double)sum.waited_ns[t]);
  fputc('\n', file);
  if (sum.misses > 0)
    fprintf(file, "samples missed   %lld pieces that other hosts did not give\n",
            (long long)sum.misses);
}
