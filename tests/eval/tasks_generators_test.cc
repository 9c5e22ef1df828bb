// Tasks that make their texts: lengths, answers, seeds.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max_element
#include <map>        // std::map
#include <sstream>    // std::istringstream

#include "eval/tasks_collection.h"

namespace kvcompress {
namespace {

using test::count_tokens;
using test::occurrences;
using test::TaskCollection;

class TaskGenerators : public ::testing::Test {
 protected:
  std::vector<TaskSample> make(const char* task, const std::string& variant, int64_t length, int64_t limit,
                               uint64_t seed = 7) const {
    TaskSettings settings = collection_.settings(length, limit);
    settings.variant = variant;
    settings.seed = seed;
    return find_task(task).make(settings, count_tokens);
  }
  TaskCollection collection_;
};

struct Made {
  const char *task, *variant;
  int64_t unit;  // tokens of the piece by which a context grows, when that is more than a few
};

const Made kMade[] = {
    {"passkey", "", 30},
    {"needle", "", 0},
    {"needle", "single", 0},
    {"needle", "pizza, simple_1", 0},
    {"ruler", "niah_single_1", 30},
    {"ruler", "niah_single_2", 0},
    {"ruler", "niah_single_3", 0},
    {"ruler", "niah_multikey_1", 0},
    {"ruler", "niah_multikey_2", 40},
    {"ruler", "niah_multikey_3", 90},
    {"ruler", "niah_multivalue", 0},
    {"ruler", "niah_multiquery", 0},
    {"ruler", "vt", 30},
    {"ruler", "cwe", 30},
    {"ruler", "fwe", 0},
    {"ruler", "qa", 40},
    {"icl", "trec", 30},
};

TEST_F(TaskGenerators, SamplesAreAsLongAsAskedFor) {
  for (const Made& made : kMade) {
    for (const int64_t length : {1000, 1500, 3000, 5000}) {
      const bool ends = std::string(made.task) == "icl" || std::string(made.variant) == "qa";
      if (ends && length > 1500) {  // the collection holds no more
        EXPECT_THROW(make(made.task, made.variant, 2 * length, 4), UsageError) << made.variant;
        continue;
      }
      const auto samples = make(made.task, made.variant, length, 4);
      EXPECT_EQ(question_count(samples), 4) << made.variant;
      for (const TaskSample& sample : samples) {
        const int64_t tokens = sample_tokens(sample, count_tokens);
        EXPECT_LE(tokens, length) << sample.name;
        EXPECT_GE(tokens, std::min(length * 95 / 100, length - made.unit)) << sample.name << " of " << length;
      }
    }
  }
}

TEST_F(TaskGenerators, SeedsReproduceAndDiffer) {
  for (const Made& made : kMade) {
    const auto first = make(made.task, made.variant, 1000, 12);
    const auto again = make(made.task, made.variant, 1000, 12);
    const auto other = make(made.task, made.variant, 1000, 12, 8);
    ASSERT_EQ(first.size(), again.size());
    std::set<std::string> names;
    for (size_t i = 0; i < first.size(); i++) {
      EXPECT_EQ(first[i].context, again[i].context) << first[i].name;
      EXPECT_EQ(first[i].name, again[i].name);
      EXPECT_EQ(first[i].questions[0].text, again[i].questions[0].text);
      names.insert(first[i].name);
    }
    EXPECT_EQ(names.size(), first.size()) << made.variant;
    EXPECT_TRUE(first.back().context != other.back().context) << made.task << " " << made.variant;
  }
}

TEST_F(TaskGenerators, AFirstSampleDoesNotDependOnTheLimit) {
  for (const Made& made : kMade) {
    const auto few = make(made.task, made.variant, 1000, 4);
    const auto more = make(made.task, made.variant, 1000, 40);
    if (few[0].questions.size() == more[0].questions.size()) {
      EXPECT_EQ(few[0].context, more[0].context) << made.task << " " << made.variant;
    }
    EXPECT_EQ(question_count(more), 40);
  }
}

TEST_F(TaskGenerators, NeedlesOfOneValueStandOnceAtTheirDepth) {
  for (const char* variant : {"niah_single_1", "niah_single_2", "niah_single_3", "niah_multikey_1",
                              "niah_multikey_2", "niah_multikey_3", "niah_multivalue", "niah_multiquery"}) {
    for (const TaskSample& sample : make("ruler", variant, 1500, 12)) {
      for (const TaskQuestion& question : sample.questions) {
        for (const std::string& value : question.expected) {
          EXPECT_EQ(occurrences(sample.context, value), 1) << sample.name;
          EXPECT_NE(question.reference.find(value), std::string::npos);
        }
        EXPECT_EQ(question.reference[0], ' ');
        EXPECT_DOUBLE_EQ(score_answer(question, question.reference), 100);
        if (question.expected.size() > 1) continue;
        const auto value = sample.context.find(question.expected[0]);
        const auto at = static_cast<double>(sample.context.rfind("One of the special", value));
        EXPECT_NEAR(question.depth_percent, 100 * at / static_cast<double>(sample.context.size()), 1e-6)
            << sample.name;
      }
    }
  }
}

TEST_F(TaskGenerators, NeedleWordingIsRulers) {
  const TaskSample single = make("ruler", "niah_single_3", 1000, 1)[0];
  EXPECT_TRUE(
      single.context.starts_with("A special magic uuid is hidden within the following text. Make sure to "
                                 "memorize it. I will quiz you about the uuid afterwards.\n"));
  EXPECT_EQ(single.questions[0].expected[0].size(), 36U);
  EXPECT_EQ(single.questions[0].expected[0][14], '4');
  const TaskSample many = make("ruler", "niah_multiquery", 1000, 1)[0];
  EXPECT_TRUE(many.context.starts_with("Some special magic numbers are hidden within the following text."));
  const TaskQuestion& question = many.questions[0];
  ASSERT_EQ(question.expected.size(), 4U);
  EXPECT_TRUE(question.text.starts_with("\nWhat are all the special magic numbers for "));
  EXPECT_TRUE(question.text.ends_with(" mentioned in the provided text are"));
  EXPECT_NE(question.text.find(", and "), std::string::npos);
  const TaskSample keys = make("ruler", "niah_multikey_1", 1000, 4)[0];
  EXPECT_EQ(keys.questions.size(), 4U) << "each of the four keys";
  EXPECT_EQ(occurrences(keys.context, "One of the special magic numbers for "), 4);
  EXPECT_EQ(make("ruler", "niah_multivalue", 1000, 1)[0].questions[0].expected.size(), 4U);
}

TEST_F(TaskGenerators, DepthsOfTheSettingsAreMet) {
  TaskSettings settings = collection_.settings(2000, 6);
  settings.depths = {0, 50, 100};
  for (const char* task : {"passkey", "needle", "ruler"}) {
    settings.variant = std::string(task) == "needle"  ? "single"
                       : std::string(task) == "ruler" ? "niah_single_2"
                                                      : "";
    const auto samples = find_task(task).make(settings, count_tokens);
    ASSERT_EQ(samples.size(), 6U);
    for (size_t i = 0; i < samples.size(); i++) {
      const TaskQuestion& question = samples[i].questions[0];
      EXPECT_NEAR(question.depth_percent, settings.depths[i % 3], 8) << samples[i].name;
      EXPECT_EQ(samples[i].context.find(question.expected[0]) == std::string::npos, false);
    }
  }
}

TEST_F(TaskGenerators, PasskeyHasKivisLayout) {
  const auto samples = make("passkey", "", 1000, 0);
  ASSERT_EQ(samples.size(), 11U) << "a depth each";
  for (const TaskSample& sample : samples) {
    const TaskQuestion& question = sample.questions[0];
    const std::string& key = question.expected[0];
    EXPECT_EQ(occurrences(sample.context, key), 2);
    EXPECT_EQ(occurrences(sample.context,
                          fmt::format("\nThe pass key is {0}. Remember it. {0} is the pass key.\n", key)),
              1);
    EXPECT_TRUE(
        sample.context.starts_with("There is an important info hidden inside a lot of irrelevant text."));
    EXPECT_EQ(question.text, "What is the pass key? The pass key is");
    EXPECT_EQ(question.reference, " " + key);
  }
  TaskSettings alone;
  alone.length = 500;
  alone.limit = 2;
  EXPECT_EQ(find_task("passkey").make(alone, count_tokens).size(), 2U) << "needs no data";
}

TEST_F(TaskGenerators, ManyNeedlesShareOneHaystack) {
  const auto samples = make("needle", "", 2000, 12);
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_TRUE(samples[0].context.starts_with("The very first words."))
      << "essays in the order of their names";
  EXPECT_EQ(samples[0].questions.size(), 6U) << "the plain facts";
  double before = -1;
  for (const TaskQuestion& question : samples[0].questions) {
    EXPECT_EQ(occurrences(samples[0].context, question.expected[0]), 1);
    EXPECT_TRUE(question.text.starts_with("\n\nThe code of gate "));
    EXPECT_GT(question.depth_percent, before) << "even spacing, in their order";
    before = question.depth_percent;
  }
  EXPECT_NEAR(samples[0].questions[0].depth_percent, 100.0 / 12, 5);
  EXPECT_GT(before, 80);
}

TEST_F(TaskGenerators, ANeedleOfSeveralFactsIsOneQuestion) {
  const auto samples = make("needle", "pizza", 1000, 1);
  const TaskQuestion& question = samples[0].questions[0];
  EXPECT_EQ(occurrences(samples[0].context, "Figs are secret."), 1);
  EXPECT_EQ(occurrences(samples[0].context, "Ham is secret."), 1);
  EXPECT_EQ(question.text, "\n\nWhich are secret?\nAnswer:");
  EXPECT_EQ(question.expected, (std::vector<std::string>{"figs", "ham"}));
}

TEST_F(TaskGenerators, VariableChainIsComplete) {
  for (const TaskSample& sample : make("ruler", "vt", 1000, 5)) {
    const TaskQuestion& question = sample.questions[0];
    ASSERT_EQ(question.expected.size(), 5U);
    size_t last = 0;
    for (size_t i = 0; i < 5; i++) {
      const std::string& name = question.expected[i];
      const std::string line = i == 0 ? fmt::format("\nVAR {} = ", name)
                                      : fmt::format("\nVAR {} = VAR {} ", name, question.expected[i - 1]);
      EXPECT_EQ(occurrences(sample.context, line), 1);
      EXPECT_GE(sample.context.find(line), last);
      last = sample.context.find(line);
      EXPECT_EQ(occurrences(sample.context, name), i < 4 ? 2 : 1);
    }
  }
}

std::map<std::string, int> word_counts(const std::string& text) {
  std::map<std::string, int> counts;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (std::isalpha(static_cast<unsigned char>(word[0])) != 0) counts[word]++;
  }
  return counts;
}

TEST_F(TaskGenerators, CommonWordsAreTheMostFrequent) {
  for (const int64_t length : {1000, 5000, 9000}) {
    for (const TaskSample& sample : make("ruler", "cwe", length, 2)) {
      const size_t list = sample.context.rfind("most often.\n") + 12;
      auto counts = word_counts(sample.context.substr(list));
      const auto& expected = sample.questions[0].expected;
      ASSERT_EQ(expected.size(), 10U);
      int least = 1 << 30, most_of_others = 0;
      for (const std::string& word : expected) {
        least = std::min(least, counts[word]);
        counts.erase(word);
      }
      for (const auto& [word, times] : counts) most_of_others = std::max(most_of_others, times);
      EXPECT_GT(least, most_of_others) << sample.name;
      EXPECT_EQ(least % 6, 0);
    }
  }
}

TEST_F(TaskGenerators, CodedWordsAreTheMostFrequent) {
  for (const TaskSample& sample : make("ruler", "fwe", 1000, 3)) {
    auto counts = word_counts(sample.context.substr(sample.context.find("coded words.") + 12));
    const auto& expected = sample.questions[0].expected;
    ASSERT_EQ(expected.size(), 3U);
    EXPECT_GT(counts[expected[0]], counts[expected[1]]);
    EXPECT_GT(counts[expected[1]], counts[expected[2]]);
    const int third = counts[expected[2]];
    for (const std::string& word : expected) counts.erase(word);
    for (const auto& [word, times] : counts) EXPECT_LT(times, third) << word;
  }
}

TEST_F(TaskGenerators, DocumentsHoldTheAnswers) {
  for (const TaskSample& sample : make("ruler", "qa", 1500, 12)) {
    EXPECT_EQ(occurrences(sample.context, "Document 1:\n"), 1);
    for (const TaskQuestion& question : sample.questions) {
      EXPECT_TRUE(question.any);
      EXPECT_EQ(occurrences(sample.context, question.expected[0]), 1);
      EXPECT_TRUE(question.text.ends_with(" Answer:"));
    }
  }
}

TEST_F(TaskGenerators, RulerTasksShareTheLimit) {
  const auto samples = make("ruler", "", 1500, 24);
  EXPECT_EQ(question_count(samples), 24);
  std::map<std::string, int64_t> of_task;
  for (const TaskSample& sample : samples) {
    of_task[sample.name.substr(6, sample.name.rfind('/') - 6)] +=
        static_cast<int64_t>(sample.questions.size());
  }
  EXPECT_EQ(of_task.size(), 12U);
  for (const auto& [task, questions] : of_task) EXPECT_EQ(questions, 2) << task;
  EXPECT_EQ(question_count(make("ruler", "", 1500, 5)), 5);
}

TEST_F(TaskGenerators, ManyShotsThenBalancedQueries) {
  const TaskSample sample = make("icl", "", 1000, 12)[0];
  EXPECT_TRUE(sample.context.starts_with(
      "Classify each question as abbreviation, entity, description, human, location "
      "or number.\n\nQuestion: train "));
  EXPECT_TRUE(sample.context.ends_with("\n\n"));
  EXPECT_EQ(occurrences(sample.context, "test "), 0) << "queries are not among the examples";
  std::map<std::string, int> labels;
  for (const TaskQuestion& question : sample.questions) {
    EXPECT_EQ(question.labels.size(), 6U);
    EXPECT_EQ(question.labels[0], " abbreviation");
    EXPECT_TRUE(question.text.starts_with("Question: test ")) << question.text;
    EXPECT_TRUE(question.text.ends_with("\nType:"));
    EXPECT_DOUBLE_EQ(score_answer(question, question.reference + "\n\nQuestion"), 100);
    labels[question.reference]++;
  }
  for (const auto& [label, times] : labels) EXPECT_EQ(times, 2) << label;
}

TEST_F(TaskGenerators, BankingHasTheLabelsAskedFor) {
  const TaskSample sample = make("icl", "banking77:4", 600, 8)[0];
  ASSERT_EQ(sample.questions[0].labels.size(), 4U);
  for (const std::string& label : sample.questions[0].labels) {
    EXPECT_TRUE(label.starts_with(" topic ")) << label;
    for (const std::string& other : sample.questions[0].labels) {
      EXPECT_TRUE(other == label || !other.starts_with(label)) << "a label that begins another wins always";
    }
    EXPECT_GE(occurrences(sample.context, "Topic:" + label + "\n"), 1);
  }
  EXPECT_THROW(make("icl", "banking77:1", 600, 8), UsageError);
  EXPECT_THROW(make("icl", "banking77:400", 600, 8), UsageError);
  EXPECT_THROW(make("icl", "banking77:x", 600, 8), UsageError);
}

TEST_F(TaskGenerators, TooShortALengthIsAnError) {
  for (const Made& made : kMade) {
    try {
      make(made.task, made.variant, 20, 4);
      FAIL() << made.task << " " << made.variant;
    } catch (const UsageError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("[--length] expected")) << error.what();
    }
  }
  EXPECT_THROW(make("needle", "", 0, 4), UsageError);
  EXPECT_THROW(make("icl", "", 0, 4), UsageError);
  EXPECT_THROW(make("ruler", "cwe", 0, 4), UsageError) << "no file of that task";
}

TEST_F(TaskGenerators, SettingsOutsideTheirRangeAreErrors) {
  TaskSettings settings = collection_.settings(1000, 4);
  settings.depths = {50, 101};
  EXPECT_THROW(find_task("passkey").make(settings, count_tokens), UsageError);
  settings.depths = {-1};
  settings.variant = "single";
  EXPECT_THROW(find_task("needle").make(settings, count_tokens), UsageError);
  EXPECT_THROW(make("ruler", "", 1000, -1), UsageError);
  settings = collection_.settings();
  settings.lines = -3;
  EXPECT_THROW(find_task("longeval").make(settings, count_tokens), UsageError);
  settings.lines = 0;
  settings.questions = -1;
  EXPECT_THROW(find_task("longeval").make(settings, count_tokens), UsageError);
}

TEST_F(TaskGenerators, UnknownVariantsAreErrors) {
  EXPECT_THROW(make("ruler", "niah_single_9", 1000, 4), UsageError);
  EXPECT_THROW(make("needle", "simple_9", 1000, 4), UsageError);
  EXPECT_THROW(make("icl", "agnews", 1000, 4), UsageError);
  EXPECT_THROW(make("babilong", "qa11", 1000, 4), UsageError);
  EXPECT_THROW(find_task("pass_key"), UsageError);
  EXPECT_EQ(task_names().size(), 8U);
}

}  // namespace
}  // namespace kvcompress
