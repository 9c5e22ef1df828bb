#include "eval/token_score.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>   // std::log
#include <limits>  // std::numeric_limits

#include "eval/row_scorer.h"

namespace kvcompress {
namespace {

TEST(TokenScore, ReducesARow) {
  const std::vector<float> logits = {std::log(1.0F), std::log(3.0F), std::log(4.0F)};
  const LogitsRow row = reduce(logits);
  EXPECT_EQ(row.best, 2);
  EXPECT_NEAR(negative_log_likelihood(row, 0), std::log(8.0), 1e-6);
  EXPECT_NEAR(negative_log_likelihood(row, 2), std::log(2.0), 1e-6);
}

TEST(TokenScore, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1000, 1000};
  EXPECT_NEAR(negative_log_likelihood(reduce(logits), 1), std::log(2.0), 1e-6);
}

TEST(TokenScore, TheFirstOfEqualLogitsIsBest) {
  const std::vector<float> logits = {1, 5, 5};
  EXPECT_EQ(reduce(logits).best, 1);
}

TEST(TokenScore, DivergenceByHand) {
  const std::vector<float> full = {std::log(0.5F), std::log(0.5F)},
                           other = {std::log(0.25F), std::log(0.75F)};
  const double expected = 0.5 * std::log(0.5 / 0.25) + 0.5 * std::log(0.5 / 0.75);
  EXPECT_NEAR(kl_divergence(reduce(full), reduce(other)), expected, 1e-6);
  EXPECT_NEAR(kl_divergence(reduce(full), reduce(full)), 0, 1e-9);
}

TEST(TokenScore, DivergenceIgnoresAConstantInTheLogits) {
  const std::vector<float> full = {1, 2, 3}, other = {11, 12, 13};
  EXPECT_NEAR(kl_divergence(reduce(full), reduce(other)), 0, 1e-6);
}

TEST(TokenScore, SumsByHand) {
  const std::vector<float> sure = {std::log(0.9F), std::log(0.1F)}, unsure = {std::log(0.4F), std::log(0.6F)};
  ScoreSums sums;
  sums.add(reduce(sure), 0);    // right, p = 0.9
  sums.add(reduce(unsure), 0);  // wrong, p = 0.4
  sums.compare(reduce(sure), reduce(sure), 0.0);
  sums.compare(reduce(sure), reduce(unsure), 0.3);
  EXPECT_NEAR(sums.perplexity(), 1 / std::sqrt(0.9 * 0.4), 1e-6);
  EXPECT_DOUBLE_EQ(sums.accuracy(), 0.5);
  EXPECT_DOUBLE_EQ(sums.top1_agreement(), 0.5);
  EXPECT_NEAR(sums.kl_mean(), 0.15, 1e-7);
}

TEST(TokenScore, QuantileIsTheSmallestValueThatEnoughTokensDoNotExceed) {
  ScoreSums sums;
  for (int i = 100; i >= 1; i--) sums.divergences.push_back(static_cast<float>(i));
  EXPECT_EQ(sums.kl_quantile(0.99), 99);
  EXPECT_EQ(sums.kl_quantile(1.0), 100);
  EXPECT_EQ(sums.kl_quantile(0.5), 50);
  EXPECT_EQ(sums.divergences.front(), 100) << "the order of the tokens is kept";
}

TEST(TokenScore, ALogitThatIsNoNumberIsAnError) {
  const std::vector<float> logits = {0, std::numeric_limits<float>::quiet_NaN()};
  ScoreSums sums;
  EXPECT_THROW(sums.add(reduce(logits), 0), InputError);
}

TEST(RowScorer, ScoresEachRowAgainstItsOwnReference) {
  ThreadPool pool(2);
  RowScorer scorer(pool, 2);
  const std::vector<float> full = {0, std::log(3.0F), std::log(3.0F), 0};  // p of token 1: 0.75, then 0.25
  const std::vector<float> other = {0, 0, std::log(3.0F), 0};              // 0.5, then as the full cache
  const std::vector<int32_t> next = {1, 0};
  ScoreSums full_sums, sums;
  scorer.reference(next, full.data(), full_sums);
  scorer.compare(next, other.data(), sums);
  EXPECT_NEAR(full_sums.negative_log_likelihood, -2 * std::log(0.75), 1e-6);
  EXPECT_NEAR(sums.negative_log_likelihood, -std::log(0.5) - std::log(0.75), 1e-6);
  ASSERT_EQ(sums.divergences.size(), 2U);
  EXPECT_NEAR(sums.divergences[0], 0.25 * std::log(0.25 / 0.5) + 0.75 * std::log(0.75 / 0.5), 1e-6);
  EXPECT_NEAR(sums.divergences[1], 0, 1e-9);
  EXPECT_TRUE(full_sums.divergences.empty());
}

}  // namespace
}  // namespace kvcompress
