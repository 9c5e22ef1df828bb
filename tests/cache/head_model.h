// The plainest thing that behaves like HeadSlots: a vector of tokens. For property tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/random.h"
#include "cache/head_slots.h"
#include "codec/f16.h"
#include "support/test_packed_form.h"  // round_row

namespace kvcompress {

struct ModelToken {
  int32_t position;
  bool pinned = false;
  float bias = 0;
  float score = 0;
};

// The numbers of a token follow from its position (and a salt), so that none need to be stored.
inline std::vector<float> token_values(int32_t position, uint64_t salt, int dim) {
  std::vector<float> values(static_cast<size_t>(dim));
  Random(salt, static_cast<uint64_t>(position)).fill_uniform(values, -4, 4);
  return values;
}

struct HeadModel {
  std::vector<ModelToken> tokens;
  uint64_t salt = 0;

  void keep(const std::vector<int32_t>& indices) {
    std::vector<ModelToken> kept;
    for (const int32_t index : indices) kept.push_back(tokens[static_cast<size_t>(index)]);
    tokens = kept;
  }
  void drop(int32_t index) { tokens.erase(tokens.begin() + index); }
  void drop_before(int32_t position) {
    std::erase_if(tokens, [&](const ModelToken& t) { return t.position < position && !t.pinned; });
  }
};

// A token's key or value as a head gives it back.
inline std::vector<float> stored_values(int32_t position, uint64_t salt, int dim, bool packed) {
  std::vector<float> values = token_values(position, salt, dim);
  for (float& value : values) value = f32_from_f16(f16_from_f32(value));
  if (packed) round_row(std::vector<float>(values).data(), dim, values.data());
  return values;
}

inline void append_tokens(HeadSlots& head, HeadModel& model, const std::vector<int32_t>& positions, int dim) {
  std::vector<float> keys, values;
  for (const int32_t position : positions) {
    const auto key = token_values(position, model.salt, dim),
               value = token_values(position, model.salt + 1, dim);
    keys.insert(keys.end(), key.begin(), key.end());
    values.insert(values.end(), value.begin(), value.end());
    model.tokens.push_back({position});
  }
  head.append(positions, keys.data(), dim, values.data(), dim);
}

// What the views say, against what the pages hold.
inline void expect_views_true(const HeadSlots& head) {
  int live = 0;
  std::set<int32_t> seen;
  for (size_t page = 0; page < head.pages().size(); ++page) {
    const PageView& view = head.pages()[page];
    ASSERT_EQ(view.packed != nullptr, page < head.packed_pages());
    int32_t last = page == 0 || page == head.packed_pages() ? -1 : head.pages()[page - 1].last_position;
    int here = 0, used = 0;
    int32_t first_here = kNoToken, last_here = -1;
    for (int slot = 0; slot < kPageSlots; ++slot) {
      const int32_t position = view.positions[slot];
      if (position == kNoToken) continue;
      ASSERT_GT(position, last);
      ASSERT_TRUE(seen.insert(position).second) << position << " lives twice";
      last = position;
      if (here++ == 0) first_here = position;
      last_here = position;
      used = slot + 1;
    }
    ASSERT_GT(here, 0) << "an empty page was kept";
    ASSERT_EQ(view.live, here);
    ASSERT_EQ(view.used, used);
    ASSERT_EQ(view.first_position, first_here);
    ASSERT_EQ(view.last_position, last_here);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(view.payload) % 64, 0u);
    live += here;
  }
  ASSERT_EQ(live, head.length());
  ASSERT_EQ(head.pages().size(), head.pages_held());
}

// Positions, pins, and the numbers of some tokens (all of them costs too much at every step).
inline void expect_equal(const HeadSlots& head, const HeadModel& model, int dim, Random& random,
                         bool fields) {
  const size_t length = model.tokens.size();
  ASSERT_EQ(static_cast<size_t>(head.length()), length);
  std::vector<int32_t> positions(length), slots(length);
  std::vector<uint8_t> pinned(length);
  head.positions(positions);
  head.slots(slots);
  head.pinned(pinned);
  for (size_t i = 0; i < length; ++i) {
    ASSERT_EQ(positions[i], model.tokens[i].position);
    ASSERT_EQ(pinned[i] != 0, model.tokens[i].pinned);
    const PageView& view = head.pages()[static_cast<size_t>(slots[i] / kPageSlots)];
    ASSERT_EQ(view.positions[slots[i] % kPageSlots], positions[i]);
    if (!fields) continue;
    ASSERT_EQ(view.bias == nullptr ? 0 : view.bias[slots[i] % kPageSlots], model.tokens[i].bias);
  }
  if (fields) {
    std::vector<float> scores(length);
    head.scores(scores);
    for (size_t i = 0; i < length; ++i) ASSERT_EQ(scores[i], model.tokens[i].score);
  }
  std::vector<float> key(static_cast<size_t>(dim)), value(static_cast<size_t>(dim));
  for (size_t check = 0; check < std::min<size_t>(length, 8); ++check) {
    const auto index = static_cast<int32_t>(random.below(length));
    head.load(index, key.data(), value.data());
    const int32_t position = positions[static_cast<size_t>(index)];
    const int32_t slot = slots[static_cast<size_t>(index)];
    const bool packed = head.pages()[static_cast<size_t>(slot / kPageSlots)].packed != nullptr;
    ASSERT_EQ(key, stored_values(position, model.salt, dim, packed));
    ASSERT_EQ(value, stored_values(position, model.salt + 1, dim, packed));
  }
}

}  // namespace kvcompress
