#include "eval/fidelity.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max
#include <limits>     // std::numeric_limits

#include "base/timer.h"             // Timer
#include "eval/fidelity_answers.h"  // AnswerWriter, Follower
#include "eval/question_asker.h"    // QuestionAsker
#include "eval/reading_groups.h"    // reading_groups
#include "eval/room.h"              // require_room
#include "eval/task_prompt.h"       // TaskPrompter
#include "eval/tasks/task_data.h"   // read_json_lines
#include "eval/text_windows.h"      // read_texts

namespace kvcompress {
namespace {

std::string prompt_of(const Record& record) {
  for (const char* field : {"prompt", "input", "turns"}) {
    if (!record.has(field)) continue;
    return field == std::string_view("turns") ? record.texts(field)[0] : record.text(field);
  }
  record.fail("prompt", "this field, or input, or turns", "none of them");
}

class FidelityRun {
 public:
  FidelityRun(Engine& engine, std::span<const EvaluatedRecipe> recipes, const FidelitySettings& settings);

  void prompt(const std::string& id, std::span<const int32_t> tokens);
  std::vector<FidelityResult> results() const;

 private:
  void read_shared(const ReadingGroup& group, std::span<const int32_t> tokens);
  void read_bounded(size_t member, std::span<const int32_t> tokens);
  void note_prompt(size_t member, double read_s, size_t peak);

  Engine& engine_;
  QuestionAsker reader_;
  AnswerWriter writer_;
  std::vector<FidelityResult> results_;  // [0]: the full cache; sums until results()
  std::vector<int> place_;               // of each recipe in results_
  std::vector<ReadingGroup> groups_;
  std::vector<Follower> followers_;  // of the prompt at hand
  std::vector<size_t> peaks_;
};

FidelityRun::FidelityRun(Engine& engine, std::span<const EvaluatedRecipe> recipes,
                         const FidelitySettings& settings)
    : engine_(engine), reader_(engine), writer_(engine, settings.predict), results_(1) {
  for (const EvaluatedRecipe& evaluated : recipes) {
    place_.push_back(evaluated.recipe.compresses() ? static_cast<int>(results_.size()) : 0);
    if (!evaluated.recipe.compresses()) continue;
    results_.emplace_back();
    results_.back().evaluated = evaluated;
  }
  std::vector<Recipe> cells;
  for (const FidelityResult& result : results_) cells.push_back(result.evaluated.recipe);
  groups_ = reading_groups(cells, settings.prefill);
}

void FidelityRun::note_prompt(size_t member, double read_s, size_t peak) {
  const Sequence& sequence = *followers_[member].sequence;
  FidelityResult& result = results_[member];
  result.ttft_ms += 1e3 * (read_s + sequence.compress_s);
  result.compress_ms += 1e3 * sequence.compress_s;
  result.cache.bytes_prompt += sequence.bytes();
  peaks_[member] = peak;
}

void FidelityRun::read_shared(const ReadingGroup& group, std::span<const int32_t> tokens) {
  const auto read = engine_.open_shared(group.recipes);
  const Timer timer;
  const std::vector<float> logits = reader_.read(*read, tokens);
  const double read_s = timer.seconds();
  for (const size_t member : group.members) {
    const Recipe& recipe = results_[member].evaluated.recipe;
    Follower& follower = followers_[member];
    follower.sequence = recipe.compresses() ? engine_.compressed(*read, recipe) : engine_.fork(*read);
    if (!recipe.evicts() || !recipe.budget.hold) follower.sequence->observed = Observations();
    follower.logits = logits;
    note_prompt(member, read_s, read->bytes());
  }
}

void FidelityRun::read_bounded(size_t member, std::span<const int32_t> tokens) {
  Follower& follower = followers_[member];
  follower.sequence = engine_.open(results_[member].evaluated.recipe, PrefillMode::bounded);
  follower.sequence->prompt_total = static_cast<int64_t>(tokens.size());
  const size_t others = engine_.memory().usage().bytes;
  engine_.memory().reset_peak();
  const Timer timer;
  follower.logits = reader_.read(*follower.sequence, tokens);
  note_prompt(member, timer.seconds() - follower.sequence->compress_s,
              engine_.memory().usage().peak_bytes - others);
}

void FidelityRun::prompt(const std::string& id, std::span<const int32_t> tokens) {
  followers_.clear();
  followers_.resize(results_.size());
  peaks_.assign(results_.size(), 0);
  for (const ReadingGroup& group : groups_) {
    group.alone ? read_bounded(group.members[0], tokens) : read_shared(group, tokens);
  }
  writer_.write(followers_);
  for (size_t i = 0; i < results_.size(); i++) {
    const CacheReceipt end = engine_.cache_receipt(*followers_[i].sequence);
    CacheReceipt& sum = results_[i].cache;
    sum.bytes += end.bytes;
    sum.bytes_full += end.bytes_full;
    sum.bytes_peak += std::max(peaks_[i], end.bytes);
    sum.tokens_seen += end.tokens_seen;
    followers_[i].answer.id = id;
    results_[i].answers.push_back(std::move(followers_[i].answer));
  }
  followers_.clear();
}

std::vector<FidelityResult> FidelityRun::results() const {
  std::vector<FidelityResult> results;
  for (const int place : place_) {
    FidelityResult result = results_[static_cast<size_t>(place)];
    const size_t n = result.answers.size();
    for (size_t* bytes : {&result.cache.bytes, &result.cache.bytes_prompt, &result.cache.bytes_full,
                          &result.cache.bytes_peak}) {
      *bytes /= n;
    }
    result.cache.tokens_seen /= static_cast<int64_t>(n);
    result.ttft_ms /= static_cast<double>(n);
    result.compress_ms /= static_cast<double>(n);
    results.push_back(std::move(result));
  }
  return results;
}

void check(Engine& engine, const std::vector<std::vector<int32_t>>& prompts,
           const std::vector<FidelityPrompt>& names, std::span<const EvaluatedRecipe> recipes,
           const FidelitySettings& settings) {
  size_t shortest = SIZE_MAX, longest = 0;
  for (size_t i = 0; i < prompts.size(); i++) {
    const auto length = static_cast<int64_t>(prompts[i].size());
    if (length == 0) throw UsageError(fmt::format("[{}] expected a prompt, got no token", names[i].id));
    if (length + settings.predict > engine.context()) {
      throw UsageError(fmt::format(
          "[{}] expected at most {} tokens of prompt beside {} of answer, got {}; shorten it, or give a "
          "smaller -n",
          names[i].id, std::max<int64_t>(engine.context() - settings.predict, 0), settings.predict, length));
    }
    shortest = std::min(shortest, prompts[i].size());
    longest = std::max(longest, prompts[i].size());
  }
  size_t planned =
      2 * engine.planned_bytes(Recipe{}, settings.prefill, static_cast<int64_t>(longest), settings.predict);
  for (const EvaluatedRecipe& evaluated : recipes) {
    engine.open(evaluated.recipe, settings.prefill);  // refuses what can never work on this model
    if (!evaluated.recipe.compresses()) continue;
    size_t most = 0;
    for (const size_t length : {shortest, longest}) {
      most = std::max(most, engine.planned_bytes(evaluated.recipe, settings.prefill,
                                                 static_cast<int64_t>(length), settings.predict));
    }
    planned += most;
  }
  require_room(engine, planned);
}

}  // namespace

std::vector<FidelityPrompt> read_prompts(const std::string& path) {
  std::vector<FidelityPrompt> prompts;
  if (path.ends_with(".jsonl")) {
    for (const Record& record : read_json_lines(path)) prompts.push_back({record.place(), prompt_of(record)});
    return prompts;
  }
  for (TextFile& file : read_texts(path)) prompts.push_back({file.path, std::move(file.text)});
  return prompts;
}

double FidelityResult::equal_share() const {
  double sum = 0;
  for (const FidelityAnswer& answer : answers) sum += answer.equal_share;
  return sum / static_cast<double>(answers.size());
}

double FidelityResult::same_answers() const {
  double same = 0;
  for (const FidelityAnswer& answer : answers) same += answer.first_difference < 0 ? 1 : 0;
  return same / static_cast<double>(answers.size());
}

double FidelityResult::first_difference() const {
  double sum = 0;
  int64_t count = 0;
  for (const FidelityAnswer& answer : answers) {
    if (answer.first_difference < 0) continue;
    sum += static_cast<double>(answer.first_difference);
    count++;
  }
  return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

ScoreSums FidelityResult::along_full() const {
  ScoreSums all;
  for (const FidelityAnswer& answer : answers) {
    const ScoreSums& sums = answer.along_full;
    all.tokens += sums.tokens;
    all.correct += sums.correct;
    all.negative_log_likelihood += sums.negative_log_likelihood;
    all.agreed += sums.agreed;
    all.divergences.insert(all.divergences.end(), sums.divergences.begin(), sums.divergences.end());
  }
  return all;
}

std::vector<FidelityResult> evaluate_fidelity(
    Engine& engine, const std::vector<FidelityPrompt>& prompts, const std::vector<EvaluatedRecipe>& recipes,
    const FidelitySettings& settings, const std::function<void(int64_t done, int64_t total)>& on_progress) {
  const TaskPrompter prompter(engine.vocabulary(), settings.chat);
  size_t count = prompts.size();
  if (settings.limit > 0) count = std::min(count, static_cast<size_t>(settings.limit));
  std::vector<std::vector<int32_t>> tokens;
  for (size_t i = 0; i < count; i++) tokens.push_back(prompter.prompt(prompts[i].text));
  check(engine, tokens, prompts, recipes, settings);
  FidelityRun run(engine, recipes, settings);
  for (size_t i = 0; i < count; i++) {
    run.prompt(prompts[i].id, tokens[i]);
    if (on_progress) on_progress(static_cast<int64_t>(i) + 1, static_cast<int64_t>(count));
  }
  return run.results();
}

}  // namespace kvcompress
