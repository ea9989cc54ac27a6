/* What the system says about a process and its threads: /proc. Threads: pure functions. */
#ifndef DDLA_WATCH_PROCESS_H
#define DDLA_WATCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct ddla_process_state {
  char state;       /* R S D T t Z X as in proc(5); 0: there is no such process or thread */
  int exit_code;    /* of a zombie, as waitpid gives it */
  int64_t cpu_ns;   /* processor time so far; counted in ticks of 10 ms */
  uint64_t started; /* ticks since the machine's start */
} ddla_process_state;

/* State of a thread of a process; thread 0: of the process as a whole. */
ddla_process_state ddla_process_look(pid_t process, pid_t thread);

/* When a process was started; 0: there is none. Number and start together name a process. */
uint64_t ddla_process_started(pid_t process);

/* Resident memory in bytes; 0: unknown. */
int64_t ddla_process_memory(pid_t process);

/* The machine's load: mean of one minute, and threads that are running or ready now. */
typedef struct ddla_process_load {
  double minute;
  int ready;
} ddla_process_load;

ddla_process_load ddla_process_load_of(void);

#endif
