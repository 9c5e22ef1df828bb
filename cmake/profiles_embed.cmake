# profiles/*.json as text inside the library: what `kvcompress calibrate` measured on the default model. Included by
# policies.cmake, which sets _generated.
file(GLOB _profiles CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/profiles/*.json)
list(SORT _profiles)
set(_calibrations "")
foreach(_profile IN LISTS _profiles)
  get_filename_component(_name ${_profile} NAME)
  file(READ ${_profile} _text)
  # String literals beyond 65,536 characters are more than a compiler must take, so in parts.
  string(LENGTH "${_text}" _length)
  set(_literal "")
  set(_begin 0)
  while(_begin LESS _length)
    string(SUBSTRING "${_text}" ${_begin} 16000 _part)
    string(APPEND _literal "\n     R\"kvc(${_part})kvc\"")
    math(EXPR _begin "${_begin} + 16000")
  endwhile()
  string(APPEND _calibrations "    {\"${_name}\",${_literal}},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_profile})
endforeach()
file(WRITE ${_generated}/calibrations.cc.new
"// Written by cmake/profiles_embed.cmake.
#include \"policy/calibrations_shipped.h\"

namespace kvcompress {

const std::vector<EmbeddedCalibration>& embedded_calibrations() {
  static const std::vector<EmbeddedCalibration> calibrations = {
${_calibrations}  };
  return calibrations;
}

}  // namespace kvcompress
")
configure_file(${_generated}/calibrations.cc.new ${_generated}/calibrations.cc COPYONLY)
