#include "cli/receipt_text.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>          // std::min
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/text.h"  // format_bytes, format_count, format_duration

namespace kvcompress {
namespace {

struct KeptSummary {
  double mean = 0;
  int least = 0, most = 0;
};

KeptSummary summarize(const std::vector<std::vector<int>>& kept) {
  KeptSummary summary;
  int64_t sum = 0, heads = 0;
  for (const auto& layer : kept) {
    for (const int slots : layer) {
      summary.least = heads == 0 ? slots : std::min(summary.least, slots);
      summary.most = std::max(summary.most, slots);
      sum += slots;
      heads++;
    }
  }
  if (heads > 0) summary.mean = static_cast<double>(sum) / static_cast<double>(heads);
  return summary;
}

std::string kept_line(const CacheReceipt& cache) {
  const KeptSummary kept = summarize(cache.kept);
  std::string line =
      fmt::format("kept     {} of {} tokens a head on average (min {}, max {})",
                  format_count(static_cast<int64_t>(kept.mean + 0.5)), format_count(cache.tokens_seen),
                  format_count(kept.least), format_count(kept.most));
  if (cache.bytes > 0) {
    // Whole pages can outweigh what a short text would take packed tightly.
    const bool smaller = cache.ratio() >= 1;
    line += fmt::format(" · {:.1f}x {}: {} -> {}", smaller ? cache.ratio() : 1 / cache.ratio(),
                        smaller ? "smaller" : "larger (whole pages)", format_bytes(cache.bytes_full),
                        format_bytes(cache.bytes));
  }
  return line + fmt::format(" · peak {}\n", format_bytes(cache.bytes_peak));
}

std::string speed_line(const Receipt& receipt) {
  if (receipt.generated_tokens == 0) return "speed    no token was written\n";
  const TimeReceipt& time = receipt.time;
  std::string line = fmt::format("speed    first token {}", format_duration(time.ttft_ms * 1e-3));
  if (receipt.generated_tokens > 1) {
    line +=
        fmt::format(" · then {:.1f} tokens/s (median {}, p95 {})", time.tokens_per_second,
                    format_duration(time.tpot_median_ms * 1e-3), format_duration(time.tpot_p95_ms * 1e-3));
  }
  return line + "\n";
}

}  // namespace

std::string receipt_text(const Receipt& receipt, const std::string& recipe) {
  return kept_line(receipt.cache) + speed_line(receipt) + "recipe   " + recipe + "\n";
}

Json run_json(const std::string& model, const std::string& recipe, const std::string& text,
              const Receipt& receipt) {
  Json json;
  json["model"] = model;
  json["recipe"] = recipe;
  json["text"] = text;
  json["finish_reason"] = to_string(receipt.finish);
  json["tokens"] = {{"prompt", receipt.prompt_tokens}, {"generated", receipt.generated_tokens}};
  if (receipt.loaded_tokens > 0) json["tokens"]["loaded"] = receipt.loaded_tokens;
  json["time"] = to_json(receipt.time, receipt.generated_tokens);
  json["cache"] = to_json(receipt.cache, /*with_kept=*/true);
  return json;
}

}  // namespace kvcompress
