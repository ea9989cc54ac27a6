/* What a lane is at, and why a run does not go on, in words. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "watch/diagnosis.h"

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
  if (view->missing) {
    snprintf(text, bytes, "records elsewhere");
    return text;
  }
  switch (view->now.phase) {
  case DDLA_PHASE_WAIT: wait_text(text, bytes, view, lanes); break;
  case DDLA_PHASE_DATA: snprintf(text, bytes, "reads data of shard %" PRIu64, low); break;
  case DDLA_PHASE_SUPPLY:
    snprintf(text, bytes, "waits for data of shard %" PRIu64 " from %s", low,
             ddla_tier_words((ddla_tier)(view->now.detail >> 56)));
    break;
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

static void cause_of_death(char *text, size_t bytes, const ddla_watch_view *view, const char *who) {
  int end = view->system.exit_code;
  char how[64] = "";
  const char *launcher = view->launcher.state == 'T' ? ": its launcher is stopped"
                         : view->launcher.state == 0 ? ": it died with its launcher"
                                                     : "";
  if (WIFSIGNALED(end))
    snprintf(how, sizeof how, " of signal %d (%s)", WTERMSIG(end), strsignal(WTERMSIG(end)));
  snprintf(text, bytes, "%s has died%s and is not yet reaped%s", who, how, launcher);
}

static void cause_of_computing(char *text, size_t bytes, const ddla_watch_scene *scene,
                               const ddla_watch_view *view, ddla_verdict verdict, const char *who) {
  char doing[160];
  double seconds = ddla_watch_seconds_since(scene, ddla_watch_since_ns(view));
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
  double seconds = ddla_watch_seconds_since(scene, view->now.time_ns);
  if (view->now.phase == DDLA_PHASE_DATA || view->now.phase == DDLA_PHASE_SUPPLY)
    snprintf(text, bytes, "%s %s for %.1f s%s: data source blocks: %s", who, doing, seconds,
             view->system.state == 'D' ? " and waits for the disk or the network" : "", source);
  else
    snprintf(text, bytes, "%s %s, and waits for the disk or the network for up to %.1f s", who,
             doing, seconds);
}

/* For other machines: of one that waits here, another is to blame. */
static void cause_of_waiting(char *text, size_t bytes, const ddla_watch_scene *scene,
                             const ddla_watch_view *view, const char *who) {
  char doing[160];
  ddla_watch_doing(doing, sizeof doing, view, scene->watch->lanes);
  snprintf(text, bytes, "%s %s, for %.1f s: `ddla why` there says more", who, doing,
           ddla_watch_seconds_since(scene, view->now.time_ns));
}

static void cause_of_skipping(char *text, size_t bytes, const ddla_watch_scene *scene,
                              const ddla_watch_view *view, const char *who) {
  char mine[160], theirs[160];
  const ddla_watch_view *other = NULL;
  for (int w = 0; w < scene->workers; w++)
    if (ddla_watch_place(&scene->view[w]) != ddla_watch_place(view)) other = &scene->view[w];
  ddla_watch_doing(mine, sizeof mine, view, scene->watch->lanes);
  if (!other) {
    snprintf(text, bytes,
             "%s %s in step %" PRIu64 ", and never said that its own gradients are there: agent %d "
             "has skipped what the others wait in (a bug of the program)",
             who, mine, view->now.step, view->agent);
    return;
  }
  ddla_watch_doing(theirs, sizeof theirs, other, scene->watch->lanes);
  bool ahead = ddla_watch_place(view) > ddla_watch_place(other);
  snprintf(text, bytes,
           "%s %s in step %" PRIu64 ", while agent %d %s in step %" PRIu64 ": agent %d has %s", who,
           mine, view->now.step, other->agent, theirs, other->now.step, view->agent,
           ahead ? "skipped what the others wait in (a bug of the program)"
                 : "called what the others do not call (a bug of the program)");
}

static void name_lane(char *who, size_t bytes, const ddla_watch_scene *scene,
                      const ddla_watch_view *view) {
  char lane[24] = "";
  const char *host = view->elsewhere ? scene->watch->agent[view->agent]->host : "";
  if (view->worker < 0) snprintf(lane, sizeof lane, " loader");
  else if (scene->watch->lanes > 1) snprintf(lane, sizeof lane, " lane %d", view->lane);
  snprintf(who, bytes, "agent %d (process %d%s%.63s)%s", view->agent, (int)view->process,
           host[0] ? " on " : "", host, lane);
}

const char *ddla_watch_cause(char *text, size_t bytes, const ddla_watch_scene *scene, int worker,
                             ddla_verdict verdict) {
  char who[160];
  if (worker < 0 && verdict == DDLA_VERDICT_MOVES) {
    snprintf(text, bytes, "the run goes on");
    return text;
  }
  if (worker < 0) {
    snprintf(text, bytes, "all wait for each other at the same place (a bug of the program)");
    return text;
  }
  const ddla_watch_view *view = ddla_watch_behind(scene, worker);
  name_lane(who, sizeof who, scene, view);
  switch (verdict) {
  case DDLA_VERDICT_GONE:
  case DDLA_VERDICT_ENDED: cause_of_end(text, bytes, view, who); break;
  case DDLA_VERDICT_DEAD: cause_of_death(text, bytes, view, who); break;
  case DDLA_VERDICT_STOPPED:
    snprintf(text, bytes, "%s is stopped by a signal (SIGSTOP?) or a debugger: kill -CONT %d", who,
             (int)view->process);
    break;
  case DDLA_VERDICT_READS: cause_of_reading(text, bytes, scene, view, who); break;
  case DDLA_VERDICT_SKIPPED: cause_of_skipping(text, bytes, scene, view, who); break;
  case DDLA_VERDICT_AWAY:
  case DDLA_VERDICT_WAITS: cause_of_waiting(text, bytes, scene, view, who); break;
  default: cause_of_computing(text, bytes, scene, view, verdict, who);
  }
  return text;
}
