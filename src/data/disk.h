/* Memory for records that may be more than the machine has: pages of a file without a name, which
 * the system can write back. The file lies where a data set is to be written, so that the room is
 * there or the lack of it is known before anything is read. */
#ifndef DDLA_DATA_DISK_H
#define DDLA_DATA_DISK_H

#include "data/file.h"

/* Plain value; must live as long as the memory that it gives. Threads: any, for different blocks.
 */
typedef struct ddla_data_disk {
  const char *directory; /* of the files; borrowed */
  size_t least_bytes;    /* smaller blocks are pages without a file */
  _Atomic int reason;    /* errno of the last file that could not be made; 0: none */
} ddla_data_disk;

/* Blocks from a quarter of the machine's memory on become files of directory. */
ddla_data_disk ddla_data_disk_in(const char *directory);

/* The memory; ddla_data_block_make does not hold it to what the machine has. */
ddla_data_memory ddla_data_disk_memory(ddla_data_disk *disk);
bool ddla_data_disk_is(const ddla_data_memory *memory);

/* status, or where it is NO_MEMORY because the directory's disk had no room, DISK_FULL and words
 * that say so. */
ddla_status ddla_data_disk_explain(const ddla_data_disk *disk, ddla_status status);

#endif
