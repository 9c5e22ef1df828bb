#include "engine/packings.h"

#include <algorithm>  // std::find_if, std::max

#include "codec/make_packed_form.h"  // make_packed_form
#include "codec/projected/layout.h"  // projected_payload_bytes, projected_map_bytes

namespace kvcompress {

Packings::Packings(const PagePool& exact, int layers, int kv_heads)
    : exact_(exact), layers_(layers), kv_heads_(kv_heads), positions_(&exact.memory()) {}

std::vector<Packing> Packings::of(const Recipe& recipe) {
  std::vector<Packing> packings;
  if (!recipe.store) return packings;
  for (int layer = 0; layer < layers_; ++layer) {
    for (int head = 0; head < kv_heads_; ++head) {
      const PackedSettings settings = recipe.store->packed(layer, head, kv_heads_);
      if (const auto* fitted = std::get_if<ProjectedSettings>(&settings)) {
        projected_layout(*fitted, exact_.head_dim());  // refuses what does not fit
        packings.emplace_back();
        continue;
      }
      const PackedForm* packed = form(settings);
      packings.push_back({pool(packed->payload_bytes()), packed});
    }
  }
  return packings;
}

PageSizes Packings::sizes(const Recipe& recipe) {
  PageSizes sizes{exact_.page_bytes(), 0};
  if (!recipe.store) return sizes;
  for (const Packing& packing : of(recipe)) {
    if (packing.pool != nullptr) sizes.packed = std::max(sizes.packed, packing.pool->page_bytes());
  }
  if (recipe.store->projection_fit() == nullptr) return sizes;
  for (int layer = 0; layer < layers_; ++layer) {
    for (int head = 0; head < kv_heads_; ++head) {
      const auto settings = std::get<ProjectedSettings>(recipe.store->packed(layer, head, kv_heads_));
      const PagePool* pages = pool(projected_payload_bytes(settings, exact_.head_dim()));
      sizes.packed = std::max(sizes.packed, pages->page_bytes());
      sizes.maps = std::max(sizes.maps, projected_map_bytes(settings, exact_.head_dim()));
    }
  }
  return sizes;
}

const PackedForm* Packings::form(const PackedSettings& settings) {
  const auto made =
      std::find_if(forms_.begin(), forms_.end(), [&](const auto& entry) { return entry.first == settings; });
  if (made != forms_.end()) return made->second.get();
  return forms_.emplace_back(settings, make_packed_form(settings, exact_.head_dim())).second.get();
}

PagePool* Packings::pool(size_t payload_bytes) {
  const auto made = std::find_if(pools_.begin(), pools_.end(),
                                 [&](const auto& entry) { return entry.first == payload_bytes; });
  if (made != pools_.end()) return made->second.get();
  auto pool = std::make_unique<PagePool>(payload_bytes, exact_.head_dim(), exact_.options(), &exact_.memory(),
                                         &positions_);
  return pools_.emplace_back(payload_bytes, std::move(pool)).second.get();
}

}  // namespace kvcompress
