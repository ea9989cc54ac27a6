/* gru; everything it shares with lstm is in recurrent.c. */
#include "backend/onednn/recurrent.h"

DDLA_ONEDNN_RECURRENT(gru, 3);
