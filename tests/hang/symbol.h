/* Where a function of a running process lies. */
#ifndef DDLA_HANG_SYMBOL_H
#define DDLA_HANG_SYMBOL_H

#include <stdint.h>
#include <sys/types.h>

/* The address of a function of the program that `process` runs, from the symbol table of its file
 * and the place it was mapped to; 0: there is none. */
uint64_t symbol_find(pid_t process, const char *name);

#endif
