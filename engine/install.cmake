# cmake --install: the program, its studies and scripts; the rooms as static libraries with their
# headers, whose exported targets lockstep::base, lockstep::training ... carry the options of equal
# bits (and none of the warnings) to who includes their headers.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(LOCKSTEP_DATA ${CMAKE_INSTALL_DATADIR}/lockstep)
set(LOCKSTEP_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)

target_include_directories(lockstep_options INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/lockstep>)
set(rooms options base machine job noise network training reliability power serving money statistics run storage topologies)
foreach(room ${rooms})
  set_target_properties(lockstep_${room} PROPERTIES EXPORT_NAME ${room})
  add_library(lockstep::${room} ALIAS lockstep_${room})
  install(TARGETS lockstep_${room} EXPORT lockstep ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
# Libraries that were found outside the system's folders (a cluster's modules) are found again.
set_target_properties(lockstep PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS lockstep RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

install(DIRECTORY engine topologies DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lockstep
  FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY experiments/studies DESTINATION ${LOCKSTEP_DATA})
install(DIRECTORY analysis slurm DESTINATION ${LOCKSTEP_DATA} USE_SOURCE_PERMISSIONS
  PATTERN __pycache__ EXCLUDE PATTERN figures EXCLUDE
  PATTERN .shellcheckrc EXCLUDE)
install(FILES README.md engine/MODEL.md engine/storage/FORMAT.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT lockstep NAMESPACE lockstep:: FILE lockstepTargets.cmake DESTINATION ${LOCKSTEP_PACKAGE})
configure_package_config_file(engine/lockstepConfig.cmake.in ${PROJECT_BINARY_DIR}/lockstepConfig.cmake
  INSTALL_DESTINATION ${LOCKSTEP_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lockstepConfig.cmake ${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake
  DESTINATION ${LOCKSTEP_PACKAGE})
