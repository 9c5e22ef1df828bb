// --save-session and --load-session, from outside.
#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

using nlohmann::json;

class SessionCommand : public TinyProgram {
 protected:
  std::string session() const { return file("chat.kvs"); }
  std::vector<std::string> with(std::vector<std::string> arguments, std::vector<std::string> more) const {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Outcome save(std::vector<std::string> more) const {
    return run_program(run(with({"--save-session", session(), "-q"}, more)));
  }
  Outcome load(std::vector<std::string> more) const {
    return run_program(run(with({"--load-session", session(), "-q"}, more)));
  }
};

const std::vector<std::string> kSnapKv = {"--recipe", "snapkv",          "--budget", "64",
                                          "--set",    "score.window=16", "--set",    "budget.recent=16"};

TEST_F(SessionCommand, ADocumentIsReadOnceForManyQuestions) {
  const std::string text = write("text.txt", std::string(200, 'a') + " the sea\n");
  for (const std::vector<std::string>& chat : {std::vector<std::string>{}, {"--no-chat"}}) {
    const auto options = with(kSnapKv, chat);
    ASSERT_EQ(save(with(options, {"-f", text, "-n", "0"})).code, 0);
    for (const std::string question : {"and the land?", "or the sea?"}) {
      const Outcome whole = run_program(
          run(with(options, {"-f", text, "-p", question, "--question", "hidden", "-n", "12", "-q"})));
      const std::string behind = chat.empty() ? question : "\n\n" + question;
      const Outcome loaded = load(with(chat, {"-p", behind, "-n", "12"}));
      EXPECT_EQ(loaded.code, 0) << loaded.err;
      if (chat.empty()) {
        EXPECT_EQ(loaded.out, whole.out) << question;
      }
      EXPECT_NE(loaded.out, "");
    }
  }
}

TEST_F(SessionCommand, AnAnswerGoesOnWhereItEnded) {
  const std::string whole = run_program(run({"-p", "the land and the sea", "-n", "30", "-q"})).out;
  const Outcome first = save({"-p", "the land and the sea", "-n", "12"});
  EXPECT_EQ(first.code, 0) << first.err;
  const Outcome rest = load({"-n", "18"});
  EXPECT_EQ(rest.code, 0) << rest.err;
  const auto cut = [](const std::string& out) { return out.substr(0, out.size() - 1); };  // a line end
  EXPECT_EQ(cut(first.out) + cut(rest.out), cut(whole));
}

TEST_F(SessionCommand, TheNextTurnIsThatOfAChat) {
  Invocation chat = run({"-n", "4", "-q"});
  chat.terminal_input = true;
  chat.input = "the sea\nthe land\n\x04";
  const std::string both = run_program(chat).out;
  const std::string first = save({"-p", "the sea", "-n", "4"}).out;
  const Outcome second = run_program(run({"--load-session", session(), "--save-session", session(), "-p",
                                          "the land", "-n", "4", "-q", "-o", file("result.json")}));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(first + second.out, both);
  const json result = json::parse(contents("result.json"));
  EXPECT_EQ(result["recipe"], "full");
  EXPECT_GT(result["tokens"]["loaded"], 10);
  EXPECT_EQ(result["cache"]["tokens_seen"].get<int>(),
            result["tokens"]["loaded"].get<int>() + result["tokens"]["prompt"].get<int>() + 3);

  // And a conversation in a terminal goes on behind it, and can be saved as well.
  Invocation third = run({"--load-session", session(), "--save-session", file("third.kvs"), "-n", "4", "-q"});
  third.terminal_input = true;
  third.input = "and then\n/exit\n";
  const Outcome typed = run_program(third);
  EXPECT_EQ(typed.code, 0) << typed.err;
  EXPECT_EQ(typed.out, load({"-p", "and then", "-n", "4"}).out);
  EXPECT_TRUE(std::filesystem::exists(file("third.kvs")));
}

TEST_F(SessionCommand, TheRecipeIsTheSessionsOwn) {
  ASSERT_EQ(save(with(kSnapKv, {"-p", std::string(150, 'a'), "-n", "2"})).code, 0);
  const Outcome outcome = run_program(run({"--load-session", session(), "-p", "x", "-n", "2", "--json"}));
  EXPECT_EQ(outcome.json()["recipe"], "snapkv");
  EXPECT_EQ(outcome.json()["cache"]["kept"][0][0].get<int>(),
            64 + outcome.json()["cache"]["tokens_seen"].get<int>() -
                outcome.json()["tokens"]["loaded"].get<int>() + 1);
  for (const std::vector<std::string>& decided : {std::vector<std::string>{"--recipe", "full"},
                                                  {"--budget", "32"},
                                                  {"--set", "budget.recent=8"},
                                                  {"--prefill", "bounded"},
                                                  {"--system", "be brief"}}) {
    const Outcome refused = load(with(decided, {"-p", "x"}));
    expect_one_line_error(refused, 2);
    EXPECT_NE(refused.err.find("[" + decided[0] + "]"), std::string::npos) << refused.err;
  }
}

TEST_F(SessionCommand, BadFilesAreOneLine) {
  ASSERT_EQ(save({"-p", "the land", "-n", "2"}).code, 0);
  const std::string good = contents("chat.kvs");
  const auto load_bytes = [&](const std::string& bytes) {
    return run_program(run({"--load-session", write("bad.kvs", bytes), "-p", "x", "-q"}));
  };
  expect_one_line_error(load_bytes(""), 1);
  expect_one_line_error(load_bytes("no session"), 1);
  expect_one_line_error(load_bytes(good.substr(0, good.size() / 2)), 1);
  std::string bytes = good;
  bytes[good.size() / 2] ^= 1;
  expect_one_line_error(load_bytes(bytes), 1);
  bytes = good;
  bytes[8] = 7;
  expect_one_line_error(load_bytes(bytes), 1);
  expect_one_line_error(run_program(run({"--load-session", file("absent"), "-p", "x"})), 1);
  expect_one_line_error(run_program(run({"--load-session", folder_.path().string(), "-p", "x"})), 1);
  TinyModel other;
  other.seed = 9;
  write_tiny_gguf(other, file("other.gguf"));
  expect_one_line_error(
      run_program({"run", "-m", file("other.gguf"), "--load-session", session(), "-p", "x", "-t", "1"}), 2);
  expect_one_line_error(load({"-c", "4", "-p", "x"}), 2);
}

TEST_F(SessionCommand, Unreadable) {
  if (geteuid() == 0) GTEST_SKIP() << "the superuser may read every file";
  write("secret.kvs", "x");
  std::filesystem::permissions(file("secret.kvs"), std::filesystem::perms::none);
  expect_one_line_error(run_program(run({"--load-session", file("secret.kvs"), "-p", "x"})), 1);
}

TEST_F(SessionCommand, AFailedSaveLeavesTheOldFile) {
  write("chat.kvs", "old");
  expect_one_line_error(run_program(run({"--save-session", file("no/chat.kvs"), "-p", "x", "-n", "1"})), 1);
  const Outcome full = run_program(run({"--save-session", "/dev/full", "-p", "x", "-n", "1", "-q"}));
  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.err.find("error: [/dev/full]"), std::string::npos) << full.err;
  Invocation interrupted =
      run({"--save-session", session(), "-p", "x", "-n", "-1", "-q", "--kept", file("read")});
  interrupted.interrupt_on_file = file("read");
  EXPECT_EQ(run_program(interrupted).code, 1);
  EXPECT_EQ(contents("chat.kvs"), "old");
}

TEST_F(SessionCommand, ASessionThatEndsWithItsPromptNeedsAQuestion) {
  ASSERT_EQ(save({"-f", write("text.txt", "the land"), "-n", "0"}).code, 0);
  expect_one_line_error(load({"-n", "2"}), 2);
  ASSERT_EQ(save({"-f", file("text.txt"), "-n", "0", "--no-chat"}).code, 0);
  expect_one_line_error(load({"-n", "2", "--no-chat"}), 2);
}

// Issue 5.8: about 1,000 tokens of a real text, saved, loaded in a new process, continued.
class RealModelSession : public testing::Test {
 protected:
  void SetUp() override { KVC_SKIP_WITHOUT_PROGRAM(); }
  std::string text() {
    std::string words;
    for (int i = 0; i < 125; ++i) {
      words += "Chapter " + std::to_string(i) + " tells of the sea.\n";
    }
    std::ofstream(folder_.file("text.txt")) << words;
    return folder_.file("text.txt");
  }
  TemporaryFolder folder_;
};

TEST_F(RealModelSession, ContinuesToTheSameText) {
  const std::filesystem::path model = models_folder() / kSmolLm2;
  KVC_SKIP_WITHOUT(model);
  const std::string session = folder_.file("session"), document = text();
  const std::vector<std::vector<std::string>> recipes = {
      {"--recipe", "full"},
      {"--recipe", "snapkv", "--budget", "512"},
      {"--recipe", "h2o", "--budget", "512"},
      {"--recipe", "streaming_llm_rolling", "--budget", "512"},
      {"--recipe", "rotated_q4"},
      {"--recipe", "snapkv+rotated_q4", "--budget", "512"},
      {"--recipe", "kvzip", "--budget", "512"},
  };
  const auto program = [&](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.begin(), {"run", "-m", model.string(), "-q", "-t", "2"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  for (size_t i = 0; i < recipes.size(); ++i) {
    const std::vector<std::string>& recipe = recipes[i];
    const Outcome saved = program({"-f", document, "-n", "0", "--save-session", session, "--json"}, recipe);
    ASSERT_EQ(saved.code, 0) << saved.err;
    EXPECT_GT(saved.json()["cache"]["tokens_seen"], 900);
    const auto sampling = i % 2 == 0 ? std::vector<std::string>{"--greedy"}
                                     : std::vector<std::string>{"--temp", "1", "--seed", "7"};
    std::vector<std::string> whole = {"-f",         document, "-p", "What does chapter 40 tell of?",
                                      "--question", "hidden", "-n", "24"};
    whole.insert(whole.end(), recipe.begin(), recipe.end());
    const Outcome expected = program(whole, sampling);
    const Outcome loaded =
        program({"--load-session", session, "-p", "What does chapter 40 tell of?", "-n", "24"}, sampling);
    EXPECT_EQ(loaded.code, 0) << loaded.err;
    EXPECT_EQ(loaded.out, expected.out) << recipe[1] << ' ' << sampling[0];
    EXPECT_GT(loaded.out.size(), 10U);
  }
}

}  // namespace
}  // namespace kvcompress::test
