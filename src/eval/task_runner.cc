#include "eval/task_runner.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max, std::min

#include "base/timer.h"           // Timer
#include "eval/reading_groups.h"  // reading_groups
#include "eval/room.h"            // require_room
#include "eval/task_cell.h"       // TaskCell
#include "eval/task_prompt.h"     // TaskPrompter, SampleTokens

namespace kvcompress {
namespace {

// Questions whose answers are written together; each holds a fork of its cache.
constexpr size_t kBatch = 16;

using Progress = std::function<void(int64_t done, int64_t total)>;

class TaskRun {
 public:
  TaskRun(Engine& engine, const TaskRunSettings& settings, std::span<const EvaluatedRecipe> recipes);

  void sample(const TaskSample& sample, const SampleTokens& tokens, const std::function<void()>& on_asked);
  const TaskCell& cell(size_t index) const { return cells_[static_cast<size_t>(place_[index])]; }
  const TaskCell& full() const { return cells_[0]; }
  int64_t cells() const { return static_cast<int64_t>(cells_.size()); }

 private:
  void shared(const ReadingGroup& group);
  void bounded(TaskCell& cell);
  void ask_forks(TaskCell& cell, const Sequence& compressed);
  void ask_one(TaskCell& cell, size_t question, std::unique_ptr<Sequence> sequence,
               std::vector<float> logits);
  std::unique_ptr<Sequence> compress(Sequence& read, const TaskCell& cell);

  Engine& engine_;
  const TaskRunSettings& settings_;
  QuestionAsker asker_;
  std::vector<TaskCell> cells_;       // [0]: the full cache
  std::vector<int> place_;            // of each recipe in cells_
  std::vector<ReadingGroup> groups_;  // of cells_
  // The sample at hand.
  const TaskSample* sample_ = nullptr;
  const SampleTokens* tokens_ = nullptr;
  const std::function<void()>* on_asked_ = nullptr;
};

TaskRun::TaskRun(Engine& engine, const TaskRunSettings& settings, std::span<const EvaluatedRecipe> recipes)
    : engine_(engine), settings_(settings), asker_(engine) {
  cells_.emplace_back(engine, EvaluatedRecipe{});
  for (const EvaluatedRecipe& evaluated : recipes) {
    place_.push_back(evaluated.recipe.compresses() ? static_cast<int>(cells_.size()) : 0);
    if (evaluated.recipe.compresses()) cells_.emplace_back(engine, evaluated);
  }
  std::vector<Recipe> cell_recipes;
  for (const TaskCell& cell : cells_) cell_recipes.push_back(cell.recipe());
  groups_ = reading_groups(cell_recipes, settings.prefill);
}

void TaskRun::sample(const TaskSample& sample, const SampleTokens& tokens,
                     const std::function<void()>& on_asked) {
  sample_ = &sample;
  tokens_ = &tokens;
  on_asked_ = &on_asked;
  for (const ReadingGroup& group : groups_) {
    group.alone ? bounded(cells_[group.members[0]]) : shared(group);
  }
}

// What is observed serves a compression; afterwards only a budget that is held needs more of it.
std::unique_ptr<Sequence> TaskRun::compress(Sequence& read, const TaskCell& cell) {
  const Recipe& recipe = cell.recipe();
  auto sequence = recipe.compresses() ? engine_.compressed(read, recipe) : engine_.fork(read);
  if (!recipe.evicts() || !recipe.budget.hold) sequence->observed = Observations();
  return sequence;
}

void TaskRun::shared(const ReadingGroup& group) {
  const auto context = engine_.open_shared(group.recipes);
  const Timer timer;
  engine_.read(*context, tokens_->context, /*last=*/true);
  const double context_s = timer.seconds();
  if (!settings_.visible) {
    for (const size_t member : group.members) {
      const auto sequence = compress(*context, cells_[member]);
      cells_[member].note_prompt(*sequence, context_s, context->bytes());
      ask_forks(cells_[member], *sequence);
    }
    return;
  }
  for (size_t i = 0; i < tokens_->questions.size(); i++) {
    const auto read = engine_.fork(*context);
    const Timer question_timer;
    const std::vector<float> logits = asker_.read(*read, tokens_->questions[i].text);
    const double read_s = context_s + question_timer.seconds();
    for (const size_t member : group.members) {
      auto sequence = compress(*read, cells_[member]);
      cells_[member].note_prompt(*sequence, read_s, read->bytes());
      ask_one(cells_[member], i, std::move(sequence), logits);
    }
  }
}

// The pool holds no other cache meanwhile, so what it had at most is this one's peak.
void TaskRun::bounded(TaskCell& cell) {
  const auto read = [&](std::span<const int32_t> tokens, std::vector<float>* logits) {
    auto sequence = engine_.open(cell.recipe(), PrefillMode::bounded);
    sequence->prompt_total = static_cast<int64_t>(tokens.size());
    engine_.memory().reset_peak();
    const Timer timer;
    if (logits != nullptr) {
      *logits = asker_.read(*sequence, tokens);
    } else {
      engine_.read(*sequence, tokens, /*last=*/true);
    }
    cell.note_prompt(*sequence, timer.seconds() - sequence->compress_s, engine_.memory().usage().peak_bytes);
    return sequence;
  };
  if (!settings_.visible) return ask_forks(cell, *read(tokens_->context, nullptr));
  for (size_t i = 0; i < tokens_->questions.size(); i++) {
    std::vector<int32_t> prompt = tokens_->context;
    const std::vector<int32_t>& question = tokens_->questions[i].text;
    prompt.insert(prompt.end(), question.begin(), question.end());
    std::vector<float> logits;
    auto sequence = read(prompt, &logits);
    ask_one(cell, i, std::move(sequence), std::move(logits));
  }
}

void TaskRun::ask_forks(TaskCell& cell, const Sequence& compressed) {
  const size_t count = tokens_->questions.size();
  for (size_t first = 0; first < count; first += kBatch) {
    std::vector<PendingQuestion> pending;
    for (size_t i = first; i < std::min(count, first + kBatch); i++) {
      auto sequence = engine_.fork(compressed);
      std::vector<float> logits = asker_.read(*sequence, tokens_->questions[i].text);
      pending.push_back({i, std::move(sequence), std::move(logits)});
    }
    const size_t asked = pending.size();
    cell.ask(std::move(pending), *sample_, *tokens_);
    for (size_t i = 0; i < asked; i++) (*on_asked_)();
  }
}

void TaskRun::ask_one(TaskCell& cell, size_t question, std::unique_ptr<Sequence> sequence,
                      std::vector<float> logits) {
  std::vector<PendingQuestion> pending;
  pending.push_back({question, std::move(sequence), std::move(logits)});
  cell.ask(std::move(pending), *sample_, *tokens_);
  (*on_asked_)();
}

void check_length(const Engine& engine, const TaskSample& sample, const SampleTokens& tokens) {
  for (size_t i = 0; i < tokens.questions.size(); i++) {
    const auto length = static_cast<int64_t>(tokens.questions[i].text.size());
    if (length <= engine.context()) continue;
    throw UsageError(
        fmt::format("[{}] expected question {} to have at most the context of {} tokens, got {}; shorten it",
                    sample.name, i, engine.context(), length));
  }
  if (tokens.longest() <= engine.context()) return;
  throw UsageError(
      fmt::format("[{}] expected context, question and answer of at most {} tokens, got {}; give a smaller "
                  "--length or --lines, or a larger -c with --rope-extend",
                  sample.name, engine.context(), tokens.longest()));
}

// Whether every recipe can do its work on every sample, before the first is read.
void check(Engine& engine, const std::vector<TaskSample>& samples, const std::vector<SampleTokens>& tokens,
           std::span<const EvaluatedRecipe> recipes, const TaskRunSettings& settings) {
  int64_t shortest = INT64_MAX, longest = 0, batch = 1;
  for (size_t i = 0; i < samples.size(); i++) {
    check_length(engine, samples[i], tokens[i]);
    shortest = std::min(shortest, static_cast<int64_t>(tokens[i].context.size()));
    longest = std::max(longest, tokens[i].longest());
    batch = std::max(batch, static_cast<int64_t>(std::min(kBatch, tokens[i].questions.size())));
  }
  size_t most = 0;
  for (const EvaluatedRecipe& evaluated : recipes) {
    engine.open(evaluated.recipe, settings.prefill);  // refuses what can never work on this model
    if (!evaluated.recipe.compresses()) continue;
    for (const int64_t prompt : {shortest, longest}) {
      most =
          std::max(most, engine.planned_bytes(evaluated.recipe, settings.prefill, prompt, /*generated=*/0));
    }
  }
  // The shared reading, a compressed cache, and for each question of a batch at most a copy of the latter.
  const size_t full = engine.planned_bytes(Recipe{}, settings.prefill, longest, 0);
  require_room(
      engine,
      full + most + static_cast<size_t>(batch) * engine.planned_bytes(Recipe{}, settings.prefill, 512, 0));
}

std::vector<AskedQuestion> asked_questions(const std::vector<TaskSample>& samples) {
  std::vector<AskedQuestion> asked;
  for (size_t s = 0; s < samples.size(); s++) {
    for (size_t q = 0; q < samples[s].questions.size(); q++) {
      asked.push_back({fmt::format("{}#{}", samples[s].name, q), static_cast<int64_t>(s),
                       samples[s].questions[q].depth_percent});
    }
  }
  return asked;
}

}  // namespace

std::vector<TaskResult> run_task(Engine& engine, const std::vector<TaskSample>& samples,
                                 const std::vector<EvaluatedRecipe>& recipes, const TaskRunSettings& settings,
                                 const Progress& on_progress) {
  const TaskPrompter prompter(engine.vocabulary(), settings.chat);
  std::vector<SampleTokens> tokens;
  for (const TaskSample& sample : samples) tokens.push_back(prompter.tokens(sample));
  check(engine, samples, tokens, recipes, settings);

  TaskRun run(engine, settings, recipes);
  const int64_t total = question_count(samples) * run.cells();
  int64_t done = 0;
  const auto on_asked = [&] {
    done++;
    if (on_progress) on_progress(done, total);
  };
  if (on_progress) on_progress(0, total);
  for (size_t i = 0; i < samples.size(); i++) run.sample(samples[i], tokens[i], on_asked);

  const std::vector<AskedQuestion> asked = asked_questions(samples);
  std::vector<TaskResult> results;
  for (size_t i = 0; i < recipes.size(); i++) {
    TaskResult result = run.cell(i).result();
    result.evaluated = recipes[i];
    result.samples = static_cast<int64_t>(samples.size());
    result.asked = asked;
    result.full = run.full().questions();
    results.push_back(std::move(result));
  }
  return results;
}

TokenCounter token_counter(const Engine& engine) {
  return [&engine](std::string_view text) {
    return static_cast<int64_t>(
        engine.vocabulary().tokenize(text, /*add_special=*/false, /*parse_special=*/false).size());
  };
}

}  // namespace kvcompress
