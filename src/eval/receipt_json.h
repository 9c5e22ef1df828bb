// Receipts as JSON: the keys that every command shares.
#pragma once

#include <nlohmann/json_fwd.hpp>  // nlohmann::ordered_json

#include "engine/receipt.h"  // CacheReceipt, TimeReceipt, Receipt

namespace kvcompress {

using Json = nlohmann::ordered_json;

// with_kept: the slots of every layer and KV head as well.
Json to_json(const CacheReceipt& cache, bool with_kept);

// Times in milliseconds, rates per second; what the run was too short to have is left out.
Json to_json(const TimeReceipt& time, int64_t generated_tokens);

// The object as text. Bytes that are not UTF-8 (a model may write them) become U+FFFD.
std::string dump(const Json& json, int indent = 2);

}  // namespace kvcompress
