/* sim_cluster: one exchange between the hosts of a simulated cluster, against the formula. Prints a
 * line of words and numbers; exit status 1 where they differ by more than a tenth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"
#include "state/state.h"
#include "wire.h"

static const double off_max = 0.10;

typedef struct arguments {
  replay_options replay;
  const network *net; /* as it is built; replay.net: as the model sees it */
  const char *model;
} arguments;

static const char usage[] =
    "usage: sim_cluster --network flat|tree|distant --hosts N --parameters N\n"
    "                   [--shards N] [--range-bytes N] [--compute SECONDS] [--model plain|LV08]\n"
    "prints: network hosts MiB ranges KiB/range | seconds, simulated and by the formula, off by |\n"
    "        bytes sent by the busiest host, by the formula, over the least | seconds over the\n"
    "        least | messages\n";

static bool read_argument(arguments *a, const char *name, const char *value) {
  const int64_t block = DDLA_STATE_BLOCK;
  if (strcmp(name, "--network") == 0) a->net = network_find(value);
  else if (strcmp(name, "--hosts") == 0) a->replay.hosts = (int)strtol(value, NULL, 10);
  else if (strcmp(name, "--shards") == 0) a->replay.shards = (int)strtol(value, NULL, 10);
  else if (strcmp(name, "--parameters") == 0)
    a->replay.elements = (strtoll(value, NULL, 10) + block - 1) / block * block;
  else if (strcmp(name, "--range-bytes") == 0) a->replay.range_bytes = strtoll(value, NULL, 10);
  else if (strcmp(name, "--compute") == 0) a->replay.compute_seconds = strtod(value, NULL);
  else if (strcmp(name, "--model") == 0) a->model = value;
  else return false;
  return true;
}

static bool read_arguments(arguments *a, int argc, char **argv) {
  *a = (arguments){.model = "plain"};
  for (int i = 1; i < argc; i += 2)
    if (i + 1 == argc || !read_argument(a, argv[i], argv[i + 1])) return false;
  const int hosts = a->replay.hosts;
  if (a->replay.shards == 0) a->replay.shards = hosts;
  return a->net && hosts >= 2 && hosts <= DDLA_HOSTS_MAX && a->replay.elements > 0 &&
         a->replay.shards % hosts == 0 && (a->net->leaf == 0 || hosts % a->net->leaf == 0);
}

static bool open_wire(const arguments *a) {
  char path[] = "/tmp/sim_cluster_XXXXXX.xml";
  const int fd = mkstemps(path, 4);
  FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
  bool well = file && network_write(file, a->net, a->replay.hosts);
  if (file) fclose(file);
  if (!well) fprintf(stderr, "sim_cluster: cannot write %s\n", path);
  well = well && wire_open(path, a->model, a->replay.hosts);
  unlink(path);
  return well;
}

/* LV08 multiplies: P. Velho and A. Legrand, Accuracy study and improvement of network simulation in
 * the SimGrid framework, 2009. */
static network as_seen_by(const char *model, const network *net) {
  network seen = *net;
  if (strcmp(model, "LV08") == 0) {
    seen.bandwidth *= 0.97;
    seen.latency *= 13.01;
  }
  return seen;
}

/* Seconds over those of the least bytes at full rate; with computing, what is left after it. */
static bool print(const arguments *a, const replay_result *r) {
  const double formula = formula_seconds(&r->layout, a->replay.net), off = r->seconds / formula - 1;
  const double after = r->seconds - a->replay.compute_seconds;
  const double least = formula_least_bytes(&r->layout);
  const bool timed = a->replay.compute_seconds == 0; /* the formula knows no computing */
  const int64_t sent = formula_sent_bytes_most(&r->layout);
  printf("%s %d %.2f %d %.0f %.5f %.5f %.2f%% %lld %lld %.3f %.3f %lld\n", a->net->name,
         a->replay.hosts, (double)r->layout.bytes / (1 << 20), r->layout.ranges,
         (double)r->layout.range_bytes / 1024, after, timed ? formula : NAN,
         timed ? 100 * off : NAN, (long long)r->sent_bytes, (long long)sent,
         (double)r->sent_bytes / least, after / (least / a->net->bandwidth),
         (long long)r->messages);
  return (!timed || fabs(off) <= off_max) &&
         fabs((double)r->sent_bytes / (double)sent - 1) <= off_max;
}

int main(int argc, char **argv) {
  arguments a;
  replay_result result = {0};
  if (!read_arguments(&a, argc, argv)) {
    fputs(usage, stderr);
    return 2;
  }
  if (!open_wire(&a)) return 2;
  const network seen = as_seen_by(a.model, a.net);
  a.replay.net = &seen;
  const ddla_status status = replay_run(&result, &a.replay);
  if (status != DDLA_OK) {
    fprintf(stderr, "sim_cluster: %s\n", ddla_status_message(status));
    return 2;
  }
  return print(&a, &result) ? 0 : 1;
}
