#include "mpi/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Folders seen from where this code lies: a build folder (the program, and tests in bin/), then an
 * installed program or library. */
static const char *const beside[] = {"plugins", "../plugins", "../" DDLA_MPI_LIBDIR "/ddla",
                                     "ddla"};

enum { BESIDE = sizeof beside / sizeof beside[0] };

/* The folder of the file that contains this function. */
static bool own_folder(char *out, size_t bytes) {
  Dl_info info = {0};
  char path[PATH_MAX] = "";
  void *here = NULL;
  ddla_status (*function)(ddla_mpi_loaded *, const char *, const char *) = ddla_mpi_load;
  memcpy(&here, &function, sizeof here);
  if (!dladdr(here, &info) || !info.dli_fname) return false;
  /* A program's own name may be relative to a folder that was left since. */
  bool absolute = info.dli_fname[0] == '/';
  if (!absolute && !realpath("/proc/self/exe", path)) return false;
  if (absolute && !realpath(info.dli_fname, path)) return false;
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  *slash = '\0';
  return snprintf(out, bytes, "%s", path) < (int)bytes;
}

static bool is_there(char *path, size_t bytes, const char *folder, const char *inner,
                     const char *library) {
  int length =
      snprintf(path, bytes, "%s%s%s/ddla_mpi_%s.so", folder, inner[0] ? "/" : "", inner, library);
  return length > 0 && (size_t)length < bytes && access(path, F_OK) == 0;
}

static bool find(char *path, size_t bytes, const char *library, const char *folder) {
  char own[PATH_MAX] = "";
  if (folder) return is_there(path, bytes, folder, "", library);
  if (own_folder(own, sizeof own))
    for (int i = 0; i < BESIDE; i++)
      if (is_there(path, bytes, own, beside[i], library)) return true;
  return is_there(path, bytes, DDLA_MPI_FOLDER, "", library);
}

/* The package that brings the library's headers, so that CMake makes the plug-in. */
static const char *package_of(const char *library) {
  if (strcmp(library, "openmpi") == 0) return "libopenmpi-dev";
  return strcmp(library, "mpich") == 0 ? "libmpich-dev" : "one for its headers and mpicc";
}

/* The one that brings its launcher and the library itself. */
static const char *runtime_of(const char *library) {
  if (strcmp(library, "openmpi") == 0) return "openmpi-bin";
  return strcmp(library, "mpich") == 0 ? "mpich" : "one for the library itself";
}

static ddla_status fail_missing(const char *library, const char *folder) {
  return DDLA_FAIL(UNSUPPORTED,
                   "the plug-in ddla_mpi_%s.so is missing (%s%s): ddla makes it when it is built "
                   "where that MPI library is found (Debian's package: %s; then configure and "
                   "build again)",
                   library, folder ? "looked for in " : "looked for beside the program and in ",
                   folder ? folder : DDLA_MPI_FOLDER, package_of(library));
}

ddla_status ddla_mpi_load_check(const char *library, const char *folder) {
  ddla_mpi_loaded loaded = {0};
  if (find(loaded.path, sizeof loaded.path, library, folder)) return DDLA_OK;
  return fail_missing(library, folder);
}

ddla_status ddla_mpi_load(ddla_mpi_loaded *out, const char *library, const char *folder) {
  ddla_mpi_loaded loaded = {0};
  if (!find(loaded.path, sizeof loaded.path, library, folder)) return fail_missing(library, folder);
  /* Local, so that two libraries' functions of the same name never meet in one process. */
  void *object = dlopen(loaded.path, RTLD_NOW | RTLD_LOCAL);
  if (!object)
    return DDLA_FAIL(UNSUPPORTED,
                     "the plug-in %s cannot be loaded: %.600s; is that MPI library on this machine "
                     "(Debian's package: %s), and in LD_LIBRARY_PATH if it lies apart?",
                     loaded.path, dlerror(), runtime_of(library));
  loaded.plugin = dlsym(object, DDLA_MPI_PLUGIN_SYMBOL);
  if (!loaded.plugin || loaded.plugin->version != DDLA_MPI_PLUGIN_VERSION)
    return DDLA_FAIL(UNSUPPORTED,
                     "the plug-in %s is of version %d and this program needs %d: they come from "
                     "two builds of ddla; install both from one",
                     loaded.path, loaded.plugin ? loaded.plugin->version : 0,
                     DDLA_MPI_PLUGIN_VERSION);
  *out = loaded;
  return DDLA_OK;
}
