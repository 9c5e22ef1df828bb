// Sentences of the protocols that more than one task uses.
#pragma once

#include <string_view>  // std::string_view

namespace kvcompress {

inline constexpr std::string_view kNoise =
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";
inline constexpr std::string_view kPasskeyHeader =
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize it. I will quiz "
    "you "
    "about the important information there.";

}  // namespace kvcompress
