# Tests that another project can use what is installed (tests/consumer).
foreach(_way cmake pkg_config)
  set(_use_pkg_config OFF)
  if(_way STREQUAL "pkg_config")
    set(_use_pkg_config ON)
  endif()
  add_test(NAME consumer.${_way} COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR}
    -D SOURCE=${PROJECT_SOURCE_DIR}/tests/consumer -D WORK=${PROJECT_BINARY_DIR}/consumer_${_way}
    -D USE_PKG_CONFIG=${_use_pkg_config} -P ${PROJECT_SOURCE_DIR}/tests/consumer/check.cmake)
  set_tests_properties(consumer.${_way} PROPERTIES LABELS slow TIMEOUT 300)
endforeach()
