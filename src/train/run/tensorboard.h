/* Event files as TensorBoard reads them: TFRecord (length, masked CRC-32C of it, data, masked
 * CRC-32C of them) around the protocol buffer tensorflow.Event with scalar summaries, written by
 * hand. Threads: a file belongs to one thread. */
#ifndef DDLA_TRAIN_RUN_TENSORBOARD_H
#define DDLA_TRAIN_RUN_TENSORBOARD_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* CRC-32C (Castagnoli, RFC 3720), and the form that TFRecord stores. */
uint32_t ddla_tensorboard_crc(const void *data, size_t bytes);
uint32_t ddla_tensorboard_mask(uint32_t crc);

/* Makes RUN/tensorboard/events.out.tfevents.SECONDS.ddla with its first record; the caller closes
 * it. Errors: those of files. */
ddla_status ddla_tensorboard_open(FILE **out, const char *directory);

/* Adds one number; not finite ones are left out. Failures show at ferror. */
void ddla_tensorboard_scalar(FILE *file, int64_t step, const char *tag, double value);

#endif
