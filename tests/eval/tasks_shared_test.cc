// The tasks on the data they were made for, with a real tokenizer.
#include <gtest/gtest.h>

#include "eval/tasks_collection.h"
#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {
namespace {

class SharedTasks : public ::testing::Test {
 protected:
  void SetUp() override {
    KVC_SKIP_WITHOUT(test::shared_folder() / "data");
    KVC_SKIP_WITHOUT(test::models_folder() / test::kSmolLm2);
    vocabulary_ = std::make_unique<Vocabulary>((test::models_folder() / test::kSmolLm2).string());
    count_ = [this](std::string_view text) {
      return static_cast<int64_t>(
          vocabulary_->tokenize(text, /*add_special=*/false, /*parse_special=*/false).size());
    };
  }
  std::vector<TaskSample> make(const char* task, const std::string& variant, int64_t length, int64_t limit,
                               const std::string& data = "") const {
    TaskSettings settings;
    settings.data = (test::shared_folder() / "data" / data).string();
    settings.variant = variant;
    settings.length = length;
    settings.limit = limit;
    return find_task(task).make(settings, count_);
  }
  std::unique_ptr<Vocabulary> vocabulary_;
  TokenCounter count_;
};

TEST_F(SharedTasks, RealModelLengths) {
  const std::pair<const char*, const char*> made[] = {
      {"passkey", ""},  {"needle", ""},  {"needle", "single"}, {"ruler", ""},
      {"longeval", ""}, {"icl", "trec"}, {"icl", "banking77"}, {"kv_retrieval", ""}};
  for (const auto& [task, variant] : made) {
    for (const int64_t length : {2000, 7500}) {
      for (const TaskSample& sample : make(task, variant, length, 12)) {
        const int64_t tokens = sample_tokens(sample, count_);
        EXPECT_LE(tokens, length) << sample.name;
        EXPECT_GE(tokens, length * 95 / 100) << sample.name;
      }
    }
  }
}

TEST_F(SharedTasks, RealModelFilesOfTheCollection) {
  EXPECT_EQ(make("passkey", "", 0, 0).size(), 66U);
  EXPECT_EQ(make("passkey", "", 0, 0, "passkey/kivi_passkey_examples.jsonl").size(), 4U);
  EXPECT_EQ(question_count(make("longeval", "", 0, 0)), 380);
  EXPECT_EQ(make("ruler", "", 0, 30, "ruler/official_4096/niah_multikey_3.jsonl").size(), 30U);
  EXPECT_EQ(make("ruler", "vt,cwe,fwe,niah_multivalue", 0, 0).size(), 72U);
  EXPECT_EQ(make("multi_news", "", 0, 0).size(), 150U);
  EXPECT_EQ(make("babilong", "qa1,qa2,qa3,qa4,qa5,qa6,qa7,qa8,qa9,qa10", 0, 0).size(), 750U);
  EXPECT_EQ(make("babilong", "qa1,qa3,qa5,qa8", 4096, 0).size(), 160U);
  EXPECT_EQ(question_count(make("kv_retrieval", "", 0, 20)), 20);
}

// The data's own note: the answers stand in the text; so do they in what is read from its files.
TEST_F(SharedTasks, RealModelAnswersStandInTheContext) {
  for (const char* task : {"longeval", "kv_retrieval", "passkey", "ruler"}) {
    for (const TaskSample& sample :
         make(task, task == std::string("ruler") ? "niah_multikey_1,vt,cwe,fwe" : "", 0, 60)) {
      for (const TaskQuestion& question : sample.questions) {
        for (const std::string& part : question.expected) {
          EXPECT_GE(test::occurrences(sample.context, part), 1) << sample.name;
        }
        EXPECT_DOUBLE_EQ(score_answer(question, question.reference), 100) << sample.name;
      }
    }
  }
}

}  // namespace
}  // namespace kvcompress
