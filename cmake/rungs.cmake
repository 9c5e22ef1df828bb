# A rung of the ladder is the folder src/NAME, built as the static library kvc_NAME that links the rungs before it; its
# tests are tests/NAME/*_test.cc, one program tests_NAME. Sources are found by pattern.
#
# A file NAME.isa.cc is compiled once for each instruction set, with KVC_ISA set to the namespace of that set
# (avx2, avx512, avx512_bf16, neon), so that one source gives all of them.
set(KVC_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(KVC_ISA_FLAGS_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq)
set(KVC_ISA_FLAGS_avx512_bf16 ${KVC_ISA_FLAGS_avx512} -mavx512bf16 -mavx512vnni)
set(KVC_ISA_FLAGS_neon "")
if(KVC_KERNEL_ISAS STREQUAL "none")
  set(KVC_ISAS "")
elseif(NOT KVC_KERNEL_ISAS MATCHES "^(default|narrowest)$")
  set(KVC_ISAS ${KVC_KERNEL_ISAS})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(KVC_ISAS avx2 avx512 avx512_bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(KVC_ISAS neon)
else()
  set(KVC_ISAS "")
endif()
if(KVC_KERNEL_ISAS STREQUAL "narrowest")
  list(SUBLIST KVC_ISAS 0 1 KVC_ISAS)
endif()

add_library(kvc_flags INTERFACE)
target_include_directories(kvc_flags INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/include)
# -Wrestrict of GCC 12 is wrong about std::string's operator+ (GCC bug 105651).
target_compile_options(kvc_flags INTERFACE -Wall -Wextra -Wno-psabi
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<AND:$<BOOL:${KVC_WERROR}>,$<CXX_COMPILER_ID:GNU>>:-Werror>)
foreach(isa IN LISTS KVC_ISAS)
  string(TOUPPER ${isa} upper)
  target_compile_definitions(kvc_flags INTERFACE KVC_HAVE_${upper}=1)
endforeach()
if(KVC_SANITIZE)
  # Kernels have AddressSanitizer alone: they are five times as long to compile with both, and their scalar twins have both.
  target_compile_options(kvc_flags INTERFACE
    -fsanitize=address$<$<NOT:$<BOOL:$<TARGET_PROPERTY:KVC_IS_KERNELS>>>:,undefined> -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  target_link_options(kvc_flags INTERFACE -fsanitize=address,undefined)
endif()
if(KVC_COVERAGE)
  target_compile_options(kvc_flags INTERFACE --coverage)
  target_link_options(kvc_flags INTERFACE --coverage)
endif()

set(KVC_RUNGS "")   # libraries of the rungs so far, the highest first
set(KVC_OBJECTS "") # their objects, for libkvcompress

# What reads outside bytes for the fuzz targets; branches are counted only there, because counting takes compile time.
set(KVC_FUZZED_RUNGS base policy codec cache model engine)
# Nothing in these is hot.
set(KVC_UNHURRIED_RUNGS eval bench cli)

# The rungs below dense math know nothing of llama.cpp.
set(KVC_RUNGS_WITHOUT_LLAMA base compute policy codec cache attention)

function(kvc_add_rung name)
  # The sanitizers look at the library; the program is a thin front that takes minutes to compile under them.
  if(KVC_SANITIZE AND name STREQUAL "cli")
    return()
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  set(isa_sources ${sources})
  list(FILTER isa_sources INCLUDE REGEX "\\.isa\\.cc$")
  list(FILTER sources EXCLUDE REGEX "\\.isa\\.cc$")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  set(library kvc_${name})
  set(third_party fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json yaml-cpp Threads::Threads)
  if(NOT name IN_LIST KVC_RUNGS_WITHOUT_LLAMA)
    list(PREPEND third_party kvc_llama)
  endif()
  if(name STREQUAL "cli")
    list(APPEND third_party CLI11::CLI11)
  endif()
  if(name STREQUAL "engine")
    list(APPEND third_party $<TARGET_NAME_IF_EXISTS:kvc_xxhash>)  # not with KVC_KERNELS_ONLY
  endif()
  if(name STREQUAL "policy")
    list(APPEND third_party $<TARGET_NAME_IF_EXISTS:Eigen3::Eigen>)  # not with KVC_KERNELS_ONLY
  endif()

  set(isa_objects "")
  if(isa_sources)
    foreach(isa IN LISTS KVC_ISAS)
      add_library(${library}_${isa} OBJECT ${isa_sources})
      target_link_libraries(${library}_${isa} PRIVATE kvc_flags ${third_party})
      target_compile_options(${library}_${isa} PRIVATE ${KVC_ISA_FLAGS_${isa}} -ffp-contract=fast)
      set_target_properties(${library}_${isa} PROPERTIES KVC_IS_KERNELS ON)
      target_compile_definitions(${library}_${isa} PRIVATE KVC_ISA=${isa} KVC_ISA_IS_${isa}=1)
      list(APPEND isa_objects $<TARGET_OBJECTS:${library}_${isa}>)
    endforeach()
  endif()
  if(KVC_KERNELS_ONLY AND (name STREQUAL "policy" OR NOT name IN_LIST KVC_RUNGS_WITHOUT_LLAMA))
    return()  # its kernels are compiled, the rest needs libraries of the target machine
  endif()

  if(sources)
    add_library(${library} STATIC ${sources} ${isa_objects})
    target_link_libraries(${library} PUBLIC kvc_flags ${KVC_RUNGS} ${third_party})
    if(KVC_FUZZ AND name IN_LIST KVC_FUZZED_RUNGS)
      target_compile_options(${library} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    if(KVC_SANITIZE AND name IN_LIST KVC_UNHURRIED_RUNGS)
      target_compile_options(${library} PRIVATE -O0)  # under sanitizers it takes longer to compile than to run
    endif()
    if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      # x86-64's baseline has no fused multiply-add; without them the plain twins give the same numbers everywhere.
      target_compile_options(${library} PRIVATE -ffp-contract=off)
    endif()
    list(PREPEND KVC_RUNGS ${library})
    set(KVC_RUNGS ${KVC_RUNGS} PARENT_SCOPE)
    set(KVC_OBJECTS ${KVC_OBJECTS} $<TARGET_OBJECTS:${library}> ${isa_objects} PARENT_SCOPE)
  endif()
  if(EXISTS ${PROJECT_SOURCE_DIR}/src/${name}/main.cc)
    add_executable(kvcompress ${PROJECT_SOURCE_DIR}/src/${name}/main.cc)
    target_link_libraries(kvcompress PRIVATE ${KVC_RUNGS})
    if(KVC_PROGRAM_DIR)
      set_target_properties(kvcompress PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${KVC_PROGRAM_DIR})
    endif()
  endif()
  # Cross-compiled, only the rungs with kernels are tested: base and cache have nothing of another machine's.
  if(KVC_BUILD_TESTS AND NOT (KVC_KERNELS_ONLY AND NOT isa_sources))
    kvc_add_tests(${name})
    # Sanitized tests take longer to compile than to run, but for those that compute what kernels should give.
    if(KVC_SANITIZE AND NOT isa_sources AND TARGET tests_${name})
      target_compile_options(tests_${name} PRIVATE -O0)
    endif()
  endif()
endfunction()
