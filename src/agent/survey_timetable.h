/* Which pairs of hosts measure when; of survey.c. Plain values, as they travel; pure functions. */
#ifndef DDLA_AGENT_SURVEY_TIMETABLE_H
#define DDLA_AGENT_SURVEY_TIMETABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/cluster.h"

enum { DDLA_SURVEY_PAIRS_MAX = DDLA_HOSTS_MAX * (DDLA_HOSTS_MAX - 1) / 2 };

typedef struct ddla_survey_meeting {
  uint8_t low, high;
  uint16_t round;
} ddla_survey_meeting;

typedef struct ddla_survey_timetable {
  int32_t count, rounds;
  ddla_survey_meeting at[DDLA_SURVEY_PAIRS_MAX];
} ddla_survey_timetable;

/* Adds the meeting of two hosts. */
void ddla_survey_timetable_add(ddla_survey_timetable *table, int one, int other, int round);

/* Every pair of the hosts once: alone in its round; or in the rounds of a tournament, in which no
 * host is in two pairs of a round, and there are as few rounds as can be. */
void ddla_survey_timetable_make(ddla_survey_timetable *table, int hosts, bool alone);

#endif
