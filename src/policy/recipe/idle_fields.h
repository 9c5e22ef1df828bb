// Fields that published configurations have and that no arithmetic follows from: refused by name, with the
// reason, in place of an unknown key.
#pragma once

#include <string_view>  // std::string_view

namespace kvcompress {

// Throws UsageError when the last part of `key` is such a field.
void refuse_idle_field(std::string_view origin, std::string_view key);

}  // namespace kvcompress
