/* Sums of numbers that are given by their logarithms. */
#ifndef DDLA_OP_LOG_SPACE_H
#define DDLA_OP_LOG_SPACE_H

#include <stdint.h>

/* log of the sum of exp(z[c]), without overflow: z - log_sum_exp is the logarithm of softmax. */
double ddla_op_log_sum_exp(const float *z, int64_t count);

/* log(exp(a) + exp(b)); -infinity stands for log 0. */
double ddla_op_log_add(double a, double b);

#endif
