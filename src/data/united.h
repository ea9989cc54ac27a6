/* A set whose samples lie on several hosts, each of which has one piece of it: numbered through
 * over all pieces, by host. Every host knows how many there are in each and, by label, of what; but
 * only those of its own piece can be read there. Threads: made and forgotten by one; then only
 * read. */
#ifndef DDLA_DATA_UNITED_H
#define DDLA_DATA_UNITED_H

#include "data/classes.h"
#include "data/data.h"

/* What is known of a piece everywhere. */
typedef struct ddla_data_piece {
  const ddla_dataset *set; /* borrowed; null: it lies elsewhere */
  int64_t first;           /* number of its first sample in the whole; filled by unite */
  int64_t count;
  ddla_data_fingerprint fingerprint;
} ddla_data_piece;

/* Unites pieces [count], of which at least one lies here and all are of its type and shape. classes
 * become the whole's (moved out of *classes). The fingerprint is that of all pieces' together, in
 * their order, with the names of the classes. Errors: NO_MEMORY. */
ddla_status ddla_dataset_unite(ddla_dataset **out, const ddla_data_piece *pieces, int count,
                               ddla_classes *classes) DDLA_MUST_USE;

/* The names of all lists, each once, in an order that does not depend on who has which: where all
 * are whole numbers by these, as readers number them, else by their bytes. names: [lists] each
 * counts[l] names that follow each other, each ended by a zero. Errors: INVALID for too many;
 * NO_MEMORY. */
ddla_status ddla_classes_unite(ddla_classes *out, const char *const *names, const int *counts,
                               int lists);

/* How many pieces, 0: it is no united set; their samples; where a sample lies, and as which number
 * there (the set itself where it is no united one; else the piece must lie here). */
int ddla_dataset_pieces(const ddla_dataset *set);
int64_t ddla_dataset_piece_count(const ddla_dataset *set, int piece);
int ddla_dataset_home(const ddla_dataset *set, int64_t index);
const ddla_dataset *ddla_dataset_piece_of(int64_t *place, const ddla_dataset *set, int64_t index);

/* One that lies here; the set itself where it is no united one. */
const ddla_dataset *ddla_dataset_piece_here(const ddla_dataset *set);

/* All but one piece are forgotten: the process becomes the host that has it. */
void ddla_dataset_keep_piece(ddla_dataset *set, int piece);

/* Room for records of a set, in the caller's memory. */
typedef struct ddla_data_store {
  int64_t count; /* rows */
  unsigned char *features;
  int32_t *labels; /* null where samples have none */
  float *targets;  /* the same */
} ddla_data_store;

/* Bytes of a record as it travels (features, label, targets), and of `count` rows of a store; and
 * the store in so many bytes at a place that is 64-byte aligned. Not for texts, whose samples are
 * windows of one record. */
size_t ddla_dataset_record_bytes(const ddla_dataset *set);
size_t ddla_data_store_bytes(const ddla_dataset *set, int64_t count);
ddla_data_store ddla_data_store_at(void *memory, const ddla_dataset *set, int64_t count);

/* A sample's record, and what becomes of it in a row. like: any set of these records. */
void ddla_dataset_take_record(unsigned char *record, const ddla_dataset *set, int64_t index);
void ddla_data_store_take_record(unsigned char *record, const ddla_data_store *store,
                                 const ddla_dataset *like, int64_t row);
void ddla_data_store_put_record(const ddla_data_store *store, const ddla_dataset *like, int64_t row,
                                const unsigned char *record);

/* From here on samples of a united set are read from a store: sample i is row where[i], which
 * changes as samples move; both are borrowed. Errors: NO_MEMORY. */
ddla_status ddla_dataset_move(ddla_dataset *set, const ddla_data_store *store,
                              const int64_t *where) DDLA_MUST_USE;

#endif
