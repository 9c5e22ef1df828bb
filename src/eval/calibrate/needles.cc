#include "eval/calibrate/needles.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max_element, std::upper_bound

#include "compute/matrix.h"           // multiply_transposed, softmax
#include "engine/parallel_checked.h"  // parallel_checked
#include "eval/token_score.h"         // reduce, negative_log_likelihood

namespace kvcompress {
namespace {

// The last place not after `place` behind the end of a sentence or line; 0 when there is none.
size_t sentence_start(const Vocabulary& vocabulary, std::span<const int32_t> text, size_t place) {
  for (; place > 0; --place) {
    const std::string piece = vocabulary.piece(text[place - 1]);
    if (piece.ends_with('.') || piece.ends_with('\n')) return place;
  }
  return 0;
}

// Mean log-probability of `answer` after what the sequence has read, whose last token is `last`, and how
// often each of its tokens is the model's own choice.
struct Fed {
  double log_probability = 0, chosen = 0;
};

Fed feed(Engine& engine, Sequence& sequence, int32_t last, std::span<const int32_t> answer) {
  std::vector<int32_t> tokens{last};
  tokens.insert(tokens.end(), answer.begin(), answer.end() - 1);
  Fed fed;
  const auto count = static_cast<double>(answer.size());
  engine.read(sequence, tokens, /*last=*/true, [&](int index, std::span<const float> logits) {
    const int32_t next = answer[static_cast<size_t>(index)];
    fed.log_probability -= negative_log_likelihood(reduce(logits), next) / count;
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    fed.chosen += best == next ? 1 / count : 0;
  });
  return fed;
}

void look_at_head(const Sequence& sequence, const ModelConfig& config, int layer, int head, int count,
                  const std::function<void(const HeadWeights&)>& look) {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  const int64_t length = slots.length(), width = config.head_dim;
  const int group = config.query_heads / config.kv_heads;
  std::vector<int32_t> positions(static_cast<size_t>(length));
  slots.positions(positions);
  std::vector<float> keys(static_cast<size_t>(length * width)), weights(static_cast<size_t>(count * length));
  slots.load_all(keys.data(), nullptr);
  const QueryWindow& window = sequence.observed.window;
  const float* queries = window.queries(layer, head, count);
  const std::span<const int32_t> asked_at = window.positions(count);
  for (int g = 0; g < group; ++g) {
    multiply_transposed({queries + g * width, count, width, window.query_stride()},
                        {keys.data(), length, width, width}, weights.data(), length);
    HeadWeights seen{layer, head * group + g, &positions, {}};
    for (int i = 0; i < count; ++i) {
      float* row = weights.data() + i * length;
      // Nothing was evicted, so what a query sees comes first.
      const int64_t visible =
          std::upper_bound(positions.begin(), positions.end(), asked_at[i]) - positions.begin();
      for (int64_t j = 0; j < visible; ++j) row[j] *= config.attention_scale;
      softmax(row, visible);
      seen.weights.emplace_back(row, static_cast<size_t>(visible));
    }
    look(seen);
  }
}

}  // namespace

NeedlePrompt hide_needle(const Vocabulary& vocabulary, std::span<const int32_t> haystack,
                         const Needle& needle, int64_t length, double depth) {
  const auto tokens = [&](const std::string& text) { return vocabulary.tokenize(text, false, false); };
  const std::vector<int32_t> before = tokens(needle.before), after = tokens(needle.after),
                             question = tokens(needle.question);
  NeedlePrompt prompt;
  prompt.answer = tokens(needle.answer);
  if (!needle.wrong.empty()) prompt.wrong = tokens(needle.wrong);
  const auto own =
      static_cast<int64_t>(before.size() + 2 * prompt.answer.size() + after.size() + question.size());
  const int64_t room = std::min(length - own, static_cast<int64_t>(haystack.size()));
  if (room < 16) {
    throw UsageError(
        fmt::format("[--window] expected {} tokens or more, so that text is left around a fact, "
                    "got {}; give a larger one",
                    2 * (own + 16), 2 * length));
  }
  const std::span<const int32_t> text = haystack.first(static_cast<size_t>(room));
  const size_t first = vocabulary.adds_bos() ? 1 : 0;  // nothing stands before BOS
  const size_t place = std::max(
      first, sentence_start(vocabulary, text, static_cast<size_t>(depth * static_cast<double>(room))));
  std::vector<int32_t>& all = prompt.tokens;
  const auto append = [&](std::span<const int32_t> more) { all.insert(all.end(), more.begin(), more.end()); };
  append(text.first(place));
  append(before);
  prompt.span_first = static_cast<int32_t>(all.size());
  append(prompt.answer);
  append(after);
  append(text.subspan(place));
  append(question);
  return prompt;
}

NeedleRun run_needle(Engine& engine, const NeedlePrompt& prompt,
                     const std::function<bool(const NeedleRun&)>& accept,
                     const std::function<void(const HeadWeights&)>& look) {
  const ModelConfig& config = engine.config();
  const auto count = static_cast<int>(prompt.answer.size());
  const auto sequence = engine.open(Recipe());
  sequence->observed = Observations({.attention_window = count}, count, config);
  engine.read(*sequence, std::span(prompt.tokens).first(prompt.tokens.size() - 1), /*last=*/false);
  NeedleRun run;
  const int32_t last = prompt.tokens.back();
  double wrong = 0;
  if (!prompt.wrong.empty())
    wrong = feed(engine, *engine.fork(*sequence), last, prompt.wrong).log_probability;
  const Fed fed = feed(engine, *sequence, last, prompt.answer);
  run.copied = fed.chosen;
  if (!prompt.wrong.empty()) run.preference = fed.log_probability - wrong;
  if (!accept(run)) return run;
  parallel_checked(engine.threads(), int64_t{config.layers} * config.kv_heads, [&](int64_t item) {
    const auto layer = static_cast<int>(item / config.kv_heads);
    if (config.sliding_window[static_cast<size_t>(layer)] > 0) return;
    look_at_head(*sequence, config, layer, static_cast<int>(item % config.kv_heads), count, look);
  });
  return run;
}

std::vector<NeedlePlace> needle_grid(int64_t window, int64_t depths, int64_t needles) {
  std::vector<NeedlePlace> grid;
  for (const int64_t length : {window / 2, window}) {
    for (int64_t depth = 0; depth < depths; ++depth) {
      for (int64_t needle = 0; needle < needles; ++needle) {
        const double share = depths > 1 ? static_cast<double>(depth) / static_cast<double>(depths - 1) : 0.5;
        grid.push_back({length, share, needle});
      }
    }
  }
  return grid;
}

}  // namespace kvcompress
