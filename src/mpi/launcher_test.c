#include "mpi/launcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A made-up process: variables in pairs, and the programs above it. */
typedef struct surroundings {
  const char *variables[12];
  const char *ancestors[4];
} surroundings;

static const char *get(void *argument, const char *name) {
  const surroundings *s = argument;
  for (int i = 0; s->variables[i]; i += 2)
    if (strcmp(s->variables[i], name) == 0) return s->variables[i + 1];
  return NULL;
}

static bool ancestor(void *argument, int above, char *text, size_t bytes) {
  const surroundings *s = argument;
  if (above > 4 || !s->ancestors[above - 1]) return false;
  snprintf(text, bytes, "%s", s->ancestors[above - 1]);
  return true;
}

static ddla_status find(ddla_mpi_launcher *out, surroundings *s) {
  const ddla_mpi_signs signs = {get, ancestor, s};
  return ddla_mpi_launcher_find(out, &signs);
}

static void expect(surroundings s, const char *name, const char *library, int rank, int ranks) {
  ddla_mpi_launcher found = {0};
  assert_int_equal(find(&found, &s), DDLA_OK);
  if (name) assert_string_equal(found.name, name);
  else assert_null(found.name);
  if (library) assert_string_equal(found.library, library);
  else assert_null(found.library);
  assert_int_equal(found.rank, rank);
  assert_int_equal(found.ranks, ranks);
}

#define OPEN_MPI "OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "4", "PMIX_RANK", "1"
#define HYDRA "PMI_RANK", "0", "PMI_SIZE", "2"

static void launchers_are_known_by_their_marks(void **state) {
  (void)state;
  expect((surroundings){{NULL}, {"bash"}}, NULL, NULL, -1, -1);
  expect((surroundings){{OPEN_MPI}, {"orted"}}, "Open MPI's mpirun", "openmpi", 1, 4);
  expect((surroundings){{HYDRA}, {"hydra_pmi_proxy"}}, "MPICH's mpiexec", "mpich", 0, 2);
  expect((surroundings){{HYDRA, "SLURM_PROCID", "0"}, {"slurmstepd"}}, "Slurm's srun", "mpich", 0,
         2);
  expect((surroundings){{"PMIX_RANK", "3", "SLURM_STEP_NUM_TASKS", "8"}, {"slurmstepd"}},
         "Slurm's srun", NULL, 3, 8);
  expect((surroundings){{"PMIX_RANK", "3", "SLURM_STEP_NUM_TASKS", "8"}, {"sh", "slurmstepd"}},
         "Slurm's srun", NULL, 3, 8);
  expect((surroundings){{OPEN_MPI, "SLURM_STEP_NUM_TASKS", "2"}, {"orted", "slurmstepd"}},
         "Open MPI's mpirun", "openmpi", 1, 4);
  expect((surroundings){{"PMIX_RANK", "3"}, {"prted"}}, "a PMIx launcher", NULL, 3, -1);
  expect((surroundings){{"PMI_RANK", "x", "PMI_SIZE", "-2"}, {"bash"}}, "MPICH's mpiexec", "mpich",
         -1, -1);
}

static void the_place_on_a_machine_is_known(void **state) {
  (void)state;
  surroundings mine[] = {
      {{OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"orted"}},
      {{HYDRA, "MPI_LOCALRANKID", "1"}, {"hydra_pmi_proxy"}},
      {{HYDRA, "SLURM_LOCALID", "1"}, {"slurmstepd"}},
  };
  ddla_mpi_launcher found = {0};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(find(&found, &mine[i]), DDLA_OK);
    assert_int_equal(found.place, 1);
  }
  surroundings alone = {{NULL}, {"bash"}};
  assert_int_equal(find(&found, &alone), DDLA_OK);
  assert_int_equal(found.place, -1);
}

static void the_nearer_of_two_launchers_counts(void **state) {
  (void)state;
  expect((surroundings){{OPEN_MPI, HYDRA}, {"sh", "hydra_pmi_proxy", "sh", "mpirun.openmpi"}},
         "MPICH's mpiexec", "mpich", 0, 2);
  expect((surroundings){{OPEN_MPI, HYDRA}, {"mpirun", "sh", "hydra_pmi_proxy"}},
         "Open MPI's mpirun", "openmpi", 1, 4);
  surroundings neither = {{OPEN_MPI, HYDRA}, {"bash", "init"}};
  ddla_mpi_launcher found = {0};
  assert_int_equal(find(&found, &neither), DDLA_INVALID);
  assert_non_null(strstr(ddla_status_message(DDLA_INVALID), "PMI_RANK=0"));
}

static bool is_bare(surroundings s) {
  const ddla_mpi_signs signs = {get, ancestor, &s};
  return ddla_mpi_launcher_is_bare_slurm(&signs);
}

static void tasks_of_slurm_without_mpi_are_seen(void **state) {
  (void)state;
  assert_true(is_bare((surroundings){{"SLURM_STEP_ID", "0", "SLURM_STEP_NUM_TASKS", "4"}, {NULL}}));
  assert_false(
      is_bare((surroundings){{"SLURM_STEP_ID", "0", "SLURM_STEP_NUM_TASKS", "1"}, {NULL}}));
  assert_false(is_bare((surroundings){{"SLURM_PROCID", "0", "SLURM_NTASKS", "4"}, {NULL}}));
  assert_false(
      is_bare((surroundings){{"SLURM_STEP_ID", "0", "SLURM_STEP_NUM_TASKS", "4", HYDRA}, {NULL}}));
}

static void this_process_has_a_parent(void **state) {
  (void)state;
  const ddla_mpi_signs *here = ddla_mpi_signs_here();
  char text[64] = "";
  assert_true(here->ancestor(here->argument, 1, text, sizeof text));
  assert_true(text[0] != '\0');
  assert_false(here->ancestor(here->argument, 1000, text, sizeof text));
  assert_null(here->get(here->argument, "DDLA_THIS_IS_NOT_SET"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(launchers_are_known_by_their_marks),
      cmocka_unit_test(the_place_on_a_machine_is_known),
      cmocka_unit_test(the_nearer_of_two_launchers_counts),
      cmocka_unit_test(tasks_of_slurm_without_mpi_are_seen),
      cmocka_unit_test(this_process_has_a_parent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
