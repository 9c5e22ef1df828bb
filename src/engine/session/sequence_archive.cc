#include "engine/session/sequence_archive.h"

#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::all_of, std::is_sorted
#include <cmath>      // std::isfinite

#include "codec/projected/layout.h"  // projected_layout
#include "engine/compressor.h"       // window_capacity

namespace kvcompress {
namespace {

// Each struct is taken apart into all its members: one that is added later does not compile before it has
// been given its place here.

void archive_needs(Archive& archive, ScoreNeeds& needs) {
  auto& [keys, values, key_norms, value_norms, attention_window, attention_sums, attention_decay,
         query_moments, query_skip, chunk_attention, projection, replay_chunk, replay_normalised, gate,
         refit_queries] = needs;
  for (bool* flag : {&keys, &values, &key_norms, &value_norms, &attention_sums, &query_moments,
                     &replay_normalised, &gate}) {
    archive.field(*flag);
  }
  for (int* count : {&attention_window, &query_skip, &chunk_attention, &replay_chunk, &refit_queries}) {
    archive.field(*count);
    archive.require(*count >= 0, "counts of queries and tokens");
  }
  archive.field(attention_decay);
  archive.require(attention_decay > 0 && attention_decay <= 1, "a decay above 0 and at most 1");
  auto projected = static_cast<uint8_t>(projection);
  archive.field(projected);
  archive.require(projected <= static_cast<uint8_t>(ValueProjection::l2), "a known projection of values");
  projection = static_cast<ValueProjection>(projected);
}

void archive_notes(Archive& archive, SlotNotes& notes) {
  auto& [scores, sums, chunk, gate, replay] = notes;
  for (std::vector<float>* values : {&scores, &sums, &chunk, &gate, &replay}) archive.field(*values);
}

void archive_moments(Archive& archive, QueryMoments& moments) {
  auto& [count, sum, products] = moments;
  archive.field(count);
  archive.field(sum);
  archive.field(products);
}

void archive_observations(Archive& archive, Observations& observed, const ModelConfig& config) {
  auto& [needs, window, unsummed, decode_logits, fresh, notes, moments, tokens, replay_s, replay, inputs] =
      observed;
  if (replay || inputs) {
    throw UsageError(
        "[session] expected a sequence between its steps, got one of a replay or a calibration; save another "
        "one");
  }
  static_cast<void>(replay_s);
  archive_needs(archive, needs);
  window.archive(archive, config.layers, config.kv_heads, config.query_heads / config.kv_heads,
                 config.head_dim);
  archive.field(unsummed);
  // Of a past step they are of no use.
  archive.field(fresh);
  if (fresh) archive.list(decode_logits, [&](std::vector<float>& layer) { archive.field(layer); });
  archive.list(notes, [&](SlotNotes& head) { archive_notes(archive, head); });
  archive.list(moments, [&](QueryMoments& head) { archive_moments(archive, head); });
  archive.field(tokens);
}

bool within(std::span<const int32_t> values, int32_t first, int64_t end) {
  return std::all_of(values.begin(), values.end(),
                     [&](int32_t value) { return value >= first && value < end; });
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

void archive_side(Archive& archive, ProjectionSide& side, int head_dim, int rank) {
  auto& [channels, held_rank, kept, encode, decode, mean] = side;
  archive.field(channels);
  archive.field(held_rank);
  archive.field(kept);
  for (std::vector<float>* values : {&encode, &decode, &mean}) archive.field(*values);
  const auto wide = static_cast<size_t>(head_dim), narrow = static_cast<size_t>(rank);
  const size_t matrix = kept.empty() ? wide * narrow : 0;
  archive.require(channels == head_dim && held_rank == rank && (kept.empty() || kept.size() == narrow) &&
                      encode.size() == matrix && decode.size() == matrix && mean.size() == wide,
                  "maps of the head's channels and the recipe's ranks");
  archive.require(std::is_sorted(kept.begin(), kept.end()) && within(kept, 0, head_dim),
                  "channels of the head, ascending");
  archive.require(all_finite(encode) && all_finite(decode) && all_finite(mean), "maps of finite numbers");
}

void archive_form(Archive& archive, Sequence& sequence, size_t index, const ModelConfig& config,
                  const HeadRestorer& restorer) {
  bool fitted = sequence.forms[index] != nullptr;
  archive.field(fitted);
  if (!fitted) return;
  const auto heads = static_cast<size_t>(config.kv_heads);
  const auto settings = std::get<ProjectedSettings>(sequence.recipe.store->packed(
      static_cast<int>(index / heads), static_cast<int>(index % heads), config.kv_heads));
  const ProjectedLayout layout = projected_layout(settings, config.head_dim);
  Projection projection;
  if (!archive.reading()) projection = sequence.forms[index]->form().projection();
  archive_side(archive, projection.keys, config.head_dim, layout.key_rank);
  archive_side(archive, projection.values, config.head_dim, layout.value_rank);
  if (archive.reading()) restorer.fitted_form(sequence, index, projection);
}

// Bytes that tell different needs apart.
std::vector<std::byte> bytes_of(ScoreNeeds needs) {
  std::vector<std::byte> bytes;
  ArchiveWriter writer(
      [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
  archive_needs(writer, needs);
  writer.flush();
  return bytes;
}

template <typename T>
bool none_or(const std::vector<T>& values, size_t size) {
  return values.empty() || values.size() == size;
}

// What was read fits the model, the recipe and the cache: nobody looks again.
class Checker {
 public:
  Checker(const Archive& archive, const Sequence& sequence, const ModelConfig& config)
      : archive_(archive),
        sequence_(sequence),
        observed_(sequence.observed),
        config_(config),
        heads_(static_cast<size_t>(config.layers) * config.kv_heads) {}

  void check() const {
    check_budget();
    check_needs();
    check_window();
    check_notes();
    check_moments();
    check_replay();
  }

 private:
  void check_budget() const {
    const Sequence& s = sequence_;
    const auto width = static_cast<size_t>(config_.head_dim);
    archive_.require(s.prompt_total >= 0 && s.prompt_total <= INT32_MAX, "the length of a prompt");
    archive_.require(none_or(s.budgets, heads_) && within(s.budgets, 0, int64_t{INT32_MAX} + 1),
                     "a budget for each head");
    archive_.require(none_or(s.sink_keys, heads_), "keys of sinks for each head");
    for (const std::vector<float>& keys : s.sink_keys) {
      archive_.require(keys.size() % width == 0, "whole keys of sinks");
    }
    for (const std::vector<double>* of_layers : {&s.key_ranks, &s.layer_weights}) {
      const bool finite = std::all_of(of_layers->begin(), of_layers->end(),
                                      [](double value) { return std::isfinite(value) && value >= 0; });
      archive_.require(finite && none_or(*of_layers, static_cast<size_t>(config_.layers)),
                       "a number of 0 or more for each layer");
    }
  }

  void check_needs() const {
    archive_.require(none_or(observed_.notes, heads_), "notes on the slots of each head");
    if (!sequence_.recipe.evicts()) return;
    archive_.require(!observed_.none() && bytes_of(observed_.needs) == bytes_of(sequence_.recipe.needs()) &&
                         observed_.window.capacity() >= window_capacity(sequence_.recipe),
                     "what the recipe's scores are computed from");
  }

  void check_window() const {
    const QueryWindow& window = observed_.window;
    const std::span<const int32_t> positions = window.positions(window.filled());
    archive_.require(within(positions, 0, sequence_.cache.next_position) &&
                         std::is_sorted(positions.begin(), positions.end()) &&
                         window.capacity() >= observed_.needs.attention_window && observed_.unsummed >= 0,
                     "a window of the last queries");
    if (!observed_.decode_logits_fresh) return;
    bool fits = observed_.wants_decode_logits() && window.filled() > 0 &&
                observed_.decode_logits.size() == static_cast<size_t>(config_.layers);
    for (int layer = 0; fits && layer < config_.layers; ++layer) {
      size_t slots = 0;
      for (int head = 0; head < config_.kv_heads && sequence_.cache.sliding_window(layer) == 0; ++head) {
        slots += sequence_.cache.head(layer, head).pages().size() * kPageSlots;
      }
      const size_t group = static_cast<size_t>(config_.query_heads / config_.kv_heads);
      fits = observed_.decode_logits[static_cast<size_t>(layer)].size() == slots * group;
    }
    archive_.require(fits, "a logit for each slot");
  }

  void check_notes() const {
    for (size_t index = 0; index < observed_.notes.size(); ++index) {
      const auto layer = static_cast<int>(index / static_cast<size_t>(config_.kv_heads));
      const auto head = static_cast<int>(index % static_cast<size_t>(config_.kv_heads));
      // A replay notes on every token, also where a sliding window has dropped most.
      const int most = sequence_.cache.sliding_window(layer) > 0 ? sequence_.cache.next_position
                                                                 : sequence_.cache.head(layer, head).length();
      const SlotNotes& notes = observed_.notes[index];
      for (const auto* values : {&notes.scores, &notes.sums, &notes.chunk, &notes.gate, &notes.replay}) {
        archive_.require(values->size() <= static_cast<size_t>(most), "notes on slots that are held");
      }
    }
  }

  void check_moments() const {
    const auto width = static_cast<size_t>(config_.head_dim);
    const size_t expected =
        observed_.needs.query_moments ? static_cast<size_t>(config_.layers) * config_.query_heads : 0;
    archive_.require(observed_.moments.size() == expected, "moments of each query head, if wanted");
    for (const QueryMoments& of : observed_.moments) {
      archive_.require(of.count >= 0 && of.sum.size() == (of.count > 0 ? width : 0) &&
                           of.products.size() == of.sum.size() * of.sum.size(),
                       "moments of a head's width");
    }
  }

  // A replay reads the prompt again behind the whole cache of it.
  void check_replay() const {
    const auto seen = static_cast<size_t>(sequence_.cache.next_position);
    const bool replays = observed_.needs.replay_chunk > 0;
    archive_.require(
        within(observed_.tokens, 0, config_.vocabulary) && observed_.tokens.size() <= (replays ? seen : 0),
        "tokens of the model's vocabulary, if a replay wants them");
    if (!replays || sequence_.compressed) return;
    bool whole = observed_.tokens.size() == seen;
    for (int layer = 0; layer < config_.layers; ++layer) {
      for (int head = 0; head < config_.kv_heads && sequence_.cache.sliding_window(layer) == 0; ++head) {
        whole = whole && static_cast<size_t>(sequence_.cache.head(layer, head).length()) == seen;
      }
    }
    archive_.require(whole, "every token before a replay");
  }

  const Archive& archive_;
  const Sequence& sequence_;
  const Observations& observed_;
  const ModelConfig& config_;
  const size_t heads_;
};

}  // namespace

void archive_sequence(Archive& archive, Sequence& sequence, const ModelConfig& config,
                      const HeadRestorer& restorer) {
  auto& [recipe, prefill, forms, cache, page_sizes, observed, compressed, prompt_total, budgets, sink_keys,
         key_ranks, layer_weights, compress_s] = sequence;
  static_cast<void>(recipe), static_cast<void>(prefill), static_cast<void>(page_sizes);
  static_cast<void>(compress_s);
  if (recipe.store && recipe.store->projection_fit() != nullptr) {
    forms.resize(static_cast<size_t>(config.layers) * config.kv_heads);
    for (size_t index = 0; index < forms.size(); ++index) {
      archive_form(archive, sequence, index, config, restorer);
    }
  }
  if (recipe.refit) {
    for (int index = 0; index < config.layers * config.kv_heads; ++index) {
      bool biased = cache.head(index / config.kv_heads, index % config.kv_heads).has_biases();
      archive.field(biased);
      if (archive.reading() && biased) restorer.biased_pages(sequence, static_cast<size_t>(index));
    }
  }
  cache.archive(archive);
  archive_observations(archive, observed, config);
  archive.field(compressed);
  archive.field(prompt_total);
  archive.field(budgets);
  archive.list(sink_keys, [&](std::vector<float>& keys) { archive.field(keys); });
  archive.field(key_ranks);
  archive.field(layer_weights);
  if (archive.reading()) Checker(archive, sequence, config).check();
}

}  // namespace kvcompress
