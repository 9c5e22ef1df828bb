// Runs a suite: every model is loaded once, a context is read once for up to 32 cells (recipes at budgets),
// and what these gave is on the disk before the next ones begin. So a process that is killed loses at most
// one context of 32 cells, which is less than one cell alone takes on all its contexts unless contexts are
// few.
#pragma once

#include <functional>  // std::function
#include <memory>      // std::shared_ptr
#include <string>      // std::string

#include "eval/compare/results_folder.h"  // ResultsFolder
#include "eval/compare/suite.h"           // Suite

namespace kvcompress {

struct CompareHooks {
  std::function<void(int64_t done, int64_t total)> on_progress;
  std::function<void(const std::string& text)> on_message;
  // Called when an engine begins to work; what it returns lives as long as the engine does.
  std::function<std::shared_ptr<void>(Engine& engine)> on_engine;
};

struct CompareOutcome {
  size_t cells = 0, finished_before = 0;
};

// provenance: what stands in every row about the build and the machine.
// Throws UsageError with a line for every cell whose budget cannot be met and every task whose data do not
// fit, before any work.
CompareOutcome compare(const Suite& suite, const EngineOptions& options, ResultsFolder& folder,
                       const Json& provenance, const CompareHooks& hooks);

}  // namespace kvcompress
