/* ddla: distributed training of deep-learning models. Everything public in one header; link with
 * `pkg-config --libs ddla`. */
#ifndef DDLA_DDLA_H
#define DDLA_DDLA_H

#include <ddla/attrs.h>
#include <ddla/data.h>
#include <ddla/graph.h>
#include <ddla/group.h>
#include <ddla/job.h>
#include <ddla/op.h>
#include <ddla/plugin.h>
#include <ddla/predictor.h>
#include <ddla/rng.h>
#include <ddla/status.h>
#include <ddla/task.h>
#include <ddla/tensor.h>
#include <ddla/train.h>

#endif
