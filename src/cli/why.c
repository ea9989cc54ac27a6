/* ddla why: what the agents of a run are at, who holds it up, and why; also after its death. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/words.h"
#include "watch/diagnosis.h"

enum { LOOK_MS = 400, LONG_LOOK_MS = 1600, LAST_EVENTS = 6 };

static void pause_ms(int ms) {
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&pause, NULL);
}

/* How many agents have ended in this way. */
static int count_ends(const ddla_watch_scene *scene, ddla_watch_end how) {
  int count = 0;
  for (int w = 0; w < scene->workers; w += scene->watch->lanes)
    count += scene->view[w].ended == how;
  return count;
}

static int64_t newest_event_ns(const ddla_watch_scene *scene) {
  int64_t newest = 0;
  for (int w = 0; w < scene->workers; w++)
    if (scene->view[w].now.time_ns > newest) newest = scene->view[w].now.time_ns;
  return newest;
}

/* The last events of a lane, the oldest first. */
static void print_events(const ddla_watch_scene *scene, int worker, int64_t end_ns) {
  const ddla_watch_view *view = &scene->view[worker];
  if (view->missing) return;
  uint64_t first = view->count > LAST_EVENTS ? view->count - LAST_EVENTS + 1 : 1;
  printf("  agent %d lane %d, seconds before the last event of the run:\n", view->agent,
         view->lane);
  for (uint64_t n = first; n <= view->count; n++) {
    ddla_watch_view at = *view;
    char doing[160];
    if (!ddla_watch_read(&at.now, scene->watch, view->agent, view->lane, n)) continue;
    if (n < view->count) at.op[0] = '\0';
    ddla_watch_doing(doing, sizeof doing, &at, scene->watch->lanes);
    printf("    %10.3f  step %" PRIu64 "  %s\n", (double)(end_ns - at.now.time_ns) * 1e-9,
           at.now.step, doing);
  }
}

static void print_alive(const ddla_watch_scene *scene) {
  char cause[512];
  int worker = -1;
  ddla_verdict verdict = ddla_watch_blame(&worker, scene);
  bool fine = verdict <= DDLA_VERDICT_COMPUTES && ddla_watch_any_moved(scene);
  const char *words = ddla_watch_cause(cause, sizeof cause, scene, worker, verdict);
  if (fine) printf("the run goes on\n\n");
  else printf("%s\n\n", words);
  ddla_watch_print_table(stdout, scene);
}

static void print_dead(const ddla_watch_scene *scene) {
  char cause[512];
  int worker = -1;
  int64_t end_ns = newest_event_ns(scene);
  ddla_verdict verdict = ddla_watch_blame(&worker, scene);
  double ago = (double)(scene->now_ns - end_ns) * 1e-9;
  printf("the run is dead: %s\n", ddla_watch_cause(cause, sizeof cause, scene, worker, verdict));
  if (scene->here) printf("its last event was %.1f s ago\n", ago);
  putchar('\n');
  ddla_watch_print_table(stdout, scene);
  putchar('\n');
  for (int w = 0; w < scene->workers; w++) print_events(scene, w, end_ns);
}

/* Returns how many agents have no file here. */
static int print_missing(const ddla_watch_scene *scene, const char *directory) {
  int missing = 0;
  for (int w = 0; w < scene->workers; w += scene->watch->lanes) {
    if (!scene->view[w].missing) continue;
    missing++;
    printf("agent %d on another host records elsewhere: there is no %s/agents/%d.events here\n",
           scene->view[w].agent, directory, scene->view[w].agent);
  }
  return missing;
}

static void print(const ddla_watch_scene *scene, const char *directory) {
  const ddla_watch_head *head = scene->watch->agent[0];
  int agents = scene->watch->agents;
  printf("%s: %d agent%s with %d lane%s, step %" PRIu64 " of %" PRId64 "\n", directory, agents,
         agents == 1 ? "" : "s", scene->watch->lanes, scene->watch->lanes == 1 ? "" : "s",
         (uint64_t)atomic_load(&head->step), head->total_steps);
  int missing = print_missing(scene, directory);
  if (count_ends(scene, DDLA_WATCH_DONE) == agents - missing) {
    bool whole = (int64_t)atomic_load(&head->step) >= head->total_steps;
    printf("the run is finished%s\n", whole ? "" : ", before its last step: it was stopped");
  } else if (!scene->here) {
    printf("the run belongs to another machine (%.64s), or to a time before this one started\n\n",
           head->host);
    for (int w = 0; w < scene->workers; w++) print_events(scene, w, newest_event_ns(scene));
  } else if (ddla_watch_any_alive(scene)) {
    print_alive(scene);
  } else {
    print_dead(scene);
  }
}

/* Where processors are scarce, a lane that loops may get none for a while: a longer look tells. */
static void look_again(ddla_watch_scene *scene) {
  int worker = -1;
  pause_ms(LOOK_MS);
  ddla_watch_scene_look(scene, true);
  if (ddla_watch_blame(&worker, scene) != DDLA_VERDICT_LOADED) return;
  pause_ms(LONG_LOOK_MS);
  ddla_watch_scene_look(scene, true);
}

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  ddla_words words = {0};
  ddla_watch *watch = NULL;
  ddla_watch_scene *scene = NULL;
  (void)start_ns;
  DDLA_TRY(ddla_words_read(&words, argc, argv, NULL, 0));
  if (words.other_count != 1 || words.set_count > 0)
    return DDLA_FAIL(INVALID, "ddla why takes one run directory; `ddla why --help` says more");
  DDLA_TRY(ddla_watch_open(&watch, words.other[0]));
  ddla_status status = ddla_watch_scene_create(&scene, watch);
  if (status == DDLA_OK) {
    ddla_watch_scene_look(scene, true);
    if (scene->here && ddla_watch_any_alive(scene)) {
      look_again(scene);
    }
    print(scene, words.other[0]);
  }
  ddla_watch_scene_destroy(scene);
  ddla_watch_destroy(watch);
  return status;
}

const ddla_command ddla_command_why = {
    .name = "why",
    .arguments = "RUN",
    .summary = "says what the agents of a run are at, and why it does not go on",
    .help = "Looks twice, 0.4 s apart (2 s where the machine is loaded), at the events of the run\n"
            "directory and at the agents' processes: a run that goes on, hangs, has died or is "
            "finished. It changes nothing.\n",
    .run = run};
