/* For tests of methods in which hosts claim what they compute: hosts that are threads, with a state
 * each, which exchange letters over transport "local". */
#ifndef DDLA_SYNC_TURNS_TEST_TURNS_H
#define DDLA_SYNC_TURNS_TEST_TURNS_H

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "sync/test_group.h"
#include "transport/local.h"

enum { TURNS_HOSTS = 4, TURNS_LINK_BYTES = 8 << 20 };

/* What a turn was computed with. */
typedef struct turns_read {
  uint64_t step;
  float theta[GROUP_SPACE];
} turns_read;

typedef enum turns_moment { TURNS_BEGIN, TURNS_TURN, TURNS_END } turns_moment;

typedef struct turns_run {
  const group_case *c; /* one agent with one lane for each host */
  /* Null, or told by every host when it has opened, of each turn before it is computed, and behind
   * the last step; work: of a turn, else null. */
  void (*told)(void *argument, const group_agent *a, turns_moment moment,
               const ddla_sync_work *work);
  void *argument;
  bool threadless;
  bool differ, still; /* hosts begin with other parameters; gradients are 0 */
  int slow_host;      /* computes each turn so long: */
  int64_t slow_ms;    /* 0: nobody */
  int bad_host;       /* fails in its first turn; 0: nobody */
  int broken_host;    /* begins with parameters that are no numbers; 0: nobody */
  ddla_local_region *link;
  int turns[TURNS_HOSTS];                          /* that it has made */
  turns_read read[TURNS_HOSTS][GROUP_TOTAL_STEPS]; /* of the first ones */
  int64_t samples[TURNS_HOSTS];                    /* as results said, all together */
  float began[TURNS_HOSTS][GROUP_SPACE];           /* parameters before the first turn */
  float theta[TURNS_HOSTS][GROUP_SPACE];           /* behind the last step */
  float global[TURNS_HOSTS][GROUP_SPACE];
  double number[TURNS_HOSTS]; /* the strategy's first one */
  ddla_failure failure[TURNS_HOSTS];
} turns_run;

typedef struct turns_thread {
  turns_run *r;
  int host;
  pthread_t thread;
} turns_thread;

static inline void turns_sleep(int64_t ms) {
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static inline void turns_tell(const turns_run *r, const group_agent *a, turns_moment moment,
                              const ddla_sync_work *work) {
  if (r->told) r->told(r->argument, a, moment, work);
}

static inline void turns_shard(const turns_run *r, group_agent *a, const ddla_sync_work *work,
                               int shard) {
  const ddla_sync_leaf leaf = ddla_sync_leaf_place(a->sync, 0, shard);
  const int number = work->first + shard;
  const int64_t count = group_samples(a->c, work->step, number);
  const ddla_sync_record record = {.loss = group_loss(a->c, work->step, number),
                                   .count = (double)count,
                                   .correct = count / 2,
                                   .samples = count};
  ddla_sync_put_record(a->sync, 0, shard, &record);
  group_observe(ddla_state_array(a->state, a->statistics, 0, shard), work->step, number, count);
  for (int64_t k = 0; k < GROUP_SPACE; k++) {
    if (!group_in_tensor(k)) continue;
    const float value =
        r->still ? 0 : group_gradient(a->c, work->parameters, work->step, number, count, k);
    leaf.gradients[k] = leaf.accumulate ? leaf.gradients[k] + value : value;
  }
  if (leaf.last) ddla_sync_final(a->sync, 0, 0);
  ddla_sync_leaf_done(a->sync, 0, shard);
}

static inline ddla_status turns_compute(turns_run *r, group_agent *a, const ddla_sync_work *work) {
  const int host = a->cluster.host;
  int64_t samples = 0;
  int shard = 0;
  if (r->turns[host] < GROUP_TOTAL_STEPS) {
    turns_read *read = &r->read[host][r->turns[host]];
    read->step = work->step;
    memcpy(read->theta, work->parameters, sizeof read->theta);
  }
  r->turns[host]++;
  if (host == r->bad_host && r->bad_host > 0) return DDLA_FAIL(INVALID, "host %d fails", host);
  if (host == r->slow_host) turns_sleep(r->slow_ms);
  turns_tell(r, a, TURNS_TURN, work);
  for (int s = work->first; s < work->end; s++) samples += group_samples(a->c, work->step, s);
  ddla_sync_begin(a->sync, 0, samples);
  while (ddla_sync_claim(a->sync, 0, &shard)) turns_shard(r, a, work, shard);
  ddla_sync_final(a->sync, 0, 0);
  return ddla_transport_check(a->link);
}

static inline ddla_status turns_train(turns_run *r, group_agent *a) {
  const int host = a->cluster.host;
  ddla_sync_result result = {.under_way = true};
  while (result.under_way || result.step < GROUP_TOTAL_STEPS) {
    ddla_sync_work work;
    int bad_shard = 0;
    DDLA_TRY(ddla_sync_work_of(a->sync, 0, &work));
    if (work.first < work.end) DDLA_TRY(turns_compute(r, a, &work));
    DDLA_TRY(ddla_sync_finish(&result, &bad_shard, a->sync, 0));
    r->samples[host] += result.samples;
  }
  return DDLA_OK;
}

static inline ddla_status turns_host(turns_run *r, group_agent *a) {
  const int host = a->cluster.host;
  const size_t bytes = sizeof r->theta[host];
  float *theta = ddla_state_array(a->state, a->theta, 0, 0);
  for (int64_t k = 0; k < GROUP_SPACE && r->differ; k++)
    if (group_in_tensor(k)) theta[k] += group_noise(777, host, k);
  if (host == r->broken_host && host > 0) theta[5000] = (float)NAN;
  memcpy(r->began[host], theta, bytes);
  turns_tell(r, a, TURNS_BEGIN, NULL);
  DDLA_TRY(ddla_sync_share(a->sync, 0, NULL, 0)); /* all have begun */
  DDLA_TRY(turns_train(r, a));
  turns_tell(r, a, TURNS_END, NULL);
  memcpy(r->theta[host], ddla_state_array(a->state, a->theta, GROUP_TOTAL_STEPS, 0), bytes);
  memcpy(r->global[host], ddla_state_array(a->state, a->arrays[0], 0, 0), bytes);
  r->number[host] = *(const double *)ddla_state_array(a->state, a->numbers, 0, 0);
  return ddla_sync_barrier(a->sync, 0);
}

static inline void *turns_main(void *argument) {
  turns_thread *t = argument;
  const ddla_local_setup setup = {t->r->link, t->host};
  ddla_transport *local = NULL, *link = NULL;
  ddla_failure *failure = &t->r->failure[t->host];
  group_agent a = {.threaded = !t->r->threadless};
  ddla_status status = ddla_transport_open(&local, "self", NULL);
  if (status == DDLA_OK) status = ddla_transport_open(&link, "local", &setup);
  if (status == DDLA_OK) status = group_open_on(&a, t->r->c, local, link);
  if (status == DDLA_OK) status = turns_host(t->r, &a);
  if (status != DDLA_OK) {
    ddla_status_take(failure, status);
    if (local) ddla_transport_fail(local, failure);
    if (link) ddla_transport_fail(link, failure);
  }
  group_close(&a);
  ddla_transport_close(link);
  ddla_transport_close(local);
  return NULL;
}

/* Runs all hosts to the end. False: no memory or threads for it. */
static inline bool turns_run_all(turns_run *r) {
  turns_thread host[TURNS_HOSTS];
  const int hosts = r->c->agents;
  if (ddla_local_region_create(&r->link, hosts, (size_t)hosts * TURNS_LINK_BYTES) != DDLA_OK)
    return false;
  for (int h = 0; h < hosts; h++) {
    host[h] = (turns_thread){r, h, 0};
    if (pthread_create(&host[h].thread, NULL, turns_main, &host[h]) != 0) abort();
  }
  for (int h = 0; h < hosts; h++) pthread_join(host[h].thread, NULL);
  ddla_local_region_destroy(r->link);
  return true;
}

#endif
