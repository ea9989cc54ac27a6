/* What methods have in common in which hosts do not wait for each other. Every host computes what
 * it is granted of the next batches, by turns (sync/turns/turns.h). With one model it does so with
 * a copy of the parameters, and serves some ranges of the parameter space (sync/turns/serving.h); a
 * turn is then, within the host, a step of `allreduce` up to the sum of its gradients. Or it has a
 * model of its own (sync/turns/swaps.h), and a turn is a whole step of `allreduce`.
 *
 * A method is a row of sync_list.h and a rule. On one host there is nobody to be asynchronous with,
 * and everything is as with `allreduce`. */
#ifndef DDLA_SYNC_TURNS_ASYNCHRONOUS_H
#define DDLA_SYNC_TURNS_ASYNCHRONOUS_H

#include "sync/sync.h"

typedef struct ddla_asynchronous_method {
  bool on_arrival; /* every contribution is an update; else those of a step are summed */
  bool whole;      /* a turn is of a whole batch; else of as few shards as keep a host busy */
  bool backup;     /* by step: none may be late, and of each some shards are not waited for */
  bool apart;      /* every host has a model of its own */
} ddla_asynchronous_method;

/* The slots of strategies; open and the sizes of a method are its own and call these. */
ddla_status ddla_asynchronous_open(ddla_sync **out, const ddla_strategy *strategy,
                                   const ddla_asynchronous_method *method,
                                   const ddla_sync_options *options);
size_t ddla_asynchronous_control_bytes(const ddla_asynchronous_method *method,
                                       const ddla_sync_split *split);
int ddla_asynchronous_operand_copies(const ddla_asynchronous_method *method,
                                     const ddla_sync_split *split);
int ddla_asynchronous_list_copies(const ddla_sync_split *split);
void ddla_asynchronous_close(ddla_sync *base);
ddla_status ddla_asynchronous_work_of(ddla_sync *base, int worker, ddla_sync_work *work);
void ddla_asynchronous_begin(ddla_sync *base, int worker, int64_t samples);
bool ddla_asynchronous_claim(ddla_sync *base, int worker, int *shard);
ddla_sync_leaf ddla_asynchronous_leaf_place(ddla_sync *base, int worker, int shard);
void ddla_asynchronous_put_record(ddla_sync *base, int worker, int shard,
                                  const ddla_sync_record *record);
void ddla_asynchronous_final(ddla_sync *base, int worker, int64_t from);
void ddla_asynchronous_leaf_done(ddla_sync *base, int worker, int shard);
ddla_status ddla_asynchronous_finish(ddla_sync_result *out, int *bad_shard, ddla_sync *base,
                                     int worker);
const ddla_sync_record *ddla_asynchronous_records(const ddla_sync *base, uint64_t step);
ddla_status ddla_asynchronous_share(ddla_sync *base, int worker, const ddla_sync_part *parts,
                                    int count);
ddla_status ddla_asynchronous_bring(ddla_sync *base, int worker, void *data, size_t bytes,
                                    int from);
void ddla_asynchronous_ask_stop(ddla_sync *base);
const int16_t *ddla_asynchronous_owners(const ddla_sync *base);
void ddla_asynchronous_piece(const ddla_sync *base, int worker, int64_t *begin, int64_t *end);
ddla_sync_time ddla_asynchronous_time_of(const ddla_sync *base, int worker);
ddla_sync_traffic ddla_asynchronous_traffic(const ddla_sync *base);

enum { DDLA_ASYNCHRONOUS_ARRAYS = 2, DDLA_ASYNCHRONOUS_NUMBERS = 9 };
extern const ddla_strategy_array ddla_asynchronous_arrays[DDLA_ASYNCHRONOUS_ARRAYS];
extern const char *const ddla_asynchronous_numbers[DDLA_ASYNCHRONOUS_NUMBERS];

/* Of methods with one model. */
#define DDLA_SERVING_SLOTS                                                                         \
  .divides = true, .overlaps = true, .owners = ddla_asynchronous_owners,                           \
  .arrays = ddla_asynchronous_arrays, .array_count = DDLA_ASYNCHRONOUS_ARRAYS,                     \
  .numbers = ddla_asynchronous_numbers, .number_count = DDLA_ASYNCHRONOUS_NUMBERS,                 \
  DDLA_ASYNCHRONOUS_SLOTS

#define DDLA_ASYNCHRONOUS_SLOTS                                                                    \
  .claims = true, .list_copies = ddla_asynchronous_list_copies, .close = ddla_asynchronous_close,  \
  .work_of = ddla_asynchronous_work_of, .begin = ddla_asynchronous_begin,                          \
  .claim = ddla_asynchronous_claim, .leaf_place = ddla_asynchronous_leaf_place,                    \
  .put_record = ddla_asynchronous_put_record, .final = ddla_asynchronous_final,                    \
  .leaf_done = ddla_asynchronous_leaf_done, .finish = ddla_asynchronous_finish,                    \
  .records = ddla_asynchronous_records, .share = ddla_asynchronous_share,                          \
  .bring = ddla_asynchronous_bring, .ask_stop = ddla_asynchronous_ask_stop,                        \
  .piece = ddla_asynchronous_piece, .time_of = ddla_asynchronous_time_of,                          \
  .traffic = ddla_asynchronous_traffic

#endif
