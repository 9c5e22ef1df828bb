// The grid of a suite: work units that share contexts, and the cells in them.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "engine/engine.h"       // Engine
#include "eval/compare/suite.h"  // Suite

namespace kvcompress {

// One row of the results: a recipe at a budget on a task with a model.
struct Cell {
  const SuiteRecipe* recipe = nullptr;
  const SuiteVariant* variant = nullptr;
  std::string key;  // of model, task, recipe, budget and everything that could change the figures
};

// The cells of a model on a task: they answer the same contexts, each of which is read once for all of them.
struct WorkUnit {
  const SuiteModel* model = nullptr;
  const SuiteTask* task = nullptr;
  std::string key;
  std::vector<Cell> cells;
};

std::vector<WorkUnit> plan_units(const Suite& suite, const EngineOptions& options);

// The budget that a cell asks its recipe for on a context of `tokens`: on the axis `bytes` the bytes of a
// uniform cache with the nominal budget, else what the suite says.
std::string budget_on_axis(Engine& engine, const Suite& suite, const Cell& cell, int64_t tokens);

}  // namespace kvcompress
