#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

class CalibrateCommand : public TinyProgram {
 protected:
  void SetUp() override {
    TinyProgram::SetUp();
    if (program_path().empty()) return;
    for (int i = 0; i < 400; ++i) text_ += "The boat number " + std::to_string(i * 37 % 101) + " left. ";
    write("text.txt", text_);
  }

  std::vector<std::string> arguments(const std::string& kind, std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"calibrate", kind, "-m", model(), "--data", file("text.txt"), "-t", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string text_;
};

TEST_F(CalibrateCommand, WritesAProfileThatTheRecipeTakes) {
  const std::string profile = file("rank.json");
  const Outcome made =
      run_program(arguments("rank", {"--window", "128", "--limit", "2", "-o", profile, "--json"}));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.json()["calibrate"]["kind"], "rank");
  EXPECT_EQ(made.json()["calibrate"]["data"], "text.txt");
  EXPECT_EQ(made.json()["calibrate"]["settings"]["windows"], "2");
  EXPECT_EQ(made.json()["calibrate"]["bytes"], contents("rank.json").size());

  const std::vector<std::string> ask = {"-p",       text_.substr(0, 400),
                                        "-n",       "2",
                                        "--recipe", "rankkv_snapkv",
                                        "--set",    "budget.layers.statistic=profile",
                                        "--budget", "50%"};
  const Outcome without = run_program(run(ask));
  expect_one_line_error(without, 2);
  EXPECT_NE(without.err.find("kvcompress calibrate rank"), std::string::npos) << without.err;
  std::vector<std::string> with = ask;
  with.insert(with.end(), {"--profile", profile});
  const Outcome answered = run_program(run(with));
  EXPECT_EQ(answered.code, 0) << answered.err;
}

TEST_F(CalibrateCommand, AProfileOfAnotherModelIsRefused) {
  const std::string profile = file("rank.json"), other = file("other.gguf");
  write_tiny_gguf({.seed = 2}, other);
  ASSERT_EQ(run_program(arguments("rank", {"--window", "64", "-o", profile})).code, 0);
  const Outcome refused =
      run_program({"run", "-m", other, "-p", "a boat left", "-n", "1", "--recipe", "rankkv_snapkv", "--set",
                   "budget.layers.statistic=profile", "--budget", "50%", "--profile", profile});
  expect_one_line_error(refused, 2);
  EXPECT_NE(refused.err.find("tiny.gguf"), std::string::npos) << refused.err;
}

TEST_F(CalibrateCommand, ABrokenProfileIsRefused) {
  const std::string profile = file("rank.json");
  ASSERT_EQ(run_program(arguments("rank", {"--window", "64", "-o", profile})).code, 0);
  const std::string whole = contents("rank.json");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const std::string& broken : {std::string("{"), std::string("[]"), whole.substr(0, whole.size() / 2),
                                    changed("\"kind\"", "\"kin\""), changed("\"shape\":[2]", "\"shape\":[3]"),
                                    changed("\"values\":[", "\"values\":[true,"),
                                    changed("\"kvcompress_profile\":1", "\"kvcompress_profile\":2")}) {
    write("broken.json", broken);
    const Outcome refused = run_program(
        run({"-p", text_.substr(0, 200), "-n", "1", "--recipe", "rankkv_snapkv", "--budget", "50%", "--set",
             "budget.layers.statistic=profile", "--profile", file("broken.json")}));
    expect_one_line_error(refused, 1);
    EXPECT_NE(refused.err.find("broken.json"), std::string::npos) << refused.err;
  }
}

TEST_F(CalibrateCommand, WrongUseIsOneLine) {
  const auto refused = [](const std::vector<std::string>& given, int code, const std::string& says) {
    const Outcome outcome = run_program(given);
    expect_one_line_error(outcome, code);
    EXPECT_NE(outcome.err.find(says), std::string::npos) << outcome.err;
  };
  const std::string out = file("out.json");
  refused(arguments("head_importence", {"-o", out}), 2, "the nearest is 'head_importance'");
  refused(arguments("rank"), 2, "--output");
  refused({"calibrate", "rank", "-m", model(), "-o", out}, 2, "--data");
  refused({"calibrate", "rank", "-m", model(), "--data", file("absent.txt"), "-o", out}, 1, "absent.txt");
  refused(arguments("rank", {"-o", out, "--window", "4096"}), 2, "--window");
  refused(arguments("gate", {"-o", out, "--window", "64", "--set", "recods=0.2"}), 2, "recods");
  write("short.txt", "Too short.");
  refused({"calibrate", "rank", "-m", model(), "--data", file("short.txt"), "-o", out}, 1, "tokens or more");
  refused(arguments("rank", {"-o", file("no/such/folder.json"), "--window", "64"}), 1, "folder");
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace kvcompress::test
