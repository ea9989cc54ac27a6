#include "train/combination.h"

#include <string.h>

#include "train/coding.h"
#include "train/feed/swapping.h"

/* Whole tensors' numbers, and a mean that every step moves, would need every row in every step. */
static ddla_status check_sparse(const ddla_training *training) {
  const ddla_graph *graph = training->graph.graph;
  if (graph->dense == graph->space) return DDLA_OK;
  if (training->strategy->replicated)
    return ddla_job_refuse(training->job, "sync.method",
                           "is %s, but replicas do not exchange sparse tables; use sync.mode: "
                           "synchronous, or set sparse to false",
                           training->strategy->method);
  if (ddla_sync_divides(training->strategy, &training->cluster))
    return ddla_job_refuse(training->job, "sync.method",
                           "is %s, which does not divide sparse tables among hosts; use allreduce, "
                           "or set sparse to false",
                           training->strategy->method);
  if (training->dynamic && training->cluster.hosts > 1)
    return ddla_job_refuse(training->job, "parallel.balance",
                           "is dynamic, which does not exchange sparse tables between hosts; set "
                           "it to static, or sparse to false");
  if (!training->optimizer->update)
    return ddla_job_refuse(
        training->job, "train.optimizer",
        "is %s, which needs numbers of whole tensors, but the model has a sparse "
        "table; use sgd, adamw, rmsprop or lion, or set sparse to false",
        training->optimizer->name);
  if (training->average == DDLA_AVERAGE_EMA)
    return ddla_job_refuse(
        training->job, "train.average",
        "is ema, which moves in every step, but the model has a sparse table, "
        "of which a step sees few rows; use swa or none, or set sparse to false");
  return DDLA_OK;
}

/* An optimizer that needs whole tensors before the update has them on no host that divides it. */
static ddla_status check_divided(const ddla_training *training) {
  if (!ddla_sync_divides(training->strategy, &training->cluster)) return DDLA_OK;
  if (!training->optimizer->factor) return DDLA_OK;
  return ddla_job_refuse(
      training->job, "train.optimizer",
      "is %s, whose sums over rows and columns need whole tensors, and "
      "sync.method %s divides tensors among hosts; use allreduce, which costs no "
      "more memory as %s keeps no moments",
      training->optimizer->name, training->strategy->method, training->optimizer->name);
}

/* A fragment is merged before the next one leaves. */
static ddla_status check_fragments(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (!training->strategy->streams) return DDLA_OK;
  if (job->sync.fragments > job->sync.interval)
    return ddla_job_refuse(
        job, "sync.fragments",
        "is %lld, but sync.interval has %lld steps, and behind each one fragment "
        "can leave; lower it, or raise the interval",
        (long long)job->sync.fragments, (long long)job->sync.interval);
  if (job->sync.delay >= job->sync.interval / job->sync.fragments)
    return ddla_job_refuse(job, "sync.delay",
                           "is %lld, but a fragment leaves every %lld steps (sync.interval / "
                           "sync.fragments), and the one before must be merged; lower it",
                           (long long)job->sync.delay,
                           (long long)(job->sync.interval / job->sync.fragments));
  return DDLA_OK;
}

/* What replicas do not go together with. */
static ddla_status check_replicas(const ddla_training *training) {
  const ddla_job *job = training->job;
  const int64_t steps = training->end_step - training->from_step;
  if (!training->strategy->replicated) return DDLA_OK;
  DDLA_TRY(check_fragments(training));
  if (training->average != DDLA_AVERAGE_NONE)
    return ddla_job_refuse(job, "train.average",
                           "is %s, a mean of parameters of every step or epoch, but with sync.mode "
                           "%s they differ between replicas; leave it out: the global model is a "
                           "mean already",
                           job->train.average, job->sync.mode);
  if (job->sync.interval > steps)
    return ddla_job_refuse(job, "sync.interval",
                           "is %lld, but the %s has %lld steps: replicas would not exchange before "
                           "its end; lower it",
                           (long long)job->sync.interval,
                           steps == training->total_steps ? "run" : "run's part in this mode",
                           (long long)steps);
  return DDLA_OK;
}

static bool has_replicas(const ddla_training *training) {
  return training->strategy->replicated && !training->strategy->claims;
}

/* Parts of the data are owned by replicas, or shards of every batch come from them: then who
 * computes a shard is known. */
static ddla_status check_partition(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (strcmp(job->data.partition, "shared") == 0 || has_replicas(training)) return DDLA_OK;
  if (training->strategy->claims)
    return ddla_job_refuse(
        job, "data.partition",
        "is %s, but with sync.mode %s, sync.method %s whoever is free computes what comes next of "
        "any batch; use sync.mode: synchronous with allreduce or sharded, or accumulated with "
        "gradient, average, diloco, streaming, elastic or admm, or leave it out",
        job->data.partition, job->sync.mode, training->strategy->method);
  if (training->owned && training->dynamic && training->cluster.hosts > 1)
    return ddla_job_refuse(job, "parallel.balance",
                           "is dynamic, by which shards go to other hosts, but with "
                           "data.partition files samples lie on one alone; set it to static");
  return DDLA_OK;
}

/* Samples that a shard of an epoch has at least, of those that have any. */
static int64_t least_samples(const ddla_training *training) {
  const int64_t left = ddla_dataset_count(training->train) % training->batch;
  const bool keeps = strcmp(training->job->train.last_batch, "keep") == 0;
  const int64_t least = training->batch / training->shards;
  if (left == 0 || !keeps) return least;
  return left / training->shards > 1 ? left / training->shards : 1;
}

/* In every step hosts tell sums over shards. Those of very few samples are almost the samples: the
 * gradient of a linear layer's weights by one sample is that sample, times a number for each row,
 * and batch norm's sums are told shard by shard. */
static ddla_status check_private(const ddla_training *training) {
  enum { LEAST = 4 };
  const ddla_job *job = training->job;
  if (!job->data.private || training->cluster.hosts == 1 || has_replicas(training)) return DDLA_OK;
  if (training->graph.graph->statistic_count > 0)
    return ddla_job_refuse(job, "data.private",
                           "is true, but the model has running statistics (batch norm), of which "
                           "with sync.mode %s, sync.method %s the sums of each shard are told in "
                           "every step; use layer or group norm, or replicas",
                           job->sync.mode, training->strategy->method);
  if (least_samples(training) >= LEAST) return DDLA_OK;
  return ddla_job_refuse(
      job, "data.private",
      "is true, but shards of a batch have as few as %lld samples, and with sync.method %s their "
      "gradients are told in every step, which tell too much of each (%d are enough); use larger "
      "batches, fewer shards, or train.last_batch: drop",
      (long long)least_samples(training), training->strategy->method, LEAST);
}

/* What is done about replicas' data goes with some methods, and some of it with parts alone. */
static ddla_status check_heterogeneity(const ddla_training *training) {
  static const char key[] = "sync.heterogeneity";
  const ddla_job *job = training->job;
  const ddla_heterogeneity *row = training->heterogeneity;
  if (row == ddla_heterogeneity_at(0)) return DDLA_OK;
  if (!has_replicas(training))
    return ddla_job_refuse(job, key,
                           "is %s, but with sync.mode %s, sync.method %s there are no replicas "
                           "that train on data of their own; leave it out",
                           row->name, job->sync.mode, training->strategy->method);
  if (!ddla_heterogeneity_fits(row, training->strategy->method))
    return ddla_job_refuse(job, key,
                           "is %s, which does not go with sync.method %s: %s; leave it out",
                           row->name, training->strategy->method, row->reason);
  if (row->owned && strcmp(job->data.partition, "shared") == 0)
    return ddla_job_refuse(job, key,
                           "is %s, which is about parts of the data that replicas own, but "
                           "data.partition is shared; choose a partition, or leave it out",
                           row->name);
  if (row->spreads && training->owned)
    return ddla_job_refuse(job, key,
                           "is %s, which shows some samples to all replicas, but with "
                           "data.partition files they are on their hosts alone; leave it out",
                           row->name);
  if (!row->exact || !training->codec) return DDLA_OK;
  return ddla_job_refuse(
      job, "sync.codec",
      "is %s, but sync.heterogeneity %s has means of its own that must be exact; "
      "leave one of them out",
      job->sync.codec, row->name);
}

/* The last batch of an epoch may be smaller than the others. */
static ddla_status check_last_batch(const ddla_training *training) {
  const int64_t left = ddla_dataset_count(training->train) % training->batch;
  if (left == 0 || left >= training->shards) return DDLA_OK;
  if (strcmp(training->job->train.last_batch, "drop") == 0) return DDLA_OK;
  return ddla_job_refuse(training->job, "train.shards",
                         "is %d, but the last batch of an epoch has %lld samples, and with "
                         "sync.method %s no shard may be empty; lower it, or change train.batch",
                         training->shards, (long long)left, training->strategy->method);
}

/* What methods do not go together with in which several hosts claim what they compute and have one
 * model, whose ranges are served. */
static ddla_status check_served(const ddla_training *training) {
  const ddla_job *job = training->job;
  const char *method = training->strategy->method;
  if (!training->optimizer->update)
    return ddla_job_refuse(job, "train.optimizer",
                           "is %s, which needs numbers of whole tensors, and with sync.method %s "
                           "each range has a server of its own; use sgd, adamw, rmsprop or lion",
                           training->optimizer->name, method);
  if (training->average == DDLA_AVERAGE_EMA)
    return ddla_job_refuse(job, "train.average",
                           "is ema, a mean over steps, and with sync.method %s there is no "
                           "moment at which a step is the newest everywhere; use swa or none",
                           method);
  if (training->graph.graph->statistic_count > 0)
    return ddla_job_refuse(job, "sync.method",
                           "is %s, but the model has running statistics (batch norm), which "
                           "follow from whole batches; use layer or group norm, or another method",
                           method);
  if (job->train.clip_norm > 0 && strcmp(method, "push") != 0)
    return ddla_job_refuse(job, "train.clip_norm",
                           "is %g, but with sync.method %s a step's gradient is nowhere as a "
                           "whole; leave it out, or use push, which clips every contribution",
                           job->train.clip_norm, method);
  return check_last_batch(training);
}

/* What does not go together with methods in which hosts claim what they compute. */
static ddla_status check_claims(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (!training->strategy->claims) return DDLA_OK;
  if (job->sync.servers > training->agents)
    return ddla_job_refuse(job, "sync.servers", "is %lld, but there are %d agents; lower it",
                           (long long)job->sync.servers, training->agents);
  if (training->strategy->replicated && training->codec)
    return ddla_job_refuse(job, "sync.codec",
                           "is %s, but both sides of a swap have to have the same two numbers; "
                           "leave it out",
                           job->sync.codec);
  if (training->cluster.hosts == 1 || training->strategy->replicated) return DDLA_OK;
  return check_served(training);
}

ddla_status ddla_combination_check(const ddla_training *training) {
  DDLA_TRY(check_divided(training));
  DDLA_TRY(check_replicas(training));
  DDLA_TRY(check_partition(training));
  DDLA_TRY(check_private(training));
  DDLA_TRY(check_heterogeneity(training));
  DDLA_TRY(check_sparse(training));
  if (strcmp(training->job->share.mode, "exchange") == 0) DDLA_TRY(ddla_swapping_check(training));
  DDLA_TRY(ddla_coding_check(training));
  return check_claims(training);
}
