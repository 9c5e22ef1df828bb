#include "cli/result.h"

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"    // write_file
#include "cli/console.h"  // write_output, log_error

namespace kvcompress {

int finish(const OutputFlags& flags, const Json& json, const std::string& text,
           const std::vector<Gate>& gates, const std::vector<Json>& rows) {
  // The file first: it is what a script waits for, and it must not be lost with a closed pipe.
  if (!flags.file.empty()) write_file(flags.file, dump(json) + "\n");
  if (flags.json) {
    write_output(dump(json) + "\n");
  } else if (!text.empty()) {
    write_output(text);
  }
  int code = 0;
  for (const Gate& gate : gates) {
    for (const Json& row : rows) {
      if (const auto failure = gate.failure(row)) {
        log_error(*failure);
        code = 3;
      }
    }
  }
  return code;
}

}  // namespace kvcompress
