/* Agents for a program of one's own: the same function runs on every agent, and collectives act on
 * the program's own arrays. Nothing here knows what is computed.
 *
 *   static ddla_status work(ddla_group *group, void *argument) { ... ddla_group_all_reduce ... }
 *   ddla_group_run(&(ddla_group_options){.agents = 4}, work, argument);
 *
 * Every agent makes the same calls in the same order, with the same number format and count; what
 * differs is refused (INVALID) where it is noticed. Arrays in memory of ddla_group_memory, at the
 * same place in the same block on every agent, are read and written where they lie; other memory
 * works too, through copies. A call returns when this agent's part is done and its output is
 * complete; input may be changed again then. When an agent dies or fails, the calls of all others
 * end with PEER_LOST. Threads: a group belongs to the thread that was handed it. Sums: in one fixed
 * binary tree, so equal inputs give equal bits. */
#ifndef DDLA_GROUP_H
#define DDLA_GROUP_H

#include <ddla/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ddla_group ddla_group;

/* What an agent does. A status other than DDLA_OK ends the others' calls, and is what
 * ddla_group_run returns. */
typedef ddla_status (*ddla_group_main)(ddla_group *group, void *argument);

/* Zero means default. */
typedef struct ddla_group_options {
  int agents;          /* 1 (default) to 64 */
  size_t memory_bytes; /* room for ddla_group_memory, over all agents; default 1 GiB. It is address
                          space: only what is touched becomes memory */
  bool processes;      /* agents are forked processes, argument's memory is copied; else they are
                          threads of this process. With processes, Ctrl-C is passed on to them */
} ddla_group_options;

/* Runs main on every agent; returns when all have ended. One call at a time in a process. Errors:
 * the first failure of an agent with its words; INVALID; NO_MEMORY; PEER_LOST naming agent and
 * signal. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_run(const ddla_group_options *options,
                                                  ddla_group_main main, void *argument);

/* This agent's number, from 0; how many there are. */
DDLA_API int ddla_group_rank(const ddla_group *group);
DDLA_API int ddla_group_size(const ddla_group *group);

/* A failure of the program's own, to be returned by its main: status, and the words that
 * ddla_group_run passes on. Returns status. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_fail(ddla_status status, const char *format, ...)
    DDLA_PRINTF(2, 3);

/* Collective: memory that collectives reach without copies, zeroed, 64-byte aligned; it stays until
 * the group ends. Errors: NO_MEMORY; INVALID for 0 bytes. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_memory(ddla_group *group, void **out, size_t bytes);

/* The items of [0, count) that are this agent's, as evenly as can be: [*first, *end). */
DDLA_API void ddla_group_share(const ddla_group *group, int64_t count, int64_t *first,
                               int64_t *end);

/* Nobody returns before all have called. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_barrier(ddla_group *group);

/* One operation. data: [count] of type; type is F32, F64 or I64. */
typedef struct ddla_group_array {
  ddla_dtype type;
  int64_t count;
  const void *input; /* null: output is its own input */
  void *output;
} ddla_group_array;

/* output everywhere = root's input. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_broadcast(ddla_group *group,
                                                        const ddla_group_array *array, int root);

/* output everywhere = sum over agents of input. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_all_reduce(ddla_group *group,
                                                         const ddla_group_array *array);

/* A sum whose bits do not depend on the number of agents. Work is cut into `shards` (at most 64)
 * parts, whatever the number of agents; ddla_group_share deals them out. input holds this agent's
 * shards one after another, shard first + i at element i * stride. output everywhere = sum over all
 * shards, in the tree over shards. At least as many shards as agents. */
DDLA_API DDLA_MUST_USE ddla_status ddla_group_sum_shards(ddla_group *group,
                                                         const ddla_group_array *array, int shards,
                                                         int64_t stride);

#ifdef __cplusplus
}
#endif
#endif
