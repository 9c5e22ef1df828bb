// kvcompress eval on its tasks, as a user calls it.
#include "cli/tiny_program.h"

namespace kvcompress::test {
namespace {

using nlohmann::json;

class EvalTask : public TinyProgram {
 protected:
  Outcome eval(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"eval"};
    arguments.push_back(more[0]);
    arguments.insert(arguments.end(), {"-m", model(), "-t", "1"});
    arguments.insert(arguments.end(), more.begin() + 1, more.end());
    return run_program(arguments);
  }

  void expect_error(const std::vector<std::string>& more, int code, const std::string& part) const {
    const Outcome outcome = eval(more);
    expect_one_line_error(outcome, code);
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }
};

TEST_F(EvalTask, EveryRecipeAtEveryBudgetBesideTheFullCache) {
  const Outcome outcome =
      eval({"passkey", "--length", "400", "--limit", "3", "--depth", "10,50,90", "--recipe",
            "full,streaming_llm,l2_compress", "--budget", "48,25%", "--json", "-o", file("result.json")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json result = outcome.json();
  EXPECT_EQ(result, json::parse(contents("result.json")));
  EXPECT_EQ(result["task"], "passkey");
  ASSERT_EQ(result["results"].size(), 5U);
  EXPECT_EQ(result["results"][1]["budget"], "48");
  for (const json& row : result["results"]) {
    EXPECT_EQ(row["samples"], 3);
    EXPECT_LT(row["log_probability"], 0);
  }
  EXPECT_EQ(result["results"][1]["score_full"], result["results"][0]["score"]);
  EXPECT_LT(result["results"][1]["cache"]["bytes_prompt"], result["results"][0]["cache"]["bytes_prompt"]);
}

TEST_F(EvalTask, TheQuestionMayBeVisibleAndThePrefillBounded) {
  for (const char* question : {"hidden", "visible"}) {
    for (const char* prefill : {"exact", "bounded"}) {
      const Outcome outcome =
          eval({"passkey", "--length", "400", "--limit", "1", "--recipe", "streaming_llm", "--budget", "64",
                "--question", question, "--prefill", prefill, "--chat", "--json"});
      ASSERT_EQ(outcome.code, 0) << outcome.err;
      EXPECT_EQ(outcome.json()["protocol"]["question"], question);
      EXPECT_EQ(outcome.json()["protocol"]["prefill"], prefill);
      EXPECT_EQ(outcome.json()["protocol"]["chat"], true);
    }
  }
}

TEST_F(EvalTask, FidelityOfPrompts) {
  const std::string prompts = write("prompts.jsonl",
                                    "{\"prompt\": \"the land and the sea and the land\"}\n"
                                    "{\"turns\": [\"12 13 14 15 16 17 18 19\", \"x\"]}\n");
  const Outcome outcome = eval({"fidelity", "--data", prompts, "--recipe", "full,streaming_llm", "--budget",
                                "8", "-n", "12", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json row = outcome.json()["results"][1];
  EXPECT_EQ(row["samples"], 2);
  for (const char* key : {"equal_tokens", "kl_mean", "top1_agreement"}) EXPECT_TRUE(row.contains(key)) << key;
  EXPECT_NE(eval({"fidelity", "--data", prompts}).out.find("full"), std::string::npos);
}

TEST_F(EvalTask, AttentionIsMeasuredWhenAskedFor) {
  std::string text;
  for (int i = 0; i < 60; i++) text += "the land and the sea " + std::to_string(i * i) + "\n";
  const Outcome outcome =
      eval({"ppl", "--data", write("text.txt", text), "--context", "100", "--target", "50", "--limit", "1",
            "--recipe", "full,streaming_llm", "--budget", "32", "--attention", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json result = outcome.json();
  EXPECT_FALSE(result["results"][0].contains("hit"));
  EXPECT_GT(result["results"][1]["hit"], 0);
  EXPECT_LT(result["results"][1]["hit"], 1);
  EXPECT_GT(result["results"][1]["output_error"], 0);
}

TEST_F(EvalTask, WhatIsWrongIsSaid) {
  expect_error({"passkye"}, 2, "'passkey'");
  expect_error({"passkey", "--length", "400", "--question", "seen"}, 2, "hidden or visible");
  expect_error({"passkey", "--length", "400", "--depth", "10,x"}, 2, "[--depth]");
  expect_error({"passkey", "--length", "400", "--limit", "-1"}, 2, "[--limit]");
  expect_error({"passkey", "--length", "400", "--stride", "5"}, 2, "with ppl only");
  expect_error({"ppl", "--data", model(), "--lines", "5"}, 2, "[--lines]");
  expect_error({"passkey", "--length", "900"}, 2, "512");
  expect_error({"passkey", "--length", "400", "--recipe", "streaming_llm", "--budget", "2"}, 2,
               "budget.sinks");
  expect_error({"longeval", "--data", folder_.path().string()}, 1, "longeval_lines_200.jsonl");
  expect_error({"longeval", "--data", file("absent")}, 1, "absent");
  expect_error({"fidelity"}, 2, "--data");
  expect_error({"fidelity", "--data", write("bad.jsonl", "{\"text\": 1}\n")}, 1, "line 1");
}

TEST_F(EvalTask, AProfileIsReadOrRefused) {
  expect_error({"passkey", "--length", "300", "--profile", file("absent.json")}, 1, "absent.json");
  expect_error({"passkey", "--length", "300", "--profile", write("bad.json", "{}")}, 1, "bad.json");
}

}  // namespace
}  // namespace kvcompress::test
