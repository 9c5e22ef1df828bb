# tests/NAME/*_test.cc become the program tests_NAME, linked with the rungs up to NAME; other sources in that folder are
# its helpers, and tests/support those of all. A test whose name says real_model or slow has the ctest label `slow`, every other one `fast`.
# Tests run in the project's folder and find the program in KVCOMPRESS_PROGRAM.
enable_testing()
if(KVC_KERNELS_ONLY)
  # Debian has the sources of GoogleTest beside its library.
  set(BUILD_GMOCK OFF CACHE BOOL "" FORCE)
  set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
else()
  find_package(GTest 1.12 REQUIRED)
endif()
include(GoogleTest)

set(KVC_SLOW_TESTS "*real_model*:*RealModel*:*slow*:*Slow*")

file(GLOB _support CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.cc)
if(_support)
  add_library(kvc_test_support STATIC ${_support})
  target_include_directories(kvc_test_support PRIVATE ${PROJECT_SOURCE_DIR}/tests
    $<TARGET_PROPERTY:kvc_llama,INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(kvc_test_support PRIVATE kvc_flags fmt::fmt)
  target_compile_options(kvc_test_support PRIVATE $<$<CONFIG:Release>:-O1>)
endif()

function(kvc_add_tests name)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${name}/*.cc)
  if(NOT tests)
    return()
  endif()
  add_executable(tests_${name} ${tests})
  target_include_directories(tests_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # Tests run for seconds and are compiled for minutes; what they test is optimised.
  target_compile_options(tests_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_link_libraries(tests_${name} PRIVATE $<TARGET_NAME_IF_EXISTS:kvc_test_support> ${KVC_RUNGS}
    GTest::gtest GTest::gtest_main)
  set(environment "")
  if(TARGET kvcompress)
    add_dependencies(tests_${name} kvcompress)
    set(environment ENVIRONMENT KVCOMPRESS_PROGRAM=$<TARGET_FILE:kvcompress>)
  endif()
  set(common NO_PRETTY_VALUES WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60)
  gtest_discover_tests(tests_${name} ${common} TEST_FILTER "-${KVC_SLOW_TESTS}"
    PROPERTIES LABELS fast TIMEOUT 300 ${environment})
  gtest_discover_tests(tests_${name} ${common} TEST_FILTER "${KVC_SLOW_TESTS}" TEST_LIST tests_${name}_slow
    PROPERTIES LABELS slow TIMEOUT 600 ${environment})
endfunction()
