// The receipt that ends every run, for people and as JSON.
#pragma once

#include <string>  // std::string

#include "engine/receipt.h"     // Receipt
#include "eval/receipt_json.h"  // Json

namespace kvcompress {

// Three lines: what was kept, how fast, by which recipe.
std::string receipt_text(const Receipt& receipt, const std::string& recipe);

// The `run` object of interface.
Json run_json(const std::string& model, const std::string& recipe, const std::string& text,
              const Receipt& receipt);

}  // namespace kvcompress
