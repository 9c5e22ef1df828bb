#include "eval/compare/suite.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <filesystem>  // std::filesystem::create_directories
#include <fstream>     // std::ofstream

#include "eval/compare/cells.h"     // plan_units
#include "eval/compare/problems.h"  // SuiteError
#include "support/fixtures.h"       // TemporaryFolder
#include "support/tiny_gguf.h"      // write_tiny_gguf

namespace kvcompress {
namespace {

class SuiteTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    std::filesystem::create_directories(folder_.file("texts"));
    std::ofstream(folder_.file("texts/a.txt")) << "Some words of a text.";
  }
  Suite parse(const std::string& text) const {
    return parse_suite(text, "my.yaml", {folder_.path().string(), folder_.path().string()});
  }
  std::vector<std::string> errors(const std::string& text) const {
    try {
      parse(text);
    } catch (const SuiteError& error) {
      return error.lines();
    }
    return {};
  }

  test::TemporaryFolder folder_;
};

constexpr const char* kGood = R"(name: mine
summary: a small one
models: [tiny]
budgets: [25%, 64]
recipes:
  - snapkv
  - {recipe: h2o_l2, name: heavy, set: [budget.recent=8], at: {64: {set: [budget.sinks=2], claimed: {perplexity: 3.5}}}}
tasks:
  - {task: ppl, name: text, data: texts, context: 32, target: 16, limit: 1}
  - {task: passkey, length: 300, limit: 2}
)";

TEST_F(SuiteTest, ReadsEverything) {
  const Suite suite = parse(kGood);
  EXPECT_EQ(suite.name, "mine");
  EXPECT_EQ(suite.axis, BudgetAxis::bytes);
  ASSERT_EQ(suite.models.size(), 1u);
  EXPECT_EQ(suite.models[0].path, folder_.file("tiny.gguf"));
  ASSERT_EQ(suite.recipes.size(), 3u);
  EXPECT_EQ(suite.recipes[0].recipe, "full");  // added
  EXPECT_EQ(suite.recipes[0].variants.size(), 1u);
  const SuiteRecipe& heavy = suite.recipes[2];
  EXPECT_EQ(heavy.label, "heavy");
  ASSERT_EQ(heavy.variants.size(), 2u);
  EXPECT_EQ(heavy.variants[0].overrides, std::vector<std::string>{"budget.recent=8"});
  EXPECT_EQ(heavy.variants[1].overrides, (std::vector<std::string>{"budget.recent=8", "budget.sinks=2"}));
  EXPECT_EQ(heavy.variants[1].claimed["*"]["perplexity"], 3.5);
  ASSERT_EQ(suite.tasks.size(), 2u);
  EXPECT_EQ(suite.tasks[0].perplexity.plan.context, 32);
  EXPECT_EQ(suite.tasks[1].settings.length, 300);
}

TEST_F(SuiteTest, PlansACellForEachRecipeAndBudget) {
  const Suite suite = parse(kGood);
  const std::vector<WorkUnit> units = plan_units(suite, {});
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].cells.size(), 5u);  // full, and two recipes at two budgets
  EXPECT_NE(units[0].cells[1].key, units[0].cells[2].key);
  EXPECT_NE(units[0].key, units[1].key);
}

TEST_F(SuiteTest, AChangedSettingIsAnotherCell) {
  std::string changed = kGood;
  changed.replace(changed.find("recent=8"), 8, "recent=9");
  const std::vector<WorkUnit> before = plan_units(parse(kGood), {}), after = plan_units(parse(changed), {});
  EXPECT_EQ(before[0].cells[1].key, after[0].cells[1].key);
  EXPECT_NE(before[0].cells[3].key, after[0].cells[3].key);
}

TEST_F(SuiteTest, NamesEveryMistakeAtOnceWithItsLine) {
  const std::vector<std::string> lines = errors(R"(name: mine
modles: 3
models: [tiny, absent]
budgets: [25%]
recipes: [snapkw]
tasks:
  - {task: needel}
  - {task: ppl, name: text, data: nowhere, contxt: 5, target: many}
)");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {":2]", "'modles'; the nearest is 'models'"},
      {":3]", "absent"},
      {":5]", "snapkv"},
      {":7]", "the nearest is 'needle'"},
      {":8]", "'contxt'; the nearest is 'context'"},
      {":8]", "'many'"},
      {":8]", "nowhere"}};
  EXPECT_EQ(lines.size(), expected.size());
  for (const auto& mistake : expected) {
    const auto& place = mistake.first;
    const auto& text = mistake.second;
    const bool found = std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(place) != std::string::npos && line.find(text) != std::string::npos;
    });
    EXPECT_TRUE(found) << place << " " << text;
  }
}

TEST_F(SuiteTest, ABudgetThatIsNoneAndAnUnknownAtAreNamed) {
  std::string text = kGood;
  text.replace(text.find("25%, 64"), 7, "lots");
  const std::vector<std::string> lines = errors(text);
  ASSERT_FALSE(lines.empty());
  EXPECT_NE(lines[0].find("lots"), std::string::npos);
}

TEST_F(SuiteTest, TextThatIsNoYamlIsAnErrorOfTheSuite) {
  try {
    parse("name: [");
    FAIL() << "expected an error";
  } catch (const UsageError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("[suite my.yaml")) << error.what();
  }
}

TEST_F(SuiteTest, ShippedSuitesAreRight) {
  const std::filesystem::path data = test::shared_folder() / "data";
  KVC_SKIP_WITHOUT(data);
  KVC_SKIP_WITHOUT(test::models_folder() / test::kSmolLm2);
  KVC_SKIP_WITHOUT(test::models_folder() / test::kQwen25);
  int suites = 0;
  for (const auto& entry : std::filesystem::directory_iterator("suites")) {
    const Suite suite = read_suite(entry.path().string(), {data.string(), test::models_folder().string()});
    EXPECT_EQ(suite.name, entry.path().stem().string());
    EXPECT_FALSE(plan_units(suite, {}).empty());
    suites++;
  }
  EXPECT_GE(suites, 4);
}

}  // namespace
}  // namespace kvcompress
