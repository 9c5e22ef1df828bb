// Speed at depth: how long a prompt takes to read, and how fast tokens follow it.
#pragma once

#include <cstdint>     // int64_t
#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/engine.h"  // Engine

namespace kvcompress {

struct SpeedSettings {
  std::vector<int64_t> depths = {0};   // tokens read from empty before decoding
  std::vector<int64_t> batches = {1};  // sequences decoded together
  int64_t decode_tokens = 32;
  int repetitions = 3;  // a figure is the median of that many
  PrefillMode prefill = PrefillMode::exact;
  uint64_t seed = 1;
};

struct SpeedResult {
  Recipe recipe;
  int64_t depth = 0, batch = 1;
  double ttft_ms = 0, prefill_tokens_per_second = 0;  // 0 at depth 0
  double compress_ms = 0;                             // of ttft_ms
  double decode_tokens_per_second = 0;                // of the whole batch
  double tpot_median_ms = 0, tpot_p95_ms = 0;         // of one step
  Profile prefill, decode;                            // sums over the repetitions
  int64_t prefill_reads = 0, decode_steps = 0;        // that those sums cover
  double prefill_wall_s = 0, decode_wall_s = 0;
  CacheReceipt cache;  // of one sequence, after decoding
};

// Reads `depth` tokens of pseudo text (bench/pseudo_text.h) into each sequence of the batch, each with a text
// of its own; decodes from forks of them, so that every repetition starts at exactly that depth. Throws
// UsageError when depth and decoded tokens do not fit the context.
std::vector<SpeedResult> measure_speed(Engine& engine, const std::vector<Recipe>& recipes,
                                       const SpeedSettings& settings,
                                       const std::function<void(int64_t done, int64_t total)>& on_progress);

}  // namespace kvcompress
