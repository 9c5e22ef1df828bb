// The presets that there have to be, and that each says what its source says.
#include <gtest/gtest.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find
#include <set>        // std::set

#include "policy/recipe.h"

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

const std::vector<std::string> kMethods = {"random",
                                           "recent_only",
                                           "streaming_llm",
                                           "l2_compress",
                                           "fix_size_l2",
                                           "fix_size_l2_keep_high",
                                           "fix_size_l2_random",
                                           "h2o_l2",
                                           "h2o_attention",
                                           "snapkv_lite",
                                           "pyramid_kv",
                                           "adaptive_l2",
                                           "snapkv",
                                           "pyramidkv",
                                           "h2o",
                                           "tova",
                                           "knorm",
                                           "ada_snapkv",
                                           "ada_pyramidkv",
                                           "headkv_r",
                                           "headkv_r2",
                                           "rankkv_snapkv",
                                           "rankkv_pyramidkv",
                                           "rankkv_h2o",
                                           "keydiff",
                                           "expected_attention",
                                           "ada_expected_attention",
                                           "lagkv",
                                           "compactor",
                                           "critical_ada_snapkv",
                                           "duo_attention",
                                           "chunkkv",
                                           "kvzip",
                                           "gate",
                                           "full"};

const std::vector<std::string> kKvpress = {"snapkv",
                                           "pyramidkv",
                                           "tova",
                                           "knorm",
                                           "streaming_llm",
                                           "expected_attention",
                                           "adakv_snapkv",
                                           "adakv_expected_attention",
                                           "keydiff",
                                           "lagkv",
                                           "observed_attention",
                                           "random",
                                           "criticalkv_snapkv",
                                           "critical_adakv_snapkv",
                                           "criticalkv_expected_attention",
                                           "critical_adakv_expected_attention",
                                           "chunkkv_snapkv",
                                           "compactor",
                                           "kvzip",
                                           "duo_attention"};

Recipe preset(const std::string& name) { return resolve_recipe({name, {}, ""}); }

TEST(Presets, EveryMethodIsThere) {
  for (const std::string& name : kMethods) EXPECT_NO_THROW(preset(name)) << name;
  for (const std::string& name : kKvpress) EXPECT_NO_THROW(preset("kvpress/" + name)) << name;
}

TEST(Presets, TakeAnyAmount) {
  for (const std::string& name : preset_names()) {
    if (!preset(name).evicts()) {  // nothing ranks tokens
      EXPECT_THROW(resolve_recipe({name, {}, "1024"}), UsageError) << name;
      continue;
    }
    for (const char* budget : {"1024", "50%", "1GiB"}) {
      std::vector<std::string> overrides;
      const bool share = std::string(budget).back() == '%';
      if (!share && preset(name).budget.rounding != "down") overrides.push_back("budget.rounding=down");
      // The published hybrids keep a window of 2048 tokens.
      if (preset(name).budget.recent > 1000) overrides.push_back("budget.recent=64");
      EXPECT_NO_THROW(resolve_recipe({name, overrides, budget})) << name << " " << budget;
    }
  }
}

// kvpress counts a share of the prompt in its own arithmetic and evicts once.
TEST(Presets, KvpressCountsAsKvpress) {
  for (const std::string& name : kKvpress) {
    const Recipe recipe = preset("kvpress/" + name);
    EXPECT_FALSE(recipe.budget.hold) << name;
    EXPECT_TRUE(recipe.budget.skip_layers.empty()) << name;
    if (name == "duo_attention") continue;  // a share of heads, not of tokens
    EXPECT_EQ(recipe.budget.unit, Unit::share) << name;
    EXPECT_EQ(recipe.budget.share, 0.5) << name;
    EXPECT_EQ(recipe.budget.rounding, "kvpress") << name;
  }
}

TEST(Presets, RulesHaveNoAmount) {
  const std::set<std::string> rules = {"pyramid_kv", "adaptive_l2", "duo_attention", "kvpress/duo_attention"};
  for (const std::string& name : preset_names()) {
    EXPECT_EQ(preset(name).budget.unit == Unit::rule, rules.count(name) == 1) << name;
  }
}

TEST(Presets, ProfilesAreAskedFor) {
  const auto kinds = [](const char* name) { return preset(name).calibration_kinds(); };
  const auto only = [](const char* kind) { return std::vector<std::string>{kind}; };
  EXPECT_EQ(kinds("headkv_r"), only("head_importance"));
  EXPECT_EQ(kinds("headkv_r2"), only("head_importance"));
  EXPECT_EQ(kinds("duo_attention"), only("duo"));
  EXPECT_EQ(kinds("gate"), only("gate"));
  EXPECT_TRUE(kinds("rankkv_snapkv").empty());
  EXPECT_EQ(resolve_recipe({"rankkv_snapkv", {"budget.layers.statistic=profile"}, ""}).calibration_kinds(),
            only("rank"));
}

TEST(Presets, SharesAmongLayersAndHeads) {
  EXPECT_EQ(preset("ada_pyramidkv").budget.layers, "pyramid");
  EXPECT_EQ(preset("ada_pyramidkv").budget.heads, "ada");
  EXPECT_TRUE(preset("kvzip").budget.layer_shares->by_score());
  EXPECT_TRUE(preset("kvzip").budget.head_shares->by_score());
  EXPECT_TRUE(preset("rankkv_h2o").budget.layer_shares->needs_key_ranks());
  EXPECT_EQ(preset("critical_ada_snapkv").select_kind, "critical");
  EXPECT_EQ(preset("chunkkv").select_kind, "chunks");
}

}  // namespace
}  // namespace kvcompress
