/* Transport "sim_shared": simulated ranks (transport/sim.h) that address each other's memory. */
#include "transport/sim_world.h"

extern const ddla_transport_ops ddla_transport_row_sim_shared;
const ddla_transport_ops ddla_transport_row_sim_shared =
    DDLA_SIM_ROW("sim_shared", DDLA_TRANSPORT_SHARED | DDLA_TRANSPORT_MESSAGES);
