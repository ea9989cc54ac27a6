/* What this machine grants this process: containers and schedulers often grant less than it has.
 * Threads: pure functions that read files of the system. */
#ifndef DDLA_BASE_MACHINE_H
#define DDLA_BASE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Processors that this process may run on at once: by affinity, and by the time that its control
 * group grants, rounded up. At least 1. */
int ddla_machine_processors(void);

/* Processors of the whole machine, and by affinity alone. */
int ddla_machine_processors_all(void);
int ddla_machine_processors_affinity(void);

/* Threads of other programs on the whole machine that compute: what is ready to run beside the
 * caller, the least of a few looks within 3 ms. 0 also where the system does not tell. */
int ddla_machine_others(void);

/* Processors' worth of time that the control group (version 1 or 2) grants; 0: no limit known. */
double ddla_machine_quota(void);

/* Bytes of memory of the machine, those free to take (what the machine has to give, or less where a
 * control group's limit leaves less), the limit of the control group (0: no limit known), and what
 * is left of this process's address space (`ulimit -v`; 0: no limit). */
typedef struct ddla_machine_memory {
  size_t total_bytes, available_bytes, limit_bytes, address_bytes;
} ddla_machine_memory;

ddla_machine_memory ddla_machine_memory_of(void);

/* The same from files below a folder `top`, such as top/proc/meminfo; "": those of the system. */
ddla_machine_memory ddla_machine_memory_below(const char *top);

/* "AMD EPYC 9B14" into text; "unknown processor" where the system does not tell. Returns text. */
const char *ddla_machine_name(char *text, size_t bytes);

/* "little endian" or "big endian". Borrowed for ever. */
const char *ddla_machine_byte_order(void);

/* Files that this process may have open at once (`ulimit -n`); -1: any number. */
int64_t ddla_machine_open_files(void);

/* First line of a file of the system, without its end; false if it cannot be read. */
bool ddla_machine_line(char *text, size_t bytes, const char *path);

#endif
