# recipes/**.yaml as text inside the library, so that the installed program needs no files. The name of a preset is
# its path below recipes/ without the extension. Included by policies.cmake, which sets _generated.
file(GLOB_RECURSE _recipes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/recipes/*.yaml)
list(SORT _recipes)
set(_presets "")
foreach(_recipe IN LISTS _recipes)
  file(RELATIVE_PATH _name ${PROJECT_SOURCE_DIR}/recipes ${_recipe})
  string(REGEX REPLACE "\\.yaml$" "" _name "${_name}")
  file(READ ${_recipe} _text)
  string(APPEND _presets "    {\"${_name}\", R\"kvc(${_text})kvc\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_recipe})
endforeach()
file(WRITE ${_generated}/presets.cc.new
"// Written by cmake/presets_embed.cmake.
#include \"policy/recipe/presets.h\"

namespace kvcompress {

const std::vector<EmbeddedPreset>& embedded_presets() {
  static const std::vector<EmbeddedPreset> presets = {
${_presets}  };
  return presets;
}

}  // namespace kvcompress
")
configure_file(${_generated}/presets.cc.new ${_generated}/presets.cc COPYONLY)
