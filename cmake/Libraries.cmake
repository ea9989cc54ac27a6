# The libraries the project stands on; docs/DEPENDENCIES.md says what each does for us.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(NETTLE REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
# Who only builds needs no test library; tools/build configures again once it is there.
if(BUILD_TESTING)
  pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
  if(NOT CMOCKA_FOUND)
    message(STATUS "cmocka is missing: configured without tests")
    set(BUILD_TESTING OFF)
  endif()
endif()

# Not find_package(dnnl): Debian's configuration file asks for OpenCL's headers, which nothing here includes.
# Another oneDNN than the system's is found through CMAKE_PREFIX_PATH.
find_path(DNNL_INCLUDE_DIR dnnl.h REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl SHARED IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})

add_library(ddla_libraries INTERFACE)
target_link_libraries(ddla_libraries INTERFACE DNNL::dnnl PkgConfig::YAML PkgConfig::JANSSON
  PkgConfig::PNG PkgConfig::JPEG PkgConfig::XXHASH PkgConfig::NETTLE PkgConfig::DEFLATE PkgConfig::ZSTD PkgConfig::CURL Threads::Threads m dl)

# hwloc tells which processors share cores and memory. Only its header is needed: the library is loaded at run time,
# and without it lanes are not bound.
option(DDLA_HWLOC "bind lanes to cores, where hwloc's header is found" ON)
set(DDLA_HWLOC_FOUND 0)
find_path(HWLOC_INCLUDE_DIR hwloc.h)
if(DDLA_HWLOC AND HWLOC_INCLUDE_DIR)
  set(DDLA_HWLOC_FOUND 1)
elseif(DDLA_HWLOC)
  message(STATUS "hwloc.h is missing: configured without the binding of lanes")
endif()
