#include "policy/projections/projected_store.h"

#include <fmt/format.h>

namespace kvcompress {
namespace {

constexpr double kMostOutliers = 0.25;

std::string channels(int64_t rank, double share) {
  return rank > 0 ? fmt::format("{} channels", rank) : fmt::format("{:g} % of the channels", 100 * share);
}

}  // namespace

void ProjectedStore::visit(ParameterVisitor& visitor) {
  visitor.share("key_share", key_share_, "of a key's channels, brought to a multiple of 16");
  visitor.share("value_share", value_share_, "of a value's channels, brought to a multiple of 16");
  visitor.integer("key_rank", key_rank_, 0, 1024,
                  "channels of a stored key, a multiple of 16; 0: by key_share");
  visitor.integer("value_rank", value_rank_, 0, 1024,
                  "channels of a stored value, a multiple of 16; 0: by value_share");
  visitor.integer("bits", bits_, 2, 16, "of a stored number: 16 (f16), 8, 4, 3 or 2");
  visitor.real("outliers", outliers_, 0, kMostOutliers,
               "share of the numbers whose error, the largest ones, is kept beside them");
  visitor.integer("fit_tokens", fit_tokens_, 1, 1 << 20,
                  "tokens a head holds, at least, when it is fitted; fewer after an eviction");
  StorePolicy::visit(visitor);
}

std::string ProjectedStore::problem() const {
  if (bits_ != 2 && bits_ != 3 && bits_ != 4 && bits_ != 8 && bits_ != 16) {
    return fmt::format("bits: expected 2, 3, 4, 8 or 16, got {}", bits_);
  }
  return {};
}

PackedSettings ProjectedStore::packed(int, int, int) const {
  ProjectedSettings settings;
  settings.key_rank = static_cast<int>(key_rank_);
  settings.value_rank = static_cast<int>(value_rank_);
  settings.key_share = key_share_;
  settings.value_share = value_share_;
  settings.bits = static_cast<int>(bits_);
  settings.outliers = outliers_;
  settings.selects = selects_;
  return settings;
}

std::string ProjectedStore::describe() const {
  return fmt::format("keys in {}, values in {}, {} bit{}", channels(key_rank_, key_share_),
                     channels(value_rank_, value_share_), bits_,
                     outliers_ > 0 ? fmt::format(", {:g} % outliers", 100 * outliers_) : "");
}

}  // namespace kvcompress
