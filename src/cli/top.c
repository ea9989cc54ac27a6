/* ddla top: a live view of a run in the terminal. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/words.h"
#include "watch/diagnosis.h"

enum { EVERY_MS = 1000, ONCE_MS = 500, LINE_BYTES = 512 };

/* What a lane has done so far. */
typedef struct lane_sums {
  int64_t samples, phase_ns[DDLA_WATCH_PHASES_MAX], tier_ns[DDLA_TIERS];
} lane_sums;

typedef struct top_view {
  ddla_watch_scene *scene;
  lane_sums *now, *before; /* [workers] at the newest look and at the one before */
  uint64_t step, step_before;
  ddla_staleness staleness; /* of the run so far */
  int64_t looked_ns;
  int columns, rows; /* of the terminal; 0: there is none */
} top_view;

static void pause_ms(int ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&pause, NULL);
}

/* Time in a phase, that of the one under way included. */
static int64_t phase_ns(const ddla_watch_scene *scene, const ddla_watch_view *view,
                        ddla_phase phase) {
  const ddla_watch_lane_head *lane = ddla_watch_lane_at(scene->watch, view->agent, view->lane);
  int64_t spent = atomic_load_explicit(&lane->phase_ns[phase], memory_order_relaxed);
  if (view->now.phase == phase && scene->now_ns > view->now.time_ns)
    spent += scene->now_ns - view->now.time_ns;
  return spent;
}

/* The same of waiting for data of a tier. */
static int64_t tier_ns(const ddla_watch_scene *scene, const ddla_watch_view *view, ddla_tier tier) {
  const ddla_watch_lane_head *lane = ddla_watch_lane_at(scene->watch, view->agent, view->lane);
  int64_t spent = atomic_load_explicit(&lane->tier_ns[tier], memory_order_relaxed);
  if (view->now.phase == DDLA_PHASE_SUPPLY && view->now.detail >> 56 == (uint64_t)tier &&
      scene->now_ns > view->now.time_ns)
    spent += scene->now_ns - view->now.time_ns;
  return spent;
}

/* What is compared must be of the moment of a look: the run goes on between two. */
static void look(top_view *top) {
  lane_sums *before = top->now;
  top->now = top->before;
  top->before = before;
  top->step_before = top->step;
  ddla_watch_scene_look(top->scene, true);
  top->looked_ns = top->scene->now_ns;
  top->step = atomic_load(&top->scene->watch->agent[0]->step);
  top->staleness = ddla_watch_staleness_of(top->scene->watch);
  for (int w = 0; w < top->scene->workers; w++) {
    top->now[w].samples = top->scene->view[w].samples;
    for (int p = 0; p < DDLA_WATCH_PHASES_MAX; p++)
      top->now[w].phase_ns[p] = phase_ns(top->scene, &top->scene->view[w], (ddla_phase)p);
    for (int t = 0; t < DDLA_TIERS; t++)
      top->now[w].tier_ns[t] = tier_ns(top->scene, &top->scene->view[w], (ddla_tier)t);
  }
}

/* Prints a line, no longer than the terminal is wide: a longer one would take two. */
static void put_line(const top_view *top, const char *line) {
  if (top->columns > 0) printf("%.*s\n", top->columns, line);
  else puts(line);
}

static double real_of(uint64_t bits) {
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void print_head(const top_view *top, const char *directory, double seconds) {
  const ddla_watch_head *head = top->scene->watch->agent[0];
  uint64_t step = top->step;
  char line[LINE_BYTES];
  int64_t per_epoch = head->batches_per_epoch > 0 ? head->batches_per_epoch : 1;
  double speed = seconds > 0 ? (double)(step - top->step_before) / seconds : 0;
  snprintf(line, sizeof line,
           "%s  step %" PRIu64 "/%" PRId64 "  epoch %" PRIu64 "  loss %.4f  learning rate %.3g",
           directory, step, head->total_steps, (step > 0 ? step - 1 : 0) / (uint64_t)per_epoch + 1,
           real_of(atomic_load(&head->loss_bits)), real_of(atomic_load(&head->rate_bits)));
  put_line(top, line);
  snprintf(line, sizeof line, "%.1f steps/s, %.0f samples/s; load %.2f on %d processors", speed,
           speed * (double)head->batch, top->scene->load.minute, top->scene->processors);
  put_line(top, line);
  putchar('\n');
  put_line(top,
           "agent lane  samples/s  compute   data   wait update  other   memory  processor  now");
}

/* Share of the time between the looks in percent. */
static double share_of(const top_view *top, int worker, ddla_phase phase, double seconds) {
  int64_t spent = top->now[worker].phase_ns[phase] - top->before[worker].phase_ns[phase];
  return seconds > 0 ? fmin(fmax(1e-7 * (double)spent / seconds, 0), 100) : 0;
}

static void print_lane(const top_view *top, int worker, double seconds) {
  const ddla_watch_view *view = &top->scene->view[worker];
  const lane_sums *now = &top->now[worker], *before = &top->before[worker];
  char doing[160], processor[16] = "-", line[LINE_BYTES];
  double compute = share_of(top, worker, DDLA_PHASE_COMPUTE, seconds);
  double data = share_of(top, worker, DDLA_PHASE_DATA, seconds) +
                share_of(top, worker, DDLA_PHASE_SUPPLY, seconds);
  double waiting = share_of(top, worker, DDLA_PHASE_WAIT, seconds);
  double update = share_of(top, worker, DDLA_PHASE_UPDATE, seconds);
  double memory = view->elsewhere ? 0 : (double)ddla_process_memory(view->process) / 1048576;
  ddla_verdict verdict = ddla_watch_judge(top->scene, worker);
  bool bad = verdict >= DDLA_VERDICT_STOPPED;
  if (view->processor >= 0) snprintf(processor, sizeof processor, "%.0f %%", 100 * view->processor);
  ddla_watch_doing(doing, sizeof doing, view, top->scene->watch->lanes);
  snprintf(line, sizeof line,
           "%5d %4d %10.0f  %6.0f %% %4.0f %% %4.0f %% %4.0f %% %4.0f %% %6.1f MiB %10s  %s%s%s",
           view->agent, view->lane,
           seconds > 0 ? (double)(now->samples - before->samples) / seconds : 0, compute, data,
           waiting, update, fmax(100 - compute - data - waiting - update, 0), memory, processor,
           bad ? ddla_verdict_word(verdict) : "", bad ? ": " : "", doing);
  put_line(top, line);
}

/* "waited for data: 0.3 % (loader 0.1 %, peer 0.2 %)", of all lanes' time. */
static void print_waits(const top_view *top, double seconds) {
  char line[LINE_BYTES], sources[LINE_BYTES / 2] = "";
  const double all = 1e9 * seconds * top->scene->workers;
  double sum = 0;
  size_t used = 0;
  for (int t = 0; t < DDLA_TIERS && all > 0; t++) {
    int64_t ns = 0;
    for (int w = 0; w < top->scene->workers; w++)
      ns += top->now[w].tier_ns[t] - top->before[w].tier_ns[t];
    sum += 100 * (double)ns / all;
    if (ns > 0)
      used += (size_t)snprintf(sources + used, sizeof sources - used, "%s%s %.1f %%",
                               used ? ", " : " (", ddla_tier_name((ddla_tier)t),
                               100 * (double)ns / all);
  }
  snprintf(line, sizeof line, "waited for data: %.1f %%%s%s", sum, sources, used ? ")" : "");
  put_line(top, line);
}

/* "staleness: mean 1.42, largest 4 (0: 11.9 %, 1: 45.2 %, 3-4: 42.9 %)", of all contributions of
 * the run so far; nothing where the method counts none. */
static void print_staleness(const top_view *top) {
  const ddla_staleness *found = &top->staleness;
  char line[LINE_BYTES], classes[LINE_BYTES / 2] = "";
  size_t used = 0;
  if (found->contributions == 0) return;
  for (int i = 0; i < DDLA_STALENESS_CLASSES; i++)
    if (found->count[i] > 0)
      used += (size_t)snprintf(classes + used, sizeof classes - used, "%s%s: %.1f %%",
                               used ? ", " : "", ddla_staleness_words(i),
                               100 * (double)found->count[i] / (double)found->contributions);
  snprintf(line, sizeof line, "staleness: mean %.2f, largest %" PRId64 " (%s)",
           ddla_staleness_mean(found), found->most, classes);
  put_line(top, line);
}

/* As many lanes as the terminal has rows for. */
static void print_lanes(const top_view *top, double seconds) {
  const int elsewhere = top->staleness.contributions > 0 ? 9 : 8; /* rows of other lines */
  int room = top->rows > elsewhere + 1 ? top->rows - elsewhere : 1;
  int shown = top->rows == 0 || top->scene->workers <= room ? top->scene->workers : room;
  for (int w = 0; w < shown; w++) print_lane(top, w, seconds);
  if (shown < top->scene->workers) printf("… %d lanes more\n", top->scene->workers - shown);
}

static void print(const top_view *top, const char *directory, double seconds) {
  print_head(top, directory, seconds);
  print_lanes(top, seconds);
  print_waits(top, seconds);
  print_staleness(top);
  if (!ddla_watch_any_alive(top->scene))
    printf("\nthe run is over; `ddla why %s` says how it ended\n", directory);
  fflush(stdout);
}

static void measure_terminal(top_view *top) {
  struct winsize size = {0};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return;
  top->columns = size.ws_col;
  top->rows = size.ws_row;
}

static void show(top_view *top, const char *directory, bool once) {
  look(top);
  for (;;) {
    bool over = !ddla_watch_any_alive(top->scene);
    int64_t before_ns = top->looked_ns;
    if (!over) pause_ms(once ? ONCE_MS : EVERY_MS);
    look(top);
    measure_terminal(top);
    if (!once) fputs("\033[H\033[2J", stdout);
    print(top, directory, (double)(top->looked_ns - before_ns) * 1e-9);
    if (once || over) return;
  }
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  bool once = false;
  ddla_watch *watch = NULL;
  top_view top = {0};
  const ddla_words_option options[] = {{"--once", NULL, NULL, &once}};
  ddla_status status = DDLA_OK;
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, options, sizeof options / sizeof options[0]));
  if (words.other_count != 1 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla top takes one run directory; `ddla top --help` says more");
  DDLA_TRY(ddla_watch_open(&watch, words.other[0]));
  DDLA_TRY_CLEAN(status, ddla_watch_scene_create(&top.scene, watch));
  DDLA_TRY_CLEAN(status, DDLA_NEW(top.now, top.scene->workers));
  DDLA_TRY_CLEAN(status, DDLA_NEW(top.before, top.scene->workers));
  show(&top, words.other[0], once || !isatty(STDOUT_FILENO));
cleanup:
  ddla_watch_scene_destroy(top.scene);
  ddla_watch_destroy(watch);
  ddla_free(top.now);
  ddla_free(top.before);
  return status;
}

const ddla_command ddla_command_top = {
    .name = "top",
    .arguments = "RUN [--once]",
    .summary = "shows what each lane of a run is at, live",
    .help =
        "  --once             prints one look at half a second of the run and ends; so does an\n"
        "                     output that is no terminal\n",
    .run = run};
