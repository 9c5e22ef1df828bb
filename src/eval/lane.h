// Recipes whose target tokens are fed the same way, with the full cache beside them.
#pragma once

#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <vector>      // std::vector

#include "eval/attention_probe.h"  // AttentionProbe
#include "eval/perplexity.h"       // PerplexityResult
#include "eval/row_scorer.h"       // RowScorer

namespace kvcompress {

class Lane {
 public:
  using OnFed = std::function<void(int64_t tokens)>;

  Lane(Engine& engine, const PerplexitySettings& settings, bool by_steps);

  void add(const EvaluatedRecipe& recipe);
  bool empty() const { return listed_.empty(); }
  // Caches that a window is fed to: the full one and one for each recipe that compresses.
  int64_t caches() const { return static_cast<int64_t>(followers_.size()) + 1; }

  // tokens: [plan.tokens()]. on_fed is called with the number of tokens that caches() took since the last
  // call.
  void window(std::span<const int32_t> tokens, const OnFed& on_fed);

  std::vector<PerplexityResult> results() const;  // in the order of add()

 private:
  // A cache that takes the window's tokens.
  struct Follower {
    EvaluatedRecipe evaluated;
    ScoreSums sums;
    CacheReceipt cache;                       // sums over the windows
    size_t bytes_prompt = 0, bytes_peak = 0;  // of this window
    double read_s = 0, target_s = 0;
    std::unique_ptr<Sequence> sequence;
    std::unique_ptr<AttentionProbe> probe;  // of this window, when attention is measured
    AttentionSums attention;
    std::vector<WindowSums> windows;
  };

  template <typename Use>
  void for_each_follower(Use&& use);
  void open(Follower& follower) const;
  void open_probes();
  void note_window(Follower& follower, const ScoreSums& full_before);
  void read_context(std::span<const int32_t> context, const OnFed& on_fed);
  // target: the tokens fed and one more, the successor of the last.
  void feed_in_chunks(std::span<const int32_t> target, const OnFed& on_fed);
  void feed_by_steps(std::span<const int32_t> target, size_t unscored, const OnFed& on_fed);
  template <typename Work>
  void metered(Follower& follower, Work&& work);
  void read_chunk(Follower& follower, std::span<const int32_t> tokens, float* logits);
  PerplexityResult result(const Follower& follower) const;

  Engine& engine_;
  const PerplexitySettings& settings_;
  bool by_steps_;
  RowScorer scorer_;
  int64_t samples_ = 0;
  std::vector<int> listed_;  // per added recipe: its follower, -1 for the full cache
  Follower full_;
  std::vector<Follower> followers_;
  std::vector<float> full_logits_, logits_;
};

}  // namespace kvcompress
