// What every command does with its result: print it, write it to -o, hold it against --require.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "cli/gate.h"     // Gate
#include "cli/options.h"  // OutputFlags

namespace kvcompress {

// text: what people see instead of the JSON. Returns the exit code: 0, or 3 when a gate does not pass (each
// failure a line on standard error). rows: the objects that the gates are held against, all of them.
int finish(const OutputFlags& flags, const Json& json, const std::string& text,
           const std::vector<Gate>& gates, const std::vector<Json>& rows);

}  // namespace kvcompress
