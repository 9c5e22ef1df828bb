// The conversation in a terminal.
#include "cli/tiny_program.h"
#include "model/vocabulary.h"

namespace kvcompress::test {
namespace {

using nlohmann::json;

class Chat : public TinyProgram {
 protected:
  Invocation type(const std::string& text, std::vector<std::string> more) const {
    Invocation invocation = run(std::move(more));
    invocation.terminal_input = true;
    invocation.input = text;
    return invocation;
  }
};

constexpr const char* kEndOfInput = "\x04";

TEST_F(Chat, EveryTurnExtendsTheSameSequence) {
  const Outcome outcome = run_program(
      type(std::string("the sea\nthe land\n") + kEndOfInput, {"-n", "4", "-o", file("result.json")}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json result = json::parse(contents("result.json"));
  ASSERT_EQ(result["tokens"]["generated"], 4) << "the tiny model ends no answer early";

  const Vocabulary vocabulary(model());
  const auto count = [&](const std::string& text) {
    return vocabulary.tokenize(text, /*add_special=*/false, /*parse_special=*/true).size();
  };
  const size_t first = count("<|im_start|>user\nthe sea<|im_end|>\n<|im_start|>assistant\n");
  const size_t added = count("<|im_end|>\n<|im_start|>user\nthe land<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(result["tokens"]["prompt"], first + 4 + added);
}

TEST_F(Chat, TheBudgetHoldsOverAllTurns) {
  const std::string turn = std::string(90, 'a') + "\n";
  const Outcome outcome =
      run_program(type(turn + turn + turn + "/exit\n", {"-n", "4", "--recipe", "streaming_llm", "--budget",
                                                        "64", "-o", file("result.json")}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json result = json::parse(contents("result.json"));
  EXPECT_GT(result["cache"]["tokens_seen"], 300);
  EXPECT_EQ(result["cache"]["kept"][0][0], 64);
}

TEST_F(Chat, AFullContextIsAnErrorOfOneLine) {
  const std::string turn = std::string(300, 'a') + "\n";
  const Outcome outcome = run_program(type(turn + turn, {"-n", "2", "-q"}));
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find("error: [prompt]"), std::string::npos) << outcome.err;
}

TEST_F(Chat, AnInterruptEndsItWithTheReceipt) {
  Invocation invocation = type("the sea\n", {"-n", "2"});
  invocation.interrupt_after = 2;
  const Outcome outcome = run_program(invocation);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_LT(outcome.seconds, 1);
  EXPECT_NE(outcome.err.find("kept     "), std::string::npos) << outcome.err;
}

TEST_F(Chat, HasNoJson) {
  const Outcome outcome = run_program(type("", {"--json"}));
  expect_one_line_error(outcome, 2);
}

}  // namespace
}  // namespace kvcompress::test
