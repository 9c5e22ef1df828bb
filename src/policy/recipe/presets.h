// The files recipes/**.yaml as the build embedded them.
#pragma once

#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

struct EmbeddedPreset {
  std::string_view name;  // path below recipes/ without the extension: "kvpress/snapkv"
  std::string_view text;
};

// Sorted by file name. Written by cmake/presets_embed.cmake.
const std::vector<EmbeddedPreset>& embedded_presets();

}  // namespace kvcompress
