#include "bench/speed.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max_element
#include <memory>     // std::unique_ptr
#include <utility>    // std::move

#include "base/statistics.h"    // median, percentile
#include "base/timer.h"         // Timer
#include "bench/pseudo_text.h"  // pseudo_tokens
#include "eval/room.h"          // require_room

namespace kvcompress {
namespace {

void add(Profile& sum, const Profile& part) {
  sum.dense_s += part.dense_s;
  sum.attention_s += part.attention_s;
  sum.compress_s += part.compress_s;
  sum.head_s += part.head_s;
  sum.dense_flop += part.dense_flop;
  sum.head_flop += part.head_flop;
  sum.attention_flop += part.attention_flop;
  sum.attention_bytes += part.attention_bytes;
}

// One cell of the grid: a recipe at a depth and a batch size.
class Cell {
 public:
  Cell(Engine& engine, const SpeedSettings& settings, const Recipe& recipe, int64_t depth, int64_t batch)
      : engine_(engine), settings_(settings) {
    result_.recipe = recipe;
    result_.depth = depth;
    result_.batch = batch;
  }

  SpeedResult measure(const std::function<void()>& on_part) {
    read_prompts(on_part);
    for (int repetition = 0; repetition < settings_.repetitions; repetition++) {
      decode();
      on_part();
    }
    result_.decode_tokens_per_second = median(rates_);
    result_.tpot_median_ms = median(steps_ms_);
    result_.tpot_p95_ms = percentile(steps_ms_, 95);
    return std::move(result_);
  }

 private:
  void read_prompts(const std::function<void()>& on_part);
  double read_prompt(size_t slot);
  void decode();
  void note_cache(const Sequence& sequence);

  Engine& engine_;
  const SpeedSettings& settings_;
  SpeedResult result_;
  std::vector<std::unique_ptr<Sequence>> prompts_;  // [batch], at the depth
  std::vector<int32_t> first_tokens_;               // [batch], what each decodes first
  std::vector<double> rates_, steps_ms_;
};

void Cell::read_prompts(const std::function<void()>& on_part) {
  const auto batch = static_cast<size_t>(result_.batch);
  prompts_.resize(batch);
  first_tokens_.resize(batch);
  if (result_.depth == 0) {
    for (size_t slot = 0; slot < batch; slot++) {
      prompts_[slot] = engine_.open(result_.recipe, settings_.prefill);
      first_tokens_[slot] = pseudo_tokens(engine_.vocabulary(), 1, settings_.seed + slot)[0];
    }
    return;
  }
  engine_.take_profile();
  std::vector<double> times;
  for (int repetition = 0; repetition < settings_.repetitions; repetition++) {
    times.push_back(read_prompt(0));
    result_.prefill_wall_s += times.back() * 1e-3;
    on_part();
  }
  add(result_.prefill, engine_.take_profile());
  result_.prefill_reads = settings_.repetitions;
  result_.ttft_ms = median(times);
  result_.prefill_tokens_per_second = 1e3 * static_cast<double>(result_.depth) / result_.ttft_ms;
  for (size_t slot = 1; slot < batch; slot++) read_prompt(slot);
}

// Returns the time to the first token in milliseconds and keeps a fork of the sequence as it was just before.
double Cell::read_prompt(size_t slot) {
  prompts_[slot].reset();  // so that the peak below is of this read alone
  Request request;
  request.prompt = pseudo_tokens(engine_.vocabulary(), result_.depth, settings_.seed + slot);
  request.recipe = result_.recipe;
  request.prefill = settings_.prefill;
  request.max_tokens = 1;
  request.sampling.greedy = true;
  request.ignore_end = true;
  request.on_prompt = [&](const Sequence& sequence) {
    prompts_[slot] = std::unique_ptr<Sequence>(new Sequence(sequence.fork()));
  };
  const Completion completion = engine_.run(std::move(request));
  first_tokens_[slot] = completion.tokens.at(0);
  if (slot == 0) {
    result_.compress_ms = completion.receipt.time.compress_ms;
    result_.cache = completion.receipt.cache;
  }
  return completion.receipt.time.ttft_ms;
}

void Cell::decode() {
  const auto vocabulary = static_cast<size_t>(engine_.config().vocabulary);
  std::vector<std::unique_ptr<Sequence>> forks;
  std::vector<Sequence*> sequences;
  for (const auto& prompt : prompts_) {
    forks.push_back(std::unique_ptr<Sequence>(new Sequence(prompt->fork())));
    sequences.push_back(forks.back().get());
  }
  std::vector<float> logits(sequences.size() * vocabulary);
  std::vector<int32_t> tokens = first_tokens_;
  engine_.take_profile();
  const Timer whole;
  for (int64_t step = 0; step < settings_.decode_tokens; step++) {
    const Timer timer;
    engine_.decode(sequences, tokens, logits.data());
    for (size_t slot = 0; slot < tokens.size(); slot++) {
      const auto row = logits.begin() + static_cast<std::ptrdiff_t>(slot * vocabulary);
      tokens[slot] = static_cast<int32_t>(std::max_element(row, row + vocabulary) - row);
    }
    steps_ms_.push_back(timer.milliseconds());
  }
  const double seconds = whole.seconds();
  rates_.push_back(static_cast<double>(settings_.decode_tokens * result_.batch) / seconds);
  result_.decode_wall_s += seconds;
  add(result_.decode, engine_.take_profile());
  result_.decode_steps += settings_.decode_tokens;
  note_cache(*sequences[0]);
}

// What the prompt took is known from reading it; the rest is of the sequence after its last token.
void Cell::note_cache(const Sequence& sequence) {
  CacheReceipt cache = engine_.cache_receipt(sequence);
  cache.bytes_prompt = result_.cache.bytes_prompt;
  cache.bytes_peak = std::max(result_.cache.bytes_peak, cache.bytes);
  result_.cache = std::move(cache);
}

void check(Engine& engine, const std::vector<Recipe>& recipes, const SpeedSettings& settings) {
  const int64_t batch = *std::max_element(settings.batches.begin(), settings.batches.end());
  for (const int64_t depth : settings.depths) {
    if (depth + settings.decode_tokens > engine.context()) {
      throw UsageError(
          fmt::format("[--depth] expected depth and -n of at most {} tokens in all, got {} + {}; lower "
                      "them or give a larger -c",
                      engine.context(), depth, settings.decode_tokens));
    }
    for (const Recipe& recipe : recipes) {
      const size_t one =
          engine.planned_bytes(recipe, settings.prefill, std::max<int64_t>(depth, 1), settings.decode_tokens);
      require_room(engine, static_cast<size_t>(batch) * one);
    }
  }
}

}  // namespace

std::vector<SpeedResult> measure_speed(Engine& engine, const std::vector<Recipe>& recipes,
                                       const SpeedSettings& settings,
                                       const std::function<void(int64_t done, int64_t total)>& on_progress) {
  check(engine, recipes, settings);
  int64_t parts = 0, done = 0;
  for (const int64_t depth : settings.depths) parts += (depth > 0 ? 2 : 1) * settings.repetitions;
  parts *= static_cast<int64_t>(recipes.size() * settings.batches.size());
  std::vector<SpeedResult> results;
  for (const Recipe& recipe : recipes) {
    for (const int64_t depth : settings.depths) {
      for (const int64_t batch : settings.batches) {
        Cell cell(engine, settings, recipe, depth, batch);
        results.push_back(cell.measure([&] {
          if (on_progress) on_progress(++done, parts);
        }));
      }
    }
  }
  return results;
}

}  // namespace kvcompress
