/* Which processors each lane of a machine's agents runs on, and the thread that exchanges with
 * other hosts. Planned once as a pure function of what the machine is and what the agents may use;
 * see docs/decisions/0013-binding.md for the rule. Threads: a plan is only read. */
#ifndef DDLA_BASE_BINDING_H
#define DDLA_BASE_BINDING_H

#include "base/topology.h"

/* An agent of this machine. */
typedef struct ddla_binding_seat {
  cpu_set_t allowed; /* processors that its process may use */
  bool exchanges;    /* it has a thread that exchanges with other hosts */
} ddla_binding_seat;

/* What a plan follows from. */
typedef struct ddla_binding_case {
  const char *how;               /* "auto", "none", "cores", "numa", or a list: "0-3,8" */
  const ddla_topology *topology; /* null: not known, and why_unknown says why */
  const char *why_unknown;
  const ddla_binding_seat *seat; /* [seats] */
  int seats, lanes;              /* agents of the machine; lanes of each */
  double quota;                  /* processors' worth of time that is granted; 0: no limit */
  int others;                    /* threads of other programs that compute now */
} ddla_binding_case;

enum { DDLA_BINDING_TEXT_BYTES = 256 };

typedef struct ddla_binding {
  bool bound;                          /* else everybody has the processors it is allowed */
  char words[DDLA_BINDING_TEXT_BYTES]; /* what is done, or why nothing is; for people */
  int seats, lanes;
  cpu_set_t *lane;     /* [seats * lanes] */
  cpu_set_t *exchange; /* [seats] */
} ddla_binding;

/* The caller destroys *out. Errors: INVALID for a list that is none, has fewer processors than
 * there are lanes, or one that an agent may not use; NO_MEMORY. */
ddla_status ddla_binding_plan(ddla_binding **out, const ddla_binding_case *what);
void ddla_binding_destroy(ddla_binding *binding);

/* Whether words are a list of processors: "3", "0-3,8". They are added to *out. */
bool ddla_binding_list(cpu_set_t *out, const char *words);

/* "0-3,8" into text; returns text. What does not fit ends with "...". */
const char *ddla_binding_text(char *text, size_t bytes, const cpu_set_t *set);

/* The calling thread runs on these processors from now on, and so do threads that it starts. One
 * that the system refuses stays where it is: that costs time only. */
void ddla_binding_enter(const cpu_set_t *set);

#endif
