#include "codec/projected/layout.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::clamp
#include <cmath>      // std::lround
#include <string>     // std::string

#include "codec/page_form.h"               // kPageSlots, padded_head_dim
#include "codec/projected/latent_plane.h"  // LatentPlane
#include "codec/projected/outliers.h"      // outlier_bytes

namespace kvcompress {
namespace {

constexpr int kStep = 16;                        // channels of a vector register
constexpr int kMostSparse = 65536 / kPageSlots;  // channels whose places fit 16 bits

int rank_of(const char* what, int rank, double share, int head_dim) {
  if (rank == 0 && share == 1) rank = head_dim;  // all, or none that fits
  if (rank == 0 && head_dim >= kStep) {
    const int steps = static_cast<int>(std::lround(share * head_dim / kStep));
    return std::clamp(steps, 1, head_dim / kStep) * kStep;
  }
  if (rank > 0 && rank % kStep == 0 && rank <= head_dim) return rank;
  std::string possible;
  for (int size = kStep; size <= head_dim; size += kStep) {
    possible += (possible.empty() ? "" : ", ") + std::to_string(size);
  }
  if (possible.empty()) {
    throw UsageError(fmt::format(
        "[store] expected a head of {} channels or more for a projection, got {}; store this model's cache "
        "as f16 or scalar",
        kStep, head_dim));
  }
  throw UsageError(fmt::format("[store] expected {} to fit {} channels of a head, got {}; choose one of {}",
                               what, head_dim, rank, possible));
}

}  // namespace

ProjectedLayout projected_layout(const ProjectedSettings& settings, int head_dim) {
  if (settings.outliers > 0 && head_dim > kMostSparse) {
    throw UsageError(
        fmt::format("[store] expected at most {} channels of a head where outliers are kept, got {}; set "
                    "store.outliers=0",
                    kMostSparse, head_dim));
  }
  ProjectedLayout layout{};
  layout.key_rank = rank_of("key_rank", settings.key_rank, settings.key_share, head_dim);
  layout.value_rank = rank_of("value_rank", settings.value_rank, settings.value_share, head_dim);
  layout.outliers = static_cast<int>(std::lround(settings.outliers * kPageSlots * head_dim));
  layout.key_outliers = LatentPlane::keys(settings.bits, layout.key_rank).bytes();
  layout.values = layout.key_outliers + outlier_bytes(layout.outliers);
  layout.value_outliers = layout.values + LatentPlane::values(settings.bits, layout.value_rank).bytes();
  layout.bytes = layout.value_outliers + outlier_bytes(layout.outliers);
  return layout;
}

size_t projected_payload_bytes(const ProjectedSettings& settings, int head_dim) {
  return projected_layout(settings, head_dim).bytes;
}

size_t projected_map_bytes(const ProjectedSettings& settings, int head_dim) {
  const ProjectedLayout layout = projected_layout(settings, head_dim);
  const auto padded = static_cast<size_t>(padded_head_dim(head_dim));
  const auto ranks = static_cast<size_t>(layout.key_rank + layout.value_rank);
  const size_t means = 2 * sizeof(float) * padded;
  return means + sizeof(uint16_t) * ranks * (settings.selects ? 1 : 3 * padded);
}

}  // namespace kvcompress
