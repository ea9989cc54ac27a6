/* Replicas train as the method says, whatever their data are. */
#include "sync/heterogeneity.h"

extern const ddla_heterogeneity ddla_heterogeneity_none;

const ddla_heterogeneity ddla_heterogeneity_none = {
    .name = "none", .help = "nothing: replicas train as the method says and count alike"};
