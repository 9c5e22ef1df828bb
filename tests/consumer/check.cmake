# cmake -D BUILD=.. -D SOURCE=.. -D WORK=.. -D USE_PKG_CONFIG=ON|OFF -P check.cmake
# Installs BUILD below WORK, moves it to see that it finds itself elsewhere, and builds and runs the consumer with it.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed: ${command}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/installed)
set(ENV{PKG_CONFIG_PATH} "")
file(GLOB_RECURSE pc ${WORK}/installed/kvcompress.pc)
get_filename_component(pc ${pc} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${pc})
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja -DCMAKE_BUILD_TYPE=Release
  -DCMAKE_PREFIX_PATH=${WORK}/installed -DUSE_PKG_CONFIG=${USE_PKG_CONFIG})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
run(${WORK}/installed/bin/kvcompress methods --json)
