/* What is odd about a cluster, in sentences that its user can act on. Pure functions of a survey.
 */
#ifndef DDLA_AGENT_ADVICE_H
#define DDLA_AGENT_ADVICE_H

#include "agent/survey.h"

enum { DDLA_FINDINGS_MAX = 64 };

typedef struct ddla_finding {
  bool bad; /* training together is refused; else it works, and advice makes it better */
  char what[224], advice[224];
} ddla_finding;

/* Plain value. */
typedef struct ddla_findings {
  int count, more; /* more: that found no place */
  ddla_finding at[DDLA_FINDINGS_MAX];
} ddla_findings;

/* Adds what is odd about the hosts: program, kernels, byte order, instruction set and bits that
 * differ (bad); processors that differ, little memory, few files, work of others, clocks that
 * differ by more than 0.1 s. Most hosts are right, and the first where as many are of another
 * mind. */
void ddla_findings_add_hosts(ddla_findings *findings, const ddla_survey *survey);

/* Adds links that are slow. A host's best link says what its cable can; a host whose best is under
 * half of what most hosts can is slow itself, and a pair that is under half of what both its hosts
 * can is a slow pair. Latencies likewise, by twice. One finding stands for all pairs whose
 * directions take from each other. */
void ddla_findings_add_links(ddla_findings *findings, const ddla_survey *survey);

/* Adds one; words as printf's. */
void ddla_findings_add(ddla_findings *findings, bool bad, const char *advice, const char *format,
                       ...) DDLA_PRINTF(4, 5);

/* Whether any is bad. */
bool ddla_findings_are_bad(const ddla_findings *findings);

#endif
