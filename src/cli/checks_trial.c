/* What is tried: agents that fork and wake each other, kernels, and short measurements. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/launch.h"
#include "backend/kernel.h"
#include "backend/peak.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/machine.h"
#include "cli/checks.h"
#include "train/probe.h"

enum {
  WAIT_MS = 3000,
  ROUNDS = 64,
  COPY_BYTES = 48 << 20,
  COPIES = 4,
  PEAK_MS = 40,
  LANES_MAX = 256
};

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

static void fail(ddla_check *check, ddla_status status, const char *advice) {
  check->state = DDLA_CHECK_BAD;
  ddla_status_take(&check->failure, status);
  snprintf(check->value, sizeof check->value, "%.250s", check->failure.text);
  snprintf(check->advice, sizeof check->advice, "%s", advice);
}

/* Two agents pass a word back and forth in shared memory, as they do in training. */
static ddla_status play(ddla_transport *transport, void *argument) {
  void *block = NULL;
  (void)argument;
  DDLA_TRY(ddla_transport_alloc(transport, &block, 4096, DDLA_MEMORY_ONE));
  ddla_word *word = block;
  uint64_t rank = (uint64_t)ddla_transport_rank(transport);
  for (uint64_t round = 0; round < ROUNDS; round++) {
    DDLA_TRY(ddla_transport_word_wait(transport, word, 2 * round + rank, WAIT_MS));
    ddla_transport_word_publish(transport, word, 2 * round + rank + 1);
  }
  return DDLA_OK;
}

void ddla_check_agents(ddla_check *check) {
  const ddla_launch_options options = {.agents = 2, .shared_bytes = 1 << 16};
  int64_t start_ns = now_ns();
  ddla_status status = ddla_launch(&options, play, NULL);
  if (status != DDLA_OK) {
    fail(check, status,
         "agents need fork, shared memory (mmap) and futex; a sandbox or container "
         "that forbids them must allow them. One agent works without");
    return;
  }
  double us = (double)(now_ns() - start_ns) * 1e-3;
  snprintf(check->value, sizeof check->value,
           "two agents forked, shared memory and woke each other %d times in %.1f ms", 2 * ROUNDS,
           us * 1e-3);
}

void ddla_check_pidfd(ddla_check *check) {
#ifdef SYS_pidfd_open
  long file = syscall(SYS_pidfd_open, getpid(), 0);
#else
  long file = -1;
  errno = ENOSYS;
#endif
  if (file >= 0) {
    close((int)file);
    snprintf(check->value, sizeof check->value, "a dead agent is noticed at once (pidfd)");
    return;
  }
  check->state = DDLA_CHECK_HINT;
  snprintf(check->value, sizeof check->value, "no pidfd (%s)", strerror(errno));
  snprintf(check->advice, sizeof check->advice,
           "a dead agent is noticed after a tenth of a second; Linux 5.3 and newer know pidfd, and "
           "a sandbox may forbid it");
}

void ddla_check_kernels(ddla_check *check) {
  ddla_status status = ddla_backend_start();
  if (status != DDLA_OK) fail(check, status, "is oneDNN's library installed and not damaged?");
  else
    snprintf(check->value, sizeof check->value, "%s, one thread per lane",
             ddla_backend_version((char[DDLA_BACKEND_TEXT_BYTES]){0}));
}

static void check_probe(ddla_check *check, ddla_precision precision) {
  char hash[DDLA_XXH128_TEXT_BYTES], again[DDLA_XXH128_TEXT_BYTES];
  ddla_status status = ddla_probe_run(hash, precision);
  if (status == DDLA_OK) status = ddla_probe_run(again, precision);
  if (status == DDLA_OK && strcmp(hash, again) != 0)
    status = DDLA_FAIL(INTERNAL, "the same computation gave other bits the second time (%s, %s)",
                       hash, again);
  if (status != DDLA_OK) {
    fail(check, status, "this machine computes unreliably: test its memory and cooling");
    return;
  }
  snprintf(check->value, sizeof check->value, "%s", hash);
}

void ddla_check_probe(ddla_check *check) { check_probe(check, DDLA_PRECISION_FP32); }

void ddla_check_probe_bf16(ddla_check *check) { check_probe(check, DDLA_PRECISION_BF16); }

static double best_peak(int64_t for_ns) {
  double best = 0;
  int64_t end_ns = now_ns() + for_ns;
  do {
    double found = ddla_peak_burst();
    if (found > best) best = found;
  } while (now_ns() < end_ns);
  return best;
}

void ddla_check_peak(ddla_check *check) {
  check->number = best_peak(PEAK_MS * INT64_C(1000000));
  check->unit = "GFLOP/s";
  snprintf(check->value, sizeof check->value, "%.0f GFLOP/s of one core (fp32 multiply-add)",
           check->number);
}

/* One thread of several that compute at once; bursts are told by processor time, so what counts
 * here is how many are done in a given time. */
static void *burst_for_a_while(void *argument) {
  int64_t *count = argument, end_ns = now_ns() + PEAK_MS * INT64_C(1000000);
  for (; now_ns() < end_ns; (*count)++) (void)ddla_peak_burst();
  return NULL;
}

void ddla_check_lanes(ddla_check *check) {
  pthread_t thread[LANES_MAX];
  int64_t count[LANES_MAX] = {0}, alone = 0, together = 0;
  int lanes = ddla_machine_processors(), started = 0;
  if (lanes > LANES_MAX) lanes = LANES_MAX;
  burst_for_a_while(&alone);
  for (; started < lanes; started++)
    if (pthread_create(&thread[started], NULL, burst_for_a_while, &count[started]) != 0) break;
  for (int i = 0; i < started; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < started; i++) together += count[i];
  check->number = alone > 0 ? (double)together / (double)alone : 0;
  check->unit = "times one core";
  snprintf(check->value, sizeof check->value, "%d threads compute %.2f times as much as one",
           started, check->number);
  if (check->number > 0.75 * started) return;
  check->state = DDLA_CHECK_HINT;
  snprintf(check->advice, sizeof check->advice,
           "processors share cores (hyper-threads) or are busy with other work; try fewer "
           "lanes (parallel.lanes)");
}

void ddla_check_copy(ddla_check *check) {
  char *from = NULL, *to = NULL;
  double best = 0;
  ddla_status status = DDLA_NEW(from, COPY_BYTES);
  if (status == DDLA_OK) status = DDLA_NEW(to, COPY_BYTES);
  for (int i = 0; status == DDLA_OK && i < COPIES; i++) {
    int64_t start_ns = now_ns();
    memset(from, i, 64); /* so that every copy is another */
    memcpy(to, from, COPY_BYTES);
    double rate = (double)COPY_BYTES / (double)(now_ns() - start_ns);
    if (i > 0 && rate > best) best = rate; /* the first also takes pages */
  }
  ddla_free(from);
  ddla_free(to);
  if (status != DDLA_OK) {
    fail(check, status, "free some memory");
    return;
  }
  check->number = best;
  check->unit = "GB/s";
  snprintf(check->value, sizeof check->value, "%.1f GB/s copied by one core (memcpy of %d MiB)",
           best, COPY_BYTES >> 20);
}
