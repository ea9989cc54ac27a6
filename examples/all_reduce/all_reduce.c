/* A program with a model and gradients of its own, kept in step by the library's agents: logistic
 * regression, written by hand, on points that it makes up. Usage:
 *   all_reduce [AGENTS]
 * The work is cut into SHARDS parts, and gradients are summed over shards: the printed weights are
 * the same to the last bit for any number of agents. */
#include <ddla/ddla.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FEATURES = 20, SAMPLES = 4096, SHARDS = 8, STEPS = 200 };

/* Feature k of sample i, and the class of the sample: reproducible noise, no file. */
static float feature(int i, int k) {
  unsigned mixed = (unsigned)(i * 131 + k * 7 + 1) * 2654435761u;
  return (float)((mixed ^ mixed >> 15) % 2000) / 1000.0f - 1.0f;
}

static float label(int i) { return feature(i, 0) + 0.5f * feature(i, 3) > feature(i, 5) ? 1 : 0; }

/* Gradient and loss (last element) of the samples of one shard, summed. */
static void compute_shard(float gradient[FEATURES + 1], const float *weights, int shard) {
  for (int k = 0; k <= FEATURES; k++) gradient[k] = 0;
  for (int i = SAMPLES * shard / SHARDS; i < SAMPLES * (shard + 1) / SHARDS; i++) {
    float z = 0;
    for (int k = 0; k < FEATURES; k++) z += weights[k] * feature(i, k);
    float p = 1 / (1 + expf(-z));
    for (int k = 0; k < FEATURES; k++) gradient[k] += (p - label(i)) * feature(i, k);
    gradient[FEATURES] -= logf(label(i) > 0 ? p : 1 - p);
  }
}

static ddla_status work(ddla_group *group, void *argument) {
  float weights[FEATURES] = {0}, sum[FEATURES + 1];
  int64_t first = 0, end = 0;
  void *shards = NULL; /* in the group's memory: the others read it where it lies */
  (void)argument;
  ddla_group_share(group, SHARDS, &first, &end);
  ddla_status status = ddla_group_memory(group, &shards, SHARDS * sizeof sum);
  for (int step = 0; step < STEPS && !status; step++) {
    for (int64_t s = first; s < end; s++)
      compute_shard((float *)shards + (s - first) * (FEATURES + 1), weights, (int)s);
    status = ddla_group_sum_shards(group, &(ddla_group_array){DDLA_F32, FEATURES + 1, shards, sum},
                                   SHARDS, FEATURES + 1);
    for (int k = 0; k < FEATURES; k++) weights[k] -= 2.0f * sum[k] / SAMPLES;
  }
  if (!status && ddla_group_rank(group) == 0)
    printf("loss %.9g, first weights %.9g %.9g %.9g\n", (double)sum[FEATURES] / SAMPLES,
           (double)weights[0], (double)weights[1], (double)weights[2]);
  return status;
}

int main(int argc, char **argv) {
  int agents = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2;
  const ddla_group_options options = {.agents = agents, .processes = true};
  ddla_status status = ddla_group_run(&options, work, NULL);
  if (status) fprintf(stderr, "all_reduce: %s\n", ddla_status_message(status));
  return ddla_status_exit(status);
}
