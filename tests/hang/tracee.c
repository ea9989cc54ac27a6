#include "tracee.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "symbol.h"

static bool wait_stop(const tracee *it) {
  int status = 0;
  pid_t found;
  do found = waitpid(it->thread, &status, __WALL);
  while (found < 0 && errno == EINTR);
  return found == it->thread && WIFSTOPPED(status);
}

bool tracee_seize(tracee *out, pid_t process, pid_t thread) {
  if (!out->cave) *out = (tracee){.cave = symbol_find(process, "_start")};
  out->process = process;
  out->thread = thread;
  return out->cave && ptrace(PTRACE_SEIZE, thread, 0, 0) == 0;
}

bool tracee_interrupt(tracee *it) {
  return ptrace(PTRACE_INTERRUPT, it->thread, 0, 0) == 0 && wait_stop(it);
}

bool tracee_let_go(tracee *it) { return ptrace(PTRACE_DETACH, it->thread, 0, 0) == 0; }

bool tracee_mourn(tracee *it) {
  int status = 0;
  pid_t found;
  do found = waitpid(it->thread, &status, __WALL);
  while (found == it->thread && WIFSTOPPED(status));
  return true;
}

static bool set_debug_register(const tracee *it, int number, uint64_t value) {
  size_t at = offsetof(struct user, u_debugreg) + (size_t)number * sizeof(long);
  return ptrace(PTRACE_POKEUSER, it->thread, at, value) == 0;
}

bool tracee_forget(tracee *it) { return set_debug_register(it, 7, 0); }

/* A breakpoint of the processor's: of this thread alone, and without a change of the code. */
bool tracee_run_to_within(tracee *it, uint64_t address, int ms) {
  struct user_regs_struct registers;
  int status = 0;
  if (!set_debug_register(it, 0, address) || !set_debug_register(it, 7, 1)) return false;
  if (ptrace(PTRACE_CONT, it->thread, 0, 0) != 0) return false;
  for (int waited = 0; waited < ms; waited++) {
    if (waitpid(it->thread, &status, __WALL | WNOHANG) == it->thread) {
      if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGS, it->thread, 0, &registers) != 0)
        return false;
      if (registers.rip == address) return true;
      if (ptrace(PTRACE_CONT, it->thread, 0, 0) != 0) return false; /* stopped by something else */
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  (void)tracee_interrupt(it);
  return false;
}

bool tracee_hold(pid_t process) { return ptrace(PTRACE_SEIZE, process, 0, 0) == 0; }

bool tracee_step(tracee *it, int count) {
  for (int i = 0; i < count; i++)
    if (ptrace(PTRACE_SINGLESTEP, it->thread, 0, 0) != 0 || !wait_stop(it)) return false;
  return true;
}

bool tracee_skip_call(tracee *it) {
  struct user_regs_struct registers;
  if (ptrace(PTRACE_GETREGS, it->thread, 0, &registers) != 0) return false;
  errno = 0;
  long back = ptrace(PTRACE_PEEKDATA, it->thread, registers.rsp, 0);
  if (errno) return false;
  registers.rip = (unsigned long long)back;
  registers.rsp += sizeof(long);
  registers.rax = 0;
  return ptrace(PTRACE_SETREGS, it->thread, 0, &registers) == 0;
}

/* mov eax, 34; syscall (pause); jmp to the mov */
#define PAUSE 0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7

/* What lies in the cave: sizeof(long) * 4 bytes at most. */
static void detour_code(uint8_t out[32], tracee_detour detour) {
  static const uint8_t spin[] = {0xeb, 0xfe};
  static const uint8_t pause_code[] = {PAUSE};
  /* mov eax, 58; syscall (vfork); test eax, eax; the child pauses, the parent then loops */
  static const uint8_t disk[] = {0xb8, 58,   0,    0,    0,     0x0f, 0x05,
                                 0x85, 0xc0, 0x75, 0x09, PAUSE, 0xeb, 0xfe};
  memset(out, 0x90, 32);
  if (detour == DETOUR_SPIN) memcpy(out, spin, sizeof spin);
  else if (detour == DETOUR_SLEEP) memcpy(out, pause_code, sizeof pause_code);
  else memcpy(out, disk, sizeof disk);
}

static bool write_cave(const tracee *it, const long words[4]) {
  for (int i = 0; i < 4; i++)
    if (ptrace(PTRACE_POKETEXT, it->thread, it->cave + (uint64_t)i * sizeof(long), words[i]) != 0)
      return false;
  return true;
}

/* A thread in vfork stands until its child is gone, and a child outlives a thread that is killed.
 */
static pid_t find_child(const tracee *it) {
  char path[96];
  int child = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)it->process, (int)it->thread);
  for (int tries = 0; tries < 1000 && child == 0; tries++) {
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%d", &child) != 1) child = 0;
    if (file) fclose(file);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return child;
}

bool tracee_lead_away(tracee *it, tracee_detour detour) {
  uint8_t code[32];
  long words[4];
  struct user_regs_struct registers;
  detour_code(code, detour);
  memcpy(words, code, sizeof words);
  if (ptrace(PTRACE_GETREGS, it->thread, 0, &it->registers) != 0) return false;
  for (int i = 0; i < 4; i++)
    it->saved[i] = ptrace(PTRACE_PEEKTEXT, it->thread, it->cave + (uint64_t)i * sizeof(long), 0);
  registers = it->registers;
  registers.rip = it->cave;
  registers.orig_rax = (unsigned long long)-1; /* no system call is to be restarted */
  if (!write_cave(it, words) || ptrace(PTRACE_SETREGS, it->thread, 0, &registers) != 0 ||
      !tracee_let_go(it))
    return false;
  if (detour == DETOUR_DISK) it->child = find_child(it);
  return detour != DETOUR_DISK || it->child > 0;
}

bool tracee_lead_back(tracee *it) {
  if (it->child > 0) kill(it->child, SIGKILL);
  if (ptrace(PTRACE_SEIZE, it->thread, 0, 0) != 0 || !tracee_interrupt(it)) return false;
  return write_cave(it, it->saved) && ptrace(PTRACE_SETREGS, it->thread, 0, &it->registers) == 0 &&
         tracee_let_go(it);
}
