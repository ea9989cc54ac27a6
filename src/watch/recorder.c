#include "watch/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/machine.h"
#include "watch/process.h"

enum { PAGE = 4096, PATH_BYTES = 4096 };

_Static_assert(sizeof(ddla_watch_head) <= DDLA_WATCH_HEAD_BYTES, "the head is one page");

size_t ddla_watch_lane_bytes(uint32_t ring_events) {
  size_t bytes = sizeof(ddla_watch_lane_head) + (size_t)DDLA_WATCH_OPS_MAX * DDLA_WATCH_OP_BYTES +
                 (size_t)ring_events * sizeof(ddla_watch_event);
  return (bytes + 63) / 64 * 64;
}

static size_t file_bytes(int blocks, uint32_t ring_events) {
  size_t bytes = DDLA_WATCH_HEAD_BYTES + (size_t)blocks * ddla_watch_lane_bytes(ring_events);
  return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* All blocks of the file are taken at once: a disk that is full must show here, not as a signal in
 * the middle of a step. */
static ddla_status map_file(void **out, const char *path, size_t bytes) {
  unlink(path);
  int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return ddla_file_fail(errno, "cannot write", path);
  int reason = posix_fallocate(file, 0, (off_t)bytes);
  void *mapping = MAP_FAILED;
  if (reason == 0) {
    mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapping == MAP_FAILED) reason = errno;
  }
  close(file);
  if (mapping == MAP_FAILED) {
    unlink(path);
    return ddla_file_fail(reason, "cannot keep events in", path);
  }
  *out = mapping;
  return DDLA_OK;
}

static ddla_status map(void **out, const char *directory, int agent, size_t bytes) {
  char path[PATH_BYTES];
  if (directory) {
    int length = snprintf(path, sizeof path, "%s/agents/%d.events", directory, agent);
    if (length < 0 || (size_t)length >= sizeof path)
      return DDLA_FAIL(INVALID, "the name of the run directory is too long");
    return map_file(out, path, bytes);
  }
  void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no memory for events of agents");
  *out = mapping;
  return DDLA_OK;
}

static void note_launcher(ddla_watch_head *head, pid_t launcher) {
  atomic_store(&head->launcher, (uint32_t)launcher);
  atomic_store(&head->launcher_started, ddla_process_started(launcher));
}

static void fill_head(ddla_watch_head *head, const ddla_watch_options *options, int agent,
                      uint32_t ring_events) {
  head->lanes = (uint32_t)options->lanes;
  head->agent = (uint32_t)agent;
  head->agents = (uint32_t)(options->all > 0 ? options->all : options->agents);
  head->ring_events = ring_events;
  head->op_names = DDLA_WATCH_OPS_MAX;
  head->lane_bytes = ddla_watch_lane_bytes(ring_events);
  head->opened_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  head->opened_unix_ns = ddla_clock_now_ns(ddla_clock_calendar());
  head->batch = options->batch;
  head->total_steps = options->total_steps;
  head->batches_per_epoch = options->batches_per_epoch;
  head->shards = (uint32_t)options->shards;
  head->threads = options->threads;
  head->loaders = options->loaders;
  note_launcher(head, options->launcher > 0 ? options->launcher : getpid());
  if (!ddla_machine_line(head->boot, sizeof head->boot, "/proc/sys/kernel/random/boot_id"))
    head->boot[0] = '\0';
  if (gethostname(head->host, sizeof head->host - 1) != 0) head->host[0] = '\0';
  snprintf(head->source, sizeof head->source, "%s", options->source ? options->source : "");
  head->version = DDLA_WATCH_VERSION;
  memcpy(head->magic, DDLA_WATCH_MAGIC, sizeof head->magic);
}

static ddla_status map_agents(ddla_watch *watch, const ddla_watch_options *options) {
  uint32_t ring = options->ring_events > 0 ? (uint32_t)options->ring_events : DDLA_WATCH_RING;
  watch->first = options->first;
  watch->lanes = options->lanes;
  watch->loaders = options->loaders;
  watch->bytes = file_bytes(options->lanes + watch->loaders, ring);
  watch->ops = options->ops;
  DDLA_TRY(DDLA_NEW(watch->agent, options->agents));
  for (int i = options->first; i < options->first + options->agents; i++) {
    void *mapping = NULL;
    DDLA_TRY(map(&mapping, options->directory, i, watch->bytes));
    watch->agent[watch->agents++] = mapping;
    fill_head(mapping, options, i, ring);
  }
  return DDLA_OK;
}

static void remove_files(const ddla_watch *watch, const char *directory) {
  char path[PATH_BYTES];
  for (int i = 0; directory && i < watch->agents; i++) {
    snprintf(path, sizeof path, "%s/agents/%d.events", directory, watch->first + i);
    unlink(path);
  }
}

ddla_status ddla_watch_create(ddla_watch **out, const ddla_watch_options *options) {
  ddla_watch *watch = NULL;
  DDLA_TRY(DDLA_NEW(watch, 1));
  ddla_status status = map_agents(watch, options);
  if (status != DDLA_OK) {
    remove_files(watch, options->directory);
    ddla_watch_destroy(watch);
    return status;
  }
  *out = watch;
  return DDLA_OK;
}

void ddla_watch_destroy(ddla_watch *watch) {
  if (!watch) return;
  for (int i = 0; i < watch->agents; i++) munmap(watch->agent[i], watch->bytes);
  ddla_free(watch->agent);
  ddla_free(watch->shift_ns);
  ddla_free(watch);
}

static ddla_watch_head *head_of(const ddla_watch *watch, int agent) {
  return watch->agent[agent - watch->first];
}

void ddla_watch_begin_launcher(ddla_watch *watch, int first, int agents) {
  for (int i = first; watch && i < first + agents; i++) note_launcher(head_of(watch, i), getpid());
}

void ddla_watch_begin_agent(ddla_watch *watch, int agent) {
  if (!watch) return;
  ddla_watch_head *head = head_of(watch, agent);
  atomic_store(&head->process_started, ddla_process_started(getpid()));
  atomic_store(&head->process, (uint32_t)getpid());
}

void ddla_watch_end_agent(ddla_watch *watch, int agent, ddla_watch_end how, int number) {
  if (!watch) return;
  uint64_t runs = DDLA_WATCH_RUNS;
  atomic_compare_exchange_strong(&head_of(watch, agent)->ended, &runs,
                                 (uint64_t)how << 32 | (uint32_t)number);
}

static uint64_t bits_of(double value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

void ddla_watch_note_step(ddla_watch *watch, uint64_t step, double loss, double rate) {
  if (!watch) return;
  ddla_watch_head *head = watch->agent[0];
  atomic_store_explicit(&head->step, step, memory_order_relaxed);
  atomic_store_explicit(&head->loss_bits, bits_of(loss), memory_order_relaxed);
  atomic_store_explicit(&head->rate_bits, bits_of(rate), memory_order_relaxed);
}

static ddla_watch_lane_head *lane_head(const ddla_watch_head *head, int lane) {
  return (ddla_watch_lane_head *)(void *)((uintptr_t)head + DDLA_WATCH_HEAD_BYTES +
                                          (size_t)lane * head->lane_bytes);
}

int64_t ddla_watch_phase_ns(const ddla_watch *watch, ddla_phase phase) {
  int64_t sum = 0;
  for (int a = 0; a < watch->agents; a++)
    for (int lane = 0; lane < watch->lanes; lane++)
      sum += atomic_load_explicit(&lane_head(watch->agent[a], lane)->phase_ns[phase],
                                  memory_order_relaxed);
  return sum;
}

int64_t ddla_watch_all_ns(const ddla_watch *watch) {
  int64_t sum = 0;
  for (int phase = 0; phase < DDLA_WATCH_PHASES_MAX; phase++)
    sum += ddla_watch_phase_ns(watch, (ddla_phase)phase);
  return sum;
}

ddla_watch_lane ddla_watch_lane_open(const ddla_watch *watch, int agent, int lane) {
  if (!watch || lane >= watch->lanes + watch->loaders) return (ddla_watch_lane){0};
  ddla_watch_head *head = head_of(watch, agent);
  ddla_watch_lane made = {.agent = head,
                          .head = lane_head(head, lane),
                          .mask = head->ring_events - 1,
                          .opened_ns = head->opened_ns,
                          .since_ns = ddla_clock_now_ns(ddla_clock_monotonic()),
                          .ops = watch->ops};
  made.names = (char *)(made.head + 1);
  made.ring =
      (ddla_watch_event *)(void *)(made.names + (size_t)DDLA_WATCH_OPS_MAX * DDLA_WATCH_OP_BYTES);
  ddla_watch_lane_take(&made);
  return made;
}

void ddla_watch_lane_take(const ddla_watch_lane *pen) {
  if (pen->head) atomic_store(&pen->head->thread, (uint32_t)syscall(SYS_gettid));
}

/* The fences order the number's 0 before, and its new value after, all that lies between. */
static void write_event(ddla_watch_lane *lane, int64_t time_ns, uint64_t what, uint64_t detail) {
  ddla_watch_event *slot = &lane->ring[lane->count & lane->mask];
  atomic_store_explicit(&slot->number, 0, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  atomic_store_explicit(&slot->time_ns, time_ns, memory_order_relaxed);
  atomic_store_explicit(&slot->what, what, memory_order_relaxed);
  atomic_store_explicit(&slot->detail, detail, memory_order_relaxed);
  lane->count++;
  atomic_store_explicit(&slot->number, lane->count, memory_order_release);
  atomic_store_explicit(&lane->head->count, lane->count, memory_order_release);
}

void ddla_watch_mark(ddla_watch_lane *lane, ddla_phase phase, uint64_t detail) {
  if (!lane || !lane->head) return;
  ddla_watch_mark_at(lane, phase, detail, ddla_clock_now_ns(ddla_clock_monotonic()));
}

/* Only the lane itself adds. */
static void add_ns(_Atomic int64_t *spent, int64_t ns) {
  atomic_store_explicit(spent, atomic_load_explicit(spent, memory_order_relaxed) + ns,
                        memory_order_relaxed);
}

void ddla_watch_mark_at(ddla_watch_lane *lane, ddla_phase phase, uint64_t detail, int64_t now_ns) {
  if (!lane || !lane->head) return;
  add_ns(&lane->head->phase_ns[lane->phase], now_ns - lane->since_ns);
  if (lane->phase == DDLA_PHASE_SUPPLY && lane->tier < DDLA_WATCH_TIERS_MAX)
    add_ns(&lane->head->tier_ns[lane->tier], now_ns - lane->since_ns);
  lane->phase = phase;
  lane->tier = (unsigned)(detail >> 56);
  lane->since_ns = now_ns;
  lane->since_us = (uint64_t)(now_ns - lane->opened_ns) / 1000 & 0xffffffffffff;
  write_event(lane, now_ns, (uint64_t)phase << 56 | lane->step, detail);
}

void ddla_watch_set_step(ddla_watch_lane *lane, uint64_t step) {
  if (lane) lane->step = step;
}

void ddla_watch_note_staleness(const ddla_watch_lane *lane, const ddla_staleness *found) {
  if (!lane || !lane->agent) return;
  ddla_watch_head *agent = lane->agent;
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++)
    atomic_store_explicit(&agent->stale[i], found->count[i], memory_order_relaxed);
  atomic_store_explicit(&agent->stale_sum, found->sum, memory_order_relaxed);
  atomic_store_explicit(&agent->stalest, found->most, memory_order_relaxed);
}

uint16_t ddla_watch_name(ddla_watch_lane *lane, const char *text) {
  if (!lane || !lane->head) return 0;
  uint32_t count = atomic_load_explicit(&lane->head->op_count, memory_order_relaxed);
  char cut[DDLA_WATCH_OP_BYTES];
  snprintf(cut, sizeof cut, "%s", text);
  for (uint32_t i = 0; i < count; i++)
    if (strcmp(lane->names + (size_t)i * DDLA_WATCH_OP_BYTES, cut) == 0) return (uint16_t)(i + 1);
  if (count == DDLA_WATCH_OPS_MAX) return 0;
  memcpy(lane->names + (size_t)count * DDLA_WATCH_OP_BYTES, cut, sizeof cut);
  atomic_store_explicit(&lane->head->op_count, count + 1, memory_order_release);
  return (uint16_t)(count + 1);
}

void ddla_watch_trace_op(ddla_watch_lane *lane, uint16_t name) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  uint64_t us = (uint64_t)(now_ns - lane->opened_ns) / 1000 & 0xffffffffffff;
  atomic_store_explicit(&lane->head->op, (uint64_t)name << 48 | us, memory_order_relaxed);
  write_event(lane, now_ns, (uint64_t)DDLA_PHASE_OP << 56 | lane->step, name);
}
