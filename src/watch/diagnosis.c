#include "watch/diagnosis.h"

#include <math.h>

/* A lane that uses more of a processor than this computes. */
static const double busy = 0.5;

int64_t ddla_watch_since_ns(const ddla_watch_view *view) {
  return view->op[0] ? view->op_since_ns : view->now.time_ns;
}

double ddla_watch_seconds_since(const ddla_watch_scene *scene, int64_t since_ns) {
  double seconds = (double)(scene->now_ns - since_ns) * 1e-9;
  return since_ns > 0 && seconds > 0 ? seconds : 0;
}

uint64_t ddla_watch_place(const ddla_watch_view *view) {
  return view->now.step << 8 | view->now.detail >> 56;
}

const char *ddla_verdict_word(ddla_verdict verdict) {
  static const char *const words[] = {"waits",         "ended",    "goes on", "elsewhere",
                                      "ready",         "computes", "sleeps",  "reads",
                                      "waits in vain", "stopped",  "dead",    "gone"};
  return words[verdict];
}

static bool is_crowded(const ddla_watch_scene *scene) {
  return scene->load.ready > scene->processors || scene->load.minute > scene->processors;
}

/* Whether the lane has had more of a processor, in what it is at, than a whole step usually takes,
 * waits included: however loaded the machine is, that is not why it does not get on. In a first
 * step nobody knows what is usual. */
static bool had_enough(const ddla_watch_scene *scene, const ddla_watch_view *view) {
  static const double least_seconds = 0.05, first_seconds = 1;
  double had = view->processor * ddla_watch_seconds_since(scene, ddla_watch_since_ns(view));
  double usual = (double)view->usual_ns * 1e-9;
  return had > (usual > 0 ? fmax(usual, least_seconds) : first_seconds);
}

static ddla_verdict judge_running(const ddla_watch_scene *scene, const ddla_watch_view *view) {
  if (view->moved) return DDLA_VERDICT_MOVES;
  if (view->processor >= 0 && view->processor < busy && is_crowded(scene) &&
      !had_enough(scene, view))
    return DDLA_VERDICT_LOADED;
  return DDLA_VERDICT_COMPUTES;
}

/* Of its process nothing can be seen here. */
static ddla_verdict judge_elsewhere(const ddla_watch_view *view) {
  if (view->missing || view->now.phase == DDLA_PHASE_WAIT) return DDLA_VERDICT_WAITS;
  return view->moved ? DDLA_VERDICT_MOVES : DDLA_VERDICT_AWAY;
}

/* The view of whoever a lane is judged by: one that waits for its loader is as late as that is. */
const ddla_watch_view *ddla_watch_behind(const ddla_watch_scene *scene, int worker) {
  const ddla_watch_view *view = &scene->view[worker];
  const ddla_watch_view *loader = ddla_watch_loader_of(scene, view->agent);
  const bool waits = view->now.phase == DDLA_PHASE_SUPPLY &&
                     view->now.detail >> 56 == DDLA_TIER_LOADER && !view->missing;
  return waits && loader ? loader : view;
}

ddla_verdict ddla_watch_judge(const ddla_watch_scene *scene, int worker) {
  const ddla_watch_view *view = ddla_watch_behind(scene, worker);
  ddla_phase phase = view->now.phase;
  if (view->ended == DDLA_WATCH_DONE) return DDLA_VERDICT_ENDED;
  if (view->ended == DDLA_WATCH_KILLED || view->ended == DDLA_WATCH_LEFT) return DDLA_VERDICT_GONE;
  if (view->ended == DDLA_WATCH_FAILED) return DDLA_VERDICT_ENDED;
  if (view->elsewhere) return judge_elsewhere(view);
  if (view->process == 0) return DDLA_VERDICT_SLEEPS;
  switch (view->system.state) {
  case 0: return DDLA_VERDICT_GONE;
  case 'Z':
  case 'X': return DDLA_VERDICT_DEAD;
  case 'T':
  case 't': return DDLA_VERDICT_STOPPED;
  case 'D': return view->moved ? DDLA_VERDICT_MOVES : DDLA_VERDICT_READS;
  default: break;
  }
  if (phase == DDLA_PHASE_WAIT && view->worker >= 0) return DDLA_VERDICT_WAITS;
  if (view->system.state == 'R' || view->processor >= busy) return judge_running(scene, view);
  if (view->moved) return DDLA_VERDICT_MOVES;
  return phase == DDLA_PHASE_DATA || phase == DDLA_PHASE_SUPPLY ? DDLA_VERDICT_READS
                                                                : DDLA_VERDICT_SLEEPS;
}

bool ddla_watch_any_alive(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++) {
    const ddla_watch_view *view = &scene->view[w];
    char state = view->system.state;
    bool there = state == 'Z' ? view->launcher.state != 0 : state != 0;
    if (view->elsewhere) there = view->moved;
    if (there && view->ended == DDLA_WATCH_RUNS) return true;
  }
  return false;
}

bool ddla_watch_any_moved(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++)
    if (scene->view[w].moved) return true;
  return false;
}

/* All wait: those who are elsewhere than most have left out, or done more, than the others; where
 * as many are ahead as behind, those ahead have left something out. */
static int find_skipper(const ddla_watch_scene *scene) {
  int most = -1, first = -1, most_votes = 0;
  for (int w = 0; w < scene->workers; w++) {
    int votes = 0;
    if (scene->view[w].missing) continue;
    for (int v = 0; v < scene->workers; v++)
      votes += ddla_watch_place(&scene->view[v]) == ddla_watch_place(&scene->view[w]);
    bool behind =
        most >= 0 && ddla_watch_place(&scene->view[w]) < ddla_watch_place(&scene->view[most]);
    if (votes > most_votes || (votes == most_votes && behind)) {
      most = w;
      most_votes = votes;
    }
  }
  for (int w = 0; w < scene->workers && first < 0 && most >= 0; w++)
    if (!scene->view[w].missing &&
        ddla_watch_place(&scene->view[w]) != ddla_watch_place(&scene->view[most]))
      first = w;
  return first;
}

/* All wait: one that others wait for, and that is itself in this wait or further on, has not said
 * what it says before it comes there. -1: there is none. */
static int find_withholder(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++) {
    uint64_t detail = scene->view[w].now.detail;
    int awaited = (int)(detail >> 40 & 0xffff);
    if (detail >> 56 != DDLA_WAIT_FINAL || awaited >= scene->workers) continue;
    if (ddla_watch_place(&scene->view[awaited]) >= ddla_watch_place(&scene->view[w]))
      return awaited;
  }
  return -1;
}

/* All wait: one that waits for what other machines have not sent has skipped nothing, and no lane
 * here is to blame. -1: there is none. */
static int find_waiting_for_hosts(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++)
    if (scene->view[w].now.detail >> 56 == DDLA_WAIT_HOSTS) return w;
  return -1;
}

/* Whether a lane that is no better than `best` is to be named instead: the worse, then the longer
 * it has been at it. */
static bool is_worse(const ddla_watch_scene *scene, int worker, ddla_verdict verdict, int best,
                     ddla_verdict best_verdict) {
  if (best < 0 || verdict != best_verdict) return best < 0 || verdict > best_verdict;
  return scene->view[worker].now.time_ns < scene->view[best].now.time_ns;
}

ddla_verdict ddla_watch_blame(int *out, const ddla_watch_scene *scene) {
  int best = -1;
  ddla_verdict worst = DDLA_VERDICT_WAITS;
  bool all_wait = true;
  for (int w = 0; w < scene->workers; w++) {
    ddla_verdict verdict = ddla_watch_judge(scene, w);
    if (verdict == DDLA_VERDICT_WAITS) continue;
    all_wait = false;
    if (is_worse(scene, w, verdict, best, worst)) {
      best = w;
      worst = verdict;
    }
  }
  for (int w = 0; w < scene->workers && all_wait; w++)
    if (scene->view[w].moved) worst = DDLA_VERDICT_MOVES; /* short waits, between looks */
  if (all_wait && worst != DDLA_VERDICT_MOVES) {
    best = find_waiting_for_hosts(scene);
    worst = DDLA_VERDICT_WAITS;
    if (best < 0) {
      best = find_skipper(scene);
      if (best < 0) best = find_withholder(scene);
      if (best >= 0) worst = DDLA_VERDICT_SKIPPED;
    }
  }
  *out = best;
  return worst;
}
