/* What `ddla data` can do with data sets, and what its files have in common. Threads: one thread.
 */
#ifndef DDLA_CLI_DATA_KINDS_H
#define DDLA_CLI_DATA_KINDS_H

#include <jansson.h>

#include "cli/words.h"
#include "data/data.h"
#include "data/prepared/prepared.h"
#include "plugin/plugin.h"

/* One kind. run gets the words behind "data": argv[0] is the kind's name. */
typedef struct ddla_data_kind {
  const char *name, *arguments;
  ddla_status (*run)(int argc, char **argv);
} ddla_data_kind;

ddla_status ddla_data_prepare(int argc, char **argv);
ddla_status ddla_data_info(int argc, char **argv);
ddla_status ddla_data_verify(int argc, char **argv);
ddla_status ddla_data_head(int argc, char **argv);
ddla_status ddla_data_stats(int argc, char **argv);
ddla_status ddla_data_split(int argc, char **argv);
ddla_status ddla_data_broadcast(int argc, char **argv);
ddla_status ddla_data_gather(int argc, char **argv);

enum { DDLA_DATA_OPTIONS_MAX = 16 };

/* A call: a source, and how it is read. Plain value; zero is empty. */
typedef struct ddla_data_call {
  ddla_words words;
  const char *format, *job_path;
  bool json;
  bool takes_directory;         /* a second word, of a directory */
  const char *path, *directory; /* of the source; of what is written, where it is taken */
  ddla_job *job;
  ddla_plugins *plugins;
  const ddla_data_memory *memory; /* null: pages */
  bool trusts_features;           /* of a prepared source, unless data.verify is given */
  double open_seconds;            /* that opening took */
  ddla_dataset *sets[DDLA_PREPARED_PARTS];
} ddla_data_call;

/* Reads the words: options that all kinds have, and the kind's own. One word is the source. Errors:
 * INVALID; those of job files and plug-ins. */
ddla_status ddla_data_call_read(ddla_data_call *call, int argc, char **argv,
                                const ddla_words_option *options, int option_count);
void ddla_data_call_fini(ddla_data_call *call);

/* How a part of the source is read; a text in windows of one token. */
ddla_data_source ddla_data_call_source(const ddla_data_call *call, ddla_data_part part);

/* The parts that the source has, and how each is read; how many. One that is not divided into parts
 * is a training part. */
int ddla_data_call_parts(ddla_data_source source[DDLA_PREPARED_PARTS],
                         int part[DDLA_PREPARED_PARTS], const ddla_data_call *call);

/* Opens all parts that the source has; one that is not divided into parts as training part. Errors:
 * those of reading data. */
ddla_status ddla_data_call_open(ddla_data_call *call);

/* "train", … into a part; null gives the fallback. Errors: INVALID naming the option. */
ddla_status ddla_data_call_part(ddla_data_part *out, const char *option, const char *text,
                                ddla_data_part fallback);

/* A whole number of an option that may be null: then the fallback. Errors: INVALID. */
ddla_status ddla_data_call_number(int64_t *out, const char *option, const char *text,
                                  int64_t fallback, int64_t most);

/* Where and how prepare and split write. */
typedef struct ddla_data_target {
  const char *directory, *part_bytes, *block_bytes;
  bool compress;
} ddla_data_target;

/* Refuses a directory that is there, and makes memory for what will be read. Before the source is
 * opened. Errors: INVALID; those of making directories. */
ddla_status ddla_data_target_start(const ddla_data_target *target, ddla_data_call *call);
void ddla_data_target_end(ddla_data_call *call);

/* Opens the source into that memory. Errors: also DISK_FULL where there is no room for it. */
ddla_status ddla_data_target_open(ddla_data_call *call);

/* Writes the sets [DDLA_PREPARED_PARTS] and says what was written. Errors: of ddla_prepared_write.
 */
ddla_status ddla_data_target_write(const ddla_data_target *target, const ddla_data_call *call,
                                   ddla_dataset *const *sets);

/* Prints what the sets of a call are. */
ddla_status ddla_data_info_print(const ddla_data_call *call);

/* "uint8", "float32", "token"; number of samples, of a text of its tokens. Borrowed for ever. */
const char *ddla_data_info_type(const ddla_dataset *set);
int64_t ddla_data_info_count(const ddla_dataset *set);

#endif
