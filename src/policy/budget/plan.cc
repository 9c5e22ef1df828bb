#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::floor, std::ceil
#include <limits>     // std::numeric_limits

#include "policy/budget.h"
#include "policy/budget/apportion.h"  // apportion
#include "policy/budget/region.h"     // widened_region
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

std::shared_ptr<const LayerShares> layer_shares_of(const BudgetSettings& settings) {
  return shares_of(Stage::layers, settings.layers, settings.layer_shares);
}

std::shared_ptr<const HeadShares> head_shares_of(const BudgetSettings& settings) {
  return shares_of(Stage::heads, settings.heads, settings.head_shares);
}

HeadShareInput head_share_input(const BudgetSettings& settings, const BudgetInput& input,
                                const std::vector<int>& limited) {
  HeadShareInput out;
  out.layer = -1;
  out.kv_heads = input.kv_heads;
  out.group = input.group;
  out.layers = limited;
  out.all_layers = input.layers;
  out.recent = settings.recent;
  out.calibration = input.head_calibration;
  return out;
}

// The units (slots or pages) that the limited heads share; floor and cap are of one head.
struct Units {
  int64_t total, floor, cap;
  double slots;  // of one unit
};

std::vector<int64_t> share_layers(const BudgetSettings& settings, const BudgetInput& input,
                                  const std::vector<int>& limited, const Units& units) {
  const auto shares = layer_shares_of(settings);
  const auto heads = static_cast<double>(limited.size()) * input.kv_heads;
  LayerShareInput layer_input;
  layer_input.layers = input.layers;
  layer_input.tokens_seen = input.tokens_seen;
  layer_input.mean_slots = static_cast<double>(units.total) * units.slots / heads;
  layer_input.recent = settings.recent;
  layer_input.key_ranks = input.key_ranks;
  layer_input.calibration = input.layer_calibration;
  const std::vector<double> all =
      input.layer_weights.empty()
          ? shares->weights(layer_input)
          : std::vector<double>(input.layer_weights.begin(), input.layer_weights.end());
  std::vector<double> weights;
  for (const int layer : limited) weights.push_back(all[layer]);
  const std::vector<int64_t> floors(limited.size(), units.floor * input.kv_heads);
  const std::vector<int64_t> caps(limited.size(), units.cap * input.kv_heads);
  return apportion(units.total, weights, floors, caps);
}

// Shares the units among the limited layers, then each layer's sum among its heads; result by limited layer,
// then head.
std::vector<int64_t> share_among_heads(const BudgetSettings& settings, const BudgetInput& input,
                                       const std::vector<int>& limited, const Units& units) {
  const auto head_shares = head_shares_of(settings);
  HeadShareInput head_input = head_share_input(settings, input, limited);
  if (head_shares->spans_layers()) {
    const size_t heads = limited.size() * input.kv_heads;
    head_input.mean_slots = static_cast<double>(units.total) * units.slots / static_cast<double>(heads);
    return head_shares->share(head_input, units.total, std::vector<int64_t>(heads, units.floor),
                              std::vector<int64_t>(heads, units.cap));
  }
  const std::vector<int64_t> sums = share_layers(settings, input, limited, units);
  const std::vector<int64_t> floors(input.kv_heads, units.floor);
  const std::vector<int64_t> caps(input.kv_heads, units.cap);
  std::vector<int64_t> all;
  for (size_t i = 0; i < limited.size(); ++i) {
    head_input.layer = limited[i];
    head_input.mean_slots = static_cast<double>(sums[i]) * units.slots / input.kv_heads;
    const std::vector<int64_t> parts = head_shares->share(head_input, sums[i], floors, caps);
    all.insert(all.end(), parts.begin(), parts.end());
  }
  return all;
}

// A byte budget is shared in pages. Where tokens are packed, a head has pages for what is never packed, and
// for one page's worth of tokens that wait to be, before it has any packed page.
struct PageCosts {
  int64_t first_slots = 0;  // slots and bytes of a head without a page that is shared out
  int64_t first_bytes = 0;
  int64_t bytes;  // of a page that is shared out

  PageCosts(const BudgetInput& input, bool packed)
      : first_bytes(static_cast<int64_t>(input.head_bytes)), bytes(static_cast<int64_t>(input.page_bytes)) {
    if (!packed) return;
    first_slots = input.exact_slots;
    // Guarded slots may begin one page more.
    const int64_t waiting = input.page_slots - 1 + (input.guarded > 0 ? input.page_slots : 0);
    first_bytes += pages_for(input.exact_slots + waiting, input.page_slots) * bytes;
    bytes = static_cast<int64_t>(std::ceil(static_cast<double>(input.packed_page_bytes) *
                                               (1 + input.packed_waste) * (1 - input.guarded) +
                                           static_cast<double>(input.page_bytes) * input.guarded));
  }
  int64_t pages(int64_t slots, const BudgetInput& input) const {
    return pages_for(std::max<int64_t>(slots - first_slots, 0), input.page_slots);
  }
};

// Bytes that layers without a limit hold: all they have seen, or their window, which may begin inside a page.
int64_t unlimited_bytes(const BudgetInput& input, const std::vector<int>& limited, const PageCosts& costs) {
  int64_t bytes = 0;
  for (int layer = 0; layer < input.layers; ++layer) {
    if (std::find(limited.begin(), limited.end(), layer) != limited.end()) continue;
    const int32_t window = window_of(input, layer);
    const bool slides = window > 0 && input.tokens_seen > window;
    const int64_t pages = costs.pages(slides ? window : input.tokens_seen, input) + (slides ? 1 : 0);
    bytes += (costs.first_bytes + pages * costs.bytes) * input.kv_heads;
  }
  return bytes;
}

std::vector<int64_t> plan_bytes(const BudgetSettings& settings, const BudgetInput& input,
                                const std::vector<int>& limited) {
  if (input.page_bytes == 0 || input.page_slots < 1) {
    throw Error("[budget] expected the size of a page, got 0; this is a defect of the caller");
  }
  const int64_t heads = static_cast<int64_t>(limited.size()) * input.kv_heads;
  // Packed pages as soon as there is room for one in each head.
  PageCosts costs(input, input.packed_page_bytes > 0);
  if (settings.bytes < unlimited_bytes(input, limited, costs) + heads * (costs.first_bytes + costs.bytes)) {
    costs = PageCosts(input, false);
  }
  const int64_t floor = costs.pages(floor_slots(settings), input);
  const int64_t fixed = unlimited_bytes(input, limited, costs) + heads * costs.first_bytes;
  const int64_t pages = (settings.bytes - fixed) / costs.bytes;
  if (settings.bytes < fixed || pages < floor * heads) {
    const int64_t least = floor * heads * costs.bytes + fixed;
    throw UsageError(fmt::format(
        "[budget] expected bytes of at least {} ({}: {} page(s) of {} bytes for each of {} heads, {} bytes "
        "beside them), got {}; raise budget.bytes",
        least, print_bytes(least), floor, costs.bytes, heads, fixed, settings.bytes));
  }
  const int64_t cap = std::max(floor, costs.pages(input.tokens_seen, input));
  std::vector<int64_t> parts = share_among_heads(
      settings, input, limited, {std::min(pages, cap * heads), floor, cap, double(input.page_slots)});
  for (int64_t& part : parts) part = costs.first_slots + part * input.page_slots;
  return parts;
}

// What the answers themselves limit the heads to; by limited layer, then head.
std::vector<int64_t> own_limits(const BudgetSettings& settings, const BudgetInput& input,
                                const std::vector<int>& limited) {
  const auto layer_shares = layer_shares_of(settings);
  const auto head_shares = head_shares_of(settings);
  std::vector<int64_t> parts;
  if (head_shares->has_limits()) {
    parts = head_shares->limits(head_share_input(settings, input, limited), floor_slots(settings));
    for (int64_t& part : parts) part = part == 0 ? input.tokens_seen : part;
    return parts;
  }
  for (const int layer : limited) {
    const auto limit = layer_shares->limit(layer, input.layers, input.tokens_seen);
    parts.insert(parts.end(), input.kv_heads,
                 limit ? std::max(limit->slots, floor_slots(settings)) : input.tokens_seen);
  }
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
  } else if (settings.unit == Unit::rule) {
    parts = own_limits(settings, input, limited);
  } else {
    const int64_t each =
        std::min(settings.unit == Unit::tokens ? settings.tokens : rounded_share(settings, input.tokens_seen),
                 kMostSlots);
    const int64_t heads = static_cast<int64_t>(limited.size()) * input.kv_heads;
    // Beyond what has been seen a head has no use for slots, except that every head may have them all.
    const int64_t cap = std::max({each, floor_slots(settings), input.tokens_seen});
    parts = share_among_heads(settings, input, limited, {each * heads, floor_slots(settings), cap, 1});
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t layer = limited[i / input.kv_heads];
    plan[layer * input.kv_heads + i % input.kv_heads] = static_cast<int32_t>(parts[i]);
  }
  return plan;
}

HeadLimit limit_now(const BudgetSettings& settings, int layer, int layers, int32_t sliding_window,
                    int64_t budget, int64_t held) {
  const HeadLimit all{held, settings.sinks, settings.recent};
  if (!is_limited(settings, layer, sliding_window)) return all;
  const auto shares = layer_shares_of(settings);
  const bool own = settings.unit == Unit::rule && shares->has_limits() && shares->limits_held() &&
                   !head_shares_of(settings)->has_limits();
  if (own) {
    auto limit = shares->limit(layer, layers, held);
    if (!limit) return all;
    limit->slots = std::max(limit->slots, floor_slots(settings));
    const HeadLimit wide =
        widened_region({limit->slots, settings.sinks, settings.recent}, limit->sinks, limit->recent);
    return wide.slots < held ? wide : all;
  }
  const bool of_held = settings.unit == Unit::share && settings.of == "held";
  const int64_t limit = of_held ? rounded_share(settings, held) : budget;
  if (held <= settings.trigger || held <= limit) return all;
  return shares->region({limit, settings.sinks, settings.recent});
}

}  // namespace kvcompress
