/* Transports, one row each: DDLA_TRANSPORT(name) is the file name.c, which defines
 * `const ddla_transport_ops ddla_transport_row_name`. */
DDLA_TRANSPORT(self)
DDLA_TRANSPORT(local)
DDLA_TRANSPORT(mpi)
DDLA_TRANSPORT(sim)
DDLA_TRANSPORT(sim_shared)
