#include "train/coding.h"

#include <string.h>

static const char correction_key[] = "sync.momentum_correction";

/* Momentum before the choice is for gradients that are sent in every step, some of them late. */
static ddla_status check_correction(const ddla_training *training, const ddla_codec *codec) {
  const ddla_job *job = training->job;
  const double correction = job->sync.momentum_correction;
  if (correction <= 0) return DDLA_OK;
  if (training->strategy->replicated)
    return ddla_job_refuse(job, correction_key,
                           "is %g, which is for gradients, but with sync.method %s each replica "
                           "makes steps of its own and gives what came of them; leave it out, and "
                           "set train.momentum, or sync.outer_momentum where a method has it",
                           correction, training->strategy->method);
  if (codec->lossless)
    return ddla_job_refuse(job, correction_key,
                           "is %g, but with sync.codec %s nothing is left out that would be sent "
                           "late; set train.momentum instead, or sync.codec to topk or topk2",
                           correction, codec->name);
  if (!codec->momentum)
    return ddla_job_refuse(job, correction_key,
                           "is %g, but sync.codec %s sends every number in every step; set "
                           "train.momentum instead, or sync.codec to topk or topk2",
                           correction, codec->name);
  if (job->sync.codec_decay > 0) return DDLA_OK;
  return ddla_job_refuse(job, correction_key,
                         "is %g, but with sync.codec_decay 0 what is not sent is dropped, and "
                         "nothing comes late; raise sync.codec_decay, or leave it out",
                         correction);
}

ddla_status ddla_coding_choose(ddla_training *training) {
  enum { NAMES_MAX = 32 };
  const ddla_job *job = training->job;
  int count = 0, index = 0;
  const ddla_codec *const *rows = ddla_codec_table(&count);
  const char *names[NAMES_MAX];
  for (int i = 0; i < count && i < NAMES_MAX; i++) names[i] = rows[i]->name;
  DDLA_TRY(ddla_job_choose(&index, job, "sync.codec", names, count));
  ddla_codec_options options = ddla_codec_defaults();
  options.topk = job->sync.topk;
  options.feedback = job->sync.codec_decay > 0;
  if (job->sync.codec_decay > 0) options.decay = job->sync.codec_decay;
  options.momentum = job->sync.momentum_correction;
  training->codec_options = options;
  if (strcmp(rows[index]->name, "none") == 0) return check_correction(training, rows[index]);
  if (!training->strategy->replicated && !training->strategy->claims)
    return ddla_job_refuse(
        job, "sync.codec",
        "is %s, but gradients of sync.mode %s, sync.method %s are summed exactly; "
        "leave it out",
        job->sync.codec, job->sync.mode, job->sync.method);
  if (job->sync.topk <= 0) return ddla_job_refuse(job, "sync.topk", "is 0: nothing would be sent");
  DDLA_TRY(check_correction(training, rows[index]));
  training->codec = rows[index];
  return ddla_codec_check(training->codec, &training->codec_options);
}

ddla_status ddla_coding_check(const ddla_training *training) {
  const ddla_job *job = training->job;
  const double correction = job->sync.momentum_correction;
  if (correction <= 0) return DDLA_OK;
  if (ddla_optimizer_moments(training->optimizer, &training->optimizer_options) > 0)
    return ddla_job_refuse(job, correction_key,
                           "is %g, the momentum of sgd before gradients are sent, but "
                           "train.optimizer %s keeps moments of what comes as well; use sgd with "
                           "train.momentum 0, or leave it out",
                           correction, training->optimizer->name);
  if (training->cluster.hosts > 1) return DDLA_OK;
  return ddla_job_refuse(job, correction_key,
                         "is %g, but there is nobody to send gradients to, and training would go "
                         "without any momentum; set train.momentum instead, or start more agents",
                         correction);
}
