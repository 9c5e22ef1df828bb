// What the answers to `store` that fit a projection have in common.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string

#include "policy/projection.h"    // ProjectionFit
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {

class ProjectedStore : public StorePolicy, public ProjectionFit {
 public:
  void visit(ParameterVisitor& visitor) override;
  std::string problem() const override;
  PackedSettings packed(int layer, int kv_head, int kv_heads) const override;
  std::string describe() const override;
  const ProjectionFit* projection_fit() const override { return this; }
  int64_t fit_tokens() const override { return fit_tokens_; }

 protected:
  ProjectedStore() = default;
  ProjectedStore(double key_share, double value_share, bool selects)
      : key_share_(key_share), value_share_(value_share), selects_(selects) {}

 private:
  double key_share_ = 0.5, value_share_ = 0.5, outliers_ = 0;
  int64_t key_rank_ = 0, value_rank_ = 0, bits_ = 16, fit_tokens_ = 256;
  bool selects_ = false;
};

}  // namespace kvcompress
