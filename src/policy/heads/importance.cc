#include <fmt/format.h>
#include <kvcompress/error.h>  // Error, InputError

#include <algorithm>  // std::max
#include <cmath>      // std::floor, std::pow
#include <numeric>    // std::accumulate

#include "policy/budget/shares.h"  // HeadShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// Of a head's mean slots less the window, 1 / beta go into one pool for the heads of all layers, shared by
// importance; the rest is every head's own. What a head cannot use goes back to the others.
class ImportanceHeads final : public HeadShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice("table", table_, {"importance", "retrieval", "reason"},
                   "array of the profile: importance as calibrated; retrieval: heads that copy (HeadKV-R); "
                   "reason: heads that also reason (HeadKV-R2)");
    visitor.real("beta", beta_, 1, 1e6, "1 / beta of the budget goes by importance; 1: all of it");
    visitor.real("temperature", temperature_, 0.001, 1000, "exponent of the importances: above 1 is sharper");
  }

  bool spans_layers() const override { return true; }
  std::string calibration_kind() const override { return "head_importance"; }

  std::vector<double> weights(const HeadShareInput& input) const override {
    std::vector<double> shares = importances(input);
    double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (!(sum > 0)) refuse("an importance above 0 in some limited layer, got none");
    for (double& share : shares) share = std::pow(share / sum, temperature_);
    sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    const auto window = static_cast<double>(input.recent);
    const double ranked = std::max(input.mean_slots - window, 0.0);
    const double pooled = std::floor(ranked / beta_);
    const double pool = pooled * static_cast<double>(shares.size());
    for (double& share : shares) {
      share = std::max(share / sum * pool + (ranked - pooled) + window, 1e-9);  // weights are above 0
    }
    return shares;
  }

 private:
  [[noreturn]] static void refuse(const std::string& expected) {
    throw InputError(fmt::format(
        "[profile head_importance] expected {}; make it again with kvcompress calibrate", expected));
  }

  // [limited layers][kv_heads]: the mean over the query heads of each KV head.
  std::vector<double> importances(const HeadShareInput& input) const {
    if (input.calibration == nullptr) {
      throw Error("[importance] expected a profile, got none; this is a defect of the caller");
    }
    const int64_t query_heads = static_cast<int64_t>(input.kv_heads) * input.group;
    const std::vector<float>& table = input.calibration->array(table_, {input.all_layers, query_heads});
    std::vector<double> out;
    for (const int layer : input.layers) {
      for (int head = 0; head < input.kv_heads; ++head) {
        const float* group = table.data() + layer * query_heads + static_cast<int64_t>(head) * input.group;
        for (int g = 0; g < input.group; ++g) {
          if (group[g] < 0) refuse(fmt::format("importances of 0 and more, got {}", group[g]));
        }
        out.push_back(std::accumulate(group, group + input.group, 0.0) / input.group);
      }
    }
    return out;
  }

  std::string table_ = "importance";
  double beta_ = 1.2;
  double temperature_ = 1;
};

}  // namespace

KVC_ANSWER(heads, importance, ImportanceHeads, "heads of all layers by their measured importance",
           "arXiv:2410.19258 (HeadKV) section 3")

}  // namespace kvcompress
