// Every wrong recipe: the text must hold each of the pieces, on one line, as a wrong call (exit code 2).
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <functional>  // std::function
#include <random>      // std::mt19937

#include "policy/recipe.h"

namespace kvcompress {
namespace {

void expect_pieces(const std::function<void()>& call, const std::vector<std::string>& pieces) {
  try {
    call();
  } catch (const UsageError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    for (const std::string& piece : pieces)
      EXPECT_NE(text.find(piece), std::string::npos) << text << "\nlacks " << piece;
    EXPECT_EQ(error.exit_code(), 2);
    return;
  }
  ADD_FAILURE() << "no error, expected " << pieces.front();
}

struct TextCase {
  std::string text;
  std::vector<std::string> pieces;
};

class WrongText : public testing::TestWithParam<TextCase> {};

TEST_P(WrongText, SaysWhereAndWhat) {
  expect_pieces([] { parse_recipe(GetParam().text, "my.yaml"); }, GetParam().pieces);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongText,
    testing::Values(
        TextCase{"", {"[recipe my.yaml:1]", "empty"}},
        TextCase{"score: key_norm\nclustering_k: 20\n", {"my.yaml:2", "clustering_k", "read by nothing"}},
        TextCase{"just words", {"my.yaml:1", "a map of stages"}},
        TextCase{"- a\n- b\n", {"my.yaml:1", "got a list"}},
        TextCase{"name: x\nscor: key_norm\n", {"my.yaml:2", "'scor'", "did you mean 'score'?"}},
        TextCase{"score: key_nrm\n",
                 {"my.yaml:1", "score: expected a known answer, got 'key_nrm'", "did you mean 'key_norm'?"}},
        TextCase{"score:\n  kind: attention_window\n  windw: 3\n",
                 {"my.yaml:3", "score.windw", "did you mean 'window'?"}},
        TextCase{"score: {window: 3}\n", {"my.yaml:1", "expected the key 'kind'"}},
        TextCase{"score:\n", {"my.yaml:1", "score: expected a known answer, got ''"}},
        TextCase{"score: [key_norm]\n", {"my.yaml:1", "score: expected a name or"}},
        TextCase{"score: {kind: [key_norm]}\n",
                 {"my.yaml:1", "score.kind: expected the name of an answer, got a list"}},
        TextCase{"score: {kind: key_norm, keep: lo}\n",
                 {"score.keep: expected one of low, high, got 'lo'", "did you mean 'low'?"}},
        TextCase{"score: {kind: attention_window, window: 0}\n",
                 {"score.window: expected a whole number in 1..4096, got '0'"}},
        TextCase{"score: {kind: attention_window, window: 5000}\n", {"1..4096, got '5000'"}},
        TextCase{"score: {kind: attention_window, window: 3.5}\n", {"got '3.5'"}},
        TextCase{"score: {kind: attention_window, window: [1, 2]}\n", {"got a list of 2"}},
        TextCase{"score: {kind: attention_window, kernel: 4}\n",
                 {"my.yaml:1", "score.kernel: expected an odd number, got 4; take 5"}},
        TextCase{"score: {kind: attention_window, count_padding: yes}\n",
                 {"expected true or false, got 'yes'"}},
        TextCase{"budget: {tokens: 0}\n",
                 {"my.yaml:1", "budget.tokens: expected a whole number in 1..2147483647, got '0'"}},
        TextCase{"budget: {tokens: -5}\n", {"got '-5'"}},
        TextCase{"budget: {tokens: 99999999999999999999}\n", {"got '9999"}},
        TextCase{"budget: {tokens: nan}\n", {"got 'nan'"}}, TextCase{"budget: {keep: nan}\n", {"got 'nan'"}},
        TextCase{"budget: {keep: 0}\n", {"budget.keep: expected a share above 0"}},
        TextCase{"budget: {keep: 101%}\n", {"got '101%'"}}, TextCase{"budget: {keep: 25}\n", {"got '25'"}},
        TextCase{"budget: {bytes: 0}\n", {"budget.bytes: expected a size"}},
        TextCase{"budget: {bytes: 64XB}\n", {"got '64XB'"}},
        TextCase{"budget: {bytes: 1e300GiB}\n", {"got '1e300GiB'"}},
        TextCase{"budget: lots\n",
                 {"expected tokens (1024), a share up to 100% (25%) or bytes (64MiB), got 'lots'"}},
        TextCase{"budget: {tokns: 5}\n", {"budget.tokns", "did you mean 'tokens'?"}},
        TextCase{"budget: {layers: pyramids}\n", {"budget.layers: expected a known answer, got 'pyramids'"}},
        TextCase{"budget: {layers: {kind: uniform, beta: 1}}\n", {"budget.layers.beta"}},
        TextCase{"budget: {skip_layers: [0, x]}\n", {"budget.skip_layers", "got 'x'"}},
        TextCase{"budget: {skip_layers: [[0]]}\n", {"budget.skip_layers", "plain values"}},
        TextCase{"score: recency\nbudget: {tokens: 5,\n  keep: 25%}\n",
                 {"my.yaml:3", "budget.tokens and budget.keep", "one amount"}},
        TextCase{"score: recency\nscore: none\n", {"my.yaml:2", "'score' again"}},
        TextCase{"score: &a recency\n", {"my.yaml:1", "anchor"}}, TextCase{"a: &a [*a]\n", {"anchor"}},
        TextCase{"score: !!str recency\n", {"my.yaml:1", "tag"}},
        TextCase{"score: none\n---\nscore: none\n", {"my.yaml:", "second"}},
        TextCase{"{a: b\n", {"my.yaml:1", "close every { and ["}},
        TextCase{"? [a]\n: b\n", {"expected a name as key"}},
        TextCase{std::string("name: a\nsummary: \xff\n"), {"my.yaml:2", "byte 0xff"}},
        TextCase{std::string("name: a\0b\n", 10), {"my.yaml:1", "byte 0x00"}},
        TextCase{"score: a: b\n", {"my.yaml:", "expected YAML"}},
        TextCase{std::string(5000, '['), {"my.yaml:1"}},
        TextCase{std::string(500, '[') + std::string(500, ']'), {"my.yaml:1"}},
        TextCase{"a: [[[[[[[[1]]]]]]]]", {"my.yaml:1", "8 levels of nesting"}},
        TextCase{"name: [a]\n", {"my.yaml:1", "name: expected text"}},
        TextCase{std::string(70'000, ' '), {"at most 65536 bytes"}}));

TEST(WrongPairs, NameBothAndWhere) {
  const auto parsed = [](const std::string& text) { return [text] { parse_recipe(text, "my.yaml"); }; };
  expect_pieces(
      parsed("score: {kind: attention_window, window: 64}\nbudget: {tokens: 100, recent: 32}\n"),
      {"score.window (recipe my.yaml:1) 64", "budget.recent (recipe my.yaml:2) 32", "set budget.recent=64"});
  expect_pieces(parsed("score: attention_window\nbudget: 25%\n"), {"score.window 32", "budget.recent 0"});
  expect_pieces(parsed("score: recency\nbudget: {tokens: 7,\n sinks: 4,\n recent: 4}\n"),
                {"budget.tokens (recipe my.yaml:2) 7", "budget.sinks (recipe my.yaml:3) 4",
                 "budget.recent (recipe my.yaml:4) 4", "tokens >= 8"});
  expect_pieces(parsed("budget: 25%\n"), {"score none", "a budget"});
  expect_pieces(parsed("score: recency\n"), {"score (recipe my.yaml:1) recency", "budget none", "--budget"});
  expect_pieces(parsed("score: recency\nbudget: {tokens: 7, of: held}\n"),
                {"budget.of or budget.rounding", "expected budget.keep"});
  expect_pieces(parsed("score: recency\nbudget: {bytes: 7MiB, trigger: 5}\n"),
                {"budget.bytes", "budget.trigger", "set budget.trigger=0"});
}

struct CallCase {
  RecipeRequest request;
  std::vector<std::string> pieces;
};

class WrongCall : public testing::TestWithParam<CallCase> {};

TEST_P(WrongCall, SaysWhat) {
  expect_pieces([] { resolve_recipe(GetParam().request); }, GetParam().pieces);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WrongCall,
    testing::Values(
        CallCase{{"snapkvv", {}, ""}, {"'snapkvv'", "did you mean 'snapkv'?"}},
        CallCase{{"kvpress/snap", {}, ""}, {"did you mean 'kvpress/snapkv'?"}},
        CallCase{{"snapkv+", {}, ""}, {"expected a preset or a .yaml file, got ''"}},
        CallCase{{"", {}, "0"}, {"[--budget '0']"}}, CallCase{{"", {}, "-5"}, {"got '-5'"}},
        CallCase{{"", {}, "0%"}, {"got '0%'"}}, CallCase{{"", {}, "101%"}, {"got '101%'"}},
        CallCase{{"", {}, "12XiB"}, {"got '12XiB'"}}, CallCase{{"", {}, "1.5"}, {"got '1.5'"}},
        CallCase{{"", {}, "nan%"}, {"got 'nan%'"}}, CallCase{{"", {}, "9999999999"}, {"got '9999999999'"}},
        CallCase{{"snapkv", {"budget.tokens=9"}, "10"}, {"one amount"}},
        CallCase{{"snapkv", {"budget.tokens=90", "budget.keep=25%"}, ""}, {"budget.tokens and budget.keep"}},
        CallCase{{"snapkv", {}, "31"},
                 {"budget.tokens (--budget '31') 31", "budget.recent (recipe snapkv.yaml"}},
        CallCase{{"full", {}, "512"}, {"score", "none", "a budget"}},
        CallCase{{"snapkv", {"windw"}, ""}, {"expected STAGE.KEY=VALUE"}},
        CallCase{{"snapkv", {"=3"}, ""}, {"expected STAGE.KEY=VALUE"}},
        CallCase{{"snapkv", {"score.window="}, ""}, {"expected STAGE.KEY=VALUE"}},
        CallCase{{"snapkv", {"scor.window=3"}, ""}, {"'scor'", "did you mean 'score'?"}},
        CallCase{{"snapkv", {"score.windw=3"}, ""}, {"[--set 'score.windw=3']", "did you mean 'window'?"}},
        CallCase{{"snapkv", {"score.window=x\n\xff"}, ""}, {"'x\\x0a\\xff'"}},
        CallCase{{"snapkv", {"score.kind=a,b"}, ""}, {"expected the name of an answer"}},
        CallCase{{"snapkv", {"store=f17"}, ""}, {"store: expected a known answer, got 'f17'", "'f16'"}},
        CallCase{{"snapkv", {"store.bits=4"}, ""}, {"store.bits", "unknown key 'bits'"}}));

const std::string kRefit = "score.refit=attention_matching", kGrow = "budget.decode=grow";

// What is settled once, at the prompt's end.
INSTANTIATE_TEST_SUITE_P(
    Settled, WrongCall,
    testing::Values(
        CallCase{{"snapkv", {"score.refit=attention"}, ""}, {"score.refit", "known: attention_matching"}},
        CallCase{{"snapkv", {kRefit, kGrow, "score.refit.ridge=0"}, ""}, {"score.refit.ridge", "got '0'"}},
        CallCase{{"full", {kRefit}, ""}, {"score.refit", "attention_matching", "budget none", "keep=25%"}},
        CallCase{{"snapkv", {kRefit, "budget.decode=hold"}, ""}, {"score.refit", "hold", "decode=grow"}},
        CallCase{{"streaming_llm_rolling", {kRefit, kGrow}, ""}, {"score.refit", "rolling", "original"}},
        CallCase{{"q4", {"store.guards=0.5"}, ""}, {"store.guards", "0.5 and budget none", "score.kind"}},
        CallCase{{"q4", {"store.guards=1.5"}, ""}, {"store.guards", "got '1.5'"}},
        CallCase{{"snapkv+q4", {"store.guards=0.5", "budget.decode=hold"}, ""},
                 {"store.guards", "hold", "decode=grow"}}));

// Fields of published configurations that nothing follows from.
INSTANTIATE_TEST_SUITE_P(
    Idle, WrongCall,
    testing::Values(
        CallCase{{"hybrid_8x", {"score.clustering_k=20"}, ""},
                 {"[--set 'score.clustering_k=20']", "clustering_k", "read by nothing", "chunks"}},
        CallCase{{"hybrid_8x", {"score.attention_temperature=0.6"}, ""},
                 {"attention_temperature", "ranks tokens the same"}},
        CallCase{{"hybrid_8x", {"score.temperature=0.6"}, ""}, {"ranks tokens the same"}},
        CallCase{{"hybrid_8x", {"budget.layers.priority=1.4"}, ""}, {"priority", "budget.layers knots"}},
        CallCase{{"hybrid_8x", {"store.calibration_steps=512"}, ""}, {"calibration_steps", "remove it"}},
        CallCase{{"hybrid_8x", {"budget.target_compression_ratio=8"}, ""}, {"--require 'cache.ratio>=8'"}},
        CallCase{{"hybrid_8x", {"budget.min_throughput_gain=1.5"}, ""}, {"--require"}},
        CallCase{{"hybrid_8x", {"budget.max_accuracy_drop=0.05"}, ""}, {"--require"}}));

// Damage of every kind to a good recipe: it parses, or one of our errors says why not.
TEST(HostileText, OnlyOurErrors) {
  const std::string good = to_yaml(resolve_recipe({"snapkv", {}, ""}));
  const std::string bytes = "{}[]:,&*!|>'\"%@`#-?\n\t \\\xff\x80\x01%0 9.eE+nN~";
  std::mt19937 random(1);
  int parsed = 0, refused = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    std::string text = good;
    for (unsigned edits = 1 + random() % 6; edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          text.insert(at, 1, bytes[random() % bytes.size()]);
          break;
        case 2:
          text.erase(at, 1 + random() % 8);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
      }
      if (text.empty()) text = "x";
    }
    try {
      parse_recipe(text, "damaged");
      ++parsed;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(parsed, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace kvcompress
