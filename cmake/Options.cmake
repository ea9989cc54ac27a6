# Build type, warnings and sanitizers.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(DDLA_SANITIZE "" CACHE STRING "sanitizers, for example address,undefined or thread")

option(DDLA_FUZZ "fuzz targets for libFuzzer (clang), with coverage of source lines; see fuzz/" OFF)
option(DDLA_WERROR "warnings are errors; OFF for compilers newer than ours" ON)

add_library(ddla_flags INTERFACE)
target_compile_definitions(ddla_flags INTERFACE _GNU_SOURCE DDLA_VERSION="${PROJECT_VERSION}")
# No contraction: a*b+c rounds twice everywhere, so that equal source means equal bits.
target_compile_options(ddla_flags INTERFACE -Wall -Wextra -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -ffp-contract=off
  -fno-math-errno -Wno-missing-field-initializers)
# gcc with sanitizers warns of paths that only its own checks make; the plain builds are the judges.
if(DDLA_WERROR AND NOT DDLA_SANITIZE)
  target_compile_options(ddla_flags INTERFACE -Werror)
endif()
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3 -DDDLA_DEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O3 -g")
if(DDLA_SANITIZE)
  target_compile_options(ddla_flags INTERFACE -fsanitize=${DDLA_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(ddla_flags INTERFACE -fsanitize=${DDLA_SANITIZE})
  target_compile_definitions(ddla_flags INTERFACE DDLA_SANITIZED)
endif()
if(DDLA_FUZZ)
  target_compile_options(ddla_flags INTERFACE -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(ddla_flags INTERFACE -fprofile-instr-generate)
endif()
