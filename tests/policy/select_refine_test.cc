// What a selection forces before the best scores fill the budget.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::sort
#include <limits>     // std::numeric_limits
#include <numeric>    // std::accumulate
#include <random>     // std::mt19937

#include "policy/budget.h"     // select_slots
#include "policy/recipe.h"     // parse_recipe
#include "policy/selection.h"  // SelectPolicy

namespace kvcompress {
namespace {

using Flags = std::vector<uint8_t>;

std::shared_ptr<const SelectPolicy> select(const std::string& text) {
  return parse_recipe("score: {kind: random, select: " + text + "}\nbudget: {tokens: 64}\n", "test").select;
}

struct Layer {
  std::vector<std::vector<int32_t>> positions;
  std::vector<std::vector<float>> norms;
  std::vector<HeadSelection> heads;

  explicit Layer(const std::vector<std::vector<float>>& scores, int64_t budget) {
    for (const std::vector<float>& row : scores) {
      positions.emplace_back(row.size());
      std::iota(positions.back().begin(), positions.back().end(), 0);
      norms.emplace_back(row.size(), 1.0f);
    }
    for (size_t h = 0; h < scores.size(); ++h) {
      HeadSelection head;
      head.input.slots = static_cast<int>(scores[h].size());
      head.input.positions = positions[h];
      head.input.projected_norms = norms[h];
      head.scores = scores[h];
      head.forced.assign(scores[h].size(), 0);
      head.budget = budget;
      heads.push_back(std::move(head));
    }
  }
};

int64_t count(const HeadSelection& head) {
  return std::accumulate(head.forced.begin(), head.forced.end(), int64_t{0});
}

TEST(CriticalSelect, TwoStages) {
  Layer layer({{0.5f, 0.4f, 0.3f, 0.2f, 0.1f, 0}}, 4);
  layer.norms[0] = {1, 1, 1, 10, 1, 20000};
  select("critical")->refine(layer.heads);
  const HeadSelection& head = layer.heads[0];
  EXPECT_EQ(head.forced, (Flags{1, 1, 0, 0, 0, 0}));
  const std::vector<float> scores = {0.5001f, 0.4001f, 0.3001f, 2.001f, 0.1001f, 2};
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(head.scores[i], scores[i], 1e-6);
  EXPECT_EQ(select_slots({head.scores, head.forced, 4, 0, 0}), (std::vector<int32_t>{0, 1, 3, 5}));
}

TEST(CriticalSelect, ForcedSlotsCountInsideTheShare) {
  Layer layer({{1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1}, {1, 1, 1, 1, 1, 1}}, 4);
  layer.heads[0].forced = {1, 0, 0, 0, 0, 0};
  layer.heads[1].forced = {0, 1, 1, 1, 0, 0};
  select("critical")->refine(layer.heads);
  EXPECT_EQ(layer.heads[0].forced, (Flags{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(layer.heads[1].forced, (Flags{0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(layer.heads[2].forced, (Flags{1, 1, 0, 0, 0, 0}));  // ties go to the lower
}

TEST(CriticalSelect, AtLeastOneByScore) {
  Layer layer({{1, 2, 3}}, 1);
  select("{kind: critical, share: 0.1}")->refine(layer.heads);
  EXPECT_EQ(layer.heads[0].forced, (Flags{0, 0, 1}));
  Layer one({{1}}, 5);
  select("critical")->refine(one.heads);
  EXPECT_EQ(one.heads[0].forced, Flags{1});
  EXPECT_EQ(select("{kind: critical, norm: l2}")->needs().projection, ValueProjection::l2);
}

TEST(ChunksSelect, FillsTheBudgetInWholeChunks) {
  // Sums over the heads: chunks of two with means 3, 5.5, 4; the last one, of one slot, 5.
  Layer layer({{1, 1, 2, 3, 4, 0, 4}, {2, 2, 3, 3, 4, 0, 1}}, 4);
  select("{kind: chunks, size: 2}")->refine(layer.heads);
  for (const HeadSelection& head : layer.heads) {
    EXPECT_EQ(head.forced, (Flags{0, 0, 1, 1, 1, 0, 1}));
    EXPECT_EQ(head.budget, 4);
  }
}

TEST(ChunksSelect, ForcedSlotsAndDifferentBudgets) {
  Layer layer({{9, 9, 5, 5, 1, 1}, {9, 9, 5, 5, 1, 1}}, 4);
  layer.heads[0].forced = {0, 0, 0, 0, 0, 1};
  layer.heads[1].budget = 1;
  select("{kind: chunks, size: 2}")->refine(layer.heads);
  EXPECT_EQ(layer.heads[0].forced, (Flags{1, 1, 1, 0, 0, 1}));
  EXPECT_EQ(layer.heads[1].forced, (Flags{1, 0, 0, 0, 0, 0}));
}

TEST(ChunksSelect, ByPositionOrBySlot) {
  Layer layer({{1, 5, 5, 1}}, 2);
  layer.positions[0] = {0, 2, 3, 9};  // chunks of two by position: 0, 1, 1, 4
  Layer same = layer;
  same.heads[0].input.positions = same.positions[0];
  layer.heads[0].input.positions = layer.positions[0];
  select("{kind: chunks, size: 2}")->refine(layer.heads);
  EXPECT_EQ(layer.heads[0].forced, (Flags{0, 1, 1, 0}));
  select("{kind: chunks, size: 2, by: slot}")->refine(same.heads);
  EXPECT_EQ(same.heads[0].forced, (Flags{1, 1, 0, 0}));
}

// kvpress: max(1, int(chunks * share)) whole chunks, the rest of the text being a chunk too.
TEST(ChunksSelect, WholeChunksAsKvpressCounts) {
  std::mt19937 random(4);
  for (const double share : {0.5, 0.25, 0.75, 0.1, 0.9, 0.125}) {
    for (int slots = 20; slots < 400; slots += 7) {
      std::vector<float> scores(slots);
      for (float& score : scores) score = static_cast<float>(random() % 100000);
      Layer layer({scores, scores}, std::max(1, static_cast<int>(slots * share)));
      select("{kind: chunks, partial: false}")->refine(layer.heads);
      const int chunks = (slots + 19) / 20, keep = std::max(1, static_cast<int>(chunks * share));
      std::vector<std::pair<double, int>> means;
      for (int chunk = 0; chunk < chunks; ++chunk) {
        const int last = std::min(slots, chunk * 20 + 20);
        const double sum = std::accumulate(scores.begin() + chunk * 20, scores.begin() + last, 0.0);
        means.emplace_back(-sum / (last - chunk * 20), chunk);
      }
      std::sort(means.begin(), means.end());
      Flags expected(slots);
      for (int i = 0; i < keep; ++i) {
        for (int j = means[i].second * 20; j < std::min(slots, means[i].second * 20 + 20); ++j)
          expected[j] = 1;
      }
      for (const HeadSelection& head : layer.heads) {
        EXPECT_EQ(head.forced, expected) << share << " " << slots;
        EXPECT_EQ(head.budget, count(head));
      }
    }
  }
}

TEST(ChunksSelect, Edges) {
  Layer one({{1}}, 1), constant({{2, 2, 2, 2, 2}}, 3);
  select("chunks")->refine(one.heads);
  EXPECT_EQ(one.heads[0].forced, Flags{0});  // it fits: nothing to decide
  select("{kind: chunks, size: 2}")->refine(constant.heads);
  EXPECT_EQ(constant.heads[0].forced, (Flags{1, 1, 1, 0, 0}));
  constant.heads[0].scores[4] = std::numeric_limits<float>::quiet_NaN();
  for (const char* answer : {"chunks", "quota", "critical"}) {
    EXPECT_THROW(select(answer)->refine(constant.heads), Error);
  }
}

TEST(QuotaSelect, EachChunkKeepsItsShare) {
  Layer layer({{9, 8, 7, 6, 1, 2, 3, 4, 5}}, 5);
  select("{kind: quota, size: 4}")->refine(layer.heads);
  // 4 : 4 : 1 of 5 = 2.22, 2.22, 0.56: the last has the largest remainder.
  EXPECT_EQ(layer.heads[0].forced, (Flags{1, 1, 0, 0, 0, 0, 1, 1, 1}));
}

TEST(QuotaSelect, ForcedSlotsAreTheFloor) {
  Layer layer({{9, 8, 7, 6, 1, 2, 3, 4}}, 4);
  layer.heads[0].forced = {0, 0, 0, 0, 1, 1, 1, 0};
  select("{kind: quota, size: 4}")->refine(layer.heads);
  EXPECT_EQ(layer.heads[0].forced, (Flags{1, 0, 0, 0, 1, 1, 1, 0}));
}

TEST(QuotaSelect, SumsAreExact) {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    const int slots = 1 + static_cast<int>(random() % 300);
    std::vector<float> scores(slots);
    for (float& score : scores) score = static_cast<float>(random() % 10);
    Layer layer({scores}, 1 + static_cast<int64_t>(random() % slots));
    HeadSelection& head = layer.heads[0];
    for (int64_t i = 0; i < head.budget / 2; ++i) head.forced[random() % slots] = 1;
    const Flags before = head.forced;
    select("{kind: quota, size: 32}")->refine(layer.heads);
    if (head.budget < slots) {
      EXPECT_EQ(count(head), head.budget);
    }
    for (int i = 0; i < slots; ++i) EXPECT_GE(head.forced[i], before[i]);
  }
}

}  // namespace
}  // namespace kvcompress
