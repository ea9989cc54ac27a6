/* A network as a user names it: "100M,20ms,1%". Pure functions. */
#ifndef DDLA_COMPARE_NETWORK_H
#define DDLA_COMPARE_NETWORK_H

#include "base/status.h"

/* Of each host's cable, each way. */
typedef struct ddla_network {
  double rate_mbit;    /* 10^6 bits a second */
  double delay_ms;     /* one way */
  double loss_percent; /* of frames */
} ddla_network;

/* RATE[,DELAY[,LOSS]]: a number with k, M or G (bits a second, 10k to 100G), one with us, ms or s
 * (at most 10 s), and one with % (at most 50). Errors: INVALID naming the part that is wrong. */
ddla_status ddla_network_read(ddla_network *out, const char *text);

#endif
