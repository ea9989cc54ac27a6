/* Prepared data sets: a directory with an index and part files for each part (training, validation,
 * test), written once and mapped into memory to be opened; docs/formats/prepared.md says what is in
 * them. A part has up to three streams of bytes, features, labels and targets; a stream is cut into
 * blocks, each with a hash, and blocks lie in part files.
 * Threads: one thread per index; several parts may be opened at once. */
#ifndef DDLA_DATA_PREPARED_PREPARED_H
#define DDLA_DATA_PREPARED_PREPARED_H

#include "data/classes.h"
#include "data/data.h"
#include "data/file.h"

enum {
  DDLA_PREPARED_VERSION = 2,     /* of an index; the first has no sums, and is read too */
  DDLA_PREPARED_PARTS = 3,       /* as of ddla_data_part */
  DDLA_PREPARED_FOOT_BYTES = 64, /* behind the blocks of a part file */
  DDLA_PREPARED_STEP = 65536,    /* blocks are multiples of it: no system has larger pages */
  DDLA_PREPARED_BLOCK_MAX = 1 << 28,
  DDLA_PREPARED_FILES_MAX = 100000, /* of a stream */
  DDLA_PREPARED_INDEX_BYTES_MAX = 1 << 30
};

typedef enum ddla_prepared_stream {
  DDLA_PREPARED_FEATURES,
  DDLA_PREPARED_LABELS,
  DDLA_PREPARED_TARGETS,
  DDLA_PREPARED_STREAMS
} ddla_prepared_stream;

/* As it lies in a part file. */
typedef struct ddla_prepared_block {
  uint64_t bytes, hash; /* hash: XXH3 with 64 bits */
  uint64_t offset;      /* in its file: follows from the bytes of those before */
} ddla_prepared_block;

/* What an index says. Plain value; zero is empty; blocks, sums and classes are owned. */
typedef struct ddla_prepared_index {
  ddla_data_part part;
  ddla_data_records records; /* a text has the shape [1, 1, 1] and count 1; no pointers */
  bool compressed;
  uint64_t features_hash;
  ddla_data_fingerprint fingerprint; /* of a text 0: it depends on the window */
  uint64_t block_bytes;              /* of the stream, but for its last block */
  uint64_t file_blocks;              /* blocks in a part file, but for the stream's last */
  ddla_channel_sums *sums;           /* [channels] of all samples; null: not known, or a text */
  ddla_classes classes;
  size_t stream_bytes[DDLA_PREPARED_STREAMS];   /* from here on it follows from the above */
  int64_t stream_blocks[DDLA_PREPARED_STREAMS]; /* 0: the stream is not there */
  int64_t stream_first[DDLA_PREPARED_STREAMS];  /* the stream's first block within blocks */
  int64_t block_count;
  ddla_prepared_block *blocks; /* [block_count], streams one after the other */
} ddla_prepared_index;

void ddla_prepared_index_fini(ddla_prepared_index *index);

/* Fills in what follows from records, block_bytes and file_blocks, and makes blocks. path is for
 * messages. Errors: INVALID for records that cannot be; NO_MEMORY. */
ddla_status ddla_prepared_index_plan(ddla_prepared_index *index, const char *path);

/* The index as bytes, owned by the caller. Errors: NO_MEMORY. */
ddla_status ddla_prepared_index_encode(uint8_t **out, size_t *bytes,
                                       const ddla_prepared_index *index);

/* Reads an index from bytes into an empty one. path is for messages. Errors: CORRUPT naming the
 * place, UNSUPPORTED for a newer version, NO_MEMORY. */
ddla_status ddla_prepared_index_parse(ddla_prepared_index *out, const uint8_t *bytes, size_t length,
                                      const char *path);

/* Reads the index of a part of a directory. Errors: of parse and of reading files. */
ddla_status ddla_prepared_index_read(ddla_prepared_index *out, const char *directory,
                                     ddla_data_part part);

/* Fills in the sums of a set's channels, or of those of a part whose files lie in a directory,
 * uncompressed. Nothing is done for a text. Errors: NO_MEMORY; those of loading. */
ddla_status ddla_prepared_sum_set(ddla_prepared_index *index, const ddla_dataset *set);
ddla_status ddla_prepared_sum_files(ddla_prepared_index *index, const char *directory);

/* Writes the index of a part into a directory. Errors: those of files; INVALID for too many blocks.
 */
ddla_status ddla_prepared_index_store(const char *directory, const ddla_prepared_index *index);

/* "train", "validation", "test"; "features", "labels", "targets". Borrowed for ever. */
const char *ddla_prepared_part_name(ddla_data_part part);
const char *ddla_prepared_stream_name(ddla_prepared_stream stream);

/* DIR/train.index; DIR/train-features-00000.part. Errors: INVALID (too long). */
ddla_status ddla_prepared_index_path(char *out, const char *directory, ddla_data_part part);
ddla_status ddla_prepared_file_path(char *out, const char *directory,
                                    const ddla_prepared_index *index, ddla_prepared_stream stream,
                                    int64_t file);

/* Part files of a stream; blocks [first, end) within index->blocks of one of them, and their bytes.
 */
int64_t ddla_prepared_files(const ddla_prepared_index *index, ddla_prepared_stream stream);
typedef struct ddla_prepared_file {
  int64_t first, end;
  uint64_t bytes; /* without the foot */
} ddla_prepared_file;
ddla_prepared_file ddla_prepared_file_at(const ddla_prepared_index *index,
                                         ddla_prepared_stream stream, int64_t file);

/* Bytes of the stream in block number `block` of index->blocks. */
size_t ddla_prepared_block_bytes(const ddla_prepared_index *index, ddla_prepared_stream stream,
                                 int64_t block);

/* The stream that a block of index->blocks is of, and the number of its file there. */
ddla_prepared_stream ddla_prepared_stream_of(int64_t *file, const ddla_prepared_index *index,
                                             int64_t block);

/* Fills in where a block lies in its file, when that is known of the one before. */
void ddla_prepared_block_place(ddla_prepared_index *index, ddla_prepared_stream stream,
                               int64_t block);

/* Compares the hash of a block as it lies in its file with the one that the index says, and unpacks
 * it where it is compressed; out: [ddla_prepared_block_bytes], else not written. path: of its file,
 * for messages. Errors: CORRUPT naming path, block and offset. */
ddla_status ddla_prepared_block_check(uint8_t *out, const ddla_prepared_index *index, int64_t block,
                                      const uint8_t *stored, const char *path);

/* Opens a part file for reading and looks at its length and its foot; *out is the caller's. Errors:
 * CORRUPT for one that is missing or not as the index says; those of reading files. */
ddla_status ddla_prepared_file_open(int *out, const char *path, const ddla_prepared_index *index,
                                    ddla_prepared_stream stream, int64_t file);

/* The foot of a part file. */
void ddla_prepared_foot(uint8_t out[DDLA_PREPARED_FOOT_BYTES], const ddla_prepared_index *index,
                        ddla_prepared_stream stream, int64_t file);

/* How a set is written; zero means default. */
typedef struct ddla_prepared_options {
  int64_t part_bytes;  /* of a stream in a part file, about: 1 GiB */
  int64_t block_bytes; /* 1 MiB; rounded up to a multiple of DDLA_PREPARED_STEP */
  bool compress;
  int threads;                     /* 0: as processors */
  bool (*stopped)(void *argument); /* asked now and then whether to end early; may be null */
  void *argument;
} ddla_prepared_options;

/* An empty index as that of a set, which is no view, written with these options; hashes of blocks
 * are 0, and so are their bytes where they are compressed. Errors: INVALID; NO_MEMORY. */
ddla_status ddla_prepared_plan(ddla_prepared_index *out, const ddla_dataset *set,
                               ddla_data_part part, const ddla_prepared_options *options);

/* The same of records whose hash and fingerprint are not known yet. classes: of their labels. */
ddla_status ddla_prepared_plan_records(ddla_prepared_index *out, const ddla_data_records *records,
                                       const ddla_classes *classes, ddla_data_part part,
                                       const ddla_prepared_options *options);

/* Writes a directory from the sets of its parts: sets [DDLA_PREPARED_PARTS], null where there is
 * none; no views. All or nothing: the directory has its name when everything is durable. Errors:
 * INVALID where something is there already, also when another process came first; INTERRUPTED;
 * DISK_FULL and others of files. */
ddla_status ddla_prepared_write(const char *directory, ddla_dataset *const *sets,
                                const ddla_prepared_options *options);

/* Errors: INVALID where a directory cannot be made at this path because something is there. */
ddla_status ddla_prepared_check_target(const char *directory);

/* Whether a directory has the index of a part. */
bool ddla_prepared_has(const char *directory, ddla_data_part part);

/* The streams of a part in memory. Plain value; zero is empty. */
typedef struct ddla_prepared_content {
  ddla_data_block stream[DDLA_PREPARED_STREAMS];
  uint8_t *damaged;       /* [block_count]: not 0 where a block is damaged */
  int64_t damaged_blocks; /* how many */
} ddla_prepared_content;

void ddla_prepared_content_release(ddla_prepared_content *content);

/* How content is loaded. */
typedef struct ddla_prepared_loading {
  bool trusts_features;           /* hashes of uncompressed features are not looked at */
  bool writable;                  /* features too may be changed in memory; labels always may */
  const ddla_data_memory *memory; /* of what is decompressed */
  int threads;
  bool forgives_blocks; /* what is damaged is counted, and its content undefined; else a failure */
} ddla_prepared_loading;

/* Maps or decompresses the streams. The index must outlive nothing. Errors: CORRUPT naming file,
 * block and offset; INVALID for missing files; NO_MEMORY; IO. */
ddla_status ddla_prepared_load(ddla_prepared_content *out, const ddla_prepared_index *index,
                               const char *directory, const ddla_prepared_loading *loading);

/* The set's fields as the index has them; and the end of opening it, when its labels are there.
 * Errors: INVALID for a text shorter than its window, and for labels out of range. */
ddla_status ddla_prepared_describe(ddla_dataset *set, const ddla_prepared_index *index,
                                   const ddla_data_source *source);
ddla_status ddla_prepared_settle(ddla_dataset *set, const ddla_data_source *source);

/* What a check has found. */
typedef struct ddla_prepared_verdict {
  int64_t files, blocks, samples; /* looked at */
  uint64_t bytes;                 /* of these files */
  int64_t damages;                /* told */
} ddla_prepared_verdict;

/* Looks at every byte of a part, a few blocks at a time: index, feet, hashes of all blocks, range
 * of labels and tokens, and whether sums, features hash and fingerprint follow from the content.
 * Each damage is told in order. Errors: only where the check itself was not possible. */
ddla_status ddla_prepared_verify(ddla_prepared_verdict *out, const char *directory,
                                 ddla_data_part part,
                                 void (*tell)(const char *words, void *argument), void *argument);

#endif
