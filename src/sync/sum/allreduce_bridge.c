/* What the bridge asks the synchronous methods. */
#include <string.h>

#include "sync/sum/allreduce_parts.h"

/* What the bridge waits for: the first worker whose gradients are not final down to an element. */
static bool bridge_waits(ddla_service_word *out, void *argument, uint64_t step, int64_t element) {
  const ddla_allreduce *sync = argument;
  uint64_t blocks = (uint64_t)(sync->blocks - element / DDLA_STATE_BLOCK);
  uint64_t before = step - 1 - sync->options.start_step;
  uint64_t wanted = before * (uint64_t)(sync->blocks + 1) + blocks;
  if (wanted == 0) wanted = 1; /* a word of 0 says nothing of the first step's records */
  for (int i = 0; i < sync->workers; i++) {
    *out = (ddla_service_word){&sync->line[i].final_word, wanted};
    if (atomic_load_explicit(out->word, memory_order_acquire) < wanted) return true;
  }
  return false;
}

static int bridge_slices(ddla_bridge_slices out[DDLA_BRIDGE_SLICES_MAX], void *argument,
                         uint64_t step) {
  const ddla_allreduce *sync = argument;
  const ddla_sync_options *options = &sync->options;
  int shards = options->shards;
  out[0] = (ddla_bridge_slices){(char *)sync->record + step % DDLA_ALLREDUCE_RECORDS *
                                                           (uint64_t)shards * sizeof *sync->record,
                                sizeof *sync->record};
  if (options->statistic_count == 0) return 1;
  out[1] = (ddla_bridge_slices){ddla_state_array(options->state, options->statistics, 0, 0),
                                ddla_state_row_at(options->state, options->statistics)->stride};
  return 2;
}

static void bridge_shares(int first[DDLA_HOSTS_MAX + 1], void *argument, uint64_t step) {
  const ddla_balance_shares shares = ddla_allreduce_shares_after(argument, step - 1);
  memcpy(first, shares.first, sizeof shares.first);
}

static bool bridge_stop(void *argument) {
  const ddla_allreduce *sync = argument;
  return atomic_load(&sync->control->stop_asked) != 0;
}

/* The first agent of the host has the thread. */
ddla_status ddla_allreduce_open_bridge(ddla_allreduce *sync) {
  const ddla_sync_options *options = &sync->options;
  if (!options->link) return DDLA_OK;
  if (options->fast && !(ddla_transport_caps(options->link) & DDLA_TRANSPORT_SUMS))
    return DDLA_FAIL(UNSUPPORTED, "sync.reduction is fast, and transport %s makes no sums",
                     ddla_transport_name(options->link));
  const ddla_bridge_options bridge = {
      .local = options->transport,
      .link = options->link,
      .layout = &sync->layout,
      .board = sync->board,
      .state = options->state,
      .lists = {options->lists[0], options->lists[1]},
      .reduced = ddla_sync_reduced(options),
      .threadless = options->threadless,
      .fast = options->fast,
      .operands = sync->operands,
      .calls = {bridge_waits, bridge_slices, bridge_shares, bridge_stop, sync},
      .division = sync->division};
  return ddla_bridge_create(&sync->bridge, &bridge);
}
