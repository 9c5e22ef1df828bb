// Parts that both kinds of context result store.
#pragma once

#include <vector>  // std::vector

#include "engine/receipt.h"     // CacheReceipt
#include "eval/receipt_json.h"  // Json

namespace kvcompress {

using Shares = std::vector<std::vector<double>>;  // [layers][kv_heads]

// NaN, a figure that is not there, is null.
Json number(double value);
double number(const Json& json);

Json stored_cache(const CacheReceipt& cache);
CacheReceipt cache_of(const Json& json);

// Adds `more` with this weight; sums that are empty take its shape.
void accumulate(CacheReceipt& sum, const CacheReceipt& more, double weight);
void accumulate(std::vector<double>& sum, const std::vector<double>& more, double weight);
void accumulate(Shares& sum, const Shares& more, double weight);

}  // namespace kvcompress
