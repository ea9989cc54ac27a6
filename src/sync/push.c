/* Asynchronous SGD with parameter servers (Dean et al. 2012, "Large scale distributed deep
 * networks"): a host takes the next batch, computes its gradient, and gives it to the servers of
 * its ranges; each applies it at once, and answers with the range's parameters. Meanwhile the host
 * is at its next batch. With sync.servers: 1 it is the classic form: one agent in the centre
 * applies what all others send, and sends the parameters back.
 *
 * sync.staleness bounds how many batches may be under way beside the oldest one (-1: any number).
 * With sync.damping an update's rate is divided by its staleness (Zhang et al. 2016,
 * "Staleness-aware async-SGD for distributed deep learning"); with sync.compensation gradients are
 * corrected for what was applied since their parameters were read (history.h).
 *
 * Deviations: batches are handed out in order, each once, so that an epoch sees every sample once;
 * and all hosts wait for each other at the end of an epoch, where the model is measured. */
#include "sync/turns/asynchronous.h"

extern const ddla_strategy ddla_strategy_push;

static const ddla_asynchronous_method method = {.on_arrival = true, .whole = true};

static ddla_status open_push(ddla_sync **out, const ddla_sync_options *options) {
  return ddla_asynchronous_open(out, &ddla_strategy_push, &method, options);
}

static size_t control_bytes(const ddla_sync_split *split) {
  return ddla_asynchronous_control_bytes(&method, split);
}

static int operand_copies(const ddla_sync_split *split) {
  return ddla_asynchronous_operand_copies(&method, split);
}

const ddla_strategy ddla_strategy_push = {
    .mode = "asynchronous",
    .method = "push",
    .help = "whole batches go to whoever is free; servers apply what comes when it comes",
    .trials = "",
    .open = open_push,
    .control_bytes = control_bytes,
    .operand_copies = operand_copies,
    DDLA_SERVING_SLOTS};
