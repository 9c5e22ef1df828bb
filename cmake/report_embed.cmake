# The report page's style, script and plotting library (D3) as text inside kvc_eval, so that a report needs no network
# and no files. Include after kvc_add_rung(eval).
#
# The library is Debian's node-d3; elsewhere give the file d3.min.js of D3 5 or newer with -DKVC_D3=FILE.
find_file(KVC_D3 d3.min.js PATHS /usr/share/nodejs/d3/dist NO_DEFAULT_PATH DOC "D3, the plotting library of reports")
if(NOT KVC_D3)
  message(FATAL_ERROR "d3.min.js not found: apt-get install --no-install-recommends node-d3, or give -DKVC_D3=FILE")
endif()

# A raw string literal ends at the first of these marks; literals side by side are one. Compilers limit one's length.
function(kvc_raw_string text result)
  string(LENGTH "${text}" length)
  set(literals "")
  set(start 0)
  while(start LESS length)
    string(SUBSTRING "${text}" ${start} 12000 part)
    string(APPEND literals "R\"kvcpage(${part})kvcpage\"\n")
    math(EXPR start "${start} + 12000")
  endwhile()
  set(${result} "${literals}" PARENT_SCOPE)
endfunction()

set(_page ${PROJECT_SOURCE_DIR}/src/eval/report/page)
file(GLOB _scripts CONFIGURE_DEPENDS ${_page}/*.js)
list(SORT _scripts)
set(_script "")
foreach(_file IN LISTS _scripts)
  file(READ ${_file} _text)
  string(APPEND _script "${_text}")
endforeach()
file(READ ${_page}/style.css _style)
file(READ ${_page}/d3_licence.txt _licence)
file(READ ${KVC_D3} _library)
string(REGEX MATCH "v[0-9]+\\.[0-9]+\\.[0-9]+" _version "${_library}")
string(FIND "${_library}" "</script" _ends)
if(NOT _ends EQUAL -1)
  message(FATAL_ERROR "${KVC_D3} cannot stand inside a page: it holds </script")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_scripts} ${_page}/style.css ${_page}/d3_licence.txt)
foreach(_part script style licence library)
  kvc_raw_string("${_${_part}}" _${_part}_literal)
endforeach()
set(_generated ${PROJECT_BINARY_DIR}/generated/eval)
file(WRITE ${_generated}/page_parts.cc.new
"// Written by cmake/report_embed.cmake.
#include \"eval/report/page.h\"

namespace kvcompress {

const PageParts& page_parts() {
  static const PageParts parts = {
${_style_literal}, ${_script_literal}, ${_library_literal}, \"D3 ${_version} (https://d3js.org)\", ${_licence_literal}};
  return parts;
}

}  // namespace kvcompress
")
configure_file(${_generated}/page_parts.cc.new ${_generated}/page_parts.cc COPYONLY)
target_sources(kvc_eval PRIVATE ${_generated}/page_parts.cc)
