#include <gtest/gtest.h>

#include <cmath>  // std::isnan

#include "eval/tasks/task.h"

namespace kvcompress {
namespace {

struct Case {
  const char* what;
  std::vector<std::string> expected;
  bool any;
  const char* answer;
  double score;
};

TEST(TaskScore, ShareOfTheExpectedStringsInTheAnswer) {
  const Case cases[] = {
      {"held", {"4817"}, false, " 4817. And then", 100},
      {"empty answer", {"4817"}, false, "", 0},
      {"letter case", {"Silver Thunder"}, false, "it was SILVER thunder", 100},
      {"spaces around the expected string", {" library "}, false, "the library", 100},
      {"half", {"figs", "ham"}, false, "Figs only", 50},
      {"all of two", {"figs", "ham"}, false, "ham, figs", 100},
      {"one of any", {"Las Vegas", "Vegas"}, true, "in vegas", 100},
      {"none of any", {"Las Vegas", "Vegas"}, true, "in Reno", 0},
      {"a number inside a longer one", {"74"}, false, "1742", 0},
      {"a number behind a longer one", {"74"}, false, "1742 or 74", 100},
      {"a number that goes on", {"4817"}, false, "48170", 0},
      {"a number in brackets", {"74"}, false, "<74>", 100},
      {"part of a word", {"hot"}, false, "hotdog", 100},
      {"a phone number", {"555-0193"}, false, "555-0193.", 100},
      {"the same string twice counts once", {"a1", "b2"}, false, "a1 a1", 50},
  };
  for (const Case& c : cases) {
    TaskQuestion question;
    question.expected = c.expected;
    question.any = c.any;
    EXPECT_DOUBLE_EQ(score_answer(question, c.answer), c.score) << c.what;
  }
}

TEST(TaskScore, LabelsMustBeTheOnlyOnes) {
  TaskQuestion question;
  question.text = "Question: Where was the apple before the kitchen? Answer:";
  question.labels = {" garden", " kitchen", " office", " no"};
  question.expected = {"garden"};
  question.until = ".";
  EXPECT_DOUBLE_EQ(score_answer(question, " garden"), 100);
  EXPECT_DOUBLE_EQ(score_answer(question, " Garden. Then the office."), 100);
  EXPECT_DOUBLE_EQ(score_answer(question, " garden or office"), 0);
  EXPECT_DOUBLE_EQ(score_answer(question, " garden, before the kitchen"), 100)
      << "the question names the kitchen";
  EXPECT_DOUBLE_EQ(score_answer(question, " garden, nowhere else"), 100) << "\"no\" is not a word of it";
  EXPECT_DOUBLE_EQ(score_answer(question, " gardener"), 0);
  EXPECT_DOUBLE_EQ(score_answer(question, ""), 0);
  question.expected = {"kitchen"};
  EXPECT_DOUBLE_EQ(score_answer(question, " kitchen"), 100) << "expected, although the question names it";
}

TEST(TaskScore, AnAnswerEndsWhereTheQuestionSays) {
  TaskQuestion question;
  question.expected = {"milk"};
  question.until = "\n";
  EXPECT_DOUBLE_EQ(score_answer(question, "bread\nmilk"), 0);
  EXPECT_DOUBLE_EQ(score_answer(question, "milk\nbread"), 100);
}

TEST(TaskScore, WhatExpectsNothingHasNoScore) {
  TaskQuestion question;
  question.reference = " a summary";
  EXPECT_TRUE(std::isnan(score_answer(question, "a summary")));
}

TEST(TaskScore, TokensOfASampleAreThoseOfItsLongestQuestionAndAnswer) {
  const TokenCounter letters = [](std::string_view text) { return static_cast<int64_t>(text.size()); };
  TaskSample sample;
  sample.context = "0123456789";
  sample.questions.resize(2);
  sample.questions[0].text = "abc";
  sample.questions[0].reference = "de";
  sample.questions[0].expected = {"d"};
  sample.questions[0].max_tokens = 7;
  sample.questions[1].text = "abcd";  // nothing is generated, so max_tokens does not count
  sample.questions[1].reference = "efghi";
  sample.questions[1].max_tokens = 30;
  EXPECT_EQ(sample_tokens(sample, letters), 10 + 3 + 7);
  sample.questions[0].max_tokens = 1;
  EXPECT_EQ(sample_tokens(sample, letters), 10 + 4 + 5);
  sample.questions[1].reference_tokens = 2;
  EXPECT_EQ(sample_tokens(sample, letters), 10 + 4 + 2);
  EXPECT_EQ(question_count({sample, sample}), 4);
}

}  // namespace
}  // namespace kvcompress
