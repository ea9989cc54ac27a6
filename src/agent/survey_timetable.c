#include "agent/survey_timetable.h"

void ddla_survey_timetable_add(ddla_survey_timetable *table, int one, int other, int round) {
  table->at[table->count++] = (ddla_survey_meeting){.low = (uint8_t)(one < other ? one : other),
                                                    .high = (uint8_t)(one < other ? other : one),
                                                    .round = (uint16_t)round};
  if (round >= table->rounds) table->rounds = round + 1;
}

static void make_alone(ddla_survey_timetable *table, int hosts) {
  for (int low = 0; low < hosts; low++)
    for (int high = low + 1; high < hosts; high++)
      ddla_survey_timetable_add(table, low, high, table->rounds);
}

/* The last place stands still, the others go around it. With an odd number of hosts that place is
 * empty: who meets it rests. */
static void make_rounds(ddla_survey_timetable *table, int hosts) {
  const int places = hosts + hosts % 2;
  for (int round = 0; round < places - 1; round++)
    for (int i = 0; i < places / 2; i++) {
      const int one = i == 0 ? places - 1 : (round + i) % (places - 1);
      const int other = (round + places - 1 - i) % (places - 1);
      if (one < hosts && other < hosts) ddla_survey_timetable_add(table, one, other, round);
    }
}

void ddla_survey_timetable_make(ddla_survey_timetable *table, int hosts, bool alone) {
  *table = (ddla_survey_timetable){0};
  if (alone) make_alone(table, hosts);
  else make_rounds(table, hosts);
}
