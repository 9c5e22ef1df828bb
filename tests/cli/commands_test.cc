// `inspect`, `methods`, `bench` and `eval` from outside: their JSON and how they agree with `run`.
#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

using nlohmann::json;
using Inspect = TinyProgram;
using Methods = TinyProgram;
using Bench = TinyProgram;
using Eval = TinyProgram;

TEST_F(Inspect, SaysWhatTheModelIs) {
  const json result = run_program({"inspect", "-m", model(), "--json"}).json();
  EXPECT_EQ(result["model"]["architecture"], "llama");
  EXPECT_EQ(result["model"]["layers"], 2);
  EXPECT_EQ(result["model"]["query_heads"], 3);
  EXPECT_EQ(result["model"]["kv_heads"], 1);
  EXPECT_EQ(result["model"]["head_dim"], 64);
  EXPECT_EQ(result["model"]["context_length"], 512);
  EXPECT_EQ(result["model"]["sliding_window"], 0);
  EXPECT_GT(result["model"]["parameters"], 0);
  EXPECT_GT(result["model"]["weight_bytes"], 0);
  EXPECT_EQ(result["cache"]["bytes_per_token_f16"], 512);
  EXPECT_EQ(result["cache"]["context"], 512);
  EXPECT_EQ(result["cache"]["bytes_full"], 512 * 512);
}

// What is promised before is what is measured after.
TEST_F(Inspect, PlansTheBytesThatARunHolds) {
  const std::string ids = write("ids.json", json(std::vector<int>(300, 5)).dump());
  const std::vector<std::vector<std::string>> recipes = {{"--recipe", "full"},
                                                         {"--recipe", "streaming_llm", "--budget", "100"},
                                                         {"--recipe", "snapkv", "--budget", "25%"},
                                                         {"--recipe", "kvpress/knorm", "--budget", "60KiB"}};
  for (const auto& recipe : recipes) {
    std::vector<std::string> inspect = {"inspect", "-m", model(), "--context", "300", "--json"};
    inspect.insert(inspect.end(), recipe.begin(), recipe.end());
    std::vector<std::string> more = {"--tokens", ids, "-n", "1", "--json"};
    more.insert(more.end(), recipe.begin(), recipe.end());
    const json planned = run_program(inspect).json(), measured = run_program(run(more)).json();
    EXPECT_EQ(planned["cache"]["bytes_recipe"], measured["cache"]["bytes_prompt"]) << recipe[1];
    EXPECT_GE(planned["cache"]["bytes_peak"], measured["cache"]["bytes_peak"]) << recipe[1];
  }
}

TEST_F(Inspect, NamesTheLayersThatKeepOnlyAWindow) {
  write_tiny_gguf({.architecture = "gemma3",
                   .layers = 6,
                   .context_length = 512,
                   .sliding_window = 32,
                   .window_period = 3},
                  file("gemma.gguf"));
  const Outcome outcome = run_program({"inspect", "-m", file("gemma.gguf")});
  EXPECT_NE(outcome.out.find("layers 0-1, 3-4 keep only their last 32 tokens"), std::string::npos)
      << outcome.out << outcome.err;
  const json result = run_program({"inspect", "-m", file("gemma.gguf"), "--json"}).json();
  EXPECT_EQ(result["model"]["sliding_window"], 32);
  EXPECT_EQ(result["model"]["sliding_window_layers"], json({0, 1, 3, 4}));
}

TEST_F(Methods, ListsEveryPreset) {
  const json result = run_program({"methods", "--json"}).json();
  std::vector<std::string> names;
  for (const json& recipe : result["recipes"]) names.push_back(recipe["name"]);
  for (const char* name :
       {"full", "recent_only", "streaming_llm", "l2_compress", "h2o_l2", "snapkv", "kvpress/snapkv"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
  EXPECT_TRUE(result["stages"].contains("score"));
  EXPECT_NE(run_program({"methods", "snapkv"}).out.find("2404.14469"), std::string::npos);
  const Outcome unknown = run_program({"methods", "snapvk"});
  expect_one_line_error(unknown, 2);
  EXPECT_NE(unknown.err.find("snapkv"), std::string::npos) << unknown.err;
}

TEST_F(Bench, JsonAndGates) {
  std::vector<std::string> arguments = {"bench",    "-m",   model(),   "-t",       "1",
                                        "--depth",  "0,64", "--batch", "1,2",      "-n",
                                        "3",        "-r",   "1",       "--recipe", "full,streaming_llm",
                                        "--budget", "32",   "--json"};
  const json result = run_program(arguments).json();
  EXPECT_EQ(result["results"].size(), 8U);
  EXPECT_GT(result["machine"]["memory_gb_per_second"], 0);
  EXPECT_EQ(result["machine"]["threads"], 1);
  EXPECT_NE(result["build"]["version"], "");
  arguments.insert(arguments.end(), {"--require", "decode_tokens_per_second>1G"});
  EXPECT_EQ(run_program(arguments).code, 3);
  expect_one_line_error(run_program({"bench", "-m", model(), "--depth", "600"}), 2);
  expect_one_line_error(run_program({"bench", "-m", model(), "--batch", "0"}), 2);
}

TEST_F(Eval, JsonToOutputAndFile) {
  std::string text;
  for (int i = 0; i < 60; i++) text += "the land and the sea " + std::to_string(i * i) + "\n";
  const Outcome outcome = run_program({"eval",
                                       "ppl",
                                       "-m",
                                       model(),
                                       "-t",
                                       "1",
                                       "--data",
                                       write("text.txt", text),
                                       "--context",
                                       "100",
                                       "--target",
                                       "50",
                                       "--stride",
                                       "100",
                                       "--limit",
                                       "2",
                                       "--recipe",
                                       "full,streaming_llm",
                                       "--budget",
                                       "32,64",
                                       "--json",
                                       "-o",
                                       file("result.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json result = outcome.json();
  EXPECT_EQ(result, json::parse(contents("result.json")));
  ASSERT_EQ(result["results"].size(), 3U);
  EXPECT_EQ(result["results"][1]["budget"], "32");
  EXPECT_EQ(result["results"][2]["tokens"], 100);
  EXPECT_LT(result["results"][1]["cache"]["bytes"], result["results"][0]["cache"]["bytes"]);
}

TEST_F(Eval, WhatIsMissingIsSaid) {
  expect_one_line_error(run_program({"eval", "ppl", "-m", model()}), 2);
  expect_one_line_error(run_program({"eval"}), 2);
  expect_one_line_error(run_program({"eval", "ppl", "-m", model(), "--data", file("absent")}), 1);
  expect_one_line_error(run_program({"eval", "ppl", "-m", model(), "--data", write("short.txt", "short")}),
                        1);
}

}  // namespace
}  // namespace kvcompress::test
