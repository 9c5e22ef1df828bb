#include "eval/receipt_json.h"

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

namespace kvcompress {

Json to_json(const CacheReceipt& cache, bool with_kept) {
  Json json;
  json["bytes"] = cache.bytes;
  json["bytes_prompt"] = cache.bytes_prompt;
  json["bytes_full"] = cache.bytes_full;
  json["bytes_peak"] = cache.bytes_peak;
  if (cache.bytes > 0) json["ratio"] = cache.ratio();
  json["tokens_seen"] = cache.tokens_seen;
  if (with_kept) json["kept"] = cache.kept;
  return json;
}

Json to_json(const TimeReceipt& time, int64_t generated_tokens) {
  Json json;
  json["load_ms"] = time.load_ms;
  if (generated_tokens >= 1) json["ttft_ms"] = time.ttft_ms;
  json["compress_ms"] = time.compress_ms;
  if (generated_tokens >= 2) {
    json["tpot_ms"] = {{"median", time.tpot_median_ms}, {"p95", time.tpot_p95_ms}};
    json["tokens_per_second"] = time.tokens_per_second;
  }
  return json;
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kvcompress
