// Task `fidelity`: how far a compressed cache's greedy answers are from the full cache's.
#pragma once

#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/engine.h"          // Engine
#include "eval/evaluated_recipe.h"  // EvaluatedRecipe
#include "eval/receipt_json.h"      // Json
#include "eval/token_score.h"       // ScoreSums

namespace kvcompress {

struct FidelityPrompt {
  std::string id;  // file, or file:line
  std::string text;
};

// The prompts of a text file or a folder of them, or of a JSONL file: the field prompt, input, or the first
// of turns. Throws IoError, InputError (file, line, field).
std::vector<FidelityPrompt> read_prompts(const std::string& path);

struct FidelitySettings {
  int64_t predict = 128;  // tokens of an answer at most
  int64_t limit = 0;      // prompts; 0: all
  bool chat = false;
  PrefillMode prefill = PrefillMode::exact;
};

// One prompt. The two answers are the same until `first_difference`.
struct FidelityAnswer {
  std::string id;
  std::vector<int32_t> tokens, full;  // without the end-of-generation token
  int64_t first_difference = -1;      // index of the first token that differs; -1: the answers are equal
  double equal_share = 0;             // of the longer answer's places, those with the same token
  ScoreSums along_full;               // each next token of the full answer, from this cache
};

struct FidelityResult {
  EvaluatedRecipe evaluated;
  std::vector<FidelityAnswer> answers;  // in the order of the prompts
  CacheReceipt cache;                   // mean, at the ends of the full cache's answers
  double ttft_ms = 0, compress_ms = 0;  // mean

  double equal_share() const;       // mean over the answers
  double same_answers() const;      // share that are equal from the first token to the last
  double first_difference() const;  // mean over the answers that differ; NaN when none does
  ScoreSums along_full() const;     // of all answers
};

std::vector<FidelityResult> evaluate_fidelity(
    Engine& engine, const std::vector<FidelityPrompt>& prompts, const std::vector<EvaluatedRecipe>& recipes,
    const FidelitySettings& settings, const std::function<void(int64_t done, int64_t total)>& on_progress);

Json fidelity_json(const Engine& engine, const std::string& data, const FidelitySettings& settings,
                   const std::vector<FidelityResult>& results);
std::string fidelity_table(const std::vector<FidelityResult>& results);

}  // namespace kvcompress
