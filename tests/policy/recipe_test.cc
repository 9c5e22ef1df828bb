#include "policy/recipe.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>
#include <unistd.h>  // getpid

#include <algorithm>   // std::is_sorted
#include <filesystem>  // std::filesystem::temp_directory_path
#include <fstream>     // std::ofstream

#include "policy/recipe/presets.h"

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

TEST(Presets, AllAreThere) {
  const std::vector<std::string> expected = {
      "full",        "h2o_l2",      "kvpress/knorm", "kvpress/snapkv", "kvpress/streaming_llm",
      "l2_compress", "recent_only", "snapkv",        "streaming_llm"};
  const std::vector<std::string> names = preset_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (const std::string& name : expected) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(Presets, SurvivePrinting) {
  for (const std::string& name : preset_names()) {
    const Recipe recipe = resolve_recipe({name, {}, ""});
    EXPECT_EQ(recipe.name, name);
    EXPECT_FALSE(recipe.summary.empty()) << name;
    EXPECT_FALSE(recipe.source.empty()) << name;
    const std::string printed = to_yaml(recipe);
    EXPECT_EQ(to_yaml(parse_recipe(printed, "printed")), printed);
    EXPECT_EQ(recipe.compresses(), name != "full") << name;
  }
}

TEST(Presets, AreNamedAfterTheirFiles) {
  for (const EmbeddedPreset& preset : embedded_presets()) {
    EXPECT_EQ(parse_recipe(preset.text, "preset").name, preset.name);
  }
}

TEST(Presets, HaveTheSettingsOfTheirSources) {
  const Recipe snapkv = resolve_recipe({"snapkv", {}, ""});
  EXPECT_EQ(snapkv.score_kind, "attention_window");
  EXPECT_EQ(snapkv.score->needs().attention_window, 32);
  EXPECT_FALSE(snapkv.budget.hold);
  EXPECT_EQ(snapkv.budget.sinks, 0);
  EXPECT_EQ(snapkv.budget.recent, 32);
  const Recipe streaming = resolve_recipe({"streaming_llm", {}, ""});
  EXPECT_EQ(streaming.budget.tokens, 512);
  EXPECT_EQ(streaming.budget.sinks, 4);
  EXPECT_TRUE(streaming.budget.hold);
  const Recipe l2 = resolve_recipe({"l2_compress", {}, ""});
  EXPECT_EQ(l2.budget.skip_layers, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(l2.budget.trigger, 1000);
  for (const char* name : {"kvpress/snapkv", "kvpress/knorm", "kvpress/streaming_llm"}) {
    const Recipe kvpress = resolve_recipe({name, {}, ""});
    EXPECT_EQ(kvpress.budget.unit, Unit::share);
    EXPECT_EQ(kvpress.budget.share, 0.5);
    EXPECT_FALSE(kvpress.budget.hold);
  }
}

TEST(Resolve, EmptyIsFullAndABudgetAloneIsAuto) {
  EXPECT_EQ(resolve_recipe({}).name, "full");
  EXPECT_EQ(resolve_recipe({"", {}, "1024"}).name, "auto");
  EXPECT_EQ(resolve_recipe({"", {"budget.tokens=1024"}, ""}).name, "auto");
}

TEST(Resolve, BudgetReplacesTheAmount) {
  Recipe recipe = resolve_recipe({"snapkv", {}, "1024"});
  EXPECT_EQ(recipe.budget.unit, Unit::tokens);
  EXPECT_EQ(recipe.budget.tokens, 1024);
  EXPECT_EQ(recipe.budget.share, 0);
  recipe = resolve_recipe({"streaming_llm", {}, "12.5%"});
  EXPECT_EQ(recipe.budget.unit, Unit::share);
  EXPECT_EQ(recipe.budget.share, 0.125);
  EXPECT_EQ(recipe.budget.tokens, 0);
  recipe = resolve_recipe({"streaming_llm", {}, "64MiB"});
  EXPECT_EQ(recipe.budget.unit, Unit::bytes);
  EXPECT_EQ(recipe.budget.bytes, 64 << 20);
  EXPECT_EQ(resolve_recipe({"streaming_llm", {}, "1.5GB"}).budget.bytes, 1'500'000'000);
}

// --budget is an amount that holds: a share of the tokens seen, no trigger above it.
TEST(Resolve, BudgetEndsTheSawtooth) {
  for (const char* budget : {"512", "25%", "64MiB"}) {
    const Recipe recipe = resolve_recipe({"l2_compress", {}, budget});
    EXPECT_EQ(recipe.budget.of, "seen");
    EXPECT_EQ(recipe.budget.trigger, 0);
  }
  const Recipe recipe = resolve_recipe({"l2_compress", {"budget.keep=30%"}, ""});
  EXPECT_EQ(recipe.budget.of, "held");
  EXPECT_EQ(recipe.budget.rounding, "up");
  EXPECT_EQ(recipe.budget.trigger, 1000);
}

TEST(Resolve, OverridesInAnyOrder) {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{"score.window=16", "score.kind=attention_window", "budget.recent=20"},
        std::vector<std::string>{"budget.recent=20", "score=attention_window", "score.window=16"}}) {
    const Recipe recipe = resolve_recipe({"streaming_llm", overrides, ""});
    EXPECT_EQ(recipe.score->needs().attention_window, 16);
    EXPECT_EQ(recipe.budget.recent, 20);
    EXPECT_EQ(recipe.budget.sinks, 4);
  }
}

TEST(Resolve, ListsOnTheCommandLine) {
  const auto skipped = [](const char* text) {
    return resolve_recipe({"streaming_llm", {text}, ""}).budget.skip_layers;
  };
  EXPECT_EQ(skipped("budget.skip_layers=0,1"), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(skipped("budget.skip_layers=[3, 4]"), (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(skipped("budget.skip_layers=7"), (std::vector<int64_t>{7}));
  EXPECT_EQ(skipped("budget.skip_layers=[]"), (std::vector<int64_t>{}));
}

TEST(Resolve, PlusReplacesTheStagesThatTheSecondSets) {
  const Recipe recipe = resolve_recipe({"recent_only+kvpress/knorm", {}, ""});
  EXPECT_EQ(recipe.name, "recent_only+kvpress/knorm");
  EXPECT_EQ(recipe.score_kind, "key_norm");
  EXPECT_TRUE(recipe.budget.skip_layers.empty());  // the whole stage is replaced
  EXPECT_EQ(recipe.budget.unit, Unit::share);
  EXPECT_FALSE(resolve_recipe({"snapkv+full", {}, ""}).compresses());
}

class RecipeFile : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::string write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return path_;
  }
  std::string path_ =
      (std::filesystem::temp_directory_path() / ("kvc_recipe_" + std::to_string(getpid()) + ".yaml"));
};

TEST_F(RecipeFile, IsReadAndOverridden) {
  const std::string path =
      write("score: key_norm\nbudget: {tokens: 64, layers: {kind: uniform}, heads: equal}\n");
  const Recipe recipe = resolve_recipe({path, {"budget.sinks=4"}, ""});
  EXPECT_EQ(recipe.name, std::filesystem::path(path).stem().string());
  EXPECT_EQ(recipe.budget.tokens, 64);
  EXPECT_EQ(recipe.budget.sinks, 4);
}

TEST_F(RecipeFile, PartOfAPlus) {
  const std::string path = write("budget: {tokens: 99, sinks: 4}\n");
  const Recipe recipe = resolve_recipe({"kvpress/knorm+" + path, {}, ""});
  EXPECT_EQ(recipe.score_kind, "key_norm");
  EXPECT_EQ(recipe.budget.tokens, 99);
}

TEST_F(RecipeFile, MissingOrUnreadable) {
  EXPECT_THROW(resolve_recipe({"missing_file.yaml", {}, ""}), IoError);
  const std::string folder = path_;
  std::filesystem::create_directory(folder);
  EXPECT_THROW(resolve_recipe({folder, {}, ""}), IoError);
}

TEST_F(RecipeFile, TooLong) {
  const std::string path = write(std::string(70'000, '#'));
  EXPECT_THROW(resolve_recipe({path, {}, ""}), Error);
}

TEST(Parse, AnAmountMayStandForTheBudget) {
  EXPECT_EQ(parse_recipe("score: recency\nbudget: 25%\n", "t").budget.share, 0.25);
  EXPECT_EQ(parse_recipe("score: recency\nbudget: 512\n", "t").budget.tokens, 512);
  EXPECT_EQ(parse_recipe("score: recency\nbudget: 1MiB\n", "t").budget.bytes, 1 << 20);
}

TEST(Describe, OneLine) {
  EXPECT_EQ(describe(resolve_recipe({"full", {}, ""})), "full, every token, f16");
  EXPECT_EQ(describe(resolve_recipe({"snapkv", {"budget.sinks=4"}, "512"})),
            "snapkv, 512 tokens a head, 4 sinks, 32 recent, f16");
  EXPECT_EQ(describe(resolve_recipe({"l2_compress", {}, ""})),
            "l2_compress, 50% of the tokens held when above 1000, layers 0 1 whole, f16");
  EXPECT_EQ(describe(resolve_recipe({"streaming_llm", {}, "64MiB"})),
            "streaming_llm, 64MiB in all, 4 sinks, f16");
}

}  // namespace
}  // namespace kvcompress
