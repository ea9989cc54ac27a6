#include "agent/survey_pair.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum {
  TAG_PING = 1,
  TAG_PONG,
  TAG_SIZE,
  TAG_READY,
  TAG_DATA,
  TAG_BACK,
  TAG_DONE,
  WARM_PINGS = 4,
  PINGS_LEAST = 20,
  PINGS_MOST = 200,
  REPEATS = 3,
  FIRST_BYTES = 1 << 16,
  GROWTH = 8,
  SMALLER = 2,
  START_WAYS = 18,
  FAR_WAYS = 24,          /* a transfer takes as long as so many ways, at least */
  EYES_OPEN_NS = 1000000, /* without movement, until pauses begin */
  NAP_SHARE = 32,
  NAP_MOST_NS = 200000
};

static const double sure_s = 0.005, /* a transfer of so long tells the rate */
    far_share = 0.02;               /* of a transfer, from where on a way's time counts */

/* All that a small message says. */
typedef struct note {
  uint64_t number; /* of bytes; whether it goes on */
  int64_t time_ns;
  double per_s, start_s;
} note;

static int64_t now_ns(void) { return ddla_clock_now_ns(ddla_clock_monotonic()); }

/* While a message may come at any moment this looks all the time. */
static void pause_after(int64_t still_ns) {
  const int64_t nap_ns = still_ns / NAP_SHARE;
  const struct timespec pause = {.tv_nsec = nap_ns < NAP_MOST_NS ? nap_ns : NAP_MOST_NS};
  if (still_ns < EYES_OPEN_NS) sched_yield();
  else nanosleep(&pause, NULL);
}

ddla_status ddla_survey_land(ddla_transport *link, ddla_request *requests, int count) {
  int64_t moved_ns = now_ns();
  for (int i = 0; i < count;) {
    bool moved = false, done = false;
    DDLA_TRY(ddla_transport_progress(link, &moved));
    DDLA_TRY(ddla_transport_test(link, &requests[i], &done));
    if (done) {
      i++;
      continue;
    }
    const int64_t look_ns = now_ns();
    if (moved) moved_ns = look_ns;
    else pause_after(look_ns - moved_ns);
  }
  return DDLA_OK;
}

static ddla_status send_note(const ddla_survey_pair_call *call, uint64_t tag, note said) {
  ddla_request request;
  DDLA_TRY(ddla_transport_send(call->link, &request, call->peer, tag, &said, sizeof said));
  return ddla_survey_land(call->link, &request, 1);
}

static ddla_status recv_note(note *out, const ddla_survey_pair_call *call, uint64_t tag) {
  ddla_request request;
  DDLA_TRY(ddla_transport_recv(call->link, &request, call->peer, tag, out, sizeof *out));
  return ddla_survey_land(call->link, &request, 1);
}

/* One round trip; the answer has the peer's time. */
static ddla_status ping(note *answer, const ddla_survey_pair_call *call, bool goes_on) {
  ddla_request requests[2];
  const note said = {.number = goes_on};
  DDLA_TRY(
      ddla_transport_recv(call->link, &requests[0], call->peer, TAG_PONG, answer, sizeof *answer));
  DDLA_TRY(ddla_transport_send(call->link, &requests[1], call->peer, TAG_PING, &said, sizeof said));
  return ddla_survey_land(call->link, requests, 2);
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The clock of the shortest round trip is the surest: whatever lay between its two halves, the
 * answer was written somewhere in it (as NTP does it, RFC 5905, section 8). */
static ddla_status lead_pings(ddla_survey_pair *out, const ddla_survey_pair_call *call) {
  double seconds[PINGS_MOST];
  int count = 0;
  const int64_t begun_ns = now_ns();
  for (int i = -WARM_PINGS; i < PINGS_MOST; i++) {
    note answer = {0};
    const bool enough =
        i >= PINGS_LEAST && (double)(now_ns() - begun_ns) * 1e-9 > call->seconds / 3;
    const int64_t date_ns = ddla_clock_now_ns(call->calendar), start_ns = now_ns();
    DDLA_TRY(ping(&answer, call, !enough && i < PINGS_MOST - 1));
    const double trip_s = (double)(now_ns() - start_ns) * 1e-9;
    if (i >= 0) seconds[count++] = trip_s;
    if (i == -WARM_PINGS || trip_s / 2 < out->clock_error_s) {
      out->clock_error_s = trip_s / 2;
      out->clock_s = (double)(answer.time_ns - date_ns) * 1e-9 - trip_s / 2;
    }
    if (enough) break;
  }
  qsort(seconds, (size_t)count, sizeof *seconds, by_size);
  out->latency_s = seconds[count / 10] / 2;
  return DDLA_OK;
}

static ddla_status answer_pings(const ddla_survey_pair_call *call) {
  for (bool goes_on = true; goes_on;) {
    note asked = {0};
    DDLA_TRY(recv_note(&asked, call, TAG_PING));
    goes_on = asked.number != 0;
    DDLA_TRY(send_note(call, TAG_PONG, (note){.time_ns = ddla_clock_now_ns(call->calendar)}));
  }
  return DDLA_OK;
}

/* How bytes are sent. */
typedef struct course {
  double latency_s;
  bool both; /* as many come back at the same time */
} course;

/* Seconds that bytes take: from when the peer is ready to when it has said that all are there, less
 * the way of the first and of that word. */
static ddla_status transfer(double *out, const ddla_survey_pair_call *call, size_t bytes,
                            const course *c) {
  note ready = {0}, done = {0};
  ddla_request requests[3];
  const int count = c->both ? 3 : 2;
  if (c->both)
    DDLA_TRY(ddla_transport_recv(call->link, &requests[2], call->peer, TAG_BACK,
                                 call->buffer + DDLA_SURVEY_BUFFER_BYTES, bytes));
  DDLA_TRY(send_note(call, TAG_SIZE, (note){.number = bytes, .time_ns = c->both}));
  DDLA_TRY(recv_note(&ready, call, TAG_READY));
  const int64_t start_ns = now_ns();
  DDLA_TRY(ddla_transport_recv(call->link, &requests[0], call->peer, TAG_DONE, &done, sizeof done));
  DDLA_TRY(
      ddla_transport_send(call->link, &requests[1], call->peer, TAG_DATA, call->buffer, bytes));
  DDLA_TRY(ddla_survey_land(call->link, requests, count));
  const double all_s = (double)(now_ns() - start_ns) * 1e-9, ways_s = 2 * c->latency_s;
  /* A latency that was measured while somebody else computed may be longer than all of this. */
  *out = ways_s < all_s / 2 ? all_s - ways_s : all_s / 2;
  return DDLA_OK;
}

static size_t bounded(double bytes) {
  return bytes < FIRST_BYTES                ? FIRST_BYTES
         : bytes > DDLA_SURVEY_BUFFER_BYTES ? DDLA_SURVEY_BUFFER_BYTES
                                            : (size_t)bytes;
}

/* The shortest of a few transfers, since other work of the machines only slows. */
static ddla_status least_of(double *out, const ddla_survey_pair_call *call, size_t bytes,
                            const course *c) {
  double seconds = 0;
  for (int i = 0; i < REPEATS; i++) {
    DDLA_TRY(transfer(&seconds, call, bytes, c));
    if (i == 0 || seconds < *out) *out = seconds;
  }
  return DDLA_OK;
}

/* So long a message takes, at least: between far hosts many ways. */
static double shortest_s(const ddla_survey_pair_call *call, double latency_s) {
  const double near_s = call->seconds / REPEATS, far_s = FAR_WAYS * latency_s;
  return near_s > far_s ? near_s : far_s;
}

/* Larger and larger messages, until one tells how many bytes fill the time. */
static ddla_status find_size(size_t *out, const ddla_survey_pair_call *call, const course *c) {
  size_t bytes = FIRST_BYTES;
  double seconds = 0;
  for (;;) {
    DDLA_TRY(transfer(&seconds, call, bytes, c));
    if (seconds >= sure_s + 2 * c->latency_s || bytes == DDLA_SURVEY_BUFFER_BYTES) break;
    bytes = bounded((double)bytes * GROWTH);
  }
  *out = bounded((double)bytes / seconds * shortest_s(call, c->latency_s));
  return DDLA_OK;
}

/* Bytes over time; between far hosts the bytes by which one message is larger than another over the
 * time that it takes longer, since every message waits for some words of MPI and TCP first. What
 * would make of these more than START_WAYS is chance. */
static ddla_status give(ddla_survey_course *out, const ddla_survey_pair_call *call,
                        double latency_s) {
  const course one_way = {.latency_s = latency_s};
  double large_s = 0, small_s = 0;
  size_t large = 0;
  DDLA_TRY(find_size(&large, call, &one_way));
  DDLA_TRY(least_of(&large_s, call, large, &one_way));
  *out = (ddla_survey_course){.per_s = (double)large / large_s};
  if (latency_s > far_share * large_s && large >= SMALLER * FIRST_BYTES) {
    const size_t small = large / SMALLER;
    DDLA_TRY(least_of(&small_s, call, small, &one_way));
    const double per_s = (double)(large - small) / (large_s - small_s);
    const double start_s = large_s - (double)large / per_s;
    if (per_s > out->per_s && start_s < START_WAYS * latency_s)
      *out = (ddla_survey_course){per_s, start_s};
  }
  return send_note(call, TAG_SIZE, (note){.per_s = out->per_s, .start_s = out->start_s});
}

/* What is left of a direction's rate when the other one is used, too: 1, or less where they share
 * something (a radio, half duplex, a processor; TCP's answers that wait behind data). */
static ddla_status share(ddla_survey_pair *pair, const ddla_survey_pair_call *call) {
  course c = {.latency_s = pair->latency_s};
  double alone_s = 0, both_s = 0;
  const double forth = pair->forth.per_s, back = pair->back.per_s;
  const double slower = forth < back ? forth : back;
  const size_t bytes = bounded(slower * shortest_s(call, c.latency_s));
  DDLA_TRY(least_of(&alone_s, call, bytes, &c));
  c.both = true;
  DDLA_TRY(least_of(&both_s, call, bytes, &c));
  alone_s *= forth / slower; /* of the slower direction */
  pair->both_share = alone_s < both_s ? alone_s / both_s : 1;
  return send_note(call, TAG_SIZE, (note){.number = 0});
}

/* One message of the peer's `transfer`. */
static ddla_status take_message(const ddla_survey_pair_call *call, const note *asked) {
  const size_t bytes = bounded((double)asked->number);
  const bool both = asked->time_ns != 0;
  ddla_request requests[2];
  DDLA_TRY(ddla_transport_recv(call->link, &requests[0], call->peer, TAG_DATA,
                               call->buffer + DDLA_SURVEY_BUFFER_BYTES, bytes));
  DDLA_TRY(send_note(call, TAG_READY, (note){0}));
  if (both)
    DDLA_TRY(
        ddla_transport_send(call->link, &requests[1], call->peer, TAG_BACK, call->buffer, bytes));
  DDLA_TRY(ddla_survey_land(call->link, requests, both ? 2 : 1));
  return send_note(call, TAG_DONE, (note){0});
}

/* Until the peer is through; then what it has found. */
static ddla_status take(ddla_survey_course *out, const ddla_survey_pair_call *call) {
  for (;;) {
    note asked = {0};
    DDLA_TRY(recv_note(&asked, call, TAG_SIZE));
    if (asked.number > 0) {
      DDLA_TRY(take_message(call, &asked));
      continue;
    }
    *out = (ddla_survey_course){asked.per_s, asked.start_s};
    return DDLA_OK;
  }
}

ddla_status ddla_survey_pair_measure(ddla_survey_pair *out, const ddla_survey_pair_call *call) {
  ddla_survey_pair made = {0};
  note latency = {0};
  ddla_survey_course nothing = {0};
  if (ddla_transport_rank(call->link) < call->peer) {
    DDLA_TRY(lead_pings(&made, call));
    DDLA_TRY(send_note(call, TAG_PING, (note){.time_ns = (int64_t)(made.latency_s * 1e9)}));
    DDLA_TRY(give(&made.forth, call, made.latency_s));
    DDLA_TRY(take(&made.back, call));
    DDLA_TRY(share(&made, call));
  } else {
    DDLA_TRY(answer_pings(call));
    DDLA_TRY(recv_note(&latency, call, TAG_PING));
    DDLA_TRY(take(&made.forth, call));
    DDLA_TRY(give(&made.back, call, (double)latency.time_ns * 1e-9));
    DDLA_TRY(take(&nothing, call));
  }
  *out = made;
  return DDLA_OK;
}
