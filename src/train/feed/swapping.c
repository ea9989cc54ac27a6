#include "train/feed/swapping.h"

#include <string.h>

#include "train/feed/owned.h"
#include "train/segments.h"

static bool is_wanted(const ddla_training *training) {
  return strcmp(training->job->share.mode, "exchange") == 0 && training->parts &&
         training->parts->count > 1;
}

static ddla_swap swap_of(const ddla_training *training) {
  ddla_swap swap = {.parts = training->parts->count,
                    .fraction = training->job->share.fraction,
                    .seed = training->seed};
  memcpy(swap.count, training->parts->own, (size_t)swap.parts * sizeof *swap.count);
  return swap;
}

size_t ddla_swapping_bytes(const ddla_training *training) {
  size_t most = 0;
  if (!is_wanted(training)) return 0;
  const ddla_swap swap = swap_of(training);
  if (!training->owned) return ddla_exchange_bytes(&swap, 0, NULL);
  for (int h = 0; h < swap.parts; h++) {
    const size_t bytes = ddla_exchange_bytes(&swap, h, ddla_owned_train(training, h));
    if (bytes > most) most = bytes;
  }
  return most;
}

ddla_status ddla_swapping_open(ddla_exchange **out, const ddla_training *training,
                               ddla_transport *transport, ddla_transport *link, ddla_wire *wire) {
  const int host = training->cluster.host;
  const bool together = strcmp(training->job->parallel.agents_as, "threads") == 0;
  *out = NULL;
  if (!is_wanted(training)) return DDLA_OK;
  return ddla_exchange_open(
      out,
      &(ddla_exchange_options){.swap = swap_of(training),
                               .host = training->owned ? host : 0,
                               .united = training->owned ? training->train : NULL,
                               .own = training->owned ? ddla_owned_train(training, host) : NULL,
                               .transport = transport,
                               .link = link,
                               .wire = wire,
                               .moves = !together || ddla_transport_rank(transport) == 0,
                               .epochs = (training->total_steps + training->batches_per_epoch - 1) /
                                         training->batches_per_epoch});
}

ddla_status ddla_swapping_check(const ddla_training *training) {
  static const char key[] = "share.mode";
  const ddla_job *job = training->job;
  if (strcmp(job->data.partition, "shared") == 0)
    return ddla_job_refuse(job, key,
                           "is exchange, but with data.partition shared there are no parts that "
                           "could exchange samples; choose a partition, or leave it out");
  if (training->heterogeneity->spreads)
    return ddla_job_refuse(job, key,
                           "is exchange, but with sync.heterogeneity %s some samples are "
                           "everybody's; leave one of them out",
                           training->heterogeneity->name);
  if (training->owned && ddla_dataset_type(training->whole) == DDLA_DATA_TOKENS)
    return ddla_job_refuse(job, key,
                           "is exchange, but samples of a text are windows into it, which slide; "
                           "leave it out");
  return DDLA_OK;
}
