# Configures the preset sanitizers of SOURCE in the folder BUILD; builds its unit tests and fuzz targets.
cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
execute_process(COMMAND_ERROR_IS_FATAL ANY WORKING_DIRECTORY ${SOURCE}
  COMMAND ${CMAKE_COMMAND} --preset sanitizers -B ${BUILD} -G ${GENERATOR} -DPython3_EXECUTABLE=${PYTHON})
execute_process(COMMAND_ERROR_IS_FATAL ANY
  COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target unit_tests fuzz_targets --parallel ${cores})
