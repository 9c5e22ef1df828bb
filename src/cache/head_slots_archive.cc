// A head on its way to disk and back: pages go as they lie, so that attention adds up the same numbers in the
// same order afterwards. Where a page lives (PageHome) and summaries, which are computed again, stay behind.
#include <algorithm>  // std::adjacent_find, std::copy_n, std::min_element, std::sort
#include <array>      // std::array
#include <bit>        // std::bit_cast
#include <limits>     // std::numeric_limits
#include <stdexcept>  // std::logic_error

#include "base/archive.h"  // Archive
#include "cache/head_slots.h"
#include "cache/slot_mask.h"    // for_each_slot, live_mask
#include "codec/packed_form.h"  // PackedForm

namespace kvcompress {
namespace {

// A page's form by its number in the head's list of forms, which stands in front of the pages.
constexpr uint8_t kExactForm = 0, kPackedForm = 1;

// No early end, so that compilers take many numbers at once: an exponent of all ones is infinity or NaN.
bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t unfit = 0;
  for (const float value : values) {
    unfit |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent ? 1 : 0;
  }
  return unfit == 0;
}

// 64 positions that follow on the first one.
bool is_run(const int32_t* positions) {
  for (int slot = 0; slot < kPageSlots; ++slot) {
    if (positions[slot] == kNoToken || positions[slot] != positions[0] + slot) return false;
  }
  return true;
}

}  // namespace

void HeadSlots::archive(Archive& archive, int32_t end) {
  auto& [exact_pool, exact_form, packing, seed, ids, views, packed, exact_length, packed_length, pins_seen] =
      *this;
  if (archive.reading() && !ids.empty()) throw std::logic_error("[cache] this head has pages already");
  archive.field(seed);
  archive_forms(archive);
  uint32_t pages = static_cast<uint32_t>(ids.size()), packed_pages = static_cast<uint32_t>(packed);
  archive.field(packed_pages);
  archive.field(pages);
  archive.require(packed_pages <= pages && (packed_pages == 0 || packing.form != nullptr),
                  "as many packed pages as there are pages, of a recipe that packs");
  for (uint32_t page = 0; page < pages; ++page) archive_page(archive, page);
  if (!archive.reading()) return;
  if (packed != packed_pages) archive.refuse("packed pages in front of exact ones", "another order");
  check_archived(archive, end);
  for (size_t page = 0; page < views.size(); ++page) {
    (is_packed(page) ? packed_length : exact_length) += views[page].live;
    pins_seen = pins_seen || pool_of(page).pins(ids[page]) != 0;
  }
}

// The size of a page tells forms of different bits and groups apart, the optional fields different pools.
void HeadSlots::archive_forms(Archive& archive) const {
  const PoolOptions& options = pool_->options();
  archive.same(static_cast<uint64_t>(form_->head_dim()), "channels of a head");
  archive.same((options.bias ? 1 : 0) | (options.scores ? 2 : 0), "for a page's optional fields");
  archive.same(packing_.form == nullptr ? 1 : 2, "forms of pages");
  archive.same(form_->payload_bytes(), "bytes of an exact page");
  if (packing_.form != nullptr) {
    archive.same(packing_.form->payload_bytes(), "bytes of a page of the recipe's packed form");
  }
}

void HeadSlots::archive_page(Archive& archive, size_t page) {
  const bool reads = archive.reading();
  uint8_t form = !reads && is_packed(page) ? kPackedForm : kExactForm;
  archive.field(form);
  archive.require(form == kExactForm || (form == kPackedForm && packing_.form != nullptr),
                  "a page in one of the head's forms");
  const bool packed = form == kPackedForm;
  PagePool& pool = packed ? *packing_.pool : *pool_;
  if (reads) {
    if (packed && packed_ != page) archive.refuse("packed pages in front of exact ones", "another order");
    views_.push_back({});
    ids_.push_back(kNoPage);
    if (packed) ++packed_;
    ids_[page] = pool.allocate();
    views_[page].payload = pool.payload(ids_[page]);
    views_[page].packed = packed ? packing_.form : nullptr;
  }
  const PageId id = ids_[page];
  bool run = !reads && is_run(views_[page].positions);
  archive.field(run);
  archive_positions(archive, page, run);
  archive.field(pool.pins(id));
  if (pool.options().bias) {
    archive.field(pool.biased(id));
    archive.raw(pool.bias(id), sizeof(float) * kPageSlots);
    archive.require(all_finite({pool.bias(id), kPageSlots}), "biases that are finite");
  }
  if (pool.options().scores) archive.raw(pool.scores(id), sizeof(float) * kPageSlots);
  archive.raw(pool.payload(id), packed ? packing_.form->payload_bytes() : form_->payload_bytes());
  archive.require(!packed || packing_.form->readable(pool.payload(id)), "indices that stay in their page");
  if (reads) update_view(page);
}

// A run is its first position alone.
void HeadSlots::archive_positions(Archive& archive, size_t page, bool run) {
  PageView& view = views_[page];
  std::array<int32_t, kPageSlots> positions{};
  if (!archive.reading()) std::copy_n(view.positions, kPageSlots, positions.data());
  archive.raw(positions.data(), sizeof(int32_t) * (run ? 1 : kPageSlots));
  if (!archive.reading()) return;
  const int32_t least = *std::min_element(positions.begin(), positions.end());
  archive.require(least >= 0 && !(run && least >= kNoToken - kPageSlots), "positions of 0 or more");
  PagePool& pool = pool_of(page);
  int32_t* const to = pool.own_positions(ids_[page]);
  std::copy_n(positions.data(), kPageSlots, to);
  for (int slot = 1; run && slot < kPageSlots; ++slot) to[slot] = to[0] + slot;
  if (is_packed(page)) pool.share_positions(ids_[page]);
  view.positions = pool.positions(ids_[page]);
}

// Everything that attention, eviction and policies rely on without looking.
void HeadSlots::check_archived(const Archive& archive, int32_t end) const {
  std::vector<int32_t> all;
  const size_t numbers = static_cast<size_t>(kPageSlots) * form_->head_dim();
  std::vector<float> keys(numbers), values(numbers);
  for (size_t page = 0; page < views_.size(); ++page) {
    const PageView& view = views_[page];
    archive.require(view.live > 0, "a token in every page");
    int32_t last = page == 0 || page == packed_ ? -1 : views_[page - 1].last_position;
    const uint64_t live = live_mask(view);
    for_each_slot(live, [&](int slot) {
      archive.require(view.positions[slot] > last && view.positions[slot] < end,
                      "positions that ascend below the next one");
      last = view.positions[slot];
      all.push_back(last);
    });
    archive.require((pool_of(page).pins(ids_[page]) & ~live) == 0, "pins of tokens alone");
    load_page(page, keys.data(), values.data());
    archive.require(all_finite(keys) && all_finite(values), "keys and values that are finite");
  }
  std::sort(all.begin(), all.end());
  archive.require(std::adjacent_find(all.begin(), all.end()) == all.end(), "each token in one page");
  archive.require(all.size() <= static_cast<size_t>(std::numeric_limits<int>::max()), "a head that fits");
}

}  // namespace kvcompress
