/* The table of all lanes that the hang screen and `ddla why` print. */
#include <inttypes.h>
#include <math.h>

#include "watch/diagnosis.h"

static void state_text(char *text, size_t bytes, const ddla_watch_scene *scene, int worker) {
  const ddla_watch_view *view = &scene->view[worker];
  ddla_verdict verdict = view->worker < 0 ? DDLA_VERDICT_WAITS : ddla_watch_judge(scene, worker);
  char state = view->system.state;
  if (verdict == DDLA_VERDICT_GONE || verdict == DDLA_VERDICT_DEAD ||
      verdict == DDLA_VERDICT_STOPPED || verdict == DDLA_VERDICT_ENDED)
    snprintf(text, bytes, "%s", ddla_verdict_word(verdict));
  else if (view->missing) snprintf(text, bytes, "-");
  else if (view->elsewhere)
    snprintf(text, bytes, "on %.24s", scene->watch->agent[view->agent]->host);
  else if (state == 'R' || view->processor > 0.02)
    snprintf(text, bytes, "%.0f %%", 100 * fmin(fmax(view->processor, 0), 1));
  else snprintf(text, bytes, "%s", state == 'D' ? "waits for disk" : "asleep");
}

static void print_lane(FILE *file, const ddla_watch_scene *scene, int worker) {
  const ddla_watch_view *view = &scene->view[worker];
  char doing[160], state[32], since[32] = "-", lane[12] = "load";
  int64_t since_ns = ddla_watch_since_ns(view);
  ddla_watch_doing(doing, sizeof doing, view, scene->watch->lanes);
  state_text(state, sizeof state, scene, worker);
  if (since_ns > 0 && scene->now_ns >= since_ns)
    snprintf(since, sizeof since, "%.1f s", (double)(scene->now_ns - since_ns) * 1e-9);
  if (view->worker >= 0) snprintf(lane, sizeof lane, "%d", view->lane);
  fprintf(file, "  %5d %4s %8d  %8" PRIu64 "  %-44s %8s  %s\n", view->agent, lane,
          (int)view->process, view->now.step, doing, since, state);
}

void ddla_watch_print_table(FILE *file, const ddla_watch_scene *scene) {
  fprintf(file, "  agent lane  process      step  %-44s %8s  %s\n", "what it does", "since",
          "processor");
  for (int w = 0; w < scene->workers; w++) print_lane(file, scene, w);
  for (int a = 0; a < scene->loaders; a++) /* not those that never began */
    if (scene->view[scene->workers + a].count > 0) print_lane(file, scene, scene->workers + a);
  fprintf(file, "  load %.2f, %d threads ready, on %d processor%s\n", scene->load.minute,
          scene->load.ready, scene->processors, scene->processors == 1 ? "" : "s");
}
