#include <fcntl.h>  // open
#include <gtest/gtest.h>
#include <kvcompress/error.h>
#include <sys/resource.h>  // setrlimit
#include <sys/wait.h>      // waitpid
#include <unistd.h>        // fork

#include <csignal>            // std::signal
#include <fstream>            // std::ofstream
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/compare/context_result.h"  // stored, task_figures
#include "eval/compare/results_folder.h"
#include "support/fixtures.h"  // TemporaryFolder

namespace kvcompress {
namespace {

Json row(const std::string& key) {
  return {{"cell", key},  {"model", "m"},           {"task", "t"}, {"label", "l"}, {"method", key},
          {"budget", ""}, {"cache", Json::object()}};
}

class ResultsFolderTest : public testing::Test {
 protected:
  std::string place() const { return folder_.file("results"); }
  std::string results() const { return place() + "/results.jsonl"; }
  test::TemporaryFolder folder_;
};

TEST_F(ResultsFolderTest, RowsAreThereAfterAResume) {
  {
    ResultsFolder folder(place(), false);
    folder.add_row(row("a"));
    folder.add_context("unit", "text 1", {{"b", {{"x", 1}}}});
    folder.add_context("other", "text 1", {{"b", {{"x", 2}}}});
  }
  ResultsFolder folder(place(), true);
  EXPECT_TRUE(folder.has("a"));
  EXPECT_FALSE(folder.has("b"));
  EXPECT_EQ(folder.contexts("unit").at("text 1").at("b").at("x"), 1);
  folder.forget_contexts();
  EXPECT_TRUE(folder.contexts("unit").empty());
  EXPECT_EQ(read_results(results()).size(), 1u);
}

TEST_F(ResultsFolderTest, ResultsAreNeverMixedByAccident) {
  { ResultsFolder(place(), false).add_row(row("a")); }
  EXPECT_THROW(ResultsFolder(place(), false), UsageError);
}

TEST_F(ResultsFolderTest, TwoProcessesOnOneFolderAreRefused) {
  const ResultsFolder folder(place(), false);
  EXPECT_THROW(ResultsFolder(place(), true), UsageError);
}

// Cut at every byte: the rows before the cut are there, and the next one goes on a line of its own.
TEST_F(ResultsFolderTest, ACutLastLineIsDropped) {
  {
    ResultsFolder folder(place(), false);
    folder.add_row(row("a"));
    folder.add_row(row("b"));
  }
  const std::vector<char> whole = test::read_file(results());
  for (size_t bytes = 0; bytes < whole.size(); bytes++) {
    test::write_file(results(), {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes)});
    const size_t expected = static_cast<size_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
    EXPECT_EQ(read_results(results()).size(), expected);
    ResultsFolder folder(place(), true);
    EXPECT_EQ(folder.rows(), expected);
    folder.add_row(row("c"));
    EXPECT_EQ(read_results(results()).size(), expected + 1);
  }
}

TEST_F(ResultsFolderTest, ABadLineInTheMiddleIsAnErrorWithItsNumber) {
  std::filesystem::create_directories(place());
  std::ofstream(results()) << row("a").dump() << "\nnot json\n" << row("b").dump() << "\n";
  try {
    read_results(results());
    FAIL() << "expected an error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("results.jsonl:2]"), std::string::npos) << error.what();
  }
}

// A file-size limit stands for the full disk: writes fail in the middle of a line.
TEST_F(ResultsFolderTest, AFullDiskLeavesWhatWasFinished) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    int code = 1;
    try {
      ResultsFolder folder(place(), false);
      for (int i = 0; i < 100; i++) folder.add_row(row("row " + std::to_string(i)));
    } catch (const IoError&) {
      code = 0;
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const size_t finished = read_results(results()).size();
  EXPECT_GT(finished, 2u);
  EXPECT_LT(finished, 100u);
  ResultsFolder folder(place(), true);
  EXPECT_EQ(folder.rows(), finished);
}

TaskResult task_result(const std::string& sample, double score, double log_probability, int64_t bytes) {
  TaskResult result;
  result.samples = 1;
  result.asked = {{sample + "#0", 0, 50}};
  QuestionResult question;
  question.score = score;
  question.log_probability = log_probability;
  question.tokens = 2;
  question.answer = "seven";
  result.questions = {question};
  question.score = 100;
  result.full = {question};
  result.cache.bytes = result.cache.bytes_prompt = static_cast<size_t>(bytes);
  result.cache.bytes_full = 1000;
  result.cache.tokens_seen = 10;
  result.kept.heads = {{score / 100}};
  result.kept.positions = {0.5, 1};
  return result;
}

TEST(ContextResult, ContextsMakeOneRow) {
  const std::vector<Json> contexts = {Json::parse(stored(task_result("s0", 100, -1, 100)).dump()),
                                      Json::parse(stored(task_result("s1", 0, -3, 300)).dump())};
  const Json figures = task_figures(contexts, {resolve_recipe({"snapkv", {}, "25%"}), "25%"});
  EXPECT_EQ(figures.at("samples"), 2);
  EXPECT_EQ(figures.at("score"), 50);
  EXPECT_EQ(figures.at("score_full"), 100);
  EXPECT_EQ(figures.at("log_probability"), -1);  // of a token: two each
  EXPECT_EQ(figures.at("cache").at("bytes"), 200);
  EXPECT_EQ(figures.at("per_question").at("id"), (Json{"s0#0", "s1#0"}));
  EXPECT_EQ(figures.at("per_question").at("log_probability"), (Json{-0.5, -1.5}));
  EXPECT_FALSE(figures.at("per_question").contains("accuracy"));
  EXPECT_EQ(figures.at("kept").at("heads")[0][0], 0.5);
  EXPECT_EQ(figures.at("kept").at("positions"), (Json{0.5, 1.0}));
}

TEST(ContextResult, WindowsMakeOneRow) {
  PerplexityResult result;
  result.samples = 1;
  result.sums.tokens = 4;
  result.sums.negative_log_likelihood = 8;
  result.sums.correct = result.sums.agreed = 2;
  result.sums.divergences = {0.1F, 0.2F, 0.3F, 0.4F};
  result.full = result.sums;
  result.cache.bytes = 10;
  result.cache.tokens_seen = 8;
  result.cache.kept = {{4}};
  const Json first = stored(result, "window 0");
  result.sums.negative_log_likelihood = 4;
  const Json figures =
      perplexity_figures({first, stored(result, "window 1")}, {resolve_recipe({"snapkv", {}, ""}), ""});
  EXPECT_EQ(figures.at("tokens"), 8);
  EXPECT_NEAR(figures.at("perplexity").get<double>(), std::exp(1.5), 1e-9);
  EXPECT_EQ(figures.at("per_question").at("nll"), (Json{2.0, 1.0}));
  EXPECT_NEAR(figures.at("per_question").at("kl_mean")[0].get<double>(), 0.25, 1e-6);
  EXPECT_EQ(figures.at("kept").at("heads")[0][0], 0.5);
}

}  // namespace
}  // namespace kvcompress
