// What the tasks share in making samples: limits, lengths, random numbers.
#pragma once

#include <functional>  // std::function
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "base/random.h"      // Random
#include "eval/tasks/task.h"  // TaskSample, TaskSettings

namespace kvcompress {

// Throws UsageError for a number outside its range.
void check_settings(const TaskSettings& settings);

// Takes samples until there are enough questions, and leaves out those that are too long.
class SampleCollector {
 public:
  // `own_limit`: questions when the settings name no limit; 0: as many as come. The arguments outlive it.
  // Checks the settings.
  SampleCollector(const TaskSettings& settings, const TokenCounter& count, int64_t own_limit = 0);
  bool full() const { return room(1) == 0; }
  // How many of `wanted` questions there is room for.
  int64_t room(int64_t wanted) const;
  // False when the sample is longer than settings.length and was left out.
  bool add(TaskSample sample);
  // Throws InputError when there are none; `task` is for the message.
  std::vector<TaskSample> take(std::string_view task);

 private:
  const TaskSettings& settings_;
  const TokenCounter& count_;
  int64_t limit_, questions_ = 0, shortest_left_out_ = 0;
  std::vector<TaskSample> samples_;
};

// The largest number of units from `least` to `most` whose tokens are at most `limit`; nullopt when those of
// `least` are more. tokens(units) grows with the units and may be slow.
std::optional<int64_t> fit_units(int64_t least, int64_t most, int64_t limit,
                                 const std::function<int64_t(int64_t)>& tokens);

// What `most` units are: as many as can be made, or all that the data hold.
enum class Supply { kEndless, kData };

// make(units) for the largest number of units that settings.length allows. Throws UsageError when not even
// `least` do, or when the data end before 95 % of the length; `task` is for the message.
TaskSample fit_sample(std::string_view task, int64_t least, int64_t most, Supply supply, int64_t length,
                      const TokenCounter& count, const std::function<TaskSample(int64_t)>& make);

// Throws UsageError: the data hold only `tokens`, far less than the settings' length.
[[noreturn]] void throw_data_end(std::string_view task, int64_t tokens, int64_t length);

// Throws UsageError when the settings name no length.
void require_length(std::string_view task, const TaskSettings& settings);

// The random numbers of sample `index`; other tasks and samples draw others.
Random sample_random(uint64_t seed, std::string_view task, int64_t index);

template <typename T>
void shuffle(std::vector<T>& items, Random& random) {
  for (size_t left = items.size(); left > 1; left--) std::swap(items[left - 1], items[random.below(left)]);
}

// `count` different ones of the numbers below `bound`, in random order; count <= bound.
std::vector<int64_t> draw(int64_t count, int64_t bound, Random& random);

// `count` numbers below `bound` at even spacing, from the middle of the first part; fewer when bound is
// smaller.
std::vector<int64_t> even_spacing(int64_t count, int64_t bound);

// Of a limit of questions that `parts` sub-tasks share, how many are for the one of this index.
int64_t share_of_limit(int64_t limit, size_t index, size_t parts);

// A question whose answer is copied from the context.
TaskQuestion copy_question(std::string text, const std::string& answer, const TokenCounter& count);

// "a,b" as {"a", "b"}; spaces around the names are left out.
std::vector<std::string> split_names(std::string_view names);

// `text` with every "{key}" replaced.
std::string filled(std::string text, std::string_view key, std::string_view value);

// "a", "a and b", "a, b, and c"
std::string listed(const std::vector<std::string>& items, std::string_view last = "and");

}  // namespace kvcompress
