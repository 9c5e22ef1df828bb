// Whatever is wrong with what the user gives: one line, and the exit code that says whose fault it is.
#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

using BadModel = TinyProgram;
using BadRecipe = TinyProgram;
using BadPrompt = TinyProgram;
using BadCall = TinyProgram;

TEST_F(BadModel, Absent) {
  expect_one_line_error(run_program({"run", "-m", file("absent.gguf"), "-p", "x"}), 1);
}

TEST_F(BadModel, AFolder) {
  expect_one_line_error(run_program({"run", "-m", folder_.path().string(), "-p", "x"}), 1);
}

TEST_F(BadModel, Unreadable) {
  if (geteuid() == 0) GTEST_SKIP() << "the superuser may read every file";
  std::filesystem::permissions(model(), std::filesystem::perms::none);
  expect_one_line_error(run_program(run({"-p", "x"})), 1);
}

TEST_F(BadModel, Empty) {
  expect_one_line_error(run_program({"run", "-m", write("empty.gguf", ""), "-p", "x"}), 1);
}

TEST_F(BadModel, WrongMagic) {
  std::string bytes = contents("tiny.gguf");
  bytes[0] = 'X';
  expect_one_line_error(run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x"}), 1);
}

TEST_F(BadModel, WrongVersion) {
  std::string bytes = contents("tiny.gguf");
  bytes[4] = 99;
  expect_one_line_error(run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x"}), 1);
}

TEST_F(BadModel, CutOffAnywhere) {
  const std::string bytes = contents("tiny.gguf");
  for (const size_t size :
       {size_t{3}, size_t{20}, size_t{200}, size_t{4000}, bytes.size() / 2, bytes.size() - 1}) {
    expect_one_line_error(run_program({"run", "-m", write("bad.gguf", bytes.substr(0, size)), "-p", "x"}), 1);
  }
}

TEST_F(BadModel, UnknownArchitecture) {
  std::string bytes = contents("tiny.gguf");
  // The value of general.architecture follows its key, type and length; another name of the same length.
  const size_t at = bytes.find("llama", bytes.find("general.architecture"));
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 5, "lamma");
  const Outcome outcome = run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x"});
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("lamma"), std::string::npos) << outcome.err;
}

TEST_F(BadModel, MissingTensor) {
  std::string bytes = contents("tiny.gguf");
  const size_t at = bytes.find("blk.1.attn_q.weight");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 4] = '7';
  const Outcome outcome = run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x"});
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("blk.1.attn_q.weight"), std::string::npos) << outcome.err;
}

TEST_F(BadModel, WrongShape) {
  std::string bytes = contents("tiny.gguf");
  const std::string name = "blk.0.ffn_up.weight";
  const size_t at = bytes.find(name);
  ASSERT_NE(at, std::string::npos);
  // After the name: the number of dimensions (4 bytes), then the first dimension.
  bytes[at + name.size() + 4] ^= 0x40;
  expect_one_line_error(run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x"}), 1);
}

// A flipped bit may change a weight, which nobody can see, or the structure: an answer or one line, never a
// crash.
TEST_F(BadModel, FlippedBits) {
  const std::string whole = contents("tiny.gguf");
  for (size_t i = 0; i < 40; i++) {
    std::string bytes = whole;
    const size_t at = (i * 2654435761U) % 16384;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (i % 8)));
    const Outcome outcome =
        run_program({"run", "-m", write("bad.gguf", bytes), "-p", "x", "-n", "2", "-q", "-t", "1"});
    EXPECT_EQ(outcome.signal, 0) << "byte " << at;
    if (outcome.code != 0) expect_one_line_error(outcome, 1);
  }
}

TEST_F(BadRecipe, UnknownNameAndSetting) {
  Outcome outcome = run_program(run({"-p", "x", "--recipe", "snapvk"}));
  expect_one_line_error(outcome, 2);
  EXPECT_NE(outcome.err.find("snapkv"), std::string::npos) << outcome.err;
  outcome = run_program(run({"-p", "x", "--recipe", "snapkv", "--set", "score.windw=8"}));
  expect_one_line_error(outcome, 2);
  EXPECT_NE(outcome.err.find("window"), std::string::npos) << outcome.err;
}

TEST_F(BadRecipe, FilesAreCheckedLineByLine) {
  for (const char* text : {"name: x\nscore: {kind: recency}\nbuget: {tokens: 8}\n",  // unknown key
                           "name: x\nscore: recency\nbudget: {tokens: many}\n",      // wrong type
                           "name: x\nscore: none\nbudget: {tokens: 8}\n",            // impossible pair
                           "name: x\nscore: [recency\n"}) {                          // no YAML
    const Outcome outcome = run_program(run({"-p", "x", "--recipe", write("bad.yaml", text)}));
    expect_one_line_error(outcome, 2);
    EXPECT_NE(outcome.err.find("bad.yaml"), std::string::npos) << outcome.err;
  }
}

TEST_F(BadRecipe, BudgetsThatCannotBe) {
  for (const char* budget : {"0", "-5", "0%", "101%", "lots", "0MiB", "9000000", "12XiB", ""}) {
    expect_one_line_error(run_program(run({"-p", "some words", "--recipe", "snapkv", "--budget", budget})),
                          2);
  }
}

TEST_F(BadPrompt, Empty) {
  expect_one_line_error(run_program(run({"-p", ""})), 2);
  expect_one_line_error(run_program(run({"-f", write("empty.txt", "")})), 2);
  expect_one_line_error(run_program(run({})), 2);  // empty standard input
  expect_one_line_error(run_program(run({"--tokens", write("none.json", "[]")})), 2);
}

TEST_F(BadPrompt, InvalidUtf8NamesTheOffset) {
  const Outcome outcome = run_program(run({"-f", write("bad.txt", "good\xC3(")}));
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("offset 4"), std::string::npos) << outcome.err;
  expect_one_line_error(run_program(run({"-p", "\xff"})), 1);
  Invocation piped = run({});
  piped.input = "ab\xf0\x9f";
  expect_one_line_error(run_program(piped), 1);
}

TEST_F(BadPrompt, NulBytesNameTheOffset) {
  const Outcome outcome = run_program(run({"-f", write("bad.txt", std::string("ab\0c", 4))}));
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("NUL byte at offset 2"), std::string::npos) << outcome.err;
}

TEST_F(BadPrompt, LongerThanTheContext) {
  const std::string path = write("long.txt", std::string(2000, 'x'));
  const Outcome outcome = run_program(run({"-f", path}));
  expect_one_line_error(outcome, 2);
  EXPECT_NE(outcome.err.find("512"), std::string::npos) << outcome.err;
  expect_one_line_error(run_program(run({"-p", "some words", "-c", "3"})), 2);
}

TEST_F(BadPrompt, AbsentFile) { expect_one_line_error(run_program(run({"-f", file("absent.txt")})), 1); }

TEST_F(BadPrompt, TokensThatAreNone) {
  for (const char* json : {"[1, 99999]", "[-1]", "[1.5]", "{\"a\": 1}", "[1, ", "[\"a\"]", "[4294967296]"}) {
    expect_one_line_error(run_program(run({"--tokens", write("tokens.json", json)})), 1);
  }
}

TEST_F(BadCall, UnknownCommandsAndOptionsNameTheNearest) {
  Outcome outcome = run_program({"rnu"});
  expect_one_line_error(outcome, 2);
  EXPECT_NE(outcome.err.find("'run'"), std::string::npos) << outcome.err;
  outcome = run_program(run({"-p", "x", "--recipee", "full"}));
  expect_one_line_error(outcome, 2);
  EXPECT_NE(outcome.err.find("'--recipe'"), std::string::npos) << outcome.err;
  expect_one_line_error(run_program(std::vector<std::string>{}), 2);
  expect_one_line_error(run_program({"serve", "-m", model()}), 2);
  expect_one_line_error(run_program({"run", "-p", "x"}), 2);  // no model
  expect_one_line_error(run_program({"eval", "needle", "-m", model()}), 2);
  expect_one_line_error(run_program({"eval", "pll", "-m", model()}), 2);
}

TEST_F(BadCall, ValuesOutOfRange) {
  const std::vector<std::vector<std::string>> wrong = {{"-t", "0"},
                                                       {"-t", "x"},
                                                       {"-b", "0"},
                                                       {"-c", "100000"},
                                                       {"-n", "-2"},
                                                       {"--temp", "-1"},
                                                       {"--top-p", "2"},
                                                       {"--prefill", "some"},
                                                       {"--precision", "half"},
                                                       {"--require", "speed>1"},
                                                       {"--log-format", "xml"},
                                                       {"--question", "hidden"},
                                                       {"--tokens", "x.json"}};
  for (std::vector<std::string> more : wrong) {
    more.insert(more.end(), {"-p", "some words"});
    const Outcome outcome = run_program(run(more));
    expect_one_line_error(outcome, 2);
    EXPECT_EQ(outcome.code, 2) << more[0] << " " << more[1];
  }
}

TEST_F(BadCall, AProfileThatCannotBeRead) {
  expect_one_line_error(run_program(run({"-p", "some words", "--profile", file("absent.json")})), 1);
  expect_one_line_error(run_program(run({"-p", "some words", "--profile", write("bad.json", "[]")})), 1);
}

TEST_F(BadCall, TooLittleMemoryIsKnownBeforeTheWork) {
  // 2 layers, 1 head: a byte budget beyond any memory is met by less; a context of that length is not.
  const Outcome outcome =
      run_program(run({"-p", "some words", "-c", "1000000000", "--rope-extend", "-n", "999999000"}));
  expect_one_line_error(outcome, 1);
  EXPECT_NE(outcome.err.find("memory"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace kvcompress::test
