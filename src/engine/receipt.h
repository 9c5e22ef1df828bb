// What a run kept and what it cost, measured from the allocator and the clock.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int64_t
#include <string>   // std::string
#include <vector>   // std::vector

namespace kvcompress {

struct CacheReceipt {
  size_t bytes = 0;         // at the end of the run
  size_t bytes_prompt = 0;  // when the prompt had been read and compressed
  size_t bytes_full = 0;    // the same tokens in f16, nothing evicted
  size_t bytes_peak = 0;    // the most at any moment
  int64_t tokens_seen = 0;
  std::vector<std::vector<int>> kept;  // [layers][kv_heads] slots
  double ratio() const {
    return bytes > 0 ? static_cast<double>(bytes_full) / static_cast<double>(bytes) : 0;
  }
};

struct TimeReceipt {
  double load_ms = 0;      // filled by whoever loaded the model
  double ttft_ms = 0;      // from submission to the first token, compression included
  double compress_ms = 0;  // of ttft_ms
  double tpot_median_ms = 0, tpot_p95_ms = 0;
  double tokens_per_second = 0;  // of decoding, the first token left out
};

enum class FinishReason { none, stop, length, cancelled };
std::string to_string(FinishReason reason);  // "", "stop", "length", "cancelled"

struct Receipt {
  int64_t loaded_tokens = 0;  // of the session that the prompt was read behind
  int64_t prompt_tokens = 0, generated_tokens = 0;
  FinishReason finish = FinishReason::none;
  CacheReceipt cache;
  TimeReceipt time;
};

}  // namespace kvcompress
