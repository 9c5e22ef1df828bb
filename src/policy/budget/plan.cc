#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::floor, std::ceil
#include <limits>     // std::numeric_limits

#include "policy/budget.h"
#include "policy/budget/apportion.h"  // apportion
#include "policy/messages.h"          // name_advice, in_quotes
#include "policy/parameter_values.h"  // print_bytes
#include "policy/registry.h"          // registry

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

constexpr int64_t kMostSlots = std::numeric_limits<int32_t>::max();

int64_t pages_for(int64_t slots, int page_slots) { return (slots + page_slots - 1) / page_slots; }

// The least a head may be given: its forced slots, and never nothing.
int64_t floor_slots(const BudgetSettings& settings) {
  return std::max<int64_t>(1, settings.sinks + settings.recent);
}

bool is_limited(const BudgetSettings& settings, int layer, int32_t sliding_window) {
  return settings.unit != Unit::none && sliding_window == 0 && !settings.skips(layer);
}

int32_t window_of(const BudgetInput& input, int layer) {
  return input.sliding_window.empty() ? 0 : input.sliding_window[layer];
}

// A share of n slots; a hair of tolerance, so that 29% of 100 is 29 although 0.29 * 100 < 29 in binary.
int64_t rounded_share(const BudgetSettings& settings, int64_t n) {
  const auto count = static_cast<double>(n);
  const double exact = settings.share * count;
  constexpr double kHair = 1e-9;
  int64_t slots = 0;
  if (settings.rounding == "up") {
    slots = static_cast<int64_t>(std::ceil(exact - kHair));
  } else if (settings.rounding == "nearest") {
    slots = static_cast<int64_t>(std::floor(exact + 0.5 + kHair));
  } else if (settings.rounding == "kvpress") {
    slots = static_cast<int64_t>(count * (1 - (1 - settings.share)));
  } else {
    slots = static_cast<int64_t>(std::floor(exact + kHair));
  }
  return std::max(slots, floor_slots(settings));
}

void check(const BudgetSettings& settings, const BudgetInput& input) {
  const int64_t forced = settings.sinks + settings.recent;
  if (settings.unit == Unit::tokens && settings.tokens < floor_slots(settings)) {
    throw UsageError(
        fmt::format("[budget] expected tokens of at least {} (sinks {} + recent {}), got {}; raise "
                    "budget.tokens or lower budget.sinks or budget.recent",
                    floor_slots(settings), settings.sinks, settings.recent, settings.tokens));
  }
  if (settings.sinks < 0 || settings.recent < 0 || forced > kMostSlots) {
    throw UsageError(
        fmt::format("[budget] expected sinks and recent of 0..{} together, got {} and {}; give such values",
                    kMostSlots, settings.sinks, settings.recent));
  }
  if (settings.unit == Unit::share && !(settings.share > 0 && settings.share <= 1)) {
    throw UsageError(
        fmt::format("[budget] expected keep above 0 and at most 1, got {}; give a share", settings.share));
  }
  for (const int64_t layer : settings.skip_layers) {
    if (layer < 0 || layer >= input.layers) {
      throw UsageError(
          fmt::format("[budget] expected skip_layers of 0..{} (the model's layers), got {}; leave it out",
                      input.layers - 1, layer));
    }
  }
}

template <typename Shares>
std::shared_ptr<const Shares> shares_of(Stage stage, const std::string& name,
                                        const std::shared_ptr<const Shares>& given) {
  if (given) return given;
  const AnswerInfo* answer = registry().find(stage, name);
  if (answer == nullptr) {
    throw UsageError(fmt::format("[budget] expected a known answer for {}, got {}; {}",
                                 stage_info(stage).name, in_quotes(name),
                                 name_advice(name, registry().names(stage))));
  }
  return std::dynamic_pointer_cast<const Shares>(std::shared_ptr<const Answer>(answer->make()));
}

// Shares `total` units among the limited layers, then each layer's sum among its heads; result by limited
// layer, then head. `floor` and `cap` are of one head.
std::vector<int64_t> share_among_heads(const BudgetSettings& settings, const BudgetInput& input,
                                       const std::vector<int>& limited, int64_t total, int64_t floor,
                                       int64_t cap) {
  const auto layer_shares = shares_of(Stage::layers, settings.layers, settings.layer_shares);
  const auto head_shares = shares_of(Stage::heads, settings.heads, settings.head_shares);
  const std::vector<double> all_weights = layer_shares->weights(input.layers);
  std::vector<double> weights;
  for (const int layer : limited) weights.push_back(all_weights[layer]);
  const std::vector<int64_t> layer_floors(limited.size(), floor * input.kv_heads);
  const std::vector<int64_t> layer_caps(limited.size(), cap * input.kv_heads);
  const std::vector<int64_t> sums = apportion(total, weights, layer_floors, layer_caps);

  const std::vector<int64_t> floors(input.kv_heads, floor);
  const std::vector<int64_t> caps(input.kv_heads, cap);
  std::vector<int64_t> heads;
  for (size_t i = 0; i < limited.size(); ++i) {
    const std::vector<double> head_weights = head_shares->weights(limited[i], input.kv_heads);
    const std::vector<int64_t> parts = apportion(sums[i], head_weights, floors, caps);
    heads.insert(heads.end(), parts.begin(), parts.end());
  }
  return heads;
}

// Pages that layers without a limit hold: all they have seen, or their window, which may begin inside a page.
int64_t unlimited_pages(const BudgetInput& input, const std::vector<int>& limited) {
  int64_t pages = 0;
  for (int layer = 0; layer < input.layers; ++layer) {
    if (std::find(limited.begin(), limited.end(), layer) != limited.end()) continue;
    const int32_t window = window_of(input, layer);
    const bool slides = window > 0 && input.tokens_seen > window;
    pages += (pages_for(slides ? window : input.tokens_seen, input.page_slots) + (slides ? 1 : 0)) *
             input.kv_heads;
  }
  return pages;
}

std::vector<int64_t> plan_bytes(const BudgetSettings& settings, const BudgetInput& input,
                                const std::vector<int>& limited) {
  if (input.page_bytes == 0 || input.page_slots < 1) {
    throw Error("[budget] expected the size of a page, got 0; this is a defect of the caller");
  }
  const int64_t heads = static_cast<int64_t>(limited.size()) * input.kv_heads;
  const int64_t floor = pages_for(floor_slots(settings), input.page_slots);
  const int64_t unlimited = unlimited_pages(input, limited);
  const int64_t pages = settings.bytes / static_cast<int64_t>(input.page_bytes) - unlimited;
  if (pages < floor * heads) {
    const int64_t least = (floor * heads + unlimited) * static_cast<int64_t>(input.page_bytes);
    throw UsageError(
        fmt::format("[budget] expected bytes of at least {} ({}: {} page(s) of {} bytes for each of {} "
                    "heads, {} page(s) in layers without a limit), got {}; raise budget.bytes",
                    least, print_bytes(least), floor, input.page_bytes, heads, unlimited, settings.bytes));
  }
  const int64_t cap = kMostSlots / input.page_slots;
  std::vector<int64_t> parts =
      share_among_heads(settings, input, limited, std::min(pages, cap * heads), floor, cap);
  for (int64_t& part : parts) part *= input.page_slots;
  return parts;
}

}  // namespace

std::vector<int32_t> plan_budget(const BudgetSettings& settings, const BudgetInput& input) {
  check(settings, input);
  const auto seen = static_cast<int32_t>(std::min(input.tokens_seen, kMostSlots));
  std::vector<int32_t> plan(static_cast<size_t>(input.layers) * input.kv_heads, seen);
  std::vector<int> limited;
  for (int layer = 0; layer < input.layers; ++layer) {
    if (is_limited(settings, layer, window_of(input, layer))) limited.push_back(layer);
  }
  if (limited.empty()) return plan;

  std::vector<int64_t> parts;
  if (settings.unit == Unit::bytes) {
    parts = plan_bytes(settings, input, limited);
  } else {
    const int64_t each =
        std::min(settings.unit == Unit::tokens ? settings.tokens : rounded_share(settings, input.tokens_seen),
                 kMostSlots);
    const int64_t heads = static_cast<int64_t>(limited.size()) * input.kv_heads;
    parts = share_among_heads(settings, input, limited, each * heads, floor_slots(settings), kMostSlots);
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t layer = limited[i / input.kv_heads];
    plan[layer * input.kv_heads + i % input.kv_heads] = static_cast<int32_t>(parts[i]);
  }
  return plan;
}

int64_t slots_to_keep(const BudgetSettings& settings, int layer, int32_t sliding_window, int64_t budget,
                      int64_t held) {
  if (!is_limited(settings, layer, sliding_window)) return held;
  const bool of_held = settings.unit == Unit::share && settings.of == "held";
  const int64_t limit = of_held ? rounded_share(settings, held) : budget;
  return held <= settings.trigger || held <= limit ? held : limit;
}

}  // namespace kvcompress
