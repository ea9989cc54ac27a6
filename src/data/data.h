/* Data sets in memory: records of uint8 (images) or float32 (tables) features with int32 labels or
 * float32 targets, or windows of a text's tokens, whose targets are the tokens that follow (public
 * part: ddla/data.h).
 *
 * A data set is read once, by the process that then forks agents: its records lie in one block of
 * shared pages (or in memory that the caller gives) and are never written after opening. Readers of
 * file formats are rows of data/data_list.h; what each accepts stands in docs/formats/data.md.
 * Threads: an open data set is only read, from any thread, except by ddla_dataset_match_classes.
 * Errors: INVALID for what a user can mend (names the path and what was looked for), CORRUPT for
 * damaged files, IO for failing devices, NO_MEMORY. */
#ifndef DDLA_DATA_DATA_H
#define DDLA_DATA_DATA_H

#include <ddla/data.h>

#include "base/status.h"

/* 128-bit xxHash of content: type, shape, features, labels, class names; a subset's also of its
 * choice. */
typedef struct ddla_data_fingerprint {
  uint64_t low, high;
} ddla_data_fingerprint;

/* Samples at positions [first, first + count) of the parent, in the order keyed by (seed,
 * DDLA_PURPOSE_SPLIT) if shuffled, else in the parent's order. */
typedef struct ddla_data_subset {
  uint64_t seed;
  bool shuffled;
  int64_t first, count;
} ddla_data_subset;

/* Opens one data set; close it with ddla_dataset_close. Errors: all of the head of this file. */
ddla_status ddla_dataset_open(ddla_dataset **out, const ddla_data_source *source) DDLA_MUST_USE;

/* Name of the index-th format and what it looks for; null behind the last. Borrowed for ever. */
const char *ddla_dataset_format(const char **looks_for, int index);

/* True if the path is a directory that holds a prepared set, which can be of any type. */
bool ddla_dataset_is_prepared(const char *path);

/* Name of the format that would read the source; null where none accepts it. Borrowed. */
const char *ddla_dataset_format_of(const ddla_data_source *source);

/* True if path is a directory that holds this part beside others (t10k-… files, a folder "test");
 * false if it holds no such part, or only samples that are not divided into parts. */
bool ddla_dataset_has_part(const ddla_data_source *source);

/* Opens several at once, one thread each (memory->allocate must be thread safe); on failure none is
 * open. out: [count], 1 <= count <= 16. Returns the failure of the first that failed. */
ddla_status ddla_dataset_open_all(ddla_dataset **out, const ddla_data_source *sources,
                                  int count) DDLA_MUST_USE;

/* A view of some samples; the parent is borrowed and must be closed later than the view.
 * Errors: INVALID if the interval is empty or reaches beyond the parent; NO_MEMORY. */
ddla_status ddla_dataset_subset(ddla_dataset **out, const ddla_dataset *parent,
                                const ddla_data_subset *subset) DDLA_MUST_USE;

/* Cuts parent into two views: round(fraction * count) samples, chosen by seed, for validation, the
 * others for training. Of a text the last samples are for validation. Errors: INVALID if fraction
 * is not in (0, 1) or one part would be empty; NO_MEMORY. */
ddla_status ddla_dataset_split(ddla_dataset **train, ddla_dataset **validation,
                               const ddla_dataset *parent, double fraction,
                               uint64_t seed) DDLA_MUST_USE;

/* Chooses the samples of a part that is set aside: round(fraction * count) of them, the same as
 * ddla_dataset_split with this seed; by_label: as many of each class, rounded class by class. Of a
 * text the last samples. chosen: [count of set], set to 1 for those and 0 for others. Errors:
 * INVALID as of ddla_dataset_split, also where by_label has no labels to go by; NO_MEMORY. */
typedef struct ddla_data_choice {
  double fraction;
  uint64_t seed;
  bool by_label;
} ddla_data_choice;
ddla_status ddla_dataset_choose(uint8_t *chosen, const ddla_dataset *set,
                                const ddla_data_choice *choice);

/* A data set of its own of those samples for which chosen[i] == value, in the order of set and with
 * its classes; records lie in memory (null: shared pages). Of a text they must follow each other.
 * chosen: [count of set]. Errors: INVALID if there are none; NO_MEMORY. */
ddla_status ddla_dataset_pick(ddla_dataset **out, const ddla_dataset *set, const uint8_t *chosen,
                              uint8_t value, const ddla_data_memory *memory);

/* Renumbers set's labels as like numbers the classes of the same names, and gives set like's
 * classes; for a test set that was read by itself. Not for views. Errors: INVALID naming a class
 * that like lacks. */
ddla_status ddla_dataset_match_classes(ddla_dataset *set, const ddla_dataset *like) DDLA_MUST_USE;

/* Releases a data set or view; null is allowed. */
void ddla_dataset_close(ddla_dataset *set);

int64_t ddla_dataset_count(const ddla_dataset *set); /* samples, at least 1 */
ddla_data_shape ddla_dataset_shape(const ddla_dataset *set);
ddla_data_type ddla_dataset_type(const ddla_dataset *set);
int ddla_dataset_classes(const ddla_dataset *set);   /* 0 if there are no labels */
bool ddla_dataset_labelled(const ddla_dataset *set); /* or a text, which says itself what follows */
ddla_data_fingerprint ddla_dataset_fingerprint(const ddla_dataset *set);
size_t ddla_dataset_bytes(
    const ddla_dataset *set); /* memory of features and labels; 0 for a view */

/* The part of that which is memory, and not pages of a prepared set's files, which the system reads
 * again when it needs their room. */
size_t ddla_dataset_memory(const ddla_dataset *set);

/* Name of a class, "0", "1", … where the data have none. Borrowed until set is closed. */
const char *ddla_dataset_class_name(const ddla_dataset *set, int class_index);

/* Number of the class of this name; -1: there is none. */
int ddla_dataset_class_find(const ddla_dataset *set, const char *name);

/* Numbers that each sample has as its target; 0: it has none. */
int64_t ddla_dataset_targets(const ddla_dataset *set);

/* Samples that were left out because they lie in damaged blocks, and how many blocks those are. */
int64_t ddla_dataset_left_out(int64_t *blocks, const ddla_dataset *set);

/* Index of a view's sample in the set that was opened. */
int64_t ddla_dataset_root_index(const ddla_dataset *set, int64_t index);

/* Label of a sample, -1 if the data have none. */
int32_t ddla_dataset_label(const ddla_dataset *set, int64_t index);

/* Keys: whose a sample is, where a column names that. How many names there are, 0: none; and the
 * number of a sample's, by the order of their bytes, -1 if the data have none. */
int ddla_dataset_keys(const ddla_dataset *set);
int32_t ddla_dataset_key(const ddla_dataset *set, int64_t index);

/* Features of a sample, [height, width, channels] of the set's type; borrowed until set is closed.
 * Not for tokens: see data/tokens.h. */
const void *ddla_dataset_features(const ddla_dataset *set, int64_t index);

/* mean[c] and population standard deviation[c] over all samples and places of the set, of x / 255
 * for uint8 and x for float32; a channel that never changes gets deviation 1. mean, deviation:
 * [channels]. Take them from the training part and keep them with the model, so that evaluation
 * applies the same. */
void ddla_dataset_moments(float *mean, float *deviation, const ddla_dataset *set);

/* What moments are made from, of one channel, so that those of several sets can be made into their
 * whole's. Of uint8 sum and squares, exact; of float32 average, and the sum of squares about it. */
typedef struct ddla_channel_sums {
  double values; /* how many */
  uint64_t sum, squares;
  double average, spread;
} ddla_channel_sums;

/* out: [channels] */
void ddla_dataset_sums(ddla_channel_sums *out, const ddla_dataset *set);

/* True where sums and moments are known without looking at features: of a prepared set that has
 * them, and is no view. */
bool ddla_dataset_summed(const ddla_dataset *set);

/* Adds sum and squares of uint8 values of one channel. */
void ddla_channel_sums_add_bytes(ddla_channel_sums *to, const uint8_t *bytes, int64_t count);

/* *to becomes that of both; zero is that of nothing. */
void ddla_channel_sums_add(ddla_channel_sums *to, const ddla_channel_sums *more);

/* As ddla_dataset_moments of all sets that were added. mean, deviation, sums: [channels] */
void ddla_channel_sums_moments(float *mean, float *deviation, const ddla_channel_sums *sums,
                               int64_t channels, ddla_data_type type);

#endif
