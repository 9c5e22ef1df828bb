// The program from outside: what `run` prints, writes and returns.
#include "cli/tiny_program.h"
#include "model/vocabulary.h"

namespace kvcompress::test {
namespace {

using nlohmann::json;
using RunCommand = TinyProgram;

TEST_F(RunCommand, WritesTextToOutputAndTheReceiptToError) {
  const Outcome outcome = run_program(run({"-p", "the land and the sea", "-n", "8"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err.rfind("kept     ", 0), 0U) << outcome.err;
  EXPECT_NE(outcome.err.find("\nspeed    first token "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("\nrecipe   full"), std::string::npos) << outcome.err;
  EXPECT_EQ(run_program(run({"-p", "the land", "-n", "4", "-q"})).err, "");
}

TEST_F(RunCommand, JsonIsOneObjectWithTheFiguresOfTheRun) {
  const json result = run_program(run({"-p", std::string(300, 'a'), "--no-chat", "-n", "5", "--json",
                                       "--recipe", "streaming_llm", "--budget", "100"}))
                          .json();
  EXPECT_EQ(result["model"], "tiny.gguf");
  EXPECT_EQ(result["recipe"], "streaming_llm");
  EXPECT_EQ(result["tokens"]["prompt"], 300);
  EXPECT_LE(result["tokens"]["generated"], 5);
  EXPECT_EQ(result["cache"]["kept"].size(), 2U);
  EXPECT_EQ(result["cache"]["kept"][0][0], 100);
  // 2 layers, 1 KV head of 64: 512 bytes a token.
  EXPECT_EQ(result["cache"]["bytes_full"], 512 * result["cache"]["tokens_seen"].get<int>());
  EXPECT_GE(result["cache"]["bytes_peak"], result["cache"]["bytes_prompt"]);
  EXPECT_GT(result["time"]["ttft_ms"], 0);
  EXPECT_NEAR(result["cache"]["ratio"].get<double>(),
              result["cache"]["bytes_full"].get<double>() / result["cache"]["bytes"].get<double>(), 1e-9);
}

TEST_F(RunCommand, SameTextFromArgumentFileStandardInputAndTokens) {
  const std::string text = "and the sea in the land";
  const std::vector<std::string> common = {"-n", "12", "-q", "--no-chat"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), common.begin(), common.end());
    return run(more);
  };
  const std::string expected = run_program(with({"-p", text})).out;
  EXPECT_NE(expected, "");
  EXPECT_EQ(run_program(with({"-f", write("text.txt", text + "\n")})).out, expected);
  Invocation piped = with({});
  piped.input = text + "\n";
  EXPECT_EQ(run_program(piped).out, expected);
  const std::vector<int32_t> ids =
      Vocabulary(model()).tokenize(text, /*add_special=*/true, /*parse_special=*/true);
  EXPECT_EQ(run_program(with({"--tokens", write("ids.json", json(ids).dump())})).out, expected);
}

TEST_F(RunCommand, KeptPositionsAreThoseOfThePrompt) {
  const Outcome outcome =
      run_program(run({"-p", std::string(200, 'a'), "--no-chat", "-n", "3", "-q", "--recipe", "streaming_llm",
                       "--budget", "50", "--kept", file("kept.json")}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json kept = json::parse(contents("kept.json"));
  ASSERT_EQ(kept.size(), 2U);
  ASSERT_EQ(kept[0].size(), 1U);
  std::vector<int> expected = {0, 1, 2, 3};
  for (int position = 154; position < 200; position++) expected.push_back(position);
  EXPECT_EQ(kept[0][0].get<std::vector<int>>(), expected);
}

TEST_F(RunCommand, AHiddenQuestionIsReadAfterTheCompression) {
  const std::vector<std::string> arguments = {"-f",        write("context.txt", std::string(300, 'a')),
                                              "-p",        "bb",
                                              "--no-chat", "-n",
                                              "2",         "--json",
                                              "--recipe",  "kvpress/streaming_llm",
                                              "--budget",  "64",
                                              "--kept",    file("kept.json")};
  std::vector<std::string> hidden = arguments;
  hidden.insert(hidden.end(), {"--question", "hidden"});
  const json result = run_program(run(hidden)).json();
  EXPECT_EQ(result["tokens"]["prompt"], 304);
  EXPECT_EQ(json::parse(contents("kept.json"))[0][0].back(),
            301);  // the blank line; the question comes later
  const json visible = run_program(run(arguments)).json();
  EXPECT_EQ(visible["tokens"]["prompt"], 304);
  EXPECT_EQ(json::parse(contents("kept.json"))[0][0].back(), 303);
}

TEST_F(RunCommand, TheSameSeedGivesTheSameText) {
  const std::vector<std::string> arguments = {"run", "-m", model(),  "-p", "the sea", "-n",
                                              "20",  "-q", "--temp", "2",  "--seed"};
  const auto with_seed = [&](const std::string& seed) {
    std::vector<std::string> all = arguments;
    all.push_back(seed);
    return run_program(all).out;
  };
  EXPECT_EQ(with_seed("1"), with_seed("1"));
  EXPECT_NE(with_seed("1"), with_seed("2"));
}

TEST_F(RunCommand, AGateThatDoesNotHoldIsExitCodeThree) {
  const std::vector<std::string> arguments = {
      "-p", std::string(300, 'a'), "--no-chat", "-n", "1", "-q", "--recipe", "snapkv", "--budget", "64"};
  std::vector<std::string> holds = arguments, fails = arguments;
  holds.insert(holds.end(), {"--require", "cache.ratio>=2", "--require", "cache.bytes<1MB"});
  fails.insert(fails.end(), {"--require", "cache.ratio>=100"});
  EXPECT_EQ(run_program(run(holds)).code, 0);
  const Outcome outcome = run_program(run(fails));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("cache.ratio>=100, got "), std::string::npos) << outcome.err;
}

TEST_F(RunCommand, OutputFileHasTheJsonAndReplacesTheOldOneWhole) {
  write("result.json", "old");
  const Outcome outcome = run_program(run({"-p", "the sea", "-n", "2", "-q", "-o", file("result.json")}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(json::parse(contents("result.json"))["model"], "tiny.gguf");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path())) files++;
  EXPECT_EQ(files, 2U) << "the model and the result, nothing temporary";
}

TEST_F(RunCommand, AFailedRunLeavesTheOldOutputFile) {
  write("result.json", "old");
  expect_one_line_error(run_program(run({"-p", "x", "-o", file("result.json"), "--budget", "0"})), 2);
  EXPECT_EQ(contents("result.json"), "old");
}

TEST_F(RunCommand, AFullDiskIsAnError) {
  const Outcome outcome = run_program(run({"-p", "the sea", "-n", "2", "-q", "-o", "/dev/full"}));
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err.rfind("error: [", 0), 0U) << outcome.err;
  Invocation invocation = run({"-p", "the sea", "-n", "2", "-q"});
  invocation.output_file = "/dev/full";
  expect_one_line_error(run_program(invocation), 1);
  expect_one_line_error(run_program(run({"-p", "x", "-o", file("absent/result.json")})), 1);
}

TEST_F(RunCommand, AClosedOutputIsAnErrorAndNoSignal) {
  Invocation invocation = run({"-p", "the sea", "-n", "2", "-q"});
  invocation.close_output = true;
  expect_one_line_error(run_program(invocation), 1);
  invocation.close_output = false;
  invocation.close_pipe = true;
  expect_one_line_error(run_program(invocation), 1);
}

TEST_F(RunCommand, LogsAsJson) {
  const Outcome outcome = run_program(run({"-p", "", "--log-format", "json"}));
  EXPECT_EQ(outcome.code, 2);
  const json line = json::parse(outcome.err);
  EXPECT_EQ(line["level"], "error");
  EXPECT_NE(line["message"].get<std::string>().find("[prompt]"), std::string::npos);
}

}  // namespace
}  // namespace kvcompress::test
