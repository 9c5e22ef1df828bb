// A sequence that is written to disk and goes on later, perhaps in another process (docs/formats.md).
#pragma once

#include <cstdint>   // int32_t
#include <memory>    // std::unique_ptr
#include <optional>  // std::optional
#include <string>    // std::string

#include "engine/sequence.h"  // Sequence

namespace kvcompress {

// What stands beside a sequence.
struct SessionTail {
  // Written last, and not in the cache yet: it is read before whatever comes next.
  std::optional<int32_t> unread;
  std::string note;  // whatever the program that saves it wants to find again
};

struct Session {
  std::unique_ptr<Sequence> sequence;
  SessionTail tail;
};

}  // namespace kvcompress
