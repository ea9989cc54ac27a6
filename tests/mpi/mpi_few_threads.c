/* For faults.sh, in LD_PRELOAD: an MPI library that grants fewer threads than it was asked for. The
 * plug-in's call comes here, since what is preloaded is found first. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef int init_thread(int *argc, char ***argv, int required, int *provided);

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided);

static init_thread *find_own(void) {
  static const char *const names[] = {"libmpi.so.40", "libmpich.so.12"};
  init_thread *found = NULL;
  for (int i = 0; i < 2 && !found; i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_NOLOAD);
    void *symbol = library ? dlsym(library, "PMPI_Init_thread") : NULL;
    memcpy(&found, &symbol, sizeof found);
  }
  return found;
}

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
  enum { FUNNELED = 1 /* in both libraries */ };
  init_thread *own = find_own();
  if (!own) abort();
  int result = own(argc, argv, required, provided);
  *provided = FUNNELED;
  return result;
}
