// Ctrl-C: within a second, with the receipt so far, exit code 1. A model file cut shorter while it is mapped:
// one line, exit code 1.
#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

class Interrupt : public TinyProgram {
 protected:
  // Large enough that reading the prompt takes seconds on any machine.
  void SetUp() override {
    KVC_SKIP_WITHOUT_PROGRAM();
    TinyModel model_settings;
    model_settings.layers = 24;
    model_settings.query_heads = 8;
    model_settings.kv_heads = 2;
    model_settings.feed_forward = 2048;
    model_settings.context_length = 200000;
    write_tiny_gguf(model_settings, model());
  }
};

TEST_F(Interrupt, DuringPrefill) {
  Invocation invocation = run({"-f", write("long.txt", std::string(100000, 'a')), "--no-chat", "--json"});
  invocation.interrupt_after = 1;
  const Outcome outcome = run_program(invocation);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_LT(outcome.seconds, 1.0);
  const auto result = outcome.json();
  EXPECT_EQ(result["finish_reason"], "cancelled");
  EXPECT_EQ(result["tokens"]["generated"], 0);
  EXPECT_LT(result["cache"]["tokens_seen"], 100000);
}

TEST_F(Interrupt, WhileWriting) {
  // The file of kept positions says that the prompt has been read.
  Invocation invocation = run(
      {"-p", "the sea", "--no-chat", "-n", "100000", "--kept", file("kept.json"), "-o", file("result.json")});
  invocation.interrupt_on_file = file("kept.json");
  const Outcome outcome = run_program(invocation);
  EXPECT_EQ(outcome.signal, 0);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_LT(outcome.seconds, 1.0);
  EXPECT_NE(outcome.err.find("kept     "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("error: [run]"), std::string::npos) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(contents("result.json"))["finish_reason"], "cancelled");
}

TEST_F(Interrupt, ByAModelFileThatLosesItsBytes) {
  // Two threads read weights, so that both can meet the end of the file.
  Invocation invocation;
  invocation.arguments = {"run",       "-m", model(),  "-p",     "the sea",         "-t",    "2",
                          "--no-chat", "-n", "100000", "--kept", file("kept.json"), "--json"};
  invocation.interrupt_on_file = file("kept.json");
  invocation.cut_file = model();
  const Outcome outcome = run_program(invocation);
  expect_one_line_error(outcome, 1);
  EXPECT_EQ(outcome.err.rfind("error: [model] ", 0), 0U) << outcome.err;
  EXPECT_LT(outcome.seconds, 10.0);
}

}  // namespace
}  // namespace kvcompress::test
