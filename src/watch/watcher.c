#include "watch/watcher.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { TIMES = 31, PATH_BYTES = 4096, TIMES_LIMIT = 10 };

/* What the run is at, and how long it may be without any progress, in seconds. */
typedef enum run_part { PART_SETUP, PART_FIRST, PART_STEP, PART_EVALUATE, PART_SAVE } run_part;

static const double limits[] = {
    [PART_SETUP] = 60, [PART_FIRST] = 30, [PART_STEP] = 0, [PART_EVALUATE] = 10, [PART_SAVE] = 30};

static const char *const part_words[] = {[PART_SETUP] = "the start",
                                         [PART_FIRST] = "the first step",
                                         [PART_STEP] = "step",
                                         [PART_EVALUATE] = "evaluation",
                                         [PART_SAVE] = "writing files"};

/* Ticking late by so much means that the watcher itself was stopped or got no processor. */
static const int64_t absent_ns = INT64_C(2000000000);

/* Between two looks at the system, so that shares of processors mean something. */
static const int64_t between_ns = INT64_C(1000000000);

struct ddla_watcher {
  const ddla_watch *watch;
  ddla_watcher_options options;
  ddla_watch_scene *glance, *study; /* cheap looks; looks at the system, when something is late */
  int64_t looked_ns, progress_ns, studied_ns;
  run_part part;
  uint64_t progress, step; /* step: committed */
  bool started, late, shown;
  double seconds[TIMES]; /* newest durations of a step */
  double longest_save;   /* seconds */
  int times;
};

static void destroy(ddla_watcher *watcher) {
  ddla_watch_scene_destroy(watcher->glance);
  ddla_watch_scene_destroy(watcher->study);
  ddla_free(watcher);
}

ddla_status ddla_watcher_create(ddla_watcher **out, const ddla_watch *watch,
                                const ddla_watcher_options *options) {
  ddla_watcher *watcher = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(watcher, 1));
  watcher->watch = watch;
  watcher->options = *options;
  DDLA_TRY_CLEAN(status, ddla_watch_scene_create(&watcher->glance, watch));
  DDLA_TRY_CLEAN(status, ddla_watch_scene_create(&watcher->study, watch));
  *out = watcher;
  return DDLA_OK;
cleanup:
  destroy(watcher);
  return status;
}

void ddla_watcher_destroy(ddla_watcher *watcher) {
  if (watcher) destroy(watcher);
}

/* The newest committed step that any lane has seen. */
static uint64_t committed_step(const ddla_watch_scene *scene) {
  uint64_t newest = 0;
  for (int w = 0; w < scene->workers; w++) {
    const ddla_watch_seen *now = &scene->view[w].now;
    uint64_t step = now->phase == DDLA_PHASE_COMMITTED ? now->detail
                    : now->step > 0                    ? now->step - 1
                                                       : 0;
    if (step > newest) newest = step;
  }
  return newest;
}

static bool any_is(const ddla_watch_scene *scene, ddla_phase phase) {
  for (int w = 0; w < scene->workers; w++)
    if (!scene->view[w].missing && scene->view[w].now.phase == phase) return true;
  return false;
}

static run_part part_of(const ddla_watcher *watcher) {
  const ddla_watch_scene *scene = watcher->glance;
  if (any_is(scene, DDLA_PHASE_CHECKPOINT) || any_is(scene, DDLA_PHASE_MODEL)) return PART_SAVE;
  if (any_is(scene, DDLA_PHASE_NONE) || any_is(scene, DDLA_PHASE_START) ||
      any_is(scene, DDLA_PHASE_LOAD))
    return PART_SETUP;
  if (any_is(scene, DDLA_PHASE_EVALUATE)) return PART_EVALUATE;
  if (any_is(scene, DDLA_PHASE_COMPILE)) return PART_FIRST;
  return watcher->times == 0 ? PART_FIRST : PART_STEP;
}

/* A number that changes when the run gets on: steps, or where there are none yet, any event. */
static uint64_t progress_of(const ddla_watcher *watcher) {
  const ddla_watch_scene *scene = watcher->glance;
  if (watcher->part == PART_STEP) return watcher->step;
  uint64_t sum = 0;
  for (int w = 0; w < scene->workers; w++) sum += scene->view[w].count + scene->view[w].op_word;
  return sum;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(const ddla_watcher *watcher) {
  double sorted[TIMES];
  int count = watcher->times < TIMES ? watcher->times : TIMES;
  if (count == 0) return 0;
  memcpy(sorted, watcher->seconds, sizeof sorted);
  qsort(sorted, (size_t)count, sizeof *sorted, compare);
  return sorted[count / 2];
}

/* Files that took long once may take as long again: of a large model on a slow disk that is said
 * once. */
static double limit_of(const ddla_watcher *watcher) {
  double limit = fmax(limits[watcher->part], watcher->options.least_seconds);
  limit = fmax(limit, TIMES_LIMIT * median(watcher));
  return watcher->part == PART_SAVE ? fmax(limit, 2 * watcher->longest_save) : limit;
}

static FILE *open_file(const ddla_watcher *watcher) {
  char path[PATH_BYTES];
  if (!watcher->options.directory) return NULL;
  snprintf(path, sizeof path, "%s/hang.txt", watcher->options.directory);
  return fopen(path, "ae");
}

static void print_hang(FILE *file, const ddla_watcher *watcher, double seconds) {
  const ddla_watch_scene *scene = watcher->study;
  char cause[512], step[32] = "";
  int worker = -1;
  ddla_verdict verdict = ddla_watch_blame(&worker, scene);
  if (watcher->part == PART_STEP) snprintf(step, sizeof step, " %" PRIu64, watcher->step + 1);
  fprintf(file, "ddla: %s%s has taken %.1f s (limit %.1f s", part_words[watcher->part], step,
          seconds, limit_of(watcher));
  if (watcher->times > 0) fprintf(file, ", usual %.3g s", median(watcher));
  fprintf(file, ")\n  %s\n\n", ddla_watch_cause(cause, sizeof cause, scene, worker, verdict));
  ddla_watch_print_table(file, scene);
  fflush(file);
}

static void print_over(FILE *file, const ddla_watcher *watcher, double seconds) {
  fprintf(file, "ddla: goes on after %.1f s, at step %" PRIu64 "\n", seconds, watcher->step + 1);
  fflush(file);
}

static void print_done(FILE *file, const ddla_watcher *watcher, double seconds) {
  (void)watcher;
  fprintf(file, "ddla: goes on after %.1f s, and is done\n", seconds);
  fflush(file);
}

static void show(const ddla_watcher *watcher, double seconds,
                 void (*print)(FILE *, const ddla_watcher *, double)) {
  FILE *file = open_file(watcher);
  if (watcher->options.screen) print(watcher->options.screen, watcher, seconds);
  if (!file) return;
  print(file, watcher, seconds);
  fclose(file);
}

static void note_progress(ddla_watcher *watcher, int64_t now_ns) {
  double seconds = (double)(now_ns - watcher->progress_ns) * 1e-9;
  if (watcher->shown) show(watcher, seconds, print_over);
  watcher->progress_ns = now_ns;
  watcher->late = watcher->shown = false;
}

/* Late: two looks at the system a second apart, then the screen. */
static void study(ddla_watcher *watcher, int64_t now_ns, double seconds) {
  if (!watcher->late) {
    watcher->late = true;
    watcher->study->looks = 0;
    watcher->studied_ns = now_ns;
    ddla_watch_scene_look(watcher->study, true);
  } else if (!watcher->shown && now_ns - watcher->studied_ns >= between_ns) {
    ddla_watch_scene_look(watcher->study, true);
    watcher->shown = true;
    show(watcher, seconds, print_hang);
  }
}

/* Steps since the look before: their mean is one duration. A step that was late is none. */
static void note_steps(ddla_watcher *watcher, uint64_t step, int64_t now_ns) {
  if (step == watcher->step) return;
  double seconds = (double)(now_ns - watcher->progress_ns) * 1e-9;
  bool counts = watcher->part == PART_STEP || watcher->part == PART_FIRST;
  if (counts && !watcher->late && step > watcher->step)
    watcher->seconds[watcher->times++ % TIMES] = seconds / (double)(step - watcher->step);
  watcher->step = step;
}

/* Steps that were made before the first look, or between two: a lane's ring knows how long they
 * took. */
static void learn(ddla_watcher *watcher) {
  const ddla_watch_scene *scene = watcher->glance;
  for (int w = 0; w < scene->workers && watcher->times == 0; w++) {
    const ddla_watch_view *view = &scene->view[w];
    if (view->missing) continue;
    int64_t usual_ns = ddla_watch_usual_ns(watcher->watch, view->agent, view->lane);
    if (usual_ns > 0) watcher->seconds[watcher->times++] = (double)usual_ns * 1e-9;
  }
}

static void start(ddla_watcher *watcher, int64_t now_ns) {
  watcher->started = true;
  watcher->progress_ns = now_ns;
  watcher->step = committed_step(watcher->glance);
}

void ddla_watcher_look(ddla_watcher *watcher) {
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  bool absent = watcher->started && now_ns - watcher->looked_ns > absent_ns;
  if (watcher->started && now_ns - watcher->looked_ns < DDLA_WATCHER_EVERY_MS * INT64_C(500000))
    return;
  ddla_watch_scene_look(watcher->glance, false);
  watcher->looked_ns = now_ns;
  if (!watcher->started) start(watcher, now_ns);
  note_steps(watcher, committed_step(watcher->glance), now_ns);
  if (watcher->times == 0 && watcher->step > 0) learn(watcher);
  run_part part = part_of(watcher);
  bool moved = part != watcher->part;
  if (moved && watcher->part == PART_SAVE)
    watcher->longest_save =
        fmax(watcher->longest_save, (double)(now_ns - watcher->progress_ns) * 1e-9);
  watcher->part = part;
  uint64_t progress = progress_of(watcher);
  if (moved || progress != watcher->progress || absent) note_progress(watcher, now_ns);
  watcher->progress = progress;
  double seconds = (double)(now_ns - watcher->progress_ns) * 1e-9;
  if (seconds > limit_of(watcher)) study(watcher, now_ns, seconds);
}

void ddla_watcher_finish(ddla_watcher *watcher) {
  if (!watcher || !watcher->shown) return;
  int64_t now_ns = ddla_clock_now_ns(ddla_clock_monotonic());
  show(watcher, (double)(now_ns - watcher->progress_ns) * 1e-9, print_done);
  watcher->late = watcher->shown = false;
}
