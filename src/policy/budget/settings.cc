#include <algorithm>  // std::find
#include <limits>     // std::numeric_limits

#include "policy/budget.h"

namespace kvcompress {
namespace {

constexpr int64_t kMaxTokens = std::numeric_limits<int32_t>::max();

}  // namespace

void BudgetSettings::visit(ParameterVisitor& visitor) {
  visitor.integer("tokens", tokens, 1, kMaxTokens,
                  "slots per layer and KV head on average; sinks, window and recent tokens count inside");
  visitor.share("keep", share, "share of the tokens to keep; never less than sinks + recent");
  visitor.bytes("bytes", bytes, "cache in all layers and heads; whole pages a head");
  visitor.choice(
      "of", of, {"seen", "held"},
      "what keep is a share of: the tokens the sequence has seen, or the slots a head holds just now");
  visitor.choice(
      "rounding", rounding, {"down", "up", "nearest", "kvpress"},
      "keep to whole slots; kvpress: max(1, int(N * (1 - ratio))) with ratio = 1 - keep, in its arithmetic");
  visitor.integer("sinks", sinks, 0, kMaxTokens, "the first tokens, always kept");
  visitor.integer("recent", recent, 0, kMaxTokens, "the newest tokens, always kept");
  std::string decode = hold ? "hold" : "grow";
  visitor.choice("decode", decode, {"hold", "grow"},
                 "hold: the budget is kept for the sequence's whole life; grow: compress once, then append");
  hold = decode == "hold";
  visitor.integer("trigger", trigger, 0, kMaxTokens,
                  "act only when a head holds more slots than this; 0: when it holds more than its budget");
  visitor.integer("step", step, 0, kMaxTokens,
                  "decode hold: slots evicted at once, so that scoring is paid once for as many tokens; 0: 1 "
                  "where a slot's score never changes, else an eighth of the budget, 128 at most");
  std::string positions = rolling ? "rolling" : "original";
  visitor.choice(
      "positions", positions, {"original", "rolling"},
      "original: kept keys stay where they were read; rolling: the sinks follow the recent tokens, so "
      "that distances never exceed the budget (needs score recency and sinks)");
  rolling = positions == "rolling";
  visitor.integers("skip_layers", skip_layers, 0, 4095, "layers that are never compressed, from 0");
}

bool BudgetSettings::skips(int layer) const {
  return std::find(skip_layers.begin(), skip_layers.end(), layer) != skip_layers.end();
}

}  // namespace kvcompress
