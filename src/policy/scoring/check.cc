#include "policy/scoring/check.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

namespace kvcompress {

void expect_count(std::string_view method, std::string_view what, size_t expected, size_t got) {
  if (expected == got) return;
  throw Error(fmt::format("[{}] expected {} {}, got {}; this is a defect of the caller", method, expected,
                          what, got));
}

}  // namespace kvcompress
