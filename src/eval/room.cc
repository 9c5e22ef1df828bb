#include "eval/room.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // CapacityError

#include "base/text.h"  // format_bytes

namespace kvcompress {

void require_room(Engine& engine, size_t planned_bytes) {
  const size_t limit = engine.memory().limit_bytes();
  if (limit == 0 || planned_bytes <= limit) return;
  throw CapacityError(
      fmt::format("[memory] expected at most {} of caches, got a plan for {}; lower the length, the "
                  "number of sequences or the budgets",
                  format_bytes(limit), format_bytes(planned_bytes)));
}

}  // namespace kvcompress
