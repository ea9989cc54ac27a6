/* The network of the simulated cluster: SimGrid, behind a few functions of C. There are no
 * simulated processes: everything happens in calls from wire_run, in one thread. */
#ifndef DDLA_BENCH_SIM_CLUSTER_WIRE_H
#define DDLA_BENCH_SIM_CLUSTER_WIRE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wire_calls {
  void (*arrived)(void *message);  /* its last byte is there, or its time is over; only then may it
                                      send */
  void (*settled)(void *argument); /* everything of this moment has arrived; may send */
  void *argument;
} wire_calls;

/* Loads a platform of SimGrid's XML whose hosts are called h0, h1, … Its network model is
 * "plain": a message takes the latency of its links, then the share of their bandwidth that fair
 * division gives it (CM02 without its window, weights and acknowledgements); or "LV08": SimGrid's
 * default, with its factors for TCP on Ethernet. Once in a process. False, with words on the error
 * output: no such platform. */
bool wire_open(const char *platform, const char *model, int hosts);

/* A message from host to host, now; it shares the links with others. */
void wire_send(int from, int to, double bytes, void *message);

/* The message arrives this many seconds from now whatever else is under way; null: only `settled`
 * is called then. */
void wire_after(double seconds, void *message);

/* Seconds since the start. */
double wire_now(void);

/* Calls `settled`, then simulates until nothing is under way any more. */
void wire_run(const wire_calls *calls);

#ifdef __cplusplus
}
#endif

#endif
