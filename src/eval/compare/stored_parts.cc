#include "eval/compare/stored_parts.h"

#include <cmath>              // std::isnan
#include <limits>             // std::numeric_limits
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

namespace kvcompress {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

Json stored_cache(const CacheReceipt& cache) { return to_json(cache, /*with_kept=*/false); }

CacheReceipt cache_of(const Json& json) {
  CacheReceipt cache;
  cache.bytes = json.at("bytes");
  cache.bytes_prompt = json.at("bytes_prompt");
  cache.bytes_full = json.at("bytes_full");
  cache.bytes_peak = json.at("bytes_peak");
  cache.tokens_seen = json.at("tokens_seen");
  return cache;
}

void accumulate(CacheReceipt& sum, const CacheReceipt& more, double weight) {
  const auto add = [&](auto& to, auto value) {
    to += static_cast<std::decay_t<decltype(to)>>(std::llround(static_cast<double>(value) * weight));
  };
  add(sum.bytes, more.bytes);
  add(sum.bytes_prompt, more.bytes_prompt);
  add(sum.bytes_full, more.bytes_full);
  add(sum.bytes_peak, more.bytes_peak);
  add(sum.tokens_seen, more.tokens_seen);
}

void accumulate(std::vector<double>& sum, const std::vector<double>& more, double weight) {
  sum.resize(std::max(sum.size(), more.size()));
  for (size_t i = 0; i < more.size(); i++) sum[i] += weight * more[i];
}

void accumulate(Shares& sum, const Shares& more, double weight) {
  sum.resize(std::max(sum.size(), more.size()));
  for (size_t i = 0; i < more.size(); i++) accumulate(sum[i], more[i], weight);
}

}  // namespace kvcompress
