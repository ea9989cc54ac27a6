/* What can be done about replicas whose data differ (sync.heterogeneity), one row each:
 * DDLA_HETEROGENEITY(unequal, row) is the file unequal/row.c. The first is the initial one. */
DDLA_HETEROGENEITY(unequal, none)
DDLA_HETEROGENEITY(unequal, weighted)
DDLA_HETEROGENEITY(unequal, fedprox)
DDLA_HETEROGENEITY(unequal, scaffold)
DDLA_HETEROGENEITY(unequal, shared_set)
