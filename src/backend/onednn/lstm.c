/* lstm; everything it shares with gru is in recurrent.c. */
#include "backend/onednn/recurrent.h"

DDLA_ONEDNN_RECURRENT(lstm, 4);
