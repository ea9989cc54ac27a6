#include "train/training.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "data/batch.h"
#include "data/united.h"
#include "graph/plan.h"
#include "optim/norm.h"
#include "state/state.h"
#include "train/coding.h"
#include "train/combination.h"
#include "train/feed/loading.h"
#include "train/feed/owned.h"
#include "train/feed/supply.h"
#include "train/feed/swapping.h"
#include "train/feed/tiered.h"
#include "train/feed/withheld.h"
#include "train/identity.h"
#include "train/plugins.h"
#include "train/run/run.h"
#include "train/seating.h"
#include "train/segments.h"
#include "train/shared.h"
#include "train/trainer.h"

enum { SHARDS_MAX = 65536 }; /* as of train.shards */

static const char *text_or_null(const char *text) { return text[0] ? text : NULL; }

ddla_data_source ddla_training_source(const ddla_job *job, const ddla_plugins *plugins,
                                      const char *path, ddla_data_part part) {
  ddla_data_source source = {.path = path,
                             .part = part,
                             .label_column = text_or_null(job->data.label),
                             .key_column = text_or_null(job->data.partition_key),
                             .trusts_features = strcmp(job->data.verify, "index") == 0,
                             .skips_damaged = strcmp(job->data.on_error, "skip") == 0,
                             .features = text_or_null(job->data.features),
                             .formats = plugins ? plugins->format : NULL,
                             .format_count = plugins ? plugins->format_count : 0};
  /* What other hosts have sent is a prepared set, whatever the source was. */
  const bool sent = job->share.directory[0] && strcmp(path, job->share.directory) == 0;
  if (strcmp(job->data.format, "auto") != 0 && !sent) source.format = job->data.format;
  if (strcmp(job->data.header, "auto") != 0)
    source.header = job->data.header[0] == 'y' ? DDLA_DATA_HEADER_YES : DDLA_DATA_HEADER_NO;
  if (job->data.size.count == 2) {
    source.shape.height = job->data.size.at[0];
    source.shape.width = job->data.size.at[1];
  }
  source.shape.channels = job->data.channels;
  const ddla_task *task = ddla_task_find(plugins, job->task.kind);
  if (!task || !task->format) return source;
  if (!source.format && !ddla_dataset_is_prepared(path)) source.format = task->format;
  source.window = job->model.window;
  return source;
}

static bool same_shape(const ddla_dataset *a, const ddla_dataset *b) {
  ddla_data_shape x = ddla_dataset_shape(a), y = ddla_dataset_shape(b);
  return x.height == y.height && x.width == y.width && x.channels == y.channels;
}

/* Another part must look like the training part; its classes get the training part's numbers. */
static ddla_status fit_part(const ddla_training *training, ddla_dataset *part, const char *key) {
  if (!same_shape(training->whole, part)) {
    ddla_data_shape x = ddla_dataset_shape(training->whole), y = ddla_dataset_shape(part);
    return ddla_job_refuse(training->job, key,
                           "has samples of %lld x %lld x %lld, data.train of %lld x %lld x %lld",
                           (long long)y.height, (long long)y.width, (long long)y.channels,
                           (long long)x.height, (long long)x.width, (long long)x.channels);
  }
  if (ddla_dataset_targets(training->whole) != ddla_dataset_targets(part))
    return ddla_job_refuse(training->job, key, "has %lld targets for each sample, data.train %lld",
                           (long long)ddla_dataset_targets(part),
                           (long long)ddla_dataset_targets(training->whole));
  return ddla_withheld_told(training, key, ddla_dataset_match_classes(part, training->whole));
}

/* Sizes that the job asks for and a format did not bring about. */
static ddla_status check_shape(const ddla_training *training) {
  const ddla_job *job = training->job;
  ddla_data_shape shape = ddla_dataset_shape(training->whole);
  if (job->data.size.count == 2 &&
      (job->data.size.at[0] != shape.height || job->data.size.at[1] != shape.width))
    return ddla_job_refuse(
        job, "data.size",
        "is for images in folders, which are scaled; these samples are %lld x %lld",
        (long long)shape.height, (long long)shape.width);
  if (job->data.channels > 0 && job->data.channels != shape.channels)
    return ddla_job_refuse(job, "data.channels",
                           "is for images in folders, which are converted; these samples have %lld",
                           (long long)shape.channels);
  return DDLA_OK;
}

void ddla_training_sources(ddla_data_source source[DDLA_TRAINING_PARTS], const ddla_job *job,
                           const ddla_plugins *plugins) {
  const char *train = job->data.train;
  const ddla_data_source beside = ddla_training_source(job, plugins, train, DDLA_DATA_TEST);
  memset(source, 0, DDLA_TRAINING_PARTS * sizeof *source);
  source[DDLA_DATA_TRAIN] = ddla_training_source(job, plugins, train, DDLA_DATA_TRAIN);
  if (job->data.test[0])
    source[DDLA_DATA_TEST] = ddla_training_source(job, plugins, job->data.test, DDLA_DATA_TEST);
  else if (ddla_dataset_has_part(&beside)) source[DDLA_DATA_TEST] = beside;
  if (job->data.validation[0])
    source[DDLA_DATA_VALIDATION] =
        ddla_training_source(job, plugins, job->data.validation, DDLA_DATA_VALIDATION);
}

/* Those that tiers fetch where they lie, the others into memory. */
static ddla_status open_sets(ddla_dataset **set, ddla_training *training,
                             const ddla_data_source *source, int count) {
  ddla_data_source near[3];
  ddla_dataset *opened[3] = {NULL};
  int place[3], many = 0;
  for (int i = 0; i < count; i++) {
    if (ddla_tiered_wants(training, &source[i])) {
      DDLA_TRY(ddla_tiered_open_data(&set[i], training, &source[i]));
    } else {
      place[many] = i;
      near[many++] = source[i];
    }
  }
  if (many == 0) return DDLA_OK;
  DDLA_TRY(ddla_dataset_open_all(opened, near, many));
  for (int i = 0; i < many; i++) set[place[i]] = opened[i];
  return DDLA_OK;
}

/* A test part beside training samples that are elsewhere. */
static ddla_status find_test(ddla_data_source *out, ddla_training *training) {
  const ddla_job *job = training->job;
  const ddla_data_source beside =
      ddla_training_source(job, training->plugins, job->data.train, DDLA_DATA_TEST);
  bool has_test = false;
  if (job->data.test[0] || !ddla_tiered_wants(training, &beside)) return DDLA_OK;
  DDLA_TRY(ddla_tiered_has_part(&has_test, training, &beside));
  if (has_test) *out = beside;
  return DDLA_OK;
}

static ddla_status refuse_address(const ddla_job *job) {
  if (!ddla_origin_is_address(job->data.train) || strcmp(job->share.mode, "tiered") == 0)
    return DDLA_OK;
  return ddla_job_refuse(job, "data.train",
                         "is an address, and with share.mode %s data are files; set share.mode: "
                         "tiered",
                         job->share.mode);
}

static ddla_status open_data(ddla_training *training) {
  const ddla_job *job = training->job;
  ddla_data_source all[DDLA_TRAINING_PARTS], source[DDLA_TRAINING_PARTS];
  ddla_dataset *set[DDLA_TRAINING_PARTS] = {NULL};
  int count = 1, validation = 0, test = 0;
  if (ddla_owned_wanted(job)) return ddla_owned_open(training);
  DDLA_TRY(refuse_address(job));
  ddla_training_sources(all, job, training->plugins);
  DDLA_TRY(find_test(&all[DDLA_DATA_TEST], training));
  source[0] = all[DDLA_DATA_TRAIN];
  if (all[DDLA_DATA_TEST].path) source[test = count++] = all[DDLA_DATA_TEST];
  if (all[DDLA_DATA_VALIDATION].path) source[validation = count++] = all[DDLA_DATA_VALIDATION];
  const ddla_status status = open_sets(set, training, source, count);
  training->whole = set[0]; /* what was opened is closed with the training */
  if (test) training->test = set[test];
  if (validation) training->validation = set[validation];
  DDLA_TRY(ddla_withheld_told(training, "data.train, data.validation or data.test", status));
  DDLA_TRY(ddla_tiered_check(training));
  DDLA_TRY(check_shape(training));
  if (test) DDLA_TRY(fit_part(training, training->test, "data.test"));
  if (validation) DDLA_TRY(fit_part(training, training->validation, "data.validation"));
  training->train = training->whole;
  if (job->data.validation_fraction > 0)
    DDLA_TRY(ddla_dataset_split(&training->train, &training->validation, training->whole,
                                job->data.validation_fraction, (uint64_t)job->train.seed));
  return DDLA_OK;
}

/* What is for images alone. */
static ddla_status check_text(const ddla_training *training) {
  static const char *const keys[] = {"data.shift", "data.flip", "data.cutout", "data.mean"};
  const ddla_job *job = training->job;
  const bool set[] = {job->data.shift > 0, job->data.flip, job->data.cutout > 0,
                      job->data.mean.count > 0};
  if (ddla_dataset_type(training->whole) != DDLA_DATA_TOKENS) return DDLA_OK;
  for (int i = 0; i < 4; i++)
    if (set[i])
      return ddla_job_refuse(job, keys[i], "is for images and rows of numbers, not texts");
  return DDLA_OK;
}

static ddla_status check_labels(const ddla_training *training) {
  const ddla_job *job = training->job;
  int classes = ddla_dataset_classes(training->whole);
  const bool has_targets = ddla_dataset_targets(training->whole) > 0;
  if (training->task->of_targets && !has_targets)
    return ddla_job_refuse(job, "data.train", "has samples without targets, and %s needs them",
                           job->task.kind);
  if (training->task->of_targets) return DDLA_OK;
  if (classes == 0)
    return ddla_job_refuse(job, "data.train", "has samples without labels, and %s needs them",
                           job->task.kind);
  if (job->data.classes > 0 && classes > job->data.classes)
    return ddla_job_refuse(job, "data.classes", "is %lld, but the data have %d classes",
                           (long long)job->data.classes, classes);
  return DDLA_OK;
}

/* Mean and deviation by channel: given, those of the training samples, or none. */
static ddla_status make_moments(ddla_training *training) {
  const ddla_job *job = training->job;
  int64_t channels = training->channels = ddla_dataset_shape(training->whole).channels;
  if (!job->data.standardize || ddla_dataset_type(training->whole) == DDLA_DATA_TOKENS)
    return DDLA_OK;
  DDLA_TRY(DDLA_NEW(training->mean, channels));
  DDLA_TRY(DDLA_NEW(training->deviation, channels));
  bool given = job->data.mean.count > 0;
  if (given && (job->data.mean.count != channels || job->data.std.count != channels))
    return ddla_job_refuse(job, "data.mean", "and data.std need %lld numbers each, one per channel",
                           (long long)channels);
  if (!given && training->owned)
    DDLA_TRY(ddla_owned_moments(training->mean, training->deviation, training));
  else if (!given) ddla_dataset_moments(training->mean, training->deviation, training->train);
  for (int64_t c = 0; given && c < channels; c++) {
    training->mean[c] = (float)job->data.mean.at[c];
    training->deviation[c] = (float)job->data.std.at[c];
  }
  return DDLA_OK;
}

static ddla_status choose_optimizer(ddla_training *training) {
  const ddla_job *job = training->job;
  int count = 0, index = 0;
  const ddla_optimizer *const *rows = ddla_optimizer_table(&count);
  const char *names[32];
  for (int i = 0; i < count && i < 32; i++) names[i] = rows[i]->name;
  DDLA_TRY(ddla_job_choose(&index, job, "train.optimizer", names, count));
  training->optimizer = rows[index];
  training->optimizer_options = (ddla_optimizer_options){.momentum = job->train.momentum,
                                                         .nesterov = job->train.nesterov,
                                                         .gradient_delay =
                                                             (int)job->train.gradient_delay,
                                                         .centered = job->train.centered,
                                                         .beta1 = job->train.beta1,
                                                         .beta2 = job->train.beta2,
                                                         .epsilon = job->train.epsilon,
                                                         .clip_update = job->train.clip_update,
                                                         .least_scale = job->train.least_scale};
  return ddla_optimizer_check(&training->optimizer_options);
}

static void choose_average(ddla_training *training) {
  const char *word = training->job->train.average;
  training->average = strcmp(word, "ema") == 0   ? DDLA_AVERAGE_EMA
                      : strcmp(word, "swa") == 0 ? DDLA_AVERAGE_SWA
                                                 : DDLA_AVERAGE_NONE;
  training->average_from = training->job->train.average_from;
}

/* Sums by the library between hosts; a host's own are in the tree. */
static ddla_status choose_reduction(ddla_training *training) {
  const ddla_job *job = training->job;
  const bool asked = strcmp(job->sync.reduction, "fast") == 0;
  if (asked && strcmp(training->strategy->mode, "synchronous") != 0)
    return ddla_job_refuse(job, "sync.reduction",
                           "is fast, but what hosts exchange with sync.mode %s is added up "
                           "in the fixed order; use tree",
                           job->sync.mode);
  training->fast = asked && training->cluster.hosts > 1;
  if (!training->fast) return DDLA_OK;
  if (strcmp(training->strategy->method, "allreduce") != 0)
    return ddla_job_refuse(job, "sync.reduction",
                           "is fast, which gives the whole sum to all hosts, and sync.method %s "
                           "gives it to one; use tree, or sync.method allreduce",
                           training->strategy->method);
  if (job->parallel.hosts > 1)
    return ddla_job_refuse(job, "sync.reduction",
                           "is fast, which leaves sums between hosts to an MPI library, and hosts "
                           "that parallel.hosts plays have none; use tree");
  return DDLA_OK;
}

static ddla_status choose_strategy(ddla_training *training) {
  enum { NAMES_MAX = 32 };
  const char *mode = training->job->sync.mode, *names[NAMES_MAX];
  int count = 0, index = 0, methods = 0;
  const ddla_strategy *const *rows = ddla_strategy_table(&count);
  for (int i = 0; i < count && methods < NAMES_MAX; i++)
    if (strcmp(rows[i]->mode, mode) == 0) names[methods++] = rows[i]->method;
  DDLA_TRY(ddla_job_choose(&index, training->job, "sync.method", names, methods));
  training->strategy = ddla_strategy_find(mode, names[index]);
  return DDLA_OK;
}

static bool is_apart(const ddla_job *job) {
  const ddla_strategy *strategy = ddla_strategy_find(job->sync.mode, job->sync.method);
  return strategy && (strategy->replicated || strategy->claims) &&
         strcmp(job->sync.replica, "agent") == 0;
}

bool ddla_training_shares(const ddla_training *training) {
  const char *mode = training->job->share.mode;
  return strcmp(mode, "tiered") == 0 || strcmp(mode, "exchange") == 0;
}

bool ddla_training_has_replicas(const ddla_job *job) {
  ddla_job_segments segments;
  bool found = false;
  if (ddla_job_segments_of(&segments, job) != DDLA_OK) return false; /* refused elsewhere */
  for (int i = 0; i < segments.count; i++) found |= is_apart(segments.at[i].job);
  ddla_job_segments_fini(&segments);
  return found;
}

bool ddla_training_varies(const ddla_training *training) {
  const ddla_job *job = training->job;
  const char *method = training->strategy->method;
  if (!training->strategy->claims || training->cluster.hosts == 1) return false;
  if (strcmp(method, "bounded") == 0) return job->sync.staleness > 0;
  if (strcmp(method, "backup") == 0) return job->sync.backup > 0;
  return true;
}

static ddla_status choose_heterogeneity(ddla_training *training) {
  enum { NAMES_MAX = 32 };
  const char *names[NAMES_MAX];
  int count = 0, index = 0;
  for (; count < NAMES_MAX && ddla_heterogeneity_at(count); count++)
    names[count] = ddla_heterogeneity_at(count)->name;
  DDLA_TRY(ddla_job_choose(&index, training->job, "sync.heterogeneity", names, count));
  training->heterogeneity = ddla_heterogeneity_at(index);
  return DDLA_OK;
}

ddla_sync_rule ddla_training_rule(const ddla_training *training) {
  const ddla_job *job = training->job;
  return (ddla_sync_rule){.interval = job->sync.interval,
                          .after = job->sync.after,
                          .outer_learning_rate = job->sync.outer_learning_rate,
                          .outer_momentum = job->sync.outer_momentum,
                          .fragments = job->sync.fragments,
                          .delay = job->sync.delay,
                          .mixing = job->sync.mixing,
                          .carry = job->sync.carry,
                          .moving_rate = job->sync.moving_rate,
                          .penalty = job->sync.penalty,
                          .penalty_ratio = job->sync.penalty_ratio,
                          .proximal = job->sync.proximal,
                          .staleness = job->sync.staleness,
                          .servers = job->sync.servers,
                          .damped = job->sync.damping,
                          .compensation = job->sync.compensation,
                          .backup = job->sync.backup,
                          .meet_every = {training->batches_per_epoch, job->checkpoint.every_steps,
                                         job->train.measure_every}};
}

/* Who is a replica is one for the whole run, as who is a host. */
static ddla_status check_replica(const ddla_training *training, const ddla_job *whole) {
  const ddla_job *job = training->job;
  const bool copies = training->strategy->replicated || training->strategy->claims;
  if (!copies || is_apart(job) || !ddla_training_has_replicas(whole)) return DDLA_OK;
  return ddla_job_refuse(job, "sync.replica",
                         "is %s, but in another part of the run every agent has a model of its "
                         "own; give all parts the same",
                         job->sync.replica);
}

/* Batches whose gradients make one update. */
static int64_t batches_of_step(const ddla_training *training) {
  return training->strategy->accumulates ? training->job->sync.interval : 1;
}

/* Of the steps of an epoch, those that train.last_batch leaves in. */
static ddla_status count_batches(ddla_training *training) {
  const ddla_job *job = training->job;
  const int64_t samples = ddla_dataset_count(training->train);
  training->batch = job->train.batch * batches_of_step(training);
  training->batches_per_epoch = strcmp(job->train.last_batch, "drop") == 0
                                    ? samples / training->batch
                                    : ddla_batch_count(samples, training->batch);
  if (training->batches_per_epoch > 0) return DDLA_OK;
  return ddla_job_refuse(job, "train.last_batch",
                         "is drop, but all %lld training samples do not fill the %lld of one step; "
                         "lower train.batch, or keep the last batch",
                         (long long)samples, (long long)training->batch);
}

static void work_out_steps(ddla_training *training) {
  const ddla_job *job = training->job;
  training->epochs = job->train.epochs;
  training->total_steps = training->batches_per_epoch * job->train.epochs;
  if (job->train.steps > 0) {
    training->total_steps = job->train.steps;
    training->epochs =
        (training->total_steps + training->batches_per_epoch - 1) / training->batches_per_epoch;
  }
  int64_t shard = ddla_batch_shard_bound(training->batch, training->shards);
  training->micro_batch =
      job->train.micro_batch > 0 && job->train.micro_batch < shard ? job->train.micro_batch : shard;
  training->direct = training->micro_batch == shard;
  training->dynamic = strcmp(job->parallel.balance, "dynamic") == 0;
}

static void make_schedule(ddla_training *training) {
  const ddla_job *job = training->job;
  int kind = ddla_rate_schedule_find(job->train.schedule);
  training->schedule =
      (ddla_rate_schedule){.kind = (ddla_rate_schedule_kind)kind,
                           .rate = job->train.learning_rate,
                           .warmup_steps = job->train.warmup_steps,
                           .final = job->train.final_learning_rate,
                           .every = job->train.step_every * training->batches_per_epoch,
                           .gamma = job->train.step_factor};
}

/* Every agent is a host of its own. */
static ddla_status make_replicas(ddla_cluster *cluster, const ddla_training *training) {
  const ddla_job *job = training->job;
  if (training->agents > DDLA_HOSTS_MAX)
    return ddla_job_refuse(job, "parallel.agents",
                           "is %d, but there may be at most %d replicas; let the agents of a host "
                           "be one (sync.replica: host)",
                           training->agents, DDLA_HOSTS_MAX);
  if (ddla_job_is_given(job, "parallel.hosts") && job->parallel.hosts != training->agents)
    return ddla_job_refuse(job, "parallel.hosts",
                           "is %lld, but every one of %d agents is a replica with a state of its "
                           "own; leave it out, or set sync.replica: host",
                           (long long)job->parallel.hosts, training->agents);
  cluster->hosts = training->agents;
  return DDLA_OK;
}

/* Where it is not known who is where, agents are shared out among the hosts that this machine
 * plays. */
static ddla_status place_agents(ddla_training *training) {
  const ddla_job *job = training->job;
  ddla_cluster *cluster = &training->cluster;
  if (cluster->hosts > 0) {
    training->agents = ddla_cluster_agents(cluster);
    return DDLA_OK;
  }
  *cluster = (ddla_cluster){.hosts = (int)job->parallel.hosts};
  if (ddla_training_has_replicas(job)) DDLA_TRY(make_replicas(cluster, training));
  if (cluster->hosts > training->agents)
    return ddla_job_refuse(job, "parallel.hosts",
                           "is %d, and each needs an agent: raise parallel.agents, which is %d",
                           cluster->hosts, training->agents);
  for (int h = 0; h <= cluster->hosts; h++)
    cluster->first[h] = training->agents * h / cluster->hosts;
  cluster->beside = training->agents;
  return DDLA_OK;
}

static ddla_status check_group(ddla_training *training) {
  const ddla_job *job = training->job;
  training->agents = (int)job->parallel.agents;
  if (batches_of_step(training) > SHARDS_MAX / job->train.shards)
    return ddla_job_refuse(job, "sync.interval",
                           "is %lld: so many batches of %lld shards are more than %d shards; lower "
                           "it, or train.shards",
                           (long long)job->sync.interval, (long long)job->train.shards, SHARDS_MAX);
  training->shards = (int)(job->train.shards * batches_of_step(training));
  DDLA_TRY(place_agents(training));
  if (training->agents > training->shards)
    return ddla_job_refuse(job, "parallel.agents",
                           "is %d, and so many agents cannot share %d shards; raise train.shards "
                           "to at least %d or start fewer",
                           training->agents, training->shards, training->agents);
  if (ddla_cluster_here(&training->cluster) > DDLA_TRANSPORT_RANKS_MAX)
    return ddla_job_refuse(job, "parallel.agents",
                           "is %d, but at most %d agents run on one machine", training->agents,
                           DDLA_TRANSPORT_RANKS_MAX);
  training->lanes = (int)job->parallel.lanes;
  const int here = training->cluster.beside > 0 ? training->cluster.beside
                                                : ddla_cluster_here(&training->cluster);
  if (training->lanes == 0) training->lanes = ddla_machine_processors() / here;
  int most =
      (training->shards + training->agents - 1) / training->agents; /* more would stay idle */
  if (training->lanes > most) training->lanes = most;
  if (training->lanes < 1) training->lanes = 1;
  return DDLA_OK;
}

ddla_cpu_level ddla_training_isa(const ddla_job *job) {
  if (strcmp(job->parallel.isa, "common") == 0) return ddla_cpu_has();
  return ddla_cpu_find(job->parallel.isa);
}

static ddla_status check_isa(ddla_training *training) {
  training->isa = ddla_training_isa(training->job);
  if (training->isa == DDLA_CPU_LEVELS || training->isa <= ddla_cpu_has()) return DDLA_OK;
  return ddla_job_refuse(training->job, "parallel.isa",
                         "is %s, but this machine's processor has no more than %s; name that one, "
                         "or common for the best that all machines have",
                         ddla_cpu_name(training->isa), ddla_cpu_name(ddla_cpu_has()));
}

static ddla_status check_samples(const ddla_training *training) {
  int64_t samples = ddla_dataset_count(training->train);
  if (samples >= training->shards) return DDLA_OK;
  return ddla_job_refuse(
      training->job, "data.train",
      "has %lld samples, fewer than train.shards (%d); give more data or fewer shards",
      (long long)samples, training->shards);
}

static ddla_status name_classes(ddla_training *training, int64_t classes) {
  DDLA_TRY(DDLA_NEW(training->class_names, classes));
  int known = ddla_dataset_classes(training->whole);
  for (int64_t c = 0; c < classes; c++)
    training->class_names[c] =
        c < known ? ddla_dataset_class_name(training->whole, (int)c) : "(not in the data)";
  return DDLA_OK;
}

static ddla_status make_board(ddla_training *training) {
  void *board = mmap(NULL, sizeof *training->board, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (board == MAP_FAILED) return DDLA_FAIL(NO_MEMORY, "no memory to share with agents");
  training->board = board;
  return DDLA_OK;
}

static ddla_status build(ddla_training *training, int64_t classes) {
  const ddla_dataset *set = training->whole;
  return ddla_task_build(&training->graph,
                         &(ddla_task_use){.task = training->task,
                                          .job = training->job,
                                          .own = training->own.model,
                                          .plugins = training->plugins,
                                          .data = {.shape = ddla_dataset_shape(set),
                                                   .type = ddla_dataset_type(set),
                                                   .classes = classes,
                                                   .targets = ddla_dataset_targets(set)}});
}

static ddla_status choose_task(ddla_training *training) {
  enum { NAMES_MAX = 64 };
  int count = 0, index = 0;
  const ddla_task *const *table = ddla_task_table(&count), *rows[NAMES_MAX];
  const char *names[NAMES_MAX];
  for (int i = 0; i < count; i++) rows[i] = table[i];
  for (int i = 0; i < training->plugins->task_count && count < NAMES_MAX; i++)
    rows[count++] = training->plugins->task[i];
  for (int i = 0; i < count; i++) names[i] = rows[i]->name;
  DDLA_TRY(ddla_job_choose(&index, training->job, "task.kind", names, count));
  training->task = rows[index];
  return DDLA_OK;
}

/* Steps of all segments are of one batch: epochs and the learning rate's schedule count them. */
static ddla_status check_batches(const ddla_training *training) {
  if (training->job->train.batch * batches_of_step(training) == training->batch) return DDLA_OK;
  return ddla_job_refuse(training->job, "sync.method",
                         "is %s: a step would be of another number of batches than before, and "
                         "epochs and the learning rate's schedule count steps; choose another",
                         training->strategy->method);
}

ddla_status ddla_training_change_sync(ddla_training *training, const ddla_job *job) {
  const ddla_job *whole = training->job;
  training->job = job;
  training->codec = NULL;
  DDLA_TRY(choose_strategy(training));
  DDLA_TRY(ddla_coding_choose(training));
  DDLA_TRY(choose_heterogeneity(training));
  DDLA_TRY(check_batches(training));
  DDLA_TRY(check_replica(training, whole));
  DDLA_TRY(choose_reduction(training));
  return ddla_combination_check(training);
}

/* What is done before hosts can meet that have data of their own. */
static ddla_status prepare_alone(ddla_training *training) {
  const ddla_job *job = training->job;
  DDLA_TRY(ddla_train_plugins(&training->plugins, job, training->own.plugin));
  DDLA_TRY(ddla_job_check(job));
  DDLA_TRY(choose_strategy(training));
  DDLA_TRY(ddla_coding_choose(training));
  DDLA_TRY(choose_heterogeneity(training));
  DDLA_TRY(check_group(training));
  DDLA_TRY(ddla_ahead_read(&training->ahead_wanted, job));
  DDLA_TRY(check_isa(training));
  DDLA_TRY(choose_task(training));
  DDLA_TRY(choose_optimizer(training));
  DDLA_TRY(choose_reduction(training));
  choose_average(training);
  return open_data(training);
}

/* Of whoever's parts: sizes that were asked for, and everybody's other sets. */
static ddla_status fit_owned(const ddla_training *training) {
  if (!training->owned) return DDLA_OK;
  DDLA_TRY(check_shape(training));
  if (training->test && ddla_dataset_pieces(training->test) == 0)
    DDLA_TRY(fit_part(training, training->test, "data.test"));
  if (training->validation && ddla_dataset_pieces(training->validation) == 0)
    DDLA_TRY(fit_part(training, training->validation, "data.validation"));
  return DDLA_OK;
}

static ddla_status prepare(ddla_training *training, bool started_here) {
  const ddla_job *job = training->job;
  DDLA_TRY(ddla_owned_meet(training, prepare_alone(training)));
  DDLA_TRY(fit_owned(training));
  DDLA_TRY(check_text(training));
  DDLA_TRY(check_labels(training));
  DDLA_TRY(check_samples(training));
  DDLA_TRY(make_moments(training));
  DDLA_TRY(count_batches(training));
  work_out_steps(training);
  make_schedule(training);
  DDLA_TRY(ddla_rate_schedule_check(&training->schedule));
  DDLA_TRY(ddla_segments_prepare(training));
  DDLA_TRY(check_replica(training, job));
  int64_t classes =
      job->data.classes > 0 ? job->data.classes : ddla_dataset_classes(training->whole);
  DDLA_TRY(build(training, classes));
  DDLA_TRY(name_classes(training, training->graph.classes));
  DDLA_TRY(ddla_combination_check(training));
  DDLA_TRY(ddla_segments_check(training));
  DDLA_TRY(ddla_supply_prepare(training));
  DDLA_TRY(make_board(training));
  return started_here ? ddla_seating_here(training) : DDLA_OK;
}

ddla_status ddla_training_prepare(ddla_training **out, const ddla_job *job,
                                  const ddla_training_own *own, const ddla_cluster *cluster,
                                  int64_t start_ns) {
  ddla_training *training = NULL;
  DDLA_TRY(DDLA_NEW(training, 1));
  training->job = job;
  if (own) training->own = *own;
  training->seed = (uint64_t)job->train.seed;
  training->precision = ddla_precision_of(job->train.precision);
  training->start_ns = start_ns;
  if (cluster) training->cluster = *cluster;
  training->played = cluster == NULL;
  ddla_status status = prepare(training, cluster == NULL);
  if (status != DDLA_OK) {
    ddla_training_destroy(training);
    return status;
  }
  *out = training;
  return DDLA_OK;
}

ddla_sync_split ddla_training_split(const ddla_training *training) {
  int first = 0, end = 0;
  ddla_sync_part_of(&first, &end, training->strategy, &training->cluster, training->shards);
  return (ddla_sync_split){.cluster = &training->cluster,
                           .lanes = training->lanes,
                           .shards = end - first,
                           .direct = training->direct,
                           .dynamic = training->dynamic};
}

void ddla_training_destroy(ddla_training *training) {
  if (!training) return;
  ddla_task_graph_fini(&training->graph);
  ddla_parts_destroy(training->parts);
  if (training->train != training->whole) ddla_dataset_close(training->train);
  ddla_dataset_close(training->validation);
  ddla_dataset_close(training->test);
  ddla_dataset_close(training->whole);
  ddla_owned_destroy(training);
  ddla_tiered_close_data(training);
  ddla_segments_destroy(training);
  ddla_binding_destroy(training->binding);
  ddla_free(training->class_names);
  ddla_free(training->mean);
  ddla_free(training->deviation);
  ddla_run_release(training);
  if (training->board) munmap(training->board, sizeof *training->board);
  ddla_plugins_destroy(training->plugins); /* last: graph and formats are rows of it */
  ddla_free(training);
}

static ddla_status arena_estimate(size_t *out, const ddla_training *training) {
  ddla_plan_options options = {.batch = training->micro_batch,
                               .training = true,
                               .loss = training->graph.loss,
                               .precision = training->precision,
                               .kernel = "reference"};
  ddla_plan *plan = NULL;
  DDLA_TRY(ddla_plan_create(&plan, training->graph.graph, &options));
  *out = ddla_plan_arena_bytes(plan);
  ddla_plan_destroy(plan);
  return DDLA_OK;
}

/* A process that runs out of its address space in the midst of a kernel library does not get the
 * chance to say so. */
static ddla_status check_address_space(const ddla_training *training,
                                       const ddla_training_memory *memory, size_t left) {
  enum {
    LIBRARY_BYTES = 64 << 20,
    LANE_BYTES = 192 << 20
  }; /* a lane or a loader: its stack, and the heap that libc reserves */
  bool together =
      training->agents == 1 || strcmp(training->job->parallel.agents_as, "threads") == 0;
  size_t agents = together ? (size_t)training->agents : 1;
  size_t threads = (size_t)training->lanes + (training->ahead.count > 0);
  size_t wanted =
      memory->region_bytes + LIBRARY_BYTES + agents * (memory->agent_bytes + threads * LANE_BYTES);
  if (left == 0 || wanted <= left) return DDLA_OK;
  return DDLA_FAIL(NO_MEMORY,
                   "this job needs about %zu MiB more address space in each process, the limit "
                   "(ulimit -v) leaves %zu; raise it",
                   wanted >> 20, left >> 20);
}

/* What is to be lowered, by what takes most. */
static const char *memory_advice(const ddla_training *training, const ddla_training_memory *memory,
                                 size_t arena) {
  size_t activations = (size_t)(training->agents * training->lanes) * arena;
  return activations > memory->shared_bytes
             ? "activations take most: lower train.micro_batch, parallel.lanes or parallel.agents"
             : "parameters and gradients take most: make the model smaller, or lower "
               "parallel.agents or parallel.lanes";
}

static ddla_status check_memory(const ddla_training *training, const ddla_training_memory *memory,
                                const ddla_machine_memory *machine, size_t arena) {
  size_t wanted = memory->shared_bytes + (size_t)training->agents * memory->agent_bytes;
  size_t most = machine->limit_bytes > 0 ? machine->limit_bytes : machine->total_bytes;
  if (wanted <= machine->available_bytes) return DDLA_OK;
  return DDLA_FAIL(NO_MEMORY,
                   "this job needs about %zu MiB (shared %zu, and %zu in each of %d agents), "
                   "available are %zu of this machine's %zu; %s",
                   wanted >> 20, memory->shared_bytes >> 20, memory->agent_bytes >> 20,
                   training->agents, machine->available_bytes >> 20, most >> 20,
                   memory_advice(training, memory, arena));
}

/* The largest of all segments: they take the same memory, one after another. */
static ddla_status region_estimate(ddla_training_memory *memory, const ddla_training *training) {
  for (int i = 0; i < ddla_segments_count(training); i++) {
    const ddla_training part = ddla_segments_training(training, i);
    size_t region = 0, touched = 0;
    DDLA_TRY(ddla_shared_bytes(&region, &touched, &part));
    if (region > memory->region_bytes) memory->region_bytes = region;
    if (touched > memory->shared_bytes) memory->shared_bytes = touched;
  }
  const size_t samples = ddla_tiered_region_bytes(training) + ddla_swapping_bytes(training);
  memory->region_bytes += ddla_trainer_board_bytes() + samples;
  memory->shared_bytes += samples + ddla_tiered_tier_bytes(training);
  return DDLA_OK;
}

ddla_status ddla_training_estimate(ddla_training_memory *out, const ddla_training *training) {
  ddla_training_memory memory = {0};
  size_t arena = 0;
  DDLA_TRY(region_estimate(&memory, training));
  memory.region_bytes += ddla_identity_bytes(training->agents);
  DDLA_TRY(arena_estimate(&arena, training));
  size_t packs = 2 * sizeof(float) * (size_t)training->graph.graph->dense;
  memory.agent_bytes = (size_t)training->lanes * arena + packs + ddla_loading_bytes(training);
  memory.data_bytes = ddla_dataset_memory(training->whole);
  ddla_machine_memory machine = ddla_machine_memory_of();
  memory.available_bytes = machine.available_bytes;
  *out = memory;
  DDLA_TRY(check_address_space(training, &memory, machine.address_bytes));
  return check_memory(training, &memory, &machine, arena);
}
