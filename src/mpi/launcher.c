#include "mpi/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/text.h"

/* Marks by launcher, the surest first. A launcher's own names stand before those of the services
 * that several launchers offer. */
typedef struct mark {
  const char *size, *rank, *place; /* variables; null: this launcher does not say it */
  const char *name, *library;
  const char *programs[8]; /* that start its processes */
} mark;

static const mark marks[] = {
    {"OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_RANK",
     "OMPI_COMM_WORLD_LOCAL_RANK",
     "Open MPI's mpirun",
     "openmpi",
     {"orted", "prted", "orterun", "prterun", "mpirun", "mpiexec", "mpirun.openmpi",
      "mpiexec.openmpi"}},
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "MPICH's mpiexec", "mpich", {"hydra_pmi_proxy"}},
    {NULL, "PMIX_RANK", NULL, "a PMIx launcher", NULL, {NULL}},
};

enum { MARKS = sizeof marks / sizeof marks[0], ANCESTORS_MAX = 16 };

static const char *get(const ddla_mpi_signs *signs, const char *name) {
  return name ? signs->get(signs->argument, name) : NULL;
}

static int number(const char *text) {
  int64_t value = -1;
  if (!text || !ddla_text_to_int(&value, text) || value < 0 || value > 1 << 30) return -1;
  return (int)value;
}

static bool is_made_by(const mark *m, const char *program) {
  for (size_t i = 0; i < sizeof m->programs / sizeof m->programs[0]; i++)
    if (m->programs[i] && strcmp(m->programs[i], program) == 0) return true;
  return false;
}

/* The one of two marks whose program is nearer above this process; null if neither is there. */
static const mark *nearer(const ddla_mpi_signs *signs, const mark *one, const mark *other) {
  char program[64] = "";
  for (int above = 1; above <= ANCESTORS_MAX; above++) {
    if (!signs->ancestor(signs->argument, above, program, sizeof program)) break;
    if (is_made_by(one, program)) return one;
    if (is_made_by(other, program)) return other;
  }
  return NULL;
}

/* Whether Slurm's program is nearer above this process than any launcher's, which may run in a step
 * of Slurm. */
static bool is_of_slurm(const ddla_mpi_signs *signs) {
  char program[64] = "";
  for (int above = 1; above <= ANCESTORS_MAX; above++) {
    if (!signs->ancestor(signs->argument, above, program, sizeof program)) return false;
    if (strcmp(program, "slurmstepd") == 0) return true;
    for (int i = 0; i < MARKS; i++)
      if (is_made_by(&marks[i], program)) return false;
  }
  return false;
}

static ddla_mpi_launcher launcher_of(const ddla_mpi_signs *signs, const mark *m) {
  ddla_mpi_launcher found = {.name = m->name,
                             .library = m->library,
                             .sign = m->size ? m->size : m->rank,
                             .rank = number(get(signs, m->rank)),
                             .ranks = number(get(signs, m->size)),
                             .place = number(get(signs, m->place))};
  if (is_of_slurm(signs)) {
    found.name = "Slurm's srun";
    if (found.ranks < 0) found.ranks = number(get(signs, "SLURM_STEP_NUM_TASKS"));
    found.place = number(get(signs, "SLURM_LOCALID"));
  }
  return found;
}

ddla_status ddla_mpi_launcher_find(ddla_mpi_launcher *out, const ddla_mpi_signs *signs) {
  const mark *found = NULL;
  for (int i = 0; i < MARKS; i++) {
    const mark *m = &marks[i];
    if (!get(signs, m->rank)) continue;
    if (!found) found = m;
    /* Open MPI offers PMIx by itself. */
    if (found == m || !m->library) continue;
    const mark *near = nearer(signs, found, m);
    if (!near)
      return DDLA_FAIL(INVALID,
                       "this process carries the marks of two launchers, %s (%s=%s) and %s "
                       "(%s=%s), and neither is above it; start it from one of them only",
                       found->name, found->rank, get(signs, found->rank), m->name, m->rank,
                       get(signs, m->rank));
    found = near;
  }
  *out =
      found ? launcher_of(signs, found) : (ddla_mpi_launcher){.rank = -1, .ranks = -1, .place = -1};
  return DDLA_OK;
}

bool ddla_mpi_launcher_is_bare_slurm(const ddla_mpi_signs *signs) {
  const char *step = get(signs, "SLURM_STEP_ID"), *tasks = get(signs, "SLURM_STEP_NUM_TASKS");
  for (int i = 0; i < MARKS; i++)
    if (get(signs, marks[i].rank)) return false;
  return step && number(step) >= 0 && number(tasks) > 1;
}

static const char *get_here(void *argument, const char *name) {
  (void)argument;
  return getenv(name);
}

/* The fourth field of /proc/PID/stat, behind the name in brackets. */
static int parent_of(int process) {
  char path[64], line[512];
  int parent = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  if (!ddla_machine_line(line, sizeof line, path)) return 0;
  const char *end = strrchr(line, ')');
  return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

static bool ancestor_here(void *argument, int above, char *text, size_t bytes) {
  (void)argument;
  int process = (int)getppid();
  for (int i = 1; i < above && process > 1; i++) process = parent_of(process);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/comm", process);
  return process > 1 && ddla_machine_line(text, bytes, path);
}

const ddla_mpi_signs *ddla_mpi_signs_here(void) {
  static const ddla_mpi_signs here = {get_here, ancestor_here, NULL};
  return &here;
}
