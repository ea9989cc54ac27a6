/* The measurement of one pair of hosts; of survey.c. */
#ifndef DDLA_AGENT_SURVEY_PAIR_H
#define DDLA_AGENT_SURVEY_PAIR_H

#include "transport/transport.h"

enum { DDLA_SURVEY_BUFFER_BYTES = 32 << 20 };

/* One direction: bytes per second, and seconds that a message takes besides, more than its way. */
typedef struct ddla_survey_course {
  double per_s, start_s;
} ddla_survey_course;

/* What a pair found, seen from its lower rank. Plain value. */
typedef struct ddla_survey_pair {
  double latency_s;
  ddla_survey_course forth, back; /* from the lower rank, to it */
  double both_share;              /* of these, when both are used at once */
  double clock_s, clock_error_s;  /* of the higher rank's clock against the lower's */
} ddla_survey_pair;

typedef struct ddla_survey_pair_call {
  ddla_transport *link;
  int peer;
  const ddla_clock *calendar;
  double seconds;        /* of one direction, about */
  unsigned char *buffer; /* [2][DDLA_SURVEY_BUFFER_BYTES] */
} ddla_survey_pair_call;

/* Both ranks of a pair call it. *out is filled on the lower one. Errors: the transport's. */
ddla_status ddla_survey_pair_measure(ddla_survey_pair *out, const ddla_survey_pair_call *call);

/* Waits for requests with short pauses, so that the wait itself is not what is measured. */
ddla_status ddla_survey_land(ddla_transport *link, ddla_request *requests, int count);

#endif
