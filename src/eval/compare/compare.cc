#include "eval/compare/compare.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // Error

#include <ctime>              // std::time, gmtime_r
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <set>                // std::set
#include <span>               // std::span

#include "eval/compare/cells.h"      // plan_units
#include "eval/compare/problems.h"   // Problems
#include "eval/compare/unit_work.h"  // prepare

namespace kvcompress {
namespace {

// What compressing and asking takes for one cell, in tokens of reading that take as long.
constexpr int64_t kCellWeight = 250;

// Cells that share one reading of a context. More would read less often, and lose more when the process is
// killed.
constexpr size_t kGroup = 32;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

struct Planned {
  WorkUnit unit;  // its unfinished cells
  std::unique_ptr<UnitWork> work;
};

class Comparison {
 public:
  Comparison(const Suite& suite, const EngineOptions& options, ResultsFolder& folder, const Json& provenance,
             const CompareHooks& hooks)
      : suite_(suite), options_(options), folder_(folder), provenance_(provenance), hooks_(hooks) {}

  CompareOutcome run() {
    plan();
    for (const Planned& planned : planned_) run_unit(planned);
    release();
    return outcome_;
  }

 private:
  Engine& engine_of(const SuiteModel& model) {
    if (engine_ == nullptr || engine_path_ != model.path) {
      release();
      engine_ = std::make_unique<Engine>(model.path, options_);
      engine_path_ = model.path;
      if (hooks_.on_engine) attached_ = hooks_.on_engine(*engine_);
    }
    return *engine_;
  }

  void release() {
    attached_.reset();
    engine_.reset();
  }

  EvaluatedRecipe evaluated(Engine& engine, const WorkUnit& unit, const Cell& cell, int64_t tokens) const {
    const std::string budget = budget_on_axis(engine, suite_, cell, tokens);
    return {suite_recipe(*cell.recipe, *cell.variant, *unit.model, budget), budget};
  }

  // Makes the contexts of every unit that is not finished, and plans every cell's cache on each of them.
  void plan() {
    Problems problems(suite_.origin);
    for (WorkUnit& unit : plan_units(suite_, options_)) {
      outcome_.cells += unit.cells.size();
      const size_t all = unit.cells.size();
      std::erase_if(unit.cells, [&](const Cell& cell) { return folder_.has(cell.key); });
      outcome_.finished_before += all - unit.cells.size();
      if (unit.cells.empty()) continue;
      Engine& engine = engine_of(*unit.model);
      try {
        Planned planned{std::move(unit), nullptr};
        planned.work = prepare(engine, suite_, planned.unit);
        check_budgets(engine, planned, problems);
        for (const auto& context : planned.work->contexts()) total_ += weight(planned, context);
        planned_.push_back(std::move(planned));
      } catch (const Cancelled&) {
        throw;
      } catch (const Error& error) {
        problems.add_error(unit.task->line, error.what());
      }
    }
    problems.check();
  }

  void check_budgets(Engine& engine, const Planned& planned, Problems& problems) const {
    std::set<int64_t> lengths;
    for (const auto& context : planned.work->contexts()) lengths.insert(context.tokens);
    for (const Cell& cell : planned.unit.cells) {
      for (const int64_t tokens : lengths) {
        try {
          const EvaluatedRecipe asked = evaluated(engine, planned.unit, cell, tokens);
          if (asked.recipe.compresses()) engine.planned_bytes(asked.recipe, suite_.prefill, tokens, 0);
        } catch (const Error& error) {
          problems.add_error(cell.recipe->line, fmt::format("{} at {} on {} tokens of {}: {}",
                                                            cell.recipe->label, cell.variant->budget, tokens,
                                                            planned.unit.task->label, error.what()));
          break;
        }
      }
    }
  }

  static int64_t weight(const Planned& planned, const UnitWork::Context& context) {
    return context.tokens + kCellWeight * static_cast<int64_t>(planned.unit.cells.size());
  }

  void progress(int64_t of_context) const {
    if (hooks_.on_progress) hooks_.on_progress(done_ + of_context, total_);
  }

  void run_unit(const Planned& planned) {
    const WorkUnit& unit = planned.unit;
    Engine& engine = engine_of(*unit.model);
    if (hooks_.on_message) {
      hooks_.on_message(fmt::format("{} on {}: {} recipes and budgets, {} contexts", unit.task->label,
                                    unit.model->name, unit.cells.size(), planned.work->contexts().size()));
    }
    std::map<std::string, Json> finished = folder_.contexts(unit.key);
    for (size_t i = 0; i < planned.work->contexts().size(); i++) {
      run_context(engine, planned, i, finished[planned.work->contexts()[i].id]);
    }
    for (const Cell& cell : unit.cells) folder_.add_row(row(engine, planned, cell, finished));
    folder_.forget_contexts();
  }

  // finished: key of a cell -> what is stored of it; the cells that it lacks are run, a group at a time.
  void run_context(Engine& engine, const Planned& planned, size_t index, Json& finished) {
    const UnitWork::Context& context = planned.work->contexts()[index];
    std::vector<const Cell*> missing;
    for (const Cell& cell : planned.unit.cells) {
      if (!finished.contains(cell.key)) missing.push_back(&cell);
    }
    const int64_t whole = weight(planned, context);
    for (size_t begin = 0; begin < missing.size(); begin += kGroup) {
      const std::span group(missing.data() + begin, std::min(kGroup, missing.size() - begin));
      const double share = 1.0 / static_cast<double>(missing.size());
      run_group(engine, planned, index, group, finished, [&](int64_t done, int64_t total) {
        const double of_group = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
        const double cells = static_cast<double>(begin) + of_group * static_cast<double>(group.size());
        progress(static_cast<int64_t>(static_cast<double>(whole) * share * cells));
      });
    }
    done_ += whole;
    progress(0);
  }

  void run_group(Engine& engine, const Planned& planned, size_t index, std::span<const Cell* const> group,
                 Json& finished, const ContextProgress& on_progress) {
    const UnitWork::Context& context = planned.work->contexts()[index];
    std::vector<EvaluatedRecipe> recipes;
    for (const Cell* cell : group) recipes.push_back(evaluated(engine, planned.unit, *cell, context.tokens));
    const std::vector<Json> results = planned.work->run(engine, index, recipes, on_progress);
    Json cells;
    for (size_t i = 0; i < group.size(); i++) {
      cells[group[i]->key] = results[i];
      cells[group[i]->key]["asked_budget"] = recipes[i].budget;
    }
    folder_.add_context(planned.unit.key, context.id, cells);
    finished.update(cells);
  }

  // What a row is of, apart from the recipe.
  Json unit_facts(Engine& engine, const WorkUnit& unit) const {
    return {{"suite", suite_.name},
            {"model", unit.model->name},
            {"model_file", std::filesystem::path(unit.model->path).filename().string()},
            {"model_hash", fmt::format("{:016x}", engine.file().hash())},
            {"task", unit.task->task},
            {"label", unit.task->label},
            {"settings", unit.task->shown},
            {"protocol",
             {{"question", suite_.visible ? "visible" : "hidden"},
              {"chat", suite_.chat},
              {"prefill", suite_.prefill == PrefillMode::bounded ? "bounded" : "exact"},
              {"precision", options_.precision == Precision::exact ? "exact" : "fast"},
              {"axis", suite_.axis == BudgetAxis::bytes ? "bytes" : "nominal"}}}};
  }

  Json row(Engine& engine, const Planned& planned, const Cell& cell,
           const std::map<std::string, Json>& finished) const {
    std::vector<Json> contexts;
    Json given = Json::array();  // what the recipe was asked for, by context
    for (const auto& context : planned.work->contexts()) {
      contexts.push_back(finished.at(context.id).at(cell.key));
      given.push_back(contexts.back().at("asked_budget"));
    }
    const EvaluatedRecipe asked = evaluated(engine, planned.unit, cell, planned.work->contexts()[0].tokens);
    Json row = {{"cell", cell.key}};
    row.update(unit_facts(engine, planned.unit));
    row["method"] = cell.recipe->label;
    row["overrides"] = cell.variant->overrides;
    row.update(planned.work->figures(contexts, asked));
    row["recipe"] = cell.recipe->recipe;
    row["budget"] = cell.variant->budget;  // as the suite gives it
    row["budget_given"] = given;
    for (const std::string& place : {std::string("*"), planned.unit.task->label}) {
      if (!cell.variant->claimed.contains(place)) continue;
      Json& claimed = row["claimed"];
      if (claimed.is_null()) claimed = Json::object();
      claimed.update(cell.variant->claimed.at(place));
    }
    row.update(provenance_);
    row["finished"] = utc_now();
    return row;
  }

  const Suite& suite_;
  const EngineOptions& options_;
  ResultsFolder& folder_;
  const Json& provenance_;
  const CompareHooks& hooks_;
  CompareOutcome outcome_;
  std::vector<Planned> planned_;
  int64_t done_ = 0, total_ = 0;
  std::unique_ptr<Engine> engine_;
  std::string engine_path_;
  std::shared_ptr<void> attached_;
};

}  // namespace

CompareOutcome compare(const Suite& suite, const EngineOptions& options, ResultsFolder& folder,
                       const Json& provenance, const CompareHooks& hooks) {
  return Comparison(suite, options, folder, provenance, hooks).run();
}

}  // namespace kvcompress
