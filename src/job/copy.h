/* Jobs made of other jobs. Threads: as a job. */
#ifndef DDLA_JOB_COPY_H
#define DDLA_JOB_COPY_H

#include "job/option.h"

/* A job with the same values, given in the same places; it borrows from the other. The caller owns
 * *out. Errors: NO_MEMORY. */
ddla_status ddla_job_copy(ddla_job **out, const ddla_job *job);

/* The option gets a value, of a document that outlives the job. Errors: as ddla_option_assign. */
ddla_status ddla_job_put(ddla_job *job, const ddla_option *option, const ddla_yaml *value);

/* The option gets its initial value. Errors: NO_MEMORY. */
ddla_status ddla_job_reset(ddla_job *job, const ddla_option *option);

#endif
