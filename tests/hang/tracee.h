/* One thread of another process, held and led astray by ptrace(2). x86-64 Linux only. */
#ifndef DDLA_HANG_TRACEE_H
#define DDLA_HANG_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

typedef enum tracee_detour { DETOUR_SPIN, DETOUR_SLEEP, DETOUR_DISK } tracee_detour;

typedef struct tracee {
  pid_t process, thread;
  uint64_t cave; /* code that has run and will not run again: the program's first function */
  pid_t child;   /* of a vfork */
  long saved[4]; /* what stood there */
  struct user_regs_struct registers; /* of the place that it was led away from */
} tracee;

/* All of these return false where the system refuses, mostly because the thread is gone. */
bool tracee_seize(tracee *out, pid_t process, pid_t thread);
bool tracee_interrupt(tracee *it); /* it stands */
bool tracee_let_go(tracee *it);    /* it runs, unattended */
bool tracee_mourn(tracee *it);     /* it was killed: its end is its parent's affair */
/* Runs until it is about to execute the instruction at `address`, and stands there. False also
 * where it does not come there in so many milliseconds; it stands in any case. */
bool tracee_run_to_within(tracee *it, uint64_t address, int ms);
bool tracee_forget(tracee *it);          /* the address of tracee_run_to */
bool tracee_step(tracee *it, int count); /* executes so many instructions */
bool tracee_skip_call(
    tracee *it); /* at a function's first instruction: returns 0 from it at once */
/* Leads it into an endless loop, a sleep, or the state D (a vfork whose child does not end), and
 * lets go. */
bool tracee_lead_away(tracee *it, tracee_detour detour);
/* Holds a process so that, killed, it stays a zombie for as long as the caller lives. */
bool tracee_hold(pid_t process);
/* Leads it back to where it was, and lets go. */
bool tracee_lead_back(tracee *it);

#endif
