/* The segments that sync.schedule cuts a run into, each as a job of its own. An entry of the list
 * is
 *
 *   {from: 500, mode: accumulated, method: diloco, interval: 16}
 *
 * `from`: the segment begins when so many steps are committed; the others are keys of the section
 * sync. Keys that an entry does not name are as in the last segment of the same mode; where the
 * mode is a new one, as in the segment before, but that method, interval and codec are initial.
 * Threads: as a job. */
#ifndef DDLA_JOB_SEGMENTS_H
#define DDLA_JOB_SEGMENTS_H

#include <ddla/job.h>

enum { DDLA_JOB_SEGMENTS_MAX = 32 };

typedef struct ddla_job_segment {
  int64_t from;  /* committed steps */
  ddla_job *job; /* without sync.schedule */
} ddla_job_segment;

typedef struct ddla_job_segments {
  int count; /* at least 1: what comes before the first entry */
  ddla_job_segment at[DDLA_JOB_SEGMENTS_MAX];
} ddla_job_segments;

/* The caller owns *out; it borrows from the job. Errors: INVALID naming the entry, its place and
 * key; NO_MEMORY. */
ddla_status ddla_job_segments_of(ddla_job_segments *out, const ddla_job *job);
void ddla_job_segments_fini(ddla_job_segments *segments);

/* Puts the entry that a segment (from 1 on) is of before this thread's message; returns code. */
ddla_status ddla_job_segment_blame(ddla_status code, int segment);

#endif
