#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::sort
#include <cmath>      // std::sqrt

#include "eval/tasks/haystack.h"
#include "eval/tasks/samples.h"
#include "eval/tasks_collection.h"

namespace kvcompress {
namespace {

TEST(TaskSamples, FitUnitsFindsTheLargestThatFits) {
  Random random(3);
  for (int round = 0; round < 2000; round++) {
    const auto slope = static_cast<int64_t>(random.below(40));
    const auto start = static_cast<int64_t>(random.below(500));
    const auto least = static_cast<int64_t>(random.below(5));
    const int64_t most = least + static_cast<int64_t>(random.below(3000));
    const auto limit = static_cast<int64_t>(random.below(60000));
    const bool bent = random.below(2) == 0;
    int calls = 0;
    const auto tokens = [&](int64_t units) {
      calls++;
      const double root = bent ? std::sqrt(static_cast<double>(units)) * 9 : 0;
      return start + slope * units + static_cast<int64_t>(root);
    };
    const auto found = fit_units(least, most, limit, tokens);
    const int used = calls;
    if (tokens(least) > limit) {
      EXPECT_FALSE(found.has_value());
      continue;
    }
    ASSERT_TRUE(found.has_value());
    EXPECT_LE(tokens(*found), limit);
    EXPECT_TRUE(*found == most || tokens(*found + 1) > limit);
    EXPECT_GE(*found, least);
    EXPECT_LE(used, 24);
  }
}

TEST(TaskSamples, EvenSpacingStandsInTheMiddleOfEachPart) {
  EXPECT_EQ(even_spacing(8, 200), (std::vector<int64_t>{12, 37, 62, 87, 112, 137, 162, 187}));
  EXPECT_EQ(even_spacing(1, 5), std::vector<int64_t>{2});
  EXPECT_EQ(even_spacing(9, 3), (std::vector<int64_t>{0, 1, 2}));
}

TEST(TaskSamples, DrawTakesNoneTwice) {
  Random random(5);
  auto numbers = draw(40, 50, random);
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(std::unique(numbers.begin(), numbers.end()), numbers.end());
  EXPECT_GE(numbers.front(), 0);
  EXPECT_LT(numbers.back(), 50);
}

TEST(TaskSamples, TextHelpers) {
  EXPECT_EQ(listed({"a"}), "a");
  EXPECT_EQ(listed({"a", "b"}), "a and b");
  EXPECT_EQ(listed({"a", "b", "c"}, "or"), "a, b, or c");
  EXPECT_EQ(split_names(" a, b,,c "), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(filled("{x}-{y}-{x}", "x", "{x}"), "{x}-{y}-{x}");
  EXPECT_EQ(share_of_limit(5, 0, 3) + share_of_limit(5, 1, 3) + share_of_limit(5, 2, 3), 5);
}

TEST(TaskSamples, CollectorCutsTheLastSampleAndLeavesOutLongOnes) {
  TaskSettings settings;
  settings.limit = 3;
  settings.length = 30;
  const TokenCounter count = test::count_tokens;
  SampleCollector samples(settings, count);
  TaskQuestion question;
  question.text = "what";
  question.reference = " that";
  const TaskSample sample{"a", "one two three", {question, question}};
  TaskSample large = sample;
  for (int i = 0; i < 40; i++) large.context += " more";
  EXPECT_TRUE(samples.add(sample));
  EXPECT_FALSE(samples.add(large));
  EXPECT_EQ(samples.room(2), 1);
  EXPECT_TRUE(samples.add(sample));
  EXPECT_TRUE(samples.full());
  const auto taken = samples.take("x");
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[1].questions.size(), 1U);
  SampleCollector none(settings, count);
  none.add(large);
  EXPECT_THROW(none.take("x"), UsageError);
  EXPECT_THROW(SampleCollector(settings, count).take("x"), InputError);
}

TEST(TaskSamples, HaystackHidesFactsBeforeSentences) {
  const Haystack haystack("One two. Three four five. Six (seven.) Eight nine ten.", "text");
  ASSERT_EQ(haystack.words(), 10);
  EXPECT_EQ(haystack.sentence_from(1), 2);
  EXPECT_EQ(haystack.sentence_from(3), 5);
  EXPECT_EQ(haystack.sentence_from(8), 10) << "the first sentence again";
  EXPECT_EQ(haystack.hide(0, 10, {{" FACT. ", 30}}).text,
            "One two. Three four five. FACT. Six (seven.) Eight nine ten.");
  EXPECT_EQ(haystack.hide(0, 10, {{" FACT. ", 0}}).text,
            "FACT. One two. Three four five. Six (seven.) Eight nine ten.");
  EXPECT_EQ(haystack.hide(5, 8, {{"A.", 50}, {"B.", 100}}).text,
            "Six (seven.) Eight nine ten.\nA. One two. Three B.");
  const auto depths = haystack.hide(0, 10, {{"A.", 0}, {"B.", 100}}).depths;
  EXPECT_DOUBLE_EQ(depths[0], 0);
  EXPECT_GT(depths[1], 90);
  EXPECT_THROW(Haystack(" \n ", "text"), InputError);
}

}  // namespace
}  // namespace kvcompress
