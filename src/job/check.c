/* What one option's row cannot say: options that do not go together. */
#include <ddla/job.h>

#include <string.h>

#include "job/segments.h"

static bool is(const char *value, const char *word) { return strcmp(value, word) == 0; }

static ddla_status check_data(const ddla_job *job) {
  const ddla_job_sizes *size = &job->data.size;
  if (!*job->data.train)
    return ddla_job_refuse(job, "data.train", "is empty; name a directory or a file");
  if (size->count != 0 && size->count != 2) {
    return ddla_job_refuse(job, "data.size", "has %d numbers, but it must be [height, width] or []",
                           size->count);
  }
  if (job->data.mean.count != job->data.std.count) {
    return ddla_job_refuse(job, job->data.std.count ? "data.std" : "data.mean",
                           "needs the other one: data.mean has %d numbers, data.std %d",
                           job->data.mean.count, job->data.std.count);
  }
  if (job->data.mean.count && !job->data.standardize) {
    return ddla_job_refuse(job, "data.mean",
                           "is given, but data.standardize is false; remove one of them");
  }
  if (is(job->data.on_error, "skip") && is(job->data.verify, "index"))
    return ddla_job_refuse(job, "data.on_error",
                           "is skip, but with data.verify index nobody looks for damage; use all");
  if (*job->data.validation && job->data.validation_fraction > 0) {
    return ddla_job_refuse(job, "data.validation_fraction",
                           "and data.validation are both given; keep one of them");
  }
  return DDLA_OK;
}

static ddla_status check_model(const ddla_job *job) {
  bool layers = is(job->model.kind, "layers");
  if (layers && !job->model.layers) {
    return ddla_job_refuse(job, "model.kind", "is layers, but model.layers lists none");
  }
  if (!layers && job->model.layers) {
    return ddla_job_refuse(job, "model.layers",
                           "is read only with 'kind: layers', but model.kind is %s",
                           job->model.kind);
  }
  return DDLA_OK;
}

static ddla_status check_batch(const ddla_job *job) {
  int64_t batch = job->train.batch, shards = job->train.shards;
  if (shards > batch) {
    return ddla_job_refuse(
        job, ddla_job_is_given(job, "train.shards") ? "train.shards" : "train.batch",
        "does not fit: %lld shards cannot be cut from a batch of %lld samples; lower "
        "train.shards or raise train.batch",
        (long long)shards, (long long)batch);
  }
  int64_t largest = (batch + shards - 1) / shards;
  if (job->train.micro_batch > largest) {
    return ddla_job_refuse(
        job, "train.micro_batch",
        "is %lld, but a shard has at most %lld samples (train.batch %lld in %lld shards)",
        (long long)job->train.micro_batch, (long long)largest, (long long)batch, (long long)shards);
  }
  if (job->parallel.agents > shards) {
    return ddla_job_refuse(
        job, "parallel.agents",
        "is %lld, but train.shards is %lld and every agent needs a shard; use fewer agents "
        "or more shards (more shards change the result's bits)",
        (long long)job->parallel.agents, (long long)shards);
  }
  return DDLA_OK;
}

static ddla_status check_length(const ddla_job *job) {
  if (job->train.epochs == 0 && job->train.steps == 0) {
    return ddla_job_refuse(job, "train.epochs",
                           "and train.steps are both 0; the run would have no end");
  }
  if (job->train.nesterov && job->train.momentum <= 0) {
    return ddla_job_refuse(job, "train.nesterov", "needs train.momentum above 0");
  }
  if (job->train.gradient_delay > 0 &&
      (!is(job->train.optimizer, "sgd") || job->train.momentum <= 0))
    return ddla_job_refuse(job, "train.gradient_delay",
                           "makes up for momentum that gradients have missed; it needs "
                           "train.optimizer sgd and train.momentum above 0");
  return DDLA_OK;
}

static ddla_status check_validation(const ddla_job *job) {
  bool validated = *job->data.validation || job->data.validation_fraction > 0;
  static const char needs[] =
      "needs validation samples; give data.validation or data.validation_fraction "
      "(test samples are never used to choose)";
  if (job->train.patience > 0 && !validated)
    return ddla_job_refuse(job, "train.patience", "%s", needs);
  if (job->train.keep_best && !validated)
    return ddla_job_refuse(job, "train.keep_best", "%s", needs);
  return DDLA_OK;
}

static ddla_status check_asynchronous(const ddla_job *job) {
  const bool bounded = is(job->sync.method, "bounded"), gossip = is(job->sync.method, "gossip");
  if (bounded && job->sync.staleness < 0)
    return ddla_job_refuse(job, "sync.staleness",
                           "is %lld, but bounded keeps a bound: 0 or more steps",
                           (long long)job->sync.staleness);
  if (gossip && job->sync.servers > 0)
    return ddla_job_refuse(job, "sync.servers",
                           "is %lld, but with gossip there are none: every host updates a model of "
                           "its own; leave it out",
                           (long long)job->sync.servers);
  return DDLA_OK;
}

/* A step may lack all shards but one. */
static ddla_status check_backup(const ddla_job *job) {
  if (!is(job->sync.method, "backup") || job->sync.backup < job->train.shards) return DDLA_OK;
  return ddla_job_refuse(job, "sync.backup",
                         "is %lld, but a step has %lld shards (train.shards), and would wait for "
                         "none of them; lower it",
                         (long long)job->sync.backup, (long long)job->train.shards);
}

static ddla_status check_sync(const ddla_job *job) {
  const bool accumulated = is(job->sync.mode, "accumulated");
  if (is(job->sync.mode, "asynchronous")) DDLA_TRY(check_asynchronous(job));
  if (is(job->sync.mode, "synchronous")) DDLA_TRY(check_backup(job));
  if ((job->sync.damping || job->sync.compensation > 0) && !is(job->sync.method, "push"))
    return ddla_job_refuse(job, job->sync.damping ? "sync.damping" : "sync.compensation",
                           "is set, but only sync.method push applies single contributions; leave "
                           "it out");
  if (job->sync.interval > 1 && !accumulated)
    return ddla_job_refuse(job, "sync.interval",
                           "is %lld, but agents wait for each other in every step; set sync.mode: "
                           "accumulated and a sync.method of it, or leave it out",
                           (long long)job->sync.interval);
  if (job->sync.penalty_ratio > 0 && job->sync.penalty_ratio < 1)
    return ddla_job_refuse(job, "sync.penalty_ratio",
                           "is %g, but it must be 0 (the penalty stays) or at least 1",
                           job->sync.penalty_ratio);
  if (accumulated && is(job->sync.method, "admm") && job->sync.penalty <= 0)
    return ddla_job_refuse(job, "sync.penalty",
                           "is 0: nothing would draw replicas to the global model");
  return DDLA_OK;
}

static ddla_status check_segments(const ddla_job *job) {
  ddla_job_segments segments;
  ddla_status status = DDLA_OK;
  if (!job->sync.schedule) return DDLA_OK;
  DDLA_TRY(ddla_job_segments_of(&segments, job));
  for (int i = 1; i < segments.count && status == DDLA_OK; i++) {
    status = check_sync(segments.at[i].job);
    if (status != DDLA_OK) status = ddla_job_segment_blame(status, i);
  }
  ddla_job_segments_fini(&segments);
  return status;
}

/* What sends samples, and what gives all hosts a set of their own before they train. */
static ddla_status check_share(const ddla_job *job) {
  const char *mode = job->share.mode;
  const bool before = is(mode, "broadcast") || is(mode, "gather");
  if (job->data.private && !is(mode, "none") && !is(mode, "tiered"))
    return ddla_job_refuse(
        job, "data.private",
        "is true, but share.mode %s sends samples to other hosts; use share.mode "
        "none",
        mode);
  if (before && is(job->data.partition, "files"))
    return ddla_job_refuse(job, "data.partition",
                           "is files, by which every host has data of its own, but with share.mode "
                           "%s all hosts get the same; use another partition, or share.mode none",
                           mode);
  if (is(mode, "tiered") && is(job->data.partition, "files"))
    return ddla_job_refuse(job, "data.partition",
                           "is files, which every host reads for itself, but share.mode tiered "
                           "fetches one set's samples for all; use one of them");
  if (before && job->parallel.hosts > 1)
    return ddla_job_refuse(job, "share.mode",
                           "is %s, but the hosts that parallel.hosts plays are one machine, which "
                           "reads the data once for all of them; use none, or start hosts by MPI",
                           mode);
  if (before && !*job->share.directory)
    return ddla_job_refuse(job, "share.mode",
                           "is %s, but share.directory is empty; say where each host is to keep "
                           "the set",
                           mode);
  return DDLA_OK;
}

ddla_status ddla_job_check(const ddla_job *job) {
  ddla_status status = check_data(job);
  if (status == DDLA_OK) status = check_model(job);
  if (status == DDLA_OK) status = check_batch(job);
  if (status == DDLA_OK) status = check_length(job);
  if (status == DDLA_OK) status = check_sync(job);
  if (status == DDLA_OK) status = check_segments(job);
  if (status == DDLA_OK) status = check_validation(job);
  if (status == DDLA_OK) status = check_share(job);
  return status;
}
