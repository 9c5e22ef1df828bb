// The contexts of a work unit, and running the unit's cells on one of them.
#pragma once

#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/engine.h"       // Engine
#include "eval/compare/cells.h"  // WorkUnit, Cell

namespace kvcompress {

// Of the whole: how much of a context is done.
using ContextProgress = std::function<void(int64_t done, int64_t total)>;

class UnitWork {
 public:
  virtual ~UnitWork() = default;

  struct Context {
    std::string id;
    int64_t tokens = 0;  // that budgets are taken of
  };
  virtual const std::vector<Context>& contexts() const = 0;
  // What the recipes reached on a context, in their order.
  virtual std::vector<Json> run(Engine& engine, size_t context, const std::vector<EvaluatedRecipe>& recipes,
                                const ContextProgress& on_progress) const = 0;
  // The figures of a row from the stored results of all contexts.
  virtual Json figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) const = 0;
};

// Reads the data and cuts them to the model's tokens. Throws UsageError, InputError or IoError for what is
// wrong with them.
std::unique_ptr<UnitWork> prepare(const Engine& engine, const Suite& suite, const WorkUnit& unit);

}  // namespace kvcompress
