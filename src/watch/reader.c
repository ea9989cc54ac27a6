#include "watch/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/machine.h"

enum { PATH_BYTES = 4096, AGENTS_MAX = 4096, LANES_MAX = 65536 };

static ddla_status check_head(const ddla_watch_head *head, size_t bytes, const char *path) {
  if (bytes < DDLA_WATCH_HEAD_BYTES || memcmp(head->magic, DDLA_WATCH_MAGIC, sizeof head->magic))
    return DDLA_FAIL(CORRUPT, "%s holds no events", path);
  if (head->version != DDLA_WATCH_VERSION)
    return DDLA_FAIL(INVALID, "%s is of version %u; this ddla reads version %d", path,
                     head->version, DDLA_WATCH_VERSION);
  uint32_t ring = head->ring_events;
  bool sound = ring >= 1 && ring <= DDLA_WATCH_RING_MAX && (ring & (ring - 1)) == 0 &&
               head->lanes >= 1 && head->lanes <= LANES_MAX && head->agents >= 1 &&
               head->agents <= AGENTS_MAX && head->op_names == DDLA_WATCH_OPS_MAX &&
               head->lane_bytes == ddla_watch_lane_bytes(ring) && head->loaders <= 1 &&
               bytes >= DDLA_WATCH_HEAD_BYTES + (head->lanes + head->loaders) * head->lane_bytes;
  return sound ? DDLA_OK : DDLA_FAIL(CORRUPT, "%s is damaged: its sizes do not agree", path);
}

static ddla_status map_file(void **out, size_t *bytes, const char *path) {
  struct stat found = {0};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return ddla_file_fail(errno, "cannot open", path);
  void *mapping = MAP_FAILED;
  if (fstat(file, &found) == 0 && found.st_size > 0)
    mapping = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_SHARED, file, 0);
  int reason = errno;
  close(file);
  if (mapping == MAP_FAILED && found.st_size == 0)
    return DDLA_FAIL(CORRUPT, "%s holds no events", path);
  if (mapping == MAP_FAILED) return ddla_file_fail(reason, "cannot map", path);
  *out = mapping;
  *bytes = (size_t)found.st_size;
  return DDLA_OK;
}

/* Stands for the file of an agent that has none here; its version, 0, says so. */
static ddla_status add_missing(ddla_watch *watch) {
  const ddla_watch_head *first = watch->agent[0];
  void *mapping =
      mmap(NULL, watch->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no memory for events of agents");
  ddla_watch_head *head = mapping;
  head->lanes = first->lanes;
  head->loaders = first->loaders;
  head->ring_events = first->ring_events;
  head->lane_bytes = first->lane_bytes;
  watch->agent[watch->agents++] = head;
  return DDLA_OK;
}

bool ddla_watch_is_missing(const ddla_watch *watch, int agent) {
  return watch->agent[agent]->version == 0;
}

/* Adds agent `agents` of the watch. */
static ddla_status map_agent(ddla_watch *watch, const char *directory) {
  char path[PATH_BYTES];
  void *mapping = NULL;
  size_t bytes = 0;
  snprintf(path, sizeof path, "%s/agents/%d.events", directory, watch->agents);
  if (watch->agents > 0 && access(path, F_OK) != 0 && errno == ENOENT) return add_missing(watch);
  DDLA_TRY(map_file(&mapping, &bytes, path));
  ddla_status status = check_head(mapping, bytes, path);
  if (status == DDLA_OK && watch->agents > 0 && bytes != watch->bytes)
    status = DDLA_FAIL(CORRUPT, "%s is of another run than that of agent 0", path);
  if (status != DDLA_OK) {
    munmap(mapping, bytes);
    return status;
  }
  watch->bytes = bytes;
  watch->agent[watch->agents++] = mapping;
  return DDLA_OK;
}

/* A mistyped name is told from a run without events. */
static ddla_status check_directory(const char *directory) {
  char path[PATH_BYTES];
  if (access(directory, F_OK) != 0) return ddla_file_fail(errno, "cannot open", directory);
  snprintf(path, sizeof path, "%s/agents/0.events", directory);
  if (access(path, F_OK) == 0) return DDLA_OK;
  snprintf(path, sizeof path, "%s/job.yaml", directory);
  if (access(path, F_OK) == 0)
    return DDLA_FAIL(
        INVALID,
        "%s has no agents/0.events: the run recorded nothing (output.events: false?) or "
        "has not begun",
        directory);
  return DDLA_FAIL(INVALID, "%s is not the directory of a run: it has no agents/0.events",
                   directory);
}

/* Process numbers and the monotonic clock mean something only on the machine that wrote them. */
static bool is_elsewhere(const ddla_watch_head *head) {
  char boot[sizeof head->boot] = "", host[sizeof head->host] = "";
  if (!ddla_machine_line(boot, sizeof boot, "/proc/sys/kernel/random/boot_id")) boot[0] = '\0';
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return strncmp(boot, head->boot, sizeof boot) != 0 || strncmp(host, head->host, sizeof host) != 0;
}

/* Another machine's clock is told from ours by the time of day, which both have. */
static ddla_status find_shifts(ddla_watch *watch) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  int64_t ours_ns = ddla_clock_now_ns(ddla_clock_calendar()) - now_ns;
  DDLA_TRY(DDLA_NEW(watch->shift_ns, watch->agents));
  for (int i = 0; i < watch->agents; i++) {
    const ddla_watch_head *head = watch->agent[i];
    if (!ddla_watch_is_missing(watch, i) && is_elsewhere(head))
      watch->shift_ns[i] = head->opened_unix_ns - head->opened_ns - ours_ns;
  }
  return DDLA_OK;
}

static int64_t shift_of(const ddla_watch *watch, int agent) {
  return watch->shift_ns ? watch->shift_ns[agent] : 0;
}

static ddla_status map_agents(ddla_watch *watch, const char *directory) {
  DDLA_TRY(check_directory(directory));
  DDLA_TRY(DDLA_NEW(watch->agent, AGENTS_MAX));
  DDLA_TRY(map_agent(watch, directory));
  watch->lanes = (int)watch->agent[0]->lanes;
  watch->loaders = (int)watch->agent[0]->loaders;
  while (watch->agents < (int)watch->agent[0]->agents) DDLA_TRY(map_agent(watch, directory));
  return find_shifts(watch);
}

ddla_status ddla_watch_open(ddla_watch **out, const char *directory) {
  ddla_watch *watch = NULL;
  DDLA_TRY(DDLA_NEW(watch, 1));
  ddla_status status = map_agents(watch, directory);
  if (status != DDLA_OK) {
    ddla_watch_destroy(watch);
    return status;
  }
  *out = watch;
  return DDLA_OK;
}

const ddla_watch_lane_head *ddla_watch_lane_at(const ddla_watch *watch, int agent, int lane) {
  const ddla_watch_head *head = watch->agent[agent];
  return (const ddla_watch_lane_head *)(const void *)((const char *)head + DDLA_WATCH_HEAD_BYTES +
                                                      (size_t)lane * head->lane_bytes);
}

static const char *names_of(const ddla_watch_lane_head *lane) { return (const char *)(lane + 1); }

const char *ddla_watch_op_text(const ddla_watch *watch, int agent, int lane, uint64_t name) {
  const ddla_watch_lane_head *head = ddla_watch_lane_at(watch, agent, lane);
  if (name == 0 || name > DDLA_WATCH_OPS_MAX || name > atomic_load(&head->op_count)) return "";
  return names_of(head) + (name - 1) * DDLA_WATCH_OP_BYTES;
}

ddla_staleness ddla_watch_staleness_of(const ddla_watch *watch) {
  ddla_staleness all = {.contributions = 0};
  for (int a = 0; a < watch->agents; a++) {
    const ddla_watch_head *head = watch->agent[a];
    ddla_staleness found = {.sum = atomic_load_explicit(&head->stale_sum, memory_order_relaxed),
                            .most = atomic_load_explicit(&head->stalest, memory_order_relaxed)};
    for (int i = 0; i < DDLA_STALENESS_CLASSES; i++) {
      found.count[i] = atomic_load_explicit(&head->stale[i], memory_order_relaxed);
      found.contributions += found.count[i];
    }
    ddla_staleness_add(&all, &found);
  }
  return all;
}

const char *ddla_watch_phase_text(ddla_phase phase) {
  static const char *const words[DDLA_WATCH_PHASES_MAX] = {
#define WORDS(name, number, text) [number] = text,
      DDLA_PHASE_LIST(WORDS)
#undef WORDS
  };
  return (unsigned)phase < DDLA_WATCH_PHASES_MAX && words[phase] ? words[phase] : "unknown";
}

bool ddla_watch_read(ddla_watch_seen *out, const ddla_watch *watch, int agent, int lane,
                     uint64_t number) {
  const ddla_watch_lane_head *head = ddla_watch_lane_at(watch, agent, lane);
  const ddla_watch_event *ring =
      (const ddla_watch_event *)(const void *)(names_of(head) +
                                               (size_t)DDLA_WATCH_OPS_MAX * DDLA_WATCH_OP_BYTES);
  const ddla_watch_event *slot = &ring[(number - 1) & (watch->agent[agent]->ring_events - 1)];
  if (number == 0 || atomic_load_explicit(&slot->number, memory_order_acquire) != number)
    return false;
  int64_t time_ns = atomic_load_explicit(&slot->time_ns, memory_order_relaxed);
  uint64_t what = atomic_load_explicit(&slot->what, memory_order_relaxed);
  uint64_t detail = atomic_load_explicit(&slot->detail, memory_order_relaxed);
  atomic_thread_fence(memory_order_acquire);
  if (atomic_load_explicit(&slot->number, memory_order_relaxed) != number) return false;
  *out = (ddla_watch_seen){.number = number,
                           .time_ns = time_ns + shift_of(watch, agent),
                           .phase = (ddla_phase)(what >> 56),
                           .step = what & 0xffffffffffffff,
                           .detail = detail};
  return true;
}

static void place(ddla_watch_view *view, ddla_watch_scene *scene, int worker) {
  const ddla_watch *watch = scene->watch;
  view->worker = worker;
  view->agent = worker / watch->lanes;
  view->lane = worker % watch->lanes;
  view->missing = ddla_watch_is_missing(watch, view->agent);
  if (view->lane > 0) view->elsewhere = scene->view[worker - 1].elsewhere;
  else view->elsewhere = view->missing || is_elsewhere(watch->agent[view->agent]);
  if (!view->elsewhere) scene->here = true;
}

/* After all lanes. */
static void place_loader(ddla_watch_scene *scene, int agent) {
  ddla_watch_view *view = &scene->view[scene->workers + agent];
  *view = scene->view[agent * scene->watch->lanes];
  view->lane = scene->watch->lanes;
  view->worker = -1;
}

const ddla_watch_view *ddla_watch_loader_of(const ddla_watch_scene *scene, int agent) {
  return scene->loaders > 0 ? &scene->view[scene->workers + agent] : NULL;
}

ddla_status ddla_watch_scene_create(ddla_watch_scene **out, const ddla_watch *watch) {
  ddla_watch_scene *scene = NULL;
  DDLA_TRY(DDLA_NEW(scene, 1));
  scene->watch = watch;
  scene->workers = watch->agents * watch->lanes;
  scene->loaders = watch->agents * watch->loaders;
  scene->processors = ddla_machine_processors();
  ddla_status status = DDLA_NEW(scene->view, scene->workers + scene->loaders);
  if (status != DDLA_OK) {
    ddla_watch_scene_destroy(scene);
    return status;
  }
  for (int w = 0; w < scene->workers; w++) place(&scene->view[w], scene, w);
  for (int a = 0; a < scene->loaders; a++) place_loader(scene, a);
  *out = scene;
  return DDLA_OK;
}

void ddla_watch_scene_destroy(ddla_watch_scene *scene) {
  if (!scene) return;
  ddla_free(scene->view);
  ddla_free(scene);
}

/* The newest event that is not an op's. The writer may overtake us: then the next round is newer.
 */
static void find_now(ddla_watch_view *view, const ddla_watch *watch,
                     const ddla_watch_lane_head *head) {
  view->count = atomic_load_explicit(&head->count, memory_order_acquire);
  uint64_t ring = watch->agent[view->agent]->ring_events;
  uint64_t oldest = view->count > ring ? view->count - ring : 0;
  for (uint64_t n = view->count; n > oldest; n--) {
    ddla_watch_seen seen;
    if (!ddla_watch_read(&seen, watch, view->agent, view->lane, n)) continue;
    if (seen.phase == DDLA_PHASE_OP) continue;
    view->now = seen;
    return;
  }
}

static void find_op(ddla_watch_view *view, const ddla_watch *watch,
                    const ddla_watch_lane_head *head) {
  uint64_t word = atomic_load_explicit(&head->op, memory_order_relaxed);
  int64_t us = (int64_t)(word & 0xffffffffffff);
  view->op_word = word;
  view->op[0] = '\0';
  view->op_since_ns =
      watch->agent[view->agent]->opened_ns + us * 1000 + shift_of(watch, view->agent);
  bool computes = view->now.phase == DDLA_PHASE_COMPUTE || view->now.phase == DDLA_PHASE_EVALUATE;
  if (!computes || view->op_since_ns + 1000 < view->now.time_ns) return;
  snprintf(view->op, sizeof view->op, "%s",
           ddla_watch_op_text(watch, view->agent, view->lane, word >> 48));
}

/* A process of the same number that was started at another time is another one. */
static void look_at_system(ddla_watch_view *view, const ddla_watch_scene *scene, double seconds) {
  const ddla_watch_head *head = scene->watch->agent[view->agent];
  int64_t before_ns = view->system.cpu_ns;
  ddla_process_state process = ddla_process_look(view->process, 0);
  view->system = (ddla_process_state){0};
  view->processor = -1;
  if (process.state == 0 || process.started != atomic_load(&head->process_started)) return;
  ddla_process_state thread = ddla_process_look(view->process, view->thread);
  view->system = process.state == 'Z' || view->thread == 0 ? process : thread;
  if (seconds > 0 && before_ns <= view->system.cpu_ns)
    view->processor = (double)(view->system.cpu_ns - before_ns) * 1e-9 / seconds;
}

static void look_at_launcher(ddla_watch_view *view, const ddla_watch_scene *scene) {
  const ddla_watch_head *head = scene->watch->agent[view->agent];
  view->launcher = ddla_process_look((pid_t)atomic_load(&head->launcher), 0);
  if (view->launcher.started != atomic_load(&head->launcher_started))
    view->launcher = (ddla_process_state){0};
}

static void look_at_lane(ddla_watch_view *view, const ddla_watch_scene *scene) {
  const ddla_watch *watch = scene->watch;
  const ddla_watch_head *head = watch->agent[view->agent];
  const ddla_watch_lane_head *lane = ddla_watch_lane_at(watch, view->agent, view->lane);
  uint64_t ended = atomic_load(&head->ended);
  view->process = (pid_t)atomic_load(&head->process);
  view->thread = (pid_t)atomic_load(&lane->thread);
  view->ended = (ddla_watch_end)(ended >> 32);
  view->end_number = (int)(uint32_t)ended;
  view->samples = atomic_load_explicit(&lane->samples, memory_order_relaxed);
  find_now(view, watch, lane);
  find_op(view, watch, lane);
}

void ddla_watch_scene_look(ddla_watch_scene *scene, bool system) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  double seconds = scene->looks > 0 ? (double)(now_ns - scene->now_ns) * 1e-9 : 0;
  for (int w = 0; w < scene->workers + scene->loaders; w++) {
    ddla_watch_view *view = &scene->view[w];
    uint64_t count = view->count, op_word = view->op_word;
    look_at_lane(view, scene);
    if (!system) continue;
    view->moved = scene->looks > 0 && (view->count != count || view->op_word != op_word);
    view->usual_ns = ddla_watch_usual_ns(scene->watch, view->agent, view->lane);
    if (view->elsewhere) continue;
    look_at_system(view, scene, seconds);
    look_at_launcher(view, scene);
  }
  scene->now_ns = now_ns;
  if (!system) return;
  scene->looks++;
  scene->load = ddla_process_load_of();
}
