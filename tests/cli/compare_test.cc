#include <set>  // std::set

#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

constexpr const char* kSuite = R"(name: small
models: [tiny]
axis: nominal
budgets: [50%, 16]
recipes:
  - random
  - {recipe: snapkv, set: [budget.recent=8, score.window=8]}
tasks:
  - {task: ppl, name: text, data: text.txt, context: 96, target: 16, limit: 3}
  - {task: speed, data: text.txt, prompt: 64, generate: 4, repeats: 1}
)";

class CompareTest : public TinyProgram {
 protected:
  void SetUp() override {
    TinyProgram::SetUp();
    if (program_path().empty()) return;
    std::string text;
    for (int i = 0; i < 400; i++) text += "word " + std::to_string(i * 7919 % 1000) + " ";
    write("text.txt", text);
    write("suite.yaml", kSuite);
  }
  Invocation compare(std::vector<std::string> more = {}) const {
    Invocation invocation;
    invocation.arguments = {"compare",  file("suite.yaml"),
                            "--data",   folder_.path().string(),
                            "--models", folder_.path().string(),
                            "-o",       file("out"),
                            "-t",       "1"};
    invocation.arguments.insert(invocation.arguments.end(), more.begin(), more.end());
    return invocation;
  }
  std::vector<nlohmann::json> rows() const {
    std::vector<nlohmann::json> rows;
    std::ifstream lines(file("out/results.jsonl"));
    for (std::string line; std::getline(lines, line);) rows.push_back(nlohmann::json::parse(line));
    return rows;
  }
};

TEST_F(CompareTest, WritesARowForEachCell) {
  const Outcome outcome = run_program(compare());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto all = rows();
  ASSERT_EQ(all.size(), 10u);  // two tasks; full, and two recipes at two budgets
  std::set<std::string> keys;
  for (const auto& row : all) keys.insert(row.at("cell").get<std::string>());
  EXPECT_EQ(keys.size(), 10u);
  EXPECT_EQ(all[0].at("recipe"), "full");
  EXPECT_EQ(all[0].at("per_question").at("nll").size(), 3u);
  EXPECT_EQ(all[1].at("samples"), 3);
  EXPECT_GT(all[1].at("kl_mean").get<double>(), 0);
  EXPECT_LT(all[3].at("cache").at("bytes_prompt"), all[0].at("cache").at("bytes_prompt"));
  EXPECT_TRUE(all[5].at("time").contains("ttft_ms"));
  for (const char* name : {"out/summary.csv", "out/report.html"})
    EXPECT_TRUE(std::filesystem::exists(file(name)));
  EXPECT_FALSE(std::filesystem::exists(file("out/contexts.jsonl")));
}

TEST_F(CompareTest, ResumeDoesOnlyWhatIsMissing) {
  ASSERT_EQ(run_program(compare()).code, 0);
  const std::string whole = contents("out/results.jsonl");
  EXPECT_EQ(run_program(compare()).code, 2);  // not without being told
  // The last row is lost in the middle.
  write("out/results.jsonl", whole.substr(0, whole.size() - 20));
  const Outcome outcome = run_program(compare({"--resume"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("10 cells, 9 of them finished before"), std::string::npos) << outcome.out;
  EXPECT_EQ(rows().size(), 10u);
}

// What a run that was killed left behind is what an undisturbed one finds.
TEST_F(CompareTest, AResumedRunGivesTheSameFigures) {
  ASSERT_EQ(run_program(compare()).code, 0);
  const auto expected = rows();
  std::filesystem::remove_all(file("out"));
  Invocation killed = compare();
  killed.interrupt_on_file = file("out/contexts.jsonl");
  run_program(killed);
  const Outcome outcome = run_program(compare({"--resume"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto resumed = rows();
  ASSERT_EQ(resumed.size(), expected.size());
  for (size_t i = 0; i < 5; i++) {
    EXPECT_EQ(resumed[i].at("per_question"), expected[i].at("per_question"));
    EXPECT_EQ(resumed[i].at("kept"), expected[i].at("kept"));
  }
}

TEST_F(CompareTest, EqualBytesIsTheDefaultAxis) {
  std::string suite = kSuite;
  suite.replace(suite.find("axis: nominal\n"), 14, "");
  suite.replace(suite.find("[50%, 16]"), 9, "[67%]");
  write("suite.yaml", suite);
  ASSERT_EQ(run_program(compare()).code, 0);
  const auto all = rows();
  EXPECT_EQ(all[1].at("budget"), "67%");
  // 64 of 96 tokens: a page in each of two layers.
  EXPECT_EQ(all[1].at("cache").at("bytes_prompt"), all[2].at("cache").at("bytes_prompt"));
  EXPECT_EQ(all[1].at("budget_given")[0],
            std::to_string(all[1].at("cache").at("bytes_prompt").get<int64_t>()) + "B");
}

TEST_F(CompareTest, AllMistakesAreToldBeforeAnyWork) {
  write("suite.yaml",
        "name: bad\nmodels: [tiny]\nrecipes: [snapkw]\nbudgets: [25%]\ntasks:\n  - {task: nedle}\n");
  const Outcome outcome = run_program(compare());
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("suite.yaml:3]"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("suite.yaml:6]"), std::string::npos);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2);
  EXPECT_FALSE(std::filesystem::exists(file("out")));
}

TEST_F(CompareTest, ABudgetThatCannotBeMetIsToldBeforeAnyWork) {
  std::string suite = kSuite;
  suite.replace(suite.find("axis: nominal\n"), 14, "");
  // Layer 0 alone holds two pages, and a uniform cache of 16 tokens one in each of two layers.
  suite.replace(suite.find("budget.recent=8"), 15, "budget.recent=8, 'budget.skip_layers=[0]'");
  write("suite.yaml", suite);
  const Outcome outcome = run_program(compare());
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("snapkv at 16 on 96 tokens of text"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(file("out/contexts.jsonl")));
}

}  // namespace
}  // namespace kvcompress::test
