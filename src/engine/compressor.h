// Applies a recipe's score and budget stages to a sequence at the hooks of its life: after a prefill chunk
// and after a decoded token. Runs between steps, never inside a layer.
#pragma once

#include <cstdint>  // int32_t, uint8_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "engine/biased_pages.h"  // BiasedPages
#include "engine/features.h"      // FeatureReader
#include "engine/form_fitter.h"   // FormFitter
#include "engine/replay.h"        // Replayer
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // Architecture

namespace kvcompress {

class Compressor {
 public:
  // biased: where the tokens of recipes that refit go; outlives this.
  Compressor(const Architecture& model, ThreadPool& pool, Replayer& replayer, FormFitter& fitter,
             BiasedPages& biased);

  // last: the prompt (or an extension of it) ends with this chunk. What is not evicted now is packed.
  void after_chunk(Sequence& sequence, bool last);
  // A budget that is held evicts what the new token pushed over it; one that grows does nothing.
  void after_decode(Sequence& sequence);
  // Seconds spent on all sequences since the last call.
  double take_seconds();

 private:
  // The heads of one layer, scored.
  struct ScoredLayer {
    std::vector<HeadFeatures> features;
    std::vector<HeadSelection> heads;
  };

  void evict_after_chunk(Sequence& sequence, bool last);
  void evict_after_decode(Sequence& sequence);
  void seal(Sequence& sequence);
  void plan(Sequence& sequence, int64_t tokens) const;
  void compress(Sequence& sequence, bool decoding);
  void compete(Sequence& sequence, std::vector<ScoredLayer>& layers) const;
  HeadLimit limit(const Sequence& sequence, int layer, int head) const;
  bool over_budget(const Sequence& sequence, int layer) const;
  ScoredLayer score_layer(const Sequence& sequence, int layer);
  ScoredLayer scored(const Sequence& sequence, int layer, std::vector<HeadFeatures> features,
                     bool inlined) const;
  void select_layer(Sequence& sequence, int layer, ScoredLayer scored, bool decoding);
  void share_budget(const Sequence& sequence, int layer, ScoredLayer& scored, bool decoding) const;
  // Whether the heads of a layer are scored now: they are over their budget, or tokens are to be guarded.
  bool acts_on(const Sequence& sequence, int layer, bool decoding) const;
  // At the prompt's end, for recipes that refit or guard: evicts, with what is kept answering for what is
  // gone, and pins what stays in f16.
  void settle(Sequence& sequence, int layer, std::span<const HeadSelection> heads);
  void refit(Sequence& sequence, int layer, int head, std::span<const int32_t> kept, Packing packing) const;
  void evict(Sequence& sequence, int layer, int head, const HeadSelection& selection) const;
  void note_sums(Sequence& sequence);
  void roll_sinks(Sequence& sequence) const;
  void note_key_ranks(Sequence& sequence);
  void hold_layer(Sequence& sequence, int layer) const;
  void hold_by_kept_scores(Sequence& sequence);
  void evict_lowest(Sequence& sequence, int layer, int head, bool norms) const;
  void drop(Sequence& sequence, int layer, int head, int32_t slot) const;
  void score_newest(Sequence& sequence, int layer, int head, bool norms) const;

  const ModelConfig& config_;
  ThreadPool& pool_;
  const Architecture& model_;
  FeatureReader reader_;
  Replayer& replayer_;
  FormFitter& fitter_;
  BiasedPages& biased_;
  double seconds_ = 0;
};

// The slot of the lowest score within [first, last) that is not forced; of equal ones the last, as
// select_slots() has it. forced: [slots], or empty for none. -1 when all are forced.
int32_t lowest_slot(std::span<const float> scores, std::span<const uint8_t> forced, int64_t first,
                    int64_t last);

// Slots evicted at once while a budget is held (BudgetSettings::step, resolved).
int64_t held_step(const Recipe& recipe, int64_t budget);
// Queries that a recipe's scores and its store look back to.
int window_capacity(const Recipe& recipe);

}  // namespace kvcompress
