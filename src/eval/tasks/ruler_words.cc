// RULER's aggregation tasks: the most common words of a list (cwe), the most frequent coded words (fwe).
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <cmath>  // std::lround, std::numbers
#include <numbers>
#include <set>  // std::set

#include "eval/tasks/ruler.h"

namespace kvcompress {
namespace {

constexpr int64_t kCommon = 10;           // words to be named
constexpr int64_t kExampleUncommon = 10;  // in the solved example before the list
constexpr std::string_view kListHeader =
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the "
    "ones that "
    "appear most often.\n";
constexpr std::string_view kListQuestion =
    "\nQuestion: What are the 10 most common words in the above list? Answer: The top 10 words that appear "
    "most "
    "often in the list are:";

using Words = std::vector<std::string>;

// The first kCommon words `common` times and the others `uncommon` times, shuffled and numbered.
std::string numbered_list(const Words& words, int64_t common, int64_t uncommon, Random random) {
  Words all;
  for (size_t i = 0; i < words.size(); i++) {
    all.insert(all.end(), static_cast<size_t>(i < kCommon ? common : uncommon), words[i]);
  }
  shuffle(all, random);
  std::string text;
  for (size_t i = 0; i < all.size(); i++) text += fmt::format("{}{}. {}", i > 0 ? " " : "", i + 1, all[i]);
  return text;
}

std::string numbered_answer(const Words& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); i++) text += fmt::format(" {}. {}", i + 1, words[i]);
  return text;
}

Words slice(const Words& words, int64_t from, int64_t count) {
  return {words.begin() + from, words.begin() + from + count};
}

TaskSample common_words(const RulerTask& task, const Words& words, int64_t uncommon, int64_t times,
                        int64_t rest_times, const Random& random) {
  const int64_t example_size = kCommon + kExampleUncommon;
  const Words example = slice(words, 0, kCommon);
  const Words common = slice(words, example_size, kCommon);
  TaskSample sample;
  sample.context =
      fmt::format("{}{}{}{}\n{}{}", kListHeader, numbered_list(slice(words, 0, example_size), 3, 1, random),
                  kListQuestion, numbered_answer(example), kListHeader,
                  numbered_list(slice(words, example_size, kCommon + uncommon), times, rest_times, random));
  sample.questions = {
      ruler_question(std::string(kListQuestion), numbered_answer(common), common, task.answer_room)};
  return sample;
}

std::string coded_word(Random& random) {
  std::string word;
  for (int i = 0; i < 6; i++) word += static_cast<char>('a' + random.below(26));
  return word;
}

// `total` words in all, of rank k a share of k^-2 / zeta(2); the first rank is the noise word "...".
TaskSample frequent_words(const RulerTask& task, int64_t total, Random random) {
  constexpr double kZeta2 = std::numbers::pi * std::numbers::pi / 6;
  Words all, asked;
  std::set<std::string> used;
  for (int64_t rank = 1;; rank++) {
    const double share = 1.0 / (static_cast<double>(rank * rank) * kZeta2);
    const auto times = std::lround(static_cast<double>(total) * share);
    if (times < 1) break;
    std::string word = "...";
    while (rank > 1 && !used.insert(word = coded_word(random)).second) continue;
    if (rank > 1 && rank <= 4) asked.push_back(word);
    all.insert(all.end(), static_cast<size_t>(times), word);
  }
  shuffle(all, random);
  TaskSample sample;
  sample.context =
      "Read the following coded text and track the frequency of each coded word. Find the three most "
      "frequently "
      "appeared coded words.";
  for (const std::string& word : all) sample.context += " " + word;
  sample.questions = {
      ruler_question("\nQuestion: Do not provide any explanation. Please ignore the dots '....'. What are "
                     "the three most frequently "
                     "appeared words in the above coded text? Answer: According to the coded text above, the "
                     "three most frequently "
                     "appeared words are:",
                     " " + listed(asked), asked, task.answer_room)};
  return sample;
}

}  // namespace

TaskSample make_ruler_cwe(const RulerTask& task, const RulerRequest& request) {
  Random random = sample_random(request.settings.seed, task.name, request.index);
  Words words = request.material.all_words();
  shuffle(words, random);
  const int64_t most = static_cast<int64_t>(words.size()) - 2 * kCommon - kExampleUncommon;
  if (most < 1) {
    throw InputError(fmt::format("[cwe] expected lists of {} words or more, got {}",
                                 2 * kCommon + kExampleUncommon + 1, words.size()));
  }
  // The protocol's counts for short and for long contexts; more of each where the lists run out of words.
  const bool is_short = request.settings.length < 4096;
  int64_t times = is_short ? 6 : 30, rest_times = is_short ? 1 : 3;
  while (true) {
    const auto make = [&](int64_t uncommon) {
      return common_words(task, words, uncommon, times, rest_times, random);
    };
    TaskSample sample =
        fit_sample(task.name, 1, most, Supply::kEndless, request.settings.length, request.count, make);
    if (sample_tokens(sample, request.count) >= request.settings.length * 95 / 100) return sample;
    if (sample_tokens(make(most), request.count) > request.settings.length) return sample;
    times *= 2;
    rest_times *= 2;
  }
}

TaskSample make_ruler_fwe(const RulerTask& task, const RulerRequest& request) {
  const Random random = sample_random(request.settings.seed, task.name, request.index);
  // From 100 words on the counts of the ranks 2 to 5 differ.
  return fit_sample(task.name, 100, int64_t{1} << 32, Supply::kEndless, request.settings.length,
                    request.count, [&](int64_t total) { return frequent_words(task, total, random); });
}

}  // namespace kvcompress
