/* Plug-ins: ops, models, tasks and data formats from outside the library, under names that a job
 * can use. A plug-in is a shared object with one entry:
 *
 *   DDLA_PLUGIN(.name = "own", .ops = ops, .tasks = tasks);
 *
 *   cc -std=c11 -O2 -fPIC -shared own.c -o libown.so $(pkg-config --cflags ddla)
 *
 * and is named in the job (task.plugins: [./libown.so]); or a program hands its own rows to
 * ddla_train (options->plugin) without a file. It need not be linked with libddla: the program that
 * loads it has the symbols. Rows are read-only and must last as long as the shared object. Names
 * must be new: not the library's, not another plug-in's of the same job.
 *
 * A plug-in fits the headers it was compiled with: before anything else is read, abi and sizes are
 * compared with those of the loading program, and another version is refused. abi changes when the
 * meaning of a field does, a size when a row gets a field (see docs/decisions/). */
#ifndef DDLA_PLUGIN_H
#define DDLA_PLUGIN_H

#include <ddla/data.h>
#include <ddla/graph.h>
#include <ddla/job.h>
#include <ddla/op.h>
#include <ddla/task.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DDLA_PLUGIN_ABI = 1, DDLA_PLUGIN_SIZES = 8 };

/* A model by name (model.kind). build makes from input [1, H, W, C], or tokens i32 [1, S], the
 * logits [1, classes], or [1, S, classes] where each place has a label. Options are the job's.
 * Errors: INVALID, NO_MEMORY. */
typedef struct ddla_named_model {
  const char *name, *help;
  ddla_status (*build)(ddla_value *logits, ddla_graph *graph, ddla_value input, int64_t classes,
                       const ddla_job *job);
} ddla_named_model;

/* Lists end with null; a list that is null has no rows. */
typedef struct ddla_plugin {
  uint32_t abi;                      /* DDLA_PLUGIN_ABI */
  uint32_t sizes[DDLA_PLUGIN_SIZES]; /* bytes of what crosses the border, see DDLA_PLUGIN_HEAD */
  const char *name, *help;           /* one line about it; help may be null */
  const ddla_op *const *ops;         /* also layers of model.layers, where they take one tensor */
  const ddla_named_model *const *models;
  const ddla_task *const *tasks;
  const ddla_data_format *const *formats;
} ddla_plugin;

/* The first two fields. Of an op's call, only what an op may look at counts. */
#define DDLA_PLUGIN_HEAD                                                                           \
  DDLA_PLUGIN_ABI, {                                                                               \
    sizeof(ddla_plugin), sizeof(ddla_op), offsetof(ddla_op_call, parameter_id),                    \
        sizeof(ddla_named_model), sizeof(ddla_task), sizeof(ddla_task_graph),                      \
        sizeof(ddla_data_format), sizeof(ddla_job)                                                 \
  }

/* The entry of a shared object, which the library looks up by this name. */
#define DDLA_PLUGIN_ENTRY "ddla_plugin_entry"
#ifdef __cplusplus
#define DDLA_PLUGIN(...)                                                                           \
  extern "C" DDLA_API const ddla_plugin ddla_plugin_entry;                                         \
  const ddla_plugin ddla_plugin_entry = {DDLA_PLUGIN_HEAD, __VA_ARGS__}
#else
#define DDLA_PLUGIN(...)                                                                           \
  extern DDLA_API const ddla_plugin ddla_plugin_entry;                                             \
  const ddla_plugin ddla_plugin_entry = {DDLA_PLUGIN_HEAD, __VA_ARGS__}
#endif

#ifdef __cplusplus
}
#endif
#endif
