/* What the library's readers (rows of data_list.h; ddla/data.h says what a format is) fill in:
 * count, type, shape, features, labels, classes and the blocks of a zeroed set. Only for the files
 * of this folder. */
#ifndef DDLA_DATA_FORMAT_H
#define DDLA_DATA_FORMAT_H

#include "data/classes.h"
#include "data/data.h"
#include "data/file.h"
#include "data/order.h"
#include "data/prepared/prepared.h"
#include "data/united.h"

/* A view has a parent and owns nothing but itself; features, labels and classes are the root's. A
 * united set is a root without records of its own: sample i is one of a piece's. */
struct ddla_dataset {
  const ddla_dataset *parent;
  ddla_data_piece *piece; /* [pieces] of a united set, owned; else null */
  int pieces;
  ddla_dataset *moved;  /* of a united set: the store its records have moved to, owned; or null */
  const int64_t *where; /* [count] a sample's row in it */
  ddla_order order;     /* view: sample i is sample order(first + i) of the parent */
  int64_t first;
  int64_t count;
  ddla_data_type type;
  ddla_data_shape shape;
  const void *features; /* [count, height, width, channels], within features_block; tokens: uint16
                           [length], sample i is tokens i * height to (i + 1) * height, the last one
                           as a target only */
  int64_t length;       /* tokens; else 0 */
  int32_t *labels;      /* [count], within labels_block; null if there are none */
  float *targets;       /* [count, target_count], within targets_block; null if there are none */
  int64_t target_count;
  int32_t *keys;            /* [count]; null if the data have none */
  ddla_classes key_names;   /* of a root, which owns both */
  ddla_prepared_index *far; /* of a root whose features are not in memory: where they lie; owned */
  ddla_data_block features_block, labels_block, targets_block;
  ddla_classes classes;    /* of a root */
  ddla_channel_sums *sums; /* [channels] of a root's samples, owned; null: not known */
  uint64_t features_hash;
  ddla_data_fingerprint fingerprint;
  bool mapped;          /* features and targets are pages of files */
  bool sealed;          /* the reader knew the fingerprint without reading the records */
  int64_t left_out;     /* samples that were left out because they are damaged */
  int64_t left_out_for; /* damaged blocks that these were in */
};

#define DDLA_DATA_FORMAT(folder, name) extern const ddla_data_format ddla_data_format_##name;
#include "data/data_list.h"
#undef DDLA_DATA_FORMAT

/* Bytes of one feature and features per sample. */
size_t ddla_data_type_bytes(ddla_data_type type);
int64_t ddla_data_shape_count(ddla_data_shape shape);

const ddla_dataset *ddla_dataset_root(const ddla_dataset *set);

/* The root that has a sample's record, and which one it is there: of a united set a piece's, which
 * must lie here. */
const ddla_dataset *ddla_dataset_record(int64_t *row, const ddla_dataset *set, int64_t index);

/* Bytes of features (of a text: its tokens), labels (int32) and targets of a root. */
enum { DDLA_DATA_STREAMS = 3 };
void ddla_dataset_streams(size_t bytes[DDLA_DATA_STREAMS], const ddla_dataset *set);

/* Bytes of the same of records that are to be made. path is for messages. Errors: INVALID for
 * records that cannot be. */
ddla_status ddla_data_records_measure(size_t bytes[DDLA_DATA_STREAMS],
                                      const ddla_data_records *records, const char *path);

/* What a fingerprint begins with, and the seed of the next hash in it: of the one before. */
enum { DDLA_FINGERPRINT_HEAD = 7 };
void ddla_data_fingerprint_head(int64_t head[DDLA_FINGERPRINT_HEAD],
                                const ddla_data_records *records, uint64_t features_hash);
uint64_t ddla_data_fingerprint_seed(ddla_data_fingerprint older);
ddla_data_fingerprint ddla_data_fingerprint_of(const void *bytes, size_t length,
                                               ddla_data_fingerprint older);

/* With the names of classes, which end a fingerprint. */
ddla_data_fingerprint ddla_data_fingerprint_names(ddla_data_fingerprint older,
                                                  const ddla_classes *classes);

/* Computes the fingerprint of a root from its content. */
void ddla_dataset_seal(ddla_dataset *set);

/* What a reader of somebody else's left: records are there, labels and tokens are classes, which
 * get names where they have none and the numbers of source->class_names where these are given.
 * Errors: INVALID naming the path and the sample. */
ddla_status ddla_dataset_settle(ddla_dataset *set, const ddla_data_source *source);

/* Labels that are whole numbers: checks labels [count] against source->class_names, or makes
 * classes "0" … max where there are none. where: the file, for messages. Errors: INVALID for a
 * label out of range. */
ddla_status ddla_dataset_number_classes(ddla_dataset *set, const ddla_data_source *source,
                                        const char *where);

#endif
