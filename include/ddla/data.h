/* Data of one's own: a format is a row with a name and a function that reads a path into memory.
 * The library's own formats (idx, csv, folder, text) are made the same way; others come through a
 * plug-in (ddla/plugin.h) and are named in the job by data.format, or found by what they accept.
 *
 * A data set is read once, before the agents exist, into pages that all of them share, and is never
 * written afterwards. Samples are records of uint8 (0 to 255, seen by the model as x / 255) or
 * float32 numbers, each with a label or with numbers as its target, or the tokens of a text, whose
 * targets are the tokens that follow. Threads: several data sets may be read at once, each by its
 * own thread. Errors of what reads: INVALID for what a user can mend (name the path, the place in
 * it, what was expected and what was found), CORRUPT for damaged files, IO for failing devices,
 * NO_MEMORY. */
#ifndef DDLA_DATA_H
#define DDLA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ddla/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ddla_dataset ddla_dataset;

/* Numbers of a sample: bytes, floats, or the tokens of a text (whole numbers below 65536). */
typedef enum ddla_data_type { DDLA_DATA_UINT8, DDLA_DATA_FLOAT32, DDLA_DATA_TOKENS } ddla_data_type;
/* What samples are for. */
typedef enum ddla_data_part {
  DDLA_DATA_TRAIN,
  DDLA_DATA_VALIDATION,
  DDLA_DATA_TEST
} ddla_data_part;
/* Whether a table's first line names its columns. */
typedef enum ddla_data_header {
  DDLA_DATA_HEADER_AUTO, /* a header if no field is a number or one is the label's name */
  DDLA_DATA_HEADER_YES,
  DDLA_DATA_HEADER_NO
} ddla_data_header;

/* One sample is [height, width, channels]; a table's row of f features is [1, 1, f], a window of t
 * tokens [t, 1, 1]. */
typedef struct ddla_data_shape {
  int64_t height, width, channels;
} ddla_data_shape;

/* Where records are kept. */
typedef struct ddla_data_memory {
  void *(*allocate)(size_t bytes, void *argument); /* 64-byte aligned, or null */
  void (*release)(void *block, size_t bytes, void *argument);
  void *argument;
} ddla_data_memory;

struct ddla_data_format;

/* What to open; zero means default. Everything is borrowed for the call only, except *memory, which
 * is copied. A format reads what concerns it. */
typedef struct ddla_data_source {
  const char *path;        /* file or directory */
  const char *labels_path; /* idx: file of labels; null: derived from path */
  const char *format;      /* its name; null or "auto": the first that accepts */
  ddla_data_part part;     /* which part of a directory that holds several */
  /* csv: name, number from 1, "last" (default), or "none"; jsonl, webdataset: key, "label"
   * (default), or "none" */
  const char *label_column;
  const char *key_column;  /* csv: whose a sample is: name or number from 1; null: none says it */
  const char *features;    /* jsonl: "key, key, …" in their order; null: all but the label's */
  ddla_data_header header; /* csv */
  char delimiter;          /* csv: 0 finds out which of , ; tab the first line has most of */
  /* csv, jsonl: shape of a row; folder, webdataset: size to bring images to, channels 1 or 3 */
  ddla_data_shape shape;
  int64_t window;                 /* text: tokens of a sample */
  const char *const *class_names; /* null: as found in the data; else any other label is refused */
  int class_count; /* 0: as found; without class_names: labels are 0 ... class_count - 1 */
  int threads;     /* of images, prepared: threads that decode; default as many as processors */
  /* prepared: true: the features' hashes are not looked at on opening. Whatever chooses memory
   * (labels, tokens) and whatever is compressed is checked all the same. */
  bool trusts_features;
  /* prepared: samples in damaged blocks are left out of the set; else opening fails. */
  bool skips_damaged;
  const ddla_data_memory *memory; /* null: pages shared with later forks */
  /* Formats besides the library's own, asked before them; [format_count]. */
  const struct ddla_data_format *const *formats;
  int format_count;
} ddla_data_source;

/* A format of data. */
typedef struct ddla_data_format {
  const char *name, *looks_for; /* "idx", "a directory of …": what it looked for at the path */
  bool needs_no_file;           /* paths that it accepts name nothing on disk */
  /* Whether the path is of this format, by its name or its first bytes; must not read it all. Null:
   * only where data.format names it. */
  bool (*accepts)(const ddla_data_source *source);
  /* Whether the path holds source->part beside others; null: the format knows no parts. */
  bool (*has_part)(const ddla_data_source *source);
  /* Reads the path into a set that is empty: ddla_dataset_make, then the numbers. What was made is
   * released by the caller, also after a failure. */
  ddla_status (*read)(ddla_dataset *set, const ddla_data_source *source);
} ddla_data_format;

/* Records to be made, and where they lie when they are. */
typedef struct ddla_data_records {
  ddla_data_type type;
  ddla_data_shape shape; /* of a sample */
  int64_t count;         /* samples; of a text: see length */
  int64_t length;        /* tokens of a text, more than shape.height; count follows from it */
  bool labelled;         /* each sample has a label: a class, from 0 */
  int64_t targets;       /* numbers that each sample has as its target; 0: none */
  /* (made) uint8 or float [count, height, width, channels]; uint16 [length] of a text; int32
   * [count] or null; float [count, targets] or null. Contents undefined. */
  void *features;
  int32_t *label;
  float *target;
} ddla_data_records;

/* Memory for the records of a set that is being read; once for each set. source is the one that
 * read was given. Errors: INVALID for records that cannot be; NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_dataset_make(ddla_data_records *records, ddla_dataset *set,
                                                     const ddla_data_source *source);

/* Number of the class of this name; a new one gets the next number. Without this the classes of
 * labels are called "0", "1", …. name is copied. Errors: INVALID for an empty name and beyond 65536
 * classes; NO_MEMORY. */
DDLA_API DDLA_MUST_USE ddla_status ddla_dataset_add_class(int32_t *out, ddla_dataset *set,
                                                          const char *name);

#ifdef __cplusplus
}
#endif
#endif
