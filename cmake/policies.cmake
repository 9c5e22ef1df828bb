# The answers to the stages and the presets, found by pattern. Include after kvc_add_rung(policy).
#
# An answer is the file src/policy/STAGE/NAME.cc; its last line, KVC_ANSWER, defines register_STAGE_NAME. The list
# of all of them is written here, so that a static library drops none and nothing runs before main().
set(KVC_POLICY_STAGES propagate score weight select refit layers heads store schedule route)
set(_declarations "")
set(_calls "")
foreach(_stage IN LISTS KVC_POLICY_STAGES)
  file(GLOB _answers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/policy/${_stage}/*.cc)
  list(SORT _answers)
  foreach(_answer IN LISTS _answers)
    get_filename_component(_name ${_answer} NAME_WE)
    string(APPEND _declarations "void register_${_stage}_${_name}(Registry& registry);\n")
    string(APPEND _calls "  register_${_stage}_${_name}(registry);\n")
  endforeach()
endforeach()

set(_generated ${PROJECT_BINARY_DIR}/generated/policy)
file(WRITE ${_generated}/registrations.cc.new
"// Written by cmake/policies.cmake.
#include \"policy/registry.h\"

namespace kvcompress {

${_declarations}
void register_all_answers(Registry& registry) {
${_calls}}

}  // namespace kvcompress
")
# configure_file leaves an unchanged file alone, so that configuring again compiles nothing.
configure_file(${_generated}/registrations.cc.new ${_generated}/registrations.cc COPYONLY)
include(presets_embed)
include(profiles_embed)
target_sources(kvc_policy PRIVATE ${_generated}/registrations.cc ${_generated}/presets.cc
  ${_generated}/calibrations.cc)
# The test that docs/methods.md is what the registry says needs to find that file.
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/policy/methods_test.cc
  PROPERTIES COMPILE_DEFINITIONS "KVC_DOCS_DIR=\"${PROJECT_SOURCE_DIR}/docs\"")
