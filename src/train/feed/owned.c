#include "train/feed/owned.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/card.h"
#include "data/united.h"
#include "train/feed/withheld.h"

/* What one host has; sets are null where they lie elsewhere, or the job has none of its own. */
typedef struct owned_host {
  ddla_dataset *whole, *split[2];    /* split: training and validation views of it, or null */
  ddla_dataset *set[DDLA_CARD_SETS]; /* validation and test: files of its own; train: not here */
  ddla_card *card;
} owned_host;

struct ddla_owned {
  int hosts;
  bool is_own[DDLA_CARD_SETS]; /* each host has its own; else all open the same one */
  owned_host host[DDLA_HOSTS_MAX];
};

static const char place[] = "{host}";
static const char *const part_key[] = {[DDLA_DATA_TRAIN] = "data.train",
                                       [DDLA_DATA_VALIDATION] = "data.validation",
                                       [DDLA_DATA_TEST] = "data.test"};

bool ddla_owned_wanted(const ddla_job *job) { return strcmp(job->data.partition, "files") == 0; }

bool ddla_owned_is_path(const char *path) { return strstr(path, place) != NULL; }

ddla_status ddla_owned_path(char *out, const char *path, int host) {
  const char *found = strstr(path, place);
  const int before = (int)(found ? found - path : 0);
  const int length = found ? snprintf(out, DDLA_OWNED_PATH_BYTES, "%.*s%d%s", before, path, host,
                                      found + sizeof place - 1)
                           : snprintf(out, DDLA_OWNED_PATH_BYTES, "%s", path);
  if (length > 0 && length < DDLA_OWNED_PATH_BYTES) return DDLA_OK;
  return DDLA_FAIL(INVALID, "the path %.64s… is too long", path);
}

/* ---- what lies here ---- */

static bool is_here(const ddla_training *training, int host) {
  return training->played || host == training->cluster.host;
}

static ddla_status check_job(const ddla_training *training) {
  const ddla_job *job = training->job;
  if (training->cluster.hosts > 1 && ddla_training_has_replicas(job))
    return ddla_job_refuse(job, "data.partition",
                           "is files, by which data are a host's and of all its agents, but with "
                           "sync.replica agent every agent is a replica; set sync.replica: host");
  if (training->cluster.hosts > 1 && training->played && !ddla_owned_is_path(job->data.train))
    return ddla_job_refuse(job, "data.train",
                           "is one file for %d hosts that this machine plays, but with "
                           "data.partition files each has its own; write {host}, which is the "
                           "number of the host, into the path",
                           training->cluster.hosts);
  return DDLA_OK;
}

static ddla_status open_one(ddla_dataset **out, const ddla_training *training, const char *key_path,
                            ddla_data_part part, int host) {
  char path[DDLA_OWNED_PATH_BYTES];
  DDLA_TRY(ddla_owned_path(path, key_path, host));
  const ddla_data_source source =
      ddla_training_source(training->job, training->plugins, path, part);
  return ddla_dataset_open(out, &source);
}

/* Test samples that lie beside a host's training samples are its own; a file that data.test names
 * is everybody's, unless it has a place for the host. */
static ddla_status open_test(owned_host *at, ddla_training *training, int host) {
  char path[DDLA_OWNED_PATH_BYTES];
  const ddla_job *job = training->job;
  ddla_owned *owned = training->owned;
  DDLA_TRY(ddla_owned_path(path, job->data.train, host));
  const ddla_data_source beside =
      ddla_training_source(job, training->plugins, path, DDLA_DATA_TEST);
  const bool named = job->data.test[0] != '\0';
  if (named && !ddla_owned_is_path(job->data.test)) {
    if (training->test) return DDLA_OK; /* another host of this machine has opened it */
    return open_one(&training->test, training, job->data.test, DDLA_DATA_TEST, host);
  }
  owned->is_own[DDLA_DATA_TEST] = true;
  if (!named && !ddla_dataset_has_part(&beside)) return DDLA_OK;
  return open_one(&at->set[DDLA_DATA_TEST], training, named ? job->data.test : job->data.train,
                  DDLA_DATA_TEST, host);
}

static ddla_status open_validation(owned_host *at, ddla_training *training, int host) {
  const ddla_job *job = training->job;
  ddla_owned *owned = training->owned;
  if (job->data.validation_fraction > 0) {
    owned->is_own[DDLA_DATA_VALIDATION] = true;
    return ddla_dataset_split(&at->split[0], &at->split[1], at->whole,
                              job->data.validation_fraction, (uint64_t)job->train.seed);
  }
  if (!job->data.validation[0]) return DDLA_OK;
  if (ddla_owned_is_path(job->data.validation)) {
    owned->is_own[DDLA_DATA_VALIDATION] = true;
    return open_one(&at->set[DDLA_DATA_VALIDATION], training, job->data.validation,
                    DDLA_DATA_VALIDATION, host);
  }
  if (training->validation) return DDLA_OK;
  return open_one(&training->validation, training, job->data.validation, DDLA_DATA_VALIDATION,
                  host);
}

static const ddla_dataset *set_of(const owned_host *at, int which) {
  if (which == DDLA_DATA_TRAIN) return at->split[0] ? at->split[0] : at->whole;
  if (which == DDLA_DATA_VALIDATION && at->split[1]) return at->split[1];
  return at->set[which];
}

/* Sums of very few samples are almost the samples: 32 values of a channel are not found again in
 * their mean and deviation. */
static ddla_status check_sums(const ddla_training *training, const ddla_dataset *train) {
  enum { LEAST = 32 };
  const ddla_job *job = training->job;
  if (!job->data.private || training->cluster.hosts == 1 || ddla_dataset_count(train) >= LEAST)
    return DDLA_OK;
  return ddla_job_refuse(job, "data.standardize",
                         "is true, by which sums of training samples are told to other hosts, but "
                         "data.private is true, and sums of %lld samples tell too much of each (%d "
                         "are enough); give data.mean and data.std, or set it to false",
                         (long long)ddla_dataset_count(train), LEAST);
}

static ddla_status open_host(ddla_training *training, int host) {
  owned_host *at = &training->owned->host[host];
  ddla_status status =
      open_one(&at->whole, training, training->job->data.train, DDLA_DATA_TRAIN, host);
  DDLA_TRY(ddla_withheld_told(training, part_key[DDLA_DATA_TRAIN], status));
  status = open_test(at, training, host);
  DDLA_TRY(ddla_withheld_told(training, part_key[DDLA_DATA_TEST], status));
  status = open_validation(at, training, host);
  DDLA_TRY(ddla_withheld_told(training, part_key[DDLA_DATA_VALIDATION], status));
  const ddla_dataset *sets[DDLA_CARD_SETS];
  for (int i = 0; i < DDLA_CARD_SETS; i++) sets[i] = set_of(at, i);
  const bool with_sums = training->job->data.standardize && training->job->data.mean.count == 0 &&
                         ddla_dataset_type(sets[DDLA_DATA_TRAIN]) != DDLA_DATA_TOKENS;
  if (with_sums) DDLA_TRY(check_sums(training, sets[DDLA_DATA_TRAIN]));
  return ddla_card_make(&at->card, sets, with_sums);
}

ddla_status ddla_owned_open(ddla_training *training) {
  const int hosts = training->cluster.hosts;
  DDLA_TRY(check_job(training));
  DDLA_TRY(DDLA_NEW(training->owned, 1));
  training->owned->hosts = hosts;
  training->owned->is_own[DDLA_DATA_TRAIN] = true;
  for (int h = 0; h < hosts; h++) {
    if (!is_here(training, h)) continue;
    const ddla_status status = open_host(training, h);
    if (status != DDLA_OK) return hosts > 1 ? ddla_status_prefix(status, "host %d: ", h) : status;
  }
  return DDLA_OK;
}

/* ---- the meeting ---- */

/* Where nobody can be asked (`ddla doctor`), others are taken to have as much. */
static ddla_status copy_card(ddla_owned *owned, int host, const void *bytes, size_t count) {
  unsigned char *copy = NULL;
  DDLA_TRY(DDLA_NEW(copy, count));
  memcpy(copy, bytes, count);
  owned->host[host].card = (ddla_card *)(void *)copy;
  return ddla_card_check(owned->host[host].card, count);
}

static ddla_status suppose(ddla_training *training) {
  ddla_owned *owned = training->owned;
  const ddla_card *mine = owned->host[training->cluster.host].card;
  for (int h = 0; h < owned->hosts; h++)
    if (!owned->host[h].card) DDLA_TRY(copy_card(owned, h, mine, mine->bytes));
  return DDLA_OK;
}

/* Agents of one host have opened the same files. */
static ddla_status check_agents(const ddla_training *training, const unsigned char *all,
                                size_t stride) {
  const ddla_cluster *cluster = &training->cluster;
  for (int h = 0; h < cluster->hosts; h++)
    for (int a = cluster->first[h] + 1; a < cluster->first[h + 1]; a++) {
      const unsigned char *first = all + (size_t)cluster->first[h] * stride;
      if (memcmp(first, all + (size_t)a * stride, stride) == 0) continue;
      return DDLA_FAIL(INVALID,
                       "agent %d has other data than agent %d, which is of the same host %d; give "
                       "all agents of a host the same files",
                       a, cluster->first[h], h);
    }
  return DDLA_OK;
}

static ddla_status take_cards(ddla_training *training, const unsigned char *all,
                              const uint64_t *bytes, size_t stride) {
  const ddla_cluster *cluster = &training->cluster;
  DDLA_TRY(check_agents(training, all, stride));
  for (int h = 0; h < cluster->hosts; h++)
    if (!training->owned->host[h].card)
      DDLA_TRY(copy_card(training->owned, h, all + (size_t)cluster->first[h] * stride,
                         (size_t)bytes[cluster->first[h]]));
  return DDLA_OK;
}

/* Cards differ in length by their names of classes. */
static ddla_status gather_cards(ddla_training *training) {
  const ddla_training_meeting *meeting = training->own.meeting;
  const ddla_card *mine = training->owned->host[training->cluster.host].card;
  const int agents = ddla_cluster_agents(&training->cluster);
  uint64_t *bytes = NULL;
  unsigned char *all = NULL, *padded = NULL;
  size_t stride = 0;
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status, DDLA_NEW(bytes, agents));
  DDLA_TRY_CLEAN(status, meeting->gather(meeting->argument, bytes, &mine->bytes, sizeof *bytes));
  for (int a = 0; a < agents; a++) stride = bytes[a] > stride ? (size_t)bytes[a] : stride;
  DDLA_TRY_CLEAN(status, DDLA_NEW(padded, stride));
  DDLA_TRY_CLEAN(status, DDLA_NEW(all, (int64_t)stride * agents));
  memcpy(padded, mine, (size_t)mine->bytes);
  DDLA_TRY_CLEAN(status, meeting->gather(meeting->argument, all, padded, stride));
  status = take_cards(training, all, bytes, stride);
cleanup:
  ddla_free(padded);
  ddla_free(all);
  ddla_free(bytes);
  return status;
}

/* What a host has must go together with what the first one has. */
static ddla_status check_cards(const ddla_training *training) {
  static const char *const what[] = {"training", "validation", "test"};
  const ddla_owned *owned = training->owned;
  char text[256];
  for (int i = 0; i < DDLA_CARD_SETS; i++)
    for (int h = 1; h < owned->hosts && owned->is_own[i]; h++) {
      const ddla_card_set *first = &owned->host[0].card->set[i], *it = &owned->host[h].card->set[i];
      if ((it->count > 0) != (first->count > 0))
        return DDLA_FAIL(
            INVALID,
            "host %d has %s samples of its own, host %d has none; give all hosts some, "
            "or none",
            it->count > 0 ? h : 0, what[i], it->count > 0 ? 0 : h);
      if (it->count == 0 || !ddla_card_difference(text, sizeof text, it, first)) continue;
      return DDLA_FAIL(INVALID,
                       "the %s samples of host %d %s as those of host 0; all hosts' must be "
                       "of one type and shape",
                       what[i], h, text);
    }
  return DDLA_OK;
}

/* Jobs are not compared yet: another one may tell no sums, or want none. */
static ddla_status check_channels(const ddla_training *training) {
  const ddla_owned *owned = training->owned;
  for (int h = 1; h < owned->hosts; h++) {
    const int64_t first = owned->host[0].card->channels, its = owned->host[h].card->channels;
    if (its == first) continue;
    return DDLA_FAIL(INVALID,
                     "host %d tells of %lld channels what mean and deviation are made from, host 0 "
                     "of %lld; give all hosts the same data.standardize and data.mean",
                     h, (long long)its, (long long)first);
  }
  return DDLA_OK;
}

static ddla_status unite_classes(ddla_classes *out, const ddla_owned *owned) {
  const char *names[DDLA_HOSTS_MAX];
  int counts[DDLA_HOSTS_MAX];
  for (int h = 0; h < owned->hosts; h++) {
    names[h] = ddla_card_names(owned->host[h].card);
    counts[h] = (int)owned->host[h].card->classes;
  }
  return ddla_classes_unite(out, names, counts, owned->hosts);
}

/* All hosts' pieces of a kind as one set. */
static ddla_status unite(ddla_dataset **out, const ddla_training *training, int which, bool whole) {
  const ddla_owned *owned = training->owned;
  const bool split = training->job->data.validation_fraction > 0;
  ddla_data_piece piece[DDLA_HOSTS_MAX] = {{NULL}};
  ddla_classes classes = {0};
  for (int h = 0; h < owned->hosts; h++) {
    const ddla_card_set *told = &owned->host[h].card->set[which];
    piece[h] = (ddla_data_piece){.set = set_of(&owned->host[h], which),
                                 .count = told->count,
                                 .fingerprint = told->fingerprint};
    if (!whole) continue;
    piece[h].set = owned->host[h].whole;
    if (split) piece[h].count += owned->host[h].card->set[DDLA_DATA_VALIDATION].count;
  }
  DDLA_TRY(unite_classes(&classes, owned));
  ddla_status status = ddla_dataset_unite(out, piece, owned->hosts, &classes);
  ddla_classes_fini(&classes);
  return status;
}

/* Labels that lie here get the numbers of all hosts' classes. */
static ddla_status renumber(ddla_training *training) {
  ddla_owned *owned = training->owned;
  for (int h = 0; h < owned->hosts; h++) {
    owned_host *at = &owned->host[h];
    if (!at->whole) continue;
    DDLA_TRY(ddla_dataset_match_classes(at->whole, training->whole));
    for (int i = 1; i < DDLA_CARD_SETS; i++) {
      if (!at->set[i]) continue;
      const ddla_status status = ddla_dataset_match_classes(at->set[i], training->whole);
      DDLA_TRY(ddla_withheld_told(training, part_key[i], status));
    }
  }
  return DDLA_OK;
}

static ddla_status unite_all(ddla_training *training) {
  ddla_owned *owned = training->owned;
  DDLA_TRY(check_cards(training));
  DDLA_TRY(check_channels(training));
  DDLA_TRY(unite(&training->whole, training, DDLA_DATA_TRAIN, true));
  DDLA_TRY(renumber(training));
  DDLA_TRY(unite(&training->train, training, DDLA_DATA_TRAIN, false));
  if (owned->is_own[DDLA_DATA_VALIDATION])
    DDLA_TRY(unite(&training->validation, training, DDLA_DATA_VALIDATION, false));
  if (owned->host[0].card->set[DDLA_DATA_TEST].count > 0)
    DDLA_TRY(unite(&training->test, training, DDLA_DATA_TEST, false));
  return DDLA_OK;
}

ddla_status ddla_owned_meet(ddla_training *training, ddla_status opened) {
  const ddla_training_meeting *meeting = training->own.meeting;
  if (meeting) {
    DDLA_TRY(meeting->agree(meeting->argument, opened));
    DDLA_TRY(gather_cards(training));
  } else {
    DDLA_TRY(opened);
    if (!training->owned) return DDLA_OK;
    DDLA_TRY(suppose(training));
  }
  return unite_all(training);
}

/* ---- of all hosts ---- */

ddla_status ddla_owned_moments(float *mean, float *deviation, const ddla_training *training) {
  const ddla_owned *owned = training->owned;
  ddla_channel_sums *sums = NULL;
  DDLA_TRY(DDLA_NEW(sums, training->channels));
  for (int h = 0; h < owned->hosts; h++)
    for (int64_t c = 0; c < training->channels; c++)
      ddla_channel_sums_add(&sums[c], &ddla_card_sums(owned->host[h].card)[c]);
  ddla_channel_sums_moments(mean, deviation, sums, training->channels,
                            ddla_dataset_type(training->whole));
  ddla_free(sums);
  return DDLA_OK;
}

void ddla_owned_counts(int64_t *counts, const ddla_training *training, int labels) {
  const ddla_owned *owned = training->owned;
  memset(counts, 0, (size_t)owned->hosts * (size_t)labels * sizeof *counts);
  for (int h = 0; h < owned->hosts; h++) {
    const ddla_card *card = owned->host[h].card;
    const char *name = ddla_card_names(card);
    for (int64_t c = 0; c < card->classes; c++, name += strlen(name) + 1) {
      const int number = ddla_dataset_class_find(training->whole, name);
      if (number >= 0 && number < labels) counts[h * labels + number] += ddla_card_counts(card)[c];
    }
  }
}

const ddla_dataset *ddla_owned_train(const ddla_training *training, int host) {
  return set_of(&training->owned->host[host], DDLA_DATA_TRAIN);
}

static void close_host(owned_host *at) {
  for (int i = 0; i < 2; i++) ddla_dataset_close(at->split[i]);
  for (int i = 0; i < DDLA_CARD_SETS; i++) ddla_dataset_close(at->set[i]);
  ddla_dataset_close(at->whole);
  at->whole = at->split[0] = at->split[1] = NULL;
  for (int i = 0; i < DDLA_CARD_SETS; i++) at->set[i] = NULL;
}

void ddla_owned_keep(ddla_training *training) {
  ddla_owned *owned = training->owned;
  const int host = training->cluster.host;
  if (!owned) return;
  ddla_dataset *const united[] = {training->whole, training->train,
                                  owned->is_own[DDLA_DATA_VALIDATION] ? training->validation : NULL,
                                  owned->is_own[DDLA_DATA_TEST] ? training->test : NULL};
  for (int i = 0; i < 4; i++)
    if (united[i]) ddla_dataset_keep_piece(united[i], host);
  for (int h = 0; h < owned->hosts; h++)
    if (h != host) close_host(&owned->host[h]);
}

void ddla_owned_destroy(ddla_training *training) {
  ddla_owned *owned = training->owned;
  for (int h = 0; owned && h < owned->hosts; h++) {
    close_host(&owned->host[h]);
    ddla_free(owned->host[h].card);
  }
  ddla_free(owned);
  training->owned = NULL;
}
