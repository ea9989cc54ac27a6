/* The plug-ins of a job against the library's own tables, and against what a run was trained with.
 * Threads: one thread. */
#ifndef DDLA_TRAIN_PLUGINS_H
#define DDLA_TRAIN_PLUGINS_H

#include "plugin/plugin.h"

/* Loads the job's plug-ins and own (may be null) and checks that no row has a name of the library's
 * own. The caller owns *out (ddla_plugins_destroy). Errors: those of ddla_plugins_load; INVALID
 * naming the row. */
ddla_status ddla_train_plugins(ddla_plugins **out, const ddla_job *job, const ddla_plugin *own);

/* The second half of that, for plug-ins loaded by hand. */
ddla_status ddla_train_plugins_check(const ddla_plugins *plugins);

#endif
