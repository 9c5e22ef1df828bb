// What a recipe at a budget reached on the questions of a task, with what the full cache reached on the same.
#pragma once

#include <cmath>    // std::isnan
#include <cstdint>  // int64_t
#include <limits>   // std::numeric_limits
#include <string>   // std::string
#include <vector>   // std::vector

#include "engine/receipt.h"         // CacheReceipt
#include "eval/evaluated_recipe.h"  // EvaluatedRecipe

namespace kvcompress {

// One question on one cache. NaN is a figure that the question does not have.
struct QuestionResult {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  double score = kNone;         // 0 to 100, of the generated answer
  double log_probability = 0;   // of the reference, summed over its tokens, in nats
  int64_t tokens = 0;           // of the reference that were measured
  bool exact = false;           // every one of them had the largest logit
  double label_right = kNone;   // 1: the reference is the label with the highest summed log-probability
  double label_margin = kNone;  // its log-probability less the best other label's, in nats
  std::string answer;           // generated
  int64_t answer_tokens = 0;
  double per_token() const { return log_probability / static_cast<double>(tokens); }
};

// Questions are in the same order for every recipe of a call, so that they pair.
struct AskedQuestion {
  std::string id;             // "needle/3#0": sample and place on it; the same for the same settings
  int64_t sample = 0;         // questions of one sample share its context
  double depth_percent = -1;  // of the fact, 0 to 100; -1: nowhere or unknown
};

// What was kept of the contexts, mean over the samples.
struct KeptShares {
  static constexpr int kBins = 64;
  std::vector<std::vector<double>> heads;  // [layers][kv_heads] slots over tokens seen
  std::vector<double> positions;  // [kBins] of the context from its start: share kept, over all heads
};

struct TaskTimes {
  double ttft_ms = 0;            // reading and compressing a context, mean over the samples
  double compress_ms = 0;        // of ttft_ms
  double tokens_per_second = 0;  // of generated answers; 0: none had two tokens
};

struct TaskResult {
  EvaluatedRecipe evaluated;
  int64_t samples = 0;  // contexts
  std::vector<AskedQuestion> asked;
  std::vector<QuestionResult> questions, full;  // [asked], of this recipe and of the full cache
  CacheReceipt cache;  // mean: at the ends of the answers, bytes_prompt before the questions; without `kept`
  KeptShares kept;
  TaskTimes time;

  // Means over the questions that have the figure, NaN when none has; of `questions` or of `full`.
  using Questions = std::vector<QuestionResult>;
  static double score(const Questions& of);            // 0 to 100
  static double hit(const Questions& of);              // share with the score 100
  static double log_probability(const Questions& of);  // of a token, mean over the questions
  static double exact(const Questions& of);            // share
  static double accuracy(const Questions& of);         // share with the right label
  static int64_t tokens(const Questions& of);          // of the references, all together
};

}  // namespace kvcompress
