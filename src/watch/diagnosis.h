/* Why a run does not go on: who is late, and the likely cause in words. Threads: pure functions. */
#ifndef DDLA_WATCH_DIAGNOSIS_H
#define DDLA_WATCH_DIAGNOSIS_H

#include <stdio.h>

#include "watch/reader.h"

/* What a lane is found to be, the worst last. */
typedef enum ddla_verdict {
  DDLA_VERDICT_WAITS,    /* for somebody else */
  DDLA_VERDICT_ENDED,    /* its agent is done */
  DDLA_VERDICT_MOVES,    /* goes on from op to op: only slow */
  DDLA_VERDICT_AWAY,     /* does not get on, on another machine: nothing more is known */
  DDLA_VERDICT_LOADED,   /* is ready to run, but gets too little of a processor */
  DDLA_VERDICT_COMPUTES, /* uses a processor without getting on */
  DDLA_VERDICT_SLEEPS,   /* sleeps where it should compute */
  DDLA_VERDICT_READS,    /* for data, or for the disk */
  DDLA_VERDICT_SKIPPED,  /* waits for what the others do not do */
  DDLA_VERDICT_STOPPED,  /* by a signal */
  DDLA_VERDICT_DEAD,     /* and not yet reaped */
  DDLA_VERDICT_GONE      /* there is no such process any more */
} ddla_verdict;

/* "stopped", the word of a verdict for tables. */
const char *ddla_verdict_word(ddla_verdict verdict);

/* A lane's verdict by itself; SKIPPED comes only from ddla_watch_blame. */
ddla_verdict ddla_watch_judge(const ddla_watch_scene *scene, int worker);

/* A lane's own view, or where it waits for its agent's loader, the loader's. */
const ddla_watch_view *ddla_watch_behind(const ddla_watch_scene *scene, int worker);

/* The lane that holds up the run, and why. Worker in *out; -1: nobody is to blame. */
ddla_verdict ddla_watch_blame(int *out, const ddla_watch_scene *scene);

/* Whether any agent still runs. A zombie counts as long as its launcher may still reap it. */
bool ddla_watch_any_alive(const ddla_watch_scene *scene);

/* Whether any lane got on between the last two looks. */
bool ddla_watch_any_moved(const ddla_watch_scene *scene);

/* Since when a lane has been in its op, or where there is none, in its phase. */
int64_t ddla_watch_since_ns(const ddla_watch_view *view);

/* From then to the look; 0 where the time is not known. */
double ddla_watch_seconds_since(const ddla_watch_scene *scene, int64_t since_ns);

/* How far a waiting lane is: its step, and within it the words in the order of the strategy. */
uint64_t ddla_watch_place(const ddla_watch_view *view);

/* "agent 2 (process 123) is stopped by a signal: kill -CONT 123". Returns text. */
const char *ddla_watch_cause(char *text, size_t bytes, const ddla_watch_scene *scene, int worker,
                             ddla_verdict verdict);

/* "computes shard 5: conv2d forward", "waits for gradients of agent 2". Returns text. */
const char *ddla_watch_doing(char *text, size_t bytes, const ddla_watch_view *view, int lanes);

/* One table row for each lane, and the machine's load. */
void ddla_watch_print_table(FILE *file, const ddla_watch_scene *scene);

#endif
