// Tasks that read their texts: exact prompts, cuts, and files that are not what they should be.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include "base/file.h"  // read_file
#include "eval/tasks_collection.h"

namespace kvcompress {
namespace {

using test::count_tokens;
using test::occurrences;
using test::TaskCollection;

class TaskFiles : public ::testing::Test {
 protected:
  std::vector<TaskSample> make(const char* task, const TaskSettings& settings) const {
    return find_task(task).make(settings, count_tokens);
  }
  // The error's text; empty when there was none.
  std::string error_of(const char* task, const TaskSettings& settings) const {
    try {
      make(task, settings);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  }
  TaskCollection collection_;
};

TEST_F(TaskFiles, LongEvalKeepsTheFirstLines) {
  TaskSettings settings = collection_.settings(0, 7);
  settings.lines = 10;
  settings.questions = 5;
  const auto samples = make("longeval", settings);
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[1].questions.size(), 2U);
  const TaskSample& sample = samples[0];
  EXPECT_EQ(occurrences(sample.context, "\nline "), 10);
  EXPECT_TRUE(sample.context.starts_with("Below is a record.\n\nline "));
  EXPECT_TRUE(sample.context.ends_with("REGISTER_CONTENT is <1009>\n")) << "the tenth line";
  const char* numbers[] = {"1001", "1003", "1005", "1007", "1009"};
  for (size_t i = 0; i < 5; i++) {
    const TaskQuestion& question = sample.questions[i];
    EXPECT_EQ(question.reference, numbers[i]) << "the digits alone, lines at even spacing";
    EXPECT_EQ(question.expected, std::vector<std::string>{numbers[i]});
    EXPECT_EQ(occurrences(sample.context, numbers[i]), 1);
    const size_t at = question.text.find("in line ") + 8;
    const std::string name = question.text.substr(at, question.text.find('?') - at);
    EXPECT_EQ(question.text,
              fmt::format(
                  "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {0}? I need the "
                  "number. The <REGISTER_CONTENT> in line {0} is <",
                  name));
    EXPECT_EQ(
        occurrences(sample.context, fmt::format("line {}: REGISTER_CONTENT is <{}>\n", name, numbers[i])), 1);
  }
}

TEST_F(TaskFiles, LongEvalCutsToALength) {
  TaskSettings settings = collection_.settings(500);
  for (const TaskSample& sample : make("longeval", settings)) {
    EXPECT_LE(sample_tokens(sample, count_tokens), 500);
    EXPECT_GE(sample_tokens(sample, count_tokens), 500 - 30);
    EXPECT_EQ(sample.questions.size(), 10U);
  }
  settings.lines = 41;
  EXPECT_THROW(make("longeval", settings), UsageError);
}

TEST_F(TaskFiles, BabilongPromptAndLabels) {
  TaskSettings settings = collection_.settings();
  const TaskSample sample = make("babilong", settings)[0];
  EXPECT_EQ(sample.context, "I1\n\nE1\n\nP1\n\n<context>\n0k Mary went to the office.\n</context>");
  EXPECT_EQ(sample.questions[0].text,
            "\n\nQuestion: Where is Mary?\nAnswer: The most recent location of Mary is");
  EXPECT_EQ(sample.questions[0].labels, (std::vector<std::string>{" garden", " office"}));
  EXPECT_EQ(sample.questions[0].reference, " office");
  settings.variant = "qa3";
  EXPECT_EQ(make("babilong", settings)[0].questions[0].text,
            "\n\nQuestion: Where was the apple before the kitchen?\nAnswer: Before the kitchen the apple was "
            "in the");
  settings.variant = "qa8";
  const auto things = make("babilong", settings);
  EXPECT_TRUE(things[0].questions[0].labels.empty()) << "two things are no label";
  EXPECT_EQ(things[0].questions[0].expected, (std::vector<std::string>{"apple", "milk"}));
  EXPECT_EQ(things[1].questions[0].labels.size(), 3U);
}

TEST_F(TaskFiles, BabilongsLengthChoosesTheFolder) {
  EXPECT_NE(make("babilong", collection_.settings(3000))[0].context.find("1k Mary"), std::string::npos);
  EXPECT_NE(make("babilong", collection_.settings(900))[0].context.find("0k Mary"), std::string::npos);
  TaskSettings one = collection_.settings();
  one.data = collection_.file("babilong/1k");
  EXPECT_NE(make("babilong", one)[0].context.find("1k Mary"), std::string::npos);
  one.data = collection_.file("babilong/1k/qa1.jsonl");
  EXPECT_NE(make("babilong", one)[0].context.find("1k Mary"), std::string::npos);
}

TEST_F(TaskFiles, MultiNewsMeasuresTheReference) {
  const auto samples = make("multi_news", collection_.settings());
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].context, "Summarise. \n\nNews:\nPassage 1: rain.");
  EXPECT_EQ(samples[0].questions[0].text, "\n\nNow.\n\nSummary:");
  EXPECT_EQ(samples[0].questions[0].reference, " It rained.");
  EXPECT_EQ(samples[0].questions[0].reference_tokens, 200);
  EXPECT_TRUE(samples[0].questions[0].expected.empty());
  EXPECT_EQ(make("multi_news", collection_.settings(100)).size(), 1U) << "longer ones are left out";
  EXPECT_THROW(make("multi_news", collection_.settings(5)), UsageError);
}

TEST_F(TaskFiles, KeysAndValuesAreCutToALength) {
  const auto all = make("kv_retrieval", collection_.settings());
  EXPECT_TRUE(all[0].context.starts_with("JSON data:\n{\"key-0\": \"value-0\",\n \"key-1\": \"value-1\",\n"));
  EXPECT_TRUE(all[0].context.ends_with("\"key-29\": \"value-29\"}"));
  EXPECT_EQ(all[0].questions.size(), 10U);
  EXPECT_EQ(all[0].questions[0].text, "\n\nKey: \"key-1\"\nCorresponding value:\n");
  EXPECT_EQ(all[0].questions[0].reference, "value-1");
  const auto cut = make("kv_retrieval", collection_.settings(250));
  EXPECT_LE(sample_tokens(cut[0], count_tokens), 250);
  EXPECT_GE(sample_tokens(cut[0], count_tokens), 230);
}

TEST_F(TaskFiles, RulerFilesAreSplitBeforeTheirQuestion) {
  TaskSettings settings = collection_.settings();
  settings.variant = "vt,niah_single_1";
  const auto samples = make("ruler", settings);
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].context, "Memorize.\n\nVAR A = 5");
  EXPECT_EQ(samples[0].questions[0].text, "\nQuestion: Find. Answer: they are:");
  EXPECT_EQ(samples[0].questions[0].reference, " AB CD");
  EXPECT_EQ(samples[0].questions[0].max_tokens, 30);
  EXPECT_EQ(samples[1].context, "Header.\nkey is: 77.\nlast");
  EXPECT_EQ(samples[1].questions[0].reference, " 77");
  EXPECT_GT(samples[1].questions[0].depth_percent, 40);
  settings.data = collection_.file("ruler/generated/vt.jsonl");
  EXPECT_EQ(make("ruler", settings)[0].questions[0].expected, (std::vector<std::string>{"AB", "CD"}));
}

TEST_F(TaskFiles, PasskeyFilesGetTheirQuestion) {
  const auto samples = make("passkey", collection_.settings());
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_TRUE(samples[0].context.ends_with("\nfiller\n")) << "a line break before the question";
  EXPECT_EQ(samples[0].questions[0].reference, " 01234") << "zeros in front stay";
}

TEST_F(TaskFiles, AbsentDataSayWhatIsMissing) {
  const std::pair<const char*, const char*> needed[] = {{"needle", "needle/needles.json"},
                                                        {"ruler", "ruler/words/adjectivelist.txt"},
                                                        {"longeval", "retrieval/longeval_lines"},
                                                        {"babilong", "babilong/0k/qa1.jsonl"},
                                                        {"icl", "icl/trec_train.jsonl"},
                                                        {"multi_news", "longbench/multi_news.jsonl"},
                                                        {"kv_retrieval", "retrieval/kv_75_keys.jsonl"}};
  test::TemporaryFolder empty;
  for (const auto& [task, file] : needed) {
    TaskSettings settings;
    settings.length = std::string(task) == "longeval" ? 0 : 1200;
    for (const std::string& data : {std::string(), empty.path().string()}) {
      settings.data = data;
      const std::string error = error_of(task, settings);
      EXPECT_NE(error.find(file), std::string::npos) << task << ": " << error;
      EXPECT_NE(error.find("--data DIR"), std::string::npos) << task << ": " << error;
    }
    settings.data = empty.file("nowhere");
    EXPECT_NE(error_of(task, settings).find("not there"), std::string::npos)
        << task << ": " << error_of(task, settings);
  }
}

struct Damage {
  const char *task, *variant, *file;
  int64_t length;
  const char *content, *where, *what;  // both stand in the message
};

TEST_F(TaskFiles, DamagedFilesAreNamedWithLineAndField) {
  const char* good = R"({"input": "a\nb 1", "target": "1"})";
  const std::string passkey = std::string(good) + "\n";
  const Damage cases[] = {
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "{\"input\": \"a 1\"}\n",
       "line 1, field \"target\"", "none"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "\n{\"input\": 3, \"target\": \"1\"}\n",
       "line 2, field \"input\"", "got 3"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "{\"input\": \"a b\", \"target\": \"1\"}\n",
       "line 1, field \"input\"", "target 1"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "{\"input\": \"a 1\", \"tar", "line 1",
       "cut off"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "[1, 2]\n", "line 1", "a JSON object"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "{\"input\": \"\xff\", \"target\": \"1\"}\n",
       "line 1", "UTF-8"},
      {"passkey", "", "passkey/generated_passkey.jsonl", 0, "\n\n", "generated_passkey.jsonl",
       "one a line, got none"},
      {"needle", "", "needle/needles.json", 1000, "[\n{\"id\": \"a\"},\n{\"id\": }\n]", "line 3", "mistake"},
      {"needle", "", "needle/needles.json", 1000, "[{\"id\": \"a\", \"needles\": \"x\"}]",
       "entry 1, field \"needles\"", "a list of strings"},
      {"needle", "", "needle/needles.json", 1000, "[]", "needles.json", "empty"},
      {"needle", "", "needle/PaulGrahamEssays/a.txt", 1000, "bad \xff", "a.txt", "offset 4"},
      {"ruler", "niah_single_1", "ruler/words/nounlist.txt", 1000, "TWO words\n", "nounlist.txt",
       "words, one a line"},
      {"ruler", "vt", "ruler/generated/vt.jsonl", 0, "{\"input\": \"one line\", \"outputs\": [\"a\"]}",
       "line 1, field \"input\"", "several lines"},
      {"ruler", "vt", "ruler/generated/vt.jsonl", 0, "{\"input\": \"a\\nb\", \"outputs\": []}",
       "line 1, field \"outputs\"", "an empty list"},
      {"ruler", "qa", "ruler/nq_open_oracle.jsonl", 1000,
       "{\"question\": \"q\", \"answers\": [\"a\"], \"ctxs\": [{\"title\": \"t\"}]}",
       "field \"ctxs\", entry 1", "\"text\""},
      {"longeval", "", "retrieval/longeval_lines_200.jsonl", 0, "{\"prompt\": \"no lines\"}",
       "line 1, field \"prompt\"", "got none"},
      {"longeval", "", "retrieval/longeval_lines_200.jsonl", 0,
       "{\"prompt\": \"H\\nline a: REGISTER_CONTENT is <5>\\nline b: REGISTER_CONTENT is <>\\n\"}",
       "line 1, field \"prompt\"", "as line 2"},
      {"longeval", "", "retrieval/longeval_lines_200.jsonl", 0,
       "{\"prompt\": \"H\\nline a: REGISTER_CONTENT is <5>\\nline a: REGISTER_CONTENT is <6>\\n\"}",
       "line 1, field \"prompt\"", "\"a\" twice"},
      {"longeval", "", "retrieval/longeval_lines_200.jsonl", 0,
       "{\"prompt\": \"H\\nline a: REGISTER_CONTENT is <5\"}", "line 1, field \"prompt\"", "as line 1"},
      {"babilong", "", "babilong/prompts.json", 0,
       "{\"template\": \"{context}\", \"prompts\": {\"qa1\": {}}}", "field \"template\"", "Question"},
      {"babilong", "", "babilong/0k/qa1.jsonl", 0,
       "{\"input\": \"f\", \"question\": \"Who is it?\", \"target\": \"office\"}",
       "line 1, field \"question\"", "Where is"},
      {"babilong", "", "babilong/0k/qa1.jsonl", 0,
       "{\"input\": \"f\", \"question\": \"Where is X?\", \"target\": \"moon\"}", "line 1, field \"target\"",
       "garden"},
      {"icl", "", "icl/trec_train.jsonl", 500, "{\"text\": \"q\", \"coarse\": \"ODD\"}",
       "line 1, field \"coarse\"", "ODD"},
      {"multi_news", "", "longbench/dataset2prompt.json", 0, "{\"multi_news\": \"no slot\"}",
       "field \"multi_news\"", "{context}"},
      {"kv_retrieval", "", "retrieval/kv_75_keys.jsonl", 0, "{\"ordered_kv_records\": [[\"a\"]]}",
       "line 1, field \"ordered_kv_records\"", "pairs"},
  };
  for (const Damage& damage : cases) {
    const std::string before = read_file(collection_.file(damage.file));
    collection_.write(damage.file, damage.content);
    TaskSettings settings = collection_.settings(damage.length);
    settings.variant = damage.variant;
    const std::string error = error_of(damage.task, settings);
    EXPECT_NE(error.find(damage.where), std::string::npos) << damage.content << "\n" << error;
    EXPECT_NE(error.find(damage.what), std::string::npos) << damage.content << "\n" << error;
    const std::string name = std::filesystem::path(damage.file).filename().string();
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << "one line: " << error;
    collection_.write(damage.file, before);
  }
}

}  // namespace
}  // namespace kvcompress
