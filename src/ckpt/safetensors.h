/* Files in the safetensors format: a little-endian 64-bit length, a JSON header of that many bytes
 * with
 * {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__":
 * {...}}, then the data (https://github.com/huggingface/safetensors, "Format"). What we write is
 * dense and in the given order, its header padded with spaces so that the data begin at a multiple
 * of 64 bytes; any reader of the format reads it. Equal content gives equal bytes.
 *
 * A reader trusts nothing: a file that is shorter or longer than its header says, tensors that
 * overlap, leave holes, or have a size that does not follow from shape and format, names that stand
 * twice, and text that is not such JSON are CORRUPT, naming file and tensor; a number format that
 * we do not have is UNSUPPORTED. Threads: an open file belongs to one thread. */
#ifndef DDLA_CKPT_SAFETENSORS_H
#define DDLA_CKPT_SAFETENSORS_H

#include <ddla/tensor.h>

#include "base/sha256.h"
#include "base/status.h"

enum { DDLA_SAFETENSORS_HEADER_MAX = 100 * 1000 * 1000 };

/* Elements that come piece by piece while they are written. */
typedef struct ddla_safetensors_stream {
  /* The next piece, which stays until the next call; called until the array is whole. */
  ddla_status (*next)(void *argument, const void **data, size_t *bytes);
  void *argument;
} ddla_safetensors_stream;

/* One array. Nothing is owned. */
typedef struct ddla_safetensors_array {
  const char *name; /* UTF-8 */
  ddla_dtype dtype;
  ddla_shape shape;
  const void *data; /* writing: its elements */
  void *into;       /* reading: where its elements go; null: it must be there, and is not read */
  ddla_safetensors_stream stream; /* writing: instead of data; `next` null: there is none */
} ddla_safetensors_array;

typedef struct ddla_safetensors_note {
  const char *key, *value; /* UTF-8; goes into "__metadata__" */
} ddla_safetensors_note;

/* What a file holds. */
typedef struct ddla_safetensors_content {
  const ddla_safetensors_array *arrays;
  int array_count;
  const ddla_safetensors_note *notes;
  int note_count;
  bool sealed; /* adds a note with the checksum of the header itself */
  /* Called when all arrays are written: may change what notes say, not how long it is. Null:
   * nothing is changed. Then there is no SHA-256. */
  ddla_status (*complete)(void *argument);
  void *complete_argument;
} ddla_safetensors_content;

/* Checksums and names of a file just written. */
typedef struct ddla_safetensors_digest {
  char sha256[DDLA_SHA256_TEXT_BYTES]; /* of the whole file */
  char header[DDLA_XXH128_TEXT_BYTES]; /* of length and header */
} ddla_safetensors_digest;

/* Writes the file all or nothing (base/file.h). Out may be null, which saves computing the SHA-256.
 * Errors: INVALID for names that are not UTF-8, reserved or twice; those of base/file.h. */
ddla_status ddla_safetensors_write(ddla_safetensors_digest *out, const char *path,
                                   const ddla_safetensors_content *content);

/* XXH128 of length and header as that content would be written, without writing. */
ddla_status ddla_safetensors_header_digest(char out[DDLA_XXH128_TEXT_BYTES],
                                           const ddla_safetensors_content *content);

typedef struct ddla_safetensors ddla_safetensors;

/* Opens a file, reads and checks its header, its seal if it has one, and, unless `header` is null,
 * that the header has this XXH128; no byte of it is believed before. The caller owns *out. */
ddla_status ddla_safetensors_open(ddla_safetensors **out, const char *path, const char *header);
void ddla_safetensors_close(ddla_safetensors *file);

/* Its arrays in the order of their data, with neither data nor into. Borrowed until close. */
int ddla_safetensors_count(const ddla_safetensors *file);
const ddla_safetensors_array *ddla_safetensors_at(const ddla_safetensors *file, int index);

/* By name; -1 if there is none. */
int ddla_safetensors_find(const ddla_safetensors *file, const char *name);

/* The value of a note, or null. Borrowed until close. */
const char *ddla_safetensors_note_of(const ddla_safetensors *file, const char *key);

/* The i-th note, or null behind the last. Borrowed until close. */
const ddla_safetensors_note *ddla_safetensors_note_at(const ddla_safetensors *file, int index);

/* XXH128 of length and header; borrowed until close. True if the header carried its own checksum.
 */
const char *ddla_safetensors_header_of(const ddla_safetensors *file);
bool ddla_safetensors_is_sealed(const ddla_safetensors *file);

/* Bytes of an array's elements. */
size_t ddla_safetensors_bytes(const ddla_safetensors_array *array);

/* INVALID, naming all that are missing and all of other shape or format, unless the file has every
 * wanted array. Arrays that are not wanted are fine. */
ddla_status ddla_safetensors_check(const ddla_safetensors *file,
                                   const ddla_safetensors_array *wanted, int count);

/* Reads the elements of array `index` into memory of ddla_safetensors_bytes bytes. */
ddla_status ddla_safetensors_read(void *into, ddla_safetensors *file, int index);

/* Check, then read every wanted array into its place (without checksums: see ckpt/checkpoint.h). */
ddla_status ddla_safetensors_read_all(ddla_safetensors *file, const ddla_safetensors_array *wanted,
                                      int count);

#endif
