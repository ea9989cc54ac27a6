/* metrics.csv: the rows of metrics.jsonl as a table, as RFC 4180 has it: a header, commas between
 * fields, CR LF behind each row. Every row has every column; where its row of metrics.jsonl has no
 * such number the field is empty. All fields are numbers, so none needs quotes.
 *
 * The table is made anew from metrics.jsonl whenever a run begins or goes on: a row that was cut
 * off is whole again, none stands twice, and a run that asks for it only when it is resumed has the
 * earlier epochs too. Threads: a file belongs to one thread. */
#ifndef DDLA_TRAIN_RUN_TABLE_H
#define DDLA_TRAIN_RUN_TABLE_H

#include <stdio.h>

#include "base/status.h"

/* Writes DIRECTORY/metrics.csv from DIRECTORY/metrics.jsonl (none is fine) and opens it for more;
 * the caller closes it. Errors: CORRUPT for a row that is no JSON object; NO_MEMORY; those of
 * files. */
ddla_status ddla_table_open(FILE **out, const char *directory);

/* Adds a row, given as in metrics.jsonl. Errors: CORRUPT, those of files. */
ddla_status ddla_table_add(FILE *file, const char *row, size_t bytes);

#endif
