/* Plug-ins that are loaded: shared objects of a job and the rows of the program that trains (public
 * part: ddla/plugin.h). There is no table of all that were ever loaded: who runs a job owns what
 * the job loads, and hands it to whoever looks names up. Threads: loaded and destroyed by one
 * thread, in between only read; before agents are forked. */
#ifndef DDLA_PLUGIN_PLUGIN_H
#define DDLA_PLUGIN_PLUGIN_H

#include <ddla/plugin.h>

#include "base/sha256.h"

enum { DDLA_PLUGINS_MAX = DDLA_JOB_PATHS_MAX + 1 };

/* One of them. path is "" and sha256 "" where the program brought it. */
typedef struct ddla_plugin_file {
  char *path; /* owned */
  char sha256[DDLA_SHA256_TEXT_BYTES];
  void *handle; /* of dlopen; null where the program brought it */
  const ddla_plugin *plugin;
} ddla_plugin_file;

/* All rows of all of them, in order. Names are different from each other within a list. */
typedef struct ddla_plugins {
  ddla_plugin_file file[DDLA_PLUGINS_MAX];
  int count;
  const ddla_op **op;
  const ddla_named_model **model;
  const ddla_task **task;
  const ddla_data_format **format;
  int op_count, model_count, task_count, format_count;
} ddla_plugins;

/* Loads what the job names (task.plugins), and own (null: none). Names are compared with each
 * other, not with the library's own: see train/plugins.h. The caller owns *out. Errors: INVALID
 * with the place in the job and the path, for a file that is missing, is no shared object, needs
 * symbols that there are not, has no entry or was built for another version, and for rows that lack
 * something; NO_MEMORY. */
ddla_status ddla_plugins_load(ddla_plugins **out, const ddla_job *job, const ddla_plugin *own);

/* The same for one file outside a job. */
ddla_status ddla_plugins_load_file(ddla_plugins **out, const char *path);

/* Unloads; the rows are gone. Null is allowed. */
void ddla_plugins_destroy(ddla_plugins *plugins);

/* Row by name, or null; plugins may be null. */
const ddla_op *ddla_plugins_op(const ddla_plugins *plugins, const char *name);
const ddla_named_model *ddla_plugins_model(const ddla_plugins *plugins, const char *name);
const ddla_task *ddla_plugins_task(const ddla_plugins *plugins, const char *name);
const ddla_data_format *ddla_plugins_format(const ddla_plugins *plugins, const char *name);

/* SHA-256 of the files' SHA-256 in order, or "" without files: what agents compare. */
void ddla_plugins_digest(char out[DDLA_SHA256_TEXT_BYTES], const ddla_plugins *plugins);

#endif
