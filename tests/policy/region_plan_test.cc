// The eight methods of kvcompress's seed library, each against its definition, token by token and at once.
#include <gtest/gtest.h>

#include <algorithm>   // std::max, std::min
#include <cmath>       // std::pow, std::ceil
#include <functional>  // std::function
#include <random>      // std::mt19937

#include "policy/recipe.h"
#include "policy/stream.h"  // Head, evict, region_plan

namespace kvcompress {
namespace {

struct Method {
  const char* name;
  RecipeRequest request;
  std::function<Head(const Head&, int layer)> definition;
  int64_t trigger;  // of the layers below
  std::vector<int> layers;
};

constexpr int kLayers = 32;

// Few different norms, so that ties are common, or many where pooled sums are compared in floats.
Head tokens(int32_t count, uint32_t different, uint32_t seed) {
  std::mt19937 random(seed);
  Head head;
  for (int32_t t = 0; t < count; ++t) head.push_back({t, static_cast<float>(random() % different) / 8});
  return head;
}

int64_t decay_size(int layer) {
  return std::max<int64_t>(64, static_cast<int64_t>(512 * std::pow(0.9, layer)));
}

Head pyramid_kv(const Head& head, int layer) {
  const int64_t size = decay_size(layer), a = std::min<int64_t>(4, size / 8), c = size / 2;
  return region_plan(head, {size, a, size - a - c, c});
}

Head adaptive_l2(const Head& head, int) {
  const auto n = static_cast<int64_t>(head.size());
  if (n > 1024) return region_plan(head, {1024, 4, 512 - 4 - 256, 256});
  if (n <= 256) return head;
  const double ratio = 0.9 - static_cast<double>(n - 256) / 768 * 0.6;
  const int64_t t = std::max<int64_t>(static_cast<int64_t>(static_cast<double>(n) * ratio), 256);
  if (t >= n) return head;
  const auto c = static_cast<int64_t>(0.2 * static_cast<double>(t));
  return region_plan(head, {0, 0, t - c, c});
}

Head snapkv_lite(const Head& head, int) {
  const int64_t window = 32, keep = 512, n = static_cast<int64_t>(head.size());
  if (n <= keep) return head;
  const Head prefix(head.begin(), head.end() - window);
  double most = 0;
  for (const Token& token : prefix) most = std::max<double>(most, token.norm);
  const auto pooled = [&](size_t at) {
    double sum = 0;
    for (int64_t i = static_cast<int64_t>(at) - 2; i <= static_cast<int64_t>(at) + 2; ++i) {
      if (i >= 0 && i < static_cast<int64_t>(prefix.size())) sum += most + 1e-6 - prefix[i].norm;
    }
    return -sum / 5;
  };
  Head kept = smallest(prefix, keep - window, pooled);
  kept.insert(kept.end(), head.end() - window, head.end());
  return kept;
}

Head l2_compress(const Head& head, int) {
  return region_plan(head,
                     {1000, 0, static_cast<int64_t>(std::ceil(static_cast<double>(head.size()) / 2)), 0});
}

std::vector<Method> methods() {
  const auto regions = [](const Regions& plan) {
    return [plan](const Head& head, int) { return region_plan(head, plan); };
  };
  return {
      {"recent_only", {"recent_only", {}, ""}, regions({512, 0, 0, 512}), 512, {2, 31}},
      {"streaming_llm", {"streaming_llm", {}, ""}, regions({512, 4, 0, 508}), 512, {0}},
      {"h2o_l2", {"h2o_l2", {}, ""}, regions({512, 4, 64, 444}), 512, {0}},
      {"fix_size_l2", {"fix_size_l2", {}, ""}, regions({512, 0, 256, 256}), 512, {2}},
      {"fix_size_l2_keep_high", {"fix_size_l2_keep_high", {}, ""}, regions({512, 0, 256, 256, -1}), 512, {2}},
      {"fix_size_l2_none_recent",
       {"fix_size_l2", {"budget.recent=0"}, "1024"},
       regions({1024, 0, 1024, 0}),
       1024,
       {2}},
      {"l2_compress", {"l2_compress", {}, ""}, l2_compress, 1000, {2}},
      {"snapkv_lite", {"snapkv_lite", {}, ""}, snapkv_lite, 512, {0}},
      {"pyramid_kv_first", {"pyramid_kv", {}, ""}, pyramid_kv, 512, {0}},
      {"pyramid_kv_last", {"pyramid_kv", {}, ""}, pyramid_kv, 64, {31}},
      {"pyramid_kv", {"pyramid_kv", {}, ""}, pyramid_kv, 302, {5}},
      {"adaptive_l2", {"adaptive_l2", {}, ""}, adaptive_l2, 256, {0}},
      {"adaptive_l2_hard", {"adaptive_l2", {}, ""}, adaptive_l2, 1024, {0}},
  };
}

class RegionPlan : public testing::TestWithParam<Method> {};

TEST_P(RegionPlan, TokenByToken) {
  const Method& method = GetParam();
  const Recipe recipe = resolve_recipe(method.request);
  ASSERT_TRUE(recipe.budget.hold);
  for (const int layer : method.layers) {
    const Head stream = tokens(2000, method.request.recipe == "snapkv_lite" ? 1u << 20 : 300, 5);
    Head ours, theirs;
    for (const Token& token : stream) {
      ours.push_back(token);
      theirs.push_back(token);
      evict(recipe, {layer, kLayers}, token.position + 1, ours);
      theirs = method.definition(theirs, layer);
      ASSERT_EQ(ours, theirs) << "layer " << layer << ", after token " << token.position;
    }
    EXPECT_LT(ours.size(), stream.size());
  }
}

TEST_P(RegionPlan, AtOnce) {
  const Method& method = GetParam();
  const Recipe recipe = resolve_recipe(method.request);
  for (const int layer : method.layers) {
    for (const int64_t n : {int64_t{0}, int64_t{1}, method.trigger, method.trigger + 1, int64_t{2000}}) {
      Head head = tokens(static_cast<int32_t>(n), method.request.recipe == "snapkv_lite" ? 1u << 20 : 300, 6);
      const Head wanted = method.definition(head, layer);
      evict(recipe, {layer, kLayers}, n, head);
      ASSERT_EQ(head, wanted) << "layer " << layer << ", " << n << " tokens";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(SeedLibrary, RegionPlan, testing::ValuesIn(methods()),
                         [](const auto& info) { return std::string(info.param.name); });

// The random strategy draws for itself: the size, the newest and that nothing comes back are its definition.
TEST(RegionPlanRandom, KeepsTheNewestAndASubset) {
  const Recipe recipe = resolve_recipe({"fix_size_l2_random", {}, ""});
  Head head, before;
  for (const Token& token : tokens(2000, 300, 7)) {
    head.push_back(token);
    before = head;
    evict(recipe, {2, kLayers}, token.position + 1, head);
    ASSERT_EQ(head.size(), std::min<size_t>(512, before.size()));
    ASSERT_TRUE(std::includes(before.begin(), before.end(), head.begin(), head.end(),
                              [](const Token& a, const Token& b) { return a.position < b.position; }));
    const size_t recent = std::min<size_t>(256, head.size());
    for (size_t i = 1; i <= recent; ++i) {
      ASSERT_EQ(head[head.size() - i].position, token.position - static_cast<int32_t>(i) + 1);
    }
  }
  int early = 0;
  for (const Token& token : head) early += token.position < 900 ? 1 : 0;
  EXPECT_GT(early, 64);  // 132 expected of 1744 draws for 256 places
  EXPECT_LT(early, 200);
}

// Static scores and zones that only grow: evicting as one goes gives the same set as once at the end.
TEST(HeldBudgets, RunningTopEqualsOneSort) {
  for (const char* name : {"h2o_l2", "fix_size_l2", "pyramid_kv", "recent_only", "streaming_llm"}) {
    const Recipe recipe = resolve_recipe({name, {}, ""});
    for (const int layer : {2, 17}) {
      Head running, whole;
      for (const Token& token : tokens(3000, 1u << 20, 9)) {
        running.push_back(token);
        whole.push_back(token);
        evict(recipe, {layer, kLayers}, token.position + 1, running);
      }
      evict(recipe, {layer, kLayers}, 3000, whole);
      EXPECT_EQ(running, whole) << name << ", layer " << layer;
    }
  }
}

// A share of what is held is no share of the text: lengths climb to the trigger and fall again.
TEST(L2Compress, Sawtooth) {
  const std::vector<std::pair<const char*, size_t>> rows = {
      {"budget.keep=80%", 81}, {"budget.keep=50%", 51}, {"budget.keep=30%", 31}};
  for (const auto& [keep, lowest] : rows) {
    const Recipe recipe = resolve_recipe({"l2_compress", {keep, "budget.trigger=100"}, ""});
    Head head;
    size_t least = 1000, most = 0;
    for (const Token& token : tokens(1999, 300, 8)) {
      head.push_back(token);
      evict(recipe, {2, kLayers}, token.position + 1, head);
      if (token.position < 100) continue;
      least = std::min(least, head.size());
      most = std::max(most, head.size());
    }
    EXPECT_EQ(least, lowest);
    EXPECT_EQ(most, 100u);
  }
}

// One token at a time the published curve never leaves the soft limit; the monotone one arrives where one
// call does.
TEST(AdaptiveLength, Streams) {
  const Recipe published = resolve_recipe({"adaptive_l2", {}, ""});
  const Recipe monotone = resolve_recipe({"adaptive_l2", {"budget.layers.form=monotone"}, ""});
  Head pinned, growing;
  size_t last = 0;
  for (const Token& token : tokens(2000, 300, 4)) {
    pinned.push_back(token);
    growing.push_back(token);
    evict(published, {0, kLayers}, token.position + 1, pinned);
    evict(monotone, {0, kLayers}, token.position + 1, growing);
    ASSERT_LE(pinned.size(), 256u);
    ASSERT_GE(growing.size(), last);
    last = growing.size();
  }
  EXPECT_EQ(pinned.size(), 256u);
  EXPECT_EQ(growing.size(), 512u);
}

}  // namespace
}  // namespace kvcompress
