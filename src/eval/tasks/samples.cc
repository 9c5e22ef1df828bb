#include "eval/tasks/samples.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError, UsageError

#include <algorithm>  // std::clamp, std::min
#include <numeric>    // std::iota

namespace kvcompress {

void check_settings(const TaskSettings& settings) {
  const std::pair<const char*, int64_t> numbers[] = {{"--length", settings.length},
                                                     {"--limit", settings.limit},
                                                     {"--lines", settings.lines},
                                                     {"--questions", settings.questions}};
  for (const auto& [name, value] : numbers) {
    if (value < 0) throw UsageError(fmt::format("[{}] expected 0 or more, got {}", name, value));
  }
  for (const double depth : settings.depths) {
    if (!(depth >= 0 && depth <= 100)) {
      throw UsageError(fmt::format("[depth] expected 0 to 100 percent, got {}", depth));
    }
  }
}

SampleCollector::SampleCollector(const TaskSettings& settings, const TokenCounter& count, int64_t own_limit)
    : settings_(settings), count_(count), limit_(settings.limit > 0 ? settings.limit : own_limit) {
  check_settings(settings);
}

int64_t SampleCollector::room(int64_t wanted) const {
  return limit_ > 0 ? std::min(wanted, limit_ - questions_) : wanted;
}

bool SampleCollector::add(TaskSample sample) {
  sample.questions.resize(static_cast<size_t>(room(static_cast<int64_t>(sample.questions.size()))));
  if (sample.questions.empty()) return true;
  if (settings_.length > 0) {
    const int64_t tokens = sample_tokens(sample, count_);
    if (tokens > settings_.length) {
      shortest_left_out_ = shortest_left_out_ > 0 ? std::min(shortest_left_out_, tokens) : tokens;
      return false;
    }
  }
  questions_ += static_cast<int64_t>(sample.questions.size());
  samples_.push_back(std::move(sample));
  return true;
}

std::vector<TaskSample> SampleCollector::take(std::string_view task) {
  if (samples_.empty() && shortest_left_out_ > 0) {
    throw UsageError(
        fmt::format("[--length] expected {} tokens or more, which the shortest sample of {} has, got {}",
                    shortest_left_out_, task, settings_.length));
  }
  if (samples_.empty()) throw InputError(fmt::format("[--data] expected questions for {}, got none", task));
  return std::move(samples_);
}

namespace {

// Units known to fit (low) and not to fit (high), with their tokens; high_tokens is 0 until it was counted.
struct Bracket {
  int64_t least, least_tokens, low, low_tokens, high, high_tokens = 0;

  // Where a straight line through the known points meets the limit; a little beyond it while no point above
  // the limit is known.
  int64_t guess(int64_t limit, int round) const {
    int64_t units = low + 8;
    if (high_tokens > 0 && round >= 8) {
      units = low + (high - low) / 2;
    } else if (high_tokens > 0) {
      units = low + (limit - low_tokens) * (high - low) / (high_tokens - low_tokens);
    } else if (low > least) {
      const int64_t grown = std::max<int64_t>(low_tokens - least_tokens, 1);
      units = low + 1 + (limit - low_tokens) * (low - least) * 17 / (16 * grown);
    }
    return std::clamp(units, low + 1, high - 1);
  }
};

}  // namespace

std::optional<int64_t> fit_units(int64_t least, int64_t most, int64_t limit,
                                 const std::function<int64_t(int64_t)>& tokens) {
  const int64_t first = tokens(least);
  if (first > limit) return std::nullopt;
  Bracket known{.least = least, .least_tokens = first, .low = least, .low_tokens = first, .high = most + 1};
  for (int round = 0; known.high - known.low > 1; round++) {
    const int64_t guess = known.guess(limit, round);
    const int64_t guess_tokens = tokens(guess);
    if (guess_tokens > limit) {
      known.high = guess;
      known.high_tokens = guess_tokens;
    } else {
      known.low = guess;
      known.low_tokens = guess_tokens;
    }
  }
  return known.low;
}

TaskSample fit_sample(std::string_view task, int64_t least, int64_t most, Supply supply, int64_t length,
                      const TokenCounter& count, const std::function<TaskSample(int64_t)>& make) {
  const auto tokens = [&](int64_t units) { return sample_tokens(make(units), count); };
  const auto units = fit_units(least, most, length, tokens);
  if (!units) {
    throw UsageError(
        fmt::format("[--length] expected {} tokens or more for {}, got {}", tokens(least), task, length));
  }
  TaskSample sample = make(*units);
  if (supply == Supply::kData && *units == most) {
    const int64_t all = sample_tokens(sample, count);
    if (all < length * 95 / 100) throw_data_end(task, all, length);
  }
  return sample;
}

void throw_data_end(std::string_view task, int64_t tokens, int64_t length) {
  throw UsageError(
      fmt::format("[--length] expected at most {} tokens, which the data hold for a sample of {}, got {}",
                  tokens, task, length));
}

void require_length(std::string_view task, const TaskSettings& settings) {
  if (settings.length > 0) return;
  throw UsageError(
      fmt::format("[--length] expected the tokens of a sample of {}, got none; give --length N", task));
}

Random sample_random(uint64_t seed, std::string_view task, int64_t index) {
  uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : task) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return Random(seed, hash + static_cast<uint64_t>(index));
}

std::vector<int64_t> draw(int64_t count, int64_t bound, Random& random) {
  std::vector<int64_t> numbers(static_cast<size_t>(bound));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (int64_t i = 0; i < count; i++) {
    std::swap(numbers[static_cast<size_t>(i)],
              numbers[static_cast<size_t>(i) + random.below(static_cast<uint64_t>(bound - i))]);
  }
  numbers.resize(static_cast<size_t>(count));
  return numbers;
}

std::vector<int64_t> even_spacing(int64_t count, int64_t bound) {
  count = std::min(count, bound);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; i++) numbers.push_back((2 * i + 1) * bound / (2 * count));
  return numbers;
}

int64_t share_of_limit(int64_t limit, size_t index, size_t parts) {
  const auto n = static_cast<int64_t>(parts);
  return limit / n + (static_cast<int64_t>(index) < limit % n ? 1 : 0);
}

TaskQuestion copy_question(std::string text, const std::string& answer, const TokenCounter& count) {
  TaskQuestion question;
  question.text = std::move(text);
  question.reference = " " + answer;
  question.expected = {answer};
  question.max_tokens = static_cast<int>(count(question.reference)) + 8;  // room for "probably " before it
  return question;
}

std::vector<std::string> split_names(std::string_view names) {
  std::vector<std::string> result;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    std::string_view name = names.substr(0, comma);
    names.remove_prefix(std::min(comma + 1, names.size()));
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    while (!name.empty() && name.back() == ' ') name.remove_suffix(1);
    if (!name.empty()) result.emplace_back(name);
  }
  return result;
}

std::string filled(std::string text, std::string_view key, std::string_view value) {
  const std::string mark = fmt::format("{{{}}}", key);
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

std::string listed(const std::vector<std::string>& items, std::string_view last) {
  if (items.size() == 1) return items[0];
  if (items.size() == 2) return fmt::format("{} {} {}", items[0], last, items[1]);
  std::string text;
  for (size_t i = 0; i < items.size(); i++) {
    if (i > 0) text += i + 1 < items.size() ? ", " : fmt::format(", {} ", last);
    text += items[i];
  }
  return text;
}

}  // namespace kvcompress
