/* What the hosts of a cluster are, and what the links between them do: facts that every host tells
 * of itself, and a measurement of every pair over the messages that training uses.
 *
 * Threads: one thread; here is called on every host's first agent. */
#ifndef DDLA_AGENT_SURVEY_H
#define DDLA_AGENT_SURVEY_H

#include "base/sha256.h"
#include "sync/cluster.h"
#include "transport/transport.h"

enum { DDLA_SURVEY_WORD_BYTES = 64 };

/* Plain value without pointers, as it travels. */
typedef struct ddla_survey_host {
  char name[DDLA_SURVEY_WORD_BYTES];
  char version[DDLA_SURVEY_WORD_BYTES]; /* of ddla */
  char library[DDLA_SURVEY_WORD_BYTES]; /* of kernels: "oneDNN 2.6.3" */
  char order[DDLA_SURVEY_WORD_BYTES];   /* of bytes */
  char vectors[DDLA_SURVEY_WORD_BYTES]; /* instruction set: "avx512" */
  char processor[DDLA_SURVEY_WORD_BYTES];
  char probe[DDLA_XXH128_TEXT_BYTES]; /* same text, same bits: see train/probe.h */
  int32_t processors, agents;         /* that it grants; that run on it */
  int64_t memory_bytes, available_bytes;
  int64_t open_files; /* that a process may have; -1: any number */
  double load;        /* processes that computed in the last minute; -1: not told */
  /* Of its clock against host 0's: what to add to host 0's time, and how wrong that may be. */
  double clock_s, clock_error_s;
} ddla_survey_host;

/* From one host to another, measured with nothing else on either of them. */
typedef struct ddla_survey_link {
  double latency_s; /* one way: half a round trip of 16 bytes, the lower tenth of many */
  double bytes_per_s;
  double start_s;    /* that a large message takes besides: words of MPI and TCP to and fro */
  double both_share; /* of the rate, that is left while the other direction is used: up to 1 */
} ddla_survey_link;

typedef struct ddla_survey {
  int hosts;
  ddla_survey_host host[DDLA_HOSTS_MAX];
  ddla_survey_link link[DDLA_HOSTS_MAX][DDLA_HOSTS_MAX]; /* [from][to] */
} ddla_survey;

typedef struct ddla_survey_options {
  const ddla_clock *calendar; /* of this host */
  double seconds;             /* that one direction of a pair is measured for; about */
  int alone; /* up to so many hosts one pair is measured at a time, beyond as many at once as there
                can be without two on one host */
} ddla_survey_options;

/* What this machine says of itself; runs the probe. name, agents and clock are left to the caller.
 * Errors: those of kernels. */
ddla_status ddla_survey_here(ddla_survey_host *out);

/* Collective over a transport with messages, one rank for each host: measures all pairs and clocks.
 * On rank 0 links and clocks of `survey` are then filled in, on others they are not to be used.
 *
 * Pairs. Rank 0 tells all who measures with whom and when. A pair that does much worse than both
 * of its hosts can is measured once more, alone, and the better of both counts: other work of the
 * machines only slows, and what a common cable takes from pairs that use it together is not a
 * pair's fault.
 *
 * Errors: the transport's; NO_MEMORY. */
ddla_status ddla_survey_measure(ddla_survey *survey, ddla_transport *link,
                                const ddla_survey_options *options);

/* About how long that takes for so many hosts, in seconds. */
double ddla_survey_seconds(int hosts, const ddla_survey_options *options);

/* The best rate of any link from or to a host, bytes per second, and the least latency; 0 if it has
 * none. */
double ddla_survey_best_rate(const ddla_survey *survey, int host);
double ddla_survey_least_latency(const ddla_survey *survey, int host);

#endif
