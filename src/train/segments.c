#include "train/segments.h"

#include "base/alloc.h"

struct ddla_segments {
  ddla_job_segments jobs; /* owned */
  ddla_segment at[DDLA_JOB_SEGMENTS_MAX];
};

static ddla_status check_border(const ddla_training *training, const ddla_job_segment *segment) {
  if (segment->from < training->total_steps) return DDLA_OK;
  return ddla_job_refuse(
      training->job, "sync.schedule",
      "has an entry from step %lld, but the run has %lld steps; leave it out, or "
      "make the run longer",
      (long long)segment->from, (long long)training->total_steps);
}

static void set_borders(ddla_segments *segments, const ddla_training *training) {
  const ddla_job_segments *jobs = &segments->jobs;
  for (int i = 0; i < jobs->count; i++)
    segments->at[i] =
        (ddla_segment){.from = jobs->at[i].from,
                       .end = i + 1 < jobs->count ? jobs->at[i + 1].from : training->total_steps,
                       .job = i == 0 ? training->job : jobs->at[i].job};
}

ddla_status ddla_segments_prepare(ddla_training *training) {
  ddla_segments *segments = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(segments, 1));
  DDLA_TRY_CLEAN(status, ddla_job_segments_of(&segments->jobs, training->job));
  for (int i = 1; i < segments->jobs.count; i++)
    DDLA_TRY_CLEAN(status, check_border(training, &segments->jobs.at[i]));
  set_borders(segments, training);
  training->segments = segments;
  training->end_step = segments->at[0].end;
  return DDLA_OK;
cleanup:
  ddla_job_segments_fini(&segments->jobs);
  ddla_free(segments);
  return status;
}

static void keep(ddla_segment *segment, const ddla_training *training) {
  segment->strategy = training->strategy;
  segment->codec = training->codec;
  segment->codec_options = training->codec_options;
  segment->heterogeneity = training->heterogeneity;
  segment->fast = training->fast;
}

ddla_status ddla_segments_check(ddla_training *training) {
  ddla_segments *segments = training->segments;
  keep(&segments->at[0], training);
  for (int i = 1; i < segments->jobs.count; i++) {
    ddla_training made = *training;
    made.segment = i;
    made.from_step = segments->at[i].from;
    made.end_step = segments->at[i].end;
    ddla_status status = ddla_training_change_sync(&made, segments->at[i].job);
    if (status != DDLA_OK) return ddla_job_segment_blame(status, i);
    keep(&segments->at[i], &made);
  }
  return DDLA_OK;
}

void ddla_segments_destroy(ddla_training *training) {
  if (!training->segments) return;
  ddla_job_segments_fini(&training->segments->jobs);
  ddla_free(training->segments);
  training->segments = NULL;
}

int ddla_segments_count(const ddla_training *training) { return training->segments->jobs.count; }

int ddla_segments_at(const ddla_training *training, int64_t step) {
  int found = 0;
  for (int i = 1; i < ddla_segments_count(training); i++)
    if (training->segments->at[i].from <= step) found = i;
  return found;
}

const ddla_segment *ddla_segments_get(const ddla_training *training, int segment) {
  return &training->segments->at[segment];
}

ddla_training ddla_segments_training(const ddla_training *training, int segment) {
  const ddla_segment *of = ddla_segments_get(training, segment);
  ddla_training made = *training;
  made.segment = segment;
  made.from_step = of->from;
  made.end_step = of->end;
  made.job = of->job;
  made.strategy = of->strategy;
  made.codec = of->codec;
  made.codec_options = of->codec_options;
  made.heterogeneity = of->heterogeneity;
  made.fast = of->fast;
  return made;
}
