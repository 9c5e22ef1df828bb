// Stage `budget`: how much may each layer and each KV head keep? Pure: settings and sizes in, numbers out.
#pragma once

#include <cstdint>  // int64_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "policy/budget/shares.h"  // LayerShares, HeadShares, HeadLimit
#include "policy/parameters.h"     // ParameterVisitor

namespace kvcompress {

struct BudgetSettings {
  // How the amount is given; exactly one is in force. none: nothing is ever evicted; rule: by the answers to
  // layers or heads, which have limits of their own.
  enum class Unit { none, tokens, share, bytes, rule };
  Unit unit = Unit::none;
  int64_t tokens = 0;       // per layer and KV head on average, sinks, window and recent tokens included
  double share = 0;         // (0, 1] of the tokens seen, or of the slots held (`of`)
  int64_t bytes = 0;        // of cache in all
  std::string of = "seen";  // seen, held: what a share is taken of
  std::string rounding = "down";  // share -> tokens: down, up, nearest, kvpress
  int64_t sinks = 0;              // the first slots, always kept
  int64_t recent = 0;             // the newest slots, always kept
  bool hold = true;     // decode: hold keeps the budget for life; grow compresses once and then appends
  int64_t trigger = 0;  // act only when a head holds more slots than this (0: than its budget)
  // While a held budget decodes: evict this many slots at once, so that scoring is paid once for as many
  // tokens; never more are held than the budget. 0: by the recipe (held_step()).
  int64_t step = 0;
  // The sinks' keys turn along, as if they stood right before the oldest other token (positions inside the
  // cache, as StreamingLLM numbers them); else every key stays at the position it was read at.
  bool rolling = false;
  std::vector<int64_t> skip_layers;  // never compressed
  std::string layers = "uniform";
  std::string heads = "equal";
  std::shared_ptr<const LayerShares> layer_shares;  // null: `layers` with its default parameters
  std::shared_ptr<const HeadShares> head_shares;    // null: `heads` with its default parameters
  void visit(ParameterVisitor& visitor);

  bool skips(int layer) const;
};

struct BudgetInput {
  int layers = 0;
  int kv_heads = 0;
  int64_t tokens_seen = 0;
  size_t page_bytes = 0;  // of the exact pool
  int page_slots = 0;
  size_t head_bytes = 0;         // of each head beside its pages
  size_t packed_page_bytes = 0;  // of the packed pool, at most; 0: nothing is packed
  int64_t exact_slots = 0;       // slots of a head that are never packed: the store's sinks and recent tokens
  double guarded = 0;            // share of a head's slots that stay exact beyond those
  double packed_waste = 0;  // slots without a token that packed pages may have, as a share of those with one
  std::span<const int32_t> sliding_window;  // [layers] 0: the whole past
  int group = 1;                            // query heads of a KV head
  std::span<const double> key_ranks;        // [layers] when the layers answer needs them
  // [layers] in place of the layers answer's weights: how many of the best slots of all heads each layer has.
  std::span<const double> layer_weights;
  const Calibration* layer_calibration = nullptr;
  const Calibration* head_calibration = nullptr;
};

// Slots each head may keep, [layers][kv_heads]; a layer that is skipped or windowed gets tokens_seen (no
// limit).
// - tokens, bytes: the sum over the limited heads is exactly what was asked for; bytes are whole pages a
// head, and what
//   skipped and windowed layers hold is taken off first.
// - share: at least sinks + recent, so that a short prompt is kept whole.
// Throws UsageError when the amount cannot hold sinks + recent, or a byte budget cannot hold one page a head.
std::vector<int32_t> plan_budget(const BudgetSettings& settings, const BudgetInput& input);

// What a head that holds `held` slots keeps now: all of them when the layer is not limited, the trigger is
// not reached or the budget is not exceeded. `budget` is the head's number of plan_budget. Cheap: made for
// every decoded token.
HeadLimit limit_now(const BudgetSettings& settings, int layer, int layers, int32_t sliding_window,
                    int64_t budget, int64_t held);

// Slots of each head of a layer whose heads compete by score: the layer's sum is that of `budgets`
// (plan_budget's of its heads). unit_slots: 1, or the slots of a page when bytes are whole pages.
std::vector<int64_t> share_by_score(const BudgetSettings& settings, std::span<const HeadSelection> heads,
                                    std::span<const int32_t> budgets, int unit_slots);

// How many of the best `total` slots of all heads each layer has, [layers]; heads: [layers][kv_heads], a
// layer that is not limited has none.
std::vector<double> layer_weights_by_score(std::span<const std::vector<HeadSelection>> layers, int64_t total);

struct SelectionInput {
  std::span<const float> scores;    // [slots], higher = keep; NaN is an error
  std::span<const uint8_t> pinned;  // [slots] or empty
  int64_t budget = 0;               // slots to keep, sinks and recent included
  int64_t sinks = 0, recent = 0;
};

// Live indices to keep, ascending; ties go to the lower index. sinks, recent and pinned slots are kept by
// mask. All slots when the budget holds them. Throws UsageError when the budget is not positive or the mask
// exceeds it.
std::vector<int32_t> select_slots(const SelectionInput& input);

}  // namespace kvcompress
