#include "policy/budget/shares.h"  // HeadShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

class EqualHeads final : public HeadShares {
 public:
  std::vector<double> weights(const HeadShareInput& input) const override {
    return std::vector<double>(input.kv_heads, 1.0);
  }
};

}  // namespace

KVC_ANSWER(heads, equal, EqualHeads, "every KV head of a layer the same", "the plain case")

}  // namespace kvcompress
