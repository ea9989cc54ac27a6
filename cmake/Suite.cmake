# Tests that are not beside a source file: conformance, end_to_end, sim, bad_input (see tests/).
#
# Labels: unit (module tests), conformance, end_to_end, sim, bad_input say what a test is; besides these
#   short   a short end-to-end run that the sanitizer builds run too
#   full    long; left out by `make test`, run by `make test-full`

# ddla_suite(NAME LABEL conformance... SOURCES a.c b.c [TIMEOUT seconds] [ARGUMENTS x y])
# One cmocka executable and one ctest entry, linked with the library's insides.
function(ddla_suite name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABEL;SOURCES;ARGUMENTS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ddla_static PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# ddla_script_test(NAME SCRIPT LABEL end_to_end short... [TIMEOUT seconds] [ARGUMENTS x y])
# A shell script run by sh -eu in an empty folder of its own under the build folder. Its environment has
# DDLA (the program), SOURCE (the source tree), BUILD (the build folder), SANITIZE (the sanitizers or empty).
function(ddla_script_test name script)
  cmake_parse_arguments(ARG "" "TIMEOUT" "LABEL;ARGUMENTS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(folder ${CMAKE_BINARY_DIR}/scratch/${name})
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E env
    "DDLA=${CMAKE_BINARY_DIR}/ddla" "SOURCE=${CMAKE_SOURCE_DIR}" "BUILD=${CMAKE_BINARY_DIR}"
    "SANITIZE=${DDLA_SANITIZE}"
    sh -eu -c "rm -rf \"$1\"; mkdir -p \"$1\"; cd \"$1\"; shift; exec sh -eu \"$@\""
    ddla_script_test ${folder} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${ARG_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# ddla_mpi_test(NAME PROGRAM RANKS n... [TIMEOUT seconds])
# A test program of ddla_suite() again, started by the launcher of each MPI library with so many processes:
# the tests NAME_LIBRARY_n. Skipped, with a word, where the library is not installed.
function(ddla_mpi_test name program)
  cmake_parse_arguments(ARG "" "TIMEOUT" "RANKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(labels conformance mpi)
  if(DDLA_SANITIZE MATCHES "thread")
    set(labels mpi) # the libraries' own threads are no matter of ours
  endif()
  foreach(library openmpi mpich)
    foreach(ranks IN LISTS ARG_RANKS)
      set(test ${name}_${library}_${ranks})
      add_test(NAME ${test} COMMAND sh ${CMAKE_SOURCE_DIR}/tests/mpi/mpirun.sh ${library}
        ${CMAKE_BINARY_DIR}/plugins -n ${ranks} $<TARGET_FILE:${program}>)
      set_tests_properties(${test} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT}
        SKIP_RETURN_CODE 77)
    endforeach()
  endforeach()
endfunction()
