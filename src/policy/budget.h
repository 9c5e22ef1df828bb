// Stage `budget`: how much may each layer and each KV head keep? Pure: settings and sizes in, numbers out.
#pragma once

#include <cstdint>  // int64_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "policy/budget/shares.h"  // LayerShares, HeadShares
#include "policy/parameters.h"     // ParameterVisitor

namespace kvcompress {

struct BudgetSettings {
  // How the amount is given; exactly one is in force. none: nothing is ever evicted.
  enum class Unit { none, tokens, share, bytes };
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
  std::span<const int32_t> sliding_window;  // [layers] 0: the whole past
};

// Slots each head may keep, [layers][kv_heads]; a layer that is skipped or windowed gets tokens_seen (no
// limit).
// - tokens, bytes: the sum over the limited heads is exactly what was asked for; bytes are whole pages a
// head, and what
//   skipped and windowed layers hold is taken off first.
// - share: at least sinks + recent, so that a short prompt is kept whole.
// Throws UsageError when the amount cannot hold sinks + recent, or a byte budget cannot hold one page a head.
std::vector<int32_t> plan_budget(const BudgetSettings& settings, const BudgetInput& input);

// How many of `held` slots a head keeps now: all of them when the layer is not limited, the trigger is not
// reached or the budget is not exceeded. `budget` is the head's number of plan_budget. Cheap: made for every
// decoded token.
int64_t slots_to_keep(const BudgetSettings& settings, int layer, int32_t sliding_window, int64_t budget,
                      int64_t held);

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
