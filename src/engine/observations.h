// What a sequence remembers of the steps it went through, beside its cache, because its recipe's scores are
// computed from it: nothing is kept that nobody asked for.
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span
#include <vector>   // std::vector

#include "engine/query_window.h"  // QueryWindow
#include "model/architecture.h"   // ModelConfig
#include "policy/score_policy.h"  // ScoreNeeds

namespace kvcompress {

// Numbers beside the live slots of one head; arrays are [live slots], or empty.
struct SlotNotes {
  std::vector<float> scores;  // of policies whose score of a slot never changes
  std::vector<float> sums;    // attention weights of all queries so far, over the group
  std::vector<float> chunk;   // attention inside the token's chunk, mean over the group
  std::vector<float> gate;    // output of the calibrated gate
  std::vector<float> replay;  // most attention of a replayed query

  // The slots at these live indices (ascending) stay.
  void keep(std::span<const int32_t> live_indices);
  void drop(int32_t live_index);
};

// Sums over the unrotated queries of one query head.
struct QueryMoments {
  int64_t count = 0;
  std::vector<double> sum;       // [head_dim]
  std::vector<double> products;  // [head_dim][head_dim]

  // queries: [rows][stride(head_dim)], unrotated, zeros beyond the head; they are spoiled.
  void add(std::span<float> queries, int head_dim);
  static int stride(int head_dim);
  void mean(std::span<float> out) const;
  void covariance(std::span<float> out) const;
};

// A pass over a part of the prompt again, on a fork: what its queries look at is written into `notes`.
struct ReplayTarget {
  int32_t sinks = 0;               // first tokens that every query sees
  int32_t first = 0, last = 0;     // the part of the prompt that is replayed
  int32_t begin = 0;               // position of the pass's first token
  bool normalised = false;         // KVzip+: by the norms of W_O v and of the layer's input
  std::vector<SlotNotes>* notes;   // of the sequence that is replayed, [layers][kv_heads]
  std::vector<float> input_norms;  // of the step's rows, at the layer at hand
};

// What each layer got, brought to unit root mean square: what gates are fitted to and applied to.
struct LayerInputs {
  std::vector<std::vector<float>> rows;  // [layers] of [tokens read][hidden]; none of sliding windows
};

struct Observations {
  Observations() = default;
  // window: queries to keep, at least needs.attention_window.
  Observations(const ScoreNeeds& needs, int window, const ModelConfig& config);

  bool none() const { return notes.empty(); }
  // The newest query alone is scored by: what decode attention computed for it is kept, not computed again.
  bool wants_decode_logits() const { return needs.attention_window == 1; }
  // Forgets what was observed for others and observes only this from here on.
  void narrow(const ScoreNeeds& wanted);

  ScoreNeeds needs;
  QueryWindow window;
  int unsummed = 0;  // of the window's queries, those not yet in `sums`
  // [layers] of [kv_heads][group][physical slots]: the logits of the newest decoded query, bias included;
  // fresh: the cache has not changed since.
  std::vector<std::vector<float>> decode_logits;
  bool decode_logits_fresh = false;
  std::vector<SlotNotes> notes;       // [layers][kv_heads]
  std::vector<QueryMoments> moments;  // [layers][query_heads] with query_moments
  std::vector<int32_t> tokens;        // read so far, with replay_chunk
  double replay_s = 0;                // spent on a replay
  std::shared_ptr<ReplayTarget> replay;
  std::shared_ptr<LayerInputs> inputs;  // when a calibration wants them
};

}  // namespace kvcompress
