// Text to time with: English-like sentences drawn from a fixed word list, the same for a seed on every
// machine.
#pragma once

#include <cstdint>  // uint64_t
#include <string>   // std::string
#include <vector>   // std::vector

#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {

// At least `words` words in whole sentences and paragraphs.
std::string pseudo_text(int64_t words, uint64_t seed);

// Exactly `count` tokens of such text as the model's tokenizer makes them, BOS first where the model asks for
// it.
std::vector<int32_t> pseudo_tokens(const Vocabulary& vocabulary, int64_t count, uint64_t seed);

}  // namespace kvcompress
