#include "engine/compressor.h"

#include <algorithm>  // std::clamp, std::max
#include <cmath>      // std::log, std::pow, std::sqrt
#include <numeric>    // std::inner_product, std::accumulate
#include <utility>    // std::move, std::exchange

#include "base/timer.h"               // Timer
#include "engine/parallel_checked.h"  // parallel_checked
#include "engine/plan.h"              // budget_input
#include "policy/budget/key_rank.h"   // key_rank
#include "policy/projection.h"        // ProjectionFit

namespace kvcompress {

namespace {

using Unit = BudgetSettings::Unit;

constexpr int64_t kMostStep = 128;

size_t index_of(const Sequence& sequence, int layer, int head) {
  return static_cast<size_t>(layer) * sequence.cache.kv_heads() + head;
}

bool heads_compete(const Recipe& recipe) {
  return recipe.budget.head_shares && recipe.budget.head_shares->by_score();
}

bool layers_compete(const Recipe& recipe) {
  return recipe.budget.layer_shares && recipe.budget.layer_shares->by_score();
}

bool guards(const Recipe& recipe) { return recipe.store && recipe.store->guards() > 0; }

std::vector<uint8_t> forced_slots(const HeadSlots& slots, const HeadLimit& limit) {
  std::vector<uint8_t> forced(static_cast<size_t>(slots.length()));
  slots.pinned(forced);
  const auto length = static_cast<int64_t>(forced.size());
  std::fill_n(forced.begin(), std::min(limit.sinks, length), uint8_t{1});
  std::fill_n(forced.rbegin(), std::min(limit.recent, length), uint8_t{1});
  return forced;
}

// Adds the time of its life to the sequence's counter and to the one of all sequences.
class Timed {
 public:
  Timed(double& sequence_s, double& all_s) : sequence_s_(sequence_s), all_s_(all_s) {}
  ~Timed() {
    const double seconds = timer_.seconds();
    sequence_s_ += seconds;
    all_s_ += seconds;
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& sequence_s_;
  double& all_s_;
  Timer timer_;
};

}  // namespace

int64_t held_step(const Recipe& recipe, int64_t budget) {
  if (recipe.budget.step > 0) return recipe.budget.step;
  const bool exact = recipe.score->per_slot() || recipe.budget.unit == Unit::rule ||
                     recipe.budget.of == "held" || recipe.budget.trigger > 0;
  return exact ? 1 : std::clamp<int64_t>(budget / 8, 1, kMostStep);
}

int window_capacity(const Recipe& recipe) {
  const ScoreNeeds needs = recipe.needs();
  int64_t capacity = std::max(needs.attention_window, needs.refit_queries);
  if (needs.attention_sums && recipe.budget.hold) {
    capacity = std::max(capacity, recipe.budget.step > 0 ? recipe.budget.step : kMostStep);
  }
  if (needs.attention_sums && needs.attention_decay != 1) {
    // Queries older than this weigh less than a millionth.
    const double reach = std::log(1e-6) / std::log(needs.attention_decay);
    capacity = std::max(capacity, std::clamp<int64_t>(static_cast<int64_t>(reach), 1, 1024));
  }
  if (recipe.store && recipe.store->projection_fit() != nullptr) {
    capacity = std::max<int64_t>(capacity, recipe.store->projection_fit()->query_window());
  }
  return static_cast<int>(capacity);
}

Compressor::Compressor(const Architecture& model, ThreadPool& pool, Replayer& replayer, FormFitter& fitter,
                       BiasedPages& biased)
    : config_(model.config()),
      pool_(pool),
      model_(model),
      reader_(model, pool),
      replayer_(replayer),
      fitter_(fitter),
      biased_(biased) {}

void Compressor::plan(Sequence& sequence, int64_t tokens) const {
  BudgetInput input = budget_input(config_, sequence.page_sizes, sequence.recipe, tokens);
  input.key_ranks = sequence.key_ranks;
  input.layer_weights = sequence.layer_weights;
  sequence.budgets = plan_budget(sequence.recipe.budget, input);
}

void Compressor::after_chunk(Sequence& sequence, bool last) {
  evict_after_chunk(sequence, last);
  // Scores are computed from exact tokens: nothing is packed before what is to be evicted has been.
  const bool waits =
      sequence.recipe.evicts() && sequence.prefill == PrefillMode::exact && !sequence.compressed;
  if (!waits) seal(sequence);
}

void Compressor::after_decode(Sequence& sequence) {
  evict_after_decode(sequence);
  seal(sequence);
}

void Compressor::seal(Sequence& sequence) {
  const StorePolicy* store = sequence.recipe.store.get();
  if (store == nullptr) return;
  const Timed timed(sequence.compress_s, seconds_);
  fitter_.fit(sequence);
  parallel_checked(pool_, config_.layers, [&](int64_t layer) {
    for (int head = 0; head < config_.kv_heads; ++head) {
      sequence.cache.head(static_cast<int>(layer), head).seal(store->sinks(), store->recent());
    }
  });
}

void Compressor::evict_after_chunk(Sequence& sequence, bool last) {
  const Recipe& recipe = sequence.recipe;
  if (!recipe.evicts() || (sequence.compressed && !recipe.budget.hold)) return;
  if (sequence.prefill == PrefillMode::exact && !last) return;
  const Timed timed(sequence.compress_s, seconds_);
  if (recipe.needs().replay_chunk > 0) replayer_.run(sequence);
  note_key_ranks(sequence);
  plan(sequence, last ? sequence.cache.next_position : std::max<int64_t>(sequence.prompt_total, 1));
  compress(sequence, /*decoding=*/false);
  if (recipe.budget.rolling) roll_sinks(sequence);
  if (last) sequence.compressed = true;
}

void Compressor::evict_after_decode(Sequence& sequence) {
  const Recipe& recipe = sequence.recipe;
  if (!recipe.evicts() || !recipe.budget.hold) return;
  const Timed timed(sequence.compress_s, seconds_);
  plan(sequence, sequence.cache.next_position);
  const Observations& observed = sequence.observed;
  const bool window_full = observed.unsummed >= observed.window.capacity();
  if (observed.needs.attention_sums && window_full) note_sums(sequence);
  const bool plain = !recipe.weight && !recipe.select && !heads_compete(recipe) && !layers_compete(recipe);
  if (recipe.score->per_slot() && plain && recipe.budget.trigger == 0 && recipe.budget.unit != Unit::rule) {
    hold_by_kept_scores(sequence);
  } else {
    compress(sequence, /*decoding=*/true);
  }
  sequence.observed.decode_logits_fresh = false;
  if (recipe.budget.rolling) roll_sinks(sequence);
}

double Compressor::take_seconds() { return std::exchange(seconds_, 0.0); }

HeadLimit Compressor::limit(const Sequence& sequence, int layer, int head) const {
  return limit_now(sequence.recipe.budget, layer, config_.layers, sequence.cache.sliding_window(layer),
                   sequence.budgets[index_of(sequence, layer, head)],
                   sequence.cache.head(layer, head).length());
}

bool Compressor::over_budget(const Sequence& sequence, int layer) const {
  int64_t held = 0, kept = 0;
  bool any = false;
  for (int head = 0; head < config_.kv_heads; ++head) {
    const int64_t length = sequence.cache.head(layer, head).length();
    const int64_t slots = limit(sequence, layer, head).slots;
    any |= length > slots;
    held += length;
    kept += std::min<int64_t>(sequence.budgets[index_of(sequence, layer, head)], INT32_MAX);
  }
  return heads_compete(sequence.recipe) && any ? held > kept : any;
}

bool Compressor::acts_on(const Sequence& sequence, int layer, bool decoding) const {
  const bool guarded = !decoding && guards(sequence.recipe) && sequence.cache.sliding_window(layer) == 0;
  return guarded || over_budget(sequence, layer);
}

void Compressor::compress(Sequence& sequence, bool decoding) {
  std::vector<int> over;
  for (int layer = 0; layer < config_.layers; ++layer) {
    if (acts_on(sequence, layer, decoding)) over.push_back(layer);
  }
  if (over.empty()) return;
  if (sequence.recipe.needs().attention_sums) note_sums(sequence);
  if (layers_compete(sequence.recipe)) {
    std::vector<ScoredLayer> layers(static_cast<size_t>(config_.layers));
    compete(sequence, layers);
    for (int layer = 0; layer < config_.layers; ++layer) {
      if (!acts_on(sequence, layer, decoding)) continue;
      if (layers[layer].heads.empty()) layers[layer] = score_layer(sequence, layer);
      select_layer(sequence, layer, std::move(layers[layer]), decoding);
    }
    return;
  }
  if (decoding && FeatureReader::reads_inline(sequence)) {
    parallel_checked(pool_, static_cast<int64_t>(over.size()), [&](int64_t i) {
      const auto next = static_cast<size_t>(i) + 1;
      if (next < over.size()) reader_.ask_for_layer(sequence, over[next]);
      hold_layer(sequence, over[static_cast<size_t>(i)]);
    });
    return;
  }
  for (const int layer : over) select_layer(sequence, layer, score_layer(sequence, layer), decoding);
}

// Scores every limited layer, and plans again with the layers' parts of the best.
void Compressor::compete(Sequence& sequence, std::vector<ScoredLayer>& layers) const {
  std::vector<std::vector<HeadSelection>> heads(layers.size());
  int64_t total = 0;
  for (int layer = 0; layer < config_.layers; ++layer) {
    const bool limited = sequence.cache.sliding_window(layer) == 0 && !sequence.recipe.budget.skips(layer);
    if (!limited) continue;
    layers[layer] = const_cast<Compressor*>(this)->score_layer(sequence, layer);
    for (HeadFeatures& features : layers[layer].features) {
      // The scores are all that is needed of these from here on.
      std::vector<float>().swap(features.keys);
      std::vector<float>().swap(features.values);
    }
    for (int head = 0; head < config_.kv_heads; ++head) {
      total += sequence.budgets[index_of(sequence, layer, head)];
    }
    heads[layer] = std::move(layers[layer].heads);
  }
  sequence.layer_weights = layer_weights_by_score(heads, total);
  for (size_t layer = 0; layer < layers.size(); ++layer) layers[layer].heads = std::move(heads[layer]);
  plan(sequence, sequence.cache.next_position);
}

Compressor::ScoredLayer Compressor::score_layer(const Sequence& sequence, int layer) {
  return scored(sequence, layer, reader_.read(sequence, layer, sequence.recipe.needs()), /*inlined=*/false);
}

Compressor::ScoredLayer Compressor::scored(const Sequence& sequence, int layer,
                                           std::vector<HeadFeatures> features, bool inlined) const {
  const Recipe& recipe = sequence.recipe;
  ScoredLayer scored{std::move(features), {}};
  scored.heads.resize(scored.features.size());
  std::vector<ScoreInput> inputs;
  std::vector<std::vector<float>> scores(scored.features.size());
  const Calibration* calibration = recipe.calibration(recipe.score->calibration_kind());
  for (size_t head = 0; head < scored.features.size(); ++head) {
    ScoreInput& input = scored.features[head].input;
    const int64_t budget = limit(sequence, layer, static_cast<int>(head)).slots;
    input.keep_share = std::min(1.0, static_cast<double>(budget) / std::max(input.slots, 1));
    input.calibration = calibration;
    inputs.push_back(input);
  }
  if (recipe.score->heads_together() || inlined) {
    recipe.score->score_layer(inputs, scores);
  } else {
    parallel_checked(pool_, config_.kv_heads, [&](int64_t head) {
      recipe.score->score_layer({&inputs[head], 1}, {&scores[head], 1});
    });
  }
  for (int head = 0; head < config_.kv_heads; ++head) {
    if (recipe.weight) recipe.weight->weigh(inputs[head], scores[head]);
    HeadSelection& selection = scored.heads[head];
    selection.input = inputs[head];
    selection.scores = std::move(scores[head]);
    const HeadLimit region = limit(sequence, layer, head);
    selection.forced = forced_slots(sequence.cache.head(layer, head), region);
    selection.budget = region.slots;
  }
  return scored;
}

void Compressor::share_budget(const Sequence& sequence, int layer, ScoredLayer& scored, bool decoding) const {
  const Recipe& recipe = sequence.recipe;
  if (heads_compete(recipe)) {
    const size_t first = index_of(sequence, layer, 0);
    const int unit = recipe.budget.unit == Unit::bytes ? kPageSlots : 1;
    const std::vector<int64_t> shares = share_by_score(
        recipe.budget, scored.heads,
        std::span(sequence.budgets).subspan(first, static_cast<size_t>(config_.kv_heads)), unit);
    for (size_t head = 0; head < shares.size(); ++head) scored.heads[head].budget = shares[head];
  }
  for (HeadSelection& head : scored.heads) {
    const auto slots = static_cast<int64_t>(head.scores.size());
    const int64_t step = decoding ? held_step(recipe, head.budget) : 1;
    if (step > 1) {
      const int64_t forced = std::accumulate(head.forced.begin(), head.forced.end(), int64_t{0});
      const int64_t room = head.budget - step + 1;
      head.budget = std::clamp<int64_t>(room, std::min(forced + 1, head.budget), head.budget);
    }
    head.budget = std::min(head.budget, slots);
  }
}

void Compressor::select_layer(Sequence& sequence, int layer, ScoredLayer scored, bool decoding) {
  const Recipe& recipe = sequence.recipe;
  if (over_budget(sequence, layer)) {
    share_budget(sequence, layer, scored, decoding);
    if (recipe.select) recipe.select->refine(scored.heads);
  } else {
    for (HeadSelection& head : scored.heads) head.budget = head.input.slots;
  }
  if (!decoding && (recipe.refit || guards(recipe))) return settle(sequence, layer, scored.heads);
  parallel_checked(pool_, config_.kv_heads,
                   [&](int64_t head) { evict(sequence, layer, static_cast<int>(head), scored.heads[head]); });
}

void Compressor::evict(Sequence& sequence, int layer, int head, const HeadSelection& selection) const {
  const auto slots = static_cast<int64_t>(selection.scores.size());
  if (selection.budget >= slots) return;
  if (selection.budget == slots - 1) {
    const int32_t slot = lowest_slot(selection.scores, selection.forced, 0, slots);
    if (slot >= 0) return drop(sequence, layer, head, slot);
  }
  const std::vector<int32_t> kept =
      select_slots({selection.scores, selection.forced, selection.budget, 0, 0});
  sequence.cache.head(layer, head).keep(kept, /*compact=*/true);
  if (!sequence.observed.none()) sequence.observed.notes[index_of(sequence, layer, head)].keep(kept);
}

// Brings the sums of attention weights up to date with the queries that came since.
void Compressor::note_sums(Sequence& sequence) {
  Observations& observed = sequence.observed;
  const int count = std::min(observed.unsummed, observed.window.filled());
  const int passed = std::exchange(observed.unsummed, 0);
  if (count == 0) return;
  const double log_decay = std::log(observed.needs.attention_decay);
  const auto faded = static_cast<float>(std::exp(passed * log_decay));
  for (int layer = 0; layer < config_.layers; ++layer) {
    if (sequence.cache.sliding_window(layer) > 0) continue;
    const auto weights = reader_.window_weights(sequence, layer, count, log_decay);
    for (int head = 0; head < config_.kv_heads; ++head) {
      std::vector<float>& sums = observed.notes[index_of(sequence, layer, head)].sums;
      for (float& sum : sums) sum *= faded;
      sums.resize(static_cast<size_t>(sequence.cache.head(layer, head).length()));
      for (size_t i = 0; i < weights[head].size(); ++i) sums[i % sums.size()] += weights[head][i];
    }
  }
}

void Compressor::note_key_ranks(Sequence& sequence) {
  const BudgetSettings& budget = sequence.recipe.budget;
  if (!budget.layer_shares || !budget.layer_shares->needs_key_ranks()) return;
  sequence.key_ranks.assign(static_cast<size_t>(config_.layers), 0.0);
  parallel_checked(pool_, config_.layers, [&](int64_t layer) {
    if (sequence.cache.sliding_window(static_cast<int>(layer)) > 0) return;
    double sum = 0;
    for (int head = 0; head < config_.kv_heads; ++head) {
      const HeadSlots& slots = sequence.cache.head(static_cast<int>(layer), head);
      std::vector<float> keys(static_cast<size_t>(slots.length()) * config_.head_dim);
      slots.load_all(keys.data(), nullptr);
      sum += key_rank(keys, slots.length(), config_.head_dim);
    }
    sequence.key_ranks[layer] = sum / config_.kv_heads;
  });
}

}  // namespace kvcompress
