/* ddla top: a live view of a run in the terminal. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/command.h"
#include "cli/words.h"
#include "watch/diagnosis.h"

enum { EVERY_MS = 1000, ONCE_MS = 500 };

/* What a lane had done at the look before. */
typedef struct lane_before {
  int64_t samples, phase_ns[DDLA_WATCH_PHASES_MAX];
} lane_before;

typedef struct top_view {
  ddla_watch_scene *scene;
  lane_before *before; /* [workers] */
  uint64_t step;
  int64_t looked_ns;
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

static void look(top_view *top, bool first) {
  if (!first) {
    for (int w = 0; w < top->scene->workers; w++) {
      lane_before *before = &top->before[w];
      before->samples = top->scene->view[w].samples;
      for (int p = 0; p < DDLA_WATCH_PHASES_MAX; p++)
        before->phase_ns[p] = phase_ns(top->scene, &top->scene->view[w], (ddla_phase)p);
    }
    top->step = atomic_load(&top->scene->watch->agent[0]->step);
  }
  ddla_watch_scene_look(top->scene, true);
  top->looked_ns = top->scene->now_ns;
}

static double real_of(uint64_t bits) {
  double value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void print_head(const top_view *top, const char *directory, double seconds) {
  const ddla_watch_head *head = top->scene->watch->agent[0];
  uint64_t step = atomic_load(&head->step);
  int64_t per_epoch = head->batches_per_epoch > 0 ? head->batches_per_epoch : 1;
  double speed = seconds > 0 ? (double)(step - top->step) / seconds : 0;
  printf("%s  step %" PRIu64 "/%" PRId64 "  epoch %" PRIu64 "  loss %.4f  learning rate %.3g\n",
         directory, step, head->total_steps, (step > 0 ? step - 1 : 0) / (uint64_t)per_epoch + 1,
         real_of(atomic_load(&head->loss_bits)), real_of(atomic_load(&head->rate_bits)));
  printf("%.1f steps/s, %.0f samples/s; load %.2f on %d processors\n\n", speed,
         speed * (double)head->batch, top->scene->load.minute, top->scene->processors);
  printf("agent lane  samples/s  compute   data   wait update  other   memory  processor  now\n");
}

static void print_lane(const top_view *top, int worker, double seconds) {
  static const ddla_phase shown[] = {DDLA_PHASE_COMPUTE, DDLA_PHASE_DATA, DDLA_PHASE_WAIT,
                                     DDLA_PHASE_UPDATE};
  const ddla_watch_view *view = &top->scene->view[worker];
  const lane_before *before = &top->before[worker];
  char doing[160];
  double other = 100;
  printf("%5d %4d %10.0f ", view->agent, view->lane,
         seconds > 0 ? (double)(view->samples - before->samples) / seconds : 0);
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
    int64_t spent = phase_ns(top->scene, view, shown[i]) - before->phase_ns[shown[i]];
    double share = seconds > 0 ? 1e-7 * (double)spent / seconds : 0;
    if (share > 100) share = 100;
    if (share < 0) share = 0;
    other -= share;
    printf(i == 0 ? " %6.0f %%" : " %4.0f %%", share);
  }
  printf(" %4.0f %% %6.1f MiB", other > 0 ? other : 0,
         (double)ddla_process_memory(view->process) / 1048576);
  if (view->processor >= 0) printf("     %4.0f %%", 100 * view->processor);
  else printf("          -");
  ddla_verdict verdict = ddla_watch_judge(top->scene, worker);
  ddla_watch_doing(doing, sizeof doing, view, top->scene->watch->lanes);
  printf("  %s%s%s\n", verdict >= DDLA_VERDICT_STOPPED ? ddla_verdict_word(verdict) : "",
         verdict >= DDLA_VERDICT_STOPPED ? ": " : "", doing);
}

static bool is_over(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++)
    if (scene->view[w].ended == DDLA_WATCH_RUNS && scene->view[w].system.state != 0) return false;
  return true;
}

static void print(const top_view *top, const char *directory, double seconds) {
  print_head(top, directory, seconds);
  for (int w = 0; w < top->scene->workers; w++) print_lane(top, w, seconds);
  if (is_over(top->scene))
    printf("\nthe run is over; `ddla why %s` says how it ended\n", directory);
  fflush(stdout);
}

static void show(top_view *top, const char *directory, bool once) {
  look(top, true);
  for (;;) {
    bool over = is_over(top->scene);
    int64_t before_ns = top->looked_ns;
    if (!over) pause_ms(once ? ONCE_MS : EVERY_MS);
    look(top, false);
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
  DDLA_TRY_CLEAN(status, DDLA_NEW(top.before, top.scene->workers));
  show(&top, words.other[0], once || !isatty(STDOUT_FILENO));
cleanup:
  ddla_watch_scene_destroy(top.scene);
  ddla_watch_destroy(watch);
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
