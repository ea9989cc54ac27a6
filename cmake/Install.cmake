# The library as it is installed: libddla.so (only what is marked DDLA_API is visible), libddla.a, the
# public headers, a pkg-config file, the manual pages. The program is installed by src/cli.
include(GNUInstallDirs)

add_library(ddla_shared SHARED $<TARGET_OBJECTS:ddla_objects>)
set_target_properties(ddla_shared PROPERTIES OUTPUT_NAME ddla VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR})
target_include_directories(ddla_shared PUBLIC ${CMAKE_SOURCE_DIR}/include)
target_link_libraries(ddla_shared PRIVATE ddla_flags ddla_libraries)
if(NOT DDLA_SANITIZE)
  target_link_options(ddla_shared PRIVATE LINKER:--no-undefined)
endif()

install(TARGETS ddla_shared ddla_static)
if(TARGET ddla)
  install(TARGETS ddla)
endif()
install(DIRECTORY include/ddla DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
file(GLOB DDLA_MAN1 CONFIGURE_DEPENDS docs/man/*.1)
install(FILES ${DDLA_MAN1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/ddla-job.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES tools/completion/ddla.bash RENAME ddla
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES tools/completion/_ddla DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

# The file finds its prefix from where it lies, so that PREFIX and DESTDIR can be chosen at `make install`.
file(RELATIVE_PATH DDLA_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/ddla.pc.in ${CMAKE_BINARY_DIR}/ddla.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/ddla.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
