#include "eval/lane.h"

#include <algorithm>  // std::clamp
#include <numeric>    // std::accumulate

#include "base/timer.h"  // Timer

namespace kvcompress {
namespace {

// Target tokens fed at once: the logits of two caches are held for them, 64 MiB each at most.
size_t chunk_rows(int vocabulary) {
  return std::clamp<size_t>((size_t{64} << 20) / (sizeof(float) * static_cast<size_t>(vocabulary)), 16, 256);
}

void accumulate(CacheReceipt& sum, const CacheReceipt& cache, size_t bytes_prompt, size_t bytes_peak) {
  sum.bytes += cache.bytes;
  sum.bytes_prompt += bytes_prompt;
  sum.bytes_full += cache.bytes_full;
  sum.bytes_peak += bytes_peak;
  sum.tokens_seen += cache.tokens_seen;
  sum.kept = cache.kept;  // of the last window
}

CacheReceipt mean(CacheReceipt sum, int64_t samples) {
  const auto n = static_cast<size_t>(samples);
  sum.bytes /= n;
  sum.bytes_prompt /= n;
  sum.bytes_full /= n;
  sum.bytes_peak /= n;
  sum.tokens_seen /= samples;
  return sum;
}

}  // namespace

Lane::Lane(Engine& engine, const PerplexitySettings& settings, bool by_steps)
    : engine_(engine),
      settings_(settings),
      by_steps_(by_steps),
      scorer_(engine.threads(), engine.config().vocabulary) {}

void Lane::add(const EvaluatedRecipe& evaluated) {
  if (!evaluated.recipe.compresses()) {
    full_.evaluated = evaluated;
    listed_.push_back(-1);
    return;
  }
  listed_.push_back(static_cast<int>(followers_.size()));
  followers_.emplace_back();
  followers_.back().evaluated = evaluated;
}

template <typename Use>
void Lane::for_each_follower(Use&& use) {
  use(full_);
  for (Follower& follower : followers_) use(follower);
}

void Lane::open(Follower& follower) const {
  Recipe recipe = follower.evaluated.recipe;
  // Compression after each token is a budget that is held from the first token on.
  if (settings_.mode == PerplexitySettings::Mode::stream) recipe.budget.hold = true;
  follower.sequence = engine_.open(recipe, settings_.prefill);
  follower.sequence->prompt_total = settings_.plan.context;
  follower.bytes_prompt = follower.bytes_peak = 0;
}

// The pool holds the other caches too: what it had at most during the work, less theirs, is this one's peak.
template <typename Work>
void Lane::metered(Follower& follower, Work&& work) {
  CacheMemory& memory = engine_.memory();
  const size_t others = memory.usage().bytes - follower.sequence->bytes();
  memory.reset_peak();
  work();
  follower.bytes_peak = std::max(follower.bytes_peak, memory.usage().peak_bytes - others);
}

void Lane::window(std::span<const int32_t> tokens, const OnFed& on_fed) {
  const ScoreSums full_before = full_.sums;
  for_each_follower([&](Follower& follower) { open(follower); });
  const auto context = static_cast<size_t>(settings_.plan.context);
  if (settings_.mode == PerplexitySettings::Mode::stream) {
    open_probes();
    feed_by_steps(tokens, context, on_fed);
  } else {
    if (context > 0) read_context(tokens.first(context), on_fed);
    open_probes();
    by_steps_ ? feed_by_steps(tokens.subspan(context), 0, on_fed)
              : feed_in_chunks(tokens.subspan(context), on_fed);
  }
  for_each_follower([&](Follower& follower) {
    accumulate(follower.cache, engine_.cache_receipt(*follower.sequence), follower.bytes_prompt,
               follower.bytes_peak);
    note_window(follower, full_before);
    follower.sequence.reset();
  });
  samples_++;
}

void Lane::open_probes() {
  if (!settings_.attention) return;
  for (Follower& follower : followers_) {
    follower.probe = std::make_unique<AttentionProbe>(engine_, *full_.sequence);
  }
}

void Lane::note_window(Follower& follower, const ScoreSums& full_before) {
  WindowSums window;
  for (const WindowSums& earlier : follower.windows) {
    window.tokens -= earlier.tokens;
    window.correct -= earlier.correct;
    window.agreed -= earlier.agreed;
    window.negative_log_likelihood -= earlier.negative_log_likelihood;
  }
  window.tokens += follower.sums.tokens;
  window.correct += follower.sums.correct;
  window.agreed += follower.sums.agreed;
  window.negative_log_likelihood += follower.sums.negative_log_likelihood;
  window.correct_full = full_.sums.correct - full_before.correct;
  window.negative_log_likelihood_full =
      full_.sums.negative_log_likelihood - full_before.negative_log_likelihood;
  const auto& divergences = follower.sums.divergences;
  if (!divergences.empty()) {
    window.divergence = std::accumulate(divergences.end() - window.tokens, divergences.end(), 0.0);
  }
  follower.windows.push_back(window);
  if (!follower.probe) return;
  follower.attention.add(follower.probe->sums());
  follower.probe.reset();
}

void Lane::read_context(std::span<const int32_t> context, const OnFed& on_fed) {
  for_each_follower([&](Follower& follower) {
    const Timer timer;
    metered(follower, [&] { engine_.read(*follower.sequence, context, /*last=*/true); });
    follower.read_s += timer.seconds();
    follower.bytes_prompt = follower.sequence->bytes();
    on_fed(static_cast<int64_t>(context.size()));
  });
}

void Lane::feed_in_chunks(std::span<const int32_t> target, const OnFed& on_fed) {
  const auto vocabulary = static_cast<size_t>(engine_.config().vocabulary);
  size_t rows = std::min(chunk_rows(engine_.config().vocabulary), target.size() - 1);
  if (settings_.attention) rows = std::min<size_t>(rows, AttentionProbe::kRows);
  full_logits_.resize(rows * vocabulary);
  logits_.resize(followers_.empty() ? 0 : rows * vocabulary);
  for (size_t start = 0; start + 1 < target.size(); start += rows) {
    const size_t count = std::min(rows, target.size() - 1 - start);
    const auto fed = target.subspan(start, count), next = target.subspan(start + 1, count);
    read_chunk(full_, fed, full_logits_.data());
    scorer_.reference(next, full_logits_.data(), full_.sums);
    for (Follower& follower : followers_) {
      read_chunk(follower, fed, logits_.data());
      scorer_.compare(next, logits_.data(), follower.sums);
    }
    on_fed(static_cast<int64_t>(count) * caches());
  }
}

void Lane::read_chunk(Follower& follower, std::span<const int32_t> tokens, float* logits) {
  if (follower.probe) follower.probe->begin(*follower.sequence);
  const Timer timer;
  metered(follower, [&] {
    engine_.read(*follower.sequence, tokens, /*last=*/false, [&](int index, std::span<const float> row) {
      std::copy(row.begin(), row.end(), logits + static_cast<size_t>(index) * row.size());
    });
  });
  follower.target_s += timer.seconds();
  if (follower.probe) follower.probe->end(*follower.sequence);
}

void Lane::feed_by_steps(std::span<const int32_t> target, size_t unscored, const OnFed& on_fed) {
  const auto vocabulary = static_cast<size_t>(engine_.config().vocabulary);
  std::vector<Sequence*> sequences;
  for_each_follower([&](Follower& follower) { sequences.push_back(follower.sequence.get()); });
  logits_.resize(sequences.size() * vocabulary);
  for (size_t i = 0; i + 1 < target.size(); i++) {
    const std::vector<int32_t> tokens(sequences.size(), target[i]);
    for (Follower& follower : followers_) {
      if (follower.probe) follower.probe->begin(*follower.sequence);
    }
    engine_.decode(sequences, tokens, logits_.data());
    for (Follower& follower : followers_) {
      if (!follower.probe) continue;
      follower.probe->end(*follower.sequence);
      engine_.hold(*follower.sequence);
    }
    for_each_follower([](Follower& follower) {
      follower.bytes_peak = std::max(follower.bytes_peak, follower.sequence->bytes());
    });
    on_fed(caches());
    if (i < unscored) continue;
    const auto next = target.subspan(i + 1, 1);
    scorer_.reference(next, logits_.data(), full_.sums);
    for (size_t f = 0; f < followers_.size(); f++) {
      scorer_.compare(next, logits_.data() + (f + 1) * vocabulary, followers_[f].sums);
    }
  }
}

PerplexityResult Lane::result(const Follower& follower) const {
  PerplexityResult result;
  result.evaluated = follower.evaluated;
  result.samples = samples_;
  result.sums = follower.sums;
  result.full = full_.sums;
  result.windows = follower.windows;
  result.attention = follower.attention;
  result.cache = mean(follower.cache, samples_);
  result.read_ms = 1e3 * follower.read_s / static_cast<double>(samples_);
  if (follower.target_s > 0) {
    result.tokens_per_second = static_cast<double>(follower.sums.tokens) / follower.target_s;
  }
  result.by_steps = by_steps_;
  return result;
}

std::vector<PerplexityResult> Lane::results() const {
  std::vector<PerplexityResult> results;
  for (const int follower : listed_) results.push_back(result(follower < 0 ? full_ : followers_[follower]));
  return results;
}

}  // namespace kvcompress
