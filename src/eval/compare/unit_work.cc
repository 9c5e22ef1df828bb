#include "eval/compare/unit_work.h"

#include <fmt/format.h>  // fmt::format

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/compare/context_result.h"  // stored, task_figures
#include "eval/task_runner.h"             // run_task, token_counter

namespace kvcompress {
namespace {

class QuestionWork : public UnitWork {
 public:
  QuestionWork(const Engine& engine, const Suite& suite, const SuiteTask& task)
      : settings_{suite.visible, suite.chat, suite.prefill} {
    const TokenCounter count = token_counter(engine);
    samples_ = find_task(task.task).make(task.settings, count);
    for (const TaskSample& sample : samples_) contexts_.push_back({sample.name, count(sample.context)});
  }

  const std::vector<Context>& contexts() const override { return contexts_; }

  std::vector<Json> run(Engine& engine, size_t context, const std::vector<EvaluatedRecipe>& recipes,
                        const ContextProgress& on_progress) const override {
    std::vector<Json> all;
    for (const TaskResult& result : run_task(engine, {samples_[context]}, recipes, settings_, on_progress)) {
      all.push_back(stored(result));
    }
    return all;
  }

  Json figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) const override {
    return task_figures(contexts, evaluated);
  }

 private:
  TaskRunSettings settings_;
  std::vector<TaskSample> samples_;
  std::vector<Context> contexts_;
};

class PerplexityWork : public UnitWork {
 public:
  PerplexityWork(const Engine& engine, const Suite& suite, const SuiteTask& task)
      : settings_(task.perplexity) {
    settings_.prefill = suite.prefill;
    windows_ = cut_windows(read_texts(task.settings.data), settings_.plan, engine.vocabulary());
    const bool stream = settings_.mode == PerplexitySettings::Mode::stream;
    const int64_t tokens = stream ? settings_.plan.context + settings_.plan.target : settings_.plan.context;
    for (size_t i = 0; i < windows_.size(); i++) contexts_.push_back({fmt::format("window {}", i), tokens});
  }

  const std::vector<Context>& contexts() const override { return contexts_; }

  std::vector<Json> run(Engine& engine, size_t context, const std::vector<EvaluatedRecipe>& recipes,
                        const ContextProgress& on_progress) const override {
    std::vector<Json> all;
    for (const PerplexityResult& result :
         evaluate_perplexity(engine, {windows_[context]}, recipes, settings_, on_progress)) {
      all.push_back(stored(result, contexts_[context].id));
    }
    return all;
  }

  Json figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) const override {
    return perplexity_figures(contexts, evaluated);
  }

 private:
  PerplexitySettings settings_;
  std::vector<std::vector<int32_t>> windows_;
  std::vector<Context> contexts_;
};

// Every run is a request of its own, so that the times are those of one user alone; the recipes take turns,
// so that a slow moment of the machine meets all of them.
class SpeedWork : public UnitWork {
 public:
  SpeedWork(const Engine& engine, const Suite& suite, const SuiteTask& task)
      : prefill_(suite.prefill), generate_(static_cast<int>(task.generate)) {
    const WindowPlan plan{0, task.prompt, task.prompt, 1};
    prompt_ = cut_windows(read_texts(task.settings.data), plan, engine.vocabulary()).at(0);
    prompt_.pop_back();
    for (int64_t i = 0; i < task.repeats; i++) contexts_.push_back({fmt::format("run {}", i), task.prompt});
  }

  const std::vector<Context>& contexts() const override { return contexts_; }

  std::vector<Json> run(Engine& engine, size_t context, const std::vector<EvaluatedRecipe>& recipes,
                        const ContextProgress& on_progress) const override {
    if (context == 0) request(engine, recipes[0].recipe);  // the first reading of all warms the machine up
    std::vector<Json> all;
    for (const EvaluatedRecipe& evaluated : recipes) {
      all.push_back(stored(request(engine, evaluated.recipe), contexts_[context].id));
      on_progress(static_cast<int64_t>(all.size()), static_cast<int64_t>(recipes.size()));
    }
    return all;
  }

  Json figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) const override {
    return speed_figures(contexts, evaluated);
  }

 private:
  Receipt request(Engine& engine, const Recipe& recipe) const {
    Request request;
    request.prompt = prompt_;
    request.recipe = recipe;
    request.prefill = prefill_;
    request.max_tokens = generate_;
    request.sampling.greedy = true;
    request.ignore_end = true;
    return engine.run(std::move(request)).receipt;
  }

  PrefillMode prefill_;
  int generate_;
  std::vector<int32_t> prompt_;
  std::vector<Context> contexts_;
};

}  // namespace

std::unique_ptr<UnitWork> prepare(const Engine& engine, const Suite& suite, const WorkUnit& unit) {
  const SuiteTask& task = *unit.task;
  if (task.is_perplexity()) return std::make_unique<PerplexityWork>(engine, suite, task);
  if (task.is_speed()) return std::make_unique<SpeedWork>(engine, suite, task);
  return std::make_unique<QuestionWork>(engine, suite, task);
}

}  // namespace kvcompress
