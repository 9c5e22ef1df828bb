// What a caller asks of the engine, and what it gets back.
#pragma once

#include <cstdint>     // int32_t
#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/receipt.h"   // Receipt
#include "engine/sampler.h"   // SamplingOptions
#include "engine/sequence.h"  // Sequence
#include "policy/recipe.h"    // Recipe

namespace kvcompress {

// A generated token as it streams: `text` is complete UTF-8 and may hold back bytes until a character is
// whole or a possible stop string is decided.
struct StreamEvent {
  int32_t token;
  std::string text;
};

struct Request {
  std::vector<int32_t> prompt;    // read, then compressed
  std::vector<int32_t> question;  // read after compression (may be empty)
  Recipe recipe;
  PrefillMode prefill = PrefillMode::exact;
  int max_tokens = 256;
  SamplingOptions sampling;
  std::vector<std::string> stop;
  bool ignore_end = false;  // go on after the model's end-of-generation token (benchmarks)
  std::function<void(const StreamEvent&)> on_token;
  // Called when the prompt has been read and compressed.
  std::function<void(const Sequence&)> on_prompt;
  // Called after every chunk with the prompt tokens read so far.
  std::function<void(int64_t done, int64_t total)> on_progress;
};

struct Completion {
  std::string text;
  std::vector<int32_t> tokens;
  Receipt receipt;
};

using RequestId = int;

}  // namespace kvcompress
