# libkvcompress: the rungs below the command line in one library; how it and the program are installed; and what other
# projects find it by: find_package(kvcompress) and pkg-config.
include(CMakePackageConfigHelpers)
set(_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kvcompress)

add_library(libkvcompress ${KVC_OBJECTS})
add_library(kvcompress::kvcompress ALIAS libkvcompress)
set_target_properties(libkvcompress PROPERTIES OUTPUT_NAME kvcompress EXPORT_NAME kvcompress LINKER_LANGUAGE CXX
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
target_compile_features(libkvcompress PUBLIC cxx_std_20)
# The rungs' headers are installed in include/kvcompress/RUNG/ and include one another as "RUNG/name.h".
target_include_directories(libkvcompress PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/kvcompress>)
set(_scope PUBLIC)
if(BUILD_SHARED_LIBS)
  set(_scope PRIVATE)
endif()
target_link_libraries(libkvcompress ${_scope}
  kvc_llama fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json yaml-cpp Threads::Threads)
set_target_properties(kvc_llama PROPERTIES EXPORT_NAME llama_cpp)

install(TARGETS libkvcompress kvc_llama EXPORT kvcompress
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/kvcompress ${PROJECT_BINARY_DIR}/include/kvcompress DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/kvcompress FILES_MATCHING PATTERN "*.h" PATTERN cli EXCLUDE)
if(NOT BUILD_SHARED_LIBS)
  install(FILES ${KVC_LLAMA_ARCHIVES} DESTINATION ${CMAKE_INSTALL_LIBDIR}/kvcompress)
endif()
install(DIRECTORY recipes/ DESTINATION ${CMAKE_INSTALL_DATADIR}/kvcompress/recipes FILES_MATCHING PATTERN "*.yaml")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT kvcompress NAMESPACE kvcompress:: DESTINATION ${_config_dir} FILE kvcompress-targets.cmake)
configure_package_config_file(cmake/kvcompress-config.cmake.in ${PROJECT_BINARY_DIR}/kvcompress-config.cmake
  INSTALL_DESTINATION ${_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/kvcompress-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kvcompress-config.cmake ${PROJECT_BINARY_DIR}/kvcompress-config-version.cmake
  DESTINATION ${_config_dir})

# Folders relative to the .pc file, so that the installed tree can be moved.
file(RELATIVE_PATH KVC_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" KVC_PC_PREFIX "${KVC_PC_PREFIX}")
set(KVC_PC_REQUIRES "fmt spdlog yaml-cpp")
set(KVC_PC_LIBS "-L\${libdir} -lkvcompress")
if(BUILD_SHARED_LIBS)
  set(KVC_PC_REQUIRES "")
elseif(KVC_LLAMA_ARCHIVES)
  string(APPEND KVC_PC_LIBS " -L\${libdir}/kvcompress -lllama -lggml -lggml-cpu -lggml-base -pthread -ldl -lm")
else()
  string(APPEND KVC_PC_REQUIRES " llama")
endif()
configure_file(cmake/kvcompress.pc.in ${PROJECT_BINARY_DIR}/kvcompress.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kvcompress.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
