/* From records to the network's input: augmentation and normalisation of a shard's samples.
 *
 * Random choices are a function of (seed, epoch, index of the sample in its set), never of rank,
 * thread or place in the batch. In this order: shift, flip, cutout. shift    by dx, dy, each
 * uniform in [-shift, shift]; what enters is 0 (black) or the nearest edge flip     left to right
 * with probability 1/2 cutout   a square, centred uniformly on the image and clipped at its border,
 * becomes 0 in the output, the mean (DeVries and Taylor 2017, arXiv:1708.04552) Normalisation: (x /
 * 255 - mean[c]) / deviation[c] for uint8, (x - mean[c]) / deviation[c] for float32. Threads: pure
 * functions, no allocation. */
#ifndef DDLA_DATA_AUGMENT_H
#define DDLA_DATA_AUGMENT_H

#include "data/data.h"

/* Zero means: as the records are. Plain value. */
typedef struct ddla_augment {
  uint64_t seed;
  int64_t epoch;
  int shift;       /* pixels */
  bool shift_edge; /* repeat the edge instead of 0 */
  bool flip;
  int cutout;             /* side in pixels; 0: none */
  bool slide;             /* windows of tokens start anywhere, see data/tokens.h */
  const void *features;   /* [count, sample] of the batch's samples, one behind another, where the
                             set has them elsewhere (data/prepared/far.h); null: the set's own */
  const float *mean;      /* [channels], borrowed; null: 0 */
  const float *deviation; /* [channels], borrowed, > 0; null: 1 */
} ddla_augment;

/* Decodes samples indices[0 … count) of set. out: float [count, height, width, channels]; of tokens
 * int32 [count, height], and labels int32 [count, height], the tokens that follow; else labels:
 * float [count, targets] where the set has targets, int32 [count] where it has not, -1 without
 * labels, or null if they are not wanted; indices: [count], each in [0, set's count); null augment:
 * only x / 255 for uint8. */
void ddla_batch_fill(void *out, void *labels, const ddla_dataset *set, const int64_t *indices,
                     int64_t count, const ddla_augment *augment);

/* The same for one record that is in no set (an image to predict). features: [shape] of type. */
void ddla_augment_fill(float *out, const void *features, ddla_data_type type, ddla_data_shape shape,
                       const ddla_augment *augment);

/* Errors: INVALID naming the option for a negative shift or cutout, or one that leaves nothing of
 * an image of this shape, for a deviation that is not positive and finite, and for a mean that is
 * not finite. */
ddla_status ddla_augment_check(const ddla_augment *augment, ddla_data_shape shape);

#endif
