// What a recipe asks of the engine and of its caller.
#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find

#include "policy/messages.h"  // in_quotes
#include "policy/recipe.h"

namespace kvcompress {

ScoreNeeds Recipe::needs() const {
  ScoreNeeds needs;
  if (!evicts()) return needs;
  if (score) needs = needs.united(score->needs());
  if (weight) needs = needs.united(weight->needs());
  if (select) needs = needs.united(select->needs());
  if (refit) needs.refit_queries = refit->queries();
  return needs;
}

std::vector<std::string> Recipe::calibration_kinds() const {
  std::vector<std::string> kinds;
  const Answer* answers[] = {score.get(),
                             weight.get(),
                             select.get(),
                             refit.get(),
                             budget.layer_shares.get(),
                             budget.head_shares.get(),
                             store.get()};
  for (const Answer* answer : answers) {
    const std::string kind = answer == nullptr ? "" : answer->calibration_kind();
    if (!kind.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  return kinds;
}

const Calibration* Recipe::calibration(const std::string& kind) const {
  if (kind.empty()) return nullptr;
  for (const CalibrationPtr& given : calibrations) {
    if (given->kind == kind) return given.get();
  }
  throw UsageError(
      fmt::format("[recipe {}] expected a profile of kind {}, got none; make one with kvcompress calibrate "
                  "{} and give it "
                  "with --profile FILE",
                  in_quotes(name), kind, kind));
}

}  // namespace kvcompress
