#include "watch/diagnosis.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

/* A lane that uses more of a processor than this computes. */
static const double busy = 0.5;

static double seconds_since(const ddla_watch_scene *scene, int64_t since_ns) {
  double seconds = (double)(scene->now_ns - since_ns) * 1e-9;
  return since_ns > 0 && seconds > 0 ? seconds : 0;
}

const char *ddla_verdict_word(ddla_verdict verdict) {
  static const char *const words[] = {"waits",    "ended",  "goes on", "ready",
                                      "computes", "sleeps", "reads",   "waits in vain",
                                      "stopped",  "dead",   "gone"};
  return words[verdict];
}

static bool is_crowded(const ddla_watch_scene *scene) {
  return scene->load.ready > scene->processors || scene->load.minute > scene->processors;
}

static ddla_verdict judge_running(const ddla_watch_scene *scene, const ddla_watch_view *view) {
  if (view->moved) return DDLA_VERDICT_MOVES;
  if (view->processor >= 0 && view->processor < busy && is_crowded(scene))
    return DDLA_VERDICT_LOADED;
  return DDLA_VERDICT_COMPUTES;
}

ddla_verdict ddla_watch_judge(const ddla_watch_scene *scene, int worker) {
  const ddla_watch_view *view = &scene->view[worker];
  ddla_phase phase = view->now.phase;
  if (view->ended == DDLA_WATCH_DONE) return DDLA_VERDICT_ENDED;
  if (view->ended == DDLA_WATCH_KILLED || view->ended == DDLA_WATCH_LEFT) return DDLA_VERDICT_GONE;
  if (view->ended == DDLA_WATCH_FAILED) return DDLA_VERDICT_ENDED;
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
  if (phase == DDLA_PHASE_WAIT) return DDLA_VERDICT_WAITS;
  if (view->system.state == 'R' || view->processor >= busy) return judge_running(scene, view);
  if (view->moved) return DDLA_VERDICT_MOVES;
  return phase == DDLA_PHASE_DATA ? DDLA_VERDICT_READS : DDLA_VERDICT_SLEEPS;
}

bool ddla_watch_any_moved(const ddla_watch_scene *scene) {
  for (int w = 0; w < scene->workers; w++)
    if (scene->view[w].moved) return true;
  return false;
}

/* How far a waiting lane is: its step, and within it the words in the order of the strategy. */
static uint64_t place_of(const ddla_watch_view *view) {
  return view->now.step << 8 | view->now.detail >> 56;
}

/* All wait: those who are elsewhere than most have left out, or done more, than the others; where
 * as many are ahead as behind, those ahead have left something out. */
static int find_skipper(const ddla_watch_scene *scene) {
  int most = -1, first = -1, most_votes = 0;
  for (int w = 0; w < scene->workers; w++) {
    int votes = 0;
    for (int v = 0; v < scene->workers; v++)
      votes += place_of(&scene->view[v]) == place_of(&scene->view[w]);
    bool behind = most >= 0 && place_of(&scene->view[w]) < place_of(&scene->view[most]);
    if (votes > most_votes || (votes == most_votes && behind)) {
      most = w;
      most_votes = votes;
    }
  }
  for (int w = 0; w < scene->workers && first < 0; w++)
    if (place_of(&scene->view[w]) != place_of(&scene->view[most])) first = w;
  return first;
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
    best = find_skipper(scene);
    worst = best >= 0 ? DDLA_VERDICT_SKIPPED : DDLA_VERDICT_WAITS;
  }
  *out = best;
  return worst;
}

static const char *wait_words(uint64_t word) {
  static const char *const words[] = {
#define WORDS(name, number, text) [number] = text,
      DDLA_WAIT_LIST(WORDS)
#undef WORDS
  };
  return word < sizeof words / sizeof words[0] && words[word] ? words[word] : "a word";
}

static void wait_text(char *text, size_t bytes, const ddla_watch_view *view, int lanes) {
  uint64_t detail = view->now.detail;
  int worker = (int)(detail >> 40 & 0xffff);
  int used = snprintf(text, bytes, "waits for %s", wait_words(detail >> 56));
  if (worker == DDLA_WATCH_ALL || used < 0 || (size_t)used >= bytes) return;
  if (lanes == 1) snprintf(text + used, bytes - (size_t)used, " of agent %d", worker / lanes);
  else
    snprintf(text + used, bytes - (size_t)used, " of agent %d lane %d", worker / lanes,
             worker % lanes);
}

const char *ddla_watch_doing(char *text, size_t bytes, const ddla_watch_view *view, int lanes) {
  uint64_t low = view->now.detail & 0xffffffff;
  const char *colon = view->op[0] ? ": " : "";
  switch (view->now.phase) {
  case DDLA_PHASE_WAIT: wait_text(text, bytes, view, lanes); break;
  case DDLA_PHASE_DATA: snprintf(text, bytes, "reads data of shard %" PRIu64, low); break;
  case DDLA_PHASE_COMPUTE:
    snprintf(text, bytes, "computes shard %" PRIu64 "%s%s", low, colon, view->op);
    break;
  case DDLA_PHASE_EVALUATE:
    snprintf(text, bytes, "evaluates batch %" PRIu64 "%s%s", low, colon, view->op);
    break;
  case DDLA_PHASE_UPDATE:
    snprintf(text, bytes, "sums and updates blocks %" PRIu64 " to %" PRIu64, low,
             view->now.detail >> 32);
    break;
  case DDLA_PHASE_COMMITTED:
    snprintf(text, bytes, "between steps, after step %" PRIu64, view->now.detail);
    break;
  case DDLA_PHASE_COMPILE: snprintf(text, bytes, "compiles for %" PRIu64 " samples", low); break;
  default: snprintf(text, bytes, "%s", ddla_watch_phase_text(view->now.phase));
  }
  return text;
}

static void cause_of_end(char *text, size_t bytes, const ddla_watch_view *view, const char *who) {
  if (view->ended == DDLA_WATCH_KILLED)
    snprintf(text, bytes, "%s was killed by signal %d (%s)", who, view->end_number,
             strsignal(view->end_number));
  else if (view->ended == DDLA_WATCH_LEFT)
    snprintf(text, bytes, "%s left with status %d before its work was done", who, view->end_number);
  else if (view->ended == DDLA_WATCH_FAILED)
    snprintf(text, bytes, "%s has failed with status %d", who, view->end_number);
  else if (view->ended == DDLA_WATCH_DONE) snprintf(text, bytes, "%s is done", who);
  else
    snprintf(text, bytes, "%s is gone, and nobody noted how it ended: it died with its launcher",
             who);
}

static void cause_of_death(char *text, size_t bytes, const ddla_watch_scene *scene,
                           const ddla_watch_view *view, const char *who) {
  int end = view->system.exit_code;
  char how[64] = "";
  const char *launcher = scene->launcher.state == 'T' ? ": its launcher is stopped"
                         : scene->launcher.state == 0 ? ": it died with its launcher"
                                                      : "";
  if (WIFSIGNALED(end))
    snprintf(how, sizeof how, " of signal %d (%s)", WTERMSIG(end), strsignal(WTERMSIG(end)));
  snprintf(text, bytes, "%s has died%s and is not yet reaped%s", who, how, launcher);
}

static void cause_of_computing(char *text, size_t bytes, const ddla_watch_scene *scene,
                               const ddla_watch_view *view, ddla_verdict verdict, const char *who) {
  char doing[160];
  double seconds = seconds_since(scene, view->op[0] ? view->op_since_ns : view->now.time_ns);
  ddla_watch_doing(doing, sizeof doing, view, scene->watch->lanes);
  if (verdict == DDLA_VERDICT_MOVES)
    snprintf(text, bytes, "%s goes on and is only slow: it %s", who, doing);
  else if (verdict == DDLA_VERDICT_LOADED)
    snprintf(text, bytes,
             "%s is computing, machine is loaded: load %.1f on %d processors gives it %.0f %% of "
             "one; it %s",
             who, fmax(scene->load.minute, scene->load.ready), scene->processors,
             100 * view->processor, doing);
  else if (verdict == DDLA_VERDICT_SLEEPS)
    snprintf(text, bytes, "%s %s for %.1f s, but sleeps: something in it blocks", who, doing,
             seconds);
  else
    snprintf(text, bytes, "%s %s for %.1f s: endless loop or a very slow machine", who, doing,
             seconds);
}

static void cause_of_reading(char *text, size_t bytes, const ddla_watch_scene *scene,
                             const ddla_watch_view *view, const char *who) {
  const char *source = scene->watch->agent[view->agent]->source;
  char doing[160];
  ddla_watch_doing(doing, sizeof doing, view, scene->watch->lanes);
  double seconds = seconds_since(scene, view->now.time_ns);
  if (view->now.phase == DDLA_PHASE_DATA)
    snprintf(text, bytes, "%s %s for %.1f s: data source blocks: %s", who, doing, seconds, source);
  else
    snprintf(text, bytes, "%s %s, and waits for the disk or the network for up to %.1f s", who,
             doing, seconds);
}

static void cause_of_skipping(char *text, size_t bytes, const ddla_watch_scene *scene,
                              const ddla_watch_view *view, const char *who) {
  char mine[160], theirs[160];
  const ddla_watch_view *other = NULL;
  for (int w = 0; w < scene->workers; w++)
    if (place_of(&scene->view[w]) != place_of(view)) other = &scene->view[w];
  ddla_watch_doing(mine, sizeof mine, view, scene->watch->lanes);
  ddla_watch_doing(theirs, sizeof theirs, other ? other : view, scene->watch->lanes);
  bool ahead = other && place_of(view) > place_of(other);
  snprintf(text, bytes,
           "%s %s in step %" PRIu64 ", while agent %d %s in step %" PRIu64 ": agent %d has %s", who,
           mine, view->now.step, other ? other->agent : -1, theirs, other ? other->now.step : 0,
           view->agent,
           ahead ? "skipped what the others wait in (a bug of the program)"
                 : "called what the others do not call (a bug of the program)");
}

const char *ddla_watch_cause(char *text, size_t bytes, const ddla_watch_scene *scene, int worker,
                             ddla_verdict verdict) {
  char who[96];
  if (worker < 0 && verdict == DDLA_VERDICT_MOVES) {
    snprintf(text, bytes, "the run goes on");
    return text;
  }
  if (worker < 0) {
    snprintf(text, bytes, "all wait for each other at the same place (a bug of the program)");
    return text;
  }
  const ddla_watch_view *view = &scene->view[worker];
  if (scene->watch->lanes == 1)
    snprintf(who, sizeof who, "agent %d (process %d)", view->agent, (int)view->process);
  else
    snprintf(who, sizeof who, "agent %d (process %d) lane %d", view->agent, (int)view->process,
             view->lane);
  switch (verdict) {
  case DDLA_VERDICT_GONE:
  case DDLA_VERDICT_ENDED: cause_of_end(text, bytes, view, who); break;
  case DDLA_VERDICT_DEAD: cause_of_death(text, bytes, scene, view, who); break;
  case DDLA_VERDICT_STOPPED:
    snprintf(text, bytes, "%s is stopped by a signal (SIGSTOP?) or a debugger: kill -CONT %d", who,
             (int)view->process);
    break;
  case DDLA_VERDICT_READS: cause_of_reading(text, bytes, scene, view, who); break;
  case DDLA_VERDICT_SKIPPED: cause_of_skipping(text, bytes, scene, view, who); break;
  case DDLA_VERDICT_WAITS: ddla_watch_doing(text, bytes, view, scene->watch->lanes); break;
  default: cause_of_computing(text, bytes, scene, view, verdict, who);
  }
  return text;
}
