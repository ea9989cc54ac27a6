/* Reads what a run's lanes do and did, from their own memory or from the files of a run directory,
 * while they write, or after they died. Threads: any; a look belongs to one thread. */
#ifndef DDLA_WATCH_READER_H
#define DDLA_WATCH_READER_H

#include "watch/process.h"
#include "watch/recorder.h"

/* One event. */
typedef struct ddla_watch_seen {
  uint64_t number; /* from 1 */
  int64_t time_ns;
  ddla_phase phase;
  uint64_t step, detail;
} ddla_watch_seen;

/* A lane at a moment. */
typedef struct ddla_watch_view {
  int agent, lane, worker;
  bool missing;   /* its agent has no file here: nothing else is known */
  bool elsewhere; /* its process is another machine's, or of a time before this one's last start */
  pid_t process, thread;
  ddla_watch_end ended;
  int end_number;
  uint64_t count, op_word;      /* events so far; see ddla_watch_lane_head */
  ddla_watch_seen now;          /* phase it is in */
  char op[DDLA_WATCH_OP_BYTES]; /* op it is in, or empty */
  int64_t op_since_ns;
  int64_t samples;
  int64_t usual_ns; /* median time between the steps that its ring still knows; 0: not known */
  ddla_process_state system, launcher;
  double processor; /* share of a processor used since the look before; -1: not known */
  bool moved;       /* has another op or event than in the look before */
} ddla_watch_view;

/* All lanes of a run, and its loaders. Agents are counted from 0, so the watch must hold all. */
typedef struct ddla_watch_scene {
  const ddla_watch *watch;
  ddla_watch_view *view; /* [workers], and behind them those of the loaders [loaders] */
  int workers, loaders;  /* loaders: one for each agent, or 0 */
  int64_t now_ns;        /* of the newest look */
  int looks;
  bool here; /* some of the run's processes are those of this machine since its last start */
  ddla_process_load load;
  int processors;
} ddla_watch_scene;

/* Maps the files of a run directory for reading. An agent of another machine may have none here.
 * Errors: INVALID where there are none or they are of another version, CORRUPT for a damaged one,
 * those of files. */
ddla_status ddla_watch_open(ddla_watch **out, const char *directory);

/* Whether the agent has no file in the directory that was opened. */
bool ddla_watch_is_missing(const ddla_watch *watch, int agent);

/* Event `number` of a lane, its time on this machine's clock; false if it was overwritten or is
 * being written. */
bool ddla_watch_read(ddla_watch_seen *out, const ddla_watch *watch, int agent, int lane,
                     uint64_t number);

/* Borrowed: a lane's part of the file, and the text of an op's name ("" for 0). */
const ddla_watch_lane_head *ddla_watch_lane_at(const ddla_watch *watch, int agent, int lane);
const char *ddla_watch_op_text(const ddla_watch *watch, int agent, int lane, uint64_t name);

/* The staleness that all agents with files here have counted since their method began; all 0: it
 * counts none. */
ddla_staleness ddla_watch_staleness_of(const ddla_watch *watch);

/* Median time, in nanoseconds, of the last steps that the lane's ring knows; 0: it knows none. */
int64_t ddla_watch_usual_ns(const ddla_watch *watch, int agent, int lane);

/* The words of a phase in the list; "unknown" for others. */
const char *ddla_watch_phase_text(ddla_phase phase);

/* watch is borrowed. Errors: NO_MEMORY. */
ddla_status ddla_watch_scene_create(ddla_watch_scene **out, const ddla_watch *watch);
void ddla_watch_scene_destroy(ddla_watch_scene *scene);

/* The view of an agent's loader; null: there are no loaders. */
const ddla_watch_view *ddla_watch_loader_of(const ddla_watch_scene *scene, int agent);

/* Looks at all lanes; with `system`, at their threads too, which reads /proc. Shares of processors
 * and `moved` are those since the look with `system` before. */
void ddla_watch_scene_look(ddla_watch_scene *scene, bool system);

#endif
