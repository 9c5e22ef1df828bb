#include <algorithm>  // std::min, std::max
#include <cmath>      // std::sqrt
#include <limits>     // std::numeric_limits
#include <stdexcept>  // std::logic_error

#include "cache/head_slots.h"
#include "cache/slot_mask.h"

namespace kvcompress {

void HeadSlots::refresh_summaries() {
  if (!pool_->options().summaries) throw std::logic_error("[cache] this pool was made without summaries");
  const size_t channels = static_cast<size_t>(form_->head_dim());
  std::vector<float> keys(kPageSlots * channels), minimum(channels), maximum(channels), mean(channels);
  for (size_t page = 0; page < ids_.size(); ++page) {
    const PageView& view = views_[page];
    if (view.used < kPageSlots || has_summary(page)) continue;
    load_page(page, keys.data(), nullptr);
    std::fill(minimum.begin(), minimum.end(), std::numeric_limits<float>::infinity());
    std::fill(maximum.begin(), maximum.end(), -std::numeric_limits<float>::infinity());
    std::fill(mean.begin(), mean.end(), 0.0f);
    const float share = 1.0f / static_cast<float>(view.live);
    float mean_norm = 0;
    for_each_slot(live_mask(view), [&](int slot) {
      const float* const key = keys.data() + slot * channels;
      float squares = 0;
      for (size_t c = 0; c < channels; ++c) {
        minimum[c] = std::min(minimum[c], key[c]);
        maximum[c] = std::max(maximum[c], key[c]);
        mean[c] += share * key[c];
        squares += key[c] * key[c];
      }
      mean_norm += share * std::sqrt(squares);
    });
    pool_of(page).set_summary(ids_[page], {minimum.data(), maximum.data(), mean.data(), mean_norm});
  }
}

}  // namespace kvcompress
