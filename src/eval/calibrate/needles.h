// Facts hidden in a text, asked for behind it, with the answer fed as if the model had given it; and where
// each query head looked while it did.
#pragma once

#include <cstdint>     // int32_t
#include <functional>  // std::function
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "eval/calibrate/calibrator.h"  // CalibrationData, Engine

namespace kvcompress {

// A fact in parts, as text. In front of the answer stands the same text in the fact and at the question's
// end, so that the answer's tokens are the same in both.
struct Needle {
  std::string before, answer, after;  // of the fact
  std::string question;               // up to the answer
  std::string wrong;                  // another answer that the fact names; empty: none
};

struct NeedlePrompt {
  std::vector<int32_t> tokens;         // up to the answer
  std::vector<int32_t> answer, wrong;  // tokens
  int32_t span_first = 0;              // where the answer stands in the fact
  int32_t span_last() const { return span_first + static_cast<int32_t>(answer.size()); }
};

// `length` tokens, the answer to come included; depth: where in the text the fact stands, from 0 to 1, moved
// back to the end of a sentence. Nothing is tokenised with special tokens, which heads would look at; a model
// that adds BOS has it first.
NeedlePrompt hide_needle(const Vocabulary& vocabulary, std::span<const int32_t> haystack,
                         const Needle& needle, int64_t length, double depth);

// What one query head gave to the tokens while the answer was fed: weights[i] is of the query that has answer
// token i to foretell, over the positions.
struct HeadWeights {
  int layer, query_head;
  const std::vector<int32_t>* positions;
  std::vector<std::span<const float>> weights;
};

struct NeedleRun {
  double copied = 0;      // share of the answer's tokens that the model would have chosen itself
  double preference = 0;  // mean log-probability of the answer less that of the wrong one; 0 without one
};

// Feeds the prompt and the answer; then calls `look` for every query head of a layer without sliding window,
// of different KV heads at the same time. look is called after `accept` said yes.
NeedleRun run_needle(Engine& engine, const NeedlePrompt& prompt,
                     const std::function<bool(const NeedleRun&)>& accept,
                     const std::function<void(const HeadWeights&)>& look);

// The grid of runs: lengths (half of the window and all of it) x depths x needles.
struct NeedlePlace {
  int64_t length;
  double depth;
  int64_t needle;
};
std::vector<NeedlePlace> needle_grid(int64_t window, int64_t depths, int64_t needles);

}  // namespace kvcompress
